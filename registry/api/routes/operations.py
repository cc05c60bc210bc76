"""For whoever keeps the service running: health and metrics; and for everybody else: its status."""

import hmac
import ipaddress
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ecert.languages import choose_language
from registry.api.edge import AnEdge, Edge
from registry.api.guard import bearer_of, rated
from registry.api.routes.routers import public_router
from registry.api.schemas.public import HealthAnswer, LiveAnswer
from registry.api.status_page import policy, status_page
from registry.errors import UnauthenticatedError

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

router = public_router("operations", prefix="")
routers = (router,)


@router.get("/health")
def health(edge: AnEdge, response: Response) -> HealthAnswer:
    """Tell whether all that the service stands on is there; 503 without a database."""
    vitals = edge.health.vitals()
    if vitals.state == "unavailable":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return HealthAnswer(
        status=vitals.state,
        database=vitals.database,
        chain=vitals.chain,
        stalled=vitals.stalled,
        worker=vitals.worker,
        clock=vitals.clock,
        disk=not vitals.low,
        block=None if vitals.checkpoint is None else vitals.checkpoint[0],
    )


@router.get("/health/live")
def live() -> LiveAnswer:
    """Tell that the process answers, whatever it stands on."""
    return LiveAnswer()


@router.get("/status", response_class=Response, responses={200: {"content": {"text/html": {}}}})
@rated(cost=5)
def status(
    edge: AnEdge,
    lang: Annotated[str | None, Query(max_length=8)] = None,
    accept_language: Annotated[str | None, Header(max_length=400)] = None,
) -> Response:
    """Show everybody what works, what waits, and what that means; 503 without a database."""
    vitals = edge.health.vitals()
    settings = edge.registry.settings
    page = status_page(
        choose_language(lang, accept_language),
        vitals,
        edge.backlog.backlog(),
        origin=settings.origin,
        now=edge.registry.context.clock(),
        heartbeat=settings.heartbeat_seconds,
    )
    code = HTTPStatus.OK if vitals.database else HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"content-security-policy": policy(), "vary": "accept-language"}
    return Response(page, code, headers, media_type="text/html; charset=utf-8")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(edge: AnEdge, request: Request) -> Response:
    """Return Prometheus metrics: to this machine, or with the metrics token."""
    if not _from_this_machine(request):
        _require_token(edge, request)
    return Response(edge.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _from_this_machine(request: Request) -> bool:
    """Tell whether the request was made here; what a proxy on this machine passes on was not."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _require_token(edge: Edge, request: Request) -> None:
    expected = edge.registry.settings.metrics_token
    given = bearer_of(request)
    known = "" if expected is None else expected.get_secret_value()
    same = hmac.compare_digest(given.encode(), known.encode())
    if not known or not same:
        raise UnauthenticatedError("credential_invalid")
