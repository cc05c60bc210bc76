"""One document's package stays small on a chain that has grown: six levels, thousands of words."""

from datetime import UTC, datetime

import pytest

from ecert.chain.node import Nodes
from ecert.chain.state_proof import gather
from ecert.evidence import ChainProof, Evidence
from ecert.facts import Query, StatusReference
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from tests.fakes.sealing_node import Network
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind

ADMIN = "0x" + "a1" * 20
KIND, KEY, ROOT, DIGEST = "resident-id", b"k" * 32, b"r" * 32, b"d" * 32
LEVELS = [f"LEVEL{number}" for number in range(6)]
LIMIT = 64 * 1024
DOCUMENT_BYTES = 12 * 1024
"""A file with forty claims disclosed and a path of twenty hashes."""


@pytest.fixture(scope="module")
def grown(chain: EmbeddedChain) -> ChainWorld:
    """Province to village, each with a past, beside 150 other departments and 6,000 words."""
    world = ChainWorld(chain)
    above = NO_ACTOR
    for position, code in enumerate(LEVELS):
        who = ADMIN if position else COUNCIL
        world.send(
            who, "departments", "admit", above, department(code), kind("GOV"), code,
            [kind(KIND)], ADMIN,
        )  # fmt: skip
        above = department(code)
    for code in LEVELS[1:]:
        for _ in range(2):
            world.send(ADMIN, "departments", "suspend", department(LEVELS[0]), department(code))
            world.send(ADMIN, "departments", "lift", department(LEVELS[0]), department(code))
    for number in range(150):
        world.send(
            ADMIN, "departments", "admit", department(LEVELS[0]), department(f"N{number}"),
            kind("GOV"), f"N{number}", [kind(KIND)], ADMIN,
        )  # fmt: skip
    lowest = department(LEVELS[-1])
    for role in (1, 2):
        world.send(ADMIN, "departments", "grantRole", lowest, lowest, role, ADMIN)
    world.send(ADMIN, "departments", "registerKey", lowest, KEY, 1, b"x" * 32, b"y" * 32)
    for batch in range(4):
        roots = [bytes([batch + 1, *number.to_bytes(2), *b"r" * 29]) for number in range(500)]
        world.send(ADMIN, "anchors", "anchorMany", lowest, roots, [64] * 500)
    for batch in range(8):
        indices = [(batch * 500 + number) * 128 for number in range(500)]
        world.send(ADMIN, "statuses", "setStatus", lowest, lowest, 0, indices, 2)
    world.send(ADMIN, "anchors", "anchor", lowest, ROOT, 64)
    return world


def test_a_package_is_small(grown: ChainWorld) -> None:
    network = Network(grown)
    network.seal()
    trust = TrustStore(
        network.trust_file().sign([grown.council]), Catalogue.load(), now=datetime.now(UTC)
    )
    query = Query(LEVELS[-1], KEY, KIND, DIGEST, ROOT, StatusReference(0, 130))
    with network.node() as node:
        state = gather(Nodes([node.url]), trust, query, fetch_checkpoint=bytes)
    assert len(state.facts(trust, query).lineage) == len(LEVELS)
    proof = ChainProof(state, bytes(8 * 1024))  # a timestamp with a chain of certificates
    package = Evidence(bytes(DOCUMENT_BYTES), proof, 1).encode()
    assert len(package) < LIMIT
    assert len(package) > DOCUMENT_BYTES + 16 * 1024  # the tries have grown indeed
