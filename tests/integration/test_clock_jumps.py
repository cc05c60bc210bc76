"""Clocks that jump by a day, forwards and back, while running and between runs.

The registry's clock and the seconds that pass are set by the tests; the chain is a real node, whose
own clock is moved where the chain is this machine's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from registry_world import RegistryWorld
from sqlmodel import select

from ecert import card as cards
from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.errors import TrustError
from ecert.receipt import CompactReceipt
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.api.health import Health
from registry.api.metrics import Metrics
from registry.application import Registry
from registry.audit.models import AuditEntry
from registry.batches.models import Batch, BatchState
from registry.batches.sealing import seal_waiting
from registry.claims.models import ClaimCode
from registry.claims.service import OfferedKey
from registry.clock import unix_now
from registry.documents.models import Artefact, ArtefactForm, ArtefactState, DocumentState
from registry.documents.signing import sign_approved
from registry.errors import ForbiddenError
from registry.outbox.checkpoints import accept_clock
from registry.outbox.models import ChainCheckpoint
from registry.outbox.worker import Worker
from registry.timekeeping import ClockError, ClockWatch, seconds_passed
from tests.fakes.world import World
from tests.integration.web_service import paper
from verifier.web.challenges import Challenges
from verifier.web.errors import ChallengeError

HOUR = 3600
DAY = 24 * HOUR


class MovableClock:
    """The real clock, moved."""

    offset = 0

    def __call__(self) -> int:
        return unix_now() + self.offset


class Passing:
    """Seconds that pass, and those that the system counted of them."""

    uncounted = 0

    def __call__(self) -> float:
        return seconds_passed() - self.uncounted


@dataclass
class Timed:
    """A registry whose clock can be set."""

    world: RegistryWorld
    clock: MovableClock
    passing: Passing

    @property
    def registry(self) -> Registry:
        return self.world.registry

    def turn(self, seconds: int) -> None:
        """Set the machine's clock; the node's goes ahead with it, and not back by itself."""
        self.clock.offset += seconds
        if seconds > 0:
            LoopbackRpc(self.world.chain.rpc_url).call("evm_increaseTime", seconds)

    def restart(self, *, network: bool = False) -> None:
        """Begin anew, with nothing in memory."""
        context = replace(self.registry.context, watch=ClockWatch(self.passing))
        registry = Registry(self.registry.settings, self.registry.database, context)
        self.world.registry = registry
        self.world.worker = (
            Worker.network(registry, [self.world.chain.rpc_url])
            if network
            else Worker.embedded(registry, self.world.chain)
        )

    def tick(self) -> None:
        """One round of the worker, which looks at the newest block."""
        self.world.worker._looked_at = 0
        self.world.worker.tick()

    def refusal(self) -> str:
        with pytest.raises(ClockError) as caught:
            self.tick()
        return caught.value.code

    def approved(self, seed: int) -> str:
        """An approved document, not signed yet."""
        job = self.world.import_rows(1, seed=seed)
        self.world.approve(job)
        [document] = self.world.documents(job)
        return document.id

    def state(self, document: str) -> DocumentState:
        with self.registry.reading() as services:
            return services.documents.get(self.world.clerk, document).state

    def verdicts(self, document: str, *, ahead: int = 0) -> set[Verdict]:
        """What third parties find, whose clocks are right, so many seconds ahead of today's."""
        verifier = self.world.verifier(ahead=ahead)
        now = datetime.now(UTC) + timedelta(seconds=ahead)
        return {
            self.world.verdict(artefact, now=now, verifier=verifier)
            for artefact in self.world.artefacts(document)
        }

    def checkpoint(self) -> ChainCheckpoint:
        with self.registry.reading() as services:
            return services.outbox.checkpoint()

    def accept(self) -> None:
        """What ``registry accept-clock`` does, in a process of its own."""
        context = replace(self.registry.context, watch=ClockWatch())
        with self.registry.database.transaction() as session:
            accept_clock(session, context, self.world.operator)

    def health(self) -> tuple[str, bool]:
        vitals = Health(self.registry).vitals()
        return vitals.state, vitals.clock


@pytest.fixture
def timed(anvil: Path, tmp_path: Path) -> Iterator[Timed]:
    del anvil
    clock, passing = MovableClock(), Passing()
    with EmbeddedChain(tmp_path / "chain") as chain:
        world = RegistryWorld.make(tmp_path, chain, clock=clock, watch=ClockWatch(passing))
        world.worker.drain(seconds=60)
        yield Timed(world, clock, passing)
        world.registry.close()


