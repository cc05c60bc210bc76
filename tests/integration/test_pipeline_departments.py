"""Departments in the pipeline: admission, keys, kinds, suspension, on a real chain."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_world import DEPARTMENT, RegistryWorld

from ecert.claiming import proof_input
from ecert.encoding import b64url_decode, b64url_encode
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.claims.service import OfferedKey
from registry.documents.models import DocumentState
from registry.errors import ConflictError
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


def suspensions(world: RegistryWorld) -> list[tuple[str, str]]:
    """What was ordered of suspensions and their ends, and what became of it."""
    with world.registry.reading() as services:
        rows = services.outbox.in_state(TransactionState)
    return [(row.function, row.state.value) for row in rows if row.purpose == Purpose.SUSPENSION]


class TestDepartments:
    def test_a_department_admits_one_below_it_and_revokes_for_it(
        self, world: RegistryWorld, tmp_path: Path
    ) -> None:
        del tmp_path
        custodian = world.officer(Role.CUSTODIAN)
        below = "430102"
        world.admit(custodian, below, parent=DEPARTMENT)
        world.worker.drain(seconds=30)
        clerk = world.officer(Role.CLERK, department=below)
        approver = world.officer(Role.APPROVER, department=below)
        job = world.import_rows(1, seed=61)
        claims = world.documents(job)[0].claims
        claims.pop("certificate_identifier")
        with world.registry.transaction() as services:
            row = services.documents.create(
                clerk, department=below, kind="resident-id", claims=claims
            )
            services.documents.submit(clerk, row.id)
            services.documents.approve(approver, [row.id])
        world.worker.drain(seconds=30)
        with world.registry.reading() as services:
            artefacts = services.documents.artefacts(clerk, row.id)
        assert {world.verdict(a) for a in artefacts} == {Verdict.VALID}
        with world.registry.transaction() as services:
            services.statuses.revoke(world.approver, row.id, "by the office above")
        world.worker.drain(seconds=30)
        assert {world.verdict(a) for a in artefacts} == {Verdict.REVOKED}

    def test_a_suspended_department_issues_nothing_and_goes_on_when_lifted(
        self, world: RegistryWorld
    ) -> None:
        job = world.import_rows(2, seed=62)
        with world.registry.transaction() as services:
            services.departments.suspend(world.operator, DEPARTMENT)
        world.approve(job)
        world.worker.drain(seconds=30)
        assert {row.state for row in world.documents(job)} == {DocumentState.APPROVED}
        with world.registry.transaction() as services:
            services.departments.lift(world.operator, DEPARTMENT)
        world.worker.drain(seconds=30)
        assert {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}

    def test_a_suspension_lifted_at_once_ends(self, world: RegistryWorld) -> None:
        with world.registry.transaction() as services:
            services.departments.suspend(world.operator, DEPARTMENT)
            services.departments.lift(world.operator, DEPARTMENT)
            with pytest.raises(ConflictError, match="department_lift_pending"):
                services.departments.lift(world.operator, DEPARTMENT)
        world.worker.drain(seconds=30)
        assert suspensions(world)[-2:] == [("suspend", "final"), ("lift", "final")]
        with world.registry.transaction() as services:
            assert services.departments.admitted(DEPARTMENT).code == DEPARTMENT
            # Once more, and suspended again before the chain has heard any of it.
            services.departments.suspend(world.operator, DEPARTMENT)
            services.departments.lift(world.operator, DEPARTMENT)
            services.departments.suspend(world.operator, DEPARTMENT)
            with pytest.raises(ConflictError, match="department_not_admitted"):
                services.departments.suspend(world.operator, DEPARTMENT)
        world.worker.drain(seconds=30)
        assert [state for _, state in suspensions(world)[-3:]] == ["final"] * 3
        with world.registry.transaction() as services:
            with pytest.raises(ConflictError, match="department_not_admitted"):
                services.departments.admitted(DEPARTMENT)
            services.departments.lift(world.operator, DEPARTMENT)
        world.worker.drain(seconds=30)
        job = world.issue(1, seed=65)
        assert {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}

    def test_a_lift_after_a_suspension_that_another_was_quicker_with_still_happens(
        self, world: RegistryWorld
    ) -> None:
        with world.registry.transaction() as services:
            services.departments.suspend(world.operator, DEPARTMENT)
            services.departments.get(DEPARTMENT).state = "admitted"  # type: ignore[assignment]
            services.session.flush()
            services.departments.suspend(world.operator, DEPARTMENT)
            services.departments.lift(world.operator, DEPARTMENT)
        world.worker.drain(seconds=30)
        assert suspensions(world)[-3:] == [
            ("suspend", "final"), ("suspend", "failed"), ("lift", "final"),
        ]  # fmt: skip
        with world.registry.reading() as services:
            assert services.departments.admitted(DEPARTMENT).code == DEPARTMENT

    def test_a_new_key_signs_once_it_is_registered_and_the_old_one_is_withdrawn(
        self, world: RegistryWorld
    ) -> None:
        custodian = world.officer(Role.CUSTODIAN)
        old_document = world.documents(world.issue(1, seed=63))[0]
        with world.registry.transaction() as services:
            [old] = services.departments.keys_of(DEPARTMENT)
            new = services.departments.register_key(custodian, DEPARTMENT)
        world.worker.drain(seconds=30)
        waiting = world.import_rows(1, seed=64)
        world.approve(waiting)
        with world.registry.transaction() as services:
            services.departments.withdraw_key(custodian, old.kid)
        world.worker.drain(seconds=30)
        [fresh] = world.documents(waiting)
        for document in (old_document, fresh):
            for artefact in world.artefacts(document.id):
                assert world.verdict(artefact) == Verdict.VALID
        assert f'"kid":"{new.kid}"'.encode() in _header(world.artefacts(fresh.id)[0].text)


def _header(text: str) -> bytes:
    return b64url_decode(text.split(".", 1)[0])
