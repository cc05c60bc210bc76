"""Backups: made while the registry runs, and restored on the same engine or the other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from backup_world import (  # noqa: F401  # two are fixtures
    KEY,
    Home,
    bring_back,
    content,
    home,
    new_url,
    nothing_was_left,
    reopened,
    repacked,
    resealed,
    verdicts,
)
from registry_world import settings_for

from ecert.errors import MalformedError
from ecert.report import Verdict
from registry.application import Registry
from registry.backup.errors import BackupError
from registry.backup.keys import MakingKey
from registry.backup.making import ACTION, make_backup
from registry.backup.rows import fill, read_piece, tables_of
from registry.database import Database
from registry.documents.models import ImportJob
from registry.migrations import upgrade
from tests.databases import BACKENDS


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_backup_restores_everything_on_either_engine(
    home: Home, engine: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "backup.age")
    before = content(home.world.registry.database)
    url, directory = new_url(engine), tmp_path / "restored"
    restored = bring_back(made, directory, url, last_state=True)
    assert restored.token is None
    database = Database(url or f"sqlite:///{directory / 'registry.sqlite3'}")
    after = content(database)
    database.dispose()
    assert {n: r for n, r in after.items() if n not in ("audit_entry", "status_list")} == {
        n: r for n, r in before.items() if n not in ("audit_entry", "status_list")
    }
    with reopened(home, directory, url) as world:
        assert verdicts(world, home.issued) == {Verdict.VALID}
        assert verdicts(world, world.issue(2, seed=2)) == {Verdict.VALID}
        with world.registry.reading() as services:
            assert services.audit.check() > 0


def test_the_state_is_that_of_one_moment(
    home: Home, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    """The registry goes on while the file is written; what comes later is not in it."""
    before = content(home.world.registry.database)
    later: list[ImportJob] = []
    made = home.backup(tmp_path, moment=lambda _: later.append(home.world.issue(2, seed=20)))
    assert made.path.parent == tmp_path
    assert made.path.name.endswith("Z.age")
    directory = tmp_path / "restored"
    bring_back(made, directory, None, last_state=True)
    database = Database(f"sqlite:///{directory / 'registry.sqlite3'}")
    assert content(database)["document"] == before["document"]
    database.dispose()
    with reopened(home, directory, new_url("sqlite")) as world:
        assert verdicts(world, home.issued) == {Verdict.VALID}
    with home.world.registry.reading() as services:
        found = services.audit.page(after=0, limit=1000)
    assert (ACTION, made.sha256.hex()) in {(entry.action, entry.subject) for entry in found}


def test_an_older_backup_is_never_overwritten(home: Home, tmp_path: Path) -> None:
    made = home.backup(tmp_path / "backup.age")
    before = made.path.read_bytes()
    with pytest.raises(BackupError, match="backup_exists"):
        home.backup(made.path)

    def occupy(_: str) -> None:
        (tmp_path / "other.age").write_bytes(b"another process was quicker")

    with pytest.raises(BackupError, match="backup_exists"):
        home.backup(tmp_path / "other.age", moment=occupy)
    with pytest.raises(MalformedError, match="file_unwritable"):
        home.backup(tmp_path / "absent" / "backup.age")
    assert made.path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.age", "other.age"]


def test_a_restore_that_was_killed_is_swept_away(home: Home, tmp_path: Path) -> None:
    made = home.backup(tmp_path / "backup.age")
    directory = tmp_path / "restored"
    left = directory / ".restoring-x"
    left.mkdir(parents=True)
    (left / "registry.sqlite3").touch()
    bring_back(made, directory, None)
    assert not left.exists()
    assert {path.name for path in directory.iterdir()} == {
        "backup-key.json", "chain", "registry.sqlite3", "settings.json", "trust.json",
    }  # fmt: skip
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.rglob("*"))
    assert MakingKey.load(directory) == KEY.making


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_backup_of_an_older_schema_is_migrated_on_its_way(
    home: Home, engine: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    """The first shape of all, and one that no program knows yet."""
    first = Database(f"sqlite:///{tmp_path / 'first.sqlite3'}")
    upgrade(first, "0001")
    whole = content(home.world.registry.database)
    with first.transaction() as session:
        connection = session.connection()
        for table in tables_of(connection):
            for piece in whole[table.name]:
                columns, rows = read_piece(piece, table.name)
                there = [n for n, (name, _) in enumerate(columns) if name in table.columns]
                fill(
                    connection,
                    table.name,
                    [columns[place] for place in there],
                    ([row[place] for place in there] for row in rows),
                )
    source = tmp_path / "source"
    source.mkdir()
    KEY.making.save(source)
    (source / "settings.json").write_text('{"origin": "https://registry.example"}')
    made = make_backup(first, source, tmp_path / "old.age", embedded=False)
    first.dispose()
    assert made.head.revision == "0001"
    url, directory = new_url(engine), tmp_path / "restored"
    bring_back(made, directory, url, last_state=True)
    registry = Registry.open(settings_for(directory, database_url=url))
    assert content(registry.database)["document"] == whole["document"]
    registry.close()
    repacked(made, lambda n, d: d.replace(b'"0001"', b'"9999"') if n == "head.json" else d)
    resealed(made)
    with pytest.raises(BackupError, match="backup_newer_schema"):
        bring_back(made, tmp_path / "newer", None)
    nothing_was_left(tmp_path / "newer", None)
