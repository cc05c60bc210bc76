"""Several workers and web services on one PostgreSQL server, as processes of their own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from api_world import OTHER, ApiWorld, api_world, claim_body, make_claim, problem, upload
from registry_world import DEPARTMENT, table
from sqlmodel import select

from ecert.chain.node import Nodes
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.departments.keys import hold_keys
from registry.departments.models import DepartmentState
from registry.documents.models import Artefact, DocumentRecord, DocumentState
from registry.outbox.comparison import compare
from registry.outbox.duty import SharedDuty
from registry.outbox.effects import on_final
from registry.outbox.models import Transaction, TransactionState
from tests.databases import Postgres

SCRIPT = Path(__file__).with_name("worker_process.py")
_ROOT = SCRIPT.parents[2]
_ENVIRONMENT = {"PYTHONPATH": f"{_ROOT}:{SCRIPT.parent}", "PATH": ""}


@dataclass
class Process:
    """A worker; ``passed`` are the points that it passed."""

    popen: subprocess.Popen[str]
    stops: bool
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            for line in lines:
                self.passed.append(line.strip())

    def end(self) -> None:
        """End it, at once where it may stand still."""
        (self.popen.kill if self.stops else self.popen.terminate)()
        self.popen.wait(60)
        self._reader.join(60)


class Office:
    """A served registry on a server, whose workers come and go."""

    def __init__(self, api: ApiWorld, chain: EmbeddedChain, directory: Path, url: str) -> None:
        self.api, self.chain = api, chain
        self._told = {"directory": str(directory), "url": url, "rpc": chain.rpc_url}
        self.workers: list[Process] = []

    @property
    def registry(self) -> Registry:
        return self.api.registry

    def start(self, stop_at: str = "", **told: str) -> Process:
        words = json.dumps(self._told | {"stop_at": stop_at} | told)
        popen = subprocess.Popen(
            [sys.executable, str(SCRIPT), words],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=_ROOT,
            env=_ENVIRONMENT,
        )  # fmt: skip
        process = Process(popen, bool(stop_at))
        self.workers.append(process)
        return process

    def end(self) -> None:
        for process in self.workers:
            process.end()
        self.workers.clear()

    def approve(self, rows: int, seed: int) -> str:
        with self.api.client("clerk") as clerk, self.api.client("approver") as approver:
            job: str = upload(clerk, rows, seed=seed).json()["id"]
            approver.post("/v1/documents/approve", json={"import_id": job}).raise_for_status()
        return job

    def states(self, job: str) -> Counter[DocumentState]:
        statement = select(DocumentRecord.state).where(DocumentRecord.import_id == job)
        with self.registry.reading() as services:
            return Counter(services.session.exec(statement).all())

    def wait_for(self, *jobs: str) -> None:
        wait_until(lambda: all(set(self.states(job)) == {DocumentState.ANCHORED} for job in jobs))

    def check(self) -> None:
        found = compare(self.registry, Nodes([self.chain.rpc_url]))
        assert (found.findings, found.lost, found.doubled) == ([], 0, 0)
        assert found.issued == found.anchored


def wait_until(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def office(
    postgres: Postgres, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    directory, url = tmp_path_factory.mktemp("registry"), postgres.new_database()
    with api_world(directory, chain, url) as api:
        api.worker.close()
        made = Office(api, chain, directory, url)
        yield made
        made.end()


@pytest.fixture(autouse=True)
def _ended(office: Office) -> Iterator[None]:
    yield
    office.end()


def test_they_share_the_work_and_one_talks_to_the_chain(office: Office) -> None:
    workers = [office.start() for _ in range(3)]
    wait_until(lambda: any("reconciled" in worker.passed for worker in workers))
    jobs = [office.approve(60, seed) for seed in range(10, 14)]
    office.wait_for(*jobs)
    office.check()
    assert sum("signed" in worker.passed for worker in workers) > 1, "one did it all"
    senders = [worker for worker in workers if "broadcast" in worker.passed]
    assert len(senders) == 1
    assert [worker for worker in workers if "reconciled" in worker.passed] == senders


def test_a_worker_that_dies_gives_its_rows_back(office: Office) -> None:
    sleeper = office.start("before-signed")
    wait_until(lambda: "reconciled" in sleeper.passed)
    job = office.approve(30, 20)
    wait_until(lambda: "before-signed" in sleeper.passed)
    with office.registry.reading() as services:  # what it signed is not there for others
        assert set(office.states(job)) == {DocumentState.APPROVED}
        before = set(services.session.exec(select(Artefact.digest)).all())
    office.start()
    # The other one signs what is not held, and the rest when it is given back.
    wait_until(lambda: office.states(job)[DocumentState.APPROVED] == 10)
    sleeper.end()
    office.wait_for(job)
    office.check()
    with office.registry.reading() as services:
        after = set(services.session.exec(select(Artefact.digest)).all())
    assert len(after - before) >= 60


@pytest.mark.parametrize("point", ["prepared", "sent", "mined", "settled"])
def test_when_the_one_on_duty_dies_another_takes_over(office: Office, point: str) -> None:
    first = office.start(point)
    wait_until(lambda: "reconciled" in first.passed)
    second = office.start()
    job = office.approve(10, 30 + len(point))
    wait_until(lambda: point in first.passed)
    assert "reconciled" not in second.passed
    first.end()
    office.wait_for(job)
    assert "reconciled" in second.passed
    office.check()


def test_nobody_signs_before_somebody_has_compared_with_the_chain(office: Office) -> None:
    """Else a restored database would give out status entries a second time."""
    duty = SharedDuty(office.registry.database)
    wait_until(duty.take)
    worker = office.start()
    job = office.approve(5, 50)
    time.sleep(1.5)  # it has all the time it needs, and must not use it
    assert set(office.states(job)) == {DocumentState.APPROVED}
    assert worker.popen.poll() is None
    duty.confirm()
    wait_until(lambda: DocumentState.APPROVED not in office.states(job))
    assert "broadcast" not in worker.passed
    duty.release()
    office.wait_for(job)
    office.check()


def test_nobody_signs_for_a_wallet_either_before_that(office: Office) -> None:
    worker = office.start()
    job = office.approve(1, 55)
    office.wait_for(job)
    worker.end()
    with office.api.client("clerk") as clerk, office.api.client() as wallet:
        [row] = clerk.get("/v1/documents", params={"import_id": job}).json()["documents"]
        code = clerk.post(f"/v1/documents/{row['id']}/claim-code").json()["code"]
        wait_until(lambda: not SharedDuty(office.registry.database).may_sign())
        body = claim_body(office.registry.settings.origin, code, {"": SoftwareSigner.generate()})
        refused = wallet.post("/v1/claims", json=body)
        assert (refused.status_code, problem(refused)) == (503, "chain_not_compared")
        office.start()
        wait_until(SharedDuty(office.registry.database).may_sign)
        assert wallet.post("/v1/claims", json=body).status_code == 201


def test_one_that_cannot_reach_the_chain_lets_another(office: Office) -> None:
    """Its own nodes are wrong: it must not keep the duty from who has the right ones."""
    wrong = office.start(rpc="http://127.0.0.1:9")
    wait_until(lambda: wrong.popen.poll() is None)
    time.sleep(1)
    right = office.start()
    job = office.approve(3, 56)
    office.wait_for(job)
    assert "broadcast" in right.passed
    assert wrong.passed.count("reconciled") == 0


def test_ending_a_key_does_not_wait_for_ever(office: Office) -> None:
    """Signers that come one after another do not overtake it."""
    database, code = office.registry.database, DEPARTMENT
    ended, stop = threading.Event(), threading.Event()

    def sign() -> None:
        while not stop.is_set():
            with database.transaction() as session:
                hold_keys(session, code)
                stop.wait(0.3)

    signers = [threading.Thread(target=sign) for _ in range(3)]
    for number, signer in enumerate(signers):
        signer.start()
        time.sleep(0.1 * number)

    def end() -> None:
        with database.transaction() as session:
            hold_keys(session, code, to_end=True)
            ended.set()

    ending = threading.Thread(target=end)
    ending.start()
    assert ended.wait(25), "it was overtaken again and again"
    stop.set()
    for thread in (ending, *signers):
        thread.join()


def test_a_suspension_while_another_ends_is_not_lost(office: Office) -> None:
    """The worker makes the lift final between the officer's reading and writing."""
    registry = office.registry
    with registry.transaction() as services:
        operator = services.officers.authenticate(office.api.tokens["operator"])
        services.departments.suspend(operator, OTHER)
        lift = services.departments.lift(operator, OTHER).transaction_id
    done = threading.Event()

    def suspend() -> None:
        with registry.transaction() as services:
            services.departments.suspend(operator, OTHER)
        done.set()

    officer = threading.Thread(target=suspend)
    with registry.transaction() as services:
        row = services.session.get_one(Transaction, lift)
        row.state = TransactionState.FINAL
        on_final(services.session, registry.context, row)
        officer.start()
        assert not done.wait(1)  # it waits for what it decides upon
    officer.join()
    with registry.reading() as services:
        assert services.departments.get(OTHER).state == DepartmentState.SUSPENDED


