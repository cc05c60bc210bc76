"""Work given to processes: all of it done once and in order, whatever happens to them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import process_tasks
import pytest

from ecert.errors import UnavailableError
from registry.processes import Pool


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let children find the tasks of the tests."""
    folders = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))


@pytest.fixture
def pool(_importable: None) -> Iterator[Pool]:
    with Pool(2) as made:
        yield made


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while alive(pid):
        assert time.monotonic() < deadline, "it outlived its parent"
        time.sleep(0.05)


def test_results_come_in_order(pool: Pool) -> None:
    assert list(pool.map(process_tasks.double, range(50))) == [2 * n for n in range(50)]


def test_several_work_at_once(pool: Pool) -> None:
    assert len(set(pool.map(process_tasks.pid, [0.5, 0.5]))) == 2


def test_no_more_is_taken_than_is_worked_on(pool: Pool) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = pool.map(process_tasks.double, tasks())
    assert next(results) == 0
    assert len(taken) <= 5
    results.close()  # type: ignore[attr-defined]
    assert list(pool.map(process_tasks.double, [3])) == [6], "a map that was left harms no other"


def test_a_process_killed_in_the_middle_loses_nothing(pool: Pool, tmp_path: Path) -> None:
    marks = [str(tmp_path / str(number)) for number in range(6)]
    Path(marks[1]).touch()
    assert list(pool.map(process_tasks.end_once, marks)) == marks


def test_an_idle_process_that_was_killed_is_replaced(pool: Pool) -> None:
    for pid in set(pool.map(process_tasks.pid, [0.3, 0.3])):
        os.kill(pid, signal.SIGKILL)
    assert list(pool.map(process_tasks.double, range(5))) == [0, 2, 4, 6, 8]


def test_a_task_that_kills_whoever_does_it_is_given_up(pool: Pool) -> None:
    with pytest.raises(UnavailableError, match="process_died"):
        list(pool.map(process_tasks.end, [None]))
    assert list(pool.map(process_tasks.double, [1])) == [2]


def test_a_fault_is_told_by_its_place_and_not_by_its_words(pool: Pool) -> None:
    with pytest.raises(UnavailableError, match="process_failed") as caught:
        list(pool.map(process_tasks.fail, ["Zhang San"]))
    assert "ValueError, process_tasks.py" in str(caught.value)
    assert "Zhang" not in str(caught.value)


def test_nothing_secret_can_be_seen_from_outside(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "seldom seen words")
    [seen] = pool.map(process_tasks.see, ["a key that is given"])
    assert "seldom seen" not in seen
    assert "a key" not in seen


def test_resting_ends_the_processes_and_not_the_pool(pool: Pool) -> None:
    before = set(pool.map(process_tasks.pid, [0.2, 0.2]))
    pool.rest()
    assert not any(map(alive, before))
    assert set(pool.map(process_tasks.pid, [0.2, 0.2])).isdisjoint(before)


PARENT = """
import signal, sys, threading
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as the command lines do
import process_tasks
from registry.processes import Pool
pool = Pool(2)
print(*set(pool.map(process_tasks.pid, [0.3, 0.3])), flush=True)
threading.Thread(target=list, args=[pool.map(process_tasks.pid, [2])], daemon=True).start()
sys.stdin.read()
"""


def test_no_process_outlives_its_parent() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.kill()
    for pid in children:  # the busy one ends when it has nobody to answer to
        wait_until_gone(pid)


BROKEN = """
import os, signal
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
import process_tasks
from registry.processes import Pool
pool = Pool(1)
[child] = pool.map(process_tasks.pid, [0])
os.kill(child, signal.SIGKILL)
print(*pool.map(process_tasks.double, [21]), flush=True)
pool.close()
"""


def test_a_write_to_a_dead_process_does_not_end_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_a_process_that_cannot_be_started_is_named_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Pool(1) as pool, pytest.raises(UnavailableError, match="process_not_started"):
        list(pool.map(process_tasks.double, [1]))


def test_threads_may_share_a_pool(pool: Pool) -> None:
    found: list[list[int]] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(list(pool.map(process_tasks.double, range(20))))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[2 * n for n in range(20)]] * 3
