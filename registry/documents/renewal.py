"""Signing anew what can no longer be anchored in time.

A document counts only if it is anchored within 24 hours of its ``iat``. What waited too long, the
chain being down, or was signed by a clock that was wrong, gets a new artefact of the same content
and holder; the old one was never valid.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.artefact import read
from ecert.signing import PublicKey
from ecert.status import Status
from ecert.steps import ANCHOR_WITHIN_SECONDS, CLOCK_SKEW_SECONDS
from registry.batches.models import Batch, BatchState
from registry.context import Context
from registry.departments.barring import barred_departments
from registry.departments.keys import KeyService
from registry.departments.models import KeyPurpose, KeyState, SigningKey
from registry.documents.artefacts import keep
from registry.documents.issuing import Issue, sign_card, sign_document
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.outbox.checkpoints import signing_time
from registry.outbox.models import Transaction, TransactionState
from registry.status.lists import StatusAllocator
from registry.status.models import ChangeState, StatusChange

_QUIET = {"synchronize_session": False}
_UNSENT = (TransactionState.QUEUED, TransactionState.FAILED)


def mark_stale(session: Session, context: Context) -> int:
    """Mark artefacts that no anchor can make valid; return how many of their batches were dropped.

    They waited too long, or they were signed by a clock that was ahead: anchored now, they would be
    older than their own ``iat``.
    """
    now = signing_time(session, context)
    oldest, newest = now - context.settings.resign_after, now + CLOCK_SKEW_SECONDS
    session.execute(
        sa.update(Artefact)
        .where(
            col(Artefact.state) == ArtefactState.SIGNED,
            sa.or_(col(Artefact.iat) < oldest, col(Artefact.iat) > newest),
        )
        .values(state=ArtefactState.STALE),
        execution_options=_QUIET,
    )
    late = sa.and_(
        col(Batch.oldest_iat) < oldest,
        sa.or_(col(Transaction.id).is_(None), col(Transaction.state) != TransactionState.MINED),
    )
    early = sa.and_(
        # What was sent may yet be mined when it fits: its block will tell (``mark_mistimed``).
        sa.or_(col(Transaction.id).is_(None), col(Transaction.state).in_(_UNSENT)),
        sa.exists().where(
            col(Artefact.batch_id) == col(Batch.id),
            col(Artefact.form) != ArtefactForm.PADDING,
            col(Artefact.iat) > newest,
        ),
    )
    statement = (
        select(Batch)
        .outerjoin(Transaction, col(Transaction.id) == col(Batch.transaction_id))
        .where(col(Batch.state) == BatchState.SEALED, sa.or_(late, early))
    )
    batches = session.exec(statement.with_for_update(of=Batch, skip_locked=True)).all()
    for batch in batches:
        _drop(session, context, batch)
    return len(batches)


def mark_mistimed(session: Session, batch_ids: Sequence[str], anchored: int) -> None:
    """Mark artefacts of batches whose ``iat`` does not fit the time at which these were anchored.

    Their leaves stay in the tree; nobody will ever accept them there.

    Args:
        session: The transaction in which they become final.
        batch_ids: The batches, all of one block.
        anchored: The block's time.
    """
    session.execute(
        sa.update(Artefact)
        .where(
            col(Artefact.batch_id).in_(batch_ids),
            col(Artefact.state) == ArtefactState.BATCHED,
            col(Artefact.form) != ArtefactForm.PADDING,
            sa.or_(
                col(Artefact.iat) > anchored + CLOCK_SKEW_SECONDS,
                col(Artefact.iat) < anchored - ANCHOR_WITHIN_SECONDS,
            ),
        )
        .values(state=ArtefactState.STALE, batch_id=None, leaf_index=None),
        execution_options=_QUIET,
    )


def mark_waiting(session: Session, department: str) -> None:
    """Mark a department's artefacts that are in no batch yet: the key that signed them is ended."""
    session.execute(
        sa.update(Artefact)
        .where(col(Artefact.department) == department, col(Artefact.state) == ArtefactState.SIGNED)
        .values(state=ArtefactState.STALE),
        execution_options=_QUIET,
    )


def renew_unsent(session: Session, context: Context, department: str) -> None:
    """Let be signed anew what a key signed that is ended now, and that is not on its way.

    A batch whose transaction waits its time after a refusal would come after the key's end.
    """
    mark_waiting(session, department)
    late = sa.and_(col(Transaction.state) == TransactionState.QUEUED, col(Transaction.delay) > 0)
    waits = sa.or_(
        col(Transaction.id).is_(None), col(Transaction.state) == TransactionState.FAILED, late
    )
    _drop_all(session, context, col(Batch.department) == department, waits)


