"""Database and chain of different age are mended."""

import shutil
import time

import pytest
from registry_world import DEPARTMENT, RegistryWorld
from restorable_world import Restorable, restorable  # noqa: F401  # a fixture
from sqlmodel import select

from ecert.chain.node import Nodes
from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.batches.models import Batch, BatchState
from registry.batches.sealing import queue_anchors, seal_waiting
from registry.claims.service import OfferedKey
from registry.documents.models import DocumentRecord
from registry.documents.signing import sign_approved
from registry.errors import ReconciliationError
from registry.outbox.comparison import compare
from registry.outbox.duty import duty_of
from registry.outbox.models import TransactionState
from registry.outbox.worker import Worker
from registry.status.lists import SKIPPED_LISTS
from registry.status.models import ChangeState, StatusChange


def statuses(world: RegistryWorld, document: DocumentRecord) -> set[Verdict]:
    return {world.verdict(artefact) for artefact in world.artefacts(document.id)}


def revoke(world: RegistryWorld, document: DocumentRecord) -> None:
    with world.registry.transaction() as services:
        services.statuses.revoke(world.approver, document.id, "test")


class TestAnOlderChain:
    def test_what_it_lost_is_sent_again_and_no_revocation_is_undone(
        self, restorable: Restorable
    ) -> None:
        world = restorable.world
        kept, revoked = world.documents(world.issue(2, seed=1))
        restorable.stop()
        restorable.save("before")
        restorable.start()
        later = world.documents(world.issue(3, seed=2))
        revoke(world, revoked)
        revoke(world, later[0])
        world.worker.drain(seconds=60)
        assert statuses(world, later[0]) == {Verdict.REVOKED}
        restorable.stop()

        restorable.restore_chain("before")
        restorable.start()
        # The old chain has forgotten it, and is below what the operator signed: nobody believes it.
        assert statuses(world, revoked) == {Verdict.UNDECIDED}
        world.worker.drain(seconds=60)
        assert statuses(world, kept) == {Verdict.VALID}
        assert statuses(world, revoked) == {Verdict.REVOKED}
        assert statuses(world, later[0]) == {Verdict.REVOKED}
        assert statuses(world, later[1]) == {Verdict.VALID}

    def test_revocations_come_back_before_anchors(self, restorable: Restorable) -> None:
        world = restorable.world
        [old] = world.documents(world.issue(1, seed=1))
        restorable.stop()
        restorable.save("before")
        restorable.start()
        world.issue(1, seed=2)
        revoke(world, old)
        world.worker.drain(seconds=60)
        restorable.stop()
        restorable.restore_chain("before")
        restorable.start()
        world.worker.drain(seconds=60)
        with world.registry.reading() as services:
            final = services.outbox.in_state([TransactionState.FINAL])
        blocks = {row.purpose.value: row.block or 0 for row in final}
        assert blocks["status"] < blocks["anchor"]

    def test_rights_that_it_lost_come_back_first(self, restorable: Restorable) -> None:
        """Also an empty chain of the same genesis cannot be: the contracts are looked for."""
        world = restorable.world
        restorable.stop()
        restorable.save("before")
        restorable.start()
        custodian = world.officer(Role.CUSTODIAN)
        with world.registry.transaction() as services:
            key = services.departments.register_key(custodian, DEPARTMENT)
        world.worker.drain(seconds=60)
        [document] = world.documents(world.issue(1, seed=3))
        restorable.stop()
        restorable.restore_chain("before")
        restorable.start()
        world.worker.drain(seconds=60)
        assert statuses(world, document) == {Verdict.VALID}
        with world.registry.reading() as services:
            assert key.kid in {k.kid for k in services.departments.keys_of(DEPARTMENT)}


