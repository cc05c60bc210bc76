"""Blocks that were final are replaced: noticed, sent again, revocations first, never doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_world import FaultyWorld, faulty_world
from sqlmodel import select

from ecert.report import Verdict
from registry.audit.models import AuditEntry
from registry.batches.models import Batch
from registry.documents.models import DocumentState
from registry.outbox.models import Purpose, Transaction, TransactionState
from registry.status.models import StatusChange
from tests.integration.chain_faults import frozen, other_hashes


@pytest.fixture(scope="module")
def made(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyWorld]:
    del anvil
    with faulty_world(tmp_path_factory.mktemp("reorganised"), nodes=2) as world:
        yield world


@pytest.fixture
def faulty(made: FaultyWorld) -> FaultyWorld:
    made.start(made.nodes[0])
    return made


def final(faulty: FaultyWorld) -> list[Transaction]:
    with faulty.world.registry.reading() as services:
        statement = select(Transaction).where(Transaction.state == TransactionState.FINAL)
        return list(services.session.exec(statement.order_by(Transaction.block)).all())


@pytest.mark.parametrize("depth", [1, 2, 6])
def test_final_blocks_are_dropped(faulty: FaultyWorld, depth: int) -> None:
    faulty.fill()
    faulty.finish()
    before = faulty.told().reorganisations
    faulty.rpc.call("anvil_reorg", depth, [])
    faulty.finish()
    assert faulty.told().reorganisations == before + 1


def test_receipts_follow_their_transactions_into_other_blocks(faulty: FaultyWorld) -> None:
    faulty.fill()
    faulty.finish()
    anchor = next(row for row in reversed(final(faulty)) if row.purpose == Purpose.ANCHOR)
    depth = faulty.head() - (anchor.block or 0) + 3
    first = faulty.head() - depth + 1
    dropped = [row.raw for row in final(faulty) if row.raw and (row.block or 0) >= first]
    faulty.rpc.call("anvil_reorg", depth, [["0x" + raw.hex(), 0] for raw in dropped])
    assert faulty.logged()[0] != faulty.final_batches()
    faulty.finish()
    with faulty.world.registry.reading() as services:
        batch = services.session.exec(select(Batch).where(Batch.transaction_id == anchor.id)).one()
    assert batch.block == first != anchor.block


def test_revocations_come_back_before_anchors(faulty: FaultyWorld) -> None:
    faulty.fill()
    faulty.finish()
    newest = final(faulty)
    anchor = next(row for row in reversed(newest) if row.purpose == Purpose.ANCHOR)
    status = next(row for row in reversed(newest) if row.purpose == Purpose.STATUS)
    first = min(anchor.block or 0, status.block or 0)
    faulty.rpc.call("anvil_reorg", faulty.head() - first + 1, [])
    faulty.finish()
    blocks = {row.id: row.block or 0 for row in final(faulty)}
    assert blocks[status.id] < blocks[anchor.id]


def test_a_revocation_that_was_dropped_comes_back(faulty: FaultyWorld) -> None:
    faulty.fill()
    faulty.finish()
    revoked = faulty.revoked[-1]
    with faulty.world.registry.reading() as services:
        statement = select(Transaction).join(
            StatusChange, StatusChange.transaction_id == Transaction.id
        )
        row = services.session.exec(statement.where(StatusChange.document_id == revoked)).first()
    assert row is not None
    faulty.rpc.call("anvil_reorg", faulty.head() - (row.block or 0) + 1, [])
    artefacts = faulty.world.artefacts(revoked)
    # Until the worker has looked, a node's word is all that there is, and it knows of nothing.
    assert {faulty.world.verdict(artefact) for artefact in artefacts} == {Verdict.VALID}
    faulty.finish()
    assert {faulty.world.verdict(artefact) for artefact in artefacts} == {Verdict.REVOKED}


def test_while_transactions_wait(faulty: FaultyWorld) -> None:
    ids = faulty.fill()
    for depth in (1, 3, 1):
        faulty.suffer(0.05)
        faulty.rpc.call("anvil_reorg", depth, [])
    faulty.finish()
    assert faulty.states(ids) == {DocumentState.ANCHORED}


def test_again_and_again(faulty: FaultyWorld) -> None:
    faulty.fill()
    for _ in range(3):
        faulty.finish()
        faulty.rpc.call("anvil_reorg", 4, [])
    faulty.finish()


def test_it_is_written_down(faulty: FaultyWorld) -> None:
    faulty.fill()
    faulty.finish()
    faulty.rpc.call("anvil_reorg", 1, [])
    faulty.finish()
    with faulty.world.registry.reading() as services:
        statement = select(AuditEntry).where(AuditEntry.action == "chain.reorganised")
        entry = services.session.exec(statement.order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert entry.details["transactions"] >= 1


def test_a_node_that_lags_has_lost_nothing(faulty: FaultyWorld) -> None:
    """Neither at work nor on start: what is final stays so, and nothing is sent again."""
    node = faulty.nodes[0]
    behind = frozen(node)
    ids = faulty.fill()
    faulty.finish()
    before = faulty.told()
    for start in (False, True):
        if start:
            faulty.start(node)
        node.fault = behind
        assert faulty.suffer() == "chain_nodes_behind"
        assert faulty.states(ids) == {DocumentState.ANCHORED}
        assert faulty.told().error == "chain_nodes_behind"
        node.heal()
        faulty.finish()
    after = faulty.told()
    assert (after.reorganisations, after.resent) == (before.reorganisations, before.resent)
    assert not after.waits


def test_two_nodes_that_differ_are_no_reorganisation(faulty: FaultyWorld) -> None:
    ids = faulty.fill()
    faulty.finish()
    before = faulty.told().reorganisations
    faulty.start()
    faulty.nodes[1].fault = other_hashes(faulty.nodes[1])
    assert faulty.suffer() == "chain_nodes_disagree"
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    faulty.finish()
    assert faulty.told().reorganisations == before
