"""Disks that are full: a small one of its own for the cases, and a limit on the size of files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecert.errors import UnavailableError
from networks.snapshot import write_durably

CASES = Path(__file__).with_name("full_disk_cases.py")
MOUNT = 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$ECERT_SMALL_DISK" && exec "$@"'


def unshared(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that has a small disk mounted at ``folder``, which nobody else sees."""
    flags = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
    return subprocess.run(
        ["unshare", *flags, "sh", "-c", MOUNT, "sh", *words],
        check=False, capture_output=True, text=True, timeout=300,
        env={**os.environ, "ECERT_SMALL_DISK": str(folder)},
    )  # fmt: skip


def test_on_a_small_disk(tmp_path: Path, anvil: Path) -> None:
    del anvil
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        tried = unshared(disk, "true")
    except FileNotFoundError as error:
        pytest.skip(f"no unshare: {error}")
    if tried.returncode:
        pytest.skip(f"no disk can be mounted here: {tried.stderr.strip()}")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    found = unshared(disk, *words, f"--basetemp={tmp_path / 'inside'}", str(CASES))
    assert found.returncode == 0, found.stdout + found.stderr


LIMITED = """
import resource, sys
from pathlib import Path
from sqlalchemy import text
from ecert.errors import UnavailableError
from networks.snapshot import write_durably
from registry.database import Database

folder = Path(sys.argv[1])
database = Database(f"sqlite:///{folder / 'database.sqlite3'}")
with database.transaction() as session:
    session.execute(text("CREATE TABLE t (x BLOB)"))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_durably(folder / "state.json", bytes(1_000_000))
except UnavailableError as error:
    print(error.code, error.details["reason"])
try:
    with database.transaction() as session:
        session.execute(text("INSERT INTO t VALUES (zeroblob(1000000))"))
except UnavailableError as error:
    print(error.code)
with database.transaction() as session:
    session.execute(text("INSERT INTO t VALUES ('small')"))
with database.reading() as session:
    print(session.execute(text("SELECT x FROM t")).all())
"""


def test_a_limit_on_the_size_of_files_is_met_like_a_full_disk(tmp_path: Path) -> None:
    write_durably(tmp_path / "state.json", b"the last one")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "chain_snapshot_not_written File too large",
        "disk_full",
        "[('small',)]",
    ]
    assert (tmp_path / "state.json").read_bytes() == b"the last one"
    assert not (tmp_path / "state.json.new").exists()


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="chain_snapshot_not_written"):
        write_durably(tmp_path / "gone" / "state.json", b"")
