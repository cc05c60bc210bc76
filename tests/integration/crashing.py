"""A registry whose worker, node and database are killed, and what must hold afterwards.

Used by the tests with a kill at each point, and by the soak with very many.
"""

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

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
from registry.outbox.comparison import Comparison, compare
from registry.outbox.models import Transaction, TransactionState
from registry.outbox.worker import Worker
from registry.status.models import ChangeState, StatusChange
from tests.databases import Postgres

ROWS = 9
SCRIPT = Path(__file__).with_name("pipeline_process.py")
_ROOT = SCRIPT.parents[2]
_NEVER = "no such point"


@dataclass
class Kill:
    """What is killed when: at a point that is passed for the given time, or after some seconds."""

    victim: str
    """``worker``, ``chain`` (its node), ``both``, or ``database``."""
    point: str = _NEVER
    times: int = 1
    seconds: float | None = None


class Crashing:
    """A registry with work to do.

    Args:
        directory: Its folder.
        url: Its database's.
        postgres: The server of the database, where that is to be killed, too.
    """

    def __init__(self, directory: Path, url: str, postgres: Postgres | None = None) -> None:
        self.directory, self.url, self.postgres = directory, url, postgres
        self.seed = 0
        self.revoked: list[str] = []
        self._withdrawn = ""
        with EmbeddedChain(directory / "chain") as chain:
            self.world = RegistryWorld.make(directory, chain, url)
            self.world.worker.drain(seconds=60)
            self.world.worker.close()

    def fill(self) -> None:
        """Approve new documents, revoke one of the old ones and suspend another."""
        self.seed += 1
        job = self.world.import_rows(ROWS, seed=1000 + self.seed)
        self.world.approve(job)
        with self.world.registry.transaction() as services:
            fit = services.documents.page(
                self.world.clerk, department=DEPARTMENT, state=DocumentState.ANCHORED,
                after=self._withdrawn, limit=2,
            )  # fmt: skip
            if len(fit) > 1:
                services.statuses.revoke(self.world.approver, fit[0].id, "test")
                services.statuses.suspend(self.world.approver, fit[1].id, "test")
                self.revoked.append(fit[0].id)
                self._withdrawn = fit[1].id

    def run(self, kill: Kill) -> bool:
        """Let a worker work until the kill, or until nothing is left; tell whether anything died.

        Whoever is not killed has to get there: the worker without its node or its database waits
        until they are back.
        """
        told = asdict(kill) | {"directory": str(self.directory), "url": self.url}
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), json.dumps(told)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=_ROOT, env={"PYTHONPATH": f"{_ROOT}:{SCRIPT.parent}", "PATH": ""},
        )  # fmt: skip
        killed = False
        if kill.seconds is not None:
            time.sleep(kill.seconds)
            killed = self._kill(process, kill.victim)
        elif kill.victim == "database":
            assert process.stdout is not None
            killed = process.stdout.readline() == "passed\n"
            if killed:
                self._restart_database()
        _, errors = process.communicate("\n", timeout=180)
        assert process.returncode in (0, -signal.SIGKILL), errors[-3000:]
        return killed or process.returncode == -signal.SIGKILL or kill.victim == "chain"

    def _kill(self, process: subprocess.Popen[str], victim: str) -> bool:
        if process.poll() is not None:
            return False
        if victim == "database":
            self._restart_database()
        if victim in ("chain", "both"):
            pid = self.directory / "chain" / "node.pid"
            subprocess.run(["/bin/kill", "-9", pid.read_text()], check=False, capture_output=True)
        if victim in ("worker", "both"):
            process.kill()
        return True

    def _restart_database(self) -> None:
        assert self.postgres is not None
        self.postgres.kill()
        self.postgres.start()

    def finish(self) -> Comparison:
        """Let a worker that nobody kills do what is left; then compare database and chain.

        Every document must be anchored exactly once, every change of status be there.
        """
        with EmbeddedChain(self.directory / "chain") as chain:
            self.world.chain = chain
            worker = Worker.embedded(self.world.registry, chain)
            worker.drain(seconds=120)
            worker.close()
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
            self._ask_a_verifier(documents)
            return compare(self.world.registry, Nodes([chain.rpc_url]))

    def _ask_a_verifier(self, documents: list[DocumentRecord]) -> None:
        verifier = self.world.verifier()
        revoked = random.sample(self.revoked, min(len(self.revoked), 20))
        fresh = next(row.id for row in documents if row.status == 0)
        for document_id in (*revoked, fresh):
            wanted = Verdict.VALID if document_id == fresh else Verdict.REVOKED
            for artefact in self.world.artefacts(document_id):
                assert self.world.verdict(artefact, verifier=verifier) == wanted

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
