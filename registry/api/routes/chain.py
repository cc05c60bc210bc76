"""The chain for pages: blocks, validators, departments and anchors, from the chain itself."""

from typing import Annotated

from fastapi import Path, Query

from ecert.chain import qbft
from ecert.chain.codes import department_bytes, department_text
from ecert.encoding import code_bytes
from ecert.fields import hex_text
from registry.api.edge import AnEdge
from registry.api.guard import rated
from registry.api.routes.routers import public_router
from registry.api.schemas.chain import (
    AnchorOnChain,
    AnchorPage,
    BlockPage,
    ChainAnswer,
    ContractAnswer,
    DayAnswer,
    DayList,
    DepartmentHistory,
    DepartmentOnChain,
    DepartmentOnChainPage,
    IntervalAnswer,
    ParentOnChain,
    ValidatorAnswer,
    ValidatorList,
    key_answer,
    summary,
)
from registry.api.schemas.common import HASH_PATTERN, MAX_INTEGER, CodePath, hash_of
from registry.errors import NotFoundError
from registry.explorer.blocks import activity, newest_blocks
from registry.explorer.index import DAYS

MAX_BLOCKS = 100
MAX_ROWS = 200

Code = Annotated[
    str | None,
    Query(pattern=r"^[0-9A-Za-z.\-]{1,20}$", description="Only this department's."),
]
Before = Annotated[
    int | None, Query(ge=1, le=MAX_INTEGER, description="Only those before this one.")
]
AtBlock = Annotated[
    int | None,
    Query(ge=1, le=MAX_INTEGER, description="As of this final block; the newest if not given."),
]
Rows = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Entries at most.")]
Blocks = Annotated[int, Query(ge=1, le=MAX_BLOCKS, description="Blocks at most.")]

router = public_router("chain")
routers = (router,)


@router.get("/chain")
@rated(cost=5, at_once="pages")
def chain(edge: AnEdge) -> ChainAnswer:
    """Return what chain this is, and how it fares."""
    deployment = edge.explorer.deployment()
    nodes = edge.explorer.nodes()
    with edge.explorer.index.current() as index:
        newest, (roots, leaves) = index.block, index.totals()
    earlier = max(0, newest.number - MAX_BLOCKS)
    passed = newest.time - nodes.header(earlier).time
    blocks = newest.number - earlier
    vitals = edge.health.vitals()
    return ChainAnswer(
        chain_id=deployment.chain_id,
        engine=deployment.engine,
        genesis_hash=hex_text(deployment.genesis_hash),
        contracts={
            name: ContractAnswer(address=found.address, code_hash=hex_text(found.code_hash))
            for name, found in edge.registry.context.contracts.deployment.contracts.items()
        },
        block=newest.number,
        hash=hex_text(newest.hash),
        time=newest.time,
        seconds_per_block=passed / blocks if earlier else None,
        age=max(0, edge.registry.context.clock() - newest.time),
        nodes=len(vitals.nodes),
        nodes_up=sum(node.up for node in vitals.nodes),
        roots=roots,
        leaves=leaves,
    )


@router.get("/chain/blocks")
@rated(cost=5, at_once="pages")
def blocks(edge: AnEdge, before: Before = None, limit: Blocks = 20) -> BlockPage:
    """List blocks, newest first."""
    newest = edge.explorer.final().number
    if before is not None:
        newest = min(newest, before - 1)
    sealed = edge.explorer.has_validators()
    found = newest_blocks(edge.explorer.nodes(), newest, limit + 1, sealed=sealed)
    return BlockPage.of(found, limit)


