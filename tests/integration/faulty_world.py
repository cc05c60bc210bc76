"""A registry whose worker reaches its chain only through nodes that misbehave as told."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from registry_world import DEPARTMENT, RegistryWorld
from sqlmodel import select

from ecert.chain.codes import department_text
from ecert.chain.events import Anchored, StatusChanged, decode_log
from ecert.chain.node import Nodes
from ecert.errors import UnavailableError
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.batches.models import Batch, BatchState
from registry.batches.service import digests_of
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.errors import ReconciliationError
from registry.outbox import refusals, transmission
from registry.outbox.comparison import compare
from registry.outbox.models import LIVE_STATES, Transaction, WorkerState
from registry.outbox.worker import Worker
from registry.status.models import ChangeState, StatusChange
from tests.databases import sqlite_in
from tests.integration.chain_faults import BROKEN, LIES, Make, mixed
from tests.integration.faulty_node import FaultyNode

ROWS = 3


@dataclass
class FaultyWorld:
    """A registry on a network of ``nodes``, all before the one node of ``chain``."""

    chain: EmbeddedChain
    world: RegistryWorld
    nodes: list[FaultyNode]
    issued: int = 0
    revoked: list[str] = field(default_factory=list)

    @property
    def rpc(self) -> LoopbackRpc:
        """The node itself."""
        return LoopbackRpc(self.chain.rpc_url)

    def head(self) -> int:
        """The chain's height."""
        return int(self.rpc.call("eth_blockNumber"), 16)

    def start(self, *nodes: FaultyNode) -> None:
        """Start a worker anew that knows these nodes, or all."""
        urls = [node.url for node in nodes or self.nodes]
        self.world.worker = Worker.network(self.world.registry, urls, look_seconds=0)

    def fill(self) -> list[str]:
        """Approve new documents, revoke one of the old ones and suspend another."""
        self.issued += ROWS
        job = self.world.import_rows(ROWS, seed=5000 + self.issued)
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
        return [row.id for row in self.world.documents(job)]

    def suffer(self, seconds: float = 0.4) -> str | None:
        """Work for a while with what is wrong; return the code of what the worker waits for."""
        try:
            self.world.worker.drain(seconds=seconds)
        except (UnavailableError, ReconciliationError) as error:
            return error.code
        return None

    def states(self, ids: Sequence[str]) -> set[DocumentState]:
        with self.world.registry.reading() as services:
            rows = [services.session.get(DocumentRecord, found) for found in ids]
        return {row.state for row in rows if row is not None}

    def told(self) -> WorkerState:
        """What the worker tells of itself."""
        with self.world.registry.reading() as services:
            row = services.session.get(WorkerState, 1)
        assert row is not None
        return row

    def finish(self, *, seconds: float = 30) -> None:
        """Let all nodes be good; then compare the database with what the node itself holds."""
        for node in self.nodes:
            node.heal()
        deadline = time.monotonic() + seconds
        self.world.worker.drain(seconds=seconds)
        while self._unfinished() and time.monotonic() < deadline:
            self.world.worker._mended_at = 0
            self.world.worker.drain(seconds=seconds)
        self.check()

    def _unfinished(self) -> bool:
        with self.world.registry.reading() as services:
            session = services.session
            live = session.exec(
                select(Transaction.id).where(Transaction.state.in_(LIVE_STATES))
            ).first()
            open_batch = session.exec(
                select(Batch.id).where(Batch.state != BatchState.FINAL)
            ).first()
            waiting = session.exec(
                select(DocumentRecord.id).where(DocumentRecord.state != DocumentState.ANCHORED)
            ).first()
            change = session.exec(
                select(StatusChange.id).where(StatusChange.state != ChangeState.FINAL)
            ).first()
        return any(found is not None for found in (live, open_batch, waiting, change))

    def check(self) -> None:
        """Every document is anchored exactly once, every change of status there exactly once."""
        anchored, changed = self.logged()
        with self.world.registry.reading() as services:
            session = services.session
            batches = session.exec(select(Batch)).all()
            documents = session.exec(select(DocumentRecord)).all()
            artefacts = session.exec(select(Artefact)).all()
            changes = session.exec(select(StatusChange)).all()
            services.audit.check()
        assert {batch.state for batch in batches} == {BatchState.FINAL}
        assert anchored == self.final_batches()
        leaves = Counter(digest for batch in batches for digest in digests_of(batch))
        assert leaves == Counter(artefact.digest for artefact in artefacts)
        assert max(leaves.values()) == 1
        assert {artefact.state for artefact in artefacts} == {ArtefactState.ANCHORED}
        assert {row.state for row in documents} == {DocumentState.ANCHORED}
        assert len(documents) == self.issued
        forms = Counter((a.document_id, a.form) for a in artefacts if a.document_id)
        assert forms == Counter(
            (row.id, form) for row in documents for form in (ArtefactForm.SD_JWT, ArtefactForm.CARD)
        )
        assert {change.state for change in changes} <= {ChangeState.FINAL}
        assert changed == Counter((c.department, c.list, c.index, c.status) for c in changes)
        found = compare(self.world.registry, Nodes([self.chain.rpc_url]))
        assert not found.findings, [str(finding) for finding in found.findings]
        verifier = self.world.verifier()
        for document_id in self.revoked[-1:]:
            for artefact in self.world.artefacts(document_id):
                assert self.world.verdict(artefact, verifier=verifier) == Verdict.REVOKED
        fresh = next(row for row in documents if row.status == 0)
        for artefact in self.world.artefacts(fresh.id):
            assert self.world.verdict(artefact, verifier=verifier) == Verdict.VALID

    def final_batches(self) -> Counter[tuple]:
        with self.world.registry.reading() as services:
            statement = select(Batch).where(Batch.state == BatchState.FINAL)
            batches = services.session.exec(statement).all()
        return Counter((b.root, b.size, b.block, b.anchor_time) for b in batches)

    def logged(self) -> tuple[Counter[tuple], Counter[tuple]]:
        """Return what the contracts logged, asked of the node itself."""
        contracts = self.world.registry.context.contracts.deployment.contracts
        nodes = Nodes([self.chain.rpc_url])
        last = nodes.header("latest").number
        times: dict[int, int] = {}
        anchored: Counter[tuple] = Counter()
        changed: Counter[tuple] = Counter()
        for name, contract in (("anchors", "AnchorRegistry"), ("statuses", "StatusRegistry")):
            address = bytes.fromhex(contracts[contract].address[2:])
            for log in nodes.logs([address], 0, last):
                event = decode_log(log, name)
                if isinstance(event, Anchored):
                    if log.block not in times:
                        times[log.block] = nodes.header(log.block).time
                    anchored[event.root, event.size, log.block, times[log.block]] += 1
                elif isinstance(event, StatusChanged):
                    department = department_text(event.department)
                    for index in event.indices:
                        changed[department, event.list, index, event.status] += 1
        return anchored, changed


