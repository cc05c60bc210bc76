"""A registry whose chain and database can be put back, under a clock that can be moved."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from registry_world import RegistryWorld

from networks.embedded import EmbeddedChain
from registry.clock import unix_now
from registry.outbox.worker import Worker
from tests.databases import BACKENDS, Postgres, sqlite_in


class MovableClock:
    """The real clock, moved."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> int:
        return unix_now() + self.offset


@dataclass
class Restorable:
    """A registry whose chain and database can be put back to an earlier state."""

    directory: Path
    clock: MovableClock
    world: RegistryWorld
    url: str
    postgres: Postgres | None
    copies: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Open chain and worker anew, as after a restart."""
        self.world.chain = EmbeddedChain(self.directory / "chain")
        self.world.worker = Worker.embedded(self.world.registry, self.world.chain)

    def stop(self) -> None:
        self.world.chain.close()
        self.world.registry.database.dispose()

    def save(self, name: str) -> None:
        """Keep a copy of chain and database; both are at rest."""
        target = self.directory / "saved" / name
        target.mkdir(parents=True)
        shutil.copy(self.directory / "chain" / "state.json", target)
        if self.postgres is not None:
            self.copies[name] = self.postgres.copy(self.url)
            return
        with sqlite3.connect(self.directory / "registry.sqlite3") as source:
            source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source.close()
        shutil.copy(self.directory / "registry.sqlite3", target)

    def restore_chain(self, name: str) -> None:
        saved = self.directory / "saved" / name / "state.json"
        shutil.copy(saved, self.directory / "chain" / "state.json")

    def restore_database(self, name: str) -> None:
        if self.postgres is not None:
            self.postgres.replace(self.url, self.copies[name])
            return
        for left in ("registry.sqlite3-wal", "registry.sqlite3-shm"):
            (self.directory / left).unlink(missing_ok=True)
        saved = self.directory / "saved" / name / "registry.sqlite3"
        shutil.copy(saved, self.directory / "registry.sqlite3")


@pytest.fixture(params=BACKENDS)
def restorable(anvil: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Restorable]:
    del anvil
    clock = MovableClock()
    chain = EmbeddedChain(tmp_path / "chain")
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = sqlite_in(tmp_path) if server is None else server.new_database()
    world = RegistryWorld.make(tmp_path, chain, url, clock=clock)
    made = Restorable(tmp_path, clock, world, url, server)
    made.world.worker.drain(seconds=60)
    yield made
    made.stop()
