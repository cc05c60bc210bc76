"""The application: deny by default, one way for errors, bounds around everything."""

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware import Middleware

from ecert.crowd import Crowd
from networks.connections import trusted_hosts
from registry.api.edge import Edge
from registry.api.errors import add_handlers
from registry.api.guard import OfficerRoute, PublicRoute
from registry.api.limits import HEALTH_PATHS, MAX_REQUESTS, MAX_REQUESTS_OF_ONE, Bounds
from registry.api.middleware import Observer, shield
from registry.api.rates import Rates
from registry.api.routes import (
    chain,
    claims,
    departments,
    documents,
    evidence,
    imports,
    landing,
    officers,
    operations,
    papers,
    public,
    receipts,
    status,
)
from registry.application import Registry

_DOMAINS = (
    *(public, receipts, chain, claims, departments, documents, imports),
    *(papers, evidence, landing, status, officers, operations),
)


def create_app(registry: Registry, *, rates: Rates | None = None) -> FastAPI:
    """Return the HTTP API of an opened registry.

    Args:
        registry: The registry; whoever opened it closes it.
        rates: Limits of public requests; the usual ones when not given.
    """
    edge = Edge(registry, rates or Rates())
    secure = registry.settings.origin.startswith("https://")
    app = FastAPI(
        title="Ecert registry",
        version="1",
        summary="Issues certificates, anchors them on the chain, and answers who checks them.",
        # What describes the interface is a route like any other, and its pages would load scripts
        # from elsewhere.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Observer, metrics=edge.metrics),
            shield(secure=secure),
            Middleware(
                Crowd,
                most=MAX_REQUESTS,
                of_one=MAX_REQUESTS_OF_ONE,
                trusted=trusted_hosts(),
                always=HEALTH_PATHS,
            ),
            Middleware(Bounds),
        ],
    )
    app.state.edge = edge
    add_handlers(app)
    for domain in _DOMAINS:
        for router in domain.routers:
            app.include_router(router)
    _check_guarded(app)
    return app


def _check_guarded(app: FastAPI) -> None:
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, OfficerRoute | PublicRoute):
            raise RuntimeError(  # noqa: TRY004 - a defect of the build
                f"route without a guard: {context.path}"
            )