def offered(code: str, origin: str) -> OfferedKey:
    key = SoftwareSigner.generate()
    proof = b64url_encode(key.sign(proof_input(code, origin)))
    return OfferedKey(key.public_key.jwk, proof, None)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_after_a_jump_nothing_is_signed_until_the_clock_is_right(timed: Timed, jump: int) -> None:
    world = timed.world
    [issued] = world.documents(world.issue(1, seed=1))
    with timed.registry.transaction() as services:
        _, code = services.claims.make_code(world.clerk, issued.id)
    waiting, before = timed.approved(2), timed.checkpoint()
    timed.clock.offset = jump

    refused = "clock_jumped" if jump > 0 else "clock_behind_checkpoint"
    for _ in range(2):
        assert timed.refusal() == refused
    assert timed.state(waiting) == DocumentState.APPROVED
    assert timed.checkpoint() == before
    # A wallet's claim is signed by the web service.
    key = offered(code, timed.registry.settings.origin)
    with pytest.raises(ClockError), timed.registry.transaction() as services:
        services.claims.redeem(code, key, [])
    health = Health(timed.registry)
    assert (health.vitals().state, health.vitals().clock) == ("degraded", False)
    assert b"ecert_clock_right 0.0" in Metrics(timed.registry, health).text()

    timed.clock.offset = 0
    world.worker.drain(seconds=60)
    assert timed.verdicts(waiting) == {Verdict.VALID}
    assert timed.health() == ("ok", True)
    with timed.registry.transaction() as services:
        kept = services.session.exec(select(ClaimCode)).one()
        assert kept.attempts_left == timed.registry.settings.claim_code_attempts
        services.claims.redeem(code, key, [])


def test_a_machine_that_was_off_for_a_week_starts(timed: Timed) -> None:
    waiting = timed.approved(1)
    timed.turn(7 * DAY)
    timed.restart()
    timed.world.worker.drain(seconds=60)
    assert timed.state(waiting) == DocumentState.ANCHORED
    assert timed.verdicts(waiting, ahead=7 * DAY) == {Verdict.VALID}
    assert timed.health() == ("ok", True)


def test_a_machine_that_was_stopped_goes_on_when_the_operator_says_so(timed: Timed) -> None:
    """A virtual machine that is paused counts no seconds, as if its clock had jumped."""
    waiting = timed.approved(1)
    timed.tick()
    more = timed.approved(2)
    timed.turn(DAY)
    assert timed.refusal() == "clock_jumped"
    with pytest.raises(ForbiddenError), timed.registry.database.transaction() as session:
        accept_clock(session, timed.registry.context, timed.world.clerk)
    timed.accept()
    timed.world.worker.drain(seconds=60)
    assert {timed.state(waiting), timed.state(more)} == {DocumentState.ANCHORED}
    with timed.registry.reading() as services:
        entry = services.session.exec(
            select(AuditEntry).where(AuditEntry.action == "clock.accept")
        ).one()
    assert entry.officer == timed.world.operator.id


def test_a_clock_that_was_ahead_at_the_start_and_is_set_right(timed: Timed) -> None:
    """Nothing tells a wrong clock from a long time off; what it signed is signed anew."""
    world = timed.world
    [early] = world.documents(world.issue(1, seed=1))
    sealed, signed = timed.approved(2), timed.approved(3)
    timed.turn(20 * HOUR)
    timed.restart()
    context = timed.registry.context
    with timed.registry.database.transaction() as session:
        assert sign_approved(session, context, 1) == 1
        assert seal_waiting(session, context) == 1
        assert sign_approved(session, context, 1) == 1
    timed.world.worker._heartbeat(timed.world.worker._on_duty())  # a checkpoint of tomorrow
    with timed.registry.transaction() as services:
        services.statuses.suspend(world.approver, early.id, "ordered while the clock was wrong")

    timed.turn(-20 * HOUR)
    timed.restart()
    assert timed.refusal() == "clock_behind_checkpoint"
    assert timed.health() == ("degraded", False)
    timed.accept()
    timed.world.worker.drain(seconds=60)
    assert timed.verdicts(sealed) == timed.verdicts(signed) == {Verdict.VALID}
    assert timed.verdicts(early.id) == {Verdict.SUSPENDED}
    assert abs(timed.checkpoint().time - unix_now()) < 2 * HOUR
    with timed.registry.reading() as services:
        batches = services.session.exec(select(Batch).order_by(Batch.id)).all()
        kept = services.session.exec(
            select(Artefact.document_id).where(
                Artefact.form == ArtefactForm.SD_JWT, Artefact.state == ArtefactState.ANCHORED
            )
        ).all()
    assert BatchState.DROPPED in {batch.state for batch in batches}
    assert sorted(map(str, kept)) == sorted({early.id, sealed, signed}), "once each"


def test_a_chain_that_a_wrong_clock_put_ahead_is_set_right_with_it(timed: Timed) -> None:
    timed.turn(2 * DAY)
    timed.restart()
    premature = timed.approved(1)
    timed.world.worker.drain(seconds=60)
    assert timed.state(premature) == DocumentState.ANCHORED
    assert timed.verdicts(premature) == {Verdict.NOT_YET_VALID}

    timed.turn(-2 * DAY)
    waiting = timed.approved(2)
    assert timed.refusal() == "clock_behind_checkpoint"
    timed.accept()
    timed.world.worker.drain(seconds=60)
    assert timed.state(waiting) == DocumentState.ANCHORED
    assert timed.verdicts(waiting) == {Verdict.VALID}
    assert timed.verdicts(premature) == {Verdict.UNDECIDED}

    timed.turn(2 * DAY)
    timed.restart()
    timed.approved(3)
    timed.world.worker.drain(seconds=60)
    assert timed.verdicts(premature, ahead=2 * DAY) == {Verdict.VALID}


