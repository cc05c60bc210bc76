"""The audit of database against chain finds what was changed behind the registry's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from registry_world import DEPARTMENT, RegistryWorld
from sqlmodel import SQLModel, col, select

from ecert.chain.node import Nodes
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.batches.models import Batch
from registry.batches.sealing import queue_roots
from registry.documents.models import Artefact, ArtefactForm, ArtefactState, DocumentRecord
from registry.outbox.comparison import Comparison, compare
from registry.status.models import StatusChange
from tests.databases import NewDatabase


@pytest.fixture(scope="module")
def world(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryWorld]:
    directory = tmp_path_factory.mktemp("registry")
    made = RegistryWorld.make(directory, chain, new_database(directory))
    made.worker.drain(seconds=30)
    rows = made.documents(made.issue(5))
    custodian = made.officer(Role.CUSTODIAN)
    with made.registry.transaction() as services:
        services.statuses.revoke(made.approver, rows[0].id, "test")
        services.statuses.suspend(made.approver, rows[1].id, "test")
        services.statuses.revoke_digest(custodian, DEPARTMENT, b"\x05" * 32, "test")
    made.worker.drain(seconds=30)
    yield made
    made.registry.close()


def audit(world: RegistryWorld) -> Comparison:
    return compare(world.registry, Nodes([world.chain.rpc_url]))


def codes(world: RegistryWorld) -> list[str]:
    return sorted({finding.code for finding in audit(world).findings})


def some(world: RegistryWorld, table: type[SQLModel], *where: Any) -> Any:
    with world.registry.reading() as services:
        return services.session.exec(select(table).where(*where).limit(1)).one()


@contextmanager
def changed(world: RegistryWorld, row: Any, **values: Any) -> Iterator[None]:
    """Change a row behind the registry's back, and back again."""
    before = {name: getattr(row, name) for name in values}
    for wanted in (values, before):
        with world.registry.transaction() as services:
            kept = services.session.get(type(row), row.id)
            for name, value in wanted.items():
                setattr(kept, name, value)
        if wanted is values:
            yield


SD_JWT = (col(Artefact.form) == ArtefactForm.SD_JWT, col(Artefact.state) == ArtefactState.ANCHORED)


def test_what_is_in_order_is_counted(world: RegistryWorld) -> None:
    found = audit(world)
    assert (found.findings, found.findings_left_out) == ([], 0)
    assert (found.issued, found.anchored, found.lost, found.doubled) == (5, 5, 0, 0)
    assert (found.roots, found.withdrawals) == (1, 5)


def test_a_document_without_a_living_artefact_is_lost(world: RegistryWorld) -> None:
    row = some(world, Artefact, *SD_JWT)
    with changed(world, row, state=ArtefactState.SUPERSEDED):
        assert codes(world) == ["audit_document_lost", "audit_leaves_differ"]
        assert audit(world).lost == 1


def test_a_document_with_two_artefacts_of_one_form_is_doubled(world: RegistryWorld) -> None:
    row = some(world, Artefact, *SD_JWT)
    twin = Artefact(**row.model_dump(exclude={"id", "digest", "status_list", "status_index"}))
    twin.digest, twin.batch_id, twin.leaf_index = bytes(32), None, None
    with world.registry.transaction() as services:
        services.session.add(twin)
    assert codes(world) == ["audit_document_doubled"]
    assert audit(world).doubled == 1
    with world.registry.transaction() as services:
        services.session.delete(services.session.get(Artefact, twin.id))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"block": 1}, ["audit_root_missing"]),
        ({"root": bytes(32)}, ["audit_root_missing", "audit_root_unknown", "audit_tree_wrong"]),
        ({"size": 63}, ["audit_root_missing", "audit_tree_wrong"]),
        ({"leaves": bytes(64 * 32)}, ["audit_leaves_differ", "audit_tree_wrong"]),
        ({"leaves": b"odd"}, ["audit_leaves_differ", "audit_tree_wrong"]),
        ({"leaves": b""}, ["audit_leaves_differ", "audit_tree_wrong"]),
    ],
    ids=["block", "root", "size", "leaves", "odd leaves", "no leaves"],
)
def test_a_changed_batch_is_found(
    world: RegistryWorld, values: dict[str, Any], expected: list[str]
) -> None:
    with changed(world, some(world, Batch), **values):
        assert codes(world) == expected


def test_an_artefact_in_anothers_place_is_found(world: RegistryWorld) -> None:
    with changed(world, some(world, Artefact, *SD_JWT), leaf_index=None):
        assert codes(world) == ["audit_leaves_differ"]


def test_a_withdrawal_that_the_chain_does_not_hold_is_found(world: RegistryWorld) -> None:
    suspended = some(world, StatusChange, col(StatusChange.status) == 2)
    with changed(world, suspended, status=1):
        assert codes(world) == ["audit_status_differs"]


def test_a_living_artefact_of_a_revoked_document_is_found(world: RegistryWorld) -> None:
    row = some(world, DocumentRecord, col(DocumentRecord.status) == 0)
    custodian = world.officer(Role.CUSTODIAN)
    artefacts = world.artefacts(row.id)
    with changed(world, row, status=1):
        assert codes(world) == ["audit_artefact_not_revoked"]
        told = "".join(finding.message("en") for finding in audit(world).findings)
        assert all(artefact.digest.hex() in told for artefact in artefacts)
        with world.registry.transaction() as services:
            for artefact in artefacts:
                services.statuses.revoke_digest(custodian, DEPARTMENT, artefact.digest, "test")
        world.worker.drain(seconds=30)
        assert codes(world) == [], "as the finding says"


def test_a_revocation_on_its_way_is_no_finding(world: RegistryWorld) -> None:
    row = some(world, DocumentRecord, col(DocumentRecord.status) == 0)
    with world.registry.transaction() as services:
        services.statuses.revoke(world.approver, row.id, "test")
    assert codes(world) == []
    world.worker.drain(seconds=30)
    assert codes(world) == []


def test_a_root_that_the_database_does_not_know_is_found(world: RegistryWorld) -> None:
    with world.registry.transaction() as services:
        root = ("nowhere", b"\x07" * 32, 64)
        queue_roots(services.session, world.registry.context, DEPARTMENT, [root])
    world.worker.drain(seconds=30)
    [finding] = audit(world).findings
    assert finding.code == "audit_root_unknown"
    assert ("07" * 32) in finding.message("en")
