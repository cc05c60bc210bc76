"""What follows from a transaction: in the rows that waited for it."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlmodel import Session, col, select

from registry.audit.service import AuditTrail
from registry.batches.models import Batch, BatchState
from registry.context import Context
from registry.departments.models import (
    Department,
    DepartmentState,
    GrantState,
    KeyState,
    KindGrant,
    SigningKey,
)
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.documents.renewal import mark_mistimed, renew_overtaken
from registry.outbox.models import Purpose, Transaction
from registry.status.models import ChangeState, StatusChange

_ENDS_KEY = ("withdrawKey", "compromiseKey")
_QUIET = {"synchronize_session": False}


def on_final(session: Session, context: Context, row: Transaction) -> None:
    """Let what waited for a transaction have happened."""
    apply = _FINAL.get(row.purpose)
    if apply is not None:
        apply(session, context, row)


def on_failed(session: Session, context: Context, row: Transaction) -> None:
    """Record that the chain refused a transaction for good.

    Batches and changes of status stay as they are: ``registry.outbox.refusals`` compares them with
    the chain and sends them again.
    """
    if row.purpose == Purpose.ADMIT:
        _of(session, Department, row, state=DepartmentState.REFUSED)
        _of(session, KindGrant, row, state=GrantState.WITHDRAWN)
    elif row.purpose == Purpose.KIND:
        statement = sa.update(KindGrant).where(
            col(KindGrant.transaction_id) == row.id, col(KindGrant.state) == GrantState.REQUESTED
        )
        session.execute(statement.values(state=GrantState.WITHDRAWN), execution_options=_QUIET)
    AuditTrail(session, context.clock).record(
        None, "transaction.failed", str(row.id), purpose=row.purpose.value, error=row.error
    )


def anchored(session: Session, context: Context, *batches: Batch, block: int, time: int) -> None:
    """Let batches be final, with their artefacts and documents."""
    last = session.exec(select(sa.func.coalesce(sa.func.max(Batch.sequence), 0))).one()
    for sequence, batch in enumerate(batches, (last or 0) + 1):
        batch.state, batch.sequence = BatchState.FINAL, sequence
        batch.block, batch.anchor_time = block, time
        session.add(batch)
    session.flush()
    ids = [batch.id for batch in batches]
    mark_mistimed(session, ids, time)
    session.execute(
        sa.update(Artefact)
        .where(col(Artefact.batch_id).in_(ids), col(Artefact.state) == ArtefactState.BATCHED)
        .values(state=ArtefactState.ANCHORED),
        execution_options=_QUIET,
    )
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.id).in_(
                select(Artefact.document_id).where(col(Artefact.batch_id).in_(ids))
            ),
            col(DocumentRecord.state) == DocumentState.BATCHED,
        )
        .values(state=DocumentState.ANCHORED, updated_at=context.clock()),
        execution_options=_QUIET,
    )


def _anchors(session: Session, context: Context, row: Transaction) -> None:
    statement = (
        select(Batch)
        .where(col(Batch.transaction_id) == row.id, col(Batch.state) == BatchState.SEALED)
        .order_by(col(Batch.id))
    )
    batches = session.exec(statement).all()
    assert row.block is not None
    assert row.block_time is not None
    anchored(session, context, *batches, block=row.block, time=row.block_time)
    AuditTrail(session, context.clock).record(
        None, "batch.anchored", str(row.id), block=row.block,
        roots=[batch.root.hex() for batch in batches],
    )  # fmt: skip


def _statuses(session: Session, context: Context, row: Transaction) -> None:
    del context
    _of(session, StatusChange, row, state=ChangeState.FINAL)


def _admission(session: Session, context: Context, row: Transaction) -> None:
    del context
    _of(session, Department, row, state=DepartmentState.ADMITTED)
    _of(session, KindGrant, row, state=GrantState.GRANTED)


def _kind(session: Session, context: Context, row: Transaction) -> None:
    del context
    statement = sa.update(KindGrant).where(
        col(KindGrant.transaction_id) == row.id, col(KindGrant.state) == GrantState.REQUESTED
    )
    session.execute(statement.values(state=GrantState.GRANTED), execution_options=_QUIET)


def _lifted(session: Session, context: Context, row: Transaction) -> None:
    del context
    if row.function != "lift":  # a suspension took effect here when it was ordered
        return
    statement = sa.update(Department).where(
        # Not one that was suspended again meanwhile: its id is that of the newer act.
        col(Department.transaction_id) == row.id,
        col(Department.state) == DepartmentState.SUSPENDED,
    )
    session.execute(statement.values(state=DepartmentState.ADMITTED), execution_options=_QUIET)


def _key(session: Session, context: Context, row: Transaction) -> None:
    if row.function in _ENDS_KEY:
        ended = select(SigningKey.department).where(col(SigningKey.transaction_id) == row.id)
        for department in session.exec(ended).all():
            if department is not None:
                renew_overtaken(session, context, department, row.created_at)
    statement = sa.update(SigningKey).where(
        col(SigningKey.transaction_id) == row.id, col(SigningKey.state) == KeyState.NEW
    )
    session.execute(statement.values(state=KeyState.REGISTERED), execution_options=_QUIET)


def _of(session: Session, table: type, row: Transaction, **values: object) -> None:
    statement = sa.update(table).where(table.transaction_id == row.id)  # type: ignore[attr-defined]
    session.execute(statement.values(**values), execution_options=_QUIET)


_FINAL: dict[Purpose, Callable[[Session, Context, Transaction], None]] = {
    Purpose.ANCHOR: _anchors,
    Purpose.STATUS: _statuses,
    Purpose.ADMIT: _admission,
    Purpose.KIND: _kind,
    Purpose.KEY: _key,
    Purpose.SUSPENSION: _lifted,
}