class TestOnANetwork:
    """Other machines give blocks their time."""

    def test_a_clock_that_is_behind_from_the_start_is_seen_at_once(self, timed: Timed) -> None:
        waiting = timed.approved(1)
        with timed.registry.database.transaction() as session:
            row = session.get(ChainCheckpoint, 1)
            assert row is not None
            row.time -= 2 * DAY  # as where this machine has signed none since
        timed.clock.offset = -DAY
        timed.restart(network=True)
        assert timed.refusal() == "clock_behind_chain"
        assert timed.state(waiting) == DocumentState.APPROVED
        timed.clock.offset = 0
        timed.world.worker.drain(seconds=60)
        assert timed.verdicts(waiting) == {Verdict.VALID}

    def test_what_a_clock_ahead_signed_before_a_new_block_came_is_signed_anew(
        self, timed: Timed
    ) -> None:
        waiting = timed.approved(1)
        timed.clock.offset = DAY
        timed.restart(network=True)
        timed.tick()  # there is no new block yet
        assert timed.state(waiting) != DocumentState.APPROVED
        code = ""
        for _ in range(20):
            try:
                timed.tick()
            except ClockError as error:
                code = error.code
                break
        assert code == "clock_apart_from_chain"
        assert timed.health() == ("degraded", False)

        timed.clock.offset = 0
        assert timed.refusal() == "clock_behind_checkpoint"
        timed.accept()
        timed.world.worker.drain(seconds=60)
        assert timed.state(waiting) == DocumentState.ANCHORED
        assert timed.verdicts(waiting) == {Verdict.VALID}
        with timed.registry.reading() as services:
            states = services.session.exec(
                select(Artefact.state).where(Artefact.form == ArtefactForm.SD_JWT)
            ).all()
        assert sorted(states) == [ArtefactState.ANCHORED, ArtefactState.SUPERSEDED]

    def test_a_machine_that_was_stopped_goes_on_by_itself(self, timed: Timed) -> None:
        timed.restart(network=True)
        timed.tick()
        timed.turn(DAY)
        waiting = timed.approved(1)
        LoopbackRpc(timed.world.chain.rpc_url).call("evm_mine")
        timed.tick()
        timed.world.worker.drain(seconds=60)
        assert timed.state(waiting) == DocumentState.ANCHORED


class TestVerifiers:
    """A verifier whose clock is a day off says what it cannot know; none of it passes for good."""

    @pytest.fixture
    def world(self) -> World:
        return World()

    @pytest.mark.parametrize(
        ("jump", "verdict"), [(DAY + 1, Verdict.UNDECIDED), (-DAY, Verdict.NOT_YET_VALID)]
    )
    def test_it_calls_nothing_valid_and_nothing_false(
        self, world: World, jump: int, verdict: Verdict
    ) -> None:
        data, verifier = paper(world), world.verifier()
        off = world.now + timedelta(seconds=jump)
        assert verifier.verify(data, now=off).verdict is verdict
        assert verifier.verify(data, now=world.now).verdict is Verdict.VALID

    @pytest.mark.parametrize("jump", [DAY, -DAY])
    def test_a_wallet_with_such_a_clock_proves_nothing(self, world: World, jump: int) -> None:
        key = SoftwareSigner.generate()
        issued = world.issue_card(holder=key.public_key)
        (receipt,) = world.anchor(issued.digest)
        compact = CompactReceipt(receipt.index, receipt.size, receipt.path, receipt.block)
        text = cards.with_receipt(issued.text, compact)
        verifier = world.verifier()
        for off, verdict in ((jump, Verdict.HOLDER_NOT_PROVEN), (0, Verdict.VALID)):
            shown = cards.with_proof(text, holder=key, now=world.now + timedelta(seconds=off))
            assert verifier.verify(shown, now=world.now).verdict is verdict

    def test_a_trust_file_that_is_about_to_expire(self, world: World) -> None:
        data, verifier = paper(world), world.verifier()
        late = world.now + timedelta(days=30, seconds=DAY)
        with pytest.raises(TrustError, match="trust_expired"):
            verifier.verify(data, now=late)
        assert verifier.verify(data, now=world.now).verdict is Verdict.VALID

    def test_a_challenge_is_taken_once_whatever_the_clock_does(self, world: World) -> None:
        moved = [0]
        challenges = Challenges(lambda: world.now.timestamp() + moved[0])
        asked = challenges.make("https://verifier.example")
        for offset in (0, DAY, 0, -DAY, 0):
            moved[0] = offset
            other = challenges.make("https://verifier.example")
            with challenges.answering(other.nonce) as answer:
                answer.accepted = True
            if offset == 0 and len(challenges) == 1:
                with challenges.answering(asked.nonce) as answer:
                    answer.accepted = True
                continue
            with pytest.raises(ChallengeError, match="challenge_used"):
                challenges.answering(asked.nonce).__enter__()
