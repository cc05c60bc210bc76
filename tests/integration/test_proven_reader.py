"""Online checks on a network: whatever a node says, what a quorum sealed is what counts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import eth_abi
import pytest

from ecert.chain import qbft, view
from ecert.chain.abi import signature
from ecert.chain.proven_reader import ProvenReader
from ecert.chain.rpc import RpcNode
from ecert.chain.seen_blocks import LAG_SECONDS
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.errors import UnavailableError
from ecert.facts import Basis, Facts, Query
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode, Refused
from tests.fakes.qbft_chain import scalar
from tests.fakes.sealing_node import Lie
from tests.integration.chain_world import COUNCIL, NO_ACTOR, department, kind
from tests.integration.proven_world import (
    ADMIN,
    BUREAU,
    CITY,
    QUERY,
    STATION,
    ProvenWorld,
    proven_world,
    suspended,
)


@pytest.fixture(scope="module")
def proven(chain: EmbeddedChain) -> ProvenWorld:
    return proven_world(chain)


@dataclass
class Nodes:
    """Runs nodes of the network, each with its own lie."""

    proven: ProvenWorld
    stack: ExitStack

    def run(self, lie: Lie | None = None) -> FakeNode:
        return self.stack.enter_context(self.proven.network.node(lie))

    def read(self, *nodes: FakeNode, query: Query = QUERY, clock: float | None = None) -> Facts:
        urls = [node.url for node in nodes]
        at = self.now() if clock is None else clock
        return ProvenReader(self.proven.trust(), urls, clock=lambda: at).facts(query)

    def refused(self, *nodes: FakeNode, query: Query = QUERY) -> str:
        """Return the code that reading fails with; its sentences must be whole."""
        with pytest.raises(UnavailableError) as caught:
            self.read(*nodes, query=query)
        for language in ("zh", "en"):
            assert "<" not in caught.value.message(language)
        return caught.value.code

    def now(self) -> int:
        return int(self.proven.world.block()["timestamp"], 16)


@pytest.fixture
def nodes(proven: ProvenWorld) -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(proven, stack)


def test_an_answer_rests_on_the_validators(nodes: Nodes) -> None:
    facts = nodes.read(nodes.run())
    assert facts.basis is Basis.VALIDATORS
    assert (facts.block, facts.final_block, facts.time) == (
        nodes.proven.network.chain.height, facts.block, nodes.now()
    )  # fmt: skip
    assert facts.status == 2


def test_the_verifier_of_a_network_takes_no_nodes_word(nodes: Nodes) -> None:
    trust = nodes.proven.trust()
    verifier = online_verifier(trust, [nodes.run().url], Registries([]))
    assert isinstance(verifier._facts, ProvenReader)


def test_two_exchanges_answer_all(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    exchanges, recovered = [], []
    exchange, check = RpcNode._exchange, qbft.check_seals
    node = nodes.run()
    reader = ProvenReader(nodes.proven.trust(), [node.url])

    def counted(self: RpcNode, body: bytes) -> bytes:
        exchanges.extend([body] if self.origin == node.url else [])
        return exchange(self, body)

    def checked(*arguments: Any, **more: Any) -> Any:
        recovered.append(arguments)
        return check(*arguments, **more)

    monkeypatch.setattr(RpcNode, "_exchange", counted)
    monkeypatch.setattr(qbft, "check_seals", checked)
    first = reader.facts(QUERY)
    assert len(exchanges) == 2
    assert node.calls == ["eth_call", *["eth_getProof"] * 3, "eth_getBlockByNumber"]
    assert len(recovered) == 1
    for number in range(1, 5):
        reader.facts(replace(QUERY, digest=bytes([number]) * 32))
    assert len(recovered) == 1, "the block's seals are known"
    nodes.proven.world.rpc.call("evm_mine")
    assert reader.facts(QUERY).block == first.block + 1
    assert len(recovered) == 2
    assert len(exchanges) == 12


def test_withdrawals_show_at_once(nodes: Nodes) -> None:
    world, station = nodes.proven.world, department(STATION)
    node = nodes.run()
    digest = b"e" * 32
    query = replace(QUERY, digest=digest, status=replace(QUERY.status, index=7))
    assert (nodes.read(node, query=query).status, nodes.read(node).digest_revoked) == (0, False)
    world.send(ADMIN, "statuses", "setStatus", station, station, 0, [7], 1)
    world.send(ADMIN, "statuses", "revokeDigest", station, station, digest)
    facts = nodes.read(node, query=query)
    assert (facts.status, facts.digest_revoked) == (1, True)
    with suspended(nodes.proven):
        assert nodes.read(node).lineage[CITY].suspensions[-1].end is None


def altered(**changes: Callable[[dict[str, Any]], Any]) -> Lie:
    """Return a lie in the answer of ``VerificationView``, field by field."""
    fields = ("chain", "block", "time", "anchor_time", "anchor_block", "anchor_size", "key",
              "lineage", "status", "digest", "root")  # fmt: skip

    def lie(method: str, _: list[Any], honest: Any) -> Any:
        if method != "eth_call":
            return honest
        types = [signature("", (view.FACTS,))[1:-1]]
        (values,) = eth_abi.decode(types, bytes.fromhex(honest[2:]))
        said = list(values)
        for name, change in changes.items():
            said[fields.index(name)] = change(said[fields.index(name)])
        return "0x" + eth_abi.encode(types, [tuple(said)]).hex()

    return lie


def without_parent(lineage: Any) -> Any:
    """Leave the bureau out: the station stood under the city once."""
    station, _, city = lineage
    return ((*station[:4], station[4][:1]), city)


LIES_OF_ITS_ANSWER: dict[str, Lie] = {
    "no intervals of the key": altered(key=lambda key: (*key[:4], ())),
    "one interval of the key less": altered(key=lambda key: (*key[:4], key[4][:-1])),
    "no key": altered(key=lambda _: (0, bytes(32), bytes(32), 0, ())),
    "an ancestor left out": altered(lineage=without_parent),
    "no lineage": altered(lineage=lambda _: ()),
    "suspensions left out": altered(
        lineage=lambda levels: (levels[0], (*levels[1][:2], (), *levels[1][3:]), levels[2])
    ),
    "a kind's history left out": altered(
        lineage=lambda levels: ((*levels[0][:3], levels[0][3][-1:], levels[0][4]), *levels[1:])
    ),
    "an anchor before the move": altered(
        anchor_block=lambda _: 7, lineage=lambda levels: (levels[0], levels[2])
    ),
}


@pytest.mark.parametrize("name", LIES_OF_ITS_ANSWER)
def test_what_a_node_leaves_out_it_cannot_prove(nodes: Nodes, name: str) -> None:
    liar, honest = nodes.run(LIES_OF_ITS_ANSWER[name]), nodes.run()
    assert nodes.refused(liar) == "rpc_proof_invalid"
    assert nodes.read(liar, honest) == nodes.read(honest)


@pytest.mark.parametrize(
    "lie",
    [
        altered(status=lambda _: 0),
        altered(root=lambda _: 1),
        altered(anchor_size=lambda _: 1024),
        altered(key=lambda key: (key[0], b"X" * 32, *key[2:])),
    ],
    ids=["status", "root", "size", "key"],
)
def test_what_a_node_says_otherwise_does_not_matter(nodes: Nodes, lie: Lie) -> None:
    assert nodes.read(nodes.run(lie)) == nodes.read(nodes.run())


def in_header(change: Callable[[ProvenWorld, int], Any], proven: ProvenWorld) -> Lie:
    def lie(method: str, _: list[Any], honest: Any) -> Any:
        if method != "eth_getBlockByNumber" or not isinstance(honest, dict):
            return honest
        return change(proven, int(honest["number"], 16))

    return lie


def forged(sealers: int, **items: bytes) -> Callable[[ProvenWorld, int], Any]:
    def change(proven: ProvenWorld, block: int) -> Any:
        chain = proven.network.chain
        return proven.network.forged(block, chain.sets[block][:sealers], **items)

    return change


def by_strangers(proven: ProvenWorld, block: int) -> Any:
    strangers = [proven.network.chain.new_key() for _ in range(4)]
    return proven.network.forged(block, strangers)


def sealed_twice(proven: ProvenWorld, block: int) -> Any:
    first, second, *_ = proven.network.chain.sets[block]
    return proven.network.forged(block, [first, second, first])


LIES_OF_ITS_HEADER: dict[str, Callable[[ProvenWorld, int], Any]] = {
    "too few seals": forged(2),
    "no seals": forged(0),
    "one validator's seal twice": sealed_twice,
    "seals of strangers": by_strangers,
    "another state, sealed by too few": forged(2, state_root=b"\x01" * 32),
    "a later time, sealed by too few": forged(1, time=scalar(1 << 33)),
    "another block": lambda proven, block: proven.network.chain.to_rpc(hex(block - 1)),
    "no block": lambda *_: None,
    "no header": lambda *_: {},
    "a number": lambda *_: 5,
}


@pytest.mark.parametrize("name", LIES_OF_ITS_HEADER)
def test_what_no_quorum_sealed_is_no_block(nodes: Nodes, name: str) -> None:
    lie = in_header(LIES_OF_ITS_HEADER[name], nodes.proven)
    liar, honest = nodes.run(lie), nodes.run()
    assert nodes.refused(liar) in ("rpc_proof_invalid", "rpc_answer_malformed", "rpc_block_absent")
    assert nodes.read(liar, honest) == nodes.read(honest)


def in_proofs(change: Callable[[dict[str, Any]], Any]) -> Lie:
    return lambda method, _, honest: change(honest) if method == "eth_getProof" else honest


def refuse(_: Any) -> Any:
    raise Refused("no state")


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof | {"storageProof": []},
        lambda proof: proof | {"accountProof": []},
        lambda proof: proof | {"accountProof": proof["accountProof"][:-1]},
        lambda proof: proof | {"storageProof": proof["storageProof"][:-1]},
        lambda proof: proof | {"storageProof": proof["storageProof"] * 2},
        lambda proof: proof | {"accountProof": ["0x" + "00" * 2000]},
        lambda proof: proof | {"accountProof": ["0x"] * 66},
        lambda proof: proof | {"accountProof": "0x"},
        lambda _: [],
        lambda _: None,
        refuse,
    ],
)
def test_what_is_no_proof(nodes: Nodes, change: Callable[[Any], Any]) -> None:
    liar, honest = nodes.run(in_proofs(change)), nodes.run()
    assert nodes.refused(liar) in ("rpc_proof_invalid", "rpc_answer_malformed", "rpc_refused")
    assert nodes.read(liar, honest) == nodes.read(honest)


def test_more_than_was_asked_for_does_no_harm(nodes: Nodes) -> None:
    generous = nodes.run(
        in_proofs(lambda proof: proof | {"accountProof": [*proof["accountProof"], "0x80"]})
    )
    assert nodes.read(generous) == nodes.read(nodes.run())


def stopped(proven: ProvenWorld) -> Lie:
    """Know nothing that comes after now."""
    block = proven.network.seal()

    def lie(method: str, params: list[Any], honest: Any) -> Any:
        if method == "eth_call":
            return proven.world.rpc.call("eth_call", params[0], hex(block))
        return honest

    return lie


def test_a_node_that_lags_is_not_the_last_one_asked(nodes: Nodes) -> None:
    world = nodes.proven.world
    behind, further_behind = nodes.run(stopped(nodes.proven)), nodes.now()
    older = nodes.read(behind)
    world.rpc.call("evm_increaseTime", int(LAG_SECONDS) + 30)
    world.rpc.call("evm_mine")
    current = nodes.run()
    newest = nodes.read(behind, current)
    assert newest.block == older.block + 1
    assert newest.time == nodes.now() > older.time + LAG_SECONDS
    alone = nodes.read(behind)
    assert (alone.block, alone.time) == (older.block, further_behind), "as of when, it says"
    late = nodes.now() + 10 * LAG_SECONDS
    assert nodes.read(behind, current, clock=late) == newest, "none is newer"
    assert nodes.read(behind, current, clock=older.time + 1).block == older.block, "new enough"


def test_nothing_is_known_of_the_future(nodes: Nodes) -> None:
    assert nodes.read(nodes.run(), clock=1000.0).time == 1000


def test_a_node_behind_the_trust_file(nodes: Nodes) -> None:
    behind = nodes.run(stopped(nodes.proven))
    nodes.proven.world.rpc.call("evm_mine")
    pin = nodes.proven.network.pinned(nodes.proven.network.seal())
    reader = ProvenReader(nodes.proven.trust(checkpoint=pin), [behind.url])
    with pytest.raises(UnavailableError) as caught:
        reader.facts(QUERY)
    assert caught.value.code == "rpc_node_behind"


@pytest.mark.parametrize("change", [{"chain": lambda _: 7}, {"block": lambda _: 1 << 60}])
def test_other_chains_and_blocks(nodes: Nodes, change: dict[str, Any]) -> None:
    code = nodes.refused(nodes.run(altered(**change)))
    assert code in ("rpc_other_chain", "rpc_block_absent", "rpc_refused")


def test_the_validators_change(nodes: Nodes) -> None:
    network, node = nodes.proven.network, nodes.run()
    reader = ProvenReader(nodes.proven.trust(), [node.url], clock=nodes.now)
    before = reader.facts(QUERY)
    fifth = network.chain.new_key()
    network.change_validators((fifth, True))
    assert fifth in network.chain.validators
    after = reader.facts(QUERY)
    assert after.block > before.block
    assert after.basis is Basis.VALIDATORS
    calls = len(node.calls)
    nodes.proven.world.rpc.call("evm_mine")
    assert reader.facts(QUERY).block == after.block + 1
    assert len(node.calls) == calls + 5, "the handover is remembered"
    network.change_validators((network.chain.validators[0], False))
    assert reader.facts(QUERY).block == network.chain.height
    assert nodes.read(node) == reader.facts(QUERY)


def test_a_closed_contract(chain: EmbeddedChain) -> None:
    proven = proven_world(chain)
    with proven.network.node() as node:
        reader = ProvenReader(proven.trust(), [node.url])
        assert reader.facts(QUERY).basis is Basis.VALIDATORS
        successor = "0x" + "5c" * 20
        proven.world.send(COUNCIL, "statuses", "close", successor)
        with pytest.raises(UnavailableError) as caught:
            reader.facts(QUERY)
    assert caught.value.code == "contract_closed"
    assert caught.value.details == {"contract": "statuses", "successor": successor}


def test_departments_that_are_not_there(nodes: Nodes) -> None:
    node = nodes.run()
    facts = nodes.read(node, query=replace(QUERY, department="NOBODY", root=None))
    assert (facts.anchor, facts.key, dict(facts.lineage)) == (None, None, {})
    world = nodes.proven.world
    odd = bytes(range(200, 220))
    world.send(COUNCIL, "departments", "admit", NO_ACTOR, odd, kind("X"), "?", [], ADMIN)
    world.send(ADMIN, "departments", "admit", odd, department("LOW"), kind("X"), "?", [], ADMIN)
    assert list(nodes.read(node, query=replace(QUERY, department="LOW")).lineage) == [
        "LOW", "0x" + odd.hex(),
    ]  # fmt: skip
    assert list(nodes.read(node, query=replace(QUERY, department=BUREAU)).lineage) == [BUREAU, CITY]
