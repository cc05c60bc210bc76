"""The memory of what counts once: exact about what it holds, and about which file it is."""

import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecert.errors import UnavailableError
from verifier.seen import Seen, SeenOnce

NOW = 1_772_438_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "seen.db"


@pytest.mark.parametrize("shared", [True, False])
def test_each_is_first_once_until_it_is_forgotten(path: Path, shared: bool) -> None:
    memory = SeenOnce(path if shared else None, capacity=10)
    one, other = secrets.token_bytes(32), secrets.token_bytes(27)
    assert memory.record(one, now=NOW, seconds=60) is Seen.FIRST
    assert memory.record(other, now=NOW, seconds=120) is Seen.FIRST
    assert memory.record(one, now=NOW + 59, seconds=60) is Seen.AGAIN
    memory.forget(one)
    memory.forget(one)
    assert len(memory) == 1
    assert memory.record(one, now=NOW + 59, seconds=60) is Seen.FIRST
    assert memory.record(other, now=NOW + 119, seconds=60) is Seen.AGAIN
    assert len(memory) == 1  # the other's time alone was not over
    assert memory.record(other, now=NOW + 120, seconds=60) is Seen.FIRST


@pytest.mark.parametrize("shared", [True, False])
def test_a_full_one_takes_no_more_and_forgets_none_early(path: Path, shared: bool) -> None:
    memory = SeenOnce(path if shared else None, capacity=3)
    items = [secrets.token_bytes(32) for _ in range(4)]
    found = [memory.record(item, now=NOW, seconds=60) for item in items]
    assert found == [*[Seen.FIRST] * 3, Seen.FULL]
    assert [memory.record(item, now=NOW + 59, seconds=60) for item in items[:3]] == [Seen.AGAIN] * 3
    memory.forget(items[0])
    assert memory.record(items[3], now=NOW + 59, seconds=60) is Seen.FIRST
    assert memory.record(items[0], now=NOW + 60, seconds=60) is Seen.FIRST


def test_threads_and_objects_of_one_file_share_it(path: Path) -> None:
    memories = [SeenOnce(path, capacity=1000) for _ in range(4)]
    items = [bytes([number]) * 32 for number in range(50)]
    found: list[Seen] = []

    def record(memory: SeenOnce) -> None:
        found.extend(memory.record(item, now=NOW, seconds=60) for item in items)

    threads = [threading.Thread(target=record, args=[memory]) for memory in memories * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(Seen.FIRST) == len(items)
    assert {len(memory) for memory in memories} == {len(items)}


def test_a_file_that_was_taken_away_is_not_written_to(path: Path) -> None:
    """What others open under the name must be what this one records in."""
    memory, item = SeenOnce(path, capacity=10), secrets.token_bytes(32)
    memory.record(item, now=NOW, seconds=60)
    for file in path.parent.iterdir():
        file.unlink()
    assert memory.record(item, now=NOW, seconds=60) is Seen.FIRST
    assert SeenOnce(path, capacity=10).record(item, now=NOW, seconds=60) is Seen.AGAIN


HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.read()
"""


def test_another_process_that_holds_it_is_waited_for_only_so_long(path: Path) -> None:
    memory = SeenOnce(path, capacity=10, wait=0.1)
    item = secrets.token_bytes(32)
    memory.record(secrets.token_bytes(32), now=NOW, seconds=60)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UnavailableError, match="seen_unusable"):
            memory.record(item, now=NOW, seconds=60)
        holder.kill()
    assert memory.record(item, now=NOW, seconds=60) is Seen.FIRST  # the lock died with it
