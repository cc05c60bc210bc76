"""Trust files: who signed, until when, and never back."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ecert import envelope
from ecert.client.home import Home
from ecert.encoding import canonical_json
from ecert.errors import EcertError, MalformedError, TrustError
from ecert.kinds.catalogue import Catalogue
from ecert.signing import SoftwareSigner
from ecert.trust import PURPOSE, PinnedBlock, TrustFile, TrustStore
from tests.fakes.world import World


@pytest.fixture
def world() -> World:
    return World()


def load(world: World, data: bytes) -> TrustStore:
    return TrustStore(data, Catalogue.load(), now=world.now)


def test_a_signed_file_round_trips(world: World) -> None:
    file = world.trust_file(operators=(SoftwareSigner.generate().public_key,))
    assert load(world, file.sign([world.council])).file == file


def test_too_few_signatures(world: World) -> None:
    others = [SoftwareSigner.generate() for _ in range(3)]
    file = world.trust_file(council=tuple(o.public_key for o in others), threshold=2)
    for signers in ([], others[:1], [others[0], others[0]], [others[0], world.council]):
        with pytest.raises(TrustError) as error:
            load(world, file.sign(signers))
        assert error.value.code == "signed_by_too_few"
    assert load(world, file.sign(others[1:])).file == file


def test_expiry(world: World) -> None:
    data = world.trust_file(expires=int(world.now.timestamp())).sign([world.council])
    with pytest.raises(TrustError) as error:
        load(world, data)
    assert error.value.code == "trust_expired"
    store = load(world, world.trust_file().sign([world.council]))
    with pytest.raises(TrustError):
        store.check_current(world.now + timedelta(days=31))


def test_another_catalogue_is_refused(world: World) -> None:
    data = world.trust_file(catalogue_hash=bytes(32)).sign([world.council])
    with pytest.raises(TrustError) as error:
        load(world, data)
    assert error.value.code == "catalogue_not_pinned"


def test_a_signature_for_another_purpose_does_not_count(world: World) -> None:
    file = world.trust_file()
    data = envelope.seal("checkpoint", file.to_json(), [world.council])
    with pytest.raises(TrustError):
        load(world, data)


NEGATIVE: list[Callable[[dict[str, Any]], object]] = [
    lambda s: s.update(version=0),
    lambda s: s.update(version="1"),
    lambda s: s.update(threshold=2),
    lambda s: s.update(threshold=0),
    lambda s: s.update(council=[]),
    lambda s: s.update(council=s["council"] * 2),
    lambda s: s.update(council=["x"]),
    lambda s: s.update(engine="geth"),
    lambda s: s.update(genesis_hash="0x00"),
    lambda s: s.update(genesis_hash="0x" + "A" * 64),
    lambda s: s.update(extra=1),
    lambda s: s.pop("contracts"),
    lambda s: s["contracts"].pop("view"),
    lambda s: s["contracts"].update(other={}),
    lambda s: s["checkpoint"].update(validators=["0x1"]),
    lambda s: s.update(registries=[1]),
]


@pytest.mark.parametrize("change", NEGATIVE)
def test_malformed_content(world: World, change: Callable[[dict[str, Any]], object]) -> None:
    signed = world.trust_file().to_json()
    change(signed)
    data = envelope.seal(PURPOSE, signed, [world.council])
    with pytest.raises(EcertError):
        load(world, data)


def test_every_flipped_byte_is_noticed(world: World) -> None:
    data = world.trust_file().sign([world.council])
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(EcertError):
            load(world, bytes(changed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"signed":{}}',
        b'{"signed":[],"signatures":[]}',
        b'{"signed":{},"signatures":[{"kid":"a"}]}',
        b'{"signed":{},"signatures":[{"kid":"a","sig":"A"}]}',
        canonical_json({"signed": {}, "signatures": [{"kid": "a", "sig": ""}] * 65}),
        b" " * (257 * 1024),
    ],
)
def test_malformed_envelopes(world: World, data: bytes) -> None:
    with pytest.raises(EcertError):
        load(world, data)


def pinned(world: World, tmp_path: Path, file: TrustFile | None = None) -> Home:
    home = Home(tmp_path)
    home.pin((file or world.trust_file()).sign([world.council]), Catalogue.load(), now=world.now)
    return home


def test_a_rotation_is_signed_by_old_and_new(world: World, tmp_path: Path) -> None:
    home, new = pinned(world, tmp_path), SoftwareSigner.generate()
    rotated = world.trust_file(version=2, council=(new.public_key,))
    for signers in ([world.council], [new]):
        with pytest.raises(TrustError) as error:
            home.pin(rotated.sign(signers), Catalogue.load(), now=world.now)
        assert error.value.code == "signed_by_too_few"
    home.pin(rotated.sign([world.council, new]), Catalogue.load(), now=world.now)
    assert home.trust(Catalogue.load(), now=world.now).file.version == 2


def test_an_expired_pinned_file_can_be_followed(world: World, tmp_path: Path) -> None:
    home = pinned(world, tmp_path)
    world.now += timedelta(days=60)
    newer = world.trust_file(version=2)
    home.pin(newer.sign([world.council]), Catalogue.load(), now=world.now)
    assert home.trust(Catalogue.load(), now=world.now).file == newer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 1}, "trust_rollback"),
        ({"version": 2, "threshold": 1}, "trust_rollback"),
        ({"version": 3, "chain_id": 1}, "trust_other_chain"),
        ({"version": 3, "genesis_hash": bytes([1]) * 32}, "trust_other_chain"),
        ({"version": 3, "checkpoint": PinnedBlock(6, bytes(32), bytes(32))}, "trust_rollback"),
        ({"version": 3, "checkpoint": PinnedBlock(7, b"\1" * 32, bytes(32))}, "trust_other_chain"),
    ],
)
def test_never_back(world: World, tmp_path: Path, change: dict[str, Any], code: str) -> None:
    kept = world.trust_file(version=2, checkpoint=PinnedBlock(7, bytes(32), bytes(32)))
    home = pinned(world, tmp_path, kept)
    home.pin(kept.sign([world.council]), Catalogue.load(), now=world.now)  # the same: no harm
    other = replace(world.trust_file(), expires=kept.expires + 1)
    with pytest.raises(TrustError) as error:
        home.pin(replace(other, **change).sign([world.council]), Catalogue.load(), now=world.now)
    assert error.value.code == code


def test_home_without_trust_and_with_damage(world: World, tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(TrustError) as error:
        home.trust(Catalogue.load(), now=world.now)
    assert error.value.code == "trust_not_pinned"
    assert home.nodes() == ()
    home.remember_nodes(["http://127.0.0.1:1"])
    assert home.nodes() == ("http://127.0.0.1:1",)
    (tmp_path / "nodes.json").write_text(json.dumps({"rpc": [1]}))
    with pytest.raises(EcertError):
        home.nodes()


# -- a network's files


def block(number: int, *, validators: int = 1) -> PinnedBlock:
    keys = tuple(bytes([i + 1]) * 20 for i in range(validators))
    return PinnedBlock(number, number.to_bytes(32), bytes(32), keys)


def network(world: World, **changes: Any) -> TrustFile:
    given = {"engine": "besu", "checkpoint": block(20), "epoch_length": 30_000} | changes
    return world.trust_file(**given)


def test_a_networks_file_round_trips(world: World) -> None:
    file = network(
        world,
        history=(block(0), block(10, validators=4)),
        timestamp_authorities=(b"0" * 900, b"1"),
        epoch_length=1_000,
    )
    assert load(world, file.sign([world.council])).file == file
    assert file.pins == (block(0), block(10, validators=4), block(20))


def test_a_file_without_what_came_later_still_reads(world: World) -> None:
    signed = network(world).to_json()
    assert "history" not in signed
    assert "timestamp_authorities" not in signed
    del signed["epoch_length"]
    data = envelope.seal(PURPOSE, signed, [world.council])
    assert load(world, data).file == network(world)
    assert (
        world.trust_file()
        .to_json()
        .keys()
        .isdisjoint({"history", "timestamp_authorities", "epoch_length"})
    )


WRONG_NETWORKS: list[dict[str, Any]] = [
    {"checkpoint": block(20, validators=0)},
    {"checkpoint": replace(block(20), validators=(b"\1" * 20,) * 2)},
    {"checkpoint": block(20, validators=129)},
    {"history": (block(10, validators=0),)},
    {"history": (block(20),)},
    {"history": (block(21),)},
    {"history": (block(10), block(5))},
    {"history": (block(10), block(10))},
    {"history": tuple(map(block, range(257))), "checkpoint": block(300)},
    {"timestamp_authorities": (b"",)},
    {"timestamp_authorities": (b"1",) * 17},
    {"timestamp_authorities": (bytes(9000),)},
    {"epoch_length": 0},
    {"engine": "anvil"},
    {"engine": "anvil", "checkpoint": replace(block(20), validators=())},
]


@pytest.mark.parametrize("changes", WRONG_NETWORKS, ids=lambda c: " ".join(sorted(c)))
def test_malformed_networks(world: World, changes: dict[str, Any]) -> None:
    data = network(world, **changes).sign([world.council])
    with pytest.raises(MalformedError):
        load(world, data)


def test_checkpoints_are_never_forgotten(world: World, tmp_path: Path) -> None:
    first, second = block(10), block(20)
    home = pinned(world, tmp_path, network(world, checkpoint=first))
    for history in ((), (block(5),), (replace(first, validators=(b"\7" * 20,)),)):
        file = network(world, version=2, checkpoint=second, history=history)
        with pytest.raises(TrustError) as error:
            home.pin(file.sign([world.council]), Catalogue.load(), now=world.now)
        assert error.value.code == "trust_history_changed"
    moved = network(world, version=2, checkpoint=second, history=(first,))
    home.pin(moved.sign([world.council]), Catalogue.load(), now=world.now)
    for history in ((), (block(5), first), (first, block(15))):
        same = network(world, version=3, checkpoint=second, history=history)
        with pytest.raises(TrustError) as error:
            home.pin(same.sign([world.council]), Catalogue.load(), now=world.now)
        assert error.value.code == "trust_history_changed"
    stayed = network(world, version=3, checkpoint=second, history=(first,))
    home.pin(stayed.sign([world.council]), Catalogue.load(), now=world.now)


def test_versions_may_be_skipped_and_their_checkpoints_not(world: World, tmp_path: Path) -> None:
    home = pinned(world, tmp_path, network(world, checkpoint=block(10)))
    third = network(world, version=3, checkpoint=block(30), history=(block(10), block(20)))
    home.pin(third.sign([world.council]), Catalogue.load(), now=world.now)
    assert home.trust(Catalogue.load(), now=world.now).file == third


def test_other_validators_at_the_pinned_block(world: World, tmp_path: Path) -> None:
    home = pinned(world, tmp_path, network(world))
    file = network(world, version=2, checkpoint=block(20, validators=2))
    with pytest.raises(TrustError) as error:
        home.pin(file.sign([world.council]), Catalogue.load(), now=world.now)
    assert error.value.code == "trust_other_chain"
