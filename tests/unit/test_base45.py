"""Base45 against RFC 9285."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.base45 import ALPHABET, b45decode, b45encode
from ecert.errors import MalformedError


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"AB", "BB8"),  # RFC 9285 section 4.3, examples 1 to 3
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),  # section 4.4
        (b"\xff\xff", "FGW"),
        (b"\xff", "U5"),
        (b"\0", "00"),
        (b"", ""),
    ],
)
def test_the_standards_examples(data, text):
    assert b45encode(data) == text
    assert b45decode(text) == data


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("GGW", 1),  # 65,536
        (":::", 1),
        ("BB8:::", 4),
        ("V5", 1),  # 256
        ("::", 1),
        ("A", 1),
        ("BB8A", 4),
        ("bb8", 1),
        ("BB8\n", 4),
        ("BBＡ", 3),
        ("BB\0", 3),
        ("ÀBB", 1),
    ],
)
def test_what_is_not_the_encoding_of_anything_is_refused(text, position):
    with pytest.raises(MalformedError) as raised:
        b45decode(text)
    assert raised.value.code == "base45_malformed"
    assert raised.value.details["position"] == position


@given(st.binary(max_size=300))
def test_bytes_come_back(data):
    text = b45encode(data)
    assert b45decode(text) == data
    assert len(text) == len(data) // 2 * 3 + len(data) % 2 * 2
    assert not text.endswith(" ")  # so trailing white space can be stripped


@given(st.text(ALPHABET, max_size=60))
def test_every_accepted_text_is_the_one_encoding_of_its_bytes(text):
    try:
        data = b45decode(text)
    except MalformedError:
        return
    assert b45encode(data) == text
