"""The verifier's web service: deny by default, bounds around everything, nothing remembered."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ecert import limits
from ecert.asgi import Shield
from ecert.crowd import Crowd
from ecert.errors import MalformedError
from ecert.kinds.catalogue import Catalogue
from ecert.rates import RateLimit
from networks.connections import BACKLOG, connections_here, trusted_hosts
from networks.http_server import address_of, listen, protocol_of
from verifier.checker import utc_now
from verifier.web.challenges import Challenges
from verifier.web.desk import Checks, Desk
from verifier.web.page import Pages
from verifier.web.routes import Edge, add_routes, broken
from verifier.web.submission import MAX_ASKED_CHARS
from verifier.web.upload import Budget
from verifier.web.work import Workers

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Headers of every answer that has no own."""

BURST, PER_SECOND = 40, 1.0
"""Checks and challenges that one client may ask for: at once, and again each second."""

MAX_REQUESTS = 256
"""Requests at once; more are answered 503."""

MAX_REQUESTS_OF_ONE = 64
"""Of them, of one client."""

_HEADER_BYTES = 16 * limits.KIB
_IDLE_SECONDS = 15
_GRACE_SECONDS = 10
STATIC = Path(__file__).parent / "static"


def create_app(
    checker: Checks,
    *,
    audience: str | None = None,
    now: Callable[[], datetime] = utc_now,
    rate: RateLimit | None = None,
    workers: Workers | None = None,
    budget: Budget | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        checker: Does the checking.
        audience: Who the verifier is, for challenges; the address it is reached by when not given.
        now: The time, aware.
        rate: How often a client may ask.
        workers: Where documents are checked.
        budget: How much all uploads together may hold.
    """
    pages = Pages(Catalogue.load())
    edge = Edge(
        desk=Desk(checker, Challenges(lambda: now().timestamp()), now),
        pages=pages,
        rate=RateLimit(BURST, PER_SECOND) if rate is None else rate,
        workers=workers or Workers(),
        budget=budget or Budget(),
        audience=audience,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        edge.workers.close()

    app = FastAPI(
        title="Ecert verifier",
        version="1",
        summary="Says whether a certificate is authentic, and why.",
        # Their pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    add_routes(app, edge, STATIC)
    app.add_middleware(
        Crowd,
        most=MAX_REQUESTS,
        of_one=MAX_REQUESTS_OF_ONE,
        trusted=trusted_hosts(),
        always={"/health"},
    )
    app.add_middleware(Shield, headers=HEADERS, broken=broken(pages))
    return app


def serve(checker: Checks, host: str, port: int, *, audience: str | None = None) -> None:
    """Serve until a signal ends it.

    For TLS, put a reverse proxy before it on the same machine: its ``X-Forwarded-For`` and
    ``-Proto`` are believed from loopback alone, or from where ``FORWARDED_ALLOW_IPS`` names.

    Args:
        checker: Does the checking.
        host: The address to listen on.
        port: The TCP port.
        audience: Who the verifier is; what a browser calls the service when not given.

    Raises:
        MalformedError: ``audience_invalid``.
        UnavailableError: ``address_unusable``.
    """
    if audience is not None and not _is_audience(audience):
        raise MalformedError("audience_invalid", limit=MAX_ASKED_CHARS)
    listener = listen(host, port)
    print(f"{address_of(listener)}/", flush=True)  # noqa: T201
    config = uvicorn.Config(
        create_app(checker, audience=audience),
        http=protocol_of(connections_here()),
        ws="none",
        log_level="warning",
        access_log=False,  # neither who asks nor what
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _is_audience(text: str) -> bool:
    """Tell whether challenges in this name could be handed in again, and copied by hand."""
    return text.isprintable() and text == text.strip() and 0 < len(text) <= MAX_ASKED_CHARS
