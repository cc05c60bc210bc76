"""Syncing from nodes that lie and chains that went back: what was there is kept."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecert.checkpoint import Checkpoint
from ecert.errors import TrustError, UnavailableError
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode, Refused, running
from tests.integration.chain_world import ChainWorld, department
from tests.integration.sync_world import (
    ADMIN,
    BUREAU,
    QUERY,
    begin,
    mine,
    no_proofs,
    refusal,
    synced,
)
from verifier.snapshot import Snapshot
from verifier.snapshot_update import update

Alter = Callable[[str, list[Any], Any], Any]


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    return begin(chain)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "snapshot.db"


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
