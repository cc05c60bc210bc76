"""Bringing queued calls to the chain, exactly once each.

    queued --prepare--> prepared --broadcast--> broadcast --outcome--> mined --settle--> final

Nonce and signed bytes are committed before the first byte is sent, and from then on only these
bytes are sent. A crash after any commit is met by doing the next step again: broadcasting twice is
harmless, and the outcome is asked of the chain, not remembered.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm
from sqlmodel import Session, col, select

from ecert.chain.node import Header
from registry.application import Registry
from registry.chain.errors import ChainRejectedError
from registry.chain.transactions import Mined, PreparedTx, Superseded, Unknown
from registry.departments.keys import KeyService
from registry.departments.models import Account
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.council import OUTLIVES
from registry.outbox.effects import on_failed, on_final
from registry.outbox.models import Purpose, Transaction, TransactionState
from registry.outbox.nonces import DatabaseNonces
from registry.outbox.service import call_of
from registry.outbox.sight import Settlement, Sight

Hook = Callable[[str], None]
"""Told the name of each point that the pipeline passes; for tests that stop it there."""

IN_FLIGHT = 16
"""Transactions of one account that may wait for a block together."""

STUCK_SECONDS = 30
"""How long a transaction may wait for a block before its account's nonces are compared again."""

_STEP = 200
_TRY_LATER = frozenset({"chain_act_too_early"})