def renew_overtaken(session: Session, context: Context, department: str, before: int) -> None:
    """Let be signed anew what batches closed before hold that the end of their key overtook.

    They were refused and are not anchored; once they are, their key will have been withdrawn.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        department: Whose key is ended on the chain now.
        before: When that was ordered, unix seconds.
    """
    open_ = sa.or_(col(Transaction.id).is_(None), col(Transaction.state) != TransactionState.MINED)
    older = sa.and_(col(Batch.department) == department, col(Batch.created_at) <= before)
    _drop_all(session, context, older, open_)


def _drop_all(session: Session, context: Context, *which: sa.ColumnElement[bool]) -> None:
    statement = (
        select(Batch)
        .outerjoin(Transaction, col(Transaction.id) == col(Batch.transaction_id))
        .where(col(Batch.state) == BatchState.SEALED, *which)
        .with_for_update(of=Batch)
    )
    for batch in session.exec(statement).all():
        _drop(session, context, batch)


def renew_stale(session: Session, context: Context, limit: int) -> int:
    """Sign up to ``limit`` stale artefacts anew; return how many were dealt with."""
    statement = (
        select(Artefact, DocumentRecord)
        .join(DocumentRecord, col(DocumentRecord.id) == col(Artefact.document_id))
        .where(
            col(Artefact.state) == ArtefactState.STALE,
            col(Artefact.department).not_in(barred_departments(session)),
            sa.exists().where(
                col(SigningKey.department) == col(Artefact.department),
                col(SigningKey.purpose) == KeyPurpose.DOCUMENTS,
                col(SigningKey.state) == KeyState.REGISTERED,
            ),
        )
        .order_by(col(Artefact.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.exec(statement).all()
    for artefact, document in rows:
        _renew(session, context, artefact, document)
    return len(rows)


def _drop(session: Session, context: Context, batch: Batch) -> None:
    batch.state = BatchState.DROPPED
    session.add(batch)
    session.flush()
    for padding, state in ((True, ArtefactState.SUPERSEDED), (False, ArtefactState.STALE)):
        same = col(Artefact.form) == ArtefactForm.PADDING
        session.execute(
            sa.update(Artefact)
            .where(col(Artefact.batch_id) == batch.id, same if padding else ~same)
            .values(state=state, batch_id=None, leaf_index=None),
            execution_options=_QUIET,
        )
    row = None
    if batch.transaction_id is not None:
        row = session.get(Transaction, batch.transaction_id, with_for_update=True)
    if row is not None and row.state in _UNSENT:
        # Other batches in it are queued again (``registry.outbox.refusals``). What was signed and
        # perhaps sent stays: should it be mined after all, its documents are older than a day by
        # then, and nobody accepts them.
        row.state, row.error = TransactionState.FAILED, "batch_dropped"
        row.updated_at = context.clock()


def _renew(
    session: Session, context: Context, artefact: Artefact, document: DocumentRecord
) -> None:
    artefact.state = ArtefactState.SUPERSEDED
    session.add(artefact)
    now = signing_time(session, context)
    expired = document.valid_until is not None and document.valid_until <= now
    if document.status == Status.REVOKED or expired:
        return
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.issuing_key(artefact.department))
    [entry] = StatusAllocator(session).take_apart(artefact.department, 1)
    holder = _holder(context, artefact)
    kind = context.catalogue.kind(document.kind)
    until = document.valid_until
    issue = Issue(context.settings.origin, artefact.department, kind, document.claims, until)
    made = (
        sign_document(issue, signer, status=entry, now=now, holder=holder)
        if artefact.form == ArtefactForm.SD_JWT
        else sign_card(issue, signer, artefact.view or "", status=entry, now=now, holder=holder)
    )
    session.flush()
    keep(session, artefact.department, [(document.id, made)], claim_id=artefact.claim_id)
    if document.state == DocumentState.BATCHED:
        document.state = DocumentState.SIGNED
        document.updated_at = now
    if document.status == Status.SUSPENDED:
        _suspend(session, document, entry, now)


def _holder(context: Context, artefact: Artefact) -> PublicKey | None:
    """Return the holder's key that the old artefact names."""
    if artefact.holder_kid is None:
        return None
    return read(artefact.text, context.catalogue).holder


def _suspend(session: Session, document: DocumentRecord, entry: tuple[int, int], now: int) -> None:
    """Suspend the new artefact as the old one was."""
    changes: Sequence[StatusChange] = session.exec(
        select(StatusChange)
        .where(col(StatusChange.document_id) == document.id)
        .order_by(col(StatusChange.id).desc())
        .limit(1)
    ).all()
    values: dict[str, Any] = {
        "department": document.department,
        "document_id": document.id,
        "list": entry[0],
        "index": entry[1],
        "status": int(Status.SUSPENDED),
        "reason": document.reason,
        "state": ChangeState.REQUESTED,
        "created_at": now,
    }
    for last in changes:
        session.add(
            StatusChange(actor_department=last.actor_department, officer=last.officer, **values)
        )
