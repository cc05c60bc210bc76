"""From rows to receipts on a real chain, checked by the verifier and by nothing else."""

from collections.abc import Iterator

import pytest
from registry_world import DEPARTMENT, PS_KINDS, RegistryWorld

from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.errors import EcertError
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.status import StatusList
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.claims.service import OfferedKey
from registry.documents.models import ArtefactForm, DocumentState
from registry.errors import (
    ClaimRefusedError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    UnauthenticatedError,
)
from registry.outbox.models import Purpose, TransactionState
from tests.databases import NewDatabase


@pytest.fixture(scope="module")
def world(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryWorld]:
    directory = tmp_path_factory.mktemp("registry")
    made = RegistryWorld.make(directory, chain, new_database(directory))
    made.worker.drain(seconds=30)
    yield made
    made.registry.close()


def offer(code: str, origin: str, view: str | None = None) -> OfferedKey:
    signer = SoftwareSigner.generate()
    proof = b64url_encode(signer.sign(proof_input(code, origin)))
    return OfferedKey(signer.public_key.jwk, proof, view)


class TestIssuing:
    def test_rows_become_documents_that_anybody_can_verify(self, world: RegistryWorld) -> None:
        for seed, kind in enumerate(PS_KINDS):
            job = world.issue(80, kind, seed=seed)
            assert (job.good, job.bad) == (80, 0)
            documents = world.documents(job)
            assert {row.state for row in documents} == {DocumentState.ANCHORED}
            for artefact in world.artefacts(documents[seed].id):
                assert world.verdict(artefact) == Verdict.VALID

    def test_every_artefact_has_its_own_place_and_status_entry(self, world: RegistryWorld) -> None:
        documents = world.documents(world.issue(70, seed=11))
        artefacts = [a for row in documents for a in world.artefacts(row.id)]
        assert len(artefacts) == 140
        assert len({(a.status_list, a.status_index) for a in artefacts}) == 140
        with world.registry.reading() as services:
            receipts = services.batches.receipts(artefacts)
        assert len({(r.root, r.index) for r in receipts.values()}) == 140
        for artefact in artefacts:
            receipts[artefact.id].check_inclusion(artefact.digest)

    def test_a_small_batch_is_padded_and_shuffled(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=12))
        artefacts = world.artefacts(document.id)
        with world.registry.reading() as services:
            receipts = list(services.batches.receipts(artefacts).values())
            batch = services.batches.by_root(DEPARTMENT, receipts[0].root)
            every = services.batches.lookup(b"", 0).receipts
        assert batch.size == 64 == len(batch.leaves) // 32
        in_batch = [digest for digest, receipt in every if receipt.root == batch.root]
        assert len(in_batch) == 64, "padding answers look-ups like any other leaf"

    def test_the_same_file_again_adds_nothing(self, world: RegistryWorld) -> None:
        assert world.import_rows(30, seed=21).good == 30
        again = world.import_rows(40, seed=21)
        assert (again.good, again.known) == (10, 30)

    def test_who_entered_a_document_does_not_approve_it(self, world: RegistryWorld) -> None:
        both = world.officer(Role.CLERK, Role.APPROVER)
        clerk, world.clerk = world.clerk, both
        job = world.import_rows(2, seed=31)
        world.clerk = clerk
        document = world.documents(job)[0].id
        with world.registry.transaction() as services:
            with pytest.raises(ForbiddenError, match="four_eyes"):
                services.documents.approve_import(both, job.id)
            with pytest.raises(ForbiddenError, match="four_eyes"):
                services.documents.approve(both, [document])
            assert services.documents.approve(world.approver, [document]) == 1

    def test_roles_and_departments_are_kept_apart(self, world: RegistryWorld) -> None:
        auditor = world.officer(Role.AUDITOR)
        job = world.import_rows(1, seed=32)
        document = world.documents(job)[0].id
        with world.registry.transaction() as services:
            assert services.documents.get(auditor, document).id == document
            for actor in (auditor, world.clerk, world.operator):
                with pytest.raises(ForbiddenError, match="role_missing"):
                    services.documents.approve(actor, [document])
            with pytest.raises(NotFoundError, match="document_unknown"):
                services.documents.get(world.operator, document)

    def test_a_draft_goes_through_submission_and_rejection(self, world: RegistryWorld) -> None:
        job = world.import_rows(1, seed=33)
        [imported] = world.documents(job)
        claims = {k: v for k, v in imported.claims.items() if k != "certificate_identifier"}
        with world.registry.transaction() as services:
            documents = services.documents
            with pytest.raises(ConflictError, match="document_exists"):
                documents.create(
                    world.clerk, department=DEPARTMENT, kind="resident-id", claims=claims
                )
            documents.reject(world.approver, imported.id, "entered twice")
            draft = documents.create(
                world.clerk, department=DEPARTMENT, kind="resident-id", claims=claims
            )
            with pytest.raises(ConflictError, match="document_state"):
                documents.approve(world.approver, [draft.id])
            documents.submit(world.clerk, draft.id)
            assert documents.approve(world.approver, [draft.id]) == 1
            with pytest.raises(RequestError, match="reason_invalid"):
                documents.reject(world.approver, draft.id, " ")
        world.worker.drain(seconds=30)
        for artefact in world.artefacts(draft.id):
            assert world.verdict(artefact) == Verdict.VALID
        assert world.artefacts(imported.id) == []

    def test_published_leaves_rebuild_every_receipt(self, world: RegistryWorld) -> None:
        with world.registry.reading() as services:
            sequence, seen = 0, 0
            while page := services.batches.published(after=sequence, limit=2):
                assert [b.sequence for b in page] == list(
                    range(sequence + 1, sequence + 1 + len(page))
                )
                sequence = page[-1].sequence or 0
                seen += sum(batch.size for batch in page)
            assert seen == len(services.batches.lookup(b"", 0).receipts)

    def test_the_audit_trail_holds_and_shows_tampering(self, world: RegistryWorld) -> None:
        with world.registry.reading() as services:
            assert services.audit.check() > 5
        with world.registry.transaction() as services:
            services.audit.page(limit=3)[1].subject = "another"
            with pytest.raises(EcertError, match="audit_broken"):
                services.audit.check()
            services.session.rollback()


