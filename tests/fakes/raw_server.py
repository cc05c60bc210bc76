"""A server that answers each connection with bytes as they are, however wrong, at its own pace."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Script = Callable[[bytes], Iterator[bytes]]
"""Makes of a request what is sent, piece by piece."""


@dataclass
class RawServer:
    """One server on the loopback interface.

    Attributes:
        script: What it answers.
        pause: Seconds between the pieces.
        requests: What it was asked, whole, in order.
    """

    script: Script
    pause: float = 0.0
    requests: list[bytes] = field(default_factory=list)
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client may have had enough
            request = b""
            while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                request += part
            self.requests.append(request)
            for piece in self.script(request):
                connection.sendall(piece)
                if self.pause and self.stopping.wait(self.pause):
                    return


def http(body: bytes, *, status: str = "200 OK", headers: str = "") -> Script:
    """Return a script that answers every request alike, rightly."""
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda _: iter([head + body])


@contextmanager
def raw_server(script: Script, *, pause: float = 0.0) -> Iterator[RawServer]:
    """Run a server while the context lasts."""
    server = RawServer(script, pause)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
