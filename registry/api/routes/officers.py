"""Officers, their tokens, and what they did."""

from http import HTTPStatus

from fastapi import Response

from registry.access.models import Role
from registry.api.edge import AnEdge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router
from registry.api.schemas.common import AfterNumber, IdPath, Limit
from registry.api.schemas.officers import (
    ActorAnswer,
    AuditAnswer,
    AuditPage,
    OfficerAnswer,
    OfficerList,
    OfficerRequest,
    TokenAnswer,
)

router = officer_router("officers")
routers = (router,)


@router.get("/me")
def me(actor: AnActor) -> ActorAnswer:
    """Tell whom the credential belongs to."""
    roles = sorted(role.value for role in actor.roles)
    return ActorAnswer(id=actor.id, department=actor.department, roles=roles)


@router.get("/officers")
def officers(edge: AnEdge, actor: AnActor) -> OfficerList:
    """List all officers, to an operator."""
    with edge.reading() as services:
        rows = services.officers.all(actor)
    return OfficerList(officers=[OfficerAnswer.of(row) for row in rows])


@router.post("/officers", status_code=HTTPStatus.CREATED)
def add(edge: AnEdge, actor: AnActor, body: OfficerRequest) -> TokenAnswer:
    """Add an officer or a department's system."""
    with edge.writing() as services:
        if body.department is not None:
            services.departments.get(body.department)
        officer, token = services.officers.add(
            actor, department=body.department, label=body.label, roles=body.roles
        )
        return TokenAnswer(id=officer.id, token=token)


@router.post("/officers/{officer_id}/token")
def renew(edge: AnEdge, actor: AnActor, officer_id: IdPath) -> TokenAnswer:
    """Give an officer a new token, which ends the old one."""
    with edge.writing() as services:
        return TokenAnswer(id=officer_id, token=services.officers.renew(actor, officer_id))


@router.delete("/officers/{officer_id}", status_code=HTTPStatus.NO_CONTENT)
def disable(edge: AnEdge, actor: AnActor, officer_id: IdPath) -> Response:
    """End an officer's access."""
    with edge.writing() as services:
        services.officers.disable(actor, officer_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/audit")
def audit(edge: AnEdge, actor: AnActor, after: AfterNumber = 0, limit: Limit = 100) -> AuditPage:
    """Return who did what when, to the registry's own auditors; each entry fixes the one before."""
    actor.require(Role.AUDITOR)
    with edge.reading() as services:
        entries = [AuditAnswer.of(row) for row in services.audit.page(after=after, limit=limit)]
    return AuditPage(entries=entries, next=entries[-1].id if len(entries) == limit else None)
