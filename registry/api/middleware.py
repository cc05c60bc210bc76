"""Around every request: its account, its headers, and a clean answer when something breaks."""

import logging
import time
from http import HTTPStatus

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecert.asgi import PROBLEM, Shield, problem
from ecert.errors import EcertError
from registry.api.metrics import Metrics

_access = logging.getLogger("registry.access")

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_HSTS = {"strict-transport-security": "max-age=31536000"}


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


def shield(*, secure: bool) -> Middleware:
    """Return what sets security headers and answers where nothing else did.

    Args:
        secure: Whether the registry is reached by https.
    """
    headers = _HEADERS | _HSTS if secure else _HEADERS
    return Middleware(Shield, headers=headers, broken=_broken)


def _broken(_: Scope, error: EcertError) -> tuple[str, bytes]:
    return PROBLEM, problem(HTTPStatus.INTERNAL_SERVER_ERROR, error)
