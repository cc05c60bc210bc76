"""What every HTTP service here does alike, without a framework: plain ASGI and RFC 9457.

``Shield`` is the outermost layer: it sets headers and turns what broke into a clean answer.
``problem`` is the one form of an error's JSON.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

from ecert.encoding import json_encode
from ecert.errors import EcertError, messages

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Broken = Callable[[Scope, EcertError], tuple[str, bytes]]
"""Makes the answer to a request that broke the service: its media type and body."""

PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:ecert:error:"
"""A problem's type is this and its code: a name, nothing to be fetched."""

_MAX_DETAIL_CHARS = 300
_MAX_NAME_CHARS = 64
_MAX_LISTED = 20
_log = logging.getLogger(__name__)


class Shield:
    """Sets headers, and answers what nothing else answered with a plain 500.

    Args:
        app: The application.
        headers: Headers of every answer, unless the answer has its own.
        broken: Makes the answer where the application raised.
    """

    def __init__(self, app: App, headers: Mapping[str, str], broken: Broken) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def shielded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                own = list(message["headers"])
                names = {name.lower() for name, _ in own}
                more = [header for header in self._headers if header[0] not in names]
                message = {**message, "headers": own + more}
            await send(message)

        try:
            await self._app(scope, receive, shielded)
        except Exception as error:  # noqa: BLE001 - nothing may reach the server's own log
            incident = secrets.token_hex(6)
            # Which route, as frameworks note it: the template, not the address that was asked for.
            route = getattr(scope.get("route"), "path", "-")
            log_failure(f"{incident} {scope['method']} {route}", error)
            if started:
                raise ConnectionAbortedError(incident) from None
            media, body = self._broken(scope, EcertError("service_broken", incident=incident))
            head = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body))]
            await shielded({"type": "http.response.start", "status": 500, "headers": head})
            await shielded({"type": "http.response.body", "body": body})


def problem(status: int, error: EcertError) -> bytes:
    """Return the problem details of an error (RFC 9457), in both languages.

    An error whose code has no sentences is told in those of ``service_broken``: a gap in a table
    must not turn a refusal into a crash.
    """
    known = error.code in messages()
    told = error if known else EcertError("service_broken", incident=error.code)
    body = {
        "type": PROBLEM_TYPE + error.code,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": error.code,
        "zh": told.message("zh"),
        "en": told.message("en"),
        "details": {name: _plain(value) for name, value in error.details.items()},
    }
    return json_encode(body).encode("utf-8", "replace")  # a detail may be half a character


def log_failure(where: str, error: BaseException) -> None:
    """Log what broke and where, but not what it said: that may quote a document."""
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    kind = type(error).__name__
    told = f" {error.code}" if isinstance(error, EcertError) else ""
    _log.error("%s failed: %s%s\n  %s", where, kind, told, "\n  ".join(places))


def _plain(value: object) -> Any:
    """Return a detail as JSON can say it, none of it long."""
    match value:
        case None | bool() | int():
            return value
        case list() | tuple():
            return [_plain(item) for item in value[:_MAX_LISTED]]
        case dict():
            return {str(name)[:_MAX_NAME_CHARS]: _plain(item) for name, item in value.items()}
        case _:
            return str(value)[:_MAX_DETAIL_CHARS]