class TestAnOlderDatabase:
    def test_anchored_roots_are_adopted_and_not_anchored_twice(
        self, restorable: Restorable
    ) -> None:
        world = restorable.world
        job = world.import_rows(3, seed=4)
        world.approve(job)
        database, context = world.registry.database, world.registry.context
        with database.transaction() as session:
            sign_approved(session, context, 10)
            seal_waiting(session, context)
            queue_anchors(session, context)
        restorable.stop()
        restorable.save("sealed")
        restorable.start()
        world.worker.drain(seconds=60)
        with world.registry.reading() as services:
            [batch] = services.session.exec(select(Batch)).all()
        restorable.stop()

        restorable.restore_database("sealed")
        restorable.start()
        world.worker.drain(seconds=60)
        with world.registry.reading() as services:
            [adopted] = services.session.exec(select(Batch)).all()
            failed = services.outbox.in_state([TransactionState.FAILED])
        assert (adopted.state, adopted.block) == (BatchState.FINAL, batch.block)
        assert failed == [], "its transaction was found on the chain, not sent again"
        for document in world.documents(job):
            assert statuses(world, document) == {Verdict.VALID}
        # Nonces went on from where the chain is.
        assert statuses(world, world.documents(world.issue(1, seed=5))[0]) == {Verdict.VALID}

    def test_a_revocation_that_the_chain_has_is_adopted(self, restorable: Restorable) -> None:
        world = restorable.world
        [document] = world.documents(world.issue(1, seed=6))
        revoke(world, document)
        restorable.stop()
        restorable.save("requested")
        restorable.start()
        world.worker.drain(seconds=60)
        restorable.stop()
        restorable.restore_database("requested")
        restorable.start()
        world.worker.drain(seconds=60)
        assert statuses(world, document) == {Verdict.REVOKED}
        with world.registry.reading() as services:
            changes = services.session.exec(select(StatusChange)).all()
        assert {change.state for change in changes} == {ChangeState.FINAL}

    def test_it_learns_of_revocations_since_and_reuses_no_entry(
        self, restorable: Restorable
    ) -> None:
        world = restorable.world
        revoked, suspended, plain = world.documents(world.issue(3, seed=10))
        restorable.stop()
        restorable.save("backup")
        restorable.start()
        since = world.documents(world.issue(2, seed=11))
        lost = [world.artefacts(row.id) for row in since]
        revoke(world, revoked)
        with world.registry.transaction() as services:
            services.statuses.suspend(world.approver, suspended.id, "test")
        world.worker.drain(seconds=60)
        restorable.stop()

        restorable.restore_database("backup")
        restorable.start()
        world.worker.drain(seconds=60)
        with world.registry.reading() as services:
            found = [
                services.documents.get(world.clerk, row.id).status
                for row in (revoked, suspended, plain)
            ]
        assert found == [1, 2, 0]
        with world.registry.transaction() as services:
            services.statuses.reinstate(world.approver, suspended.id, "test")
        again = world.documents(world.issue(2, seed=11))
        assert statuses(world, suspended) == statuses(world, again[0]) == {Verdict.VALID}
        old = {(a.status_list, a.status_index) for artefacts in lost for a in artefacts}
        new = {(a.status_list, a.status_index) for row in again for a in world.artefacts(row.id)}
        assert {number for number, _ in old} == {0}
        assert all(number >= SKIPPED_LISTS for number, _ in new)

    @pytest.mark.parametrize(
        ("act", "expected"), [("revoke", Verdict.REVOKED), ("suspend", Verdict.SUSPENDED)]
    )
    def test_what_was_claimed_meanwhile_shares_its_documents_end(
        self, restorable: Restorable, act: str, expected: Verdict
    ) -> None:
        world = restorable.world
        [document] = world.documents(world.issue(1, seed=15))
        restorable.stop()
        restorable.save("before")
        restorable.start()
        with world.registry.transaction() as services:
            getattr(services.statuses, act)(world.approver, document.id, "test")
        world.worker.drain(seconds=60)
        restorable.stop()
        restorable.restore_database("before")
        key = SoftwareSigner.generate()
        duty = duty_of(world.registry.database)
        duty.take()
        duty.confirm()  # as the worker did that compared before the database was put back
        with world.registry.transaction() as services:
            _, code = services.claims.make_code(world.clerk, document.id)
            proof = b64url_encode(key.sign(proof_input(code, world.registry.settings.origin)))
            services.claims.redeem(code, OfferedKey(key.public_key.jwk, proof), [])
        duty.release()
        restorable.start()
        world.worker.drain(seconds=60)
        assert key.public_key.kid in {a.holder_kid for a in world.artefacts(document.id)}
        assert statuses(world, document) == {expected}
        found = compare(world.registry, Nodes([world.chain.rpc_url]))
        assert [str(finding) for finding in found.findings] == []

    @pytest.mark.parametrize("works_on", [True, False], ids=["works on", "waits"])
    def test_what_it_learned_is_sent_when_the_chain_forgets_it(
        self, restorable: Restorable, works_on: bool
    ) -> None:
        """No transaction that this database knows stands for it."""
        world = restorable.world
        custodian = world.officer(Role.CUSTODIAN)
        revoked, suspended, again = world.documents(world.issue(3, seed=12))
        restorable.stop()
        restorable.save("before")
        restorable.start()
        revoke(world, revoked)
        with world.registry.transaction() as services:
            for document in (suspended, again):
                services.statuses.suspend(world.approver, document.id, "test")
            services.statuses.revoke_digest(custodian, DEPARTMENT, b"\x05" * 32, "test")
        world.worker.drain(seconds=60)
        with world.registry.transaction() as services:
            services.statuses.reinstate(world.approver, again.id, "test")
        world.worker.drain(seconds=60)
        restorable.stop()
        restorable.restore_database("before")
        restorable.start()
        world.worker.drain(seconds=60)
        if works_on:
            world.issue(1, seed=13)
        restorable.stop()

        restorable.restore_chain("before")
        restorable.start()
        world.worker.drain(seconds=60)
        world.issue(1, seed=14)  # beyond the checkpoint that was signed
        assert statuses(world, revoked) == {Verdict.REVOKED}
        assert statuses(world, suspended) == {Verdict.SUSPENDED}
        assert statuses(world, again) == {Verdict.VALID}
        found = compare(world.registry, Nodes([world.chain.rpc_url]))
        assert [str(finding) for finding in found.findings] == []

    def test_another_chain_is_not_written_to(self, restorable: Restorable) -> None:
        restorable.stop()
        shutil.rmtree(restorable.directory / "chain")
        chain_id = restorable.world.registry.context.contracts.chain_id
        time.sleep(1.1)  # a genesis of the same second would be the same block
        restorable.world.chain = EmbeddedChain(restorable.directory / "chain", chain_id=chain_id)
        worker = Worker.embedded(restorable.world.registry, restorable.world.chain)
        with pytest.raises(ReconciliationError, match="chain_other_genesis"):
            worker.tick()
