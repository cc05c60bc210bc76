"""Encodings are strict: what is decoded has one reading, and bad input is the project's error."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
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
    json_plain,
    json_plain_each,
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


@given(st.binary(min_size=60, max_size=300), st.data())
def test_one_wrong_character_in_long_base64url(data, draw):
    text = b64url_bytes(data)
    position = draw.draw(st.integers(0, len(text) - 1))
    wrong = bytes([draw.draw(st.integers(0, 255))])
    spoiled = text[:position] + wrong + text[position + 1 :]
    if wrong in b"-_" or wrong.isalnum():
        with suppress(MalformedError):  # the last character may have bits that none may set
            assert b64url_bytes(b64url_decode(spoiled)) == spoiled
    else:
        with pytest.raises(MalformedError):
            b64url_decode(spoiled)


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


@given(st.one_of(values, st.integers(-(2**70), 2**70)))
def test_plain_json_is_the_same_json(value):
    assert json_plain(value) == json_encode(value).encode()
    assert json_plain_each([value, "公"]) == [json_plain(value), '"公"'.encode()]


@pytest.mark.parametrize("text", ["\ud800", ["\ud800"], {"\ud800": 1}])
def test_plain_json_has_no_lone_surrogate(text):
    with pytest.raises(UnicodeEncodeError):
        json_plain(text)
    with pytest.raises(UnicodeEncodeError):
        json_plain_each([text])


odd_texts = st.sampled_from(
    [
        *('{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"a":{"b":[1],"b":[1]}}', '{"a":1,"b":1}'),
        *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "9" * 30),
        *("-0", "-0.0", "1.0", "1e5", "1E5", "1e16", "1e+16", "0.1", "1e-7", "5e-324", "1e400"),
        *("9007199254740993.0", "NaN", "-Infinity", "01", "1.", ".5", "+1", "null", "true"),
        *('"\\ud800"', '"\\ud83d\\ude00"', '"\\/"', '"\\u0000"', '"\0"', '"\x7f"', '"\n"', '"\\n"'),
        *('"公"', '"\\u516c"', '"\ufeff"', "\ufeff1", "", " ", '"', "[", "]", "{}", "[]"),
        *("[" * 16 + "]" * 16, "[" * 17 + "]" * 17, '"' + "[{" * 20 + '"', "[[],[],[],[]]"),
    ]
)
json_texts = st.recursive(
    st.one_of(
        odd_texts,
        values.map(json_encode),
        values.map(json.dumps),
        st.floats(allow_nan=False).map(json.dumps),
        st.text('[]{}":,0123456789.eE+-\\u \n', max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(inner, max_size=3).map(lambda items: "[ " + " , ".join(items) + "\n]"),
        st.lists(st.tuples(st.sampled_from(["a", "b"]), inner), max_size=3).map(
            lambda items: "{" + ",".join(f'"{key}":{item}' for key, item in items) + "}"
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=500, deadline=None)
@given(json_texts)
def test_the_fast_decoder_of_bytes_is_as_strict_as_that_of_text(text):
    def outcome(data):
        try:
            return repr(decode(data))
        except MalformedError as error:
            return error.code

    assert outcome(text.encode()) == outcome(text)


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
