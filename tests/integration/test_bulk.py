"""Large imports and much to sign: shared among processes, each document anchored exactly once."""

import gc
import os
import signal
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_world import DEPARTMENT, RegistryWorld, table
from sqlmodel import select

from ecert.errors import MalformedError
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.batches.models import Batch
from registry.documents import signing, streaming
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
    ImportJob,
)
from registry.documents.progress import state_of
from registry.errors import ConflictError
from tests.databases import NewDatabase

SCRIPT = Path(__file__).parent / "import_process.py"


class Bulk:
    """A registry whose imports and signatures are shared by two processes."""

    def __init__(self, directory: Path, chain: EmbeddedChain, url: str) -> None:
        self.directory, self.url = directory, url
        self.world = RegistryWorld.make(
            directory, chain, url, processes=2, batch_leaves=256, paper_cards=False
        )
        self.world.worker.drain(seconds=30)

    def file(self, rows: int, *, seed: int) -> Path:
        path = self.directory / f"{seed}.csv"
        path.write_bytes(table("resident-id", rows, seed=seed))
        return path

    def take(self, path: Path, **options: Any) -> ImportJob:
        return streaming.import_stream(
            self.world.registry,
            self.world.clerk,
            department=DEPARTMENT,
            kind="resident-id",
            path=path,
            **options,
        )

    def documents(self, job: ImportJob) -> list[DocumentRecord]:
        with self.world.registry.reading() as services:
            statement = select(DocumentRecord).where(DocumentRecord.import_id == job.id)
            return list(services.session.exec(statement.order_by(DocumentRecord.id)).all())

    def artefacts(self, documents: list[DocumentRecord]) -> list[Artefact]:
        ids = [row.id for row in documents]
        with self.world.registry.reading() as services:
            statement = select(Artefact).where(Artefact.document_id.in_(ids))  # type: ignore[union-attr]
            return list(services.session.exec(statement).all())


