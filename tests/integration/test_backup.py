"""Backups: made while the registry runs, checked, and restored on the same engine or the other."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from backup_world import ENGINES, NewUrl, fresh, new_url, server  # noqa: F401  # fixtures
from registry_world import PASSPHRASE, RegistryWorld, settings_for

from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.backup.keys import BackupKey, new_secret
from registry.backup.making import Made, make_backup
from registry.backup.restoring import Restored, restore
from registry.backup.rows import pieces, tables_of
from registry.cli.session import settings_from
from registry.database import Database
from registry.outbox.worker import Worker
from registry.settings import Settings

KEY = BackupKey.of(new_secret())


@dataclass
class Home:
    """A registry's folder and database, and what is restored from its backups."""

    directory: Path
    url: str | None
    world: RegistryWorld

    def backup(self, name: str = "backup.age") -> Made:
        return make_backup(
            self.world.registry.database,
            self.directory,
            self.directory.parent / name,
            embedded=True,
        )

    def close(self) -> None:
        self.world.chain.close()
        self.world.registry.close()


def chooser(directory: Path, url: str | None) -> object:
    def choose(text: bytes) -> Settings:
        del text
        return settings_for(directory, database_url=url)

    return choose


def bring_back(made: Made, directory: Path, url: str | None, **options: object) -> Restored:
    return restore(made.path, KEY, directory, chooser(directory, url), **options)


def reopen(home: Home, directory: Path, url: str | None) -> RegistryWorld:
    """The same people at the restored registry."""
    registry = Registry.open(settings_for(directory, database_url=url))
    chain = EmbeddedChain(directory / "chain")
    old = home.world
    worker = Worker.embedded(registry, chain)
    return RegistryWorld(registry, chain, worker, old.operator, old.clerk, old.approver)


def content(database: Database) -> dict[str, list[bytes]]:
    """All rows of all tables, as they are written into a backup."""
    with database.reading() as session:
        connection = session.connection()
        return {
            table.name: [data for data, _ in pieces(connection, table)]
            for table in tables_of(connection)
        }


@pytest.fixture(scope="module", params=ENGINES)
def home(
    request: pytest.FixtureRequest,
    anvil: Path,
    server: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Home]:
    del anvil
    url = fresh(server, request.param)
    directory = tmp_path_factory.mktemp("home") / "registry"
    directory.mkdir()
    chain = EmbeddedChain(directory / "chain")
    world = RegistryWorld.make(directory, chain, database_url=url)
    world.worker.drain(seconds=60)
    (directory / "settings.json").write_text('{"origin": "https://registry.example"}')
    (directory / "trust.json").write_text("{}")
    KEY.making.save(directory)
    home = Home(directory, url, world)
    world.issue(3, seed=1)
    yield home
    home.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_backup_restores_everything_on_either_engine(
    home: Home, engine: str, new_url: NewUrl, tmp_path: Path  # noqa: F811
) -> None:
    made = home.backup(f"{tmp_path.name}.age")
    before = content(home.world.registry.database)
    url, directory = new_url(engine), tmp_path / "restored"
    restored = bring_back(made, directory, url, last_state=True)
    assert restored.token is None
    database = Database(restored.settings.url)
    after = content(database)
    database.dispose()
    assert {n: r for n, r in after.items() if n not in ("audit_entry", "status_list")} == {
        n: r for n, r in before.items() if n not in ("audit_entry", "status_list")
    }
    world = reopen(home, directory, url)
    world.worker.drain(seconds=60)
    print(world.registry.settings.url)
    world.chain.close()
    world.registry.close()
