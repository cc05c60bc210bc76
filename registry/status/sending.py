"""The worker's step that queues changes of status: one call a list, in the order asked for."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.status import Status
from registry.chain.calls import ContractCall
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import AccountPurpose
from registry.outbox.models import Purpose
from registry.outbox.service import Outbox
from registry.status.models import ChangeState, ChangeTarget, StatusChange
from registry.status.order import in_order, overtake

MAX_INDICES = 500
"""Entries changed in one transaction. Each lies in a word of its own, as entries are random, and
takes some 23,000 gas: more would not fit into a block everywhere."""

_STEP = 20_000


def queue_changes(session: Session, context: Context) -> int:
    """Queue transactions for requested changes; return how many transactions."""
    statement = (
        select(StatusChange)
        .where(col(StatusChange.state) == ChangeState.REQUESTED)
        .order_by(col(StatusChange.id))
        .limit(_STEP)
        .with_for_update(skip_locked=True)
    )
    rows = session.exec(statement).all()
    keys = KeyService(session, context.keystore)
    outbox = Outbox(session, context.clock)
    queued = 0
    for actor, changes in _by_actor(list(in_order(rows))):
        account = keys.account(actor, AccountPurpose.STATUS).address
        for group in _groups(changes):
            _queue(session, outbox, context, account, group)
            queued += 1
    return queued


def queue_again(
    session: Session,
    context: Context,
    changes: Sequence[StatusChange],
    *,
    attempts: int,
    delay: int,
) -> None:
    """Queue changes again whose transaction failed; they are of one actor."""
    keys = KeyService(session, context.keystore)
    account = keys.account(changes[0].actor_department, AccountPurpose.STATUS).address
    outbox = Outbox(session, context.clock)
    for group in _groups(changes):
        _queue(session, outbox, context, account, group, attempts=attempts, delay=delay)


def _queue(
    session: Session,
    outbox: Outbox,
    context: Context,
    account: str,
    group: Sequence[StatusChange],
    *,
    attempts: int = 0,
    delay: int = 0,
) -> None:
    after = overtake(session, group, context.clock())
    transaction = outbox.queue(
        account, _call(context, group), Purpose.STATUS, after=after, delay=delay, attempts=attempts
    )
    session.execute(
        sa.update(StatusChange),
        [{"id": row.id, "state": ChangeState.SENT, "transaction_id": transaction} for row in group],
    )


def _by_actor(rows: Sequence[StatusChange]) -> Iterator[tuple[str, list[StatusChange]]]:
    """Group by who acts: the account, whose nonces keep its changes in order."""
    by_actor: dict[str, list[StatusChange]] = {}
    for row in rows:
        by_actor.setdefault(row.actor_department, []).append(row)
    yield from by_actor.items()


def _groups(changes: Sequence[StatusChange]) -> Iterator[list[StatusChange]]:
    """Split into calls, a change never before an earlier one of the same list."""
    by_list: dict[tuple[str, int | None, bytes | None], list[StatusChange]] = {}
    for change in changes:
        by_list.setdefault((change.department, change.list, change.hash), []).append(change)
    for same in by_list.values():
        for _, run in groupby(same, key=lambda change: change.status):
            entries = list(run)
            for start in range(0, len(entries), MAX_INDICES):
                yield entries[start : start + MAX_INDICES]


def _call(context: Context, group: Sequence[StatusChange]) -> ContractCall:
    first, calls = group[0], context.contracts.statuses
    if first.target == ChangeTarget.DIGEST and first.hash is not None:
        return calls.revoke_digest(first.actor_department, first.department, first.hash)
    if first.target == ChangeTarget.ROOT and first.hash is not None:
        return calls.revoke_root(first.actor_department, first.department, first.hash)
    indices = sorted({change.index for change in group if change.index is not None})
    assert first.list is not None
    return calls.set_status(
        first.actor_department, first.department, first.list, indices, Status(first.status)
    )
