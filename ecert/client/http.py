"""HTTP to a registry that may be slow, wrong or hostile; bounded as for nodes."""

from urllib.parse import urlsplit

from ecert import limits
from ecert.chain.http import Answer, Endpoint
from ecert.errors import MalformedError, UnavailableError

__all__ = ["Answer", "Origin"]

SECONDS = 15.0
MAX_BYTES = 16 * limits.MIB
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
        bare = url == f"{parts.scheme}://{parts.netloc}" and "@" not in url and url.isascii()
        if not secure or not host or not bare:
            raise MalformedError("registry_origin_malformed", origin=url[:100])
        self.url = url
        self._endpoint = Endpoint(
            host,
            port,
            secure=parts.scheme == "https",
            seconds=seconds,
            unreachable=self._unreachable,
            too_large=self._too_large,
        )

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
        return self._endpoint.exchange(method, path, body, headers, max_bytes)

    def _unreachable(self, reason: str) -> UnavailableError:
        return UnavailableError("registry_unreachable", origin=self.url, reason=reason)

    def _too_large(self, limit: int) -> UnavailableError:
        return UnavailableError("registry_answer_too_large", origin=self.url, limit=limit)
