"""The one call that answers a ``Query``: ``VerificationView.inspect``.

A node may answer anything. What is read here is at least possible: histories in order, nothing from
after the answering block, a lineage that is one. Whether it is true is another question, and the
answer's basis says so. What storage proofs show (``ecert.chain.stored``) is read by the same rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecert import limits
from ecert.authority import DepartmentRecord, Interval, KeyRecord, Parent
from ecert.chain.abi import Array, Type, decode, encode
from ecert.chain.codes import department_text
from ecert.chain.records import CONTRACTS
from ecert.encoding import code_bytes
from ecert.errors import MalformedError
from ecert.facts import Anchor, Query
from ecert.fields import MAX_TIME

SELECTOR = bytes.fromhex("346c5ac3")
"""First bytes of keccak-256 of ``inspect``'s signature; written out, since hashing it would cost
more time at each start than the rest of a call's preparation."""

QUERY: tuple[Type, ...] = (
    "bytes20", "bytes32", "bytes32", "bytes32", "bytes32", "uint32", "uint32",
)  # fmt: skip
INTERVALS = Array(("uint64", "uint64"))
KEY: tuple[Type, ...] = ("uint8", "bytes32", "bytes32", "uint64", INTERVALS)
LINEAGE: tuple[Type, ...] = (
    "bytes20", "uint64", INTERVALS, INTERVALS, Array(("bytes20", "uint64")),
)  # fmt: skip
FACTS: tuple[Type, ...] = (
    "uint256", "uint64", "uint64",  # chain, block, its time
    "uint64", "uint64", "uint32",  # anchor: time, block, size
    KEY, Array(LINEAGE),
    "uint8", "uint64", "uint64",  # status, revocation of digest and of root
    "address", "address", "address",  # successors of departments, anchors, status
    "uint64",  # the block in which departments was closed
)  # fmt: skip

_NOBODY = bytes(20)
_NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the contracts hold, as ``ecert.facts.Facts`` describes it.

    Attributes:
        successors: Address of the successor of each contract that is closed, by its name in the
            trust file.
    """

    chain_id: int
    block: int
    time: int
    anchor: Anchor | None
    key: KeyRecord | None
    lineage: dict[str, DepartmentRecord]
    status: int
    digest_revoked: bool
    root_revoked: bool
    successors: dict[str, bytes]


def call_data(query: Query) -> bytes:
    """Return the call data that ask ``query``.

    Raises:
        MalformedError: ``text_not_ascii_code`` or ``abi_malformed`` for what the contracts cannot
            be asked.
    """
    values = (
        code_bytes(query.department, 20, where="department"),
        query.root if query.root is not None else _NOTHING,
        query.key_id,
        code_bytes(query.kind, 32, where="kind"),
        query.digest,
        query.status.list,
        query.status.index,
    )
    return SELECTOR + encode(QUERY, values)


def read(data: bytes, query: Query) -> Inspection:
    """Decode the answer to ``query``.

    Raises:
        MalformedError: ``abi_malformed``, or ``chain_record_impossible`` naming the record.
    """
    (values,) = decode((FACTS,), data)
    return inspection(values, query)


def inspection(values: tuple[Any, ...], query: Query) -> Inspection:
    """Read the answer to ``query`` from its values, which are of the types in ``FACTS``.

    Raises:
        MalformedError: ``chain_record_impossible`` naming the record.
    """
    chain_id, block, time = values[0:3]
    _require(chain_id > 0 and block > 0 and 0 < time <= MAX_TIME, "block")
    anchor = _anchor(values[3:6], block, time)
    _require(anchor is None or query.root is not None, "anchor")
    status, digest_revoked, root_revoked = values[8:11]
    _require(status <= 3, "status")
    _require(digest_revoked <= block and root_revoked <= block, "revocation")
    return Inspection(
        chain_id=chain_id,
        block=block,
        time=time,
        anchor=anchor,
        key=_key(values[6], block),
        lineage=_lineage(values[7], query.department, anchor.block if anchor else block, block),
        status=status,
        digest_revoked=digest_revoked > 0,
        root_revoked=root_revoked > 0,
        successors={
            name: address
            for name, address in zip(CONTRACTS, values[11:14], strict=True)
            if address != _NOBODY
        },
    )


def _anchor(value: tuple[int, int, int], block: int, time: int) -> Anchor | None:
    anchored_at, anchor_block, size = value
    if value == (0, 0, 0):
        return None
    _require(0 < anchor_block <= block and 0 < anchored_at <= time, "anchor")
    _require(0 < size <= limits.MAX_TREE_SIZE, "anchor")
    return Anchor(anchored_at, anchor_block, size)


def _key(value: tuple[Any, ...], block: int) -> KeyRecord | None:
    suite, x, y, compromised_since, intervals = value
    if suite == 0:
        _require(value == (0, _NOTHING, _NOTHING, 0, ()), "key")
        return None
    _require(compromised_since <= block, "key")
    return KeyRecord(suite, x, y, _intervals(intervals, block, "key"), compromised_since or None)


def _lineage(
    values: Sequence[tuple[Any, ...]], department: str, at: int, block: int
) -> dict[str, DepartmentRecord]:
    """Read the records of a department and its ancestors at block ``at``, the former first."""
    _require(len(values) <= limits.MAX_LINEAGE, "lineage")
    records: dict[str, DepartmentRecord] = {}
    expected: str | None = department
    for code_raw, admitted_at, suspensions, kind, parents in values:
        code = department_text(code_raw)
        _require(code == expected and code not in records, "lineage")
        _require(0 < admitted_at <= block, "lineage")
        record = DepartmentRecord(
            code,
            admitted_at,
            _parents(parents, admitted_at, block),
            _intervals(suspensions, block, "suspensions"),
            _intervals(kind, block, "kind"),
        )
        records[code] = record
        expected = record.parent_at(at)
    _require(expected is None or not records, "lineage")
    return records


def _parents(
    values: Sequence[tuple[bytes, int]], admitted_at: int, block: int
) -> tuple[Parent, ...]:
    starts = [start for _, start in values]
    _require(starts[:1] == [admitted_at] and starts == sorted(starts), "parents")
    _require(starts[-1] <= block, "parents")
    return tuple(
        Parent(None if code == _NOBODY else department_text(code), start) for code, start in values
    )


def _intervals(values: Sequence[tuple[int, int]], block: int, record: str) -> tuple[Interval, ...]:
    """Read a history: intervals in order, only the last one open, none from after ``block``."""
    earliest = 1
    for position, (start, until) in enumerate(values, 1):
        last = position == len(values)
        _require(earliest <= start <= block, record)
        _require((until == 0 and last) or start <= until <= block, record)
        earliest = until + 1  # a right is not opened again in the block of its closing
    return tuple(Interval(start, until or None) for start, until in values)


def _require(possible: bool, record: str) -> None:
    if not possible:
        raise MalformedError("chain_record_impossible", record=record)
