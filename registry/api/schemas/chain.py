"""What the chain itself says, for pages."""

from itertools import pairwise
from typing import Self

from ecert.authority import Interval, KeyRecord
from ecert.chain.blocks import Block
from ecert.chain.codes import department_text
from ecert.chain.records import TOP, Department
from ecert.encoding import b64url_encode
from ecert.fields import hex_text
from ecert.signing import SUITES
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    EXAMPLE_TIME,
    Answer,
    example,
)
from registry.explorer.blocks import Activity, sealed
from registry.explorer.index import Day, ListedAnchor

_ADDRESS = "0x" + "a1" * 20


class ContractAnswer(Answer):
    """A contract on the chain."""

    address: str
    code_hash: str


class ChainAnswer(Answer):
    """The chain, as of its newest final block."""

    chain_id: int
    engine: str
    genesis_hash: str
    contracts: dict[str, ContractAnswer]
    block: int
    hash: str
    time: int
    seconds_per_block: float | None
    """Over the last blocks; None where there are too few."""
    age: int
    """Seconds since the newest final block."""
    nodes: int
    """Nodes that this registry asks."""
    nodes_up: int
    """Of these, how many answer."""
    roots: int
    leaves: int
    """Leaves of all roots; batches are filled up, so documents are fewer."""

    model_config = Answer.model_config | example(
        chain_id=1337, engine="besu", genesis_hash=EXAMPLE_HASH,
        contracts={"AnchorRegistry": {"address": _ADDRESS, "code_hash": EXAMPLE_HASH}},
        block=120, hash=EXAMPLE_HASH, time=EXAMPLE_TIME, seconds_per_block=2.0, age=1,
        nodes=4, nodes_up=4, roots=12, leaves=768,
    )  # fmt: skip


class BlockAnswer(Answer):
    """A block."""

    number: int
    hash: str
    time: int
    seconds: int | None
    """Since the block before; None for block 0."""
    transactions: int
    proposer: str | None
    """Address of the validator that proposed it; None on a chain without validators."""
    round: int | None
    """0 where the first proposal was agreed upon."""
    sealers: list[str]


class BlockPage(Answer):
    """Blocks, newest first."""

    blocks: list[BlockAnswer]
    next: int | None
    """What to ask for with ``before``; None where these are the oldest."""

    model_config = Answer.model_config | example(
        blocks=[
            {
                "number": 120, "hash": EXAMPLE_HASH, "time": EXAMPLE_TIME, "seconds": 2,
                "transactions": 1, "proposer": _ADDRESS, "round": 0, "sealers": [_ADDRESS],
            }
        ],
        next=120,
    )  # fmt: skip

    @classmethod
    def of(cls, blocks: list[Block], limit: int) -> Self:
        """Return the page for the first ``limit`` of blocks, newest first.

        One block more tells how long the last one listed took.
        """
        gaps = [newer.header.time - older.header.time for newer, older in pairwise(blocks)]
        rows = []
        for block, seconds in zip(blocks[:limit], [*gaps, None], strict=False):
            by = sealed(block)
            rows.append(
                BlockAnswer(
                    number=block.header.number,
                    hash=hex_text(block.header.hash),
                    time=block.header.time,
                    seconds=seconds,
                    transactions=block.transactions,
                    proposer=None if by is None else hex_text(by.proposer),
                    round=None if by is None else by.round,
                    sealers=[] if by is None else [hex_text(sealer) for sealer in by.sealers],
                )
            )
        last = rows[-1].number if rows else 0
        return cls(blocks=rows, next=last or None)


class ValidatorAnswer(Answer):
    """What a validator did in the blocks that were looked at."""

    address: str
    proposed: int
    sealed: int
    newest: int | None
    """The newest of these blocks that bears its seal."""

    @classmethod
    def of(cls, found: Activity) -> Self:
        """Return the answer for a validator."""
        return cls(
            address=hex_text(found.address),
            proposed=found.proposed,
            sealed=found.sealed,
            newest=found.newest,
        )


class ValidatorList(Answer):
    """The validators as of a block; none on an embedded chain."""

    block: int
    blocks: int
    """How many blocks were looked at."""
    quorum: int | None
    """How many must seal a block."""
    validators: list[ValidatorAnswer]

    model_config = Answer.model_config | example(
        block=120, blocks=100, quorum=3,
        validators=[{"address": _ADDRESS, "proposed": 25, "sealed": 92, "newest": 120}],
    )  # fmt: skip


