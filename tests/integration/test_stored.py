"""What the contracts' storage holds, read by slot, is what the contracts themselves answer."""

from typing import Any

import pytest

from ecert.chain import stored, view
from ecert.chain.records import CONTRACTS
from ecert.facts import Query
from ecert.fields import hex_text
from networks.embedded import EmbeddedChain
from tests.integration.chain_world import ChainWorld
from tests.integration.random_history import RandomHistory


def inspected(world: ChainWorld, query: Query) -> view.Inspection:
    """Return what ``VerificationView`` answers."""
    call = {"to": world.addresses["view"], "data": hex_text(view.call_data(query))}
    return view.read(bytes.fromhex(world.rpc.call("eth_call", call, "latest")[2:]), query)


@pytest.mark.parametrize("seed", range(3))
def test_storage_and_contracts_agree(chain: EmbeddedChain, seed: int) -> None:
    world = ChainWorld(chain)
    history = RandomHistory(world, seed)
    kept: dict[str, int] = dict.fromkeys(("anchors", "keys", "past", "revoked", "levels"), 0)
    for _ in range(3):
        history.make(blocks=10, calls=14)
        for query in history.queries():
            expected = inspected(world, query)
            asked: dict[str, list[int]] = {name: [] for name in CONTRACTS}

            def words(contract: str, slot: int, asked: Any = asked) -> bytes:
                asked[contract].append(slot)
                address = world.addresses[contract]
                word = world.rpc.call("eth_getStorageAt", address, hex(slot), "latest")
                return bytes.fromhex(word[2:])

            place = {"chain_id": expected.chain_id, "block": expected.block, "time": expected.time}
            assert stored.read(query, words, **place) == expected
            slots = stored.slots(query, expected)
            assert {name: set(found) for name, found in asked.items()} == {
                name: set(found) for name, found in slots.items()
            }
            assert all(
                len(set(found)) == len(found) for found in [*asked.values(), *slots.values()]
            )
            kept["anchors"] += expected.anchor is not None
            kept["keys"] += expected.key is not None
            records = expected.lineage.values()
            histories = [h for r in records for h in (r.kind, r.suspensions, r.parents)]
            histories += [expected.key.intervals] if expected.key else []
            kept["past"] += any(len(history) > 1 for history in histories)
            kept["revoked"] += expected.status > 0 or expected.digest_revoked
            kept["levels"] = max(kept["levels"], len(expected.lineage))
    assert all(kept.values()), kept
