"""The verifier's web service: deny by default, bounds around everything, nothing remembered."""

import gc
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ecert import limits
from ecert.asgi import App, Shield
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
from verifier.web.routes import Edge, add_routes, broken, direct, verify_alone
from verifier.web.submission import MAX_ASKED_CHARS
from verifier.web.upload import Budget
from verifier.web.work import Turns, Workers

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
GRACE_SECONDS = 10
"""How long requests in the works are waited for at the end."""

STATIC = Path(__file__).parent / "static"


def create_app(
    checker: Checks,
    *,
    audience: str | None = None,
    now: Callable[[], datetime] = utc_now,
    rate: RateLimit | None = None,
    turns: Turns | None = None,
    workers: Workers | None = None,
    budget: Budget | None = None,
    challenges: Challenges | None = None,
) -> App:
    """Return the application.

    Args:
        checker: Does the checking.
        audience: Who the verifier is, for challenges; the address it is reached by when not given.
        now: The time, aware.
        rate: How often a client may ask.
        turns: Where documents are checked promptly.
        workers: Where all others are.
        budget: How much all uploads together may hold.
        challenges: What holders are asked to sign; this process's own when not given.
    """
    pages = Pages(Catalogue.load())
    made = Challenges(lambda: now().timestamp()) if challenges is None else challenges
    edge = Edge(
        desk=Desk(checker, made, now),
        pages=pages,
        rate=RateLimit(BURST, PER_SECOND) if rate is None else rate,
        turns=turns or Turns(),
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
    # What broke within the framework: its own layer for that would answer before the outer one.
    app.add_middleware(Shield, headers={}, broken=broken(pages))
    crowd = Crowd(
        direct(app, verify_alone(edge)),
        most=MAX_REQUESTS,
        of_one=MAX_REQUESTS_OF_ONE,
        trusted=trusted_hosts(),
        always={"/health"},
    )
    return Shield(crowd, headers=HEADERS, broken=broken(pages))


def serve(checker: Checks, host: str, port: int, *, audience: str | None = None) -> None:
    """Serve in this process until a signal ends it.

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
    check_audience(audience)
    serve_at(listen_and_tell(host, port), checker, audience=audience)


def serve_at(
    listener: socket.socket,
    checker: Checks,
    *,
    audience: str | None = None,
    challenges: Challenges | None = None,
) -> None:
    """Serve on a socket until a signal ends it; see ``create_app``."""
    config = uvicorn.Config(
        create_app(checker, audience=audience, challenges=challenges),
        http=protocol_of(connections_here()),
        ws="none",
        log_level="warning",
        access_log=False,  # neither who asks nor what
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    gc.freeze()  # what is there now stays: collecting garbage need not look at it each time
    uvicorn.Server(config).run(sockets=[listener])


def listen_and_tell(host: str, port: int) -> socket.socket:
    """Return a socket to serve on, its address printed.

    Raises:
        UnavailableError: ``address_unusable``.
    """
    listener = listen(host, port)
    print(f"{address_of(listener)}/", flush=True)  # noqa: T201
    return listener


def check_audience(audience: str | None) -> None:
    """Check that challenges in this name could be handed in again, and copied by hand.

    Raises:
        MalformedError: ``audience_invalid``.
    """
    if audience is None:
        return
    plain = audience.isprintable() and audience == audience.strip()
    if not plain or not 0 < len(audience) <= MAX_ASKED_CHARS:
        raise MalformedError("audience_invalid", limit=MAX_ASKED_CHARS)
