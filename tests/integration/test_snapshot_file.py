"""Snapshot files that are missing, damaged, busy, of another chain, or made by others."""

import secrets
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ecert import limits
from ecert.errors import UnavailableError
from networks.embedded import EmbeddedChain
from tests.integration.chain_world import ChainWorld, department
from tests.integration.sync_world import (
    ADMIN,
    BUREAU,
    QUERY,
    begin,
    refusal,
    synced,
)
from verifier import snapshot_file
from verifier.snapshot import Snapshot
from verifier.snapshot_update import update


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    return begin(chain)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "snapshot.db"


def test_there_is_none(world: ChainWorld, path: Path) -> None:
    assert refusal(lambda: Snapshot.open(path, world.trust())) == "snapshot_missing"
    path.parent.mkdir()
    path.write_bytes(b"")
    assert refusal(lambda: Snapshot.open(path, world.trust())) == "snapshot_missing"
    assert synced(world, path).before is None, "an empty file is no hindrance"


def test_of_another_chain_or_contracts(world: ChainWorld, path: Path) -> None:
    synced(world, path)
    file = world.trust_file()
    anchors = replace(file.contracts["anchors"], address=b"a" * 20)
    number = int(world.block()["number"], 16)
    others = {
        "snapshot_other_contracts": replace(file, contracts={**file.contracts, "anchors": anchors}),
        "snapshot_other_chain": replace(file, genesis_hash=b"g" * 32),
        "snapshot_before_trust": replace(
            file, checkpoint=replace(file.checkpoint, number=number + 1)
        ),
    }
    for code, other in others.items():
        assert refusal(lambda other=other: Snapshot.open(path, world.trust(other))) == code
    same_number = replace(file, checkpoint=replace(file.checkpoint, number=number))
    assert refusal(lambda: Snapshot.open(path, world.trust(same_number))) == "snapshot_other_chain"


def test_garbage_is_told(world: ChainWorld, path: Path) -> None:
    path.parent.mkdir()
    for garbage in (b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000):
        path.write_bytes(garbage)
        assert refusal(lambda: Snapshot.open(path, world.trust())) == "snapshot_malformed"
        assert refusal(lambda: synced(world, path)) == "snapshot_malformed"
        assert path.read_bytes() == garbage, "what is not ours is not written over"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (x)",
        "CREATE TRIGGER t AFTER INSERT ON anchors BEGIN DELETE FROM roots; END",
        "CREATE VIEW v AS SELECT * FROM anchors",
        "DROP TABLE roots",
        "DELETE FROM meta",
        "UPDATE meta SET value = '{}'",
        "UPDATE meta SET value = x'00'",
        'UPDATE meta SET value = replace(value, \'"heads":{"\', \'"heads":{"x\')',
        "UPDATE anchors SET value = x'00'",
        "UPDATE anchors SET value = 'text'",
        "UPDATE keys SET value = x'00'",
        "UPDATE keys SET value = value || x'00'",
        "UPDATE words SET value = zeroblob(33)",
        "UPDATE departments SET value = x''",
        "UPDATE departments SET value = zeroblob(64)",
        "UPDATE kinds SET value = x'00'",
    ],
)
def test_a_file_made_by_others(world: ChainWorld, path: Path, statement: str) -> None:
    synced(world, path)
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()

    def use() -> None:
        with Snapshot.open(path, world.trust()) as snapshot:
            snapshot.facts(QUERY)

    assert refusal(use) == "snapshot_malformed"


def test_of_a_later_format(world: ChainWorld, path: Path) -> None:
    synced(world, path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = replace(value, '\"format\":1', '\"format\":2')")
    connection.close()
    assert refusal(lambda: Snapshot.open(path, world.trust())) == "snapshot_other_format"


def test_a_damaged_file_answers_or_says_so(world: ChainWorld, path: Path) -> None:
    """Flipped bits and cuts give facts or "cannot answer", never another exception."""
    synced(world, path)
    whole = path.read_bytes()
    trust = world.trust()
    codes = []
    for place in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged if place % 2 else whole[:place])
        try:
            with Snapshot.open(path, trust) as snapshot:
                snapshot.facts(QUERY)
        except UnavailableError as error:
            codes.append(error.code)
    assert len(codes) > 10
    assert set(codes) <= {
        "snapshot_malformed", "snapshot_missing", "snapshot_not_written",
        "snapshot_other_chain", "snapshot_other_contracts", "snapshot_other_format",
    }  # fmt: skip


def test_waits_for_another_writer_but_not_for_ever(
    world: ChainWorld, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced(world, path)
    monkeypatch.setattr(snapshot_file, "BUSY_SECONDS", 0.1)
    trust = world.trust()
    with update(path, trust):
        with Snapshot.open(path, trust) as snapshot:
            assert snapshot.facts(QUERY).status == 2, "readers go on"
        assert refusal(lambda: synced(world, path)) == "snapshot_busy"


def test_a_full_disk_is_told(
    world: ChainWorld, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced(world, path)
    content = path.read_bytes()
    monkeypatch.setattr(limits, "MAX_SNAPSHOT_BYTES", len(content))
    roots = [secrets.token_bytes(32) for _ in range(200)]
    world.send(ADMIN, "anchors", "anchorMany", department(BUREAU), roots, [64] * len(roots))
    assert refusal(lambda: synced(world, path)) == "snapshot_not_written"
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written(world: ChainWorld, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "snapshot.db", tmp_path):
        assert refusal(lambda place=place: synced(world, place)) == "snapshot_not_written"
