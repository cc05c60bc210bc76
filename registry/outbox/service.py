"""Queueing contract calls: a row in the same database transaction as what the call is for."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from registry.chain.calls import ContractCall
from registry.clock import Clock, unix_now
from registry.errors import NotFoundError
from registry.outbox.models import (
    LIVE_STATES,
    ChainCheckpoint,
    Purpose,
    Transaction,
    TransactionState,
)


class Outbox:
    """Takes calls that the worker will send, exactly once each.

    Args:
        session: The transaction that the call belongs to.
        clock: The time.
    """

    def __init__(self, session: Session, clock: Clock = unix_now) -> None:
        self._session = session
        self._clock = clock

    def queue(
        self,
        account: str,
        call: ContractCall,
        purpose: Purpose,
        *,
        after: int | None = None,
        delay: int = 0,
        attempts: int = 0,
    ) -> int:
        """Queue a call; return the outbox id.

        Args:
            account: Address of the account that makes it.
            call: The call.
            purpose: What follows when it is final.
            after: Another queued call that must be final before.
            delay: Seconds to wait after that one's block, or from now.
            attempts: How many transactions for the same thing failed before.
        """
        now = self._clock()
        row = Transaction(
            account=account,
            purpose=purpose,
            contract=call.contract,
            function=call.function,
            target=call.to or "",
            data=call.data,
            after_id=after,
            delay=delay,
            attempts=attempts,
            created_at=now,
            updated_at=now,
        )
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        return row.id

    def await_council(
        self, council: str, call: ContractCall, purpose: Purpose, *, after: int | None = None
    ) -> int:
        """Note a call that the council's members are to make; return the outbox id.

        Args:
            council: The council's address.
            call: The call.
            purpose: What follows when it is final.
            after: Another call that goes before.
        """
        identifier = self.queue(council, call, purpose, after=after)
        row = self.get(identifier)
        final = self._session.get(ChainCheckpoint, 1)
        row.state = TransactionState.AWAITING
        # A department is admitted once: that may have been before it was ordered here.
        row.since_block = 0 if final is None or purpose == Purpose.ADMIT else final.number
        self._session.add(row)
        self._session.flush()
        return identifier

    def get(self, transaction_id: int) -> Transaction:
        """Return one queued call.

        Raises:
            NotFoundError: ``transaction_unknown``.
        """
        row = self._session.get(Transaction, transaction_id)
        if row is None:
            raise NotFoundError("transaction_unknown", id=transaction_id)
        return row

    def newest_live(self, account: str) -> int | None:
        """Return the last call of an account that is not yet final, if there is one."""
        statement = (
            select(Transaction.id)
            .where(col(Transaction.account) == account, col(Transaction.state).in_(LIVE_STATES))
            .order_by(col(Transaction.id).desc())
            .limit(1)
        )
        return self._session.exec(statement).first()

    def in_state(
        self, states: Iterable[TransactionState], *, limit: int = 1000
    ) -> Sequence[Transaction]:
        """Return queued calls in order."""
        statement = (
            select(Transaction)
            .where(col(Transaction.state).in_(list(states)))
            .order_by(col(Transaction.id))
            .limit(limit)
        )
        return self._session.exec(statement).all()

    def checkpoint(self) -> ChainCheckpoint:
        """Return the newest final block with the operator's signature.

        Raises:
            NotFoundError: ``checkpoint_missing`` before the first.
        """
        row = self._session.get(ChainCheckpoint, 1)
        if row is None:
            raise NotFoundError("checkpoint_missing")
        return row


def call_of(row: Transaction) -> ContractCall:
    """Return the call that a row holds."""
    return ContractCall(row.contract, row.function, row.target or None, row.data)
