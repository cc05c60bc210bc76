"""The contracts' records as the chain keys them, wherever they are kept."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ecert import limits
from ecert.authority import DepartmentRecord, Interval, KeyRecord, Parent
from ecert.chain.codes import department_text
from ecert.encoding import code_bytes
from ecert.errors import UnavailableError
from ecert.facts import Anchor, Basis, Facts, Query
from ecert.status import ENTRIES_PER_WORD, entry_of

K_contra = TypeVar("K_contra", contravariant=True)
V = TypeVar("V")

DEPARTMENTS, ANCHORS, STATUSES = "departments", "anchors", "statuses"
CONTRACTS = (DEPARTMENTS, ANCHORS, STATUSES)
"""The contracts that hold records and log events, by their names in the trust file."""

TOP = bytes(20)
"""Stands for "no parent"."""

History = tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Department:
    """A department's own histories; codes are the contract's 20 bytes.

    Attributes:
        admitted_at: Block of its admission.
        kind: The department kind's code, 32 bytes.
        name: Its name; meant to be UTF-8, which nobody has checked.
        parents: Each parent's code with the first block under it.
        suspensions: When it was suspended.
        merged_into: The department that it was dissolved in.
    """

    admitted_at: int
    kind: bytes
    name: bytes
    parents: tuple[tuple[bytes, int], ...]
    suspensions: History = ()
    merged_into: bytes | None = None

    def parent_at(self, block: int) -> bytes:
        """Return the parent's code at ``block``; ``TOP`` for none."""
        return next((code for code, since in reversed(self.parents) if since <= block), TOP)


class Table(Protocol[K_contra, V]):
    """Records by key; a dict is one."""

    def get(self, key: K_contra, /) -> V | None:
        """Return the record, or None."""

    def __setitem__(self, key: K_contra, value: V, /) -> None:
        """Keep a record."""


def _table() -> MutableMapping[Any, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that a verification can ask for; in memory unless tables are given.

    Attributes:
        departments: By code.
        kinds: When a department might issue a kind, by department and kind.
        keys: By department and thumbprint.
        anchors: By department and root.
        words: 128 statuses each, by department, list and word index.
        digests: Block of a digest's revocation, by department and digest.
        roots: Block of a root's revocation, by department and root.
    """

    departments: Table[bytes, Department] = field(default_factory=_table)
    kinds: Table[tuple[bytes, bytes], History] = field(default_factory=_table)
    keys: Table[tuple[bytes, bytes], KeyRecord] = field(default_factory=_table)
    anchors: Table[tuple[bytes, bytes], Anchor] = field(default_factory=_table)
    words: Table[tuple[bytes, int, int], int] = field(default_factory=_table)
    digests: Table[tuple[bytes, bytes], int] = field(default_factory=_table)
    roots: Table[tuple[bytes, bytes], int] = field(default_factory=_table)

    def answer(self, query: Query, *, chain_id: int, block: int, time: int, basis: Basis) -> Facts:
        """Return what the records say at ``block``, which is final and up to which they hold all.

        Args:
            query: What is asked.
            chain_id: The chain whose records these are.
            block: The last block that they cover.
            time: As of when nothing later is known, unix seconds.
            basis: What the records rest on.

        Raises:
            MalformedError: ``text_not_ascii_code``: the contracts cannot hold such a thing.
            UnavailableError: ``chain_record_impossible``.
        """
        department = code_bytes(query.department, 20, where="department")
        root = (department, query.root or b"")
        anchor = self.anchors.get(root)
        status = query.status
        word = self.words.get((department, status.list, status.index // ENTRIES_PER_WORD)) or 0
        return Facts(
            chain_id=chain_id,
            block=block,
            time=time,
            final_block=block,
            anchor=anchor,
            key=self.keys.get((department, query.key_id)),
            lineage=self.lineage(query, anchor.block if anchor else block),
            status=entry_of(word, status.index),
            digest_revoked=self.digests.get((department, query.digest)) is not None,
            root_revoked=self.roots.get(root) is not None,
            basis=basis,
        )

    def lineage(self, query: Query, at: int) -> dict[str, DepartmentRecord]:
        """Return the records of a department and its ancestors at block ``at``, the former first.

        Raises:
            MalformedError: ``text_not_ascii_code``.
            UnavailableError: ``chain_record_impossible`` when there are more ancestors than the
                contract allows.
        """
        kind = code_bytes(query.kind, 32, where="kind")
        code = code_bytes(query.department, 20, where="department")
        records: dict[str, DepartmentRecord] = {}
        while code != TOP and (found := self.departments.get(code)) is not None:
            if len(records) == limits.MAX_LINEAGE:
                raise UnavailableError("chain_record_impossible", record="lineage")
            name = department_text(code)
            records[name] = DepartmentRecord(
                name,
                found.admitted_at,
                tuple(
                    Parent(None if parent == TOP else department_text(parent), since)
                    for parent, since in found.parents
                ),
                found.suspensions,
                self.kinds.get((code, kind)) or (),
            )
            code = found.parent_at(at)
        return records
