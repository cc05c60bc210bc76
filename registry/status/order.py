"""The last word on an entry is the chain's last word too, though calls fail, wait or overtake.

Each department acts through an account of its own, and the order of transactions is certain within
one account only; what was refused is sent again later. So an older change of an entry must never
come after a newer one. A revocation needs no such care: the contract lets nothing undo it.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
import sqlalchemy.orm
from sqlmodel import Session, col, select

from ecert.status import Status
from registry.outbox.models import LIVE_STATES, Transaction, TransactionState
from registry.status.models import ChangeState, StatusChange

_UNFINISHED = (ChangeState.REQUESTED, ChangeState.SENT)


def in_order(rows: Sequence[StatusChange]) -> Iterator[StatusChange]:
    """Yield changes up to the first of an entry that another department changes before.

    What is left has its turn when these are queued.
    """
    actors: dict[tuple[str, int | None, int | None], str] = {}
    for row in rows:
        entry = (row.department, row.list, row.index)
        if row.index is not None and actors.setdefault(entry, row.actor_department) != (
            row.actor_department
        ):
            return
        yield row


def is_superseded(session: Session, change: StatusChange) -> bool:
    """Tell whether somebody changed the entry's status again after ``change`` was asked for."""
    if change.index is None:
        return False
    statement = select(StatusChange.id).where(
        *_same_entry(change),
        col(StatusChange.id) > change.id,
        col(StatusChange.state) != ChangeState.REFUSED,
    )
    return session.exec(statement.limit(1)).first() is not None


def follows_unfinished(session: Session, change: StatusChange) -> bool:
    """Tell whether an older change of the same entry may still reach the chain."""
    if change.index is None:
        return False
    statement = select(StatusChange.id).where(
        *_same_entry(change),
        col(StatusChange.id) < change.id,
        col(StatusChange.state).in_(_UNFINISHED),
    )
    return session.exec(statement.limit(1)).first() is not None


def overtake(session: Session, group: Sequence[StatusChange], now: int) -> int | None:
    """Let nothing older come to the chain after ``group``, changes to one status.

    A call with older changes of the same entries that is not signed yet is taken back: what in it
    is not superseded is queued again. One that is signed may be mined at any time.

    Returns:
        The outbox id of the call that must be final before ``group`` is sent, if there is one.
    """
    if group[0].index is None or group[0].status == Status.REVOKED:
        return None
    signed: int | None = None
    for transaction_id in _older_calls(session, group):
        row = session.get(Transaction, transaction_id, with_for_update=True, populate_existing=True)
        if row is None or row.state not in LIVE_STATES:
            continue
        if row.state == TransactionState.QUEUED:
            row.state, row.error = TransactionState.FAILED, "status_superseded"
            row.updated_at = now
        else:
            signed = transaction_id
    return signed


def _older_calls(session: Session, group: Sequence[StatusChange]) -> Sequence[int | None]:
    """Return the live calls, oldest first, with changes that are older than one of ``group``."""
    older = sa.orm.aliased(StatusChange)
    statement = (
        select(older.transaction_id)
        .join(Transaction, col(Transaction.id) == col(older.transaction_id))
        .join(
            StatusChange,
            sa.and_(
                col(older.department) == col(StatusChange.department),
                col(older.list) == col(StatusChange.list),
                col(older.index) == col(StatusChange.index),
                col(older.id) < col(StatusChange.id),
            ),
        )
        .where(
            col(StatusChange.id).in_([change.id for change in group]),
            col(older.state) == ChangeState.SENT,
            col(Transaction.state).in_(LIVE_STATES),
        )
        .distinct()
        .order_by(col(older.transaction_id))
    )
    return session.exec(statement).all()


def _same_entry(change: StatusChange) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(StatusChange.department) == change.department,
        col(StatusChange.list) == change.list,
        col(StatusChange.index) == change.index,
    )
