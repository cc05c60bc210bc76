"""What waits: to be signed, to be anchored, to be revoked. For the public status page."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.errors import EcertError
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.outbox.models import Transaction, TransactionState
from registry.status.models import ChangeState, StatusChange

MOST = 10_000
"""How far is counted: everybody may ask, and an import may wait with millions."""

CHECK_SECONDS = 5.0
"""How long what was found is taken to be so still."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Things of one sort that wait.

    Attributes:
        count: How many; ``MOST`` also for more.
        since: Since when the oldest of those counted waits, unix seconds.
    """

    count: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """All that waits.

    Attributes:
        unsigned: Documents that were approved.
        unanchored: Signed artefacts that no final block vouches for.
        changes: Revocations, suspensions and their ends that are not final.
        council: What was ordered of a council that signs elsewhere.
    """

    unsigned: Waiting
    unanchored: Waiting
    changes: Waiting
    council: Waiting


class BacklogView:
    """Looks, at most once in a few seconds however often it is asked.

    Args:
        registry: Its database is asked.
        clock: Monotonic seconds.
    """

    def __init__(self, registry: Registry, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._found: Backlog | None = None

    def backlog(self) -> Backlog | None:
        """Return what was found a few seconds ago at most; None without a database."""
        with self._lock:
            if self._clock() >= self._looked + CHECK_SECONDS:
                try:
                    with self._registry.database.reading() as session:
                        self._found = _look(session)
                except EcertError:
                    self._found = None
                self._looked = self._clock()
            return self._found


def _look(session: Session) -> Backlog:
    since: sa.Label[int] = col(Artefact.iat).label("since")
    signed = select(since).where(col(Artefact.state) == ArtefactState.SIGNED).limit(MOST).subquery()
    open_batches = select(Batch.id).where(col(Batch.state) == BatchState.SEALED)
    batched = select(since).where(col(Artefact.batch_id).in_(open_batches)).limit(MOST).subquery()
    return Backlog(
        unsigned=_count(
            session,
            select(col(DocumentRecord.updated_at).label("since"))
            .where(col(DocumentRecord.state) == DocumentState.APPROVED)
            .order_by(col(DocumentRecord.id)),
        ),
        unanchored=_count(
            session, sa.union_all(*(sa.select(few.c.since) for few in (signed, batched)))
        ),
        changes=_count(
            session,
            select(col(StatusChange.created_at).label("since"))
            .where(col(StatusChange.state).in_((ChangeState.REQUESTED, ChangeState.SENT)))
            .order_by(col(StatusChange.id)),
        ),
        council=_count(
            session,
            select(col(Transaction.created_at).label("since"))
            .where(col(Transaction.state) == TransactionState.AWAITING)
            .order_by(col(Transaction.id)),
        ),
    )


def _count(session: Session, rows: Any) -> Waiting:
    few = rows.limit(MOST).subquery()
    statement = sa.select(sa.func.count(), sa.func.min(few.c.since)).select_from(few)
    count, since = session.execute(statement).one()
    return Waiting(count, since)