class TestClaims:
    def test_a_wallet_gets_its_own_artefacts(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=41))
        origin = world.registry.settings.origin
        with world.registry.transaction() as services:
            _, code = services.claims.make_code(world.clerk, document.id)
        cards = [offer(code, origin, "full"), offer(code, origin, "over18")]
        with world.registry.transaction() as services:
            claim, secret = services.claims.redeem(code, offer(code, origin), cards)
        with world.registry.transaction() as services:
            content = services.claims.content(claim.id, secret)
            assert [a.form for a in content.artefacts] == [
                ArtefactForm.SD_JWT, ArtefactForm.CARD, ArtefactForm.CARD,
            ]  # fmt: skip
            assert not content.complete
            with pytest.raises(NotFoundError, match="claim_code_unknown"):
                services.claims.redeem(code, offer(code, origin), [])
            with pytest.raises(UnauthenticatedError, match="claim_secret_invalid"):
                services.claims.content(claim.id, "x" * 43)
        world.worker.drain(seconds=30)
        with world.registry.transaction() as services:
            content = services.claims.content(claim.id, secret)
            assert content.complete
            assert content.undelivered
            services.claims.deliver(claim.id)
        assert {world.verdict(a) for a in content.artefacts} == {Verdict.VALID}
        with world.registry.reading() as services:
            assert not services.claims.content(claim.id, secret).undelivered
            assert services.documents.get(world.clerk, document.id).state == DocumentState.DELIVERED

    def test_wrong_proofs_use_a_code_up(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=42))
        origin = world.registry.settings.origin
        with world.registry.transaction() as services:
            _, code = services.claims.make_code(world.clerk, document.id)
        elsewhere = offer(code, "https://other.example")
        same = offer(code, origin)
        attempts = [
            (elsewhere, [], "claim_proof_invalid"),
            (same, [OfferedKey(same.jwk, same.proof, "full")], "claim_keys_invalid"),
            (same, [offer(code, origin, "no-such-card")], "claim_keys_invalid"),
            (OfferedKey({"kty": "oct"}, same.proof), [], "claim_keys_invalid"),
            (OfferedKey(same.jwk, "!"), [], "claim_keys_invalid"),
        ]
        for holder, cards, error in attempts:
            with (
                pytest.raises(ClaimRefusedError, match=error),
                world.registry.transaction() as services,
            ):
                services.claims.redeem(code, holder, cards)
        with (
            pytest.raises(NotFoundError, match="claim_code_unknown"),
            world.registry.transaction() as services,
        ):
            services.claims.redeem(code, offer(code, origin), [])
        assert len(world.artefacts(document.id)) == 2, "nothing was signed"

    def test_a_new_code_ends_the_old_one(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=43))
        origin = world.registry.settings.origin
        with world.registry.transaction() as services:
            _, old = services.claims.make_code(world.clerk, document.id)
            _, new = services.claims.make_code(world.clerk, document.id)
            with pytest.raises(NotFoundError, match="claim_code_unknown"):
                services.claims.redeem(old, offer(old, origin), [])
            claim, _ = services.claims.redeem(new.lower(), offer(new, origin), [])
            assert claim.document_id == document.id


