"""A real HTTP proxy in front of a node, which misbehaves as told."""

import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self

Fault = Callable[[str, list], Any]
"""Called with method and parameters; what it returns is the answer, ``PASS`` asks the node."""

PASS = object()
CUT = object()
"""Close the connection without an answer."""


@dataclass(frozen=True)
class Status:
    """Answer with an HTTP error."""

    code: int


@dataclass(frozen=True)
class Broken:
    """Answer as the node does, but end after ``keep`` of the body, a part of it."""

    keep: float
    honest_length: bool = True
    """Whether the header names the length that is sent, or that of the whole body."""


class FaultyNode:
    """Serves JSON-RPC on loopback, asking ``upstream`` where ``fault`` lets it."""

    def __init__(self, upstream: str) -> None:
        self.fault: Fault = lambda *_: PASS
        self.asked: list[str] = []
        self._target = urllib.parse.urlsplit(upstream)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = json.loads(body)
                outer.asked.append(request["method"])
                answer = outer.fault(request["method"], request["params"])
                if answer is CUT:
                    self.close_connection = True
                elif isinstance(answer, Status):
                    self._send(b"<html>error</html>", status=answer.code)
                elif isinstance(answer, Broken):
                    whole = outer._forward(body)
                    part = whole[: int(len(whole) * answer.keep)]
                    self._send(part, length=len(part) if answer.honest_length else len(whole))
                    self.close_connection = True
                elif answer is PASS:
                    self._send(outer._forward(body))
                elif isinstance(answer, bytes):
                    self._send(answer)
                else:
                    whole = {"jsonrpc": "2.0", "id": request["id"], **answer}
                    self._send(json.dumps(whole).encode())

            def _send(self, payload: bytes, *, status: int = 200, length: int = -1) -> None:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(payload) if length < 0 else length))
                self.end_headers()
                try:
                    self.wfile.write(payload)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def on(self, method: str, answer: Any, *, after: bool = False) -> None:
        """Answer ``method`` with ``answer``; ``after``: the node gets the request all the same."""

        def fault(asked: str, params: list) -> Any:
            if asked != method:
                return PASS
            if after:
                self.truth(asked, params)
            return answer

        self.fault = fault

    def heal(self) -> None:
        """Be a good node from now on."""
        self.fault = lambda *_: PASS

    def truth(self, method: str, params: list) -> dict[str, Any]:
        """Ask the node itself; return its whole answer."""
        request = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params}
        answer = json.loads(self._forward(json.dumps(request).encode()))
        return {name: answer[name] for name in ("result", "error") if name in answer}

    def _forward(self, body: bytes) -> bytes:
        connection = HTTPConnection(self._target.hostname, self._target.port, timeout=10)
        try:
            connection.request("POST", "/", body, {"content-type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