def test_a_lost_connection_ends_the_duty(office: Office) -> None:
    duty, other = (SharedDuty(office.registry.database) for _ in range(2))
    wait_until(duty.take)
    assert not other.take()
    duty.confirm()
    assert other.may_sign()
    with office.registry.transaction() as services:
        services.session.connection().exec_driver_sql(
            "SELECT pg_terminate_backend(process) FROM chain_duty"
        )
    wait_until(other.take)
    assert not other.may_sign()  # it has not compared anything yet
    assert not duty.take()
    other.release()


@pytest.fixture
def services_of_two(office: Office) -> Iterator[list[str]]:
    """Addresses of two more web services on the same database, as ``registry serve`` runs them."""
    settings = office.registry.settings
    processes, urls = [], []
    for _ in range(2):
        environment = {
            "PYTHONPATH": str(_ROOT), "PATH": os.environ["PATH"],
            "REGISTRY_ORIGIN": settings.origin, "REGISTRY_ENVIRONMENT": "development",
            "REGISTRY_PASSPHRASE": settings.read_passphrase(),
            "REGISTRY_DATABASE_URL": settings.url, "REGISTRY_RPC_URL": settings.rpc_url or "",
            "REGISTRY_PORT": str(_free_port()), "REGISTRY_DIRECTORY": str(settings.directory),
        }  # fmt: skip
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", "from registry.cli import main; main()", "serve"],
                env=environment,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
            )
        )
        urls.append(f"http://127.0.0.1:{environment['REGISTRY_PORT']}")
    for url in urls:
        wait_until(lambda url=url: _answers(url))
    yield urls
    for process in processes:
        process.terminate()
        process.wait(60)