@pytest.fixture(scope="module")
def bulk(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bulk]:
    directory = tmp_path_factory.mktemp("bulk")
    made = Bulk(directory, chain, new_database(directory))
    yield made
    made.world.worker.close()
    made.world.registry.close()


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred rows be many parts and transactions."""
    monkeypatch.setattr(streaming, "CHUNK", 50)
    monkeypatch.setattr(streaming, "COMMIT_CHUNKS", 3)
    monkeypatch.setattr(streaming, "POOL_FROM", 100)
    monkeypatch.setattr(signing, "POOL_FROM", 100)
    monkeypatch.setattr(signing, "_TASK", 40)


def check_anchored_once(bulk: Bulk, job: ImportJob, rows: int) -> list[Artefact]:
    documents = bulk.documents(job)
    assert Counter(row.state for row in documents) == {DocumentState.ANCHORED: rows}
    artefacts = bulk.artefacts(documents)
    assert {a.state for a in artefacts} == {ArtefactState.ANCHORED}
    assert Counter(a.document_id for a in artefacts) == Counter(row.id for row in documents)
    assert len({(a.status_list, a.status_index) for a in artefacts}) == rows
    with bulk.world.registry.reading() as services:
        receipts = services.batches.receipts(artefacts)
        services.audit.check()
    assert len({(receipt.root, receipt.index) for receipt in receipts.values()}) == rows
    for artefact in artefacts:
        receipts[artefact.id].check_inclusion(artefact.digest)
    return artefacts


def test_rows_become_whole_trees_that_anybody_can_verify(bulk: Bulk) -> None:
    told: list[streaming.Progress] = []
    job = bulk.take(bulk.file(1200, seed=1), report=told.append)
    assert (job.rows, job.good, job.bad, job.known) == (1200, 1200, 0, 0)
    assert not job.reading
    assert [p.rows for p in told] == [*range(150, 1201, 150)]
    assert {p.total for p in told} == {1200}
    documents = bulk.documents(job)
    assert sorted(row.row_number or 0 for row in documents) == list(range(2, 1202))
    assert bulk.world.approve(job) == 1200
    with bulk.world.registry.database.transaction() as session:
        pool = bulk.world.worker._pool
        assert signing.sign_approved(session, bulk.world.registry.context, 2000, pool) == 1200
    states = Counter(row.state for row in bulk.documents(job))
    assert states == {DocumentState.BATCHED: 1024, DocumentState.SIGNED: 176}, "whole trees at once"
    with bulk.world.registry.reading() as services:
        assert {batch.size for batch in services.session.exec(select(Batch))} == {256}
    bulk.world.worker.drain(seconds=60)
    artefacts = check_anchored_once(bulk, job, 1200)
    places = [a.leaf_index or 0 for a in sorted(artefacts, key=lambda a: a.id)[:256]]
    assert places != sorted(places), "the order of issue does not show in the tree"
    verifier = bulk.world.verifier()
    for artefact in artefacts[::200]:
        assert artefact.form == ArtefactForm.SD_JWT
        assert bulk.world.verdict(artefact, verifier=verifier) == Verdict.VALID
    assert pool is not None
    assert not any(pool._free.queue), "an idle worker keeps no process"


def test_errors_are_reported_in_the_files_order_with_their_rows(bulk: Bulk) -> None:
    path = bulk.file(300, seed=2)
    lines = path.read_text("utf-8-sig").splitlines()
    wrong = {20: "男女", 140: "?", 299: "x"}
    for number, sex in wrong.items():
        cells = lines[number].split(",")
        cells[1] = sex
        lines[number] = ",".join(cells)
    lines[160] = lines[10]  # in another part, and another transaction
    lines[161] = lines[159]  # in the same part
    path.write_text("\n".join(lines), "utf-8")
    job = bulk.take(path)
    assert (job.rows, job.good, job.bad, job.known) == (300, 295, 5, 0)
    found = [(error["row"], error["code"]) for error in job.errors]
    assert found == [
        (21, "claim_not_allowed"),
        (141, "claim_not_allowed"),
        (161, "import_row_doubled"),
        (162, "import_row_doubled"),
        (300, "claim_not_allowed"),
    ]
    assert [e["en"] for e in job.errors[2:4]] == [
        error["en"] for error in job.errors if "11" in error["en"] or "160" in error["en"]
    ]
    again = bulk.take(path)
    assert (again.good, again.known, again.bad) == (0, 297, 3), "the doubled rows are known now"


@pytest.mark.parametrize("times", [2])
def test_an_import_killed_in_the_middle_is_made_whole_by_importing_again(
    bulk: Bulk, times: int
) -> None:
    path = bulk.file(420, seed=30 + times)
    lines = path.read_text("utf-8-sig").splitlines()
    lines[80], lines[400] = lines[10], lines[20]
    path.write_text("\n".join(lines), "utf-8")
    command = [sys.executable, str(SCRIPT), str(bulk.directory), bulk.url]
    command += [bulk.world.clerk.id, str(path), str(times)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=SCRIPT.parents[2], check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with bulk.world.registry.reading() as services:
        statement = select(ImportJob).order_by(ImportJob.id.desc())  # type: ignore[attr-defined]
        broken = services.session.exec(statement).first()
    assert broken is not None
    assert (broken.reading, broken.rows) == (True, 100 * times)
    with pytest.raises(ConflictError, match="import_unfinished"):
        bulk.world.approve(broken)
    job = bulk.take(path)
    assert (job.rows, job.good, job.bad, job.known) == (420, 418, 2, 0), "as if nothing had been"
    assert [(e["row"], e["code"]) for e in job.errors] == [
        (81, "import_row_doubled"), (401, "import_row_doubled"),
    ]  # fmt: skip
    assert bulk.documents(broken) == []
    assert len({row.row_number for row in bulk.documents(job)}) == 418
    assert bulk.world.approve(job) == 418


def test_a_signing_process_killed_in_the_middle_loses_and_doubles_nothing(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bulk.take(bulk.file(600, seed=4))
    bulk.world.approve(job)
    pool = bulk.world.worker._pool
    assert pool is not None
    killed: list[int] = []
    insert = signing._keep

    def kill_then_insert(*values: Any, **options: Any) -> None:
        idle = [child for child in pool._free.queue if child is not None]
        for child in idle[:1]:
            killed.append(child._process.pid)
            os.kill(child._process.pid, signal.SIGKILL)
        insert(*values, **options)

    monkeypatch.setattr(signing, "_keep", kill_then_insert)
    bulk.world.worker.drain(seconds=60)
    assert killed, "no process was there to be killed"
    check_anchored_once(bulk, job, 600)


def test_what_cannot_be_signed_is_rejected_among_many(bulk: Bulk) -> None:
    job = bulk.take(bulk.file(300, seed=5))
    broken = bulk.documents(job)[150].id
    with bulk.world.registry.transaction() as services:
        row = services.session.get_one(DocumentRecord, broken)
        row.claims = row.claims | {"issue_date": "1990-01-01", "birth_date": "1989-01-01"}
    bulk.world.approve(job)
    bulk.world.worker.drain(seconds=60)
    states = {row.id: (row.state, row.reason) for row in bulk.documents(job)}
    assert states.pop(broken) == (DocumentState.REJECTED, "document_expired_already")
    assert set(states.values()) == {(DocumentState.ANCHORED, None)}
    with bulk.world.registry.reading() as services:
        state = state_of(services.session, job)
    assert (state.finished, state.anchored, state.left, state.moving) == (True, 299, 0, False)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "import_empty"),
        ("姓名\n".encode(), "import_empty"),
        ('姓名\n"甲'.encode(), "import_csv_malformed"),
        (b"name\n\xff\xff\n", "import_encoding"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing(
    bulk: Bulk, content: bytes, code: str
) -> None:
    path = bulk.directory / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(MalformedError, match=code):
        bulk.take(path)
    with pytest.raises(MalformedError, match="file_unreadable"):
        bulk.take(bulk.directory)
    with pytest.raises(MalformedError, match="file_unreadable"):
        bulk.take(bulk.directory / "absent.csv")
    with bulk.world.registry.reading() as services:
        jobs = services.session.exec(select(ImportJob.filename)).all()
    assert "broken.csv" not in jobs


def test_a_wrong_header_is_a_finished_import_of_nothing(bulk: Bulk) -> None:
    path = bulk.directory / "header.csv"
    path.write_text("姓名,什么\n甲,乙\n", "utf-8")
    job = bulk.take(path)
    assert (job.good, job.bad, job.reading) == (0, 1, False)
    assert {error["row"] for error in job.errors} == {1}


def test_memory_does_not_grow_with_the_file(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "POOL_FROM", 1 << 30)  # here, where it can be seen
    header, *lines = bulk.file(400, seed=6).read_text("utf-8-sig").splitlines()
    path, peaks = bulk.directory / "many.csv", []
    for times, name in ((3, "warm"), (3, "few"), (12, "many")):
        # The same days and codes each time: what is remembered of them is bounded, but not full.
        rows = [line.replace("路", f"路{name}{n}", 1) for n in range(times) for line in lines]
        path.write_text("\n".join([header, *rows]), "utf-8")
        gc.collect()
        tracemalloc.start()
        assert bulk.take(path).rows == 400 * times
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Less than a digest of each row would take, were it kept.
    assert peaks[2] - peaks[1] < 9 * len(lines) * 100, peaks
