"""A table of many documents, from CSV to anchored and provable: ``python -m benchmarks.pipeline``.

Everything is as in use: a registry in a folder, an embedded chain, a clerk who imports, an approver
who approves, a worker that signs and anchors. The CSV file is written before the time starts; when
it has ended, documents taken at random are given to the real verifier with their receipts.
"""

import argparse
import csv
import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlmodel import col, select

from benchmarks.measure import sign_bare
from benchmarks.table import Mark, Row, Unit
from ecert.artefact import Expectation
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.document import DocumentFile
from ecert.report import Verdict
from ecert.trust import TrustStore
from ecert.verification import Verifier
from networks.embedded import EmbeddedChain
from registry.access.actor import Actor
from registry.access.models import Role
from registry.application import Registry
from registry.clock import day_in_china, unix_now
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.documents.streaming import import_stream
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.processes import Pool
from registry.settings import Settings
from registry.setup import set_up
from registry.trust import issue_trust
from samples.make_samples import DEFAULT_SEED, Samples

DOCUMENTS = 100_000
KIND = "resident-id"
DEPARTMENT = "11430000006122244L"
CHECKED = 200
"""Documents that the verifier is given afterwards."""

SECONDS_A_MILLION = 240.0
MEMORY = 1 << 30
_SIGNATURES = 20_000
_SAMPLE_SECONDS = 0.25
_HOUR = 3600
_STEPS = {
    "before-signed": "sign, close trees, store",
    "signed": "commit what is signed",
    "before-sealed": "queue roots",
    "sealed": "queue roots",
}
"""What the worker has done when it passes a point; everything else is anchoring."""
_ANCHOR = "anchor, make final"


@dataclass
class Run:
    """What one run found.

    Attributes:
        documents: How many.
        stages: Seconds of each stage, by the clock on the wall.
        signatures: Seconds that as many bare signatures take on the same cores.
        processor: Seconds of processor time of all the registry's processes, the node's left out.
        memory: Most memory of the registry's processes at one moment, in bytes; 0 if unknown.
        node: The same of the chain's node.
        checked: Documents that the verifier found valid.
    """

    documents: int
    stages: dict[str, float] = field(default_factory=dict)
    signatures: float = 0.0
    processor: float = 0.0
    memory: int = 0
    node: int = 0
    checked: int = 0

    @property
    def seconds(self) -> float:
        """From the CSV file to all documents anchored."""
        return sum(self.stages.values())


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    run = measure(DOCUMENTS)
    name = f"{run.documents:,} documents, CSV to anchored"
    found = [
        Row(
            name,
            Unit.SECONDS,
            run.seconds,
            None,
            Mark("the bare signatures", run.signatures),
            Mark("", SECONDS_A_MILLION * run.documents / 1e6),
        )
    ]
    if run.memory:
        found.append(Row("memory for it", Unit.MEBIBYTES, run.memory, target=Mark("", MEMORY)))
    return found


def measure(documents: int, *, url: str | None = None, processes: int | None = None) -> Run:
    """Bring documents from a CSV file to the chain.

    Args:
        documents: How many.
        url: The database; a SQLite file when not given.
        processes: As the setting.
    """
    run = Run(documents)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-bench-")))
        path = directory / "rows.csv"
        _write(path, documents)
        (directory / "registry").mkdir()
        chain = stack.enter_context(EmbeddedChain(directory / "chain"))
        settings = Settings(
            directory=directory / "registry",
            origin="https://registry.example",
            passphrase=secrets.token_hex(),
            database_url=url,
            council_delay=0,
            paper_cards=False,
            processes=processes,
        )
        made = set_up(
            settings,
            [chain.rpc_url],
            EmbeddedSettlement(chain),
            chain_id=chain.chain_id,
            engine="anvil",
        )
        registry = made.registry
        stack.callback(registry.close)
        actors = _admit(registry, chain, made.operator)
        with _memory(run, chain.pid or 0):
            before = sum(os.times()[:4])
            _bring(run, registry, chain, path, actors)
            run.processor = sum(os.times()[:4]) - before
        run.checked = _check(registry, chain)
        run.signatures = _bare(documents, settings.cores)
    return run


def _write(path: Path, documents: int) -> None:
    samples = Samples(DEFAULT_SEED, day_in_china(unix_now()))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, row in enumerate(samples.rows(KIND, documents)):
            if not number:
                writer.writerow(row)
            # With so many, two people of the same name and day may live at the same address.
            writer.writerow({**row, "address": f"{row['address']}{number}号"}.values())


def _admit(registry: Registry, chain: EmbeddedChain, operator_id: str) -> tuple[Actor, Actor]:
    with registry.transaction() as services:
        operator = services.officers.actor(operator_id)
        services.departments.admit(
            operator, code=DEPARTMENT, name="某市公安局", kind="PS", kinds=[KIND]
        )
        actors = []
        for role in (Role.CLERK, Role.APPROVER):
            officer, _ = services.officers.add(
                operator, department=DEPARTMENT, label=role.value, roles=[role]
            )
            actors.append(services.officers.actor(officer.id))
    worker = Worker.embedded(registry, chain)
    worker.drain(seconds=60)
    worker.close()
    return actors[0], actors[1]


