"""Encodings are strict: what is decoded has one reading, and bad input is the project's error."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert import limits
from ecert.encoding import (
    b64url_bytes,
    b64url_decode,
    b64url_encode,
    canonical_json,
    code_bytes,
    code_text,
    json_decode,
    json_encode,
    utf8_decode,
)
from ecert.errors import MalformedError


def decode(text, max_bytes=20_000):
    return json_decode(text, where="test", max_bytes=max_bytes)


@given(st.binary(max_size=100))
def test_base64url_round_trips(data):
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert b64url_bytes(data) == text
    assert b64url_encode(data) == text.decode()
    assert b64url_decode(text) == b64url_decode(text.decode()) == data


@given(st.text("AQgwBz09-_+/= \n\u00e9", max_size=9))
def test_base64url_is_decoded_only_from_its_one_encoding(text):
    with suppress(MalformedError):
        assert b64url_encode(b64url_decode(text)) == text


@pytest.mark.parametrize(
    "text",
    ["A", "AB", "ABB", "AA==", "AA=", "AAAA====", "A+AA", "A/AA", "AA A", "AAAA\n", "é", "!!!!"],
)
def test_base64url_that_is_not_canonical(text):
    with pytest.raises(MalformedError) as raised:
        b64url_decode(text, where="test")
    assert raised.value.code == "base64url_malformed"


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=4
        ),
    ),
    max_leaves=10,
)


@given(values)
def test_json_round_trips(value):
    assert decode(json_encode(value)) == decode(canonical_json(value)) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "json_malformed"),
        ("{", "json_malformed"),
        ("[1] x", "json_malformed"),
        ("\ufeff{}", "json_malformed"),
        ("[NaN]", "json_malformed"),
        ("[-Infinity]", "json_malformed"),
        ("[1e999]", "json_malformed"),
        ("1" * 5000, "json_malformed"),
        ('["\\ud800"]', "json_malformed"),
        ('{"\\udc00":1}', "json_malformed"),
        ('"\ud800"', "json_malformed"),
        ('{"a":1,"b":2,"a":3}', "json_duplicate_key"),
        ('[{"a":{"x":1,"x":1}}]', "json_duplicate_key"),
        ('{"\\ud800":1,"\\ud800":1}', "json_duplicate_key"),
        ("[" * 17 + "]" * 17, "json_too_deep"),
        ('{"a":' * 17 + "1" + "}" * 17, "json_too_deep"),
        ("[" * 19_000, "json_too_deep"),
        (" " * 20_001, "too_large"),
        (b"\xff", "text_not_utf8"),
    ],
)
def test_json_that_has_no_one_reading(text, code):
    with pytest.raises(MalformedError) as raised:
        decode(text)
    assert raised.value.code == code
    assert raised.value.message("zh").encode()
    assert "<" not in raised.value.message("en")


def test_json_may_be_as_deep_as_the_bound_and_full_of_brackets():
    assert decode("[" * limits.MAX_JSON_DEPTH + "]" * limits.MAX_JSON_DEPTH)
    assert decode('"' + "[{" * 100 + '"') == "[{" * 100
    assert decode(json.dumps([[]] * 100)) == [[]] * 100


@pytest.mark.parametrize("value", [1.5, 2**53, {1: 1}, "\ud800", {"\ud800": 1}, b"x", [[1.0]]])
def test_what_has_no_canonical_form(value):
    with pytest.raises(MalformedError) as raised:
        canonical_json(value)
    assert raised.value.code == "not_canonical"


def test_canonical_json_bounds_depth_and_orders_keys_by_utf16():
    deep = []
    for _ in range(limits.MAX_JSON_DEPTH + 1):
        deep = [deep]
    with pytest.raises(MalformedError) as raised:
        canonical_json(deep)
    assert raised.value.code == "json_too_deep"
    keys = {"\ufb33": 1, "\U0001f600": 2, "b": 3, "a": (4,)}
    assert canonical_json(keys) == '{"a":[4],"b":3,"\U0001f600":2,"\ufb33":1}'.encode()


def test_codes_and_text():
    assert code_text(code_bytes("440100.GA-1", 20)) == "440100.GA-1"
    assert utf8_decode("公".encode(), where="test") == "公"
    for code in ("", "x" * 21, "a b", "é", "a\n"):
        with pytest.raises(MalformedError) as raised:
            code_bytes(code, 20)
        assert raised.value.code == "text_not_ascii_code"
    for data in (b"", b"\0a", b"\xe9\0"):
        with pytest.raises(MalformedError):
            code_text(data)
