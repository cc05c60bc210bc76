"""Departments, their keys and the kinds they may issue."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Response

from registry.api.edge import AnEdge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router
from registry.api.schemas.common import CodePath, KindPath
from registry.api.schemas.departments import (
    DepartmentAnswer,
    DepartmentDetails,
    DepartmentList,
    DepartmentRequest,
    GrantAnswer,
    KeyAnswer,
    KeyRequest,
    KindRequest,
    WithdrawRequest,
    suite_of,
)

KeyPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-]{43}$", description="Its thumbprint.")]

router = officer_router("departments")
routers = (router,)


@router.get("/departments")
def departments(edge: AnEdge, actor: AnActor) -> DepartmentList:
    """List all departments; they are public on the chain."""
    del actor
    with edge.reading() as services:
        rows, awaited = services.departments.all(), services.orders.awaiting()
    return DepartmentList(departments=[DepartmentAnswer.of(row, awaited) for row in rows])


@router.post("/departments", status_code=HTTPStatus.CREATED)
def admit(edge: AnEdge, actor: AnActor, body: DepartmentRequest) -> DepartmentAnswer:
    """Admit a department with accounts and a signing key; it may issue once that is final."""
    with edge.writing() as services:
        row = services.departments.admit(
            actor,
            code=body.code,
            name=body.name,
            kind=body.kind,
            kinds=body.kinds,
            parent=body.parent,
            suite=suite_of(body.suite),
        )
        return DepartmentAnswer.of(row, services.orders.awaiting())


@router.get("/departments/{code}")
def department(edge: AnEdge, actor: AnActor, code: CodePath) -> DepartmentDetails:
    """Return a department with its keys and kinds."""
    del actor
    with edge.reading() as services:
        row = services.departments.get(code)
        return DepartmentDetails(
            **DepartmentAnswer.of(row, services.orders.awaiting()).model_dump(),
            keys=[KeyAnswer.of(key) for key in services.departments.keys_of(code)],
            kinds=[GrantAnswer.of(grant) for grant in services.departments.kinds_of(code)],
        )


@router.post("/departments/{code}/keys", status_code=HTTPStatus.CREATED)
def register_key(edge: AnEdge, actor: AnActor, code: CodePath, body: KeyRequest) -> KeyAnswer:
    """Make a further signing key, used for new documents once it is on the chain."""
    with edge.writing() as services:
        return KeyAnswer.of(services.departments.register_key(actor, code, suite_of(body.suite)))


@router.post("/keys/{kid}/withdraw")
def withdraw_key(edge: AnEdge, actor: AnActor, kid: KeyPath, body: WithdrawRequest) -> KeyAnswer:
    """End a key's use, or declare since when another may have used it."""
    with edge.writing() as services:
        key = services.departments.withdraw_key(
            actor, kid, compromised_since=body.compromised_since
        )
        return KeyAnswer.of(key)


@router.post("/departments/{code}/kinds", status_code=HTTPStatus.CREATED)
def grant_kind(edge: AnEdge, actor: AnActor, code: CodePath, body: KindRequest) -> GrantAnswer:
    """Let a department issue a further kind."""
    with edge.writing() as services:
        return GrantAnswer.of(services.departments.grant_kind(actor, code, body.kind))


@router.delete("/departments/{code}/kinds/{kind}", status_code=HTTPStatus.NO_CONTENT)
def withdraw_kind(edge: AnEdge, actor: AnActor, code: CodePath, kind: KindPath) -> Response:
    """End a department's right to issue a kind; earlier documents remain valid."""
    with edge.writing() as services:
        services.departments.withdraw_kind(actor, code, kind)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/departments/{code}/suspend")
def suspend(edge: AnEdge, actor: AnActor, code: CodePath) -> DepartmentAnswer:
    """Stop a department and all below it from issuing; earlier documents remain valid."""
    with edge.writing() as services:
        row = services.departments.suspend(actor, code)
        return DepartmentAnswer.of(row, services.orders.awaiting())


@router.post("/departments/{code}/lift")
def lift(edge: AnEdge, actor: AnActor, code: CodePath) -> DepartmentAnswer:
    """End a suspension."""
    with edge.writing() as services:
        row = services.departments.lift(actor, code)
        return DepartmentAnswer.of(row, services.orders.awaiting())
