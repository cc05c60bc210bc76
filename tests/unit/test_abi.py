"""The ABI codec against eth_abi, and against bytes that nobody should have encoded."""

from typing import Any

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.chain import view
from ecert.chain.abi import Array, Type, decode, encode, signature
from ecert.errors import MalformedError

ELEMENTARY = ("uint8", "uint64", "uint256", "bytes20", "bytes32", "address", "bool", "bytes")


def types() -> st.SearchStrategy[Type]:
    return st.recursive(
        st.sampled_from(ELEMENTARY),
        lambda inner: st.builds(Array, inner) | st.lists(inner, min_size=1, max_size=4).map(tuple),
        max_leaves=8,
    )


def values(kind: Type) -> st.SearchStrategy[Any]:
    match kind:
        case tuple():
            return st.tuples(*map(values, kind))
        case Array(item):
            return st.lists(values(item), max_size=3).map(tuple)
        case "bool":
            return st.booleans()
        case "address":
            return st.binary(min_size=20, max_size=20)
        case "bytes":
            return st.binary(max_size=70)
        case str() if kind.startswith("bytes"):
            return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
        case _:
            return st.integers(0, (1 << int(str(kind)[4:])) - 1)


def name(kind: Type) -> str:
    return signature("", (kind,))[1:-1]


def encoded(kinds: tuple[Type, ...], arguments: tuple[Any, ...]) -> bytes:
    return eth_abi.encode([name(kind) for kind in kinds], arguments)


arguments = st.lists(types(), min_size=1, max_size=4).flatmap(
    lambda kinds: st.tuples(st.just(tuple(kinds)), st.tuples(*map(values, kinds)))
)


@given(arguments)
def test_decodes_what_eth_abi_encodes(case: tuple[tuple[Type, ...], tuple[Any, ...]]) -> None:
    kinds, wanted = case
    assert decode(kinds, encoded(kinds, wanted)) == wanted


@given(arguments, st.data())
def test_one_reading_only(
    case: tuple[tuple[Type, ...], tuple[Any, ...]], data: st.DataObject
) -> None:
    """Whatever other bytes decode at all are the encoding of what they decode to."""
    kinds, wanted = case
    altered = bytearray(encoded(kinds, wanted))
    if altered:
        place = data.draw(st.integers(0, len(altered) - 1))
        altered[place] ^= data.draw(st.integers(1, 255))
    altered = altered[: data.draw(st.integers(0, len(altered)))] + data.draw(st.binary(max_size=40))
    try:
        found = decode(kinds, bytes(altered))
    except MalformedError:
        return
    assert encoded(kinds, found) == altered


@given(
    st.sampled_from([k for k in ELEMENTARY if k != "bytes"]).flatmap(
        lambda kind: st.tuples(st.just(kind), values(kind))
    )
)
def test_encodes_like_eth_abi(case: tuple[str, Any]) -> None:
    kind, value = case
    assert encode((kind,), (value,)) == eth_abi.encode([kind], [value])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("bytes20", bytes(19)),
        ("bytes32", bytes(33)),
        ("address", bytes(21)),
        ("uint8", b"\x01"),
        ("bytes32", 1),
        ("bytes", b""),
        (Array("uint8"), []),
    ],
)
def test_refuses_to_encode_what_does_not_fit(kind: Type, value: object) -> None:
    with pytest.raises(MalformedError):
        encode((kind,), (value,))


def test_shared_tails_are_refused() -> None:
    """Offsets that all point to one long tail would multiply a small answer into a huge one."""
    inner = (1).to_bytes(32) * 3
    shared = b"".join(
        [(32).to_bytes(32), (2).to_bytes(32), (64).to_bytes(32), (64).to_bytes(32), inner]
    )
    with pytest.raises(MalformedError):
        decode((Array(Array("uint8")),), shared)
    with pytest.raises(MalformedError):  # a length over what could follow allocates nothing
        decode((Array("uint8"),), (32).to_bytes(32) + (1 << 255).to_bytes(32))


def test_facts_are_decoded_as_eth_abi_does() -> None:
    interval = ((3, 4), (6, 0))
    lineage = ((b"A" * 20, 2, (), interval, ((b"B" * 20, 2),)), (b"B" * 20, 1, interval, (), ()))
    nobody = bytes(20)
    facts = (
        7, 9, 1_700_000_000, 1_600_000_000, 8, 64, (1, b"x" * 32, b"y" * 32, 0, interval),
        lineage, 2, 9, 0, nobody, nobody, nobody, 0,
    )  # fmt: skip
    assert decode((view.FACTS,), encoded((view.FACTS,), (facts,))) == (facts,)
