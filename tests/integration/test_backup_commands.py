"""The commands for backups: what they print, what they refuse, and what a full disk leaves."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.office_world import (  # noqa: F401  # a fixture
    PASSPHRASE,
    POLICE,
    Office,
    office,
    told,
)

SECRET = "a passphrase of its own"


@pytest.fixture(scope="module")
def key(office: Office, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that open this registry's backups."""
    folder = tmp_path_factory.mktemp("key")
    (folder / "passphrase.txt").write_text(SECRET + "\n")
    told(office.run(None, "backup", "-o", str(folder / "early.age")), 1, "backup_key_missing")
    printed = office.done(
        None, "backup-key", "--passphrase-file", str(folder / "passphrase.txt"),
        "-o", str(folder / "key.age"),
    )  # fmt: skip
    assert "passphrase" in printed
    assert "keeper" not in printed  # that is for shares
    return ("--key", str(folder / "key.age"), "--passphrase-file", str(folder / "passphrase.txt"))


@pytest.fixture(scope="module")
def made(office: Office, key: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup in a folder, named by its time."""
    assert key
    folder = tmp_path_factory.mktemp("backups")
    office.done(None, "backup", "-o", str(folder))
    [path] = folder.iterdir()
    return path


def test_how_a_key_is_kept_must_be_said(
    office: Office, key: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("backup-key", "-o", str(tmp_path / "out"))
    short = tmp_path / "short.txt"
    short.write_text("short")
    told(office.run(None, *words), 1, "backup_key_how")
    told(office.run(None, *words, "--shares", "2-of-3", *key[2:]), 1, "backup_key_how")
    told(office.run(None, *words, *key[2:]), 1, "backup_key_exists")
    again = (*words, "--replace")
    told(office.run(None, *again, "--shares", "two of three"), 1, "backup_shares_form")
    told(office.run(None, *again, "--shares", "4-of-3"), 1, "shares_numbers_wrong")
    short_file = ("--passphrase-file", str(short))
    told(office.run(None, *again, *short_file), 1, "backup_passphrase_short")
    absent = ("--passphrase-file", str(tmp_path / "absent"))
    told(office.run(None, *again, *absent), 3, "file_unreadable")
    occupied = ("backup-key", "--replace", *key[2:], "-o", key[1])
    told(office.run(None, *occupied), 1, "backup_key_file_exists")
    empty = Office(tmp_path / "empty")
    told(empty.run(None, *words, "--shares", "2-of-3"), 1, "registry_not_set_up")
    assert not (tmp_path / "out").exists()


def test_a_backup_is_checked_with_its_key_and_without(
    office: Office, key: tuple[str, ...], made: Path, tmp_path: Path
) -> None:
    printed = office.done(None, "backup-verify", str(made), *key)
    for word in ("intact", "chain/state.json", "trust.json", "document", "schema"):
        assert word in printed
    assert "byte for byte" in office.done(None, "backup-verify", str(made))
    other = tmp_path / "other.age"
    other.write_bytes(made.read_bytes()[:-1])
    unknown = office.run(None, "backup-verify", str(other))
    assert (unknown.code, unknown.err) == (2, "")
    assert "knows no such file" in unknown.out
    elsewhere = Office(tmp_path / "elsewhere")
    told(elsewhere.run(None, "backup-verify", str(made)), 1, "backup_not_known_here")
    told(office.run(None, "backup-verify", str(other), *key), 1, "backup_damaged")
    other.write_bytes(b"age-encryption.org/v2\n")
    told(office.run(None, "backup-verify", str(other)), 3, "backup_not_one")
    told(office.run(None, "backup-verify", str(tmp_path / "absent")), 3, "file_unreadable")
    told(office.run(None, "backup-verify", str(made), *key[:2]), 1, "backup_opened_how")
    told(office.run(None, "backup-verify", str(made), *key, "--share", "x"), 1,
         "backup_opened_how")  # fmt: skip
    swapped = ("--key", key[3], "--passphrase-file", key[3])
    told(office.run(None, "backup-verify", str(made), *swapped), 3, "backup_key_file_malformed")
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("another passphrase")
    other_words = (*key[:3], str(wrong))
    told(office.run(None, "backup-verify", str(made), *other_words), 1, "backup_passphrase_wrong")


def test_the_audit_trail_names_each_backup(office: Office, made: Path) -> None:
    assert made.exists()
    assert "intact" in office.done(None, "audit")


def test_what_is_there_is_not_overwritten(
    office: Office, key: tuple[str, ...], made: Path, tmp_path: Path
) -> None:
    told(office.run(None, "backup", "-o", str(made)), 1, "backup_exists")
    told(office.run(None, "restore", str(made), *key), 1, "restore_folder_not_empty")
    new = Office(tmp_path / "new")
    told(new.run(None, "restore", str(made)), 1, "backup_opened_how")
    told(new.run(None, "restore", str(made), *key, passphrase=None), 1, "passphrase_missing")
    told(new.run(None, "restore", str(made), *key, "--keep-chain"), 1, "restore_chain_missing")
    assert not new.directory.exists() or not list(new.directory.iterdir())


def test_nothing_waits_for_a_decision_without_a_restore(office: Office) -> None:
    nothing = "没有待决事项。\nNothing waits for a decision."
    assert office.done(None, "restored") == nothing
    assert office.done("clerk", "restored", "--department", POLICE) == nothing
    told(office.run("custodian", "reissue", POLICE), 1, "reissue_how")
    told(office.run("custodian", "reissue", POLICE, "--keep", "--revoke", "x"), 1, "reissue_how")
    told(office.run("custodian", "reissue", POLICE, "--keep"), 1, "nothing_to_reissue")
    told(office.run("custodian", "reissue", POLICE, "--revoke", "x"), 1, "nothing_to_reissue")
    told(office.run("clerk", "reissue", POLICE, "--keep"), 1, "role_missing")
    told(office.run(None, "reissue", POLICE, "--keep"), 1, "token_missing")
    told(office.run("custodian", "reissue", "NOWHERE", "--keep"), 1, "department_unknown_here")


@pytest.mark.parametrize("kib", [0, 1, 16])
def test_a_full_disk_leaves_no_backup(
    office: Office, key: tuple[str, ...], tmp_path: Path, kib: int
) -> None:
    assert key
    done = limited(office.directory, kib, "backup", "-o", str(tmp_path / "backup.age"))
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("file_unwritable\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kib", [1, 64, 200])
def test_a_full_disk_leaves_no_registry(
    key: tuple[str, ...], made: Path, tmp_path: Path, kib: int
) -> None:
    """Whether it is the database that does not fit, or the chain."""
    directory = tmp_path / "new"
    done = limited(directory, kib, "restore", str(made), *key)
    assert done.returncode in (2, 3), done.stderr
    assert {"database_unavailable", "disk_full", "file_unwritable"} & {*done.stderr.splitlines()}
    assert "Traceback" not in done.stderr
    assert list(directory.iterdir()) == []


def limited(directory: Path, kib: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file larger than so many KiB."""
    size = kib << 10
    return subprocess.run(
        [Path(sys.executable).parent / "registry", "--dir", directory, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "REGISTRY_PASSPHRASE": PASSPHRASE},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
