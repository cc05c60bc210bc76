"""Documents handed out: as a file, on paper, and by a printed look-up code."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import Path, Response

from ecert.document import MEDIA_TYPE, SUFFIX
from registry.access.actor import Actor
from registry.api.edge import AnEdge, Edge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router, public_router
from registry.api.schemas.common import DiscloseQuery, IdPath
from registry.documents.delivery import document_file, paper_input
from registry.paper import render_pdf

_PDF = "application/pdf"
_CIPHERTEXT = "application/octet-stream"

router = public_router("papers")
officers = officer_router("papers")
routers = (router, officers)


@router.get(
    "/papers/{lookup_id}",
    response_class=Response,
    responses={200: {"content": {_CIPHERTEXT: {}}}},
)
def ciphertext(
    edge: AnEdge, lookup_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_\-]{16}$")]
) -> Response:
    """Return what a printed look-up code leads to: sealed, and the key is on the paper only."""
    with edge.reading() as services:
        return Response(services.lookups.ciphertext(lookup_id), media_type=_CIPHERTEXT)


@officers.get(
    "/documents/{document_id}/file",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
def file(
    edge: AnEdge,
    actor: AnActor,
    document_id: IdPath,
    disclose: DiscloseQuery = "face",
) -> Response:
    """Return an anchored document's paper artefact with its receipt, as ``.ecert.json``."""
    with edge.writing() as services:
        data = document_file(services, actor, document_id, disclose)
    return Response(data, media_type=MEDIA_TYPE, headers=_attachment(document_id, SUFFIX))


@officers.get(
    "/documents/{document_id}/pdf",
    response_class=Response,
    responses={200: {"content": {_PDF: {}}}},
)
async def pdf(edge: AnEdge, actor: AnActor, document_id: IdPath) -> Response:
    """Return an anchored document's paper form; each is printed with a look-up code of its own."""
    data = await to_thread.run_sync(partial(_pdf, edge, actor, document_id), limiter=edge.heavy)
    return Response(data, media_type=_PDF, headers=_attachment(document_id, ".pdf"))


def _pdf(edge: Edge, actor: Actor, document_id: str) -> bytes:
    with edge.writing() as services:
        page = paper_input(services, actor, document_id)
    return render_pdf(page)  # takes its time, and no database


def _attachment(document_id: str, suffix: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{document_id}{suffix}"'}
