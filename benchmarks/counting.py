"""A node seen through a counter: every JSON-RPC call that passes is counted on the wire."""

import http.client
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_HOST = "127.0.0.1"


class CountingProxy:
    """Passes requests on to a node on this machine; a context manager.

    Args:
        url: The node's JSON-RPC address.

    Attributes:
        calls: Calls since the start; a batch counts as many as it holds.
        exchanges: Requests and their answers since the start; a batch is one.
    """

    def __init__(self, url: str) -> None:
        self.calls = 0
        self.exchanges = 0
        node = urlsplit(url)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = json.loads(body)
                proxy.exchanges += 1
                proxy.calls += len(request) if isinstance(request, list) else 1
                connection = http.client.HTTPConnection(node.hostname or _HOST, node.port)
                connection.request("POST", "/", body, {"content-type": "application/json"})
                answer = connection.getresponse().read()
                connection.close()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer((_HOST, 0), Handler)
        self.url = f"http://{_HOST}:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

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