class TestStatus:
    def test_revoking_a_document_revokes_all_its_artefacts_at_once(
        self, world: RegistryWorld
    ) -> None:
        first, second = world.documents(world.issue(2, seed=51))
        origin = world.registry.settings.origin
        with world.registry.transaction() as services:
            _, code = services.claims.make_code(world.clerk, first.id)
            services.claims.redeem(code, offer(code, origin), [offer(code, origin, "over18")])
        world.worker.drain(seconds=30)
        with world.registry.transaction() as services:
            before = services.outbox.in_state([TransactionState.FINAL])[-1].id or 0
            services.statuses.revoke(world.approver, first.id, "reported lost")
        world.worker.drain(seconds=30)
        artefacts = world.artefacts(first.id)
        assert len(artefacts) == 4
        assert {world.verdict(a) for a in artefacts} == {Verdict.REVOKED}
        assert {world.verdict(a) for a in world.artefacts(second.id)} == {Verdict.VALID}
        with world.registry.transaction() as services:
            sent = [
                row
                for row in services.outbox.in_state([TransactionState.FINAL])
                if (row.id or 0) > before and row.purpose == Purpose.STATUS
            ]
            assert len(sent) == 1, "one call for all artefacts of a list"
            published = services.statuses.published(DEPARTMENT, 0)
            entries = StatusList.decode(published["bits"], published["lst"])
            assert {entries[a.status_index or 0] for a in artefacts} == {1}
            for act in (services.statuses.reinstate, services.statuses.revoke):
                with pytest.raises(ConflictError, match="document_revoked"):
                    act(world.approver, first.id, "again")
            with pytest.raises(ConflictError, match="document_not_valid"):
                services.claims.make_code(world.clerk, first.id)

    def test_a_suspension_can_be_lifted(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=52))
        artefact = world.artefacts(document.id)[0]
        with world.registry.transaction() as services:
            services.statuses.suspend(world.approver, document.id, "under review")
            with pytest.raises(ConflictError, match="document_suspended"):
                services.statuses.suspend(world.approver, document.id, "under review")
        world.worker.drain(seconds=30)
        assert world.verdict(artefact) == Verdict.SUSPENDED
        with world.registry.transaction() as services:
            services.statuses.reinstate(world.approver, document.id, "cleared")
            services.statuses.suspend(world.approver, document.id, "again")
            services.statuses.reinstate(world.approver, document.id, "cleared again")
        world.worker.drain(seconds=30)
        assert world.verdict(artefact) == Verdict.VALID

    def test_only_approvers_of_the_department_or_above_may(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=53))
        with world.registry.transaction() as services:
            for actor in (world.clerk, world.operator):
                with pytest.raises(ForbiddenError):
                    services.statuses.revoke(actor, document.id, "no")

    def test_a_forged_digest_is_revoked_by_itself(self, world: RegistryWorld) -> None:
        [document] = world.documents(world.issue(1, seed=54))
        artefact, other = world.artefacts(document.id)
        custodian = world.officer(Role.CUSTODIAN)
        with world.registry.transaction() as services:
            services.statuses.revoke_digest(
                custodian, DEPARTMENT, artefact.digest, "signed with a stolen key"
            )
        world.worker.drain(seconds=30)
        assert world.verdict(artefact) == Verdict.REVOKED
        assert world.verdict(other) == Verdict.VALID
