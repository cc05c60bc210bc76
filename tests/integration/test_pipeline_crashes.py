"""kill -9 at every point of the pipeline: nothing lost, nothing doubled, no revocation undone."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_world import DEPARTMENT, RegistryWorld
from sqlmodel import select

from ecert.chain.events import Anchored, decode_log
from ecert.chain.node import Nodes
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.batches.models import Batch, BatchState
from registry.batches.service import digests_of
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.outbox.models import Transaction, TransactionState
from registry.outbox.worker import Worker
from registry.status.models import ChangeState, StatusChange

POINTS = (
    "before-signed", "signed", "before-sealed", "sealed", "before-changes-queued",
    "changes-queued", "prepared", "before-broadcast", "sent", "broadcast", "mined",
    "before-settle", "settled", "before-final", "final",
)  # fmt: skip
ROWS = 9
SCRIPT = Path(__file__).with_name("pipeline_process.py")


class Crashing:
    """A registry whose worker runs in processes that are killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.seed = 0
        with EmbeddedChain(directory / "chain") as chain:
            self.world = RegistryWorld.make(directory, chain)
            self.world.worker.drain(seconds=60)
        self.revoked: list[str] = []

    def fill(self) -> None:
        """Approve new documents, revoke one of the old ones and suspend another."""
        self.seed += 1
        job = self.world.import_rows(ROWS, seed=1000 + self.seed)
        self.world.approve(job)
        with self.world.registry.transaction() as services:
            known = services.documents.page(
                self.world.clerk, department=DEPARTMENT, state=DocumentState.ANCHORED, limit=500
            )
            fit = [row.id for row in known if row.status == 0]
            if len(fit) > 1:
                services.statuses.revoke(self.world.approver, fit[0], "test")
                services.statuses.suspend(self.world.approver, fit[1], "test")
                self.revoked.append(fit[0])

    def run(self, point: str, *, times: int = 1, victim: str = "worker") -> int:
        command = [sys.executable, str(SCRIPT), str(self.directory), point, str(times), victim]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=SCRIPT.parents[2], check=False
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
        return done.returncode

    def finish(self) -> None:
        """Let a worker that nobody kills do what is left; then compare database and chain.

        Every document must be anchored exactly once, every change of status be there.
        """
        with EmbeddedChain(self.directory / "chain") as chain:
            self.world.chain = chain
            Worker.embedded(self.world.registry, chain).drain(seconds=60)
            anchored = self._anchored(chain)
            with self.world.registry.reading() as services:
                session = services.session
                batches = session.exec(select(Batch)).all()
                documents = session.exec(select(DocumentRecord)).all()
                artefacts = session.exec(select(Artefact)).all()
                changes = session.exec(select(StatusChange)).all()
                calls = session.exec(select(Transaction)).all()
                services.audit.check()
            assert {batch.state for batch in batches} == {BatchState.FINAL}
            assert anchored == Counter((b.root, b.size, b.block) for b in batches)
            assert {call.state for call in calls} == {TransactionState.FINAL}
            leaves = Counter(digest for batch in batches for digest in digests_of(batch))
            assert leaves == Counter(a.digest for a in artefacts)
            assert max(leaves.values()) == 1
            assert {a.state for a in artefacts} == {ArtefactState.ANCHORED}
            assert {row.state for row in documents} == {DocumentState.ANCHORED}
            assert len(documents) == ROWS * self.seed
            forms = Counter((a.document_id, a.form) for a in artefacts if a.document_id)
            assert forms == Counter(
                (row.id, form)
                for row in documents
                for form in (ArtefactForm.SD_JWT, ArtefactForm.CARD)
            )
            assert {change.state for change in changes} <= {ChangeState.FINAL}
            verifier = self.world.verifier()
            for document_id in self.revoked:
                for artefact in self.world.artefacts(document_id):
                    assert self.world.verdict(artefact, verifier=verifier) == Verdict.REVOKED
            fresh = next(row for row in documents if row.status == 0)
            for artefact in self.world.artefacts(fresh.id):
                assert self.world.verdict(artefact, verifier=verifier) == Verdict.VALID

    def _anchored(self, chain: EmbeddedChain) -> Counter[tuple[bytes, int, int]]:
        contract = self.world.registry.context.contracts.anchors.address
        nodes = Nodes([chain.rpc_url])
        last = nodes.header("latest").number
        found: Counter[tuple[bytes, int, int]] = Counter()
        for log in nodes.logs([bytes.fromhex(contract[2:])], 0, last):
            event = decode_log(log, "anchors")
            if isinstance(event, Anchored):
                found[event.root, event.size, log.block] += 1
        return found


@pytest.fixture(scope="module")
def crashing(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashing]:
    del anvil
    made = Crashing(tmp_path_factory.mktemp("crashing"))
    made.fill()
    made.finish()
    yield made
    made.world.registry.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_anywhere_loses_and_doubles_nothing(crashing: Crashing, point: str) -> None:
    crashing.fill()
    assert crashing.run(point) == -signal.SIGKILL, f"{point} was never passed"
    crashing.finish()


def test_a_worker_killed_again_and_again_still_gets_there(crashing: Crashing) -> None:
    crashing.fill()
    for point in ("reconciled", "prepared", "sent", "reconciled", "mined", "settled"):
        crashing.run(point)
    crashing.finish()


@pytest.mark.parametrize(
    "point", ["prepared", "sent", "mined", "before-settle", "settled", "final"]
)
def test_a_node_killed_under_the_worker_loses_nothing(crashing: Crashing, point: str) -> None:
    crashing.fill()
    assert crashing.run(point, victim="chain") == 0
    crashing.finish()
