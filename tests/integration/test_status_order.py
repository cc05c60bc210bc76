"""The last word on a document is the chain's last word, whatever was refused or late meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from registry_world import DEPARTMENT, RegistryWorld
from sqlmodel import select

from ecert.status import Status
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.clock import unix_now
from registry.departments.keys import KeyService
from registry.departments.models import AccountPurpose
from registry.documents.artefacts import artefacts_of
from registry.documents.models import DocumentRecord
from registry.outbox.models import Purpose, Transaction, TransactionState
from registry.status.models import ChangeState, StatusChange
from registry.status.sending import queue_changes
from tests.databases import NewDatabase

BELOW = "430102"


class MovableClock:
    """The real clock, moved."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> int:
        return unix_now() + self.offset


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def world(
    anvil: Path, new_database: NewDatabase, tmp_path: Path, clock: MovableClock
) -> Iterator[RegistryWorld]:
    del anvil
    chain = EmbeddedChain(tmp_path / "chain")
    made = RegistryWorld.make(tmp_path, chain, new_database(tmp_path), clock=clock)
    made.worker.drain(seconds=60)
    yield made
    made.chain.close()
    made.registry.close()


def act(world: RegistryWorld, name: str, document: DocumentRecord) -> None:
    with world.registry.transaction() as services:
        change: Callable[..., DocumentRecord] = getattr(services.statuses, name)
        change(world.approver, document.id, "test")


def on_chain(world: RegistryWorld, document: DocumentRecord) -> set[Status]:
    found: set[Status] = set()
    with world.registry.reading() as services:
        artefacts = artefacts_of(services.session, document.id)
    for artefact in artefacts:
        assert artefact.status_list is not None
        assert artefact.status_index is not None
        entry = (artefact.status_list, artefact.status_index)
        found.add(
            Status(world.worker._transmitter.sight.inspect(document.department, entry=entry).status)
        )
    return found


def revoke_behind(world: RegistryWorld, document: DocumentRecord) -> None:
    """Revoke on the chain what the database goes on to think suspended."""
    artefacts = world.artefacts(document.id)
    with world.registry.transaction() as services:
        keys = KeyService(services.session, world.registry.context.keystore)
        call = world.registry.context.contracts.statuses.set_status(
            DEPARTMENT,
            DEPARTMENT,
            artefacts[0].status_list or 0,
            [a.status_index or 0 for a in artefacts],
            Status.REVOKED,
        )
        account = keys.account(DEPARTMENT, AccountPurpose.STATUS).address
        services.outbox.queue(account, call, Purpose.STATUS)
    world.worker.drain(seconds=60)


def issued_below(world: RegistryWorld) -> DocumentRecord:
    """Let a department below issue a document; its approver acts from now on."""
    world.admit(world.officer(Role.CUSTODIAN), BELOW, parent=DEPARTMENT)
    world.worker.drain(seconds=60)
    clerk = world.officer(Role.CLERK, department=BELOW)
    below = world.officer(Role.APPROVER, department=BELOW)
    [imported] = world.documents(world.import_rows(1))
    claims = {k: v for k, v in imported.claims.items() if k != "certificate_identifier"}
    with world.registry.transaction() as services:
        row = services.documents.create(clerk, department=BELOW, kind=imported.kind, claims=claims)
        services.documents.submit(clerk, row.id)
        services.documents.approve(below, [row.id])
    world.worker.drain(seconds=60)
    world.approver = below
    return row


def change_states(world: RegistryWorld) -> list[ChangeState]:
    with world.registry.reading() as services:
        return [change.state for change in services.session.exec(select(StatusChange))]


