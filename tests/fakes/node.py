"""A JSON-RPC node over real HTTP that lies, lags, drips or breaks off, as a test wants.

Where ``behind`` names a real node, its answers are passed on, altered or not: most lies begin with
the truth.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class FakeNode:
    """One node.

    Attributes:
        alter: Makes the answer's ``result`` of method, parameters and the true result.
        raw: Makes the whole HTTP body instead.
        status: The HTTP status.
        behind: A real node's address; without it the true result is None.
        drip: Seconds between single bytes of the body.
        calls: The methods that were asked for.
    """

    alter: Callable[[str, list[Any], Any], Any] = lambda _method, _params, result: result
    raw: Callable[[dict[str, Any]], bytes] | None = None
    status: int = 200
    behind: str | None = None
    drip: float = 0.0
    calls: list[str] = field(default_factory=list)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: Any) -> bytes:
        """Return the body, or that of an error where ``alter`` refuses."""
        try:
            return self._body(request)
        except Refused as error:
            answer = {"jsonrpc": "2.0", "id": request["id"], "error": {"message": str(error)}}
            return json.dumps(answer).encode()

    def _body(self, request: Any) -> bytes:
        self.calls += [request["method"]] if isinstance(request, dict) else []
        if self.raw is not None:
            return self.raw(request)
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        if self.behind:
            answer = self._ask(request)
        if "error" not in answer:
            result = self.alter(request["method"], request["params"], answer.get("result"))
            answer["result"] = result
        return json.dumps(answer).encode()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(str(self.behind))
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        try:
            headers = {"content-type": "application/json"}
            connection.request("POST", "/", json.dumps(request), headers)
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


class Refused(Exception):  # noqa: N818 - not a failure of the test
    """Raised by ``alter`` to answer with a JSON-RPC error."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing when a client breaks off."""


@contextmanager
def running(node: FakeNode, *, tls: ssl.SSLContext | None = None) -> Iterator[FakeNode]:
    """Run ``node`` on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if isinstance(request, list) and node.raw is None:
                body = b"[" + b",".join(map(node.answer, request)) + b"]"
            else:
                body = node.answer(request)
            try:
                self.send_response(node.status)
                self.send_header("location", "http://127.0.0.1:1/")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if not node.drip:
                    self.wfile.write(body)
                for byte in body if node.drip else b"":
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if node.stopping.wait(node.drip):
                        break
            except OSError:
                pass  # the client has had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    node.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield node
    finally:
        node.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
