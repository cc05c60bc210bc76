"""One HTTP exchange with a server that may be slow, wrong or hostile.

Plain ``http.client``: no proxy from the environment comes between and no redirect is followed. The
deadline bounds the whole exchange (handshake, headers, body), however slowly the server drips.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ecert.errors import EcertError
from ecert.limits import KIB

_CHUNK = 64 * KIB


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer within its bounds."""

    status: int
    body: bytes


class Endpoint:
    """A host that speaks HTTP.

    Args:
        host: Its name or address.
        port: Its TCP port; None for the scheme's own.
        secure: Speak TLS and check the host's certificate.
        seconds: Bound on the time of one exchange.
        unreachable: Makes the error for a reason why there is no answer.
        too_large: Makes the error for an answer over the bound, in bytes, that was given.
    """

    def __init__(
        self,
        host: str,
        port: int | None,
        *,
        secure: bool,
        seconds: float,
        unreachable: Callable[[str], EcertError],
        too_large: Callable[[int], EcertError],
    ) -> None:
        self._address = host, port or (443 if secure else 80)
        self._context = ssl.create_default_context() if secure else None
        self._seconds = seconds
        self._unreachable, self._too_large = unreachable, too_large

    def exchange(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str], limit: int
    ) -> Answer:
        """Make one exchange.

        Args:
            method: The HTTP method.
            target: Path and query.
            body: What to send.
            headers: Header fields.
            limit: Bound on the answer's body in bytes.

        Raises:
            EcertError: What ``unreachable`` and ``too_large`` make.
        """
        late = threading.Event()
        try:
            with self._connected(late) as connection:
                connection.request(method, target, body, dict(headers))
                with connection.getresponse() as response:
                    data = self._read(response, limit)
                if late.is_set():  # a body without a length ends where it was cut
                    raise self._unreachable("deadline")
                return Answer(response.status, data)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = "deadline" if late.is_set() else type(error).__name__
            raise self._unreachable(reason) from error

    @contextlib.contextmanager
    def _connected(self, late: threading.Event) -> Iterator[http.client.HTTPConnection]:
        """Connect; when the time is over, say so in ``late`` and break the connection off."""
        with (
            socket.create_connection(self._address, self._seconds) as plain,
            # Another handle of the same connection: TLS and http.client take hold of the first.
            plain.dup() as handle,
        ):
            watchdog = threading.Timer(self._seconds, _break_off, [handle, late])
            watchdog.daemon = True
            watchdog.start()
            try:
                connection = http.client.HTTPConnection(*self._address)
                connection.sock = self._secured(plain)
                with contextlib.closing(connection):
                    yield connection
            finally:
                watchdog.cancel()
                watchdog.join()

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._context is None:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self._address[0])

    def _read(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        data = bytearray()
        while chunk := response.read(_CHUNK):
            data += chunk
            if len(data) > limit:
                raise self._too_large(limit)
        if response.length:  # reading in pieces, http.client says nothing of what is missing
            raise http.client.IncompleteRead(b"", response.length)
        return bytes(data)


def _break_off(handle: socket.socket, late: threading.Event) -> None:
    late.set()
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
