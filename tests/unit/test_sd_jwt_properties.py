"""Properties: whatever is issued comes back, and whatever is changed is refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecert import sd_jwt
from ecert.encoding import b64url_decode, b64url_encode, json_decode
from ecert.errors import EcertError, MalformedError
from ecert.sd_jwt import Disclosable, disclosures
from ecert.sd_jwt.names import ALWAYS_CLEAR, RESERVED
from ecert.signing import SoftwareSigner

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ISSUER, HOLDER = SoftwareSigner.generate(), SoftwareSigner.generate()
CLEAR = {"iss": "https://registry.example", "cnf": {"jwk": HOLDER.public_key.jwk}}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = text.filter(lambda name: name not in RESERVED | ALWAYS_CLEAR)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), text
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, inner.map(Disclosable)), max_size=3),
        st.dictionaries(names, st.one_of(inner, inner.map(Disclosable)), max_size=3),
    ),
    max_leaves=8,
)


def verify(presentation):
    return sd_jwt.verify(
        presentation, issuer_jwk=ISSUER.public_key.jwk, audience="a", nonce="n", now=NOW
    )


def present(issued, paths):
    return sd_jwt.present(issued, paths, holder=HOLDER, audience="a", nonce="n", now=NOW)


def plain(value):
    """The value with every part disclosed."""
    match value:
        case Disclosable(inner):
            return plain(inner)
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return value


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, values, max_size=5))
def test_what_is_issued_comes_back(hidden):
    issued = sd_jwt.issue(CLEAR, disclosable=hidden, signer=ISSUER).text
    everything = present(issued, sd_jwt.disclosable_paths(issued))
    verified = verify(everything)
    assert verified.claims == CLEAR | {name: plain(value) for name, value in hidden.items()}
    assert everything.startswith(issued)
    assert verify(present(issued, [])).claims == CLEAR


@settings(max_examples=60, deadline=None)
@given(st.data(), st.dictionaries(names, values, min_size=1, max_size=5))
def test_only_what_is_chosen_is_shown(data, hidden):
    issued = sd_jwt.issue(CLEAR, disclosable=hidden, signer=ISSUER).text
    paths = sd_jwt.disclosable_paths(issued)
    chosen = data.draw(st.sets(st.sampled_from(paths)))
    shown = sd_jwt.verify_issuer(sd_jwt.parse(sd_jwt.disclose(issued, chosen)), ISSUER.public_key)
    ancestors = {path[: length + 1] for path in chosen for length in range(len(path))}
    assert len(shown.disclosed_paths) == len(ancestors & set(paths))
    assert shown.disclosed_names == {path[0] for path in chosen}


ISSUED = sd_jwt.issue(
    CLEAR,
    disclosable={
        "name": "张伟",
        "address": {"city": Disclosable("广州"), "zip": "510000"},
        "list": [Disclosable(1), 2],
    },
    signer=ISSUER,
).text
PRESENTATION = present(ISSUED, sd_jwt.disclosable_paths(ISSUED))


def assert_refused(presentation):
    with pytest.raises(EcertError) as raised:
        verify(presentation)
    assert raised.value.message("zh")


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(PRESENTATION) - 1), st.integers(0, 6))
def test_any_flipped_bit_is_refused(position, bit):
    changed = chr(ord(PRESENTATION[position]) ^ (1 << bit))
    assert_refused(PRESENTATION[:position] + changed + PRESENTATION[position + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_cut_doubled_or_moved_part_is_refused(data):
    parts = PRESENTATION.split("~")
    index = data.draw(st.integers(0, len(parts) - 1))
    other = data.draw(st.integers(0, len(parts) - 1).filter(lambda i: i != index))
    change = data.draw(st.sampled_from(["drop", "double", "swap", "replace"]))
    changed = list(parts)
    if change == "drop":
        del changed[index]
    elif change == "double":
        changed.insert(other, parts[index])
    elif change == "swap":
        changed[index], changed[other] = parts[other], parts[index]
    else:
        changed[index] = parts[other]
    assert_refused("~".join(changed))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(PRESENTATION) - 1))
def test_any_truncation_is_refused(length):
    assert_refused(PRESENTATION[:length])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text('eyJ0.~-_A=\n{["', max_size=200)))
def test_any_text_is_refused_as_an_error_of_the_project(noise):
    assert_refused(noise)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_in_the_parts_are_refused(header, payload, disclosure):
    head, *_ = PRESENTATION.split(".")
    body, odd = b64url_encode(payload), b64url_encode(disclosure)
    for first in (head, b64url_encode(header)):
        assert_refused(f"{first}.{body}.AAAA~{odd}~")


ODD = [
    *('{"a":1,"a":1}', '{"a":1,"a":2}', "18446744073709551616", "1e5", "1.0", "NaN", "-0"),
    *(
        "\0",
        "\n",
        "\n\0\n",
        " ",
        ",",
        "]",
        "[",
        '"',
        "\\",
        '"\\ud800"',
        '"a\nb"',
        "[" * 20 + "]" * 20,
    ),
]


@settings(max_examples=600, deadline=None)
@given(st.lists(values.map(plain), min_size=1, max_size=6), st.data())
def test_disclosures_read_together_as_they_do_one_by_one(items, data):
    texts = []
    for item in items:
        whole = json.dumps(
            ["salt", "name", item],
            ensure_ascii=data.draw(st.booleans()),
            separators=data.draw(st.sampled_from([(",", ":"), (", ", ": ")])),
        )
        cut = data.draw(st.integers(0, len(whole)))
        pieces = data.draw(
            st.sampled_from(
                [
                    [whole],
                    [f" {whole}"],
                    [f"{whole}\n"],
                    [f'["salt","name",{data.draw(st.sampled_from(ODD))}]'],
                    [f"{whole}\n\0\n{whole}"],
                    [whole[:cut], whole[cut:]],
                    [whole[:cut] + data.draw(st.sampled_from(ODD)) + whole[cut:]],
                ]
            )
        )
        texts += [b64url_encode(piece.encode()).encode() for piece in pieces]

    def outcome(read):
        try:
            return [repr(value) for value in read()]
        except MalformedError:
            return "refused"

    def one_by_one():
        for text in texts:
            content = json_decode(b64url_decode(text).decode(), where="test", max_bytes=10_000)
            if not isinstance(content, list) or len(content) not in (2, 3):
                raise MalformedError("disclosure_malformed")
            if not isinstance(content[0], str):
                raise MalformedError("disclosure_malformed")
            yield content

    assert outcome(lambda: disclosures.decode(texts)) == outcome(one_by_one)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_disclosures_of_any_content_are_read_together(separators):
    contents = [["salt", "name", value] for value in ("公 a", 1, -1.5, None, [1, {"a": [True]}])]
    texts = [json.dumps(item, ensure_ascii=False, separators=separators) for item in contents]
    encoded = [b64url_encode(text.encode()).encode() for text in texts]
    assert disclosures._decode_together(encoded) == contents
