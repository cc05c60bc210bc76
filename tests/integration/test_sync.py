"""Syncing from nodes that lie, chains that went back, and files that were tampered with."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecert import limits
from ecert.authority import Interval, Parent
from ecert.chain.finality import FinalAtOnce
from ecert.chain.reader import ChainReader
from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError, TrustError, UnavailableError
from ecert.facts import Basis, Query, StatusReference
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode, Refused, running
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind
from verifier import snapshot_file
from verifier.snapshot import Snapshot
from verifier.snapshot_update import update
from verifier.sync import Synced, sync

CITY, BUREAU, KIND = "CITY", "BUREAU", "resident-id"
ADMIN = "0x" + "a1" * 20
QUERY = Query(BUREAU, b"k" * 32, KIND, b"d" * 32, b"r" * 32, StatusReference(0, 130))
Alter = Callable[[str, list[Any], Any], Any]


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    """Contracts with a city, its bureau, one anchored root and one suspended document."""
    return begin(chain)


@pytest.fixture
def fresh(chain: EmbeddedChain) -> ChainWorld:
    """The same for one test alone."""
    return begin(chain)


def begin(chain: EmbeddedChain) -> ChainWorld:
    world = ChainWorld(chain)
    city, bureau = department(CITY), department(BUREAU)
    kinds = [kind(KIND)]
    world.send(COUNCIL, "departments", "admit", NO_ACTOR, city, kind("GOV"), "市", kinds, ADMIN)
    world.send(ADMIN, "departments", "admit", city, bureau, kind("PS"), "局", kinds, ADMIN)
    for role in (1, 2):
        world.send(ADMIN, "departments", "grantRole", bureau, bureau, role, ADMIN)
    world.send(ADMIN, "departments", "registerKey", bureau, b"k" * 32, 1, b"x" * 32, b"y" * 32)
    world.send(ADMIN, "anchors", "anchor", bureau, b"r" * 32, 64)
    world.send(ADMIN, "statuses", "setStatus", bureau, bureau, 0, [130], 2)
    return world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "snapshot.db"


def synced(world: ChainWorld, path: Path, *, url: str = "", word: bytes = b"") -> Synced:
    signed = word or world.checkpoint()
    urls = [url or world.chain.rpc_url]
    return sync(path, world.trust(), urls, fetch_checkpoint=lambda: signed)


def mine(world: ChainWorld, blocks: int = 1) -> None:
    for _ in range(blocks):
        world.rpc.call("evm_mine")


def refusal(act: Callable[[], object]) -> str:
    """Return the code that ``act`` fails with; its sentences must be whole."""
    with pytest.raises(EcertError) as caught:
        act()
    for language in ("zh", "en"):
        assert "<" not in caught.value.message(language)
    return caught.value.code


# -- what a snapshot answers


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


def test_qbft_needs_no_checkpoint(world: ChainWorld, path: Path) -> None:
    trust = world.trust(replace(world.trust_file(), engine="quorum"))

    def fetch() -> bytes:
        raise AssertionError("not asked")

    done = sync(path, trust, [world.chain.rpc_url], fetch_checkpoint=fetch)
    assert done.block == int(world.block()["number"], 16)
    assert done.basis is Basis.NODE, "seals are not checked here"


def test_a_node_without_proofs_gives_its_word(world: ChainWorld, path: Path) -> None:
    with running(FakeNode(alter=no_proofs, behind=world.chain.rpc_url)) as node:
        assert synced(world, path, url=node.url).basis is Basis.NODE
    with Snapshot.open(path, world.trust()) as snapshot:
        assert snapshot.facts(QUERY).basis is Basis.NODE
        assert synced(world, path).basis is Basis.OPERATOR
        assert snapshot.facts(QUERY).basis is Basis.OPERATOR


# -- what it refuses, keeping what it has


@pytest.fixture
def kept(world: ChainWorld, path: Path) -> Iterator[bytes]:
    """A snapshot that must still be there, byte for byte, when the test is over."""
    synced(world, path)
    content = path.read_bytes()
    yield content
    assert path.read_bytes() == content
    with Snapshot.open(path, world.trust()) as snapshot:
        assert snapshot.facts(QUERY).status == 2


@pytest.mark.usefixtures("kept")
def test_never_goes_back(world: ChainWorld, path: Path) -> None:
    block = world.block(hex(int(world.block()["number"], 16) - 1))
    earlier = Checkpoint(
        world.chain.chain_id,
        int(block["number"], 16),
        bytes.fromhex(block["hash"][2:]),
        bytes.fromhex(block["stateRoot"][2:]),
        int(time.time()) + 5,
    )
    word = earlier.sign(world.operator)
    assert refusal(lambda: synced(world, path, word=word)) == "snapshot_would_go_back"


def test_a_rewritten_chain_is_told(world: ChainWorld, path: Path) -> None:
    mark = world.rpc.call("evm_snapshot")
    world.send(ADMIN, "anchors", "anchor", department(BUREAU), secrets.token_bytes(32), 64)
    synced(world, path)
    content = path.read_bytes()
    world.rpc.call("evm_revert", mark)
    world.send(ADMIN, "anchors", "anchor", department(BUREAU), secrets.token_bytes(32), 64)
    assert refusal(lambda: synced(world, path)) == "chain_reorganised"
    mine(world, 3)
    assert refusal(lambda: synced(world, path)) == "chain_reorganised"
    assert path.read_bytes() == content


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("field", ["hash", "state_root"])
def test_the_signed_block_must_be_the_nodes(world: ChainWorld, path: Path, field: str) -> None:
    mine(world)
    good = Checkpoint.verify(world.checkpoint(), [world.operator.public_key])
    word = replace(good, **{field: secrets.token_bytes(32)}).sign(world.operator)
    assert refusal(lambda: synced(world, path, word=word)) == "checkpoint_not_on_chain"


@pytest.mark.usefixtures("kept")
def test_only_an_operators_word_counts(world: ChainWorld, path: Path) -> None:
    good = Checkpoint.verify(world.checkpoint(), [world.operator.public_key])
    word = good.sign(SoftwareSigner.generate())
    with pytest.raises(TrustError) as caught:
        synced(world, path, word=word)
    assert caught.value.code == "signed_by_too_few"
    other = replace(good, chain_id=1).sign(world.operator)
    assert refusal(lambda: synced(world, path, word=other)) == "checkpoint_other_chain"
    ahead = replace(good, number=good.number + 100).sign(world.operator)
    assert refusal(lambda: synced(world, path, word=ahead)) == "rpc_block_absent"


def logs(change: Callable[[list[Any]], list[Any]]) -> Alter:
    return lambda method, _, truth: change(truth) if method == "eth_getLogs" else truth


def each(**fields: Any) -> Alter:
    return logs(lambda found: [entry | fields for entry in found])


def answer(asked: str, value: Any) -> Alter:
    return lambda method, _, truth: value if method == asked else truth


def no_proofs(method: str, params: list[Any], truth: Any) -> Any:
    if method == "eth_getProof":
        raise Refused(f"no state of {params[2]}")
    return truth


def its_word(head: str) -> Alter:
    """Give no proofs, and this for a head."""
    return lambda method, params, truth: (
        head if method == "eth_call" else no_proofs(method, params, truth)
    )


def proofs(change: Callable[[dict[str, Any]], Any]) -> Alter:
    return lambda method, _, truth: change(truth) if method == "eth_getProof" else truth


LIES: dict[str, tuple[Alter, str]] = {
    "leaves out an event": (logs(lambda found: found[:-1]), "heads_differ"),
    "leaves out all events": (logs(lambda _: []), "heads_differ"),
    "doubles an event": (logs(lambda found: [*found, found[-1]]), "event_out_of_order"),
    "turns the order": (logs(lambda found: found[::-1]), "event_out_of_order"),
    "alters a time": (
        logs(lambda found: [e | {"data": e["data"][:-1] + "f"} for e in found]),
        "heads_differ",
    ),
    "cuts the data": (logs(lambda found: [e | {"data": e["data"][:-2]} for e in found]),
                      "event_malformed"),
    "adds a foreign event": (each(address="0x" + "99" * 20), "event_foreign"),
    "invents a topic": (each(topics=["0x" + "99" * 32]), "event_unknown"),
    "leaves the range": (each(blockNumber="0x1"), "rpc_answer_malformed"),
    "gives removed entries": (each(removed=True), "rpc_answer_malformed"),
    "gives no list": (answer("eth_getLogs", {}), "rpc_answer_malformed"),
    "gives another head": (its_word("0x" + "99" * 32), "heads_differ"),
    "gives no head": (its_word("0x"), "rpc_answer_malformed"),
    "gives no proof": (answer("eth_getProof", None), "rpc_answer_malformed"),
    "proves another account": (
        proofs(lambda proof: proof | {"accountProof": proof["accountProof"][:-1]}),
        "rpc_proof_invalid",
    ),
    "proves another word": (
        proofs(lambda proof: proof | {
            "storageProof": [e | {"proof": [n[:-1] + "0" for n in e["proof"]]}
                             for e in proof["storageProof"]]}),
        "rpc_proof_invalid",
    ),
    "proves that there is no head": (
        proofs(lambda proof: proof | {"storageProof": proof["storageProof"][::-1]}),
        "rpc_proof_invalid",
    ),
    "proves too little": (
        proofs(lambda proof: proof | {"storageProof": proof["storageProof"][:1]}),
        "rpc_answer_malformed",
    ),
    "proves without nodes": (
        proofs(lambda proof: proof | {"accountProof": ["0x"] * 66}),
        "rpc_answer_malformed",
    ),
    "gives other code": (answer("eth_getCode", "0x6000"), "sync_other_code"),
    "gives no code": (answer("eth_getCode", "0x"), "sync_other_code"),
    "is of another chain": (answer("eth_chainId", "0x1"), "sync_other_chain"),
    "gives no chain id": (answer("eth_chainId", None), "rpc_answer_malformed"),
    "has no blocks": (answer("eth_getBlockByNumber", None), "rpc_block_absent"),
    "gives another block": (
        lambda method, _, truth: truth | {"number": "0x1"} if "Block" in method else truth,
        "rpc_answer_malformed",
    ),
    "has another genesis": (
        lambda method, params, truth: (
            truth | {"hash": "0x" + "99" * 32}
            if "Block" in method and params[0] == "0x0"
            else truth
        ),
        "sync_other_chain",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_lies(world: ChainWorld, path: Path, lie: str) -> None:
    alter, code = LIES[lie]
    for _ in range(2):
        root = secrets.token_bytes(32)
        world.send(ADMIN, "anchors", "anchor", department(BUREAU), root, 64)
    with running(FakeNode(alter=alter, behind=world.chain.rpc_url)) as node:
        assert refusal(lambda: synced(world, path, url=node.url)) == code


@pytest.mark.usefixtures("kept")
def test_a_chain_rewritten_while_reading(world: ChainWorld, path: Path) -> None:
    mine(world)
    asked = []

    def alter(method: str, _: list[Any], truth: Any) -> Any:
        asked.append(method)
        late = asked.count("eth_getProof") == 3 and "Block" in method
        return truth | {"hash": "0x" + "99" * 32} if late else truth

    with running(FakeNode(alter=alter, behind=world.chain.rpc_url)) as node:
        assert refusal(lambda: synced(world, path, url=node.url)) == "chain_reorganised"


def test_ranges_shrink_until_the_node_copes(world: ChainWorld, path: Path) -> None:
    """Nodes bound the range of eth_getLogs, each in its own way."""
    spans = []

    def alter(method: str, params: list[Any], truth: Any) -> Any:
        if method != "eth_getLogs":
            return truth
        span = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        spans.append(span)
        if span > 5:
            raise Refused("query returned more than 5 results")
        return truth

    with running(FakeNode(alter=alter, behind=world.chain.rpc_url)) as node:
        done = synced(world, path, url=node.url)
    assert max(spans) > 5
    assert done.events > 5
    with Snapshot.open(path, world.trust()) as snapshot:
        assert snapshot.facts(QUERY).status == 2


def test_an_update_that_does_not_finish_changes_nothing(world: ChainWorld, path: Path) -> None:
    synced(world, path)
    content = path.read_bytes()
    trust = world.trust()
    with update(path, trust) as changes:
        changes.state.tables.digests[department(BUREAU), b"d" * 32] = 1

    def fail() -> None:
        with update(path, trust) as changes:
            changes.state.tables.digests[department(BUREAU), b"d" * 32] = 1
            raise UnavailableError("registry_none")

    assert refusal(fail) == "registry_none"
    assert path.read_bytes() == content


# -- files


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