def _bring(
    run: Run, registry: Registry, chain: EmbeddedChain, path: Path, actors: tuple[Actor, Actor]
) -> None:
    clerk, approver = actors
    passed = time.perf_counter()

    def stage(name: str) -> None:
        nonlocal passed
        now = time.perf_counter()
        run.stages[name] = run.stages.get(name, 0.0) + now - passed
        passed = now
        print(f"\r{name}: {run.seconds:.0f} s \x1b[K", end="", file=sys.stderr, flush=True)

    job = import_stream(registry, clerk, department=DEPARTMENT, kind=KIND, path=path)
    stage("read, validate, store")
    with registry.transaction() as services:
        approved = services.documents.approve_import(approver, job.id)
    stage("approve")
    worker = Worker.embedded(registry, chain, hook=lambda point: stage(_STEPS.get(point, _ANCHOR)))
    while not _all_anchored(registry, job.id):
        worker.tick()
    stage(_ANCHOR)
    print("\r\x1b[K", end="", file=sys.stderr)
    worker.drain(seconds=60)
    worker.close()
    if (job.good, approved) != (run.documents, run.documents):
        raise RuntimeError(f"{job.good} of {run.documents} rows were kept, {approved} approved")


def _all_anchored(registry: Registry, import_id: str) -> bool:
    with registry.reading() as services:
        waiting = select(DocumentRecord.id).where(
            col(DocumentRecord.department) == DEPARTMENT,
            col(DocumentRecord.state).in_(
                (DocumentState.APPROVED, DocumentState.SIGNED, DocumentState.BATCHED)
            ),
            col(DocumentRecord.import_id) == import_id,
        )
        return services.session.exec(waiting.limit(1)).first() is None


def _check(registry: Registry, chain: EmbeddedChain) -> int:
    """Give documents, taken at random, to the verifier; return how many it found valid."""
    with registry.reading() as services:
        session = services.session
        ids = session.exec(
            select(Artefact.id).where(
                col(Artefact.state) == ArtefactState.ANCHORED, col(Artefact.text) != ""
            )
        ).all()
        chosen = random.SystemRandom().sample(ids, min(CHECKED, len(ids)))
        artefacts = session.exec(select(Artefact).where(col(Artefact.id).in_(chosen))).all()
        receipts = services.batches.receipts(artefacts)
        checkpoint = services.outbox.checkpoint().signed
        trust = TrustStore(issue_trust(services), registry.context.catalogue, now=datetime.now(UTC))
        anchored = session.exec(
            select(sa.func.count()).where(
                col(DocumentRecord.department) == DEPARTMENT,
                col(DocumentRecord.state) == DocumentState.ANCHORED,
            )
        ).one()
    if anchored != len(ids):
        raise RuntimeError(f"{anchored} documents are anchored with {len(ids)} artefacts")
    finality = FinalWhenSigned(trust, lambda: checkpoint)
    verifier = Verifier(trust, ChainReader(trust, [chain.rpc_url], finality=finality))
    for artefact in artefacts:
        data = DocumentFile(artefact.text, receipts[artefact.id]).to_bytes()
        report = verifier.verify(data, now=datetime.now(UTC), expect=Expectation(waived=True))
        if report.verdict is not Verdict.VALID:
            raise RuntimeError(f"a document is {report.verdict}")
    return len(artefacts)


def _bare(documents: int, cores: int) -> float:
    """Return how long bare signatures take on as many cores."""
    with Pool(max(cores, 1)) as pool:
        tasks = [_SIGNATURES // 20] * 20
        list(pool.map(sign_bare, tasks[:cores]))  # processes are started before
        started = time.perf_counter()
        list(pool.map(sign_bare, tasks))
        return (time.perf_counter() - started) * documents / _SIGNATURES


@contextmanager
def _memory(run: Run, node: int) -> Iterator[None]:
    """Watch how much memory the registry's processes take together, shared pages counted once."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            run.memory = max(run.memory, sum(map(_pss, _family(node))))
            run.node = max(run.node, _pss(node))

    thread = threading.Thread(target=watch)
    if Path("/proc/self/smaps_rollup").exists():
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()


def _family(node: int) -> Iterator[int]:
    """Yield this process and its children, but for the chain's node."""
    yield threading.main_thread().native_id or 0
    for path in Path("/proc/self/task").glob("*/children"):
        yield from (pid for pid in _numbers(path) if pid != node)


def _numbers(path: Path) -> list[int]:
    try:
        return [int(text) for text in path.read_text().split()]
    except OSError:  # the thread has ended
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # the process has ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _postgres(stack: ExitStack) -> str:
    from tests.databases import Postgres  # noqa: PLC0415 - a server is wanted by few runs

    server = Postgres()
    stack.callback(server.close)
    return server.new_database()


def report(run: Run) -> str:
    """Return what a run found as lines."""
    width = max(map(len, run.stages))
    lines = [
        f"{name:{width}}  {seconds:8.1f} s {seconds / run.seconds:6.0%} "
        f"{run.documents / seconds:10,.0f}/s"
        for name, seconds in run.stages.items()
    ]
    whole, share = run.documents / run.seconds, run.signatures / run.seconds
    mine, node = run.memory / 2**20, run.node / 2**20
    lines += [
        f"{'in all':{width}}  {run.seconds:8.1f} s        {whole:10,.0f}/s",
        f"{'processor time':{width}}  {run.processor:8.1f} s",
        f"the bare signatures on the same cores: {run.signatures:.1f} s, {share:.0%} of it",
        f"memory of the registry's processes {mine:,.0f} MiB, of the node {node:,.0f} MiB",
        f"{run.checked} documents taken at random: all valid",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure once and print the stages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--processes", type=int)
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        url = _postgres(stack) if options.database == "postgresql" else None
        print(report(measure(options.documents, url=url, processes=options.processes)))


if __name__ == "__main__":
    main()
