"""Around every request: its account, its headers, and a clean answer when something breaks."""

import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecert.errors import EcertError
from registry.api.errors import log_failure, problem
from registry.api.metrics import Metrics

_access = logging.getLogger("registry.access")

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_API_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_HSTS = "max-age=31536000"


class Observer:
    """Counts and logs requests by route template: no address that was asked for, no query.

    Args:
        app: The application.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and account for one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 499  # the client went before an answer

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "-")
            method = self._metrics.count(scope["method"], route, status, seconds)
            _access.info("%s %s %d %.1f ms", method, route, status, 1000 * seconds)


class Shield:
    """Sets security headers, and answers what nothing else answered with a plain 500.

    Args:
        app: The application.
        secure: Whether the registry is reached by https.
    """

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

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
                headers = MutableHeaders(scope=message)
                for name, value in (_HEADERS | _API_HEADERS).items():
                    headers.setdefault(name, value)
                if self._secure:
                    headers.setdefault("strict-transport-security", _HSTS)
            await send(message)

        try:
            await self._app(scope, receive, shielded)
        except Exception as error:  # noqa: BLE001 - the last one to see it
            incident = secrets.token_hex(6)
            route = getattr(scope.get("route"), "path", "-")
            log_failure(f"{incident} {scope['method']} {route}", error)
            if started:
                raise ConnectionAbortedError(incident) from None
            answer = problem(500, EcertError("api_internal_error", incident=incident))
            await answer(scope, receive, shielded)
