"""What is ordered from those above a department: an administrator's account here, or the council.

The council may be an account of this key store, which makes its calls through the outbox like any
other, or a wallet whose members sign elsewhere: then a call waits in the outbox until the chain
shows that it was made.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from ecert.encoding import code_text
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.chain.calls import ContractCall
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import (
    AccountPurpose,
    Department,
    DepartmentState,
    GrantState,
    KindGrant,
)
from registry.errors import ConflictError, NotFoundError
from registry.outbox.effects import on_failed
from registry.outbox.models import Purpose, Transaction, TransactionState
from registry.outbox.service import Outbox, call_of

DECLINED = "council_declined"
"""The reason that a declined order failed for."""


class Orders:
    """Queues acts from above, and knows which of them the council has still to make.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        audit: Where acts are recorded.
        outbox: Where contract calls are queued.
    """

    def __init__(
        self, session: Session, context: Context, audit: AuditTrail, outbox: Outbox
    ) -> None:
        self._session = session
        self._context = context
        self._audit = audit
        self._outbox = outbox
        self._keys = KeyService(session, context.keystore)

    def act(
        self,
        by: str | None,
        call: ContractCall,
        purpose: Purpose,
        *,
        after: int | None = None,
        at_once: bool = False,
    ) -> int:
        """Order a call; return the outbox id.

        Args:
            by: The department whose administrator makes it; None for the council.
            call: The call.
            purpose: What follows when it is final.
            after: Another order that goes before.
            at_once: Whether it needs no announcement though it is the council's.
        """
        if by is not None:
            admin = self._keys.account(by, AccountPurpose.ADMIN)
            return self._outbox.queue(admin.address, call, purpose, after=after)
        council = self._keys.council_account()
        if not council.is_ours:
            return self._outbox.await_council(council.address, call, purpose, after=after)
        delay = self._context.contracts.council_delay
        if at_once or delay == 0:
            return self._outbox.queue(council.address, call, purpose, after=after)
        announced = self._outbox.queue(
            council.address,
            self._context.contracts.departments.schedule(call),
            Purpose.SCHEDULE,
            after=after,
        )
        return self._outbox.queue(council.address, call, purpose, after=announced, delay=delay)

    def hand_over(self, actor: Actor, address: str) -> int:
        """Name the next council, which becomes it by accepting; return the outbox id.

        For a council that is an account of this key store: a wallet's members propose it.

        Args:
            actor: An operator.
            address: The next council's wallet, which is one.

        Raises:
            ForbiddenError: The actor is no operator.
            ConflictError: ``council_is_elsewhere``.
        """
        actor.require(Role.OPERATOR)
        council = self._keys.council_account()
        if not council.is_ours:
            raise ConflictError("council_is_elsewhere", council=council.address)
        call = self._context.contracts.departments.propose_council(address)
        self._audit.record(actor, "council.propose", address, previous=council.address)
        return self.act(None, call, Purpose.COUNCIL)

    def awaiting(self) -> dict[str, list[str]]:
        """Return what of each department awaits the council: the calls' names, in order."""
        found: dict[str, list[str]] = {}
        for row in self._rows():
            found.setdefault(_department(row), []).append(row.function)
        return found

    def calls(self, code: str) -> Sequence[ContractCall]:
        """Return the calls of a department that await the council, in order."""
        return [call_of(row) for row in self._rows() if _department(row) == code]

    def decline(self, actor: Actor, code: str) -> int:
        """Give up what of a department awaits the council; return how many calls.

        A proposal that its members have signed is not unsigned by that: what they carry out later
        all the same stands on the chain.

        Raises:
            ForbiddenError: The actor is no operator.
            NotFoundError: ``council_nothing_awaits``.
        """
        actor.require(Role.OPERATOR)
        rows = [row for row in self._rows() if _department(row) == code]
        if not rows:
            raise NotFoundError("council_nothing_awaits", department=code[:20])
        for row in rows:
            row.state, row.error = TransactionState.FAILED, DECLINED
            row.updated_at = self._context.clock()
            on_failed(self._session, self._context, row)
            self._undo(row, code)
        self._audit.record(
            actor, "council.decline", code, department=code, calls=[row.function for row in rows]
        )
        return len(rows)

    def _undo(self, row: Transaction, code: str) -> None:
        """Take back what counted here from the moment that it was ordered."""
        if row.function == "suspend":
            department = self._session.get(Department, code, with_for_update=True)
            if department is not None and department.transaction_id == row.id:
                department.state = DepartmentState.ADMITTED
        elif row.function == "withdrawKind":
            kind = code_text(call_of(row).arguments()["kind"])
            grant = self._session.get(KindGrant, (code, kind), with_for_update=True)
            if grant is not None and grant.state == GrantState.WITHDRAWN:
                grant.state = GrantState.GRANTED

    def _rows(self) -> Sequence[Transaction]:
        statement = select(Transaction).where(col(Transaction.state) == TransactionState.AWAITING)
        return self._session.exec(statement.order_by(col(Transaction.id))).all()


def _department(row: Transaction) -> str:
    return code_text(call_of(row).arguments()["department"])