class IntervalAnswer(Answer):
    """From a block on, until another one (excluded) or still."""

    start: int
    end: int | None

    @classmethod
    def of(cls, found: Interval) -> Self:
        """Return the answer for an interval."""
        return cls(start=found.start, end=found.end)


class ParentOnChain(Answer):
    """From a block on, under whom; None for the council."""

    code: str | None
    since: int


class KeyOnChain(Answer):
    """A signing key."""

    kid: str
    suite: str
    intervals: list[IntervalAnswer]
    compromised_since: int | None


class DepartmentOnChain(Answer):
    """A department as the contracts have it."""

    code: str
    name: str
    kind: str
    admitted_at: int
    parent: str | None
    suspended: bool
    """Itself; one above it may be."""
    merged_into: str | None


class DepartmentOnChainPage(Answer):
    """Departments by code, as of a block."""

    block: int
    departments: list[DepartmentOnChain]
    next: str | None
    """What to ask for with ``after``; None where there are no more."""

    model_config = Answer.model_config | example(
        block=120,
        departments=[
            {
                "code": EXAMPLE_DEPARTMENT, "name": "示例市公安局", "kind": "PS",
                "admitted_at": 7, "parent": None, "suspended": False, "merged_into": None,
            }
        ],
        next=None,
    )  # fmt: skip


class DepartmentHistory(DepartmentOnChain):
    """A department with its histories, as of a block."""

    block: int
    parents: list[ParentOnChain]
    suspensions: list[IntervalAnswer]
    kinds: dict[str, list[IntervalAnswer]]
    keys: list[KeyOnChain]


class AnchorOnChain(Answer):
    """An anchored root."""

    sequence: int
    """Its place among all roots, from 1."""
    department: str
    root: str
    size: int
    time: int
    block: int

    model_config = Answer.model_config | example(
        sequence=12, department=EXAMPLE_DEPARTMENT, root=EXAMPLE_HASH, size=64,
        time=EXAMPLE_TIME, block=118,
    )  # fmt: skip

    @classmethod
    def of(cls, found: ListedAnchor) -> Self:
        """Return the answer for an anchor."""
        return cls(
            sequence=found.sequence,
            department=department_text(found.department),
            root=hex_text(found.root),
            size=found.anchor.size,
            time=found.anchor.time,
            block=found.anchor.block,
        )


class AnchorPage(Answer):
    """Anchors, newest first, as of a block."""

    block: int
    anchors: list[AnchorOnChain]
    next: int | None
    """What to ask for with ``before``; None where there are no older ones."""


class DayAnswer(Answer):
    """What one day of UTC brought."""

    start: int
    """Its first second, unix seconds."""
    roots: int
    leaves: int

    @classmethod
    def of(cls, found: Day) -> Self:
        """Return the answer for a day."""
        return cls(start=found.start, roots=found.roots, leaves=found.leaves)


class DayList(Answer):
    """The days on which something was anchored, oldest first, as of a block."""

    block: int
    days: list[DayAnswer]

    model_config = Answer.model_config | example(
        block=120, days=[{"start": EXAMPLE_TIME, "roots": 12, "leaves": 768}]
    )


def summary(code: bytes, found: Department, block: int) -> dict[str, object]:
    """Return the members of ``DepartmentOnChain``."""
    parent = found.parent_at(block)
    merged = found.merged_into
    return {
        "code": department_text(code),
        "name": found.name.decode("utf-8", "replace"),
        "kind": found.kind.rstrip(b"\0").decode("ascii", "replace"),
        "admitted_at": found.admitted_at,
        "parent": None if parent == TOP else department_text(parent),
        "suspended": any(interval.end is None for interval in found.suspensions),
        "merged_into": None if merged is None else department_text(merged),
    }


def key_answer(kid: bytes, key: KeyRecord) -> KeyOnChain:
    """Return the answer for a key."""
    known = {suite.chain: suite.jose for suite in SUITES}
    return KeyOnChain(
        kid=b64url_encode(kid),
        suite=known.get(key.suite, str(key.suite)),
        intervals=[IntervalAnswer.of(interval) for interval in key.intervals],
        compromised_since=key.compromised_since,
    )