def test_web_services_beside_each_other_agree(office: Office, services_of_two: list[str]) -> None:
    """The same file to both at once, the same approval, the same code: each counts once."""
    one, two = services_of_two
    tokens = office.api.tokens
    data = table("resident-id", 40, seed=60)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda url: _import(url, tokens["clerk"], data), (one, two) * 4))
        assert {answer.status_code for answer in answers} <= {200, 201, 409}
        jobs = [answer.json() for answer in answers if answer.status_code != 409]
        assert sum(job["good"] for job in jobs) == 40
        job = next(found["id"] for found in jobs if found["good"])
        approvals = list(pool.map(lambda url: _approve(url, tokens["approver"], job), (one, two)))
        assert sum(answer.json()["approved"] for answer in approvals) == 40
        office.start()
        office.start()
        office.wait_for(job)
        document = _documents(one, tokens["clerk"], job)[0]
        code = httpx.post(
            f"{two}/v1/documents/{document}/claim-code", headers=_bearer(tokens["clerk"])
        ).json()["code"]
        claims = list(pool.map(lambda url: _claim(url, office, code), (one, two) * 3))
    assert sorted(claims, reverse=True)[:2] == [True, False], claims
    office.check()


def _claim(url: str, office: Office, code: str) -> bool:
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        try:
            make_claim(client, office.registry.settings.origin, code)
        except AssertionError:
            return False
        return True


def _import(url: str, token: str, data: bytes) -> httpx.Response:
    files = {"file": ("rows.csv", data, "text/csv")}
    form = {"kind": "resident-id"}
    return httpx.post(f"{url}/v1/imports", files=files, data=form, headers=_bearer(token))


def _approve(url: str, token: str, job: str) -> httpx.Response:
    body = {"import_id": job}
    return httpx.post(f"{url}/v1/documents/approve", json=body, headers=_bearer(token))


def _documents(url: str, token: str, job: str) -> list[str]:
    query = {"import_id": job, "limit": "500"}
    answer = httpx.get(f"{url}/v1/documents", params=query, headers=_bearer(token))
    return [row["id"] for row in answer.json()["documents"]]


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
