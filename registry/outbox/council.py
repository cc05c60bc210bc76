"""Following a council whose keys are not here: what it did, and who it is.

A call that awaits the council is settled by what the contracts log, whoever sent the transaction
and by whatever tool: an order of this registry's operators is done when each of its events stands
in a final block.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from ecert.chain.events import (
    Admitted,
    DepartmentSuspended,
    KeyCompromised,
    KeyWithdrawn,
    KindGranted,
    KindWithdrawn,
    RoleGranted,
    SuspensionLifted,
    decode_log,
    topic_of,
)
from ecert.chain.node import Header
from ecert.chain.records import DEPARTMENTS
from registry.application import Registry
from registry.audit.service import AuditTrail
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall, Role
from registry.departments.keys import KeyService
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.effects import on_failed, on_final
from registry.outbox.models import ChainDeployment, Purpose, Transaction, TransactionState
from registry.outbox.service import call_of
from registry.outbox.sight import Settlement, Sight

BUSY_SECONDS, QUIET_SECONDS = 1.0, 5.0
"""How often it is looked while something awaits the council, and else."""

OUTLIVES = (Purpose.ANCHOR, Purpose.STATUS, Purpose.SUSPENSION)
"""Purposes whose failure does not fail what waits for them: anchors and statuses are tried again
otherwise; a suspension or a lift may fail because somebody else was quicker, and what follows it is
for the chain to judge."""

_COUNCIL = bytes(20)
_LOGGED = (
    Admitted, DepartmentSuspended, KeyCompromised, KeyWithdrawn, KindGranted, KindWithdrawn,
    RoleGranted, SuspensionLifted,
)  # fmt: skip
_Effects = list[tuple[type, dict[str, object]]]
_Place = tuple[int, int]
"""Block, and position of the log entry in it."""

_log = logging.getLogger(__name__)


@dataclass
class _Search:
    """How far the log was looked through for a call.

    Attributes:
        missing: Events that were not found yet: their class, and the fields that tell them.
        after: Where to go on.
        found: Where the last of those found stands.
    """

    missing: _Effects
    after: _Place
    found: _Place | None = field(default=None)

    def take(self, event: Any, place: _Place) -> None:
        """Look at an event; they come in order."""
        if place <= self.after:
            return
        for kind, fields in self.missing:
            if isinstance(event, kind) and _has(event, fields):
                self.missing.remove((kind, fields))
                self.found = place
                return


class CouncilWatch:
    """Settles what awaits the council.

    Args:
        registry: Whose orders.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._searches: dict[int, _Search] = {}
        self._height = -1
        self._next_look = float("-inf")

    def forget(self) -> None:
        """Look through the log anew: blocks may have been lost."""
        self._searches.clear()
        self._height = -1

    def look(self, sight: Sight, settlement: Settlement) -> bool:
        """Look what the council did since the last time; return whether anything was settled.

        Raises:
            UnavailableError: Chain or database do not answer.
        """
        if time.monotonic() < self._next_look:
            return False
        with self._registry.database.reading() as session:
            waiting = bool(_awaiting(session))
        self._next_look = time.monotonic() + (BUSY_SECONDS if waiting else QUIET_SECONDS)
        height = sight.sender.block_number()
        if height == self._height and not waiting:
            return False
        self._adopt_council(sight)
        settled = False
        while waiting and self._settle(sight, settlement):
            settled = True
        self._height = height
        return settled

    def _adopt_council(self, sight: Sight) -> None:
        """Note who the council is, if that has changed."""
        departments = self._registry.context.contracts.departments
        word = sight.sender.read(departments.council())
        found = checksum_address(word[-20:])
        with self._registry.database.reading() as session:
            known = KeyService(session, self._registry.context.keystore).council_account().address
        if found == known:
            return
        _log.warning("the council is another one: %s", found)
        with self._registry.database.transaction() as session:
            row = session.get(ChainDeployment, 1, with_for_update=True)
            assert row is not None  # Registry.open checked
            keys = KeyService(session, self._registry.context.keystore)
            row.council = keys.outside_account(found).address
            AuditTrail(session, self._registry.context.clock).record(
                None, "council.changed", found, previous=known
            )

    def _settle(self, sight: Sight, settlement: Settlement) -> bool:
        """Settle what can be; return whether anything was that others may have waited for."""
        with self._registry.database.reading() as session:
            rows = _awaiting(session)
            ready = [row for row in rows if self._is_next(session, row)]
            failed = [row for row in ready if _failed_before(session, row)]
        for row in failed:
            self._fail(row)
        searched = [row for row in ready if row not in failed]
        if not searched:
            return bool(failed)
        final = settlement.settle()
        self._search(sight, searched, final)
        done = False
        for row in searched:
            search = self._searches[row.id or 0]
            if not search.missing and search.found is not None:
                header = sight.sender.header(search.found[0])
                if header is not None:
                    self._done(row, search.found, header, final)
                    done = True
        return done or bool(failed)

    def _is_next(self, session: Session, row: Transaction) -> bool:
        """Tell whether all that goes before a row is settled; begin the search for it then."""
        before = session.get(Transaction, row.after_id) if row.after_id is not None else None
        if before is not None and before.state == TransactionState.AWAITING:
            return False
        if row.id not in self._searches:
            after = (row.since_block or 0, -1)
            if before is not None and before.log_index is not None and before.block is not None:
                after = max(after, (before.block, before.log_index))
            self._searches[row.id or 0] = _Search(_effects(call_of(row)), after)
        return True

    def _search(self, sight: Sight, rows: list[Transaction], final: Header) -> None:
        searches = [self._searches[row.id or 0] for row in rows]
        address = bytes.fromhex(self._registry.context.contracts.departments.address[2:])
        first = min(search.after[0] for search in searches)
        topics = [topic_of(DEPARTMENTS, event) for event in _LOGGED]
        for log in sight.sender.logs([address], first, final.number, topics=topics):
            event = decode_log(log, DEPARTMENTS)
            for search in searches:
                search.take(event, (log.block, log.index))
        for search in searches:
            search.after = max(search.after, (final.number + 1, -1))

    def _done(self, row: Transaction, place: _Place, header: Header, final: Header) -> None:
        context = self._registry.context
        with self._registry.database.transaction() as session:
            current = session.get(Transaction, row.id, with_for_update=True)
            if current is None or current.state != TransactionState.AWAITING:
                return
            current.state = TransactionState.FINAL
            current.block, current.log_index = place
            current.block_hash, current.block_time = header.hash, header.time
            current.updated_at = context.clock()
            on_final(session, context, current)
            keep_checkpoint(session, context, final)
        del self._searches[row.id or 0]

    def _fail(self, row: Transaction) -> None:
        with self._registry.database.transaction() as session:
            current = session.get(Transaction, row.id, with_for_update=True)
            if current is None or current.state != TransactionState.AWAITING:
                return
            current.state, current.error = TransactionState.FAILED, "dependency_failed"
            current.updated_at = self._registry.context.clock()
            on_failed(session, self._registry.context, current)