@router.get("/chain/validators")
@rated(cost=10, at_once="pages")
def validators(edge: AnEdge, block: AtBlock = None, blocks: Blocks = MAX_BLOCKS) -> ValidatorList:
    """List the validators at a block, with what they did in the last blocks up to it."""
    newest = edge.explorer.final().number
    if block is not None:
        if block > newest:
            raise NotFoundError("block_not_final", block=block, final=newest)
        newest = block
    sealed = edge.explorer.has_validators()
    found = newest_blocks(edge.explorer.nodes(), newest, blocks, sealed=True) if sealed else []
    members = [ValidatorAnswer.of(validator) for validator in activity(found)]
    return ValidatorList(
        block=newest,
        blocks=len(found),
        quorum=qbft.quorum(len(members)) if members else None,
        validators=members,
    )


@router.get("/chain/departments")
@rated(cost=5, at_once="pages")
def departments(
    edge: AnEdge,
    after: Annotated[
        str, Query(pattern=r"^([0-9A-Za-z.\-]{1,20})?$", description="The last one already known.")
    ] = "",
    limit: Rows = 100,
) -> DepartmentOnChainPage:
    """List the departments that the contracts have, by code."""
    start = code_bytes(after, 20, where="after") if after else b""
    with edge.explorer.index.current() as index:
        block = index.block.number
        later = sorted(code for code in index.departments if code > start)
        rows = [
            DepartmentOnChain.model_validate(summary(code, index.departments[code], block))
            for code in later[:limit]
        ]
    more = rows[-1].code if len(later) > limit else None
    return DepartmentOnChainPage(block=block, departments=rows, next=more)


@router.get("/chain/departments/{code}")
@rated(cost=5, at_once="pages")
def department(edge: AnEdge, code: CodePath) -> DepartmentHistory:
    """Return a department with its histories."""
    wanted = department_bytes(code)
    with edge.explorer.index.current() as index:
        found = index.departments.get(wanted)
        if found is None:
            raise NotFoundError("department_unknown_on_chain", department=code)
        members = summary(wanted, found, index.block.number) | {
            "block": index.block.number,
            "parents": [
                ParentOnChain(code=_text(parent), since=since) for parent, since in found.parents
            ],
            "suspensions": [IntervalAnswer.of(interval) for interval in found.suspensions],
            "kinds": {
                kind: [IntervalAnswer.of(interval) for interval in history]
                for kind, history in index.kinds_of(wanted).items()
            },
            "keys": [key_answer(kid, key) for kid, key in index.keys_of(wanted).items()],
        }
    return DepartmentHistory.model_validate(members)


@router.get("/chain/anchors")
@rated(cost=5, at_once="pages")
def anchors(
    edge: AnEdge, department: Code = None, before: Before = None, limit: Rows = 50
) -> AnchorPage:
    """List anchored roots, newest first."""
    of = None if department is None else department_bytes(department)
    with edge.explorer.index.current() as index:
        found = index.anchors(department=of, before=before, limit=limit + 1)
        block = index.block.number
    rows = [AnchorOnChain.of(row) for row in found[:limit]]
    return AnchorPage(
        block=block, anchors=rows, next=rows[-1].sequence if len(found) > limit else None
    )


@router.get("/chain/anchors/{department}/{root}")
@rated(cost=5, at_once="pages")
def anchor(
    edge: AnEdge, department: CodePath, root: Annotated[str, Path(pattern=HASH_PATTERN)]
) -> AnchorOnChain:
    """Return one anchored root."""
    with edge.explorer.index.current() as index:
        found = index.anchor(department_bytes(department), hash_of(root))
    if found is None:
        raise NotFoundError("anchor_unknown", department=department)
    return AnchorOnChain.of(found)


@router.get("/chain/days")
@rated(cost=5, at_once="pages")
def days(
    edge: AnEdge,
    department: Code = None,
    limit: Annotated[int, Query(ge=1, le=DAYS, description="Days at most.")] = 30,
) -> DayList:
    """Count roots and leaves by day, for charts."""
    of = None if department is None else department_bytes(department)
    with edge.explorer.index.current() as index:
        found = index.days(department=of, last=limit)
        return DayList(block=index.block.number, days=[DayAnswer.of(day) for day in found])


def _text(parent: bytes) -> str | None:
    return department_text(parent) if any(parent) else None
