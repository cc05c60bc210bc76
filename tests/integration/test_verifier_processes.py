"""Several processes that serve as one verifier: what one accepted, no other accepts again.

Which of them answers is not left to chance: the others are stopped meanwhile.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld
from papers_world import Held, held, issued  # noqa: F401 - fixtures

from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.client.home import Home
from ecert.document import DocumentFile
from ecert.encoding import b64url_decode
from ecert.report import Verdict
from tests.fakes.console import run_command
from tests.integration.web_service import first, problem, wait_for
from verifier.checker import PROMPT_BYTES, SNAPSHOT, open_checker
from verifier.cli import app
from verifier.replay import FILE as REPLAY
from wallet.library import utc_now

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds processes in /proc"
)
AUDIENCE = "https://verifier.example"
COMMAND = "from verifier.cli import main; main()"


@pytest.fixture(scope="module")
def home(api: ApiWorld, held: Held, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verifier's folder with a snapshot that knows the held document."""
    assert held
    folder = tmp_path_factory.mktemp("verifier")
    settings = api.registry.settings
    trust = str(settings.directory / "trust.json")
    for command in (("--rpc", str(settings.rpc_url), "trust", trust), ("sync",)):
        done = run_command(app, "--home", str(folder), *command)
        assert (done.code, done.err) == (0, "")
    return folder


class Processes:
    """A service of two processes, in a session of their own as under a terminal."""

    def __init__(self, command: "subprocess.Popen[str]") -> None:
        self.command = command
        assert command.stdout is not None
        self.address = command.stdout.readline().strip()

    @property
    def ids(self) -> list[int]:
        """The processes that check."""
        pid = self.command.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return [int(child) for child in children if "spawn_main" in command_of(int(child))]

    @contextmanager
    def only(self, pid: int) -> Iterator[httpx.Client]:
        """Let one process alone answer."""
        others = [other for other in self.ids if other != pid]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            with httpx.Client(base_url=self.address, timeout=30, trust_env=False) as client:
                wait_for(lambda: client.get("/health").status_code == 200)
                yield client
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)


@contextmanager
def served(home: Path, *options: str) -> Iterator[Processes]:
    arguments = ["--home", str(home), "serve", "--port", "0", "--audience", AUDIENCE, *options]
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        processes = Processes(command)
        try:
            wait_for(lambda: len(processes.ids) == 2, 30)
            for pid in processes.ids:
                with processes.only(pid):
                    pass
            yield processes
        finally:
            if command.poll() is None:
                command.terminate()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except OSError:
        return ""


def gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(command_of(pid) for pid in pids)


def challenge(client: httpx.Client) -> str:
    answer = client.post("/v1/challenges")
    assert answer.status_code == 201, answer.text
    nonce: str = answer.json()["nonce"]
    return nonce


@pytest.mark.parametrize("options", [["--offline"], []], ids=["offline", "online"])
def test_what_one_process_accepted_no_other_accepts_again(
    home: Path,
    held: Held,
    options: list[str],
) -> None:
    with served(home, *options) as service:
        one, other = service.ids
        card = held.shown_card().encode()
        with service.only(one) as client:
            assert first(client.post("/v1/verify", content=card))["verdict"] == "valid"
            nonce = challenge(client)
        form = answered(held, nonce)
        with service.only(other) as client:
            replayed = first(client.post("/v1/verify", content=card))
            assert replayed["verdict"] == "holder_not_proven"
            assert replayed["steps"][8]["code"] == "card_proof_replayed"
            # A challenge that the first made, the second takes.
            assert first(client.post("/v1/verify", files=form))["verdict"] == "valid"
        for pid in (one, other):
            with service.only(pid) as client:
                again = client.post("/v1/verify", files=form)
                assert problem(again) == (409, "challenge_used")


