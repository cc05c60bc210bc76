"""A registry of yesterday beside a chain of today: nothing is undone, nothing is doubled."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from registry_world import DEPARTMENT, RegistryWorld, settings_for
from sqlmodel import col, select

from ecert.artefact import Expectation
from ecert.chain.node import Nodes
from ecert.document import DocumentFile
from ecert.report import Verdict
from ecert.status import Status, StatusList
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.application import Registry
from registry.backup.keys import BackupKey, new_secret
from registry.backup.making import make_backup
from registry.backup.restoring import restore
from registry.cli.session import kept_settings
from registry.departments.models import DepartmentState, KeyState
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentState,
    ImportJob,
)
from registry.documents.signing import sign_approved
from registry.errors import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError
from registry.outbox.comparison import compare
from registry.outbox.models import Transaction, TransactionState
from registry.outbox.worker import Worker
from registry.restored.models import RootState
from tests.databases import NewDatabase

KEY = BackupKey.of(new_secret())
WAITING, LATE = "430102", "430103"


@dataclass
class Yesterday:
    """What was in the backup, what happened after it, and the registry restored from it."""

    world: RegistryWorld
    old: ImportJob
    submitted: ImportJob
    approved: ImportJob
    signed: ImportJob
    given: dict[str, list[bytes]] = field(default_factory=dict)
    entries: set[tuple[str, int | None, int | None]] = field(default_factory=set)
    in_backup: set[tuple[str, int | None, int | None]] = field(default_factory=set)
    lost_kid: str = ""
    code: str = ""
    token: str = ""
    new_token: str = ""


def files(world: RegistryWorld, job: ImportJob) -> list[bytes]:
    """The documents as their holders have them, with receipts."""
    found = []
    for row in world.documents(job):
        for artefact in world.artefacts(row.id):
            if artefact.form == ArtefactForm.SD_JWT:
                with world.registry.reading() as services:
                    receipt = services.batches.receipts([artefact])[artefact.id]
                found.append(DocumentFile(artefact.text, receipt).to_bytes())
    return found


def judged(world: RegistryWorld, given: list[bytes]) -> set[Verdict]:
    verifier = world.verifier()
    return {
        verifier.verify(data, now=datetime.now(UTC), expect=Expectation(waived=True)).verdict
        for data in given
    }


def entries(world: RegistryWorld) -> set[tuple[str, int | None, int | None]]:
    with world.registry.reading() as services:
        statement = select(Artefact.department, Artefact.status_list, Artefact.status_index)
        return set(services.session.exec(statement.where(col(Artefact.status_list).is_not(None))))


def act(world: RegistryWorld, name: str, document_id: str) -> None:
    with world.registry.transaction() as services:
        getattr(services.statuses, name)(world.approver, document_id, "test")


def before_the_backup(world: RegistryWorld) -> Yesterday:
    """Some anchored, some approved, some submitted; an admission that is not yet sent."""
    world.worker.drain(seconds=60)
    old = world.issue(4, seed=1)
    act(world, "suspend", world.documents(old)[3].id)
    world.worker.drain(seconds=60)
    signed = world.import_rows(1, seed=5)
    world.approve(signed)
    with world.registry.transaction() as services:
        sign_approved(services.session, services.context, 10)
    approved, submitted = world.import_rows(2, seed=2), world.import_rows(2, seed=3)
    world.approve(approved)
    world.admit(world.operator, WAITING)
    made = Yesterday(world, old, submitted, approved, signed)
    made.in_backup = entries(world)
    with world.registry.transaction() as services:
        _, made.code = services.claims.make_code(world.clerk, world.documents(old)[2].id)
        _, made.token = services.officers.add(
            world.operator, department=DEPARTMENT, label="leaver", roles=[Role.CLERK]
        )
    return made


def after_the_backup(made: Yesterday) -> None:
    """All that the backup does not know."""
    world = made.world
    world.worker.drain(seconds=60)
    world.approve(made.submitted)
    unknown = world.issue(2, seed=4)
    made.given["unsigned"] = files(world, made.approved) + files(world, made.submitted)
    made.given["signed"] = files(world, made.signed)
    made.given["unknown"] = files(world, unknown)
    revoked, suspended, _, reinstated = world.documents(made.old)
    act(world, "revoke", revoked.id)
    act(world, "suspend", suspended.id)
    act(world, "reinstate", reinstated.id)
    act(world, "revoke", world.documents(unknown)[0].id)
    custodian = world.officer(Role.CUSTODIAN)
    with world.registry.transaction() as services:
        [first] = services.departments.keys_of(DEPARTMENT)
        services.departments.withdraw_key(custodian, first.kid)
        made.lost_kid = services.departments.register_key(custodian, DEPARTMENT).kid
        services.officers.disable(world.operator, made.token.partition(".")[0])
    world.admit(world.operator, LATE)
    world.worker.drain(seconds=60)
    made.given["old"] = files(world, made.old)
    made.entries = entries(world)


@pytest.fixture(scope="module")
def yesterday(
    new_database: NewDatabase, anvil: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yesterday]:
    """Everything but the chain is destroyed, and restored from the backup."""
    del anvil
    directory = tmp_path_factory.mktemp("restored") / "registry"
    directory.mkdir()
    chain = EmbeddedChain(directory / "chain")
    world = RegistryWorld.make(directory, chain, new_database(directory))
    KEY.making.save(directory)
    (directory / "settings.json").write_text('{"origin": "https://registry.example"}')
    made = before_the_backup(world)
    backup = directory.parent / "backup.age"
    make_backup(world.registry.database, directory, backup, embedded=True)
    after_the_backup(made)
    world.worker.close()
    chain.close()
    world.worker.close()
    world.registry.close()
    for path in directory.iterdir():
        if path.name != "chain":
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    settings = settings_for(directory, database_url=new_database(directory.parent))
    restored = restore(backup, KEY, directory, lambda _: settings, kept_settings, keep_chain=True)
    assert restored.token
    made.new_token = restored.token
    world.registry = Registry.open(settings)
    world.chain = EmbeddedChain(directory / "chain")
    world.worker = Worker.embedded(world.registry, world.chain)
    world.worker.drain(seconds=60)
    yield made
    world.chain.close()
    world.worker.close()
    world.registry.close()


def test_nobody_comes_in_with_what_may_have_ended_since(yesterday: Yesterday) -> None:
    with yesterday.world.registry.transaction() as services:
        with pytest.raises(UnauthenticatedError):
            services.officers.authenticate(yesterday.token)
        actor = services.officers.authenticate(yesterday.new_token)
        with pytest.raises(NotFoundError, match="claim_code_unknown"):
            services.claims.kind_of(yesterday.code)
    assert Role.OPERATOR in actor.roles


def test_withdrawals_since_hold_and_are_published(yesterday: Yesterday) -> None:
    world = yesterday.world
    rows = world.documents(yesterday.old)
    assert [row.status for row in rows] == [1, 2, 0, 0]
    [entry] = [
        (a.status_list, a.status_index)
        for a in world.artefacts(rows[0].id)
        if a.form == ArtefactForm.SD_JWT
    ]
    with world.registry.reading() as services:
        published = services.statuses.published(DEPARTMENT, entry[0] or 0)
    statuses = StatusList.decode(**published)
    assert statuses[entry[1]] == Status.REVOKED


def test_what_was_signed_since_is_not_signed_again(yesterday: Yesterday) -> None:
    world = yesterday.world
    for job in (yesterday.approved, yesterday.submitted):
        assert {row.state for row in world.documents(job)} == {DocumentState.HELD}
        assert [world.artefacts(row.id) for row in world.documents(job)] == [[], []]
    assert judged(world, yesterday.given["unsigned"]) == {Verdict.VALID}


def test_what_was_signed_and_not_anchored_is_not_signed_anew(yesterday: Yesterday) -> None:
    """It is older than its anchor may be; its first copy is under a root that is lost."""
    world = yesterday.world
    [document] = world.documents(yesterday.signed)
    artefacts = world.artefacts(document.id)
    assert document.state == DocumentState.SIGNED, "so that it can be revoked"
    assert {artefact.state for artefact in artefacts} == {ArtefactState.HELD}
    [given] = yesterday.given["signed"]
    assert {a.text for a in artefacts} >= {DocumentFile.from_bytes(given).presentation}
    assert judged(world, [given]) == {Verdict.VALID}


def test_transactions_sent_since_are_found_and_not_sent_again(yesterday: Yesterday) -> None:
    with yesterday.world.registry.reading() as services:
        department = services.departments.get(WAITING)
        [key] = services.departments.keys_of(WAITING)
        failed = services.outbox.in_state([TransactionState.FAILED])
        waiting = services.session.exec(
            select(Transaction).where(col(Transaction.state) != TransactionState.FINAL)
        ).all()
    assert (department.state, key.state) == (DepartmentState.ADMITTED, KeyState.REGISTERED)
    assert list(failed) == list(waiting) == []


def agree(world: RegistryWorld) -> None:
    """Database and chain say the same, whatever was lost."""
    found = compare(world.registry, Nodes([world.chain.rpc_url]))
    assert [str(finding) for finding in found.findings] == []
    assert found.doubled == found.lost == 0


def test_database_and_chain_agree_again(yesterday: Yesterday) -> None:
    agree(yesterday.world)


def test_what_nobody_has_the_keys_of_is_told(yesterday: Yesterday) -> None:
    with yesterday.world.registry.reading() as services:
        lost = {subject for _, subject in services.restored.lost_others()}
        [key] = services.departments.keys_of(DEPARTMENT)
    assert lost == {yesterday.lost_kid, LATE}
    assert key.state == KeyState.WITHDRAWN, "an ended key signs nothing more"


def test_lost_roots_wait_for_a_custodian(yesterday: Yesterday) -> None:
    world = yesterday.world
    with world.registry.reading() as services:
        lost = services.restored.lost_roots()
        assert services.restored.held() == {DEPARTMENT: 5}
        held = services.restored.held_documents(world.clerk, DEPARTMENT)
    assert {(root.department, root.state) for root in lost} == {(DEPARTMENT, RootState.OPEN)}
    states = [state for _, state in held]
    assert sorted(states) == ["approved", "approved", "signed", "submitted", "submitted"]
    with world.registry.transaction() as services:
        for refused in (world.clerk, world.approver):
            with pytest.raises(ForbiddenError):
                services.restored.revoke_lost(refused, DEPARTMENT, "test")


def test_one_that_never_went_out_is_signed_while_the_others_stay_held(
    yesterday: Yesterday,
) -> None:
    world = yesterday.world
    custodian = world.officer(Role.CUSTODIAN)
    first, second = world.documents(yesterday.approved)
    with world.registry.transaction() as services:
        services.departments.register_key(custodian, DEPARTMENT)
        with pytest.raises(NotFoundError, match="document_not_held"):
            services.restored.keep_lost(custodian, DEPARTMENT, ["0" * 32])
    with world.registry.transaction() as services:
        roots, released = services.restored.keep_lost(custodian, DEPARTMENT, [first.id])
        assert roots > 0
        assert released == 1
    world.worker.drain(seconds=60)
    assert {world.verdict(a) for a in world.artefacts(first.id)} == {Verdict.VALID}
    assert world.artefacts(second.id) == []
    assert judged(world, yesterday.given["unsigned"]) == {Verdict.VALID}


def test_reissued_documents_replace_those_that_were_lost(yesterday: Yesterday) -> None:
    world = yesterday.world
    custodian = world.officer(Role.CUSTODIAN)
    with world.registry.transaction() as services:
        roots, released = services.restored.revoke_lost(custodian, DEPARTMENT, "restored")
    assert (roots > 0, released) == (True, 4)
    world.worker.drain(seconds=60)
    world.approve(yesterday.submitted)
    world.worker.drain(seconds=60)
    assert judged(world, yesterday.given["unsigned"]) == {Verdict.REVOKED}
    assert judged(world, yesterday.given["unknown"]) == {Verdict.REVOKED}
    assert judged(world, yesterday.given["signed"]) == {Verdict.REVOKED}
    jobs = (yesterday.approved, yesterday.submitted, yesterday.signed)
    given = [data for job in jobs for data in files(world, job)]
    assert len(given) == 5
    assert judged(world, given) == {Verdict.VALID}
    with world.registry.transaction() as services:
        assert {root.state for root in services.restored.lost_roots()} == {RootState.REVOKED}
        assert services.restored.held() == {}
        with pytest.raises(ConflictError, match="nothing_to_reissue"):
            services.restored.revoke_lost(custodian, DEPARTMENT, "again")


def test_documents_of_the_backup_are_as_they_were(yesterday: Yesterday) -> None:
    found = [judged(yesterday.world, [data]) for data in yesterday.given["old"]]
    expected = [Verdict.REVOKED, Verdict.SUSPENDED, Verdict.VALID, Verdict.VALID]
    assert found == [{verdict} for verdict in expected]


def test_they_agree_to_the_end(yesterday: Yesterday) -> None:
    agree(yesterday.world)


def test_no_status_entry_was_given_out_twice(yesterday: Yesterday) -> None:
    fresh = entries(yesterday.world) - yesterday.in_backup
    assert fresh
    assert not fresh & yesterday.entries
