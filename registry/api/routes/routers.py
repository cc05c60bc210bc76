"""Routers of the two kinds there are."""

from fastapi import APIRouter

from registry.api.guard import OfficerRoute, PublicRoute
from registry.api.schemas.common import PROBLEMS


def officer_router(tag: str) -> APIRouter:
    """Return a router whose routes need an officer's credential."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=OfficerRoute, responses=dict(PROBLEMS))


def public_router(tag: str, *, prefix: str = "/v1") -> APIRouter:
    """Return a router whose routes are for everybody."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=PublicRoute, responses=dict(PROBLEMS))
