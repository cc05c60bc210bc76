"""Receipts by digest prefix, and the published leaves."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import Path, Query, Response

from registry.api.edge import AnEdge, Edge
from registry.api.guard import rated
from registry.api.routes.routers import public_router
from registry.api.schemas.common import HASH_PATTERN, AfterNumber, CodePath, hash_of
from registry.api.schemas.public import BatchAnswer, BatchPage, LookupAnswer, PrefixAnswer
from registry.batches.service import MAX_PAGE

_MAX_BITS = 64
_DEFAULT_PAGE = 16

router = public_router("receipts")
routers = (router,)


@router.get("/receipts/longest-prefix")
def longest_prefix(edge: AnEdge) -> PrefixAnswer:
    """Return how many bits of a digest to ask with: more would tell which document is checked."""
    with edge.reading() as services:
        return PrefixAnswer(bits=services.batches.longest_prefix())


@router.get("/receipts", response_model=LookupAnswer)
@rated(cost=10)
async def lookup(
    edge: AnEdge,
    bits: Annotated[int, Query(ge=0, le=_MAX_BITS, description="Bits of the prefix.")] = 0,
    prefix: Annotated[
        str,
        Query(
            pattern=r"^([0-9a-f]{2}){0,8}$",
            description="The digest's first bits, rounded up to bytes, hexadecimal.",
        ),
    ] = "",
) -> Response:
    """Return the receipts of all anchored digests that begin with a prefix."""
    work = partial(_lookup, edge, bytes.fromhex(prefix), bits)
    text = await to_thread.run_sync(work, limiter=edge.lookups)
    return Response(text, media_type="application/json")


def _lookup(edge: Edge, prefix: bytes, bits: int) -> str:
    with edge.reading() as services:
        found = services.batches.lookup(prefix, bits)
    return LookupAnswer.of(found).model_dump_json()


@router.get("/leaves")
@rated(cost=10)
def leaves(
    edge: AnEdge,
    after: AfterNumber = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = _DEFAULT_PAGE,
) -> BatchPage:
    """Return anchored batches with their leaves, so that anybody can build every tree anew."""
    with edge.reading() as services:
        found = services.batches.published(after=after, limit=limit)
    more = found[-1].sequence if len(found) == limit else None
    return BatchPage.model_construct(batches=[BatchAnswer.of(batch) for batch in found], next=more)


@router.get("/batches/{department}/{root}")
def batch(
    edge: AnEdge, department: CodePath, root: Annotated[str, Path(pattern=HASH_PATTERN)]
) -> BatchAnswer:
    """Return one anchored batch with its leaves."""
    with edge.reading() as services:
        return BatchAnswer.of(services.batches.by_root(department, hash_of(root)))
