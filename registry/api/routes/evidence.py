"""Evidence: proofs of what the chain holds, and whole packages for a department's own documents."""

from functools import partial

from anyio import to_thread
from fastapi import Response

from ecert.evidence import MEDIA_TYPE, SUFFIX
from registry.api.edge import AnEdge
from registry.api.guard import AnActor, rated
from registry.api.routes.routers import officer_router, public_router
from registry.api.schemas.common import DiscloseQuery, IdPath
from registry.api.schemas.evidence import ProofRequest

router = public_router("evidence")
officers = officer_router("evidence")
routers = (router, officers)


@router.post(
    "/evidence/proofs", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}}
)
@rated(cost=10)
async def proof(edge: AnEdge, asked: ProofRequest) -> Response:
    """Return what proves the chain's records about one document, for whoever holds it.

    Nothing of its content is asked for; the registry learns which digest somebody has proved.
    """
    work = partial(edge.prover.prove, asked.query())
    found = await to_thread.run_sync(work, limiter=edge.proofs)
    return Response(found.encode(), media_type=MEDIA_TYPE)


@officers.get(
    "/documents/{document_id}/evidence",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}}},
)
async def package(
    edge: AnEdge, actor: AnActor, document_id: IdPath, disclose: DiscloseQuery = "face"
) -> Response:
    """Return an evidence package of an anchored document's paper artefact."""
    work = partial(edge.prover.package, actor, document_id, disclose)
    data = await to_thread.run_sync(work, limiter=edge.proofs)
    name = f'attachment; filename="{document_id}{SUFFIX}"'
    return Response(data, media_type=MEDIA_TYPE, headers={"content-disposition": name})
