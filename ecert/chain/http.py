"""One HTTP exchange with a server that may be slow, wrong or hostile.

Plain ``http.client``: no proxy from the environment comes between and no redirect is followed. The
deadline bounds the whole exchange (handshake, headers, body), however slowly the server drips.
"""

import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ecert.chain.lines import Exchange, Line, Lines
from ecert.errors import EcertError, reason_of
from ecert.limits import KIB

_Request = tuple[str, str, bytes | None, dict[str, str]]
_CHUNK = 64 * KIB


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer within its bounds."""

    status: int
    body: bytes


class _StaleError(Exception):
    """A kept connection was closed at the other end meanwhile; never leaves this module."""


class Endpoint:
    """A host that speaks HTTP.

    Args:
        host: Its name or address.
        port: Its TCP port; None for the scheme's own.
        secure: Speak TLS and check the host's certificate.
        seconds: Bound on the time of one exchange.
        unreachable: Makes the error for a reason why there is no answer.
        too_large: Makes the error for an answer over the bound, in bytes, that was given.
        keep: Keep connections for further exchanges. What is sent over one that turns out to be
            closed is sent once more over a new one: only for requests that may be made twice.
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
        keep: bool = False,
    ) -> None:
        context = ssl.create_default_context() if secure else None
        self._lines = Lines((host, port or (443 if secure else 80)), context, seconds)
        self._keep = keep
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
        until = time.monotonic() + self._seconds
        request = (method, target, body, dict(headers))
        kept = self._lines.take()
        if kept is not None:
            try:
                return self._over(kept, request, limit, until)
            except _StaleError:
                pass
        try:
            line = self._lines.open()
        except (OSError, UnicodeError) as error:  # the second: no host name (IDNA)
            raise self._unreachable(_reason(error)) from error
        return self._over(line, request, limit, until)

    def _over(self, line: Line, request: _Request, limit: int, until: float) -> Answer:
        """Make an exchange over a line; keep it if it can be used again, else close it."""
        exchange = Exchange(line)
        again = False
        try:
            with exchange.within(until):
                line.secure()
                with self._answer(line, exchange, request) as response:
                    data = self._read(response, limit)
                    again = self._keep and not response.will_close
            if exchange.late:  # a body without a length ends where it was cut
                again = False
                raise self._unreachable("deadline")
            return Answer(response.status, data)
        except (OSError, http.client.HTTPException, ValueError) as error:
            again = False
            # The socket's own bound may be felt a moment before the exchange's.
            late = exchange.late or isinstance(error, TimeoutError)
            reason = "deadline" if late else _reason(error)
            raise self._unreachable(reason) from error
        finally:
            if again:
                self._lines.keep(line)
            else:
                line.close()

    def _answer(
        self, line: Line, exchange: Exchange, request: _Request
    ) -> http.client.HTTPResponse:
        try:
            line.connection.request(*request)
            return line.connection.getresponse()
        except ConnectionError as error:  # http.client.RemoteDisconnected is one
            if line.used and not exchange.late:
                raise _StaleError from error
            raise

    def _read(self, response: http.client.HTTPResponse, limit: int) -> bytes:
        data = bytearray()
        while chunk := response.read(_CHUNK):
            data += chunk
            if len(data) > limit:
                raise self._too_large(limit)
        if response.length:  # reading in pieces, http.client says nothing of what is missing
            raise http.client.IncompleteRead(b"", response.length)
        return bytes(data)


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"certificate refused: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS: {str(error.reason or 'failed').replace('_', ' ').lower()}"
        case http.client.IncompleteRead():
            return "answer cut short"
        case OSError():
            return reason_of(error)
        case UnicodeError():
            return "no host name"
        case _:
            return "no HTTP answer"
