"""Final changes of status that no transaction of this registry stands for.

They were adopted from the chain: a restored database did not know them, or somebody else's
transaction made them first. Nothing sends them again by itself when the chain loses them.
"""

import logging
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.status import Status
from registry.application import Registry
from registry.outbox.models import Transaction, TransactionState
from registry.outbox.refusals import status_on_chain
from registry.outbox.sight import Sight
from registry.status.models import ChangeState, StatusChange
from registry.status.order import follows_unfinished

_STEP = 500
_log = logging.getLogger(__name__)


def reopen_orphans(registry: Registry, sight: Sight) -> int:
    """Ask again for adopted changes that the chain no longer holds; return how many.

    Raises:
        UnavailableError: Chain or database do not answer.
    """
    reopened = after = 0
    while True:
        with registry.database.reading() as session:
            changes = _orphans(session, after)
        if not changes:
            break
        found = {change.id: status_on_chain(sight, change) for change in changes}
        with registry.database.transaction() as session:
            for change in changes:
                row = session.get(StatusChange, change.id, with_for_update=True)
                if row is None or row.state != ChangeState.FINAL:
                    continue
                if _is_undone(session, row, found[change.id]):
                    row.state, row.transaction_id = ChangeState.REQUESTED, None
                    reopened += 1
        after = changes[-1].id or 0
    if reopened:
        _log.warning("the chain has lost %d adopted changes of status; asked for anew", reopened)
    return reopened


def _orphans(session: Session, after: int) -> Sequence[StatusChange]:
    statement = (
        select(StatusChange)
        .outerjoin(Transaction, col(Transaction.id) == col(StatusChange.transaction_id))
        .where(
            col(StatusChange.state) == ChangeState.FINAL,
            col(StatusChange.id) > after,
            # One of its own that was refused, as the change was there already, is none.
            sa.or_(
                col(Transaction.id).is_(None), col(Transaction.state) == TransactionState.FAILED
            ),
        )
    )
    return session.exec(statement.order_by(col(StatusChange.id)).limit(_STEP)).all()


def _is_undone(session: Session, change: StatusChange, found: int) -> bool:
    """Tell whether a change has to be made again, and would undo no later one."""
    if found == Status.REVOKED or _is_outdone(session, change):
        return False
    # An older change that is sent again would undo what the chain says now.
    return found != change.status or follows_unfinished(session, change)


def _is_outdone(session: Session, change: StatusChange) -> bool:
    """Tell whether a later change took the place of this one; of a revocation only another."""
    later = [
        col(StatusChange.id) > change.id,
        col(StatusChange.state) != ChangeState.REFUSED,
        col(StatusChange.department) == change.department,
        col(StatusChange.target) == change.target,
        col(StatusChange.list) == change.list,
        col(StatusChange.index) == change.index,
        col(StatusChange.hash) == change.hash,
    ]
    if change.status == Status.REVOKED:
        later.append(col(StatusChange.status) == int(Status.REVOKED))
    return session.exec(select(StatusChange.id).where(*later).limit(1)).first() is not None
