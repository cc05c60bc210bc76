"""A registry's web address that gives out trust files, right or wrong, over real HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class TrustServer:
    """What is served.

    Attributes:
        files: By path, such as ``/v1/trust`` and ``/v1/trust/2``.
        asked: Paths in the order in which they were asked for.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def offer(self, *versions: bytes) -> None:
        """Offer some versions from 1 on; the last is the newest."""
        for number, data in enumerate(versions, 1):
            self.files[f"/v1/trust/{number}"] = data
        self.files["/v1/trust"] = versions[-1]


@contextmanager
def serving(found: TrustServer) -> Iterator[TrustServer]:
    """Serve on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            data = found.files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("content-length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
