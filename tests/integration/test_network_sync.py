"""Syncing from a network: the newest block is what a quorum sealed, and so is all that is kept."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecert.chain import qbft
from ecert.chain.proven_reader import ProvenReader
from ecert.chain.seen_blocks import LAG_SECONDS
from ecert.facts import Basis
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode
from tests.fakes.sealing_node import Lie
from tests.integration.chain_world import department
from tests.integration.proven_world import ADMIN, QUERY, STATION, ProvenWorld, proven_world
from tests.integration.sync_world import no_proofs, refusal
from verifier.snapshot import Snapshot
from verifier.sync import Synced, sync


@pytest.fixture(scope="module")
def proven(chain: EmbeddedChain) -> ProvenWorld:
    return proven_world(chain)


@pytest.fixture
def honest(proven: ProvenWorld) -> Iterator[FakeNode]:
    with proven.network.node() as node:
        yield node


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.db"


def synced(proven: ProvenWorld, path: Path, *nodes: FakeNode, **trust: Any) -> Synced:
    def fetch() -> bytes:
        raise AssertionError("a network has no operator")

    urls = [node.url for node in nodes]
    return sync(path, proven.trust(**trust), urls, fetch_checkpoint=fetch)


def test_a_snapshot_rests_on_the_validators(
    proven: ProvenWorld, honest: FakeNode, path: Path
) -> None:
    done = synced(proven, path, honest)
    assert (done.block, done.basis) == (proven.network.chain.height, Basis.VALIDATORS)
    assert "eth_call" not in honest.calls, "no head is taken at a node's word"
    trust = proven.trust()
    online = ProvenReader(trust, [honest.url]).facts(QUERY)
    with Snapshot.open(path, trust) as snapshot:
        for query in (QUERY, replace(QUERY, root=None), replace(QUERY, department="NOBODY")):
            offline = snapshot.facts(query)
            expected = ProvenReader(trust, [honest.url]).facts(query)
            assert replace(offline, time=expected.time) == expected
        assert snapshot.facts(QUERY) == online
        assert snapshot.meta().validators == proven.network.chain.validators


def test_the_next_sync_goes_on(proven: ProvenWorld, honest: FakeNode, path: Path) -> None:
    first = synced(proven, path, honest)
    station = department(STATION)
    proven.world.send(ADMIN, "statuses", "setStatus", station, station, 9, [1], 1)
    done = synced(proven, path, honest)
    assert (done.before, done.block, done.events) == (first.block, first.block + 1, 1)
    query = replace(QUERY, status=replace(QUERY.status, list=9, index=1))
    with Snapshot.open(path, proven.trust()) as snapshot:
        assert snapshot.facts(query).status == 1
    assert synced(proven, path, honest).before == done.block


def test_validators_are_followed_from_the_snapshot(
    proven: ProvenWorld, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = proven.network
    with network.node() as node:
        synced(proven, path, node)
        network.change_validators((network.chain.new_key(), True))
        assert synced(proven, path, node).basis is Basis.VALIDATORS
        with Snapshot.open(path, proven.trust()) as snapshot:
            assert snapshot.meta().validators == network.chain.validators
            assert len(snapshot.meta().validators) == 5
        proven.world.rpc.call("evm_mine")
        checked = []
        check = qbft.check_seals

        def counted(header: Any, *arguments: Any, **more: Any) -> Any:
            checked.append(header.number)
            return check(header, *arguments, **more)

        monkeypatch.setattr(qbft, "check_seals", counted)
        done = synced(proven, path, node)
        assert checked == [done.block], "the handover is not proved again"


def in_header(change: Callable[[int], Any]) -> Lie:
    def lie(method: str, params: list[Any], honest: Any) -> Any:
        newest = method == "eth_getBlockByNumber" and params[0] == "latest"
        return change(int(honest["number"], 16)) if newest else honest

    return lie


def liars(proven: ProvenWorld) -> dict[str, tuple[Lie, set[str]]]:
    network = proven.network
    of_height = network.chain.sets

    def head(method: str, _: list[Any], honest: Any) -> Any:
        if method != "eth_getProof":
            return honest
        return honest | {"storageProof": honest["storageProof"][::-1]}

    def fewer_logs(method: str, _: list[Any], honest: Any) -> Any:
        return honest[:-1] if method == "eth_getLogs" else honest

    def other_logs(method: str, _: list[Any], honest: Any) -> Any:
        if method != "eth_getLogs":
            return honest
        return [entry | {"data": entry["data"][:-2] + "07"} for entry in honest]

    def no_node_proves(method: str, params: list[Any], honest: Any) -> Any:
        return no_proofs(method, params, honest)

    proof = {"rpc_proof_invalid"}
    return {
        "too few seals": (in_header(lambda n: network.forged(n, of_height[n][:2])), proof),
        "a state of its own": (
            in_header(lambda n: network.forged(n, of_height[n][:2], state_root=b"\1" * 32)),
            proof,
        ),
        "strangers": (in_header(lambda n: network.forged(n, [network.chain.new_key()] * 3)), proof),
        "no header": (in_header(lambda _: {}), {"rpc_answer_malformed"}),
        "no block": (in_header(lambda _: None), {"rpc_block_absent"}),
        "heads in the wrong order": (head, proof | {"rpc_answer_malformed"}),
        "no proofs": (no_node_proves, {"rpc_refused"}),
        "events left out": (fewer_logs, {"heads_differ"}),
        "events altered": (other_logs, {"heads_differ", "event_malformed"}),
    }


NAMES = (
    "too few seals", "a state of its own", "strangers", "no header", "no block",
    "heads in the wrong order", "no proofs", "events left out", "events altered",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_node_that_lies(proven: ProvenWorld, honest: FakeNode, path: Path, name: str) -> None:
    synced(proven, path, honest)
    content = path.read_bytes()
    proven.world.send(ADMIN, "anchors", "anchor", department(STATION), name.encode().ljust(32), 64)
    lie, codes = liars(proven)[name]
    with proven.network.node(lie) as liar:
        assert refusal(lambda: synced(proven, path, liar)) in codes
        assert path.read_bytes() == content
        if not codes & {"heads_differ"}:
            assert synced(proven, path, liar, honest).basis is Basis.VALIDATORS


@pytest.mark.parametrize("name", ["too few seals", "no block", "no header"])
def test_no_snapshot_is_begun_with_what_is_not_sealed(
    proven: ProvenWorld, path: Path, name: str
) -> None:
    with proven.network.node(liars(proven)[name][0]) as liar:
        refusal(lambda: synced(proven, path, liar))
    assert not path.exists()


def test_a_node_that_stands_still(proven: ProvenWorld, honest: FakeNode, path: Path) -> None:
    block = proven.network.seal()

    def stopped(method: str, params: list[Any], said: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return proven.network.chain.to_rpc(hex(block))
        return said

    proven.world.rpc.call("evm_increaseTime", int(LAG_SECONDS) + 3600)
    proven.world.rpc.call("evm_mine")
    now = int(proven.world.block()["timestamp"], 16)

    def fetch() -> bytes:
        raise AssertionError("a network has no operator")

    with proven.network.node(stopped) as slow:
        both = [slow.url, honest.url]
        done = sync(path, proven.trust(), both, fetch_checkpoint=fetch, clock=lambda: now)
        assert (done.block, done.time) == (block + 1, now)
        stale = refusal(
            lambda: sync(path, proven.trust(), both[:1], fetch_checkpoint=fetch, clock=lambda: now)
        )
        assert stale == "snapshot_would_go_back"


def test_a_chain_without_validators_is_no_network(proven: ProvenWorld, path: Path) -> None:
    node = FakeNode(url=proven.world.chain.rpc_url)
    assert refusal(lambda: synced(proven, path, node)) == "rpc_answer_malformed"
