"""The worker beside the straight way: delays, refusals, stops, and a chain that is away."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from registry_world import DEPARTMENT, RegistryWorld
from sqlmodel import select

from ecert.chain.node import Header
from ecert.checkpoint import Checkpoint
from ecert.errors import UnavailableError
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.batches.sealing import queue_anchors, seal_waiting
from registry.departments.keys import public_key_of
from registry.departments.models import (
    AccountPurpose,
    DepartmentState,
    KeyPurpose,
    SigningKey,
)
from registry.documents.models import ArtefactForm, DocumentRecord, DocumentState
from registry.documents.signing import sign_approved
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.models import Purpose, Transaction, TransactionState
from registry.outbox.worker import Worker
from tests.databases import NewDatabase


@pytest.fixture
def make(
    anvil: Path, new_database: NewDatabase, tmp_path: Path
) -> Iterator[Callable[..., RegistryWorld]]:
    del anvil
    made: list[RegistryWorld] = []

    def factory(**values: object) -> RegistryWorld:
        chain = EmbeddedChain(tmp_path / "chain")
        world = RegistryWorld.make(tmp_path, chain, new_database(tmp_path), **values)
        made.append(world)
        return world

    yield factory
    for world in made:
        world.chain.close()
        world.registry.close()


def transactions(world: RegistryWorld) -> list[Transaction]:
    with world.registry.reading() as services:
        return list(services.session.exec(select(Transaction).order_by(Transaction.id)).all())


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def state_of(world: RegistryWorld) -> DepartmentState:
    with world.registry.reading() as services:
        return services.departments.get(DEPARTMENT).state


def test_acts_of_the_council_are_announced_and_wait(make: Callable[..., RegistryWorld]) -> None:
    world = make(council_delay=3)
    world.worker.drain(seconds=30)
    assert state_of(world) == DepartmentState.REQUESTED
    announced = transactions(world)[0]
    assert (announced.purpose, announced.state) == (Purpose.SCHEDULE, TransactionState.FINAL)

    def admitted() -> bool:
        world.worker.tick()
        return state_of(world) == DepartmentState.ADMITTED

    wait_until(admitted)
    admission = transactions(world)[1]
    assert (admission.block_time or 0) >= (announced.block_time or 0) + 3


def test_it_runs_until_it_is_stopped_and_outlives_its_node(
    make: Callable[..., RegistryWorld], caplog: pytest.LogCaptureFixture
) -> None:
    world = make(poll_seconds=0.05)
    stop = threading.Event()
    thread = threading.Thread(target=world.worker.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: state_of(world) == DepartmentState.ADMITTED)
        with caplog.at_level(logging.WARNING):
            for seed in (1, 2):
                job = world.import_rows(5, seed=seed)
                world.approve(job)
                os.kill(world.chain.pid or 0, signal.SIGKILL)
                wait_until(
                    lambda job=job: (
                        {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}
                    )
                )
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    for artefact in world.artefacts(world.documents(job)[0].id):
        assert world.verdict(artefact) == Verdict.VALID
    rows = [row for found in (job,) for row in world.documents(found)]
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert not any(row.claims["name"] in told or row.claims["id_number"] in told for row in rows)


def test_a_quiet_chain_keeps_a_fresh_checkpoint(make: Callable[..., RegistryWorld]) -> None:
    world = make(heartbeat_seconds=1)
    world.worker.drain(seconds=30)
    with world.registry.reading() as services:
        operators = [
            public_key_of(row) for row in services.keys.signing_keys(KeyPurpose.CHECKPOINTS)
        ]
        first = services.outbox.checkpoint()
    time.sleep(1.5)
    world.worker.tick()
    with world.registry.reading() as services:
        second = services.outbox.checkpoint()
    signed = Checkpoint.verify(second.signed, operators)
    assert (signed.number, signed.hash, signed.time) == (first.number, first.hash, second.time)
    assert second.time > first.time


def test_a_refused_admission_can_be_made_again(make: Callable[..., RegistryWorld]) -> None:
    world = make()
    with world.registry.transaction() as services:
        # Somebody else with the council's account was quicker to admit this code.
        council = services.keys.account(None, AccountPurpose.COUNCIL).address
        call = world.registry.context.contracts.departments.admit(
            None, "430102", department_kind="PS", name="x", kinds=(), admin=council
        )
        services.outbox.queue(council, call, Purpose.ROLE)
    world.worker.drain(seconds=30)
    for _ in range(2):
        world.admit(world.operator, "430102")
        world.worker.drain(seconds=30)
        with world.registry.reading() as services:
            assert services.departments.get("430102").state == DepartmentState.REFUSED
    errors = [row.error for row in transactions(world) if row.state == TransactionState.FAILED]
    refused = ["chain_already_admitted", *["dependency_failed"] * 3]
    assert errors == refused * 2


def test_what_no_node_takes_is_given_up_without_a_gap(
    make: Callable[..., RegistryWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make()
    world.worker.drain(seconds=30)
    sender = world.worker._transmitter.sight.sender
    monkeypatch.setattr(type(sender), "estimate", lambda *_: 1 << 40)  # beyond any block
    job = world.import_rows(1, seed=3)
    world.approve(job)
    world.worker.drain(seconds=30)
    failed = [row for row in transactions(world) if row.state == TransactionState.FAILED]
    assert [row.error for row in failed] == ["chain_transaction_refused"]
    monkeypatch.undo()
    world.worker._mended_at = 0
    world.worker.tick()
    time.sleep(6)  # it is tried again after five seconds
    world.worker.drain(seconds=30)
    assert {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}


def test_paper_cards_can_be_left_out(make: Callable[..., RegistryWorld]) -> None:
    world = make(paper_cards=False)
    world.worker.drain(seconds=30)
    [document] = world.documents(world.issue(1))
    assert [a.form for a in world.artefacts(document.id)] == [ArtefactForm.SD_JWT]


def test_what_cannot_be_signed_is_rejected_and_holds_nothing_up(
    make: Callable[..., RegistryWorld],
) -> None:
    world = make()
    world.worker.drain(seconds=30)
    job = world.import_rows(3)
    broken = world.documents(job)[1].id
    with world.registry.transaction() as services:
        row = services.session.get(DocumentRecord, broken)
        assert row is not None
        # Approved so long ago that its term has ended before it is signed.
        row.claims = row.claims | {"issue_date": "1990-01-01", "birth_date": "1989-01-01"}
    world.approve(job)
    world.worker.drain(seconds=30)
    states = {row.id: (row.state, row.reason) for row in world.documents(job)}
    assert states.pop(broken) == (DocumentState.REJECTED, "document_expired_already")
    assert set(states.values()) == {(DocumentState.ANCHORED, None)}


def test_a_full_batch_closes_at_once_and_others_wait_their_time(
    make: Callable[..., RegistryWorld],
) -> None:
    world = make(batch_seconds=3600, batch_leaves=64, paper_cards=False)
    for _ in range(20):
        world.worker.tick()
    job = world.import_rows(150)
    world.approve(job)
    for _ in range(5):
        world.worker.tick()
    states = [row.state for row in world.documents(job)]
    assert states.count(DocumentState.ANCHORED) == 128
    assert states.count(DocumentState.SIGNED) == 22
    anchors = [row for row in transactions(world) if row.purpose == Purpose.ANCHOR]
    assert [row.function for row in anchors] == ["anchorMany"]


@pytest.mark.parametrize("refused", [False, True])
def test_a_key_that_ends_overtakes_no_batch_that_it_signed(
    make: Callable[..., RegistryWorld], refused: bool
) -> None:
    """A closed tree whose anchor is not queued, or was refused, would come after the key's end."""
    world = make(batch_leaves=32, processes=0)
    world.worker.drain(seconds=30)
    custodian = world.officer(Role.CUSTODIAN)
    with world.registry.transaction() as services:
        [old] = services.departments.keys_of(DEPARTMENT)
        services.departments.register_key(custodian, DEPARTMENT)
    world.worker.drain(seconds=30)
    with world.registry.transaction() as services:  # the old one goes on until it is withdrawn
        services.session.get_one(SigningKey, old.kid).created_at += 1000
    job = world.import_rows(32)
    world.approve(job)
    with world.registry.transaction() as services:
        sign_approved(services.session, world.registry.context, 1000)
    assert {row.state for row in world.documents(job)} == {DocumentState.BATCHED}
    if refused:
        with world.registry.transaction() as services:
            queue_anchors(services.session, world.registry.context)
            services.session.flush()
            for row in services.outbox.in_state([TransactionState.QUEUED]):
                row.state, row.error = TransactionState.FAILED, "chain_suspended"
    with world.registry.transaction() as services:
        services.departments.withdraw_key(custodian, old.kid)
    world.worker.drain(seconds=60)
    for row in world.documents(job)[:5]:
        assert {world.verdict(artefact) for artefact in world.artefacts(row.id)} == {Verdict.VALID}


