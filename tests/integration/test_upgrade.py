"""Migrating a database with 100,000 documents, from the first shape of all, while others read."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from registry_world import RegistryWorld
from sqlmodel import Session

from ecert.errors import UnavailableError
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from registry import migrations
from registry.application import Registry
from registry.database import Database
from registry.errors import SettingsError
from registry.migrations import NEWEST, revision_of, upgrade
from tests.databases import NewDatabase

DOCUMENTS = 100_000
_CHUNK = 5000

AHEAD = '''
"""A migration of a later program: a column, and an index on the largest table."""

import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from registry.migrations import online

revision = "9001"
down_revision = "{newest}"


def upgrade() -> None:
    op.add_column("artefact", sa.Column("later", sa.String(20), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            pass  # the column is there, and its lock given back
    online.create_index("ix_artefact_later", "artefact", ["iat", "later"])
    counters = [Path(name) for name in os.environ.get("COUNTERS", "").split(":") if name]
    wanted = [int(counter.read_text()) + 2 for counter in counters]
    while any(int(c.read_text()) < least for c, least in zip(counters, wanted)):
        time.sleep(0.01)
'''


@pytest.fixture
def ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has one migration more."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "9001_later.py").write_text(AHEAD.format(newest=NEWEST).lstrip())
    real = migrations._config

    def config(connection: object) -> object:
        made = real(connection)
        own = made.get_main_option("script_location")
        made.set_main_option("path_separator", "os")
        made.set_main_option("version_locations", f"{own}/versions{os.pathsep}{folder}")
        return made

    monkeypatch.setattr(migrations, "_config", config)


def insert(
    session: Session, table: str, columns: Sequence[str], rows: list[tuple[object, ...]]
) -> None:
    statement = sa.insert(sa.table(table, *(sa.column(name) for name in columns)))
    for start in range(0, len(rows), _CHUNK):
        chunk = [dict(zip(columns, row, strict=True)) for row in rows[start : start + _CHUNK]]
        session.execute(statement, chunk)


def fill(database: Database, documents: int = DOCUMENTS) -> None:
    """Make a database of the first shape, with so many documents, each with an artefact."""
    upgrade(database, "0001")
    with database.transaction() as session:
        insert(
            session, "department", ["code", "name", "kind", "state", "created_at"],
            [("43", "Office", "PS", "admitted", 0)],
        )  # fmt: skip
        names = [f"{number:032x}" for number in range(documents)]
        insert(
            session, "document",
            ["id", "department", "kind", "kind_version", "claims", "fingerprint", "state",
             "created_by", "status", "created_at", "updated_at"],
            [(name, "43", "resident-id", 1, '{"name": "张三"}', bytes.fromhex(name), "anchored",
              "-", 0, 0, 0) for name in names],
        )  # fmt: skip
        insert(
            session, "artefact",
            ["id", "department", "document_id", "form", "text", "digest", "status_list",
             "status_index", "state", "iat"],
            [(name, "43", name, "sd-jwt", "x" * 500, bytes.fromhex(name), 0, number, "anchored", 0)
             for number, name in enumerate(names)],
        )  # fmt: skip


class Reader:
    """A process that reads; see ``reading_process``."""

    def __init__(self, url: str, counter: Path) -> None:
        self.counter = counter
        counter.write_text("0")
        script = Path(__file__).with_name("reading_process.py")
        self.process = subprocess.Popen(
            [sys.executable, script, url, counter],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def count(self) -> int:
        return int(self.counter.read_text())

    def reads_on(self) -> None:
        """Wait until it has read again, or has failed."""
        least = self.count + 2
        while self.count < least:
            assert self.process.poll() is None, self.process.communicate()[1]
            time.sleep(0.01)

    def end(self) -> None:
        _, errors = self.process.communicate()
        assert (self.process.returncode, errors) == (0, "")


@contextmanager
def readers(url: str, folder: Path, count: int = 2) -> Iterator[list[Reader]]:
    found = [Reader(url, folder / f"counter-{number}") for number in range(count)]
    try:
        for reader in found:
            reader.reads_on()
        yield found
        for reader in found:
            reader.reads_on()
    finally:
        for reader in found:
            reader.end()


def revision(database: Database) -> str | None:
    with database.reading() as session:
        return revision_of(session.connection())


@pytest.mark.usefixtures("ahead")
def test_reads_go_on_while_a_large_database_is_migrated(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database(tmp_path)
    database = Database(url)
    fill(database)
    with readers(url, tmp_path) as reading:
        upgrade(database, NEWEST)
        for reader in reading:
            reader.reads_on()
        # The last one does not end before each reader has read while it is under way.
        monkeypatch.setenv("COUNTERS", ":".join(str(reader.counter) for reader in reading))
        upgrade(database)
    assert revision(database) == "9001"
    with database.reading() as session:
        names = [
            index["name"] for index in sa.inspect(session.connection()).get_indexes("artefact")
        ]
        assert session.execute(sa.text("SELECT count(*) FROM document")).scalar() == DOCUMENTS
    assert "ix_artefact_later" in names
    database.dispose()


@pytest.mark.usefixtures("ahead")
def test_a_migration_gives_way_to_a_long_reader_and_lets_others_pass(
    postgres_url: str, tmp_path: Path
) -> None:
    """One that waits for a table makes everybody wait behind it: it must not wait long."""
    database = Database(postgres_url)
    fill(database, 100)
    upgrade(database, NEWEST)
    with readers(postgres_url, tmp_path) as reading, database.reading() as session:
        session.execute(sa.text("SELECT count(*) FROM artefact")).all()
        with pytest.raises(UnavailableError, match="database_busy"):
            upgrade(database, tries=2)
        for reader in reading:
            reader.reads_on()
    assert revision(database) == NEWEST
    upgrade(database)
    assert revision(database) == "9001"
    database.dispose()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres").new_database())


@pytest.mark.usefixtures("ahead")
def test_a_running_registry_goes_on_after_an_upgrade_by_a_newer_one(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path: Path
) -> None:
    """It reads and issues; what it does not know it leaves alone. But it does not start again."""
    world = RegistryWorld.make(tmp_path, chain, new_database(tmp_path))
    world.worker.drain(seconds=60)
    upgrade(world.registry.database)
    [document] = world.documents(world.issue(1))
    assert {world.verdict(artefact) for artefact in world.artefacts(document.id)} == {Verdict.VALID}
    with pytest.raises(SettingsError, match="database_newer"):
        Registry.open(world.registry.settings)
    world.worker.close()
    world.registry.close()


def test_a_migration_that_was_stopped_goes_on(new_database: NewDatabase, tmp_path: Path) -> None:
    database = Database(new_database(tmp_path))
    for known in ("0001", "0002", NEWEST):
        upgrade(database, known)
        assert revision(database) == known
        upgrade(database, known)
    database.dispose()
