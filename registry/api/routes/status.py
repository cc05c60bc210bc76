"""What a forger issued, revoked by digest or root, and how far changes have come."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path

from registry.api.edge import AnEdge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router
from registry.api.schemas.common import MAX_INTEGER, CodePath, hash_of
from registry.api.schemas.departments import ChangeAnswer, RevocationRequest, change_answer
from registry.errors import ForbiddenError, NotFoundError
from registry.status.models import StatusChange

router = officer_router("status")
routers = (router,)


@router.post("/departments/{code}/revocations", status_code=HTTPStatus.CREATED)
def revoke(edge: AnEdge, actor: AnActor, code: CodePath, body: RevocationRequest) -> ChangeAnswer:
    """Revoke an artefact by its digest, or all that a root covers; for good."""
    with edge.writing() as services:
        statuses = services.statuses
        act = statuses.revoke_digest if body.target == "digest" else statuses.revoke_root
        return _answer(statuses.change(act(actor, code, hash_of(body.hash), body.reason)))


@router.get("/changes/{number}")
def change(
    edge: AnEdge, actor: AnActor, number: Annotated[int, Path(ge=1, le=MAX_INTEGER)]
) -> ChangeAnswer:
    """Tell how far a change of status has come."""
    with edge.reading() as services:
        row = services.statuses.change(number)
        try:
            actor.require_reader(services.departments.lineage(row.department))
        except ForbiddenError:
            raise NotFoundError("change_unknown", id=number) from None
        return _answer(row)


def _answer(row: StatusChange) -> ChangeAnswer:
    return change_answer(row.id or 0, row.department, row.target.value, row.hash, row.state.value)