@contextmanager
def faulty_world(directory: Path, *, nodes: int = 3) -> Iterator[FaultyWorld]:
    """Make a registry on a chain of its own, behind ``nodes`` nodes."""
    with ExitStack() as stack:
        # What nodes refuse by mistake, or lead astray, is tried again at once.
        for module, name in ((refusals, "FIRST_DELAY"), (transmission, "STUCK_SECONDS")):
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, 0)
        chain = stack.enter_context(EmbeddedChain(directory / "chain"))
        world = RegistryWorld.make(
            directory, chain, sqlite_in(directory), poll_seconds=0.02, heartbeat_seconds=5
        )
        stack.callback(world.registry.close)
        world.worker.drain(seconds=60)
        before = [stack.enter_context(FaultyNode(chain.rpc_url)) for _ in range(nodes)]
        made = FaultyWorld(chain, world, before)
        made.start()
        made.fill()
        made.finish()
        yield made


def run_fault_mix(directory: Path, seed: int, rounds: int) -> dict[str, int]:
    """Issue and revoke while nodes fail, lie and reorganise at random; compare after each round.

    Returns:
        How many documents were issued, reorganisations seen, transactions sent again, and failures
        of the nodes counted.
    """
    draw = random.Random(seed)
    with faulty_world(directory) as found:
        failures = 0
        for number in range(rounds):
            found.start(*found.nodes[: draw.choice([1, 2, 3])])
            faults: dict[str, Make] = BROKEN | (LIES if draw.random() < 0.5 else {})
            victims = draw.sample(found.nodes, draw.choice([1, 1, 2, 3]))
            for position, node in enumerate(victims):
                node.fault = mixed(seed + 100 * number + position, faults)(node)
            found.fill()
            found.suffer(draw.uniform(0.2, 2.0))
            if draw.random() < 0.5:
                found.rpc.call("anvil_reorg", draw.choice([1, 2, 5]), [])
                found.suffer(draw.uniform(0.2, 1.0))
            failures += sum(sum(node.values()) for node in found.told().failures)
            found.start()
            found.finish(seconds=60)
        told = found.told()
        return {
            "documents": found.issued,
            "reorganisations": told.reorganisations,
            "resent": told.resent,
            "failures": failures,
        }