def answered(held: Held, nonce: str) -> dict[str, tuple[str | None, bytes | str]]:
    """A form with a presentation made for a challenge."""
    text = sd_jwt.present(
        held.text, ["name"], holder=held.key, audience=AUDIENCE, nonce=nonce, now=utc_now()
    )
    return {
        "file": ("x", DocumentFile(text, held.receipt).to_bytes()),
        "audience": (None, AUDIENCE),
        "nonce": (None, nonce),
        "require_holder": (None, "1"),
    }


def test_a_challenge_whose_answer_failed_may_be_answered_at_the_other_process(
    home: Path,
    held: Held,
) -> None:
    with served(home, "--offline") as service:
        one, other = service.ids
        with service.only(one) as client:
            nonce = challenge(client)
            wrong = {
                "text": (None, held.shown_card(b"another challenge")),
                "challenge": (None, nonce),
            }
            refused = first(client.post("/v1/verify", files=wrong))
            assert refused["verdict"] == "holder_not_proven"
        with service.only(other) as client:
            right = {
                "text": (None, held.shown_card(b64url_decode(nonce))),
                "challenge": (None, nonce),
            }
            assert first(client.post("/v1/verify", files=right))["verdict"] == "valid"


def test_a_process_that_is_killed_is_replaced_and_knows_what_was_accepted(
    home: Path,
    held: Held,
) -> None:
    with served(home, "--offline") as service:
        before = service.ids
        card = held.shown_card().encode()
        with service.only(before[0]) as client:
            nonce = challenge(client)
            assert first(client.post("/v1/verify", content=card))["verdict"] == "valid"
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(service.ids) == 2 and before[0] not in service.ids, 30)
        (new,) = set(service.ids) - set(before)
        with service.only(new) as client:
            assert first(client.post("/v1/verify", content=card))["verdict"] == "holder_not_proven"
            form = answered(held, nonce)
            assert first(client.post("/v1/verify", files=form))["verdict"] == "valid"


def test_ctrl_c_ends_all_in_good_order(home: Path) -> None:
    with served(home, "--offline") as service:
        ids = service.ids
        os.killpg(service.command.pid, signal.SIGINT)
        _, errors = service.command.communicate(timeout=60)
        assert (service.command.returncode, errors) == (130, "")
        wait_for(gone(ids))
        assert list(home.glob("answered-*")) == []


def test_no_process_outlives_the_command(home: Path) -> None:
    with served(home, "--offline") as service:
        ids = service.ids
        service.command.kill()
        wait_for(gone(ids), 30)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.address}health", trust_env=False)


def test_what_is_wrong_is_told_once_and_before_anything_is_served(tmp_path: Path) -> None:
    done = run_command(app, "--home", str(tmp_path), "serve", "--processes", "2", "--port", "0")
    assert done.out == ""
    assert done.err.splitlines()[0] == "trust_not_pinned"
    assert done.code == 1


@pytest.mark.parametrize("busy", [SNAPSHOT, REPLAY])
def test_what_would_have_to_wait_is_not_done_promptly_and_nothing_is_recorded(
    home: Path, held: Held, busy: str
) -> None:
    checker = open_checker(Home(home), use_snapshot=True)
    first_of_all = held.shown_card(b"first").encode()
    assert checker.check_promptly(first_of_all, now=utc_now()) is not None
    card = held.shown_card(busy.encode()).encode()
    expect = Expectation(challenge=busy.encode())
    with contextlib.closing(sqlite3.connect(home / busy, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert checker.check_promptly(card, now=utc_now(), expect=expect) is None
        other.execute("ROLLBACK")
    for verdict in (Verdict.VALID, Verdict.HOLDER_NOT_PROVEN):
        reports = checker.check_promptly(card, now=utc_now(), expect=expect)
        assert reports is not None
        assert [report.verdict for report in reports] == [verdict]


def test_what_takes_long_is_not_done_promptly(home: Path) -> None:
    checker = open_checker(Home(home), use_snapshot=True)
    for data in (b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"x" * (PROMPT_BYTES + 1)):
        assert checker.check_promptly(data, now=utc_now()) is None
        assert len(checker.check(data, now=utc_now())) == 1
    assert open_checker(Home(home)).check_promptly(b"x", now=utc_now()) is None
