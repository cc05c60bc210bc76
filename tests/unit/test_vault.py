"""The wallet's store: what is kept is sealed, whole and private, whatever happens to its file."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ecert.errors import EcertError, KeystoreError, MalformedError
from ecert.keystore import Cost
from wallet.vault import LOCK_SECONDS, Vault

PASSPHRASE = "a wallet for tests"
QUICK = Cost(log_n=4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "wallet.db"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with Vault(path, PASSPHRASE, cost=QUICK) as opened:
        yield opened


def test_what_was_put_is_there_when_it_is_opened_again(vault: Vault, path: Path) -> None:
    entry = vault.put("document", {"name": "林晓雨"})
    vault.close()
    with Vault(path, PASSPHRASE) as again:
        assert again.all("document") == {entry: {"name": "林晓雨"}}
        assert again.get("document", entry) == {"name": "林晓雨"}
        assert again.get("claim", entry) is None
        assert again.all("claim") == {}


def test_nothing_kept_is_readable_in_the_file(vault: Vault, path: Path) -> None:
    vault.put("document", {"name": "a name in the clear"})
    vault.close()
    assert b"a name in the clear" not in path.read_bytes()


def test_what_was_removed_is_overwritten(vault: Vault, path: Path) -> None:
    entry = vault.put("document", {"secret": "x" * 3000})
    vault.put("document", {"other": "y"})
    with sqlite3.connect(path) as database:
        (sealed,) = database.execute("SELECT sealed FROM entry WHERE id = ?", (entry,)).fetchone()
    database.close()
    assert sealed in path.read_bytes() or sealed[-500:] in path.read_bytes()
    assert vault.remove(entry)
    assert not vault.remove(entry)
    assert sealed[-500:] not in path.read_bytes()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_file_and_folder_are_the_owners_alone(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Vault(path, PASSPHRASE, cost=QUICK).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


def test_a_file_opened_to_others_is_closed_again(vault: Vault, path: Path) -> None:
    vault.close()
    path.chmod(0o644)
    Vault(path, PASSPHRASE).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_passphrase_opens_nothing(vault: Vault, path: Path) -> None:
    entry = vault.put("document", {"a": 1})
    with pytest.raises(KeystoreError) as caught:
        Vault(path, PASSPHRASE + "!")
    assert caught.value.code == "passphrase_wrong"
    assert vault.get("document", entry) == {"a": 1}


def test_a_new_wallet_takes_no_short_passphrase(path: Path) -> None:
    with pytest.raises(KeystoreError) as caught:
        Vault(path, "1234567", cost=QUICK)
    assert caught.value.code == "passphrase_too_short"
    Vault(path, "12345678", cost=QUICK).close()


def test_a_foreign_file_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, " * 1000)
    path.chmod(0o644)
    with pytest.raises(MalformedError) as caught:
        Vault(path, PASSPHRASE)
    assert caught.value.code == "vault_foreign"
    assert path.read_text() == "Dear diary, " * 1000
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_another_programs_database_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(MalformedError) as caught:
        Vault(path, PASSPHRASE)
    assert caught.value.code == "vault_foreign"
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["directory", "beneath-a-file", "closed"])
def test_a_place_that_cannot_be_used_is_told(tmp_path: Path, place: str) -> None:
    path = tmp_path / "wallet.db"
    match place:
        case "directory":
            path.mkdir()
        case "beneath-a-file":
            path.touch()
            path = path / "wallet.db"
        case "closed":
            vault = Vault(path, PASSPHRASE, cost=QUICK)
            vault.close()
            with pytest.raises(MalformedError) as caught:
                vault.ids("document")
            assert caught.value.code == "vault_unusable"
            return
    with pytest.raises(MalformedError) as caught:
        Vault(path, PASSPHRASE, cost=QUICK)
    assert caught.value.code == "vault_unusable"
    assert str(path) in caught.value.message("en")


def change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as database:
        assert database.execute(statement, values).rowcount
    database.close()


def test_an_entry_in_the_place_of_another_does_not_open(vault: Vault, path: Path) -> None:
    first, second = vault.put("document", {"a": 1}), vault.put("document", {"b": 2})
    copy = "UPDATE entry SET sealed = (SELECT sealed FROM entry WHERE id = ?) WHERE id = ?"
    change(path, copy, first, second)
    with pytest.raises(KeystoreError) as caught:
        vault.all("document")
    assert caught.value.code == "sealed_key_invalid"
    assert second in caught.value.message("en")
    assert vault.get("document", first) == {"a": 1}


def test_an_entry_under_another_sort_does_not_open(vault: Vault, path: Path) -> None:
    entry = vault.put("claim", {"a": 1})
    change(path, "UPDATE entry SET sort = 'document' WHERE id = ?", entry)
    with pytest.raises(KeystoreError, match="sealed_key_invalid"):
        vault.get("document", entry)


@pytest.mark.parametrize("sealed", [b"", bytes(27), bytes(200), "text", None])
def test_a_damaged_entry_is_named_and_can_be_removed(
    vault: Vault, path: Path, sealed: object
) -> None:
    whole, damaged = vault.put("document", {"a": 1}), vault.put("document", {"b": 2})
    with sqlite3.connect(path) as database:
        if sealed is None:
            (kept,) = database.execute(
                "SELECT sealed FROM entry WHERE id = ?", (damaged,)
            ).fetchone()
            sealed = kept[:-1] + bytes([kept[-1] ^ 1])
    database.close()
    change(path, "UPDATE entry SET sealed = ? WHERE id = ?", sealed, damaged)
    with pytest.raises(KeystoreError) as caught:
        vault.get("document", damaged)
    assert caught.value.code == "sealed_key_invalid"
    assert damaged in caught.value.message("zh")
    assert set(vault.ids("document")) == {whole, damaged}
    assert vault.remove(damaged)
    assert vault.all("document") == {whole: {"a": 1}}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta",
        "UPDATE meta SET value = 'text'",
        "UPDATE meta SET value = x'00'",
        "UPDATE meta SET value = substr(value, 1, length(value) - 1)",
    ],
)
def test_a_damaged_header_is_told_and_not_replaced(
    vault: Vault, path: Path, statement: str
) -> None:
    vault.put("document", {"a": 1})
    vault.close()
    change(path, statement)
    before = path.read_bytes()
    with pytest.raises(KeystoreError) as caught:
        Vault(path, PASSPHRASE)
    assert caught.value.code == "keystore_malformed"
    assert path.read_bytes() == before


@pytest.mark.parametrize("start", range(0, 8192, 512))
def test_a_damaged_file_is_told(vault: Vault, path: Path, start: int) -> None:
    """Wherever the damage lies, what is read is what was written, or an error."""
    entry = vault.put("document", {"a": "x" * 2000})
    vault.close()
    data = bytearray(path.read_bytes())
    data[start : start + 512] = bytes(512)
    path.write_bytes(data)
    found: object = None
    with suppress(KeystoreError, MalformedError), Vault(path, PASSPHRASE) as again:
        found = again.get("document", entry)
    assert found in (None, {"a": "x" * 2000})


KILLED = """
import os, sqlite3, sys
from pathlib import Path
from ecert.keystore import Cost
from wallet.vault import Vault
vault = Vault(Path(sys.argv[1]), sys.argv[2], cost=Cost(log_n=4))
entry = vault.put("claim", {"state": "offered"})
def change(value):
    sys.stdout.write(entry)
    sys.stdout.flush()
    if sys.argv[3] == "within":
        os._exit(9)
    return {"state": "kept"}
