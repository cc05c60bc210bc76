"""Transactions that wait in a restored database though a block holds them already.

The backup knows them unsent. Sent again, an admission or a key would be refused and count as such;
so each is found in its block, signed again for the nonce that it had (which gives the same bytes:
RFC 6979), and followed from there like any other.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, select

from registry.chain.transactions import SentCall
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import Account
from registry.outbox.models import Transaction, TransactionState
from registry.outbox.nonces import DatabaseNonces
from registry.outbox.service import call_of
from registry.outbox.sight import Sight


@dataclass(frozen=True, slots=True)
class Rediscovered:
    """A waiting transaction, and how a block holds it."""

    transaction_id: int
    sent: SentCall


def rediscover(session: Session, sight: Sight, blocks: Collection[int]) -> list[Rediscovered]:
    """Find waiting transactions in blocks.

    Raises:
        UnavailableError: The chain does not answer.
    """
    statement = select(Transaction).where(col(Transaction.state) == TransactionState.QUEUED)
    waiting: defaultdict[tuple[str, str, bytes], list[int]] = defaultdict(list)
    for row in session.exec(statement.order_by(col(Transaction.id).desc())):
        assert row.id is not None
        waiting[row.account.lower(), row.target.lower(), row.data].append(row.id)
    found: list[Rediscovered] = []
    if not waiting:
        return found
    for block in sorted(blocks):
        for sent in sight.sender.calls_in(block):
            same = waiting.get((sent.account, sent.target, sent.data))
            if same:
                found.append(Rediscovered(same.pop(), sent))
    return found


def take_up(session: Session, context: Context, sight: Sight, found: list[Rediscovered]) -> int:
    """Let transactions be those that were found; return how many are."""
    count = 0
    for one in found:
        row = session.get(Transaction, one.transaction_id, with_for_update=True)
        if row is None or row.state != TransactionState.QUEUED:
            continue
        account = session.get(Account, row.account)
        assert account is not None  # a foreign key
        prepared = sight.sender.prepare(
            KeyService(session, context.keystore).local_account(account),
            call_of(row),
            DatabaseNonces(session),
            gas=one.sent.gas,
            nonce=one.sent.nonce,
        )
        if prepared.hash != one.sent.hash:
            continue  # of another signer of the same account; the chain will refuse ours
        row.nonce, row.raw = prepared.nonce, prepared.raw
        row.hash = "0x" + prepared.hash.hex()
        row.state = TransactionState.PREPARED
        row.updated_at = context.clock()
        count += 1
    session.flush()
    return count
