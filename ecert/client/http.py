"""HTTP to a registry that may be slow, wrong or hostile.

As for nodes (``ecert.chain.rpc``): plain ``http.client``, no proxy from the environment, redirects
not followed, sizes bounded, a deadline on the whole exchange however slowly the answer drips.
"""

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from ecert import limits
from ecert.errors import MalformedError, UnavailableError

SECONDS = 15.0
MAX_BYTES = 16 * limits.MIB
_CHUNK = 64 * limits.KIB
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer within its bounds."""

    status: int
    body: bytes


class Origin:
    """One registry's origin: https, or http on this machine only.

    Args:
        url: The bare origin.
        seconds: Bound on the time of one exchange.

    Raises:
        MalformedError: ``registry_origin_malformed``.
    """

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise MalformedError("registry_origin_malformed", origin=url[:100]) from error
        secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
        if not secure or not host or url != f"{parts.scheme}://{parts.netloc}" or "@" in url:
            raise MalformedError("registry_origin_malformed", origin=url[:100])
        self.url = url
        self._factory = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._address = host, port
        self._seconds = seconds

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        token: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Make one exchange.

        Args:
            method: The HTTP method.
            path: Path and query; holds no secret.
            body: JSON to send.
            token: A bearer token (RFC 6750).
            max_bytes: Bound on the answer's body.

        Raises:
            UnavailableError: ``registry_unreachable``, ``registry_answer_too_large``.
        """
        headers = {"accept": "application/json, application/octet-stream"}
        if body is not None:
            headers["content-type"] = "application/json"
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        connection = self._factory(*self._address, timeout=self._seconds)
        watchdog = threading.Timer(self._seconds, _abort, [connection])
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                data = bytearray()
                while chunk := response.read(_CHUNK):
                    data += chunk
                    if len(data) > max_bytes:
                        raise UnavailableError(
                            "registry_answer_too_large", origin=self.url, limit=max_bytes
                        )
                if not watchdog.is_alive():
                    raise TimeoutError
                return Answer(response.status, bytes(data))
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The watchdog closes the socket under a read, which then fails in its own way.
            reason = type(error).__name__ if watchdog.is_alive() else "deadline"
            raise UnavailableError(
                "registry_unreachable", origin=self.url, reason=reason
            ) from error
        finally:
            watchdog.cancel()
            connection.close()


def _abort(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
