"""Applications and documents, from draft to revocation."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query

from registry.access.actor import Actor
from registry.api.edge import AnEdge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router
from registry.api.schemas.common import (
    CODE_PATTERN,
    ID_PATTERN,
    AfterId,
    IdPath,
    Limit,
    own_department,
)
from registry.api.schemas.documents import (
    ApprovedAnswer,
    ApproveRequest,
    ArtefactAnswer,
    CountsAnswer,
    DocumentAnswer,
    DocumentPage,
    DocumentRequest,
    DocumentSummary,
    ReasonRequest,
    summary_of,
)
from registry.documents.models import DocumentState
from registry.services import Services

Department = Annotated[
    str | None, Query(pattern=CODE_PATTERN, description="The officer's own when not given.")
]

router = officer_router("documents")
routers = (router,)


@router.get("/documents")
def page(  # noqa: PLR0917 - FastAPI passes them by name
    edge: AnEdge,
    actor: AnActor,
    department: Department = None,
    state: DocumentState | None = None,
    import_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    after: AfterId = "",
    limit: Limit = 100,
) -> DocumentPage:
    """List documents of a department in order of age."""
    code = own_department(department, actor.department)
    with edge.reading() as services:
        rows = services.documents.page(
            actor, department=code, state=state, import_id=import_id, after=after, limit=limit
        )
    return DocumentPage(
        documents=[DocumentSummary.of(row) for row in rows],
        next=rows[-1].id if len(rows) == limit else None,
    )


@router.get("/documents/counts")
def counts(edge: AnEdge, actor: AnActor, department: Department = None) -> CountsAnswer:
    """Tell how many documents of a department are in each state."""
    code = own_department(department, actor.department)
    with edge.reading() as services:
        return CountsAnswer(department=code, counts=services.documents.counts(actor, code))


@router.post("/documents", status_code=HTTPStatus.CREATED)
def create(edge: AnEdge, actor: AnActor, body: DocumentRequest) -> DocumentSummary:
    """Enter one application as a draft."""
    code = own_department(body.department, actor.department)
    with edge.writing() as services:
        row = services.documents.create(actor, department=code, kind=body.kind, claims=body.claims)
        return DocumentSummary.of(row)


@router.post("/documents/approve")
def approve_many(edge: AnEdge, actor: AnActor, body: ApproveRequest) -> ApprovedAnswer:
    """Approve documents that another officer entered, all or none; or those of an import."""
    with edge.writing() as services:
        if body.import_id is not None:
            count = services.documents.approve_import(actor, body.import_id)
        else:
            ids = body.ids or []
            for document_id in ids:
                _visible(services, actor, document_id)
            count = services.documents.approve(actor, ids)
        return ApprovedAnswer(approved=count)


@router.get("/documents/{document_id}")
def document(edge: AnEdge, actor: AnActor, document_id: IdPath) -> DocumentAnswer:
    """Return a document with its content, artefacts and receipts."""
    with edge.reading() as services:
        row = services.documents.get(actor, document_id)
        artefacts = services.documents.artefacts(actor, document_id)
        receipts = services.batches.receipts(artefacts)
        return DocumentAnswer(
            **summary_of(row),
            claims=row.claims,
            artefacts=[ArtefactAnswer.of(one, receipts.get(one.id)) for one in artefacts],
        )


@router.post("/documents/{document_id}/submit")
def submit(edge: AnEdge, actor: AnActor, document_id: IdPath) -> DocumentSummary:
    """Hand a draft over for approval."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        return DocumentSummary.of(services.documents.submit(actor, document_id))


@router.post("/documents/{document_id}/approve")
def approve(edge: AnEdge, actor: AnActor, document_id: IdPath) -> DocumentSummary:
    """Approve a document that another officer entered."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        services.documents.approve(actor, [document_id])
        return DocumentSummary.of(services.documents.get(actor, document_id))


@router.post("/documents/{document_id}/reject")
def reject(
    edge: AnEdge, actor: AnActor, document_id: IdPath, body: ReasonRequest
) -> DocumentSummary:
    """Refuse an application that is not yet signed."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        return DocumentSummary.of(services.documents.reject(actor, document_id, body.reason))


@router.post("/documents/{document_id}/suspend")
def suspend(
    edge: AnEdge, actor: AnActor, document_id: IdPath, body: ReasonRequest
) -> DocumentSummary:
    """Suspend a document with all its artefacts until it is reinstated or revoked."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        return DocumentSummary.of(services.statuses.suspend(actor, document_id, body.reason))


@router.post("/documents/{document_id}/revoke")
def revoke(
    edge: AnEdge, actor: AnActor, document_id: IdPath, body: ReasonRequest
) -> DocumentSummary:
    """Revoke a document with all its artefacts, for good."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        return DocumentSummary.of(services.statuses.revoke(actor, document_id, body.reason))


@router.post("/documents/{document_id}/reinstate")
def reinstate(
    edge: AnEdge, actor: AnActor, document_id: IdPath, body: ReasonRequest
) -> DocumentSummary:
    """End a document's suspension."""
    with edge.writing() as services:
        _visible(services, actor, document_id)
        return DocumentSummary.of(services.statuses.reinstate(actor, document_id, body.reason))


def _visible(services: Services, actor: Actor, document_id: str) -> None:
    """Answer as for an id that was never given when the actor may not even read the document."""
    services.documents.get(actor, document_id)