class Transmitter:
    """Moves transactions from queued to final.

    Args:
        registry: Database and context.
        sight: Sends and reads.
        settlement: Makes blocks final.
        hook: See ``Hook``.

    Attributes:
        resent: How many transactions were sent again, having been taken and lost.
        compared_at: When database and chain were compared last.
        stuck: Whether one has waited for a block for so long since then that something before it
            may be missing, which only comparing again shows.
    """

    def __init__(
        self, registry: Registry, sight: Sight, settlement: Settlement, hook: Hook
    ) -> None:
        self._registry = registry
        self._context = registry.context
        self.sight = sight
        self.settlement = settlement
        self._hook = hook
        self.resent = 0
        self.compared_at = 0
        self.stuck = False

    def step(self) -> bool:
        """Do what can be done now; return whether anything was.

        Raises:
            UnavailableError: Chain or database do not answer; doing it again later is safe.
        """
        moved = self._prepare_all()
        moved = self._broadcast_all() or moved
        moved = self._follow_all() or moved
        return self._finalise() or moved

    def _prepare_all(self) -> bool:
        with self._registry.database.reading() as session:
            ready = self._ready(session)
        moved = False
        for transaction_id in ready:
            moved = self._prepare(transaction_id) or moved
        return moved

    def _ready(self, session: Session) -> Sequence[int]:
        """Return queued transactions that need wait for nothing, revocations first."""
        now = self._context.clock()
        before = sa.orm.aliased(Transaction)
        settled = (TransactionState.FINAL, TransactionState.FAILED)
        created = col(Transaction.created_at)
        # What was queued while the clock was ahead has waited for long enough.
        since = sa.case((created > now, 0), else_=created)
        waits = sa.case(
            (col(Transaction.after_id).is_(None), since),
            # A failed one ends the wait too: what follows is decided in ``_prepare``.
            (col(before.state).in_(settled), sa.func.coalesce(before.block_time, 0)),
            else_=sa.literal(1 << 60),
        )
        statement = (
            select(Transaction.id)
            .outerjoin(before, before.id == Transaction.after_id)  # type: ignore[arg-type]
            .where(
                col(Transaction.state) == TransactionState.QUEUED,
                waits + col(Transaction.delay) <= now,
                # A transaction of the same account that came before and is ready goes first
                # anyway, by the order; one that waits for its time does not hold others up.
            )
            .order_by(sa.case((col(Transaction.purpose) == Purpose.STATUS, 0), else_=1))
            .order_by(col(Transaction.id))
            .limit(_STEP)
        )
        return [row for row in session.exec(statement).all() if row is not None]

    def _prepare(self, transaction_id: int) -> bool:
        with self._registry.database.reading() as session:
            row = session.get(Transaction, transaction_id)
            if row is None or row.state != TransactionState.QUEUED:
                return False
            if self._failed_before(session, row):
                error: str | None = "dependency_failed"
                gas = 0
            elif self._crowded(session, row.account):
                return False
            else:
                error, gas = self._try(row)
        if error in _TRY_LATER:
            return False
        with self._registry.database.transaction() as session:
            row = session.get(Transaction, transaction_id, with_for_update=True)
            if row is None or row.state != TransactionState.QUEUED:
                return False
            if error is not None:
                self._fail(session, row, error)
            else:
                self._sign(session, row, gas)
        self._hook("prepared" if error is None else "refused")
        return True

    def _failed_before(self, session: Session, row: Transaction) -> bool:
        if row.after_id is None:
            return False
        before = session.get(Transaction, row.after_id)
        return (
            before is not None
            and before.state == TransactionState.FAILED
            and before.purpose not in OUTLIVES
        )

    def _crowded(self, session: Session, account: str) -> bool:
        statement = select(sa.func.count()).where(
            col(Transaction.account) == account,
            col(Transaction.state).in_((TransactionState.PREPARED, TransactionState.BROADCAST)),
        )
        return session.exec(statement).one() >= IN_FLIGHT

    def _try(self, row: Transaction) -> tuple[str | None, int]:
        """Return why the chain would refuse a call, or the gas it needs."""
        try:
            return None, self.sight.sender.estimate(row.account, call_of(row))
        except ChainRejectedError as error:
            return error.code, 0

    def _sign(self, session: Session, row: Transaction, gas: int) -> None:
        account = session.get(Account, row.account, with_for_update=True)
        assert account is not None  # a foreign key
        prepared = self.sight.sender.prepare(
            KeyService(session, self._context.keystore).local_account(account),
            call_of(row),
            DatabaseNonces(session),
            gas=gas,
        )
        row.nonce, row.raw = prepared.nonce, prepared.raw
        row.hash = "0x" + prepared.hash.hex()
        row.state = TransactionState.PREPARED
        row.updated_at = self._context.clock()

    def _fail(self, session: Session, row: Transaction, error: str) -> None:
        row.state, row.error = TransactionState.FAILED, error[:500]
        row.updated_at = self._context.clock()
        on_failed(session, self._context, row)

    def _broadcast_all(self) -> bool:
        moved = False
        for row in self._in_state(TransactionState.PREPARED):
            if self._is_held(row):
                continue
            self._hook("before-broadcast")
            self._broadcast(row)
            self._hook("sent")
            self._set(row, state=TransactionState.BROADCAST)
            self._hook("broadcast")
            moved = True
        return moved

    def _is_held(self, row: Transaction) -> bool:
        """Tell whether what goes before was lost with its block, and the council must make it."""
        if row.after_id is None:
            return False
        with self._registry.database.reading() as session:
            before = session.get(Transaction, row.after_id)
        return before is not None and before.state == TransactionState.AWAITING

    def _broadcast(self, row: Transaction) -> None:
        try:
            self.sight.sender.broadcast(_prepared(row))
        except ChainRejectedError as error:
            # Where the nonce is taken, what became of it is asked of the chain next.
            if error.code != "chain_nonce_taken":
                self._give_up(row, error)

    def _give_up(self, row: Transaction, error: ChainRejectedError) -> None:
        """Fail what no node will ever take, and fill its place: later ones would wait for ever."""
        assert row.nonce is not None  # it was prepared
        with self._registry.database.transaction() as session:
            current = session.get(Transaction, row.id, with_for_update=True)
            account = session.get(Account, row.account)
            assert account is not None  # a foreign key
            keys = KeyService(session, self._context.keystore)
            self.sight.sender.fill(keys.local_account(account), row.nonce)
            if current is not None and current.state == row.state:
                self._fail(session, current, error.code)

    def _follow_all(self) -> bool:
        moved = False
        late = self._context.clock() - STUCK_SECONDS
        self.stuck = False
        for row in self._in_state(TransactionState.BROADCAST):
            outcome = self.sight.sender.outcome(_prepared(row))
            if isinstance(outcome, Mined):
                self._mined(row, outcome)
            elif isinstance(outcome, Superseded):
                # Another transaction took its nonce, so that this one never happened and never
                # will: it starts afresh.
                self._set(row, state=TransactionState.QUEUED, nonce=None, raw=None, hash=None)
            elif isinstance(outcome, Unknown):
                self._broadcast(row)
                self.resent += 1
                continue
            else:
                self.stuck = self.stuck or max(row.updated_at, self.compared_at) < late
                continue
            moved = True
        return moved

    def _mined(self, row: Transaction, outcome: Mined) -> None:
        self._set(
            row,
            state=TransactionState.MINED,
            block=outcome.block_number,
            block_hash=outcome.block_hash,
            block_time=outcome.block_time,
            error=None if outcome.error is None else outcome.error.code,
        )
        self._hook("mined")

    def _finalise(self) -> bool:
        mined = self._in_state(TransactionState.MINED)
        if not mined:
            return False
        self._hook("before-settle")
        final = self.settlement.settle()
        self._hook("settled")
        certain = [row for row in mined if self._certain(row, final)]
        with self._registry.database.transaction() as session:
            for known in certain:
                row = session.get(Transaction, known.id, with_for_update=True)
                if row is None or row.state != TransactionState.MINED:
                    continue
                if row.error is not None:
                    self._fail(session, row, row.error)
                else:
                    row.state = TransactionState.FINAL
                    row.updated_at = self._context.clock()
                    on_final(session, self._context, row)
            keep_checkpoint(session, self._context, final)
            self._hook("before-final")
        self._hook("final")
        return bool(certain)

    def _certain(self, row: Transaction, final: Header) -> bool:
        """Ask again, now that blocks to ``final`` stay.

        Between mining and settling the chain may have died and come back without the block, and
        another may have taken its number; what failed in the one may have succeeded in the other.
        """
        outcome = self.sight.sender.outcome(_prepared(row))
        if isinstance(outcome, Mined) and outcome.block_number <= final.number:
            if outcome.block_hash != row.block_hash:
                self._mined(row, outcome)
                return False
            return True
        if isinstance(outcome, Unknown | Superseded):
            self._set(
                row,
                state=TransactionState.PREPARED,
                block=None,
                block_hash=None,
                block_time=None,
                error=None,
            )
        return False

    def _in_state(self, state: TransactionState) -> Sequence[Transaction]:
        with self._registry.database.reading() as session:
            statement = (
                select(Transaction)
                .where(col(Transaction.state) == state)
                .order_by(col(Transaction.resend_order), col(Transaction.id))
                .limit(_STEP)
            )
            return session.exec(statement).all()

    def _set(self, row: Transaction, **values: Any) -> None:
        """Change a row, if it is still in the state it was read in."""
        with self._registry.database.transaction() as session:
            session.execute(
                sa.update(Transaction)
                .where(
                    col(Transaction.id) == row.id,
                    col(Transaction.state) == row.state,
                    col(Transaction.hash) == row.hash,  # not made anew since
                )
                .values(updated_at=self._context.clock(), **values),
                execution_options={"synchronize_session": False},
            )


def _prepared(row: Transaction) -> PreparedTx:
    assert row.raw is not None  # every state beyond queued has it
    return PreparedTx.from_raw(row.raw)