vault.change(entry, "claim", change, to="document")
os._exit(9)
"""


@pytest.mark.parametrize("moment", ["within", "after"])
def test_a_process_that_dies_leaves_the_old_entry_or_the_new(path: Path, moment: str) -> None:
    command = [sys.executable, "-c", KILLED, str(path), PASSPHRASE, moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    with Vault(path, PASSPHRASE) as vault:
        if moment == "within":
            assert vault.get("claim", done.stdout) == {"state": "offered"}
        else:
            assert vault.get("document", done.stdout) == {"state": "kept"}
            assert vault.ids("claim") == []


def test_a_file_that_was_made_and_never_written_becomes_a_wallet(path: Path) -> None:
    """As a crash between the making and the first transaction leaves it."""
    path.parent.mkdir()
    path.touch()
    with Vault(path, PASSPHRASE, cost=QUICK) as vault:
        vault.put("document", {})


ADDER = """
import sys
from pathlib import Path
from ecert.keystore import Cost
from wallet.vault import Vault
with Vault(Path(sys.argv[1]), sys.argv[2], cost=Cost(log_n=4)) as vault:
    for _ in range(int(sys.argv[3])):
        vault.put("document", {})
        for entry in vault.ids("count"):
            vault.change(entry, "count", lambda value: {"n": value["n"] + 1})
"""


def test_two_processes_lose_nothing_of_each_other(vault: Vault, path: Path) -> None:
    entry = vault.put("count", {"n": 0})
    command = [sys.executable, "-c", ADDER, str(path), PASSPHRASE, "15"]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said.decode()
    assert vault.get("count", entry) == {"n": 30}
    assert len(vault.ids("document")) == 30


def test_two_that_make_one_wallet_get_the_same(path: Path) -> None:
    failed: list[EcertError] = []
    barrier = threading.Barrier(2)

    def make() -> None:
        barrier.wait()
        try:
            with Vault(path, PASSPHRASE, cost=QUICK) as vault:
                vault.put("document", {"a": 1})
        except EcertError as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LOCK_SECONDS * 2)
    assert failed == []
    with Vault(path, PASSPHRASE) as vault:
        assert list(vault.all("document").values()) == [{"a": 1}, {"a": 1}]


def test_a_change_that_fails_changes_nothing(vault: Vault) -> None:
    entry = vault.put("document", {"a": 1})

    def fail(_: object) -> dict[str, object]:
        raise MalformedError("claim_code_malformed", length=20)

    with pytest.raises(MalformedError):
        vault.change(entry, "document", fail)
    assert vault.get("document", entry) == {"a": 1}
    assert not vault.change("0badc0de", "document", fail)
    with pytest.raises(KeystoreError, match="secret_too_large"):
        vault.change(entry, "document", lambda _: {"a": "x" * (5 << 20)})
    assert vault.get("document", entry) == {"a": 1}
