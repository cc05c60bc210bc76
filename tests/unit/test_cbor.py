"""Deterministic CBOR against RFC 8949 and an independent library."""

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecert.cbor import Tag, cbor_decode, cbor_encode
from ecert.errors import EcertError, MalformedError

INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1)
ITEMS = st.recursive(
    INTEGERS | st.booleans() | st.binary(max_size=300) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(INTEGERS, inner, max_size=30),
    max_leaves=40,
)
DEPTH = 30

APPENDIX_A = {  # RFC 8949 appendix A: what this subset has
    "00": 0,
    "01": 1,
    "0a": 10,
    "17": 23,
    "1818": 24,
    "1819": 25,
    "1864": 100,
    "1903e8": 1000,
    "1a000f4240": 1000000,
    "1b000000e8d4a51000": 1000000000000,
    "1bffffffffffffffff": 18446744073709551615,
    "3bffffffffffffffff": -18446744073709551616,
    "20": -1,
    "29": -10,
    "3863": -100,
    "3903e7": -1000,
    "f4": False,
    "f5": True,
    "40": b"",
    "4401020304": b"\x01\x02\x03\x04",
    "60": "",
    "6161": "a",
    "6449455446": "IETF",
    "62225c": '"\\',
    "62c3bc": "ü",
    "63e6b0b4": "水",
    "64f0908591": "𐅑",
    "80": [],
    "83010203": [1, 2, 3],
    "8301820203820405": [1, [2, 3], [4, 5]],
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819": list(range(1, 26)),
    "a0": {},
    "a201020304": {1: 2, 3: 4},
}


@pytest.mark.parametrize(("encoded", "value"), APPENDIX_A.items())
def test_the_standards_examples(encoded, value):
    assert cbor_encode(value) == bytes.fromhex(encoded)
    decoded = cbor_decode(bytes.fromhex(encoded), max_depth=3)
    assert decoded == value
    assert type(decoded) is type(value)


def test_map_keys_are_ordered_by_their_bytes():
    """RFC 8949 section 4.2.1, which is not the order by length of RFC 7049 section 3.9."""
    encoded = cbor_encode({-1: 0, 24: 0, 10: 0, 1000: 0})
    assert encoded.hex() == "a4" + "0a00" + "181800" + "1903e800" + "2000"


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        ("", "cbor_malformed"),
        ("18", "cbor_malformed"),
        ("1903", "cbor_malformed"),
        ("41", "cbor_malformed"),
        ("5bffffffffffffffff00", "cbor_malformed"),
        ("9bffffffffffffffff00", "cbor_malformed"),
        ("bbffffffffffffffff00", "cbor_malformed"),
        ("8201", "cbor_malformed"),
        ("a101", "cbor_malformed"),
        ("1c", "cbor_malformed"),
        ("1f", "cbor_malformed"),
        ("dfff", "cbor_malformed"),
        ("62c328", "cbor_malformed"),
        ("63eda080", "cbor_malformed"),  # a surrogate in UTF-8
        ("1800", "cbor_not_deterministic"),
        ("1817", "cbor_not_deterministic"),
        ("190018", "cbor_not_deterministic"),
        ("1a0000ffff", "cbor_not_deterministic"),
        ("1b00000000ffffffff", "cbor_not_deterministic"),
        ("3800", "cbor_not_deterministic"),
        ("580141", "cbor_not_deterministic"),
        ("780161", "cbor_not_deterministic"),
        ("980101", "cbor_not_deterministic"),
        ("b8010101", "cbor_not_deterministic"),
        ("d81241", "cbor_not_deterministic"),
        ("5f4100ff", "cbor_not_deterministic"),
        ("7f6161ff", "cbor_not_deterministic"),
        ("9fff", "cbor_not_deterministic"),
        ("bfff", "cbor_not_deterministic"),
        ("ff", "cbor_not_deterministic"),
        ("a203040102", "cbor_not_deterministic"),
        ("a220010102", "cbor_not_deterministic"),
        ("a201020103", "cbor_duplicate_key"),
        ("a1616101", "cbor_type_not_allowed"),
        ("a1f501", "cbor_type_not_allowed"),
        ("a18001", "cbor_type_not_allowed"),
        ("f6", "cbor_type_not_allowed"),
        ("f7", "cbor_type_not_allowed"),
        ("f0", "cbor_type_not_allowed"),
        ("f8ff", "cbor_type_not_allowed"),
        ("f93c00", "cbor_type_not_allowed"),
        ("fa3f800000", "cbor_type_not_allowed"),
        ("fb3ff0000000000000", "cbor_type_not_allowed"),
        ("c249010000000000000000", "cbor_tag_not_allowed"),
        ("c11a514b67b0", "cbor_tag_not_allowed"),
        ("d9d9f700", "cbor_tag_not_allowed"),
        ("0000", "cbor_trailing_bytes"),
        ("80ff", "cbor_trailing_bytes"),
        ("8181818100", "cbor_too_deep"),
        ("a101a101a101a10100", "cbor_too_deep"),
        ("d2d2d2d200", "cbor_too_deep"),
        ("81" * 100_000, "cbor_too_deep"),
    ],
)
def test_what_has_another_encoding_or_another_type_is_refused(encoded, code):
    with pytest.raises(MalformedError) as raised:
        cbor_decode(bytes.fromhex(encoded), max_depth=3, tags=(18,))
    assert raised.value.code == code
    assert "<" not in raised.value.message("zh") + raised.value.message("en")


@pytest.mark.parametrize(
    "value", [None, 1.5, 1 << 64, -(1 << 64) - 1, {"a": 1}, {True: 1}, "\udc00", set()], ids=repr
)
def test_what_the_subset_lacks_is_not_encoded(value):
    with pytest.raises(MalformedError) as raised:
        cbor_encode([value])
    assert raised.value.code == "cbor_type_not_allowed"


def test_tags_are_kept():
    value = Tag(61, Tag(18, [b"", {1: -7}]))
    assert cbor_encode(value).hex() == "d83dd28240a10126"
    assert cbor_decode(cbor_encode(value), max_depth=4, tags=(18, 61)) == value


@given(ITEMS)
@example({23: 0, 24: 0, -1: 0})
def test_items_come_back_and_another_library_reads_the_same(value):
    encoded = cbor_encode(value)
    assert cbor_decode(encoded, max_depth=DEPTH) == value
    assert cbor2.loads(encoded) == value


@given(st.binary(max_size=40))
def test_whatever_decodes_has_one_encoding(data):
    try:
        value = cbor_decode(data, max_depth=5, tags=(18,))
    except EcertError:
        return
    assert cbor_encode(value) == data