def test_what_was_refused_until_its_key_had_ended_is_signed_anew(
    make: Callable[..., RegistryWorld],
) -> None:
    world = make(processes=0)
    world.worker.drain(seconds=30)
    custodian = world.officer(Role.CUSTODIAN)
    with world.registry.transaction() as services:
        [old] = services.departments.keys_of(DEPARTMENT)
        services.departments.register_key(custodian, DEPARTMENT)
    world.worker.drain(seconds=30)
    with world.registry.transaction() as services:
        services.session.get_one(SigningKey, old.kid).created_at += 1000
    job = world.import_rows(3)
    world.approve(job)
    with world.registry.transaction() as services:
        context = world.registry.context
        sign_approved(services.session, context, 1000)
        seal_waiting(services.session, context)
        queue_anchors(services.session, context)
        services.departments.withdraw_key(custodian, old.kid)
    with world.registry.transaction() as services:  # refused after the withdrawal was ordered
        [row] = [
            row
            for row in services.outbox.in_state([TransactionState.QUEUED])
            if row.purpose == Purpose.ANCHOR
        ]
        row.state, row.error = TransactionState.FAILED, "chain_suspended"
    world.worker._mended_at = 1e18  # it is not sent again before the key has ended
    world.worker.drain(seconds=60)
    world.worker._mended_at = 0
    world.worker.drain(seconds=60)
    for row in world.documents(job):
        assert {world.verdict(artefact) for artefact in world.artefacts(row.id)} == {Verdict.VALID}


