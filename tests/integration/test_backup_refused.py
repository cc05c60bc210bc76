"""Backups that are damaged, forged or out of place: told apart, and nothing left half-done."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from backup_world import (  # noqa: F401  # two are fixtures
    KEY,
    Home,
    bring_back,
    chooser,
    home,
    new_url,
    nothing_was_left,
    reopened,
    repacked,
    verdicts,
)

from ecert.errors import EcertError
from ecert.report import Verdict
from registry.backup.archive import Member, write_archive
from registry.backup.errors import BackupError
from registry.backup.keys import BackupKey, MakingKey, new_secret
from registry.backup.making import make_backup
from registry.backup.manifest import MAX_PARTS, Head
from registry.backup.restoring import check_backup, restore
from registry.cli.session import kept_settings
from registry.database import Database
from registry.settings import Settings
from tests.databases import BACKENDS


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_file_that_is_not_what_was_written_is_not_restored(
    home: Home, engine: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "backup.age")
    data = made.path.read_bytes()
    url, directory = new_url(engine), tmp_path / "restored"
    other = BackupKey.of(new_secret())
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for changed, key, code in (
        (bytes(flipped), KEY, "backup_damaged"),
        (data[: len(data) // 2], KEY, "backup_damaged"),
        (data + b"x", KEY, "backup_damaged"),
        (data, other, "backup_key_does_not_fit"),
        (b"", KEY, "backup_not_one"),
        (b"PK" + data, KEY, "backup_not_one"),
    ):
        made.path.write_bytes(changed)
        with pytest.raises(EcertError) as raised:
            restore(made.path, key, directory, chooser(directory, url), kept_settings)
        assert raised.value.code == code
        nothing_was_left(directory, url)


@pytest.mark.parametrize(
    ("part", "change", "code"),
    [
        ("head.json", lambda d: d.replace(b'"format": 1', b'"format": 2'), "backup_newer_format"),
        ("head.json", lambda d: d.replace(b'"format": 1', b'"format": 0'), "field_malformed"),
        ("head.json", lambda d: d[:-1], "json_malformed"),
        ("head.json", lambda d: d.replace(b"true", b"false"), "backup_damaged"),
        ("tables/document/000000", lambda d: d.replace(b"anchored", b"approved"), "backup_damaged"),
        ("tables/officer/000000", lambda _: None, "backup_damaged"),
        ("tables/officer/000000", lambda _: b"[]\n{", "field_malformed"),
        ("tables/officer/000000", lambda _: b"\xff", "field_malformed"),
        ("tables/officer/000000", lambda d: d + b"\n[1]", "field_malformed"),
        ("tables/keystore_header/000000", lambda _: b'[["id","plain"]]\n[1]', "backup_damaged"),
        ("tables/keystore_header/000000", lambda _: b'[["header","plain"]]\n[1]', "backup_damaged"),
        ("files/chain/state.json", lambda _: b"{}", "backup_damaged"),
        ("manifest.json", lambda _: b"{}", "field_malformed"),
        ("manifest.json", lambda _: None, "backup_damaged"),
        ("manifest.hmac", lambda _: None, "backup_damaged"),
    ],
)
def test_parts_that_do_not_fit_their_manifest(
    home: Home,
    tmp_path: Path,
    part: str,
    change: Callable[[bytes], bytes | None],
    code: str,
) -> None:
    made = home.backup(tmp_path / "backup.age")
    repacked(made, lambda name, data: change(data) if name == part else data)
    directory = tmp_path / "restored"
    with pytest.raises(EcertError) as raised:
        bring_back(made, directory, None)
    assert raised.value.code == code
    nothing_was_left(directory, None)


def test_a_backup_encrypted_by_somebody_else_is_refused(home: Home, tmp_path: Path) -> None:
    """The recipient is no secret: whoever knows it must not be able to plant a registry."""
    made = home.backup(tmp_path / "backup.age")
    thief = MakingKey(KEY.making.recipient, bytes(32))
    KEY.making.save(home.directory)
    thief.save(home.directory)
    try:
        forged = home.backup(tmp_path / "forged.age")
    finally:
        KEY.making.save(home.directory)
    check_backup(made.path, KEY)
    with pytest.raises(BackupError, match="backup_forged"):
        bring_back(forged, tmp_path / "restored", None)
    nothing_was_left(tmp_path / "restored", None)


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_file_changed_between_check_and_use_leaves_nothing(
    home: Home, engine: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "backup.age")
    data = made.path.read_bytes()
    url, directory = new_url(engine), tmp_path / "restored"

    def choose(text: bytes) -> Settings:
        made.path.write_bytes(data[:-20])
        return chooser(directory, url)(text)

    with pytest.raises(BackupError, match="backup_damaged"):
        restore(made.path, KEY, directory, choose, kept_settings)
    nothing_was_left(directory, url)
    made.path.write_bytes(data)
    assert bring_back(made, directory, url).token


def test_what_is_there_is_never_restored_over(
    home: Home, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "backup.age")
    with pytest.raises(BackupError, match="restore_folder_not_empty"):
        bring_back(made, home.directory, None)
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "mine.txt").touch()
    with pytest.raises(BackupError, match="restore_folder_not_empty"):
        bring_back(made, tmp_path / "file", None)
    url = new_url("postgresql")
    bring_back(made, tmp_path / "first", url)
    with pytest.raises(BackupError, match="restore_database_not_empty"):
        bring_back(made, tmp_path / "second", url)
    nothing_was_left(tmp_path / "second", None)


@pytest.mark.parametrize("where", BACKENDS)
def test_only_one_restore_fills_a_place(
    home: Home, where: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    """The second begins when the first has checked that the place is empty."""
    made = home.backup(tmp_path / "backup.age")
    first = tmp_path / "first"
    second = tmp_path / "second" if where == "postgresql" else first
    url = new_url(where)
    began = []

    def kept(settings: Settings) -> bytes:
        with pytest.raises(BackupError, match="restore_running"):
            bring_back(made, second, url)
        began.append(settings)
        return kept_settings(settings)

    restore(made.path, KEY, first, chooser(first, url), kept)
    assert began
    with reopened(home, first, url) as world:
        assert verdicts(world, home.issued) == {Verdict.VALID}


def test_no_more_parts_are_counted_than_a_backup_has(tmp_path: Path) -> None:
    """Whoever knows the recipient can write any number, and none is authenticated yet."""
    head = Head("1", "0001", 1, 1, bytes(32), False, 0).to_bytes()
    tables = [Member.of(f"tables/t{n}/000000", b"[]") for n in range(MAX_PARTS)]
    files = [Member.of("files/settings.json", b"{}")] * 2
    for members in (tables, files):
        path = tmp_path / "forged.age"
        with path.open("wb") as file:
            write_archive(file, KEY.making.recipient, [Member.of("head.json", head), *members])
        with pytest.raises(BackupError, match="backup_damaged"):
            check_backup(path, KEY)


def test_a_kept_chain_must_be_this_one(home: Home, tmp_path: Path) -> None:
    made = home.backup(tmp_path / "backup.age")
    directory = tmp_path / "restored"
    with pytest.raises(BackupError, match="restore_chain_missing"):
        bring_back(made, directory, None, keep_chain=True)
    (directory / "chain").mkdir(parents=True)
    (directory / "chain" / "chain.json").write_text('{"chain_id": 1}')
    with pytest.raises(BackupError, match="restore_chain_other"):
        bring_back(made, directory, None, keep_chain=True)
    with pytest.raises(BackupError, match="restore_folder_not_empty"):
        bring_back(made, directory, None)
    assert [path.name for path in directory.iterdir()] == ["chain"]


def test_without_the_passphrase_of_the_key_store_nothing_is_begun(
    home: Home, tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "backup.age")
    directory = tmp_path / "restored"
    for passphrase, code in (
        (None, "passphrase_missing"),
        ("not the right one", "passphrase_wrong"),
    ):
        values = {"directory": directory, "origin": "https://registry.example"}
        settings = Settings(**values, passphrase=passphrase)  # type: ignore[arg-type]
        with pytest.raises(EcertError) as raised:
            restore(made.path, KEY, directory, lambda _, chosen=settings: chosen, kept_settings)
        assert raised.value.code == code
        nothing_was_left(directory, None)


@pytest.mark.parametrize("label", ["x" * 300, "a\0b"])
def test_a_row_that_the_other_engine_refuses_is_told(
    home: Home, new_url: Callable[[str], str | None], tmp_path: Path, label: str
) -> None:
    """SQLite takes what PostgreSQL does not."""
    first, url = tmp_path / "first", new_url("postgresql")
    bring_back(home.backup(tmp_path / "backup.age"), first, None)
    database = Database(f"sqlite:///{first / 'registry.sqlite3'}")
    with database.transaction() as session:
        session.execute(sa.text("UPDATE officer SET label = :label"), {"label": label})
    made = make_backup(database, first, tmp_path / "odd.age", embedded=False)
    database.dispose()
    with pytest.raises(BackupError, match="restore_row_refused"):
        bring_back(made, tmp_path / "second", url)
    nothing_was_left(tmp_path / "second", url)
