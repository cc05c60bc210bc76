"""Storage proofs of a real node: they show what the state holds, and nothing else passes."""

import contextlib
import random
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ecert.chain.proof import ProofNodes, _decode, prove_account, prove_slot
from ecert.errors import ProofError
from networks.embedded import EmbeddedChain
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind

ADMIN = "0x" + "a1" * 20


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    """Contracts with enough records that their tries have branches and extensions."""
    world = ChainWorld(chain)
    for number in range(12):
        code = department(f"D-{number}")
        world.send(COUNCIL, "departments", "admit", NO_ACTOR, code, kind("PS"), "局", [], ADMIN)
    return world


def get_proof(world: ChainWorld, address: str, slots: range) -> tuple[bytes, dict[str, Any]]:
    keys = ["0x" + slot.to_bytes(32).hex() for slot in slots]
    root = bytes.fromhex(world.block()["stateRoot"][2:])
    return root, world.rpc.call("eth_getProof", address, keys, "latest")


def nodes(proof: list[str]) -> list[bytes]:
    return [bytes.fromhex(node[2:]) for node in proof]


def test_shows_what_the_state_holds(world: ChainWorld) -> None:
    held = 0
    for name, address in world.addresses.items():
        root, proof = get_proof(world, address, range(64))
        raw = bytes.fromhex(address[2:])
        account = prove_account(root, raw, nodes(proof["accountProof"]))
        assert account.code_hash == world.trust_file().contracts[name].code_hash
        for slot, entry in enumerate(proof["storageProof"]):
            word = prove_slot(account.storage_root, slot, nodes(entry["proof"]))
            assert "0x" + word.hex() == world.rpc.call(
                "eth_getStorageAt", address, hex(slot), "latest"
            )
            held += any(word)
    assert held == 4, "three heads and the council"


def test_an_account_that_does_not_exist_is_none(world: ChainWorld) -> None:
    address = "0x" + "77" * 20
    root, proof = get_proof(world, address, range(1))
    with pytest.raises(ProofError) as caught:
        prove_account(root, bytes.fromhex(address[2:]), nodes(proof["accountProof"]))
    assert caught.value.code == "state_proof_invalid"


def test_no_alteration_passes(world: ChainWorld) -> None:
    address = world.addresses["departments"]
    root, proof = get_proof(world, address, range(1))
    raw, good = bytes.fromhex(address[2:]), nodes(proof["accountProof"])
    account = prove_account(root, raw, good)
    slot = nodes(proof["storageProof"][0]["proof"])
    draw = random.Random(1)
    for _ in range(300):
        for known, prove in (
            (good, lambda altered: prove_account(root, raw, altered)),
            (slot, lambda altered: prove_slot(account.storage_root, 0, altered)),
        ):
            altered = [bytearray(node) for node in known]
            node = draw.choice(altered)
            node[draw.randrange(len(node))] ^= draw.randrange(1, 256)
            with pytest.raises(ProofError):
                prove([bytes(node) for node in altered])
    for altered in (good[:-1], good[1:], [], [*good, b""], [*good, good[-1]]):
        with pytest.raises(ProofError):
            prove_account(root, raw, altered)
    with pytest.raises(ProofError):
        prove_account(root, bytes(20), good)
    with pytest.raises(ProofError):
        prove_slot(account.storage_root, 1 << 200, slot)
    with pytest.raises(ProofError):
        prove_slot(bytes(32), 0, slot)


def test_one_set_of_nodes_proves_many_words(world: ChainWorld) -> None:
    address = world.addresses["departments"]
    root, proof = get_proof(world, address, range(12))
    lists = [nodes(proof["accountProof"]), *(nodes(e["proof"]) for e in proof["storageProof"])]
    every = list(dict.fromkeys(node for found in lists for node in found))
    random.Random(2).shuffle(every)
    shared = ProofNodes(every)
    account = shared.account(root, bytes.fromhex(address[2:]))
    with pytest.raises(ProofError):
        shared.require_all_used()
    words = [shared.word(account.storage_root, slot) for slot in range(12)]
    assert words == [bytes.fromhex(e["value"][2:].zfill(64)) for e in proof["storageProof"]]
    assert shared.used() == tuple(every)
    shared.require_all_used()
    refused = 0
    for slot in range(100, 200):
        try:
            assert not any(shared.word(account.storage_root, slot))
        except ProofError:
            refused += 1
    assert refused > 20, "most paths lead to nodes that are not there"


@pytest.mark.parametrize(
    "given", [[b"", b""], [bytes(1025)], [n.to_bytes(3) for n in range(4097)]], ids=len
)
def test_nodes_are_bounded(given: list[bytes]) -> None:
    with pytest.raises(ProofError) as caught:
        ProofNodes(given)
    assert caught.value.code == "state_proof_invalid"


items = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=5))


@given(items)
def test_rlp_is_decoded_as_others_do(item: Any) -> None:
    assert _decode(rlp.encode(item), "word") == item


@given(st.binary(max_size=80))
def test_rlp_has_one_reading(data: bytes) -> None:
    try:
        item = _decode(data, "word")
    except ProofError:
        return
    assert rlp.encode(item) == data


@given(
    st.lists(st.binary(max_size=40) | items.map(rlp.encode), max_size=6), st.integers(0, 1 << 255)
)
def test_any_nodes_are_refused_by_one_error(given: list[bytes], slot: int) -> None:
    """Though their hashes be those that are looked for, as if the root were theirs."""
    for node in given:
        with contextlib.suppress(ProofError):
            prove_slot(keccak(node), slot, given)
        with pytest.raises(ProofError):
            prove_account(keccak(node), bytes(20), given)
