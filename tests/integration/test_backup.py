"""Backups: made while the registry runs, checked, and restored on the same engine or the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from registry_world import RegistryWorld, settings_for

from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.backup.keys import BackupKey, new_secret
from registry.backup.making import Made, make_backup
from registry.backup.restoring import Restored, restore
from registry.backup.rows import pieces, tables_of
from registry.database import Database
from registry.documents.models import ImportJob
from registry.outbox.worker import Worker
from registry.settings import Settings
from tests.databases import BACKENDS, NewDatabase, Postgres

KEY = BackupKey.of(new_secret())


@dataclass
class Home:
    """A registry's folder and database, and what is restored from its backups."""

    directory: Path
    world: RegistryWorld
    issued: ImportJob

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


def chooser(directory: Path, url: str | None) -> Callable[[bytes], Settings]:
    def choose(text: bytes) -> Settings:
        del text
        return settings_for(directory, database_url=url)

    return choose


def bring_back(made: Made, directory: Path, url: str | None, **options: object) -> Restored:
    return restore(made.path, KEY, directory, chooser(directory, url), **options)


@contextmanager
def reopened(home: Home, directory: Path, url: str | None) -> Iterator[RegistryWorld]:
    """The same people at the restored registry."""
    registry = Registry.open(settings_for(directory, database_url=url))
    chain = EmbeddedChain(directory / "chain")
    old = home.world
    worker = Worker.embedded(registry, chain)
    world = RegistryWorld(registry, chain, worker, old.operator, old.clerk, old.approver)
    try:
        world.worker.drain(seconds=60)
        yield world
    finally:
        chain.close()
        registry.close()


def verdicts(world: RegistryWorld, job: ImportJob) -> set[Verdict]:
    rows = world.documents(job)
    return {world.verdict(artefact) for row in rows for artefact in world.artefacts(row.id)}


def content(database: Database) -> dict[str, list[bytes]]:
    """All rows of all tables, as they are written into a backup."""
    with database.reading() as session:
        connection = session.connection()
        return {
            table.name: [data for data, _ in pieces(connection, table)]
            for table in tables_of(connection)
        }


@pytest.fixture(scope="module")
def home(
    new_database: NewDatabase, anvil: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    """A registry on each kind of database, with three anchored documents."""
    del anvil
    directory = tmp_path_factory.mktemp("home") / "registry"
    directory.mkdir()
    chain = EmbeddedChain(directory / "chain")
    world = RegistryWorld.make(directory, chain, new_database(directory))
    world.worker.drain(seconds=60)
    (directory / "settings.json").write_text('{"origin": "https://registry.example"}')
    (directory / "trust.json").write_text("{}")
    KEY.making.save(directory)
    home = Home(directory, world, world.issue(3, seed=1))
    yield home
    home.close()


@pytest.fixture
def new_url(request: pytest.FixtureRequest) -> Callable[[str], str | None]:
    """Makes an empty database to restore into; None stands for a file in the folder."""

    def make(backend: str) -> str | None:
        if backend == "sqlite":
            return None
        server: Postgres = request.getfixturevalue("postgres")
        return server.new_database()

    return make


@pytest.mark.parametrize("engine", BACKENDS)
def test_a_backup_restores_everything_on_either_engine(
    home: Home, engine: str, new_url: Callable[[str], str | None], tmp_path: Path
) -> None:
    made = home.backup(f"{tmp_path.name}.age")
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