def await_from(registry: Registry, block: int) -> None:
    """Let the search for what awaits the council begin no later than at ``block``.

    What was done in blocks that are gone may be done again in earlier ones than the first time.
    """
    with registry.database.transaction() as session:
        for row in _awaiting(session):
            row.since_block = max(0, min(row.since_block or 0, block))


def _awaiting(session: Session) -> list[Transaction]:
    statement = select(Transaction).where(col(Transaction.state) == TransactionState.AWAITING)
    return list(session.exec(statement.order_by(col(Transaction.id))).all())


def _failed_before(session: Session, row: Transaction) -> bool:
    before = session.get(Transaction, row.after_id) if row.after_id is not None else None
    failed = before is not None and before.state == TransactionState.FAILED
    return failed and before is not None and before.purpose not in OUTLIVES


def _effects(call: ContractCall) -> _Effects:
    """Return the events that a call of the council logs; all of them tell that it was made."""
    found = call.arguments()
    return [
        (event, {"department": found["department"]} | fields)
        for event, fields in _EFFECTS[call.function](found)
    ]


def _admission(found: Mapping[str, Any]) -> _Effects:
    kinds: _Effects = [(KindGranted, {"kind": kind}) for kind in found["kinds"]]
    # Its administrator's account must be the one that is here.
    account = bytes.fromhex(found["admin"][2:])
    role = {"role": int(Role.ADMIN), "account": account}
    return [(Admitted, {"parent": _COUNCIL}), *kinds, (RoleGranted, role)]


_EFFECTS: dict[str, Callable[[Mapping[str, Any]], _Effects]] = {
    "admit": _admission,
    "grantKind": lambda found: [(KindGranted, {"kind": found["kind"]})],
    "withdrawKind": lambda found: [(KindWithdrawn, {"kind": found["kind"]})],
    "suspend": lambda _: [(DepartmentSuspended, {"actor": _COUNCIL})],
    "lift": lambda _: [(SuspensionLifted, {})],
    "withdrawKey": lambda found: [(KeyWithdrawn, {"key_id": found["keyId"]})],
    "compromiseKey": lambda found: [
        (KeyCompromised, {"key_id": found["keyId"], "since_block": found["sinceBlock"]})
    ],
}
"""What is ordered of the council, and what of it the contract logs beside the department."""


def _has(event: object, fields: dict[str, object]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())
