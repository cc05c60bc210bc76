"""Proofs of what the contracts hold: they show what the contracts answer and nothing else."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import rlp

from ecert.chain.finality import FinalAtOnce
from ecert.chain.node import Nodes
from ecert.chain.reader import ChainReader
from ecert.chain.state_proof import StateProof, gather
from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError, MalformedError, ProofError, UnavailableError
from ecert.facts import Basis, Facts, Query
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from tests.fakes.node import FakeNode
from tests.fakes.sealing_node import Network
from tests.integration.chain_world import COUNCIL, ChainWorld
from tests.integration.proven_world import (
    BUREAU,
    CITY,
    DIGEST,
    QUERY,
    ProvenWorld,
    proven_world,
    suspended,
)
from tests.integration.random_history import RandomHistory


@dataclass
class Ground:
    """The world, an honest node of its network, a trust file, and a good proof."""

    proven: ProvenWorld
    node: FakeNode
    trust: TrustStore
    proof: StateProof
    facts: Facts


@pytest.fixture(scope="module")
def ground(chain: EmbeddedChain) -> Iterator[Ground]:
    proven = proven_world(chain)
    with proven.network.node() as node:
        trust = proven.trust()
        proof = gathered(trust, node.url)
        yield Ground(proven, node, trust, proof, proof.facts(trust, QUERY))


def gathered(trust: TrustStore, url: str, query: Query = QUERY) -> StateProof:
    return gather(Nodes([url]), trust, query, fetch_checkpoint=not_asked)


def not_asked() -> bytes:
    raise AssertionError("a network has no operator")


def refused(proof: StateProof, trust: TrustStore, query: Query = QUERY) -> str:
    """Return the code that the proof fails with; its sentences must be whole."""
    with pytest.raises(EcertError) as caught:
        proof.facts(trust, query)
    assert isinstance(caught.value, ProofError)
    for language in ("zh", "en"):
        assert "<" not in caught.value.message(language)
    return caught.value.code


def told(world: ChainWorld, query: Query) -> Facts:
    trust = world.trust()
    return ChainReader(trust, [world.chain.rpc_url], finality=FinalAtOnce()).facts(query)


def test_what_is_proved_is_what_the_contracts_answer(ground: Ground) -> None:
    expected = told(ground.proven.world, QUERY)
    assert ground.facts == replace(expected, time=ground.facts.time, basis=Basis.VALIDATORS)
    assert ground.facts.key is not None
    assert len(ground.facts.key.intervals) == 3
    assert list(ground.facts.lineage) == [QUERY.department, BUREAU, CITY]
    assert len(ground.facts.lineage[BUREAU].suspensions) == 3
    assert ground.facts.status == 2


@pytest.mark.parametrize("seed", range(2))
def test_random_histories(chain: EmbeddedChain, seed: int) -> None:
    world = ChainWorld(chain)
    history = RandomHistory(world, 40 + seed)
    proven = ProvenWorld(world, Network(world))
    with proven.network.node() as node:
        trust = proven.trust()
        for _ in range(2):
            history.make(blocks=10, calls=14)
            for query in history.queries():
                facts = gathered(trust, node.url, query).facts(trust, query)
                assert facts == replace(told(world, query), time=facts.time, basis=Basis.VALIDATORS)


def test_the_operators_word_for_an_embedded_chain(ground: Ground) -> None:
    world = ground.proven.world
    trust, signed = world.trust(), world.checkpoint()
    with suspended(ground.proven):  # later than the checkpoint
        proof = gather(Nodes([world.chain.rpc_url]), trust, QUERY, fetch_checkpoint=lambda: signed)
    facts = proof.facts(trust, QUERY)
    word = Checkpoint.verify(signed, trust.file.operators)
    assert (facts.block, facts.time, facts.basis) == (word.number, word.time, Basis.OPERATOR)
    assert facts == replace(ground.facts, block=facts.block, final_block=facts.final_block,
                            time=facts.time, basis=Basis.OPERATOR)  # fmt: skip
    other = replace(proof, block=ground.proof.block)
    assert refused(other, trust) == "block_proof_malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"root": None},
        {"key_id": b"K" * 32},
        {"kind": "drivers-licence"},
        {"department": BUREAU},
        {"status": replace(QUERY.status, list=1)},
        {"status": replace(QUERY.status, index=0)},
    ],
    ids=str,
)
def test_a_proof_of_other_slots(ground: Ground, change: dict[str, Any]) -> None:
    query = replace(QUERY, **change)
    assert refused(ground.proof, ground.trust, query) == "state_proof_invalid"
    proof = gathered(ground.trust, ground.node.url, query)
    assert proof.facts(ground.trust, query).block >= ground.facts.block
    assert refused(proof, ground.trust) == "state_proof_invalid"


def test_a_proof_of_other_entries(ground: Ground) -> None:
    """Unless the path to where an entry is not ends at another one, and so shows that too."""
    refusals = 0
    for number in range(1, 21):
        other = bytes([number]) * 32
        for query in (replace(QUERY, root=other), replace(QUERY, digest=other)):
            try:
                facts = ground.proof.facts(ground.trust, query)
            except ProofError:
                refusals += 1
            else:
                assert facts.digest_revoked == (query.digest == other)
    assert refusals > 30


def test_every_node_is_needed(ground: Ground) -> None:
    nodes = ground.proof.nodes
    assert len(nodes) > 30
    for position in range(len(nodes)):
        less = replace(ground.proof, nodes=nodes[:position] + nodes[position + 1 :])
        assert refused(less, ground.trust) == "state_proof_invalid"


def test_no_node_more(ground: Ground) -> None:
    nodes = ground.proof.nodes
    other = gathered(ground.trust, ground.node.url, replace(QUERY, digest=bytes([1]) * 32)).nodes
    surplus = [*(node for node in other if node not in nodes), b"", b"\x80", nodes[0]]
    for node in surplus:
        more = replace(ground.proof, nodes=(*nodes, node))
        assert refused(more, ground.trust) == "state_proof_invalid"


def test_no_changed_node(ground: Ground) -> None:
    draw = random.Random(3)
    for _ in range(300):
        nodes = [bytearray(node) for node in ground.proof.nodes]
        node = draw.choice(nodes)
        node[draw.randrange(len(node))] ^= draw.randrange(1, 256)
        changed = replace(ground.proof, nodes=tuple(map(bytes, nodes)))
        assert refused(changed, ground.trust) == "state_proof_invalid"


def test_words_that_were_swapped(ground: Ground) -> None:
    leaves = {}
    for node in ground.proof.nodes:
        items = rlp.decode(node)
        if len(items) == 2 and items[0][0] >> 4 in (2, 3) and len(items[1]) <= 33:
            leaves[node] = items
    first = min(leaves)
    second = next(node for node in leaves if leaves[node][1] != leaves[first][1])
    swapped = {
        first: rlp.encode([leaves[first][0], leaves[second][1]]),
        second: rlp.encode([leaves[second][0], leaves[first][1]]),
    }
    nodes = tuple(swapped.get(node, node) for node in ground.proof.nodes)
    assert refused(replace(ground.proof, nodes=nodes), ground.trust) == "state_proof_invalid"


def test_the_order_of_nodes_says_nothing(ground: Ground) -> None:
    turned = replace(ground.proof, nodes=ground.proof.nodes[::-1])
    assert turned.facts(ground.trust, QUERY) == ground.facts


def test_another_state(ground: Ground) -> None:
    network = ground.proven.network
    earlier = network.chain.headers[ground.facts.block - 1]
    block = replace(ground.proof.block, header=earlier)
    assert refused(replace(ground.proof, block=block), ground.trust) == "state_proof_invalid"


def test_another_contract(ground: Ground) -> None:
    contracts = dict(ground.trust.file.contracts)
    contracts["anchors"], contracts["statuses"] = contracts["statuses"], contracts["anchors"]
    trust = ground.proven.trust(contracts=contracts)
    assert refused(ground.proof, trust) == "state_proof_invalid"


@pytest.mark.parametrize("name", ["departments", "anchors", "statuses"])
def test_another_contracts_code(ground: Ground, name: str) -> None:
    contracts = dict(ground.trust.file.contracts)
    contracts[name] = replace(contracts[name], code_hash=b"\x01" * 32)
    trust = ground.proven.trust(contracts=contracts)
    assert refused(ground.proof, trust) == "contract_code_differs"
    with pytest.raises(UnavailableError) as caught:
        gathered(trust, ground.node.url)
    assert caught.value.code == "rpc_proof_invalid"


@pytest.mark.parametrize("address", [bytes(19) + b"\x99", bytes.fromhex(COUNCIL[2:])])
def test_an_address_without_code(ground: Ground, address: bytes) -> None:
    contracts = dict(ground.trust.file.contracts)
    contracts["statuses"] = replace(contracts["statuses"], address=address)
    trust = ground.proven.trust(contracts=contracts)
    with pytest.raises(UnavailableError) as caught:
        gathered(trust, ground.node.url)
    assert caught.value.code == "rpc_proof_invalid"


@pytest.mark.parametrize(
    "query",
    [
        replace(QUERY, department="CITY!"),
        replace(QUERY, department="X" * 21),
        replace(QUERY, kind=""),
        replace(QUERY, key_id=b"k"),
        replace(QUERY, digest=DIGEST + b"d"),
        replace(QUERY, root=b""),
        replace(QUERY, status=replace(QUERY.status, index=1 << 40)),
    ],
    ids=str,
)
def test_what_the_contracts_cannot_be_asked(ground: Ground, query: Query) -> None:
    with pytest.raises(MalformedError):
        ground.proof.facts(ground.trust, query)
    calls = len(ground.node.calls)
    with pytest.raises(MalformedError):
        gathered(ground.trust, ground.node.url, query)
    assert len(ground.node.calls) == calls
