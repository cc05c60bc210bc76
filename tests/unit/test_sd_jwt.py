"""SD-JWT: what is issued can be presented and verified, and only what was chosen is shown."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from ecert import limits, sd_jwt
from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import ContentError, DisclosureError, EcertError, HolderBindingError
from ecert.sd_jwt import Disclosable
from ecert.signing import ED25519, ES256, SoftwareSigner

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ISSUED = int(NOW.timestamp()) - 3600
ISSUER, HOLDER = SoftwareSigner.generate(), SoftwareSigner.generate()
CLEAR = {
    "iss": "https://registry.example",
    "vct": "urn:ecert:resident-id:1",
    "iat": ISSUED,
    "nbf": ISSUED,
    "exp": ISSUED + 86_400,
    "cnf": {"jwk": HOLDER.public_key.jwk},
}


def issue(disclosable, *, clear=CLEAR, **options):
    return sd_jwt.issue(clear, disclosable=disclosable, signer=ISSUER, **options).text


def present(text, paths, **options):
    plain = {"holder": HOLDER, "audience": "school", "nonce": "n1", "now": NOW}
    return sd_jwt.present(text, paths, **(plain | options))


def verify(text, **options):
    plain = {
        "issuer_jwk": ISSUER.public_key.jwk,
        "audience": "school",
        "nonce": "n1",
        "now": NOW,
    }
    return sd_jwt.verify(text, **(plain | options))


def show(disclosable, paths):
    """Issue, present and verify; return what a verifier sees besides the clear claims."""
    claims = verify(present(issue(disclosable), paths)).claims
    return {name: value for name, value in claims.items() if name not in CLEAR}


def payload(text):
    return json.loads(b64url_decode(text.split(".")[1]))


def contents(text):
    return [json.loads(b64url_decode(item)) for item in text.split("~")[1:-1]]


@pytest.mark.parametrize("suite", [ES256, ED25519])
def test_round_trip(suite):
    issuer, holder = SoftwareSigner.generate(suite), SoftwareSigner.generate(suite)
    clear = {**CLEAR, "cnf": {"jwk": holder.public_key.jwk}}
    hidden = {"name": "张伟", "age": 30, "note": "x"}
    issued = sd_jwt.issue(clear, disclosable=hidden, signer=issuer)
    text = present(issued.text, ["name", "age"], holder=holder)
    verified = verify(text, issuer_jwk=issuer.public_key.jwk)
    assert verified.claims == {**clear, "name": "张伟", "age": 30}
    assert verified.disclosed_names == {"name", "age"}
    assert verified.key_bound
    assert verified.digest == issued.digest == sd_jwt.parse(issued.text).digest
    assert verified.holder_key == holder.public_key
    assert len(issued.disclosures) == 3
    assert sd_jwt.parse(text).header.kid == issuer.public_key.kid


def test_the_header_names_the_key_and_nothing_else():
    header = json.loads(b64url_decode(issue({}).split(".")[0]))
    assert header == {"alg": "ES256", "typ": "dc+sd-jwt", "kid": ISSUER.public_key.kid}


def test_nothing_disclosable_leaves_no_digests():
    text = issue({})
    assert payload(text) == CLEAR
    assert text.endswith("~")
    assert text.count("~") == 1


def test_an_empty_payload_is_a_document_too():
    assert payload(issue({}, clear={})) == {}
    assert set(payload(issue({"a": 1}, clear={}))) == {"_sd", "_sd_alg"}


def test_salts_are_unique_and_of_128_bits_or_more():
    texts = [issue({"a": 1, "b": [Disclosable(1), Disclosable(1)]}) for _ in range(20)]
    salts = [content[0] for text in texts for content in contents(text)]
    assert len(set(salts)) == 80
    assert all(len(b64url_decode(salt)) >= 16 for salt in salts)


@pytest.mark.parametrize(("count", "digests"), [(1, 8), (8, 8), (9, 16), (20, 24)])
def test_decoys_hide_how_many_claims_there_are(count, digests):
    text = issue({f"c{number}": number for number in range(count)})
    assert len(payload(text)["_sd"]) == digests
    assert len(contents(text)) == count


def test_decoys_can_be_left_out():
    assert len(payload(issue({"a": 1, "b": 2}, digests_multiple=1))["_sd"]) == 2


def test_the_order_of_digests_does_not_tell_the_order_of_claims():
    digests = payload(issue({f"c{number}": number for number in range(16)}))["_sd"]
    assert [b64url_decode(digest) for digest in digests] == sorted(map(b64url_decode, digests))


def test_all_kinds_of_values_survive():
    hidden = {
        "text": '引号" 反斜\\ 换\n行 \u0000 😀',
        "number": -12,
        "real": 2.5,
        "yes": True,
        "nothing": None,
        "list": [1, [2, {"a": None}]],
        "map": {"x": {"y": []}},
        "": "empty name",
    }
    assert show(hidden, list(hidden)) == hidden


def test_parts_have_disclosures_of_their_own():
    hidden = {
        "address": {"country": "CN", "city": Disclosable("广州"), "street": Disclosable("x")},
        "degrees": [Disclosable({"type": "BSc", "school": Disclosable("A")}), "plain"],
    }
    assert show(hidden, ["address"]) == {"address": {"country": "CN"}}
    assert show(hidden, [("address", "city")]) == {"address": {"country": "CN", "city": "广州"}}
    assert show(hidden, ["degrees"]) == {"degrees": ["plain"]}
    assert show(hidden, [("degrees", 0)]) == {"degrees": [{"type": "BSc"}, "plain"]}
    assert show(hidden, [("degrees", None, "school")]) == {
        "degrees": [{"type": "BSc", "school": "A"}, "plain"]
    }
    assert show(hidden, [("degrees", 1)]) == {"degrees": ["plain"]}
    assert show(hidden, []) == {}


def test_parts_of_clear_claims_can_be_disclosable():
    clear = {**CLEAR, "languages": [Disclosable("zh"), Disclosable("en")], "x": {"y": (1, 2)}}
    text = issue({}, clear=clear)
    assert sd_jwt.disclosable_paths(text) == (("languages", 0), ("languages", 1))
    verified = verify(present(text, [("languages", 1)]))
    assert verified.claims["languages"] == ["en"]
    assert verified.claims["x"] == {"y": [1, 2]}
    assert verified.disclosed_paths == (("languages", 0),)
    assert verified.disclosed_names == {"languages"}


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_what_is_issued_at_the_deepest_can_be_read(wrap):
    def nest(levels):
        inner = [Disclosable(1)] if levels % 2 else {"a": Disclosable(1)}
        for _ in range(levels - 1):
            inner = wrap(inner)
        return inner

    for levels in (12, 13):
        text = issue({"x": nest(levels)}, clear={**CLEAR, "y": nest(levels)})
        assert len(verify(present(text, sd_jwt.disclosable_paths(text))).disclosed_paths) == 3
    with pytest.raises(ContentError) as raised:
        issue({"x": nest(14)})
    assert raised.value.code == "claim_unencodable"


def test_naming_what_is_always_clear_is_idle():
    assert show({"a": 1}, ["iss", ("cnf", "jwk", "kty")]) == {}


@pytest.mark.parametrize(
    "path", ["b", ("a", "b"), ("list", 2), ("list", "x"), ("list", None, "x"), (None,), (0,)]
)
def test_a_path_that_leads_nowhere_is_an_error(path):
    with pytest.raises(DisclosureError) as raised:
        sd_jwt.disclose(issue({"a": 1, "list": [1, 2]}), [path])
    assert raised.value.code == "disclosure_unknown"
    assert raised.value.message("zh")


def test_a_presentation_cannot_be_presented_again():
    text = present(issue({"a": 1}), [])
    with pytest.raises(HolderBindingError) as raised:
        sd_jwt.disclose(text, [])
    assert raised.value.code == "key_binding_unexpected"


def test_a_presentation_without_holder_has_no_proof():
    text = present(issue({"a": 1}), ["a"], holder=None)
    verified = verify(text, require_key_binding=False)
    assert not verified.key_bound
    assert verified.claims["a"] == 1


@pytest.mark.parametrize(
    ("clear", "options", "code"),
    [
        ({}, {}, "key_binding_key_missing"),
        ({"cnf": {"kid": "x"}}, {}, "key_binding_key_missing"),
        (CLEAR, {"holder": ISSUER}, "key_binding_key_wrong"),
        (CLEAR, {"audience": None}, "key_binding_expectation_missing"),
        (CLEAR, {"nonce": ""}, "key_binding_expectation_missing"),
        (CLEAR, {"now": None}, "key_binding_expectation_missing"),
    ],
)
def test_a_holder_cannot_prove_what_does_not_fit(clear, options, code):
    with pytest.raises(HolderBindingError) as raised:
        present(issue({"a": 1}, clear=clear), [], **options)
    assert raised.value.code == code


class TestOptionalKeyBinding:
    """Where the verifier does not require it (RFC 9901 section 7.3)."""

    def test_it_is_checked_against_what_the_verifier_gave(self):
        text = present(issue({"a": 1}), ["a"])
        assert verify(text, require_key_binding=False).key_bound

    def test_it_is_ignored_where_the_verifier_gave_nothing(self):
        text = present(issue({"a": 1}), ["a"])
        verified = verify(text, audience=None, nonce=None, require_key_binding=False)
        assert not verified.key_bound
        assert verified.claims["a"] == 1

    def test_half_an_expectation_is_none(self):
        with pytest.raises(HolderBindingError) as raised:
            verify(present(issue({}), []), nonce=None, require_key_binding=False)
        assert raised.value.code == "key_binding_expectation_missing"


def test_no_key_is_no_holder():
    text = issue({}, clear={})
    assert verify(text, require_key_binding=False).holder_key is None


@pytest.mark.parametrize("shift", [-29, 0, 29])
def test_clocks_may_differ_by_the_leeway(shift):
    edge = datetime.fromtimestamp(CLEAR["exp"], UTC) + timedelta(seconds=shift)
    assert verify(issue({}), require_key_binding=False, now=edge)


def test_a_time_may_have_a_fraction():
    clear = {**CLEAR, "exp": ISSUED + 86_400.5}
    assert verify(issue({}, clear=clear), require_key_binding=False)


def test_decoys_may_be_anywhere():
    clear = {**CLEAR, "cnf": {"_sd": ["decoy"], **CLEAR["cnf"]}, "a": [{"...": "other decoy"}]}
    token = sign({"alg": "ES256", "typ": "dc+sd-jwt"}, clear)
    assert verify(token + "~", require_key_binding=False).claims == {**CLEAR, "a": []}


def test_an_audience_that_includes_the_verifier_is_obeyed():
    for audience in ("school", ["court", "school"]):
        assert verify(issue({}, clear={"aud": audience}), require_key_binding=False)
    text = issue({}, clear={"aud": "court"})
    assert verify(text, require_key_binding=False, audience=None)


def test_a_time_of_verification_needs_its_zone():
    with pytest.raises(EcertError) as raised:
        verify(issue({}), now=NOW.replace(tzinfo=None), require_key_binding=False)
    assert raised.value.code == "time_not_aware"


@pytest.mark.parametrize("jwk", [None, "x", {}, {"kty": "EC", "key_ops": []}])
def test_an_issuer_key_that_is_none(jwk):
    with pytest.raises(EcertError) as raised:
        verify(issue({}), issuer_jwk=jwk)
    assert raised.value.code == "jwk_malformed"


def test_an_issuer_key_may_have_further_members():
    jwk = {**ISSUER.public_key.jwk, "key_ops": ["verify"], "kid": "k", "use": "sig"}
    assert verify(issue({}), issuer_jwk=jwk, require_key_binding=False)


@pytest.mark.parametrize("kid", ["did:example:1#k", 42, None])
def test_a_kid_is_not_asked_where_the_key_is_given(kid):
    token = sign({"alg": "ES256", "typ": "dc+sd-jwt", "kid": kid, "cty": "x"}, CLEAR)
    assert verify(token + "~", require_key_binding=False).claims == CLEAR


def test_salts_and_names_may_be_of_any_length():
    odd = b64url_encode(json.dumps(["", "", ""]).encode())
    pretty = b64url_encode(b'[\n "s" ,\t"n", {"a" : [1.5, true]} ]\n')
    token = sign({"alg": "ES256", "typ": "dc+sd-jwt"}, {"_sd": [digest(odd), digest(pretty)]})
    verified = verify(f"{token}~{odd}~{pretty}~", require_key_binding=False)
    assert verified.claims == {"": "", "n": {"a": [1.5, True]}}


def sign(header, body):
    signing_input = ".".join(b64url_encode(json.dumps(part).encode()) for part in (header, body))
    return f"{signing_input}.{b64url_encode(ISSUER.sign(signing_input.encode()))}"


def digest(encoded):
    return b64url_encode(hashlib.sha256(encoded.encode()).digest())


@pytest.mark.parametrize("value", [None, b"bytes~", 5])
def test_what_is_not_text_is_refused(value):
    with pytest.raises(EcertError) as raised:
        verify(value)
    assert raised.value.code == "sd_jwt_malformed"


def test_sizes_are_bounded():
    with pytest.raises(EcertError) as raised:
        sd_jwt.parse("~" * (limits.MAX_SD_JWT_BYTES + 1))
    assert raised.value.code == "too_large"
    header = b64url_encode(json.dumps({"alg": "ES256", "x": "y" * 1024}).encode())
    with pytest.raises(EcertError) as raised:
        sd_jwt.parse(f"{header}.e30.AAAA~")
    assert raised.value.code == "too_large"
    digests = [f"{number}" for number in range(limits.MAX_DIGESTS + 1)]
    token = sign({"alg": "ES256", "typ": "dc+sd-jwt"}, {"_sd": digests})
    with pytest.raises(EcertError) as raised:
        verify(token + "~", require_key_binding=False)
    assert raised.value.code == "digest_too_many"


DEEP = {"a": None}
for _ in range(limits.MAX_JSON_DEPTH):
    DEEP = {"a": DEEP}
LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("clear", "hidden", "code"),
    [
        ({"_sd": []}, {}, "claim_name_reserved"),
        ({}, {"...": 1}, "claim_name_reserved"),
        ({}, {"_sd_alg": 1}, "claim_name_reserved"),
        ({}, {"a": {"_sd": 1}}, "claim_name_reserved"),
        ({"a": [{"...": "x"}]}, {}, "claim_name_reserved"),
        ({}, {"exp": 1}, "claim_always_clear"),
        ({}, {"dept": "x"}, "claim_always_clear"),
        ({"cnf": {"jwk": Disclosable({})}}, {}, "claim_always_clear"),
        ({"a": 1}, {"a": 1}, "claim_twice"),
        ({1: 1}, {1: 1}, "claim_twice"),
        ({1: 1}, {}, "claim_unencodable"),
        ({}, {1: 1}, "claim_unencodable"),
        ({}, {"a": {1: 1}}, "claim_unencodable"),
        ({"a": float("nan")}, {}, "claim_unencodable"),
        ({}, {"a": float("inf")}, "claim_unencodable"),
        ({}, {"a": {1, 2}}, "claim_unencodable"),
        ({}, {"a": b"x"}, "claim_unencodable"),
        ({}, {"a": "\ud800"}, "claim_unencodable"),
        ({"a": "\ud800"}, {}, "claim_unencodable"),
        ({"a": Disclosable(1)}, {}, "claim_unencodable"),
        ({}, {"a": DEEP}, "claim_unencodable"),
        ({"a": LOOP}, {}, "claim_unencodable"),
        ({}, {f"c{number}": 1 for number in range(257)}, "claim_too_many"),
        ({}, {"a": "x" * limits.MAX_SD_JWT_BYTES}, "claim_too_many"),
    ],
)
def test_what_cannot_be_issued(clear, hidden, code):
    with pytest.raises(ContentError) as raised:
        issue(hidden, clear=clear)
    assert raised.value.code == code
    for language in ("zh", "en"):
        assert "<" not in raised.value.message(language)
