"""Receipts and published leaves: what anybody may ask about anchored batches."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.merkle import HASH_BYTES
from ecert.receipt import Receipt
from registry.batches.models import Batch, BatchState
from registry.context import Context
from registry.documents.models import Artefact, ArtefactState
from registry.errors import NotFoundError, RequestError

CROWD = 1000
"""Leaves among which an asked one hides."""

_AIM = 1200  # a prefix is chosen so that this many are expected: below 1,000 would be 6 sigma
MAX_PAGE = 64


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to a prefix.

    Attributes:
        bits: How many bits of the prefix were used.
        receipts: Digest and receipt of every anchored leaf that begins so.
    """

    bits: int
    receipts: Sequence[tuple[bytes, Receipt]]


class BatchService:
    """Finds receipts and gives out leaves.

    Args:
        session: The transaction to read in.
        context: What the process shares.
    """

    def __init__(self, session: Session, context: Context) -> None:
        self._session = session
        self._context = context

    def longest_prefix(self) -> int:
        """Return how many bits of a digest may be told: fewer would be answered as well."""
        total = self._context.leaf_count.get(self._count)
        return int(math.log2(total / _AIM)) if total >= 2 * _AIM else 0

    def lookup(self, prefix: bytes, bits: int) -> Lookup:
        """Return the receipts of all anchored leaves whose digests begin with ``prefix``.

        Args:
            prefix: The beginning of a digest, ``bits`` rounded up to bytes.
            bits: Its length in bits; 0 asks for everything there is.

        Raises:
            RequestError: ``prefix_malformed``; ``prefix_too_long`` with the longest allowed: a
                longer one would tell the registry which document is checked.
        """
        longest = self.longest_prefix()
        if bits < 0 or len(prefix) != (bits + 7) // 8 or len(prefix) > HASH_BYTES:
            raise RequestError("prefix_malformed")
        if bits > longest:
            raise RequestError("prefix_too_long", bits=bits, longest=longest)
        low = int.from_bytes(prefix.ljust(HASH_BYTES, b"\0")) >> (256 - bits) << (256 - bits)
        high = low + (1 << (256 - bits)) - 1
        statement = (
            select(Artefact.digest, Artefact.batch_id, Artefact.leaf_index)
            .where(
                col(Artefact.digest).between(low.to_bytes(HASH_BYTES), high.to_bytes(HASH_BYTES)),
                col(Artefact.state) == ArtefactState.ANCHORED,
            )
            .order_by(col(Artefact.batch_id), col(Artefact.leaf_index))
        )
        found = self._session.exec(statement).all()
        batches = self._batches({batch for _, batch, _ in found if batch is not None})
        return Lookup(
            bits,
            [
                (digest, self._receipt(batches[batch], index))
                for digest, batch, index in found
                if batch is not None and index is not None
            ],
        )

    def receipts(self, artefacts: Iterable[Artefact]) -> dict[str, Receipt]:
        """Return the receipts of those of ``artefacts`` that are anchored, by artefact id."""
        anchored = [a for a in artefacts if a.state == ArtefactState.ANCHORED]
        batches = self._batches({a.batch_id for a in anchored if a.batch_id is not None})
        return {
            a.id: self._receipt(batches[a.batch_id], a.leaf_index)
            for a in anchored
            if a.batch_id is not None and a.leaf_index is not None
        }

    def published(self, *, after: int = 0, limit: int = MAX_PAGE) -> Sequence[Batch]:
        """Return final batches with their leaves, in the order they became final.

        Args:
            after: ``sequence`` of the last batch already known.
            limit: At most this many.

        Raises:
            RequestError: ``page_invalid``.
        """
        if not 0 < limit <= MAX_PAGE:
            raise RequestError("page_invalid", limit=MAX_PAGE)
        statement = (
            select(Batch)
            .where(col(Batch.sequence) > after)
            .order_by(col(Batch.sequence))
            .limit(limit)
        )
        return self._session.exec(statement).all()

    def by_root(self, department: str, root: bytes) -> Batch:
        """Return one final batch.

        Raises:
            NotFoundError: ``batch_unknown``.
        """
        batch = self._session.exec(
            select(Batch).where(
                col(Batch.department) == department,
                col(Batch.root) == root,
                col(Batch.state) == BatchState.FINAL,
            )
        ).first()
        if batch is None:
            raise NotFoundError("batch_unknown", department=department[:20])
        return batch

    def _count(self) -> int:
        statement = select(sa.func.coalesce(sa.func.sum(Batch.size), 0)).where(
            col(Batch.state) == BatchState.FINAL
        )
        return int(self._session.exec(statement).one())

    def _batches(self, ids: set[str]) -> dict[str, Batch]:
        found: dict[str, Batch] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), 500):
            statement = select(Batch).where(col(Batch.id).in_(wanted[start : start + 500]))
            found |= {batch.id: batch for batch in self._session.exec(statement)}
        return found

    def _receipt(self, batch: Batch, index: int) -> Receipt:
        contracts = self._context.contracts
        assert batch.block is not None  # every final batch has one
        return Receipt(
            index=index,
            size=batch.size,
            path=self._context.paths.path(batch.id, batch.leaves, index),
            root=batch.root,
            department=batch.department,
            chain_id=contracts.chain_id,
            contract=bytes.fromhex(contracts.anchors.address[2:]),
            block=batch.block,
        )


def digests_of(batch: Batch) -> list[bytes]:
    """Return a batch's leaves in order."""
    return [
        batch.leaves[place : place + HASH_BYTES]
        for place in range(0, len(batch.leaves), HASH_BYTES)
    ]
