"""A registry, its backups, and what is restored from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from registry_world import RegistryWorld, settings_for

from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.backup.archive import Member, reading_archive, write_archive
from registry.backup.keys import BackupKey, new_secret
from registry.backup.making import Made, make_backup
from registry.backup.manifest import SEAL, Tally, authenticate, part_of
from registry.backup.restoring import Restored, restore
from registry.backup.rows import pieces, tables_of
from registry.cli.session import kept_settings
from registry.database import Database
from registry.documents.models import ImportJob
from registry.outbox.worker import Worker
from registry.settings import Settings
from tests.databases import NewDatabase, Postgres

KEY = BackupKey.of(new_secret())


@dataclass
class Home:
    """A registry's folder and database, and what is restored from its backups."""

    directory: Path
    world: RegistryWorld
    issued: ImportJob

    def backup(self, path: Path, *, moment: Callable[[str], None] = lambda _: None) -> Made:
        database = self.world.registry.database
        return make_backup(database, self.directory, path, embedded=True, moment=moment)

    def close(self) -> None:
        self.world.worker.close()
        self.world.chain.close()
        self.world.registry.close()


def chooser(directory: Path, url: str | None) -> Callable[[bytes], Settings]:
    def choose(text: bytes) -> Settings:
        del text
        return settings_for(directory, database_url=url)

    return choose


def bring_back(made: Made, directory: Path, url: str | None, **options: object) -> Restored:
    return restore(made.path, KEY, directory, chooser(directory, url), kept_settings, **options)


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
        worker.close()
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


def nothing_was_left(directory: Path, url: str | None) -> None:
    assert not directory.exists() or list(directory.iterdir()) == []
    if url is not None:
        database = Database(url)
        with database.reading() as session:
            assert sa.inspect(session.connection()).get_table_names() == []
        database.dispose()


def repacked(made: Made, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write a backup anew, with parts changed or left out, by somebody who has its key."""
    with made.path.open("rb") as file, reading_archive(file, KEY.opened) as parts:
        found = [(part.name, part.read(1 << 28)) for part in parts]
    members: list[Member] = []
    last = b""
    for name, data in found:
        new = change(name, data)
        if new is None:
            continue
        if name == SEAL:
            new = authenticate(last, KEY.making.authentication)
        last = new
        members.append(Member.of(name, new))
    with made.path.open("wb") as file:
        write_archive(file, KEY.making.recipient, members)


def resealed(made: Made) -> None:
    """Write the manifest of changed parts anew."""
    with made.path.open("rb") as file, reading_archive(file, KEY.opened) as parts:
        found = [(part.name, part.read(1 << 28)) for part in parts]
    tally = Tally()
    for name, data in found[:-2]:
        rows = data.count(b"\n") if name.startswith("tables/") else None
        tally.add(part_of(name), data, rows)
    manifest = tally.manifest.to_bytes()
    seal = authenticate(manifest, KEY.making.authentication)
    members = [*found[:-2], ("manifest.json", manifest), (SEAL, seal)]
    with made.path.open("wb") as file:
        write_archive(file, KEY.making.recipient, [Member.of(n, d) for n, d in members])
