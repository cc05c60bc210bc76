"""What tests of proved answers share: a network over a small world whose records have a past."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ecert.facts import Query, StatusReference
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from tests.fakes.sealing_node import Network
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind

CITY, BUREAU, STATION, KIND = "CITY", "BUREAU", "STATION", "resident-id"
ADMIN = "0x" + "a1" * 20
KEY, ROOT, DIGEST = b"k" * 32, b"r" * 32, b"d" * 32
QUERY = Query(STATION, KEY, KIND, DIGEST, ROOT, StatusReference(0, 130))


@dataclass
class ProvenWorld:
    """Three levels of departments, each with a past; a root and a suspended entry of the lowest."""

    world: ChainWorld
    network: Network

    def trust(self, **changes: object) -> TrustStore:
        file = self.network.trust_file(**changes)
        return TrustStore(file.sign([self.world.council]), Catalogue.load(), now=datetime.now(UTC))


def proven_world(chain: EmbeddedChain) -> ProvenWorld:
    """Deploy the contracts and make history."""
    world = ChainWorld(chain)
    city, bureau, station = map(department, (CITY, BUREAU, STATION))
    kinds = [kind(KIND)]
    send = world.send
    send(COUNCIL, "departments", "admit", NO_ACTOR, city, kind("GOV"), "市", kinds, ADMIN)
    send(ADMIN, "departments", "admit", city, bureau, kind("PS"), "局", kinds, ADMIN)
    send(ADMIN, "departments", "admit", city, station, kind("PS"), "所", kinds, ADMIN)
    send(ADMIN, "departments", "move", city, station, bureau)
    for _ in range(3):
        send(ADMIN, "departments", "suspend", city, bureau)
        send(ADMIN, "departments", "lift", city, bureau)
        send(ADMIN, "departments", "withdrawKind", bureau, station, kind(KIND))
        send(ADMIN, "departments", "grantKind", bureau, station, kind(KIND))
    for role in (1, 2):
        send(ADMIN, "departments", "grantRole", station, station, role, ADMIN)
    for _ in range(2):
        send(ADMIN, "departments", "registerKey", station, KEY, 1, b"x" * 32, b"y" * 32)
        send(ADMIN, "departments", "withdrawKey", station, station, KEY)
    send(ADMIN, "departments", "registerKey", station, KEY, 1, b"x" * 32, b"y" * 32)
    for number in range(20):
        send(ADMIN, "anchors", "anchor", station, bytes([number + 1]) * 32, 64)
        send(ADMIN, "statuses", "revokeDigest", station, station, bytes([number + 1]) * 32)
    send(ADMIN, "anchors", "anchor", station, ROOT, 64)
    send(ADMIN, "statuses", "setStatus", station, station, 0, [130], 2)
    return ProvenWorld(world, Network(world))


@contextmanager
def suspended(proven: ProvenWorld) -> Iterator[None]:
    """Suspend the city while the context lasts."""
    city = department(CITY)
    proven.world.send(COUNCIL, "departments", "suspend", NO_ACTOR, city)
    try:
        yield
    finally:
        proven.world.send(COUNCIL, "departments", "lift", NO_ACTOR, city)
