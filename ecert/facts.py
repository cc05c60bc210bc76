"""What the chain says about one document, whoever was asked.

A node, a snapshot and an evidence package all answer a ``Query`` with ``Facts``; verification never
knows which it was, only what the answer rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ecert.authority import DepartmentRecord, KeyRecord
from ecert.receipt import Receipt

NOTHING_FINAL = -1
"""The final block where nobody's word on finality can be had."""


class Basis(StrEnum):
    """What an answer rests on, weakest first."""

    NODE = "node"
    """The word of the node that was asked."""
    OPERATOR = "operator"
    """One operator's signature over a checkpoint whose state proves the answer."""
    VALIDATORS = "validators"
    """A quorum of the validators' seals over a header whose state proves the answer."""


@dataclass(frozen=True, slots=True)
class StatusReference:
    """A document's place in its department's status lists."""

    list: int
    index: int


@dataclass(frozen=True, slots=True)
class Query:
    """What must be known of the chain to verify one artefact."""

    department: str
    key_id: bytes
    kind: str
    digest: bytes
    root: bytes | None
    status: StatusReference


@dataclass(frozen=True, slots=True)
class Anchor:
    """When a department anchored a root. Time in unix seconds."""

    time: int
    block: int
    size: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The chain's records for one ``Query``.

    Attributes:
        chain_id: The chain that was asked.
        block: The block at which the answer holds.
        time: That block's time or, where later, the operator's signed heartbeat; unix seconds.
        final_block: The highest block that counts as final; or ``NOTHING_FINAL``.
        anchor: The root's anchor under the department; None when there is none.
        key: The key under the department; None when there is none.
        lineage: The department and its ancestors at the anchor block (at ``block`` when not
            anchored), by code; records hold the history of the asked kind.
        status: Value of the status list (0 valid, 1 revoked, 2 suspended).
        digest_revoked: The digest was revoked by itself.
        root_revoked: The whole root was revoked.
        basis: What the answer rests on.
    """

    chain_id: int
    block: int
    time: int
    final_block: int
    anchor: Anchor | None
    key: KeyRecord | None
    lineage: Mapping[str, DepartmentRecord]
    status: int
    digest_revoked: bool
    root_revoked: bool
    basis: Basis


class FactSource(Protocol):
    """Answers queries about the chain."""

    def facts(self, query: Query) -> Facts:
        """Return the chain's records.

        Raises:
            UnavailableError: The source cannot answer; never a statement about the document.
        """


class ReceiptSource(Protocol):
    """Finds receipts for artefacts that came without one."""

    def receipt(self, digest: bytes) -> Receipt | None:
        """Return the receipt, or None when the source knows of none.

        Raises:
            UnavailableError: The source cannot answer.
        """
