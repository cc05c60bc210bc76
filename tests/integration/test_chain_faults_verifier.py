"""A verifier before nodes that fail and lie: what is wrong is never called proved."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faulty_world import FaultyWorld, faulty_world

from ecert.artefact import Expectation
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.document import DocumentFile
from ecert.errors import EcertError
from ecert.facts import Basis
from ecert.report import Report, Verdict
from ecert.trust import TrustStore
from ecert.verification import FactSource, Verifier
from registry.documents.models import Artefact, ArtefactForm
from registry.trust import issue_trust
from tests.integration.chain_faults import BROKEN, LIES, Make, frozen
from tests.integration.faulty_node import Fault, FaultyNode
from verifier.snapshot import Snapshot
from verifier.sync import sync

FAULTS = BROKEN | LIES


@dataclass
class Papers:
    """A valid document, one that was revoked after the snapshot was made, and a node."""

    faulty: FaultyWorld
    node: FaultyNode
    trust: TrustStore
    files: dict[Verdict, bytes]
    snapshot: Path
    """As of before the revocation."""
    stale: Fault
    """Of the same time."""

    def checkpoint(self) -> bytes:
        with self.faulty.world.registry.reading() as services:
            return services.outbox.checkpoint().signed

    def verify(self, source: FactSource) -> dict[Verdict, Report]:
        verifier = Verifier(self.trust, source)
        now, expect = datetime.now(UTC), Expectation(waived=True)
        return {
            truth: verifier.verify(data, now=now, expect=expect)
            for truth, data in self.files.items()
        }

    def online(self, urls: Sequence[str]) -> dict[Verdict, Report]:
        finality = FinalWhenSigned(self.trust, self.checkpoint)
        return self.verify(ChainReader(self.trust, urls, finality=finality, seconds=2))

    def sync(self, path: Path, urls: Sequence[str]) -> Basis:
        return sync(path, self.trust, urls, fetch_checkpoint=self.checkpoint).basis


@pytest.fixture(scope="module")
def papers(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    del anvil
    directory = tmp_path_factory.mktemp("papers")
    with faulty_world(directory, nodes=2) as faulty:
        world, [node, good] = faulty.world, faulty.nodes
        with world.registry.reading() as services:
            trust = TrustStore(
                issue_trust(services), world.registry.context.catalogue, now=datetime.now(UTC)
            )
        ids = faulty.fill()
        faulty.finish()
        made = Papers(faulty, node, trust, {}, directory / "snapshot.db", frozen(node))
        made.sync(made.snapshot, [good.url])
        with world.registry.transaction() as services:
            services.statuses.revoke(world.approver, ids[1], "test")
        world.worker.drain(seconds=30)
        for truth, document in ((Verdict.VALID, ids[0]), (Verdict.REVOKED, ids[1])):
            made.files[truth] = file_of(faulty, document)
        yield made


def file_of(faulty: FaultyWorld, document: str) -> bytes:
    artefact = next(a for a in faulty.world.artefacts(document) if a.form == ArtefactForm.SD_JWT)
    with faulty.world.registry.reading() as services:
        receipt = services.batches.receipts([artefact])[artefact.id]
    assert isinstance(artefact, Artefact)
    return DocumentFile(artefact.text, receipt).to_bytes()


@pytest.fixture
def wrong(papers: Papers, request: pytest.FixtureRequest) -> Iterator[FaultyNode]:
    make: Make = FAULTS[request.param]
    papers.node.fault = papers.stale if make is frozen else make(papers.node)
    yield papers.node
    papers.node.heal()


each_fault = pytest.mark.parametrize("wrong", FAULTS, indirect=True)


@each_fault
def test_a_wrong_verdict_rests_on_the_nodes_word_alone(papers: Papers, wrong: FaultyNode) -> None:
    for report in papers.online([wrong.url]).values():
        assert report.basis in (None, Basis.NODE)
        if report.basis is None:
            assert report.verdict == Verdict.UNDECIDED


@pytest.mark.parametrize("wrong", [*BROKEN, "stands still", "answers calls with nothing"],
                         indirect=True)  # fmt: skip
def test_another_node_answers_instead(
    papers: Papers, wrong: FaultyNode, request: pytest.FixtureRequest
) -> None:
    found = papers.online([wrong.url, papers.faulty.nodes[1].url])
    assert {truth: report.verdict for truth, report in found.items()} == {
        truth: truth for truth in papers.files
    }, request.node.name


@pytest.mark.parametrize("wrong", ["stands still"], indirect=True)
def test_a_node_that_misses_a_revocation_is_not_believed(papers: Papers, wrong: FaultyNode) -> None:
    report = papers.online([wrong.url])[Verdict.REVOKED]
    assert report.verdict == Verdict.UNDECIDED
    assert "rpc_node_behind" in {step.code for step in report.steps}


@each_fault
def test_a_snapshot_is_brought_forward_truly_or_not_at_all(
    papers: Papers, wrong: FaultyNode, tmp_path: Path
) -> None:
    path = tmp_path / "snapshot.db"
    shutil.copy(papers.snapshot, path)
    before = path.read_bytes()
    try:
        basis = papers.sync(path, [wrong.url])
    except EcertError:
        assert path.read_bytes() == before
        return
    assert basis is Basis.OPERATOR
    with Snapshot.open(path, papers.trust) as snapshot:
        found = papers.verify(snapshot)
    for truth, report in found.items():
        assert (report.verdict, report.basis) == (truth, Basis.OPERATOR)


@each_fault
def test_a_first_snapshot_is_made_truly_or_not_at_all(
    papers: Papers, wrong: FaultyNode, tmp_path: Path
) -> None:
    path = tmp_path / "snapshot.db"
    try:
        papers.sync(path, [wrong.url])
    except EcertError:
        assert not path.exists()
        return
    with Snapshot.open(path, papers.trust) as snapshot:
        found = papers.verify(snapshot)
    assert {truth: report.verdict for truth, report in found.items()} == {
        truth: truth for truth in papers.files
    }


def test_which_lies_do_not_touch_a_snapshot(papers: Papers, tmp_path: Path) -> None:
    """Those about what a snapshot is not made of: transactions and the worker's own questions."""
    harmless = set()
    for number, (name, make) in enumerate(LIES.items()):
        papers.node.fault = papers.stale if make is frozen else make(papers.node)
        try:
            papers.sync(tmp_path / f"{number}.db", [papers.node.url])
        except EcertError:
            continue
        finally:
            papers.node.heal()
        harmless.add(name)
    assert harmless == {
        "swallows transactions", "has receipts of others", "says that all failed",
        "says other blocks", "says other block hashes", "knows no receipts",
        "counts too few transactions", "counts too many transactions", "asks for much gas",
        "is far ahead", "answers calls with zeros", "answers calls with nothing",
    }  # fmt: skip
