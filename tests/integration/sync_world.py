"""What tests of snapshots share: a small world, and syncing from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecert.errors import EcertError
from ecert.facts import Query, StatusReference
from networks.embedded import EmbeddedChain
from tests.fakes.node import Refused
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind
from verifier.sync import Synced, sync

CITY, BUREAU, KIND = "CITY", "BUREAU", "resident-id"
ADMIN = "0x" + "a1" * 20
QUERY = Query(BUREAU, b"k" * 32, KIND, b"d" * 32, b"r" * 32, StatusReference(0, 130))


def begin(chain: EmbeddedChain) -> ChainWorld:
    """Deploy contracts with a city, its bureau, one anchored root and one suspended document."""
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


def synced(world: ChainWorld, path: Path, *, url: str = "", word: bytes = b"") -> Synced:
    """Sync the snapshot at ``path``, by default from the chain's node to what is final now."""
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


def no_proofs(method: str, params: list[Any], truth: Any) -> Any:
    if method == "eth_getProof":
        raise Refused(f"no state of {params[2]}")
    return truth
