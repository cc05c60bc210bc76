"""QBFT headers: what real nodes made is read and believed, and nothing that was made up."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st
from qbft_vectors import NETWORKS, load, recorded

from ecert import limits
from ecert.chain import qbft
from ecert.chain.header import BlockHeader
from ecert.chain.qbft import Extra, Vote
from ecert.errors import EcertError, MalformedError, ProofError
from tests.fakes.qbft_chain import QbftChain

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""


def refusal(act: Callable[[], object]) -> tuple[str, object]:
    with pytest.raises(ProofError) as error:
        act()
    return error.value.code, error.value.details.get("reason")


def check(encoded: bytes, validators: tuple[bytes, ...], **given: Any) -> Extra:
    return qbft.check_seals(BlockHeader.decode(encoded), validators, **given).extra


@pytest.fixture(scope="module")
def chain() -> QbftChain:
    made = QbftChain()
    made.extend(3)
    return made


def test_the_known_encoding() -> None:
    known = load("extra")
    encoded = bytes.fromhex(known["encoded"])
    extra = Extra.decode(encoded)
    seals = tuple(
        s["r"].to_bytes(32) + s["s"].to_bytes(32) + bytes([s["v"]]) for s in known["seals"]
    )
    assert extra == Extra(
        vanity=bytes.fromhex(known["vanity"]),
        validators=tuple(map(bytes.fromhex, known["validators"])),
        vote=Vote(bytes.fromhex(known["vote"]["recipient"]), add=known["vote"]["add"]),
        round=known["round"],
        seals=seals,
    )
    assert extra.encode() == encoded
    without = Extra.decode(replace(extra, vote=None).encode())
    assert without.vote is None
    dropping = replace(extra, vote=Vote(extra.validators[0], add=False))
    assert Extra.decode(dropping.encode()) == dropping


@pytest.mark.parametrize("network", NETWORKS)
def test_headers_of_real_nodes(network: str) -> None:
    real = recorded(network)
    for block, encoded in enumerate(real.headers):
        header = BlockHeader.decode(encoded)
        assert header.number == block
        assert qbft.is_qbft(header)
        assert qbft.block_hash(header) == real.hashes[block]
        assert Extra.decode(header.extra).encode() == header.extra
        if block:
            assert header.parent_hash == real.hashes[block - 1]
            assert check(encoded, real.sets[block]).validators == real.sets[block]
    for block, encoded in real.others.items():  # the same block with other seals
        assert qbft.block_hash(BlockHeader.decode(encoded)) == real.hashes[block]
        assert check(encoded, real.sets[block]) != Extra.decode(
            BlockHeader.decode(real.headers[block]).extra
        )


def test_blocks_of_real_nodes_become_their_headers() -> None:
    real = recorded("goquorum")
    assert len(real.rpc) >= 4
    for block, value in real.rpc.items():
        assert BlockHeader.from_rpc(value).encoded == real.headers[block]


@pytest.mark.parametrize("network", NETWORKS)
def test_another_set_did_not_seal_it(network: str) -> None:
    real = recorded(network)
    last = len(real.headers) - 1
    past = real.sets[1]
    assert past != real.sets[last]
    assert refusal(lambda: check(real.headers[last], past))[0] == "validators_differ"
    assert refusal(lambda: check(real.headers[1], real.sets[last]))[0] == "validators_differ"
    assert refusal(lambda: check(real.headers[0], past))[0] == "seals_too_few"


def test_every_flipped_bit_of_a_real_header_is_noticed() -> None:
    real = recorded("goquorum")
    encoded, validators = real.headers[5], real.sets[5]
    right = qbft.block_hash(BlockHeader.decode(encoded))
    for position in range(len(encoded) * 8):
        changed = bytearray(encoded)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(ProofError):
            check(bytes(changed), validators)
    assert qbft.block_hash(BlockHeader.decode(encoded)) == right


def test_quorums() -> None:
    # Two thirds rounded up, as both engines count.
    assert [qbft.quorum(n) for n in range(1, 11)] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert qbft.quorum(0) == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_a_quorum_and_not_one_less(size: int) -> None:
    chain = QbftChain(size)
    validators, needed = chain.validators, qbft.quorum(size)
    for count in range(size + 1):
        header = chain.header(1, validators, proposer=validators[0], sealers=validators[:count])
        if count >= needed:
            check(header, validators)
        else:
            assert refusal(lambda h=header: check(h, validators))[0] == "seals_too_few"


def test_no_validators_seal_nothing(chain: QbftChain) -> None:
    header = chain.header(1, [], sealers=())
    assert refusal(lambda: check(header, ()))[0] == "seals_too_few"


def test_one_validator_sealing_twice(chain: QbftChain) -> None:
    a, b, c, d = chain.validators
    doubled = chain.header(1, chain.validators, sealers=(a, b, a))
    assert refusal(lambda: check(doubled, chain.validators))[0] == "seal_doubled"
    surplus = chain.header(1, chain.validators, sealers=(a, b, c, d, a))
    assert refusal(lambda: check(surplus, chain.validators))[0] == "seal_doubled"


def test_one_validator_sealing_twice_by_its_other_signature(chain: QbftChain) -> None:
    """ECDSA signatures are malleable: (r, n - s) with the other v is of the same signer."""
    a, b, _, _ = chain.validators
    header = BlockHeader.decode(chain.header(1, chain.validators, sealers=(a, b)))
    extra = Extra.decode(header.extra)
    seal = extra.seals[0]
    s = ORDER - int.from_bytes(seal[32:64])
    other = seal[:32] + s.to_bytes(32) + bytes([1 - seal[64]])
    forged = header.with_extra(replace(extra, seals=(*extra.seals, other)).encode())
    assert refusal(lambda: check(forged, chain.validators))[0] == "seal_doubled"
    alone = header.with_extra(replace(extra, seals=(other, extra.seals[1])).encode())
    assert refusal(lambda: check(alone, chain.validators))[0] == "seals_too_few"
    c = Extra.decode(BlockHeader.decode(chain.header(1, chain.validators)).extra).seals[2]
    high = header.with_extra(replace(extra, seals=(other, extra.seals[1], c)).encode())
    check(high, chain.validators)  # QBFT asks for no low s


def test_a_stranger_sealing(chain: QbftChain) -> None:
    a, b, c, d = chain.validators
    stranger = chain.new_key()
    for sealers in ((a, b, stranger), (a, b, c, d, stranger), (stranger, a, b, c)):
        header = chain.header(1, chain.validators, sealers=sealers)
        assert refusal(lambda h=header: check(h, chain.validators))[0] == "seal_of_stranger"
    strangers = tuple(sorted((a, b, stranger)))
    header = chain.header(1, strangers)
    assert refusal(lambda: check(header, chain.validators))[0] == "validators_differ"


@pytest.mark.parametrize(
    "seal", [bytes(65), b"\xff" * 65, bytes(64) + b"\x01", b"\1" * 64 + b"\x1b", b"\1" * 64 + b"\2"]
)
def test_a_seal_that_is_no_signature(chain: QbftChain, seal: bytes) -> None:
    header = BlockHeader.decode(chain.headers[1])
    extra = Extra.decode(header.extra)
    changed = header.with_extra(replace(extra, seals=(*extra.seals[:2], seal)).encode())
    assert refusal(lambda: check(changed, chain.validators))[0] == "seal_of_stranger"


def test_the_round_is_signed_and_not_hashed(chain: QbftChain) -> None:
    validators = chain.validators
    first, later = (chain.header(1, validators, round_=r) for r in (0, 7))
    hashes = {qbft.block_hash(BlockHeader.decode(h)) for h in (first, later)}
    assert len(hashes) == 1
    check(later, validators)
    header = BlockHeader.decode(later)
    other = header.with_extra(replace(Extra.decode(header.extra), round=6).encode())
    assert refusal(lambda: check(other, validators))[0] == "seal_of_stranger"


def test_lists_of_validators(chain: QbftChain) -> None:
    a, b, c, d = chain.validators
    unsorted = chain.header(1, (b, a, c, d))
    assert refusal(lambda: check(unsorted, chain.validators))[0] == "validators_differ"
    doubled = chain.header(1, (a, a, b, c, d))
    assert refusal(lambda: check(doubled, chain.validators)) == ("header_malformed", "validators")


@pytest.mark.parametrize("items", [{7: b"\2"}, {7: b""}, {13: bytes(32)}, {1: bytes(32)}], ids=str)
def test_constants(chain: QbftChain, items: dict[int, bytes]) -> None:
    header = chain.header(1, chain.validators, items=items)
    assert refusal(lambda: check(header, chain.validators)) == ("header_malformed", "constants")


def test_only_those_count_who_are_validators_later_on(chain: QbftChain) -> None:
    a, b, c, d = chain.validators
    three = chain.header(1, chain.validators, sealers=(a, b, c))
    check(three, chain.validators, counted=(a, b, c))
    assert refusal(lambda: check(three, chain.validators, counted=(a, b, d)))[0] == (
        "validators_retired"
    )
    four = chain.header(1, chain.validators, sealers=(a, b, c, d))
    check(four, chain.validators, counted=(a, b, d))


# What follows gives RLP that no node would: each is a header, all right but for that.


def extra_of(chain: QbftChain) -> list[Any]:
    return list(rlp.decode(rlp.decode(chain.headers[1])[12]))


EXTRAS: list[tuple[str, Callable[[list[Any]], object], str]] = [
    ("vanity of 31 bytes", lambda e: e.__setitem__(0, bytes(31)), "vanity"),
    ("vanity a list", lambda e: e.__setitem__(0, []), "extraData"),
    ("validators no list", lambda e: e.__setitem__(1, b""), "extraData"),
    ("an address of 19 bytes", lambda e: e[1].__setitem__(0, bytes(19)), "validators"),
    ("an address a list", lambda e: e[1].__setitem__(0, []), "validators"),
    ("more validators than there may be", lambda e: e.__setitem__(1, many()), "validators"),
    ("vote no list", lambda e: e.__setitem__(2, b"\1"), "extraData"),
    ("vote empty bytes", lambda e: e.__setitem__(2, b""), "extraData"),
    ("vote without kind", lambda e: e.__setitem__(2, [bytes(20)]), "vote"),
    ("vote of another kind", lambda e: e.__setitem__(2, [bytes(20), b"\1"]), "vote"),
    ("vote with kind 0", lambda e: e.__setitem__(2, [bytes(20), b"\0"]), "vote"),
    ("vote with kind ff ff", lambda e: e.__setitem__(2, [bytes(20), b"\xff\xff"]), "vote"),
    ("vote with kind a list", lambda e: e.__setitem__(2, [bytes(20), []]), "vote"),
    ("vote of three", lambda e: e.__setitem__(2, [bytes(20), b"\xff", b""]), "vote"),
    ("vote on 19 bytes", lambda e: e.__setitem__(2, [bytes(19), b"\xff"]), "vote"),
    ("round with leading zeros", lambda e: e.__setitem__(3, b"\0\1"), "round"),
    ("round zero as a byte", lambda e: e.__setitem__(3, b"\0"), "round"),
    ("round of five bytes", lambda e: e.__setitem__(3, b"\1" * 5), "round"),
    ("round a list", lambda e: e.__setitem__(3, []), "round"),
    ("seals no list", lambda e: e.__setitem__(4, b""), "extraData"),
    ("a seal of 64 bytes", lambda e: e[4].__setitem__(0, bytes(64)), "seals"),
    ("a seal of 66 bytes", lambda e: e[4].__setitem__(0, bytes(66)), "seals"),
    ("a sixth item", lambda e: e.append(b""), "extraData"),
    ("four items", lambda e: e.pop(), "extraData"),
]


def many() -> list[bytes]:
    return [number.to_bytes(20) for number in range(limits.MAX_VALIDATORS + 1)]


@pytest.mark.parametrize(("change", "reason"), [e[1:] for e in EXTRAS], ids=[e[0] for e in EXTRAS])
def test_malformed_extra_data(
    chain: QbftChain, change: Callable[[list[Any]], object], reason: str
) -> None:
    extra = extra_of(chain)
    Extra.decode(rlp.encode(extra))
    change(extra)
    assert refusal(lambda: Extra.decode(rlp.encode(extra))) == ("header_malformed", reason)


FIELDS = [
    ("parentHash", 0, bytes(31)),
    ("sha3Uncles", 1, bytes(33)),
    ("miner", 2, bytes(32)),
    ("miner", 2, []),
    ("logsBloom", 6, bytes(255)),
    ("difficulty", 7, b"\0\1"),
    ("number", 8, b"\0"),
    ("number", 8, b"\xff" * 8),
    ("gasLimit", 9, b"\1" * 33),
    ("timestamp", 11, b"\xff" * 8),
    ("extraData", 12, []),
    ("mixHash", 13, bytes(31)),
    ("nonce", 14, b""),
]


@pytest.mark.parametrize(("name", "position", "value"), FIELDS)
def test_malformed_fields(chain: QbftChain, name: str, position: int, value: Any) -> None:
    items = rlp.decode(chain.headers[1])
    items[position] = value
    assert refusal(lambda: BlockHeader.decode(rlp.encode(items))) == ("header_malformed", name)


def around(right: bytes) -> dict[str, bytes]:
    """Return encodings that are not the one that RLP has."""
    body = right[3:]  # f9 and two bytes of length before
    length = len(body)
    return {
        "nothing": b"",
        "a byte after": right + b"\0",
        "a byte less": right[:-1],
        "a longer length": b"\xfa" + length.to_bytes(3) + body,
        "a string": b"\xb9" + length.to_bytes(2) + body,
        "a length beyond the end": b"\xf9" + (length + 1).to_bytes(2) + body,
        "a byte as a string": b"\xf9" + (length + 1).to_bytes(2) + longer(body),
        "nested": deep(4000),
        "over the bound": b"\xba" + (1 << 20).to_bytes(3) + bytes(1 << 20),
        "no list": b"\x01",
    }


def longer(body: bytes) -> bytes:
    """Write the difficulty, 1, as a string of one byte."""
    before = body.index(b"\xb9\1\0") + 3 + 256
    assert body[before] == 1
    return body[:before] + b"\x81" + body[before:]


def deep(levels: int) -> bytes:
    data = b"\xc0"
    for _ in range(levels):
        size = len(data)
        if size < 56:
            data = bytes([0xC0 + size]) + data
        else:
            digits = size.to_bytes((size.bit_length() + 7) // 8)
            data = bytes([0xF7 + len(digits)]) + digits + data
    assert len(data) <= limits.MAX_HEADER_BYTES
    return data


@pytest.mark.parametrize("case", sorted(around(bytes(3) + b"\xb9\1\0" + bytes(256) + b"\1")))
def test_rlp_of_another_form(chain: QbftChain, case: str) -> None:
    assert refusal(lambda: BlockHeader.decode(around(chain.headers[1])[case]))[0] == (
        "header_malformed"
    )


def test_headers_of_later_forks(chain: QbftChain) -> None:
    root, most = b"\x11" * 32, [b"\7", b"\x11" * 32, b"", b"", b"\x22" * 32, b"\x33" * 32]
    for count in range(len(most) + 1):
        encoded = chain.header(1, chain.validators, fork=most[:count])
        assert BlockHeader.decode(encoded).encoded == encoded
        check(encoded, chain.validators)
    one_more = chain.header(1, chain.validators, fork=[*most, root])
    assert refusal(lambda: BlockHeader.decode(one_more)) == ("header_malformed", "fields")
    fourteen = rlp.encode(rlp.decode(chain.headers[1])[:14])
    assert refusal(lambda: BlockHeader.decode(fourteen)) == ("header_malformed", "fields")


def test_blocks_of_later_forks_from_a_node(chain: QbftChain) -> None:
    later = {
        "baseFeePerGas": "0x7",
        "withdrawalsRoot": "0x" + "11" * 32,
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": "0x" + "22" * 32,
        "requestsHash": "0x" + "33" * 32,
    }
    value = chain.to_rpc("0x1")
    assert value is not None
    found = BlockHeader.from_rpc(value | later)
    assert [item.hex() for item in rlp.decode(found.encoded)[15:]] == [
        *("07", "11" * 32, "", "", "22" * 32, "33" * 32)
    ]
    assert BlockHeader.from_rpc(value | {"baseFeePerGas": None}).encoded == chain.headers[1]
    with pytest.raises(MalformedError):
        BlockHeader.from_rpc(value | {"withdrawalsRoot": "0x" + "11" * 32})  # a gap


@pytest.mark.parametrize("name", ["parentHash", "miner", "number", "extraData", "nonce", "mixHash"])
@pytest.mark.parametrize("value", [None, 1, "", "0x0", "0xzz", "0x01 "])
def test_malformed_blocks_of_a_node(chain: QbftChain, name: str, value: Any) -> None:
    block = chain.to_rpc("0x1")
    assert block is not None
    if (name, value) == ("number", "0x0"):
        value = "0x-1"
    with pytest.raises(EcertError):
        BlockHeader.from_rpc(block | {name: value})


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for read in (BlockHeader.decode, Extra.decode):
        with suppress(ProofError):
            read(data)


def test_other_chains_are_told_apart(chain: QbftChain) -> None:
    assert qbft.is_qbft(BlockHeader.decode(chain.headers[0]))
    for items in ({7: b"\2"}, {13: bytes(32)}):
        header = chain.header(1, chain.validators, items=items)
        assert not qbft.is_qbft(BlockHeader.decode(header))
    plain = rlp.decode(chain.headers[1])
    plain[12] = b"anvil"
    assert not qbft.is_qbft(BlockHeader.decode(rlp.encode(plain)))
    by_contract = chain.header(1, [], sealers=())
    assert not qbft.is_qbft(BlockHeader.decode(by_contract))