def test_a_height_that_no_chain_reaches_is_not_kept(make: Callable[..., RegistryWorld]) -> None:
    """Else the word of one node, while the others are away, would end the work for good."""
    world = make()
    world.worker.drain(seconds=30)
    block = Header(1 << 62, bytes(32), bytes(32), 0)
    with (
        pytest.raises(UnavailableError, match="chain_height_absurd"),
        world.registry.transaction() as services,
    ):
        keep_checkpoint(services.session, world.registry.context, block)
    with world.registry.reading() as services:
        assert services.outbox.checkpoint().number < 1000


def test_a_second_worker_does_no_harm(make: Callable[..., RegistryWorld]) -> None:
    world = make(poll_seconds=0.01)
    world.worker.drain(seconds=30)
    world.worker.close()
    stop = threading.Event()
    workers = [Worker.embedded(world.registry, world.chain) for _ in range(2)]
    threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        jobs = [world.import_rows(20, seed=seed) for seed in range(4)]
        for job in jobs:
            world.approve(job)
        wait_until(
            lambda: all(
                {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}
                for job in jobs
            )
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert {row.state for row in transactions(world)} == {TransactionState.FINAL}
    artefacts = [a for job in jobs for row in world.documents(job) for a in world.artefacts(row.id)]
    assert len(artefacts) == len({a.digest for a in artefacts}) == 160
