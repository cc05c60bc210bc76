"""What the chain refused, compared with what it holds: adopted where it is there, else sent again.

A refusal says little by itself: a root may be anchored already by a transaction that a restored
database does not know, or a department may be suspended for a while.
"""

import logging
from collections.abc import Sequence

from sqlmodel import Session, col, select

from ecert.status import Status
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.batches.sealing import queue_roots
from registry.documents.models import DocumentRecord
from registry.outbox.effects import anchored
from registry.outbox.models import ChainCheckpoint, Transaction, TransactionState
from registry.outbox.sight import Sight
from registry.status.models import ChangeState, ChangeTarget, StatusChange
from registry.status.order import is_superseded
from registry.status.sending import queue_again

FIRST_DELAY = 5
"""Seconds before a refused call is tried again; doubled each time."""

LONGEST_DELAY = 3600

_STEP = 100
_log = logging.getLogger(__name__)


def mend_refused(registry: Registry, sight: Sight) -> int:
    """Deal with failed transactions that something still waits for; return how many.

    Raises:
        UnavailableError: The chain does not answer.
    """
    with registry.database.reading() as session:
        failed = (
            *_failed(session, Batch, col(Batch.state) == BatchState.SEALED),
            *_failed(session, StatusChange, col(StatusChange.state) == ChangeState.SENT),
        )
    for row in failed:
        _mend_batches(registry, sight, row)
        _mend_changes(registry, sight, row)
    return len(failed)


def _failed(
    session: Session, table: type[Batch | StatusChange], waits: object
) -> list[Transaction]:
    statement = (
        select(Transaction)
        .join(table, col(table.transaction_id) == col(Transaction.id))
        .where(col(Transaction.state) == TransactionState.FAILED, waits)  # type: ignore[arg-type]
        .distinct()
        .limit(_STEP)
    )
    return list(session.exec(statement).all())


def _mend_batches(registry: Registry, sight: Sight, row: Transaction) -> None:
    with registry.database.reading() as session:
        batches = _batches(session, row)
    found = {batch.id: sight.inspect(batch.department, root=batch.root).anchor for batch in batches}
    with registry.database.transaction() as session:
        final = session.get(ChainCheckpoint, 1)
        missing: list[Batch] = []
        for batch in _batches(session, row):
            anchor = found.get(batch.id)
            if anchor is None:
                missing.append(batch)
            elif final is not None and anchor.block <= final.number:
                anchored(session, registry.context, batch, block=anchor.block, time=anchor.time)
        if missing:
            _log.warning("anchor of %d roots refused: %s", len(missing), row.error)
            queue_roots(
                session,
                registry.context,
                missing[0].department,
                [(batch.id, batch.root, batch.size) for batch in missing],
                delay=backoff(row.attempts),
                attempts=row.attempts + 1,
            )


def _batches(session: Session, row: Transaction) -> Sequence[Batch]:
    statement = select(Batch).where(
        col(Batch.transaction_id) == row.id, col(Batch.state) == BatchState.SEALED
    )
    return session.exec(statement.order_by(col(Batch.id))).all()


def _mend_changes(registry: Registry, sight: Sight, row: Transaction) -> None:
    with registry.database.reading() as session:
        changes = _changes(session, row)
    found = {change.id: status_on_chain(sight, change) for change in changes}
    with registry.database.transaction() as session:
        missing = [
            change
            for change in _changes(session, row)
            if not settle_change(session, change, found.get(change.id))
            and not _drop_superseded(session, change)
        ]
        if missing:
            _log.warning("change of %d statuses refused: %s", len(missing), row.error)
            queue_again(
                session,
                registry.context,
                missing,
                attempts=row.attempts + 1,
                delay=backoff(row.attempts),
            )


def _drop_superseded(session: Session, change: StatusChange) -> bool:
    """End a change after which another was asked for; sent again, it would undo that one."""
    if not is_superseded(session, change):
        return False
    change.state = ChangeState.REFUSED
    return True


def _changes(session: Session, row: Transaction) -> Sequence[StatusChange]:
    statement = select(StatusChange).where(
        col(StatusChange.transaction_id) == row.id, col(StatusChange.state) == ChangeState.SENT
    )
    return session.exec(statement.order_by(col(StatusChange.id))).all()


def status_on_chain(sight: Sight, change: StatusChange) -> int:
    """Return the status of what a change is about."""
    if change.target == ChangeTarget.DIGEST and change.hash is not None:
        revoked = sight.inspect(change.department, digest=change.hash).digest_revoked
        return int(Status.REVOKED if revoked else Status.VALID)
    if change.target == ChangeTarget.ROOT and change.hash is not None:
        revoked = sight.inspect(change.department, root=change.hash).root_revoked
        return int(Status.REVOKED if revoked else Status.VALID)
    assert change.list is not None
    assert change.index is not None
    found = sight.inspect(change.department, entry=(change.list, change.index))
    return int(found.status)


def settle_change(session: Session, change: StatusChange, found: int | None) -> bool:
    """End a change that the chain holds already, or can never take; return whether it is ended."""
    if found == change.status:
        change.state = ChangeState.FINAL
        return True
    if found != Status.REVOKED:
        return False
    # Revoked is final: somebody with the right to do so was stricter.
    change.state = ChangeState.REFUSED
    document = session.get(DocumentRecord, change.document_id) if change.document_id else None
    if document is not None:
        document.status = int(Status.REVOKED)
        document.fingerprint = None
    return True


def backoff(attempts: int) -> int:
    """Return how many seconds to wait after ``attempts`` earlier failures."""
    return int(min(FIRST_DELAY << min(attempts, 16), LONGEST_DELAY))