def test_a_refused_reinstatement_does_not_end_a_later_suspension(
    world: RegistryWorld, clock: MovableClock
) -> None:
    """One of two documents is revoked on the chain already, so that both are refused at first."""
    one, other = world.documents(world.issue(2))
    for document in (one, other):
        act(world, "suspend", document)
    world.worker.drain(seconds=60)
    revoke_behind(world, other)
    for document in (one, other):
        act(world, "reinstate", document)
    world.worker._mended_at = 1e18  # nothing is mended before the next word is given
    world.worker.drain(seconds=60)
    with world.registry.reading() as services:
        [failed] = services.outbox.in_state([TransactionState.FAILED])
    assert failed.purpose == Purpose.STATUS
    act(world, "suspend", one)
    world.worker.drain(seconds=60)
    assert on_chain(world, one) == {Status.SUSPENDED}
    for _ in range(3):
        world.worker._mended_at = 0
        clock.offset += 3600
        world.worker.drain(seconds=60)
    assert on_chain(world, one) == {Status.SUSPENDED}
    assert on_chain(world, other) == {Status.REVOKED}
    assert set(change_states(world)) == {ChangeState.FINAL, ChangeState.REFUSED}


def test_an_act_that_waits_does_not_undo_a_later_one_from_above(
    world: RegistryWorld, clock: MovableClock
) -> None:
    """Two departments have two accounts, and either may be held up."""
    above = world.approver
    document = issued_below(world)
    act(world, "suspend", document)
    world.worker.drain(seconds=60)
    act(world, "reinstate", document)
    with world.registry.database.transaction() as session:
        queue_changes(session, world.registry.context)
        [held] = session.exec(
            select(Transaction).where(Transaction.state == TransactionState.QUEUED)
        ).all()
        held.delay = 3600
        session.add(held)
    world.worker.drain(seconds=60)
    # It is suspended still, and is to stay so.
    world.approver = above
    with world.registry.transaction() as services:
        services.statuses.suspend(above, document.id, "by the office above")
    world.worker._reconciled = False  # as after any moment without the chain
    world.worker.drain(seconds=60)
    assert on_chain(world, document) == {Status.SUSPENDED}
    for _ in range(2):
        clock.offset += 7200
        world.worker._mended_at = 0
        world.worker.drain(seconds=60)
    assert on_chain(world, document) == {Status.SUSPENDED}
    assert set(change_states(world)) <= {ChangeState.FINAL, ChangeState.REFUSED}


def test_what_is_signed_already_is_waited_for(world: RegistryWorld) -> None:
    above = world.approver
    document = issued_below(world)
    act(world, "suspend", document)
    world.worker.drain(seconds=60)
    act(world, "reinstate", document)
    with world.registry.database.transaction() as session:
        queue_changes(session, world.registry.context)
    world.worker._transmitter._prepare_all()
    world.approver = above
    act(world, "suspend", document)
    with world.registry.database.transaction() as session:
        queue_changes(session, world.registry.context)
        rows = session.exec(select(Transaction).where(Transaction.purpose == Purpose.STATUS)).all()
        reinstating, suspending = sorted(rows, key=lambda row: row.id or 0)[-2:]
        assert reinstating.state == TransactionState.PREPARED
        assert suspending.after_id == reinstating.id
    world.worker.drain(seconds=60)
    assert on_chain(world, document) == {Status.SUSPENDED}
    assert set(change_states(world)) == {ChangeState.FINAL}


def test_words_of_two_departments_at_once_keep_their_order(world: RegistryWorld) -> None:
    above = world.approver
    document = issued_below(world)
    below = world.approver
    for officer, name in (
        (below, "suspend"), (above, "reinstate"), (below, "suspend"), (above, "reinstate"),
    ):  # fmt: skip
        world.approver = officer
        act(world, name, document)
    world.worker.drain(seconds=60)
    assert on_chain(world, document) == {Status.VALID}


def test_a_revocation_waits_for_nothing(world: RegistryWorld, clock: MovableClock) -> None:
    above = world.approver
    document = issued_below(world)
    act(world, "suspend", document)
    world.worker.drain(seconds=60)
    act(world, "reinstate", document)
    with world.registry.database.transaction() as session:
        queue_changes(session, world.registry.context)
    world.worker._transmitter._prepare_all()
    world.approver = above
    act(world, "revoke", document)
    with world.registry.database.transaction() as session:
        queue_changes(session, world.registry.context)
        newest = session.exec(
            select(Transaction).order_by(Transaction.id.desc())  # type: ignore[union-attr]
        ).first()
    assert newest is not None
    assert newest.after_id is None
    for _ in range(3):
        clock.offset += 60
        world.worker._mended_at = 0
        world.worker.drain(seconds=60)
    assert on_chain(world, document) == {Status.REVOKED}
