"""Documents whose anchor waited too long, or was refused, are anchored after all."""

from registry_world import DEPARTMENT
from restorable_world import Restorable, restorable  # noqa: F401  # a fixture
from sqlmodel import select

from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.batches.sealing import queue_anchors, seal_waiting
from registry.claims.service import OfferedKey
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.documents.signing import sign_approved
from registry.outbox.models import Transaction, TransactionState


class TestWaiting:
    def test_what_waited_too_long_is_signed_anew(self, restorable: Restorable) -> None:
        world, clock = restorable.world, restorable.clock
        job = world.import_rows(3, seed=7)
        world.approve(job)
        with world.registry.transaction() as services:
            revoked, suspended, plain = (row.id for row in world.documents(job))
            session, context = services.session, services.context
            clock.offset = -21 * 3600
            sign_approved(session, context, 10)
            seal_waiting(session, context)
            queue_anchors(session, context)
            services.statuses.revoke(world.approver, revoked, "test")
            services.statuses.suspend(world.approver, suspended, "test")
        old = {a.digest for row in world.documents(job) for a in world.artefacts(row.id)}
        clock.offset = 0
        world.worker.drain(seconds=60)
        with world.registry.reading() as services:
            batches = services.session.exec(select(Batch).order_by(Batch.id)).all()
            artefacts = services.session.exec(
                select(Artefact).where(Artefact.form != ArtefactForm.PADDING)
            ).all()
            states = services.session.exec(select(DocumentRecord.id, DocumentRecord.state)).all()
        assert [batch.state for batch in batches] == [BatchState.DROPPED, BatchState.FINAL]
        superseded = {a.digest for a in artefacts if a.state == ArtefactState.SUPERSEDED}
        assert superseded == old
        assert {world.verdict(a) for a in world.artefacts(plain)} == {Verdict.VALID}
        assert {world.verdict(a) for a in world.artefacts(suspended)} == {Verdict.SUSPENDED}
        assert world.artefacts(revoked) == [], "nobody needs a revoked document anew"
        assert dict(states)[plain] == dict(states)[suspended] == DocumentState.ANCHORED

    def test_a_wallets_artefact_keeps_its_holder(self, restorable: Restorable) -> None:
        world, clock = restorable.world, restorable.clock
        [document] = world.documents(world.issue(1, seed=8))
        origin = world.registry.settings.origin
        clock.offset = -21 * 3600
        with world.registry.transaction() as services:
            _, code = services.claims.make_code(world.clerk, document.id)
            keys = [SoftwareSigner.generate(), SoftwareSigner.generate()]
            main, card = (
                OfferedKey(
                    key.public_key.jwk, b64url_encode(key.sign(proof_input(code, origin))), view
                )
                for key, view in zip(keys, (None, "over18"), strict=True)
            )
            claim, secret = services.claims.redeem(code, main, [card])
        clock.offset = 0
        world.worker.drain(seconds=60)
        with world.registry.transaction() as services:
            content = services.claims.content(claim.id, secret)
        assert content.complete
        assert [a.holder_kid for a in content.artefacts] == [k.public_key.kid for k in keys]
        assert {world.verdict(a) for a in content.artefacts} == {Verdict.VALID}


class TestRefusals:
    def test_a_refused_anchor_is_tried_again(self, restorable: Restorable) -> None:
        """The department is suspended on the chain by somebody that this database does not know."""
        world, clock = restorable.world, restorable.clock
        registry: Registry = world.registry
        with registry.transaction() as services:
            services.departments.suspend(world.operator, DEPARTMENT)
        world.worker.drain(seconds=60)
        with registry.transaction() as services:
            services.departments.get(DEPARTMENT).state = "admitted"  # type: ignore[assignment]
        job = world.import_rows(1, seed=9)
        world.approve(job)
        world.worker.drain(seconds=60)
        assert {row.state for row in world.documents(job)} == {DocumentState.BATCHED}
        with registry.transaction() as services:
            failed = services.outbox.in_state([TransactionState.FAILED])
            assert [row.error for row in failed] == ["chain_suspended"]
            services.departments.get(DEPARTMENT).state = "suspended"  # type: ignore[assignment]
            services.session.flush()
            services.departments.lift(world.operator, DEPARTMENT)
        world.worker._mended_at = 0
        world.worker.drain(seconds=60)
        clock.offset = 3600
        world.worker.drain(seconds=60)
        with registry.reading() as services:
            rows = services.session.exec(select(Transaction)).all()
        assert {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}, rows
