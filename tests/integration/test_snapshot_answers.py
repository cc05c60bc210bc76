"""What a snapshot answers, and how it goes on from sync to sync."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ecert.authority import Interval, Parent
from ecert.chain.finality import FinalAtOnce
from ecert.chain.reader import ChainReader
from ecert.errors import UnavailableError
from ecert.facts import Basis
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode, running
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind
from tests.integration.sync_world import (
    ADMIN,
    BUREAU,
    CITY,
    KIND,
    QUERY,
    begin,
    mine,
    no_proofs,
    synced,
)
from verifier.snapshot import Snapshot
from verifier.sync import sync


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    return begin(chain)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "snapshot.db"


@pytest.fixture
def fresh(chain: EmbeddedChain) -> ChainWorld:
    """New contracts for one test alone."""
    return begin(chain)


def test_answers_without_a_node(world: ChainWorld, path: Path) -> None:
    done = synced(world, path)
    assert done.before is None
    assert done.block == int(world.block()["number"], 16)
    with Snapshot.open(path, world.trust()) as snapshot:
        facts = snapshot.facts(QUERY)
        assert (facts.block, facts.final_block, facts.basis) == (
            done.block,
            done.block,
            Basis.OPERATOR,
        )
        assert facts.anchor is not None
        assert facts.anchor.size == 64
        assert facts.key is not None
        assert (facts.key.x, facts.status) == (b"x" * 32, 2)
        assert list(facts.lineage) == [BUREAU, CITY]
        other = snapshot.facts(replace(QUERY, department="NOBODY", root=None))
        assert (other.anchor, other.key, dict(other.lineage)) == (None, None, {})


def test_goes_on_from_where_it_stood(fresh: ChainWorld, path: Path) -> None:
    first = synced(fresh, path)
    with Snapshot.open(path, fresh.trust()) as snapshot:
        assert snapshot.facts(QUERY).status == 2
        bureau = department(BUREAU)
        fresh.send(ADMIN, "statuses", "setStatus", bureau, bureau, 0, [130], 1)
        second = synced(fresh, path)
        assert (second.before, second.events) == (first.block, 1)
        assert snapshot.facts(QUERY).status == 1, "an open snapshot sees the update"


def test_no_news_is_news(world: ChainWorld, path: Path) -> None:
    """A heartbeat over the same block makes the answer fresher; an older one, no older."""
    now = int(world.block()["timestamp"], 16)
    trust = world.trust()
    times = []
    for at in (now + 10, now + 70, now + 40):
        word = world.checkpoint(at=at)
        done = sync(
            path, trust, [world.chain.rpc_url], fetch_checkpoint=lambda word=word: word,
            clock=lambda: now + 1000,
        )  # fmt: skip
        times.append(done.time - now)
    assert times == [10, 70, 70]
    assert done.events == 0


def test_knows_nothing_of_the_future(world: ChainWorld, path: Path) -> None:
    word = world.checkpoint(at=int(time.time()) + 86_400)
    assert synced(world, path, word=word).time <= time.time()


def test_block_after_block_with_everything_at_once(fresh: ChainWorld, path: Path) -> None:
    """Where withdrawals and grants meet in one block, node and snapshot agree."""
    bureau, city = department(BUREAU), department(CITY)
    start = fresh.send(COUNCIL, "departments", "suspend", NO_ACTOR, bureau)
    meeting = [
        ("lift", NO_ACTOR, bureau),
        ("suspend", NO_ACTOR, bureau),
        ("move", NO_ACTOR, bureau, NO_ACTOR),
        ("move", NO_ACTOR, bureau, city),
        ("withdrawKind", NO_ACTOR, bureau, kind(KIND)),
        ("grantKind", NO_ACTOR, bureau, kind(KIND)),  # refused: closed in this block
        ("compromiseKey", NO_ACTOR, bureau, b"k" * 32, 3),
        ("grantKind", NO_ACTOR, city, kind("other")),
        ("withdrawKind", NO_ACTOR, city, kind("other")),
    ]
    fresh.rpc.call("evm_setAutomine", False)
    for name, *arguments in meeting:
        fresh.submit(COUNCIL, "departments", name, *arguments, gas=1_000_000)
    mine(fresh)
    fresh.rpc.call("evm_setAutomine", True)
    block = int(fresh.block()["number"], 16)
    synced(fresh, path)
    trust = fresh.trust()
    reader = ChainReader(trust, [fresh.chain.rpc_url], finality=FinalAtOnce())
    with Snapshot.open(path, trust) as snapshot:
        for asked in (QUERY, replace(QUERY, root=None), replace(QUERY, kind="other")):
            offline, online = snapshot.facts(asked), reader.facts(asked)
            assert replace(offline, time=0, basis=Basis.NODE) == replace(online, time=0)
        record = snapshot.facts(QUERY).lineage[BUREAU]
        assert record.suspensions == (Interval(start),)
        assert record.parents[1:] == (Parent(None, block), Parent(CITY, block))
        assert record.kind[-1].end == block
        other = snapshot.facts(replace(QUERY, kind="other")).lineage[CITY]
        assert other.kind == (Interval(block, block),)


def test_a_closed_contract_answers_no_more(fresh: ChainWorld, path: Path) -> None:
    fresh.send(COUNCIL, "statuses", "close", "0x" + "5" * 40)
    synced(fresh, path)
    trust = fresh.trust()
    reader = ChainReader(trust, [fresh.chain.rpc_url], finality=FinalAtOnce())
    with Snapshot.open(path, trust) as snapshot:
        for source in (snapshot, reader):
            with pytest.raises(UnavailableError) as caught:
                source.facts(QUERY)
            assert caught.value.code == "contract_closed"
            assert caught.value.details["contract"] == "statuses"


def test_a_node_without_proofs_gives_its_word(world: ChainWorld, path: Path) -> None:
    with running(FakeNode(alter=no_proofs, behind=world.chain.rpc_url)) as node:
        assert synced(world, path, url=node.url).basis is Basis.NODE
    with Snapshot.open(path, world.trust()) as snapshot:
        assert snapshot.facts(QUERY).basis is Basis.NODE
        assert synced(world, path).basis is Basis.OPERATOR
        assert snapshot.facts(QUERY).basis is Basis.OPERATOR
