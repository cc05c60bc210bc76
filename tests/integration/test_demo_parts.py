"""The demonstration's parts: what it expects is computed, what it starts it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.kinds.catalogue import Catalogue
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from registry.clock import unix_now
from registry.documents.importing import read_import
from samples import demo as demo_module
from samples import programs
from samples.demo import AUDIENCE, ISSUERS, SPOILT, make_tables, tampered
from samples.programs import chain_ended, running
from samples.stage import Demo, alone, free_port, prepare
from tests.fakes.world import NOW, World

IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SLEEPS = "import time; time.sleep(600)"
FAILS = "import sys; print('line one'); sys.exit('what went wrong')"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")  # a dead one whose parent has not asked yet is no process
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- what it expects


def test_the_counts_that_the_demo_expects_are_the_importers_own(tmp_path: Path) -> None:
    tables = make_tables(tmp_path)
    catalogue, now = Catalogue.load(), unix_now()
    assert set(tables) == set(ISSUERS)
    for kind, table in tables.items():
        found = read_import(catalogue, kind, table.path.name, table.path.read_bytes(), now=now)
        wrong = {problem.row for problem in found.errors}
        assert (len(found.rows), len(wrong)) == (table.good, table.wrong), kind
    assert [kind for kind, table in tables.items() if table.wrong] == [SPOILT]
    assert sum(table.rows for table in tables.values()) >= 200


def test_what_the_demo_alters_is_altered_in_perfect_form(tmp_path: Path) -> None:
    world, holder = World(), SoftwareSigner.generate()
    issued = world.issue(holder=holder.public_key)
    text = sd_jwt.present(
        issued.text, ["name"], holder=holder, audience=AUDIENCE, nonce="n", now=NOW
    )
    data = world.file(text, world.anchor(issued.digest)[0])
    (tmp_path / "presentation.ecert.json").write_bytes(data)
    altered = (tmp_path / tampered(Demo(tmp_path))).read_bytes()
    expect = Expectation(audience=AUDIENCE, nonce="n")
    verdicts = [
        world.verifier().verify(file, now=NOW, expect=expect).verdict for file in (data, altered)
    ]
    assert verdicts == [Verdict.VALID, Verdict.TAMPERED]


def test_what_is_not_as_expected_fails_the_step_and_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = Demo(tmp_path)
    with demo.step("First"):
        demo.expect("one", 1, 1)
    with demo.step("Second"):
        demo.expect("two", 2, 3)
    demo_module.summary(demo)
    assert [(title, good) for title, _, good in demo.steps] == [("First", True), ("Second", False)]
    assert demo.failures == ["two"]
    printed = capsys.readouterr().out
    assert "two: 2, expected 3" in printed
    assert "not as expected: two" in printed


# -- what it starts


def start(code: str, directory: Path) -> AbstractContextManager[programs.Program]:
    command = [sys.executable, "-c", code]
    return running("sleeper", command, directory=directory, environment=os.environ)


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_program_ends_with_whatever_ends_the_demo(
    tmp_path: Path, error: type[BaseException]
) -> None:
    started: list[programs.Program] = []

    def fail() -> None:
        with start(SLEEPS, tmp_path) as program:
            started.append(program)
            raise error

    with pytest.raises(error):
        fail()
    (program,) = started
    assert program.process.returncode == -signal.SIGTERM
    assert not alive(program.process.pid)


def test_a_program_that_does_not_end_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "GRACE_SECONDS", 0.3)
    with start(IGNORES, tmp_path) as program:
        time.sleep(0.5)  # until it ignores
    assert program.process.returncode == -signal.SIGKILL


def test_a_program_that_ended_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught, start(FAILS, tmp_path) as program:
        program.process.wait()
    assert "sleeper ended by itself" in str(caught.value.code)
    assert "what went wrong" in str(caught.value.code)


def test_nothing_is_waited_for_once_a_program_is_gone(tmp_path: Path) -> None:
    def wait() -> None:
        with start(FAILS, tmp_path) as program:
            Demo(tmp_path, [program]).wait_for("the end of days", lambda: False, 30)

    with pytest.raises(SystemExit, match="what went wrong"):
        wait()
    with pytest.raises(SystemExit, match="not within 0 s"):
        Demo(tmp_path).wait_for("the end of days", lambda: False, 0)


OWNER = """
import sys, time
from pathlib import Path
from networks.embedded import EmbeddedChain
with EmbeddedChain(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


def test_no_node_outlives_an_owner_that_was_ended_by_force(anvil: Path, tmp_path: Path) -> None:
    assert anvil
    chain = tmp_path / "chain"
    with chain_ended(chain):
        with subprocess.Popen(
            [sys.executable, "-c", OWNER, str(chain)], stdout=subprocess.PIPE
        ) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"up\n"
            owner.kill()
        node = int((chain / "node.pid").read_text())
        assert alive(node)
    wait_for(lambda: not alive(node))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_stopped_leaves_nothing_running(
    anvil: Path, tmp_path: Path, number: signal.Signals
) -> None:
    assert anvil
    folder = tmp_path / "demo"
    with subprocess.Popen(
        [sys.executable, "-m", "samples.demo", "--once", "--directory", folder],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        node = folder / "registry" / "chain" / "node.pid"
        wait_for(lambda: (folder / "registry.log").exists() and node.exists())
        pid = int(node.read_text())
        process.send_signal(number)
        assert process.stdout is not None
        said = process.stdout.read().decode()
    assert process.returncode == 130, said
    assert said.endswith("Stopped before the end.\n")
    wait_for(lambda: not alive(pid))
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(folder) not in listed.stdout


# -- where it works


def test_a_stage_takes_the_place_of_an_earlier_one_only(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    demo = prepare(folder)
    for name in ("registry", "wallet"):
        secret = folder / f"{name}.passphrase"
        assert secret.stat().st_mode & 0o077 == 0
        assert len(secret.read_text()) >= 32
    (folder / "left.png").touch()
    assert prepare(folder).directory == demo.directory
    assert not (folder / "left.png").exists()

    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "a.jpg").touch()
    with pytest.raises(SystemExit, match="left as it"):
        prepare(precious)
    assert (precious / "a.jpg").exists()
    (tmp_path / "empty").mkdir()
    prepare(tmp_path / "empty")


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path / "demo"):
        with pytest.raises(SystemExit, match="a demo is running here"), alone(tmp_path / "demo"):
            pass
        with alone(tmp_path / "other"):
            pass
    with alone(tmp_path / "demo"):
        pass


def test_a_port_in_use_is_not_taken() -> None:
    port = free_port(0)
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port
    assert free_port(port) == port
