"""What is done when a disk is full, on a disk of its own: run by ``test_full_disk.py``.

``ECERT_SMALL_DISK`` names a mounted file system of some 24 MB.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import httpx
import pytest
from api_world import ApiWorld, api_world, problem, upload
from registry_world import RegistryWorld
from sqlmodel import select

from ecert import card as cards
from ecert.errors import UnavailableError
from ecert.limits import MIB
from ecert.receipt import CompactReceipt
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.verification import Verifier
from networks.embedded import EmbeddedChain
from networks.snapshot import Snapshot
from registry.api import health as health_module
from registry.application import Registry
from registry.documents.models import Artefact, ArtefactForm, ArtefactState, DocumentState
from tests.databases import sqlite_in
from tests.fakes.world import World
from tests.integration.web_service import wait_for
from verifier.replay import FileReplayCache

DISK = Path(os.environ["ECERT_SMALL_DISK"])


class Ballast:
    """Takes all the room that is left, and gives it back."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"ballast-{token_hex(4)}"

    def fill(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            for size in (1 << 16, 4096, 64, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


@pytest.fixture
def ballast() -> Iterator[Ballast]:
    made = Ballast(DISK)
    yield made
    made.clear()


@pytest.fixture
def small() -> Path:
    return Path(tempfile.mkdtemp(dir=DISK))


@dataclass
class Office:
    """A registry whose database or chain, or both, are on the small disk."""

    world: RegistryWorld

    def approved(self, rows: int, seed: int) -> list[str]:
        job = self.world.import_rows(rows, seed=seed)
        self.world.approve(job)
        return [document.id for document in self.world.documents(job)]

    def states(self, documents: list[str]) -> set[DocumentState]:
        with self.world.registry.reading() as services:
            return {services.documents.get(self.world.clerk, one).state for one in documents}

    def refusal(self) -> str:
        with pytest.raises(UnavailableError) as caught:
            self.world.worker.tick()
        assert caught.value.message("zh") != caught.value.message("en")
        return caught.value.code

    def final(self) -> int:
        with self.world.registry.reading() as services:
            return services.outbox.checkpoint().number

    def check(self, documents: list[str]) -> None:
        """Each document is anchored, once, and anybody finds it valid."""
        self.world.worker.drain(seconds=60)
        assert self.states(documents) == {DocumentState.ANCHORED}
        with self.world.registry.reading() as services:
            kept = services.session.exec(
                select(Artefact.document_id).where(
                    Artefact.form == ArtefactForm.SD_JWT, Artefact.state == ArtefactState.ANCHORED
                )
            ).all()
        assert Counter(map(str, kept)) == Counter(documents)
        verdicts = {
            self.world.verdict(artefact)
            for document in documents
            for artefact in self.world.artefacts(document)
        }
        assert verdicts == {Verdict.VALID}


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_full_disk_under_database_and_chain(small: Path, ballast: Ballast) -> None:
    with EmbeddedChain(small / "chain") as chain:
        office = Office(RegistryWorld.make(small, chain))
        office.world.worker.drain(seconds=60)
        documents = office.approved(2, seed=1)
        office.world.worker.drain(seconds=60)
        documents += office.approved(3, seed=2)
        ballast.fill()
        for _ in range(3):
            assert office.refusal() == "disk_full"
        assert office.states(documents) == {DocumentState.ANCHORED, DocumentState.APPROVED}
        with pytest.raises(UnavailableError, match="disk_full"):
            office.world.import_rows(50, seed=3)
        # The node dies as well, and finds no room to be started.
        os.kill(chain.pid or 0, signal.SIGKILL)
        for _ in range(3):
            office.refusal()
        ballast.clear()
        office.check(documents)
        office.world.registry.close()


def test_a_full_disk_under_the_chain_alone(small: Path, elsewhere: Path, ballast: Ballast) -> None:
    with EmbeddedChain(small / "chain") as chain:
        office = Office(RegistryWorld.make(elsewhere, chain))
        office.world.worker.drain(seconds=60)
        before, saved = office.final(), (small / "chain" / "state.json").read_bytes()
        documents = office.approved(3, seed=1)
        ballast.fill()
        codes = [office.refusal() for _ in range(3)]
        assert set(codes) == {"chain_snapshot_not_written"}
        # It is mined, and nobody is told that it is final.
        assert chain._block("latest")["number"] != hex(before)
        assert office.states(documents) == {DocumentState.BATCHED}
        assert office.final() == before
        assert (small / "chain" / "state.json").read_bytes() == saved
        assert Snapshot.from_json(saved, where="state").whole
        assert not (small / "chain" / "state.json.new").exists()
        os.kill(chain.pid or 0, signal.SIGKILL)  # what was not on disk is lost, and sent again
        ballast.clear()
        office.check(documents)
        assert office.final() > before
        office.world.registry.close()


@pytest.fixture
def api(small: Path, elsewhere: Path) -> Iterator[ApiWorld]:
    with (
        EmbeddedChain(elsewhere / "chain") as chain,
        api_world(small, chain, sqlite_in(small)) as world,
    ):
        yield world


def test_a_full_disk_under_the_web_service(
    api: ApiWorld, ballast: Ballast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.0)
    relaxed = api.registry.settings.model_copy(update={"disk_low_mib": 4})
    health = health_module.Health(Registry(relaxed, api.registry.database, api.registry.context))
    [document] = api.issue(1, seed=1)
    assert health.vitals().state == "ok"
    with api.client("clerk") as clerk, api.client() as anybody:
        ballast.fill()
        refused = upload(clerk, 50, seed=2)
        assert (refused.status_code, problem(refused)) == (503, "disk_full")
        assert int(refused.headers["retry-after"]) > 0
        assert "腾出空间" in refused.json()["zh"]
        code = clerk.post(f"/v1/documents/{document}/claim-code")
        assert (code.status_code, problem(code)) == (503, "disk_full")

        assert clerk.get(f"/v1/documents/{document}").status_code == 200
        assert anybody.get("/v1/leaves").status_code == 200
        assert anybody.get("/v1/checkpoint").status_code == 200
        vitals = health.vitals()
        assert (vitals.database, vitals.low, vitals.state) == (True, True, "degraded")
        assert vitals.free is not None
        assert vitals.free < MIB
        told = anybody.get("/health")
        assert (told.status_code, told.json()["disk"]) == (200, False)
        line = next(
            line
            for line in anybody.get("/metrics").text.splitlines()
            if line.startswith("ecert_disk_free_bytes ")
        )
        assert float(line.split()[1]) < MIB

        ballast.clear()
        assert health.vitals().low is False
        job = upload(clerk, 50, seed=2).json()
        assert job["good"] == 50
        listed = clerk.get("/v1/documents", params={"import_id": job["id"], "limit": 500}).json()
        assert len(listed["documents"]) == 50
        everything = clerk.get("/v1/documents", params={"limit": 500}).json()
        assert len(everything["documents"]) == 51


def test_uploads_when_the_folder_for_them_is_full(
    elsewhere: Path, small: Path, ballast: Ballast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        EmbeddedChain(elsewhere / "chain") as chain,
        api_world(elsewhere, chain, sqlite_in(elsewhere)) as api,
        api.client("clerk") as clerk,
    ):
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        big = {"file": ("rows.csv", b"a,b\n" + b"1,2\n" * (MIB // 2), "text/csv")}

        def send() -> httpx.Response:
            return clerk.post("/v1/imports", files=big, data={"kind": "resident-id"})

        ballast.fill()
        for _ in range(3):
            answer = send()
            assert (answer.status_code, problem(answer)) == (503, "disk_full")
        assert upload(clerk, 2, seed=1).status_code == 201, "a small one needs no file"
        ballast.clear()
        assert send().status_code != 503
        assert not list(small.iterdir()), "what was kept of the uploads is gone"


def program(*words: str) -> list[str]:
    return [sys.executable, "-c", "from registry.cli.main import main; main()", *words]


def test_a_full_disk_under_the_log(elsewhere: Path, small: Path, ballast: Ballast) -> None:
    """The whole registry as it is run, its output on the full disk, from the first line on."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "REGISTRY_DIRECTORY": str(elsewhere / "registry"),
        "REGISTRY_PASSPHRASE": "correct horse battery staple",
        "REGISTRY_HEARTBEAT_SECONDS": "1",
    }
    with httpx.Client(trust_env=False) as client:
        port = free_port()
        origin = f"http://127.0.0.1:{port}"
        subprocess.run(
            program(
                "init", "--origin", origin, "--development", "--port", str(port),
                "--council-delay", "0",
            ),
            check=True, env=environment, capture_output=True,
        )  # fmt: skip
        log = small / "registry.log"
        with log.open("ab") as output:
            ballast.fill()
            running = subprocess.Popen(
                program("--verbose", "run"), env=environment, stdout=output, stderr=output
            )
        try:
            wait_for(lambda: client.get(f"{origin}/health").json()["status"] != "unavailable", 60)
            first = client.get(f"{origin}/v1/checkpoint").json()["signed"]["time"]
            wait_for(
                lambda: client.get(f"{origin}/v1/checkpoint").json()["signed"]["time"] > first, 30
            )
            ballast.clear()
            wait_for(lambda: bool(client.get(f"{origin}/health/live") and log.stat().st_size), 30)
        finally:
            running.terminate()
            running.wait(60)


def test_a_start_on_a_full_disk_is_refused_with_a_sentence(small: Path, ballast: Ballast) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "REGISTRY_DIRECTORY": str(small / "registry"),
        "REGISTRY_PASSPHRASE": "correct horse battery staple",
    }
    ballast.fill()
    refused = subprocess.run(
        program("init", "--origin", "https://registry.example"),
        check=False, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert refused.returncode in (1, 2, 3)
    assert "Traceback" not in refused.stderr
    assert "No space left on device" in refused.stderr or "disk" in refused.stderr
    ballast.clear()
    subprocess.run(
        program("init", "--origin", "https://registry.example"),
        check=True, env=environment, capture_output=True,
    )  # fmt: skip


def test_a_verifier_that_cannot_remember_a_proof_does_not_decide(
    small: Path, ballast: Ballast
) -> None:
    world, key = World(), SoftwareSigner.generate()
    issued = world.issue_card(holder=key.public_key)
    (receipt,) = world.anchor(issued.digest)
    compact = CompactReceipt(receipt.index, receipt.size, receipt.path, receipt.block)
    text = cards.with_receipt(issued.text, compact)
    shown = cards.with_proof(text, holder=key, now=world.now)
    trust = world.verifier()._trust
    verifier = Verifier(trust, world, replay=FileReplayCache(small / "replay.db"))
    ballast.fill()
    report = verifier.verify(shown, now=world.now)
    assert (report.verdict, report.steps[8].code) == (
        Verdict.UNDECIDED,
        "seen_unusable",
    )
    ballast.clear()
    assert verifier.verify(shown, now=world.now).verdict is Verdict.VALID
    assert verifier.verify(shown, now=world.now).verdict is Verdict.HOLDER_NOT_PROVEN


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
