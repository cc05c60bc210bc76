"""Make ``negative/sd_jwt.json``: presentations that a verifier must refuse, and with which code.

Run ``python tests/vectors/make_sd_jwt.py`` after a change to the format; a run changes only what
the format changed.

The file: ``issuer`` (JWK), ``audience``, ``nonce``, ``now`` (unix seconds) and
``require_key_binding`` hold for ``valid``, which a verifier must accept, and for every case but
where a case has its own. ``code`` is this project's name for the failure.
"""

import json
from pathlib import Path
from typing import Any

from sd_jwt_parts import (
    AUDIENCE,
    BIRTH,
    HEADER,
    HOLDER_JWK,
    ISSUER,
    ISSUER_JWK,
    NAME,
    NONCE,
    NOW,
    OTHER,
    OTHER_JWK,
    PLAIN,
    VALID,
    b64,
    bind,
    disclosure,
    encode,
    flip,
    flip_signature,
    hmac_token,
    payload,
    sd_jwt,
    sha,
    shown,
    unsigned,
)

FILE = Path(__file__).parent / "negative" / "sd_jwt.json"

Case = dict[str, Any]


def form() -> list[tuple[str, str, str]]:
    """What cannot be read as an SD-JWT in compact form."""
    deep: Any = "x"
    for _ in range(16):
        deep = [deep]
    lone = '{"iss":"\\ud800"}'
    many = [disclosure(f"claim_{number}", number) for number in range(257)]
    return [
        ("empty text", "", "sd_jwt_malformed"),
        ("a plain JWT without a tilde", PLAIN.partition("~")[0], "sd_jwt_malformed"),
        ("JWS JSON serialization", '{"payload":"e30","signatures":[]}~', "sd_jwt_malformed"),
        ("two parts instead of three", "e30.e30~", "sd_jwt_malformed"),
        ("not ASCII", PLAIN + "é", "sd_jwt_malformed"),
        ("white space at the end", VALID + "\n", "base64url_malformed"),
        ("padding in the signature", PLAIN.replace("~", "==~", 1), "base64url_malformed"),
        ("an empty disclosure", PLAIN + "~" + VALID.rpartition("~")[2], "json_malformed"),
        ("payload is an array", shown([1]), "sd_jwt_malformed"),
        ("payload is not JSON", shown("{"), "json_malformed"),
        ("payload is not UTF-8", sd_jwt_raw(b"\xff"), "text_not_utf8"),
        ("payload nested too deep", shown(payload(x=[deep])), "json_too_deep"),
        ("a lone surrogate", shown(lone), "json_malformed"),
        ("NaN", shown('{"n":NaN}'), "json_malformed"),
        ("an infinite number", shown('{"n":1e999}'), "json_malformed"),
        ("the payload names a claim twice", shown('{"iss":"a","iss":"b"}'), "json_duplicate_key"),
        ("a disclosure names a key twice", *doubled_key()),
        ("the header names alg twice", *doubled_alg()),
        ("257 disclosures", shown(payload(*many), *many), "sd_jwt_too_many"),
        ("a disclosure that is an object", *odd_disclosure('{"a":1}')),
        ("a disclosure of one element", *odd_disclosure('["salt"]')),
        ("a disclosure of four elements", *odd_disclosure('["salt","a",1,2]')),
        ("a salt that is a number", *odd_disclosure('[1,"a",2]')),
        ("a claim name that is a number", *odd_disclosure('["salt",1,2]')),
        ("a claim name that is an array", *odd_disclosure('["salt",[],2]')),
    ]


def sd_jwt_raw(body: bytes) -> str:
    return f"{b64(encode(HEADER))}.{b64(body)}.{b64(bytes(64))}~"


def odd_disclosure(text: str) -> tuple[str, str]:
    odd = b64(text)
    return shown(payload(odd), odd), "disclosure_malformed"


def doubled_key() -> tuple[str, str]:
    odd = b64('["salt","address",{"city":"a","city":"b"}]')
    return shown(payload(odd), odd), "json_duplicate_key"


def doubled_alg() -> tuple[str, str]:
    header = '{"alg":"none","alg":"ES256","typ":"dc+sd-jwt"}'
    return shown(payload(NAME), NAME, header=header), "json_duplicate_key"


def header() -> list[tuple[str, str, str]]:
    """Headers that choose a key, an algorithm or a meaning of their own."""
    cases = [
        (f"header {name}", shown(payload(NAME), NAME, header=HEADER | {name: value}))
        for name, value in {
            "jwk": OTHER_JWK,
            "jku": "https://evil.example/keys",
            "x5c": ["MIIB"],
            "x5u": "https://evil.example/cert",
            "crit": ["exp"],
            "b64": False,
        }.items()
    ]
    typed = {"missing": None, "JWT": "JWT", "vc+sd-jwt": "vc+sd-jwt", "kb+jwt": "kb+jwt"}
    wrong_key = shown(payload(NAME), NAME, key=OTHER)
    return [
        *((name, text, "sd_jwt_header_refused") for name, text in cases),
        *(
            (f"typ {name}", shown(payload(NAME), NAME, header=HEADER | {"typ": typ}), code)
            for name, typ in typed.items()
            for code in ["sd_jwt_type_wrong"]
        ),
        (
            "no alg",
            shown(payload(NAME), NAME, header={"typ": "dc+sd-jwt"}),
            "sd_jwt_header_refused",
        ),
        ("alg none", unsigned(HEADER | {"alg": "none"}, ""), "algorithm_not_allowed"),
        ("alg None", unsigned(HEADER | {"alg": "None"}, b64(bytes(64))), "algorithm_not_allowed"),
        ("alg HS256 keyed by the public key", hmac_token(), "algorithm_not_allowed"),
        ("alg EdDSA for a P-256 key", *other_algorithm("EdDSA")),
        ("alg ES384 for a P-256 key", *other_algorithm("ES384")),
        ("signed by another department's key", wrong_key, "signature_invalid"),
        ("no signature", unsigned(HEADER, ""), "signature_invalid"),
        ("a signature of zeros", unsigned(HEADER, b64(bytes(64))), "signature_invalid"),
        ("a changed signature", flip_signature(VALID, 0), "signature_invalid"),
        ("_sd_alg sha-512", shown(payload(NAME, _sd_alg="sha-512"), NAME), "sd_jwt_hash_unknown"),
        ("_sd_alg null", shown(payload(NAME, _sd_alg=None), NAME), "sd_jwt_hash_unknown"),
    ]


def other_algorithm(alg: str) -> tuple[str, str]:
    return shown(payload(NAME), NAME, header=HEADER | {"alg": alg}), "algorithm_not_allowed"


def disclosures() -> list[tuple[str, str, str]]:
    """Disclosures and digests that RFC 9901 section 7.1 says to reject."""
    stray, element = disclosure("admin", True), disclosure("CN")
    inner = disclosure("city", "A")
    outer = disclosure("address", {"_sd": [sha(inner)]})
    twice = [sha(NAME), sha(NAME)]
    taken = {name: disclosure(name, "x") for name in ("iat", "_sd", "...", "_sd_alg", "jti")}
    clear = {name: disclosure(name, 1) for name in ("iss", "nbf", "exp", "cnf", "vct", "status")}
    part = disclosure("kty", "EC")
    element_in_place = payload(NAME, list=[{"...": sha(NAME)}], _sd=[])
    two_members = payload(list=[{"...": sha(element), "x": 1}])
    deep_one = disclosure("b", [[[[[[[[1]]]]]]]])
    deep_two = disclosure("a", {"x": [[[[[[[{"_sd": [sha(deep_one)]}]]]]]]]})
    return [
        ("a disclosure that nobody signed", shown(payload(NAME), NAME, stray), UNREFERENCED),
        ("a changed disclosure", flip(VALID, 1, at=-6), UNREFERENCED),
        ("a disclosure twice", shown(payload(NAME), NAME, NAME), "disclosure_doubled"),
        ("a part without its whole", shown(payload(outer), inner), UNREFERENCED),
        ("a digest twice in _sd", shown(payload(_sd=twice), NAME), "digest_repeated"),
        ("a decoy twice", shown(payload(_sd=["x", "x"])), "digest_repeated"),
        (
            "a digest at two levels",
            shown(payload(NAME, address={"_sd": [sha(NAME)]}), NAME),
            "digest_repeated",
        ),
        (
            "a digest in _sd and in an array",
            shown(payload(element, list=[{"...": sha(element)}]), element),
            "digest_repeated",
        ),
        ("an element's disclosure in _sd", shown(payload(element), element), MISPLACED),
        ("a member's disclosure in an array", shown(element_in_place, NAME), MISPLACED),
        ("overriding a clear claim (jti)", *signed(taken["jti"], "disclosure_overrides_claim")),
        ("overriding a clear claim (iat)", *signed(taken["iat"], "disclosure_overrides_claim")),
        (
            "two disclosures of one name",
            shown(payload(NAME, disclosure("name", "B")), NAME, disclosure("name", "B")),
            "disclosure_overrides_claim",
        ),
        (
            "overriding a nested clear claim",
            shown(payload(address={"city": "B", "_sd": [sha(inner)]}), inner),
            "disclosure_overrides_claim",
        ),
        *(
            (f"a disclosure named {name}", *signed(taken[name], "disclosure_name_reserved"))
            for name in ("_sd", "...", "_sd_alg")
        ),
        *(
            (f"{name} from a disclosure", shown(payload(text, drop=(name,)), text), NOT_ALLOWED)
            for name, text in clear.items()
        ),
        (
            "a part of cnf from a disclosure",
            shown(payload(cnf={"jwk": HOLDER_JWK, "_sd": [sha(part)]}), part),
            NOT_ALLOWED,
        ),
        (
            "an element of status from a disclosure",
            shown(payload(status={"x": [{"...": sha(element)}]}), element),
            NOT_ALLOWED,
        ),
        ("_sd is text", shown(payload(_sd=sha(NAME))), "digest_malformed"),
        ("_sd is null", shown(payload(_sd=None)), "digest_malformed"),
        ("_sd holds a number", shown(payload(_sd=[1])), "digest_malformed"),
        ("_sd is an object in a disclosure", *signed(disclosure("a", {"_sd": {}}), MALFORMED)),
        ("... as a member", shown(payload(**{"...": sha(NAME)})), MALFORMED),
        ("... beside another key", shown(two_members, element), MALFORMED),
        ("... that is not text", shown(payload(list=[{"...": 1}])), MALFORMED),
        ("_sd_alg within a claim", shown(payload(a={"_sd_alg": "sha-256"})), MALFORMED),
        (
            "nested too deep across disclosures",
            shown(payload(deep_two), deep_two, deep_one),
            "disclosure_too_deep",
        ),
    ]


UNREFERENCED, MISPLACED = "disclosure_unreferenced", "disclosure_misplaced"
NOT_ALLOWED, MALFORMED = "disclosure_not_allowed", "digest_malformed"


def signed(text: str, code: str) -> tuple[str, str]:
    return shown(payload(text), text), code


def validity() -> list[tuple[str, str, str]]:
    """Claims about time and audience."""
    return [
        ("expired", shown(payload(exp=NOW - 60)), "sd_jwt_expired"),
        ("not yet valid", shown(payload(nbf=NOW + 60)), "sd_jwt_not_yet_valid"),
        ("issued in the future", shown(payload(iat=NOW + 60)), "sd_jwt_not_yet_valid"),
        ("exp is text", shown(payload(exp=str(NOW + 60))), "sd_jwt_time_malformed"),
        ("exp is null", shown(payload(exp=None)), "sd_jwt_time_malformed"),
        ("exp is true", shown(payload(exp=True)), "sd_jwt_time_malformed"),
        ("nbf is negative", shown(payload(nbf=-1)), "sd_jwt_time_malformed"),
        ("exp beyond any calendar", shown(payload(exp=10**15)), "sd_jwt_time_malformed"),
        ("meant for another audience", shown(payload(aud="https://a.example")), AUDIENCE_WRONG),
        ("meant for other audiences", shown(payload(aud=["a", "b"])), AUDIENCE_WRONG),
    ]


AUDIENCE_WRONG = "sd_jwt_audience_wrong"


def key_binding() -> list[tuple[str, str, str]]:
    """The holder's proof (RFC 9901 section 7.3)."""
    no_cnf, by_kid = payload(NAME, drop=("cnf",)), payload(NAME, cnf={"kid": "k"})
    off_curve = payload(NAME, cnf={"jwk": HOLDER_JWK | {"y": b64(bytes(32))}})
    other = bind(sd_jwt(payload(BIRTH), BIRTH)).rpartition("~")[2]
    claim = "key_binding_claim_malformed"
    return [
        ("missing", PLAIN, "key_binding_missing"),
        ("no cnf", bind(sd_jwt(no_cnf, NAME)), "key_binding_key_missing"),
        ("cnf by kid", bind(sd_jwt(by_kid, NAME)), "key_binding_key_unusable"),
        ("cnf off the curve", bind(sd_jwt(off_curve, NAME)), "jwk_malformed"),
        ("by another key", bind(PLAIN, key=OTHER), "key_binding_signature_invalid"),
        ("by the issuer's key", bind(PLAIN, key=ISSUER), "key_binding_signature_invalid"),
        ("changed signature", flip_signature(VALID, -1), "key_binding_signature_invalid"),
        ("alg none", bind(PLAIN, header={"alg": "none"}), "key_binding_algorithm_wrong"),
        ("alg HS256", bind(PLAIN, header={"alg": "HS256"}), "key_binding_algorithm_wrong"),
        ("alg EdDSA", bind(PLAIN, header={"alg": "EdDSA"}), "key_binding_algorithm_wrong"),
        ("typ JWT", bind(PLAIN, header={"typ": "JWT"}), "sd_jwt_type_wrong"),
        ("header jwk", bind(PLAIN, header={"jwk": OTHER_JWK}), "sd_jwt_header_refused"),
        ("header crit", bind(PLAIN, header={"crit": ["x"]}), "sd_jwt_header_refused"),
        ("stale", bind(PLAIN, iat=NOW - 301), "key_binding_stale"),
        ("early", bind(PLAIN, iat=NOW + 31), "key_binding_early"),
        ("nbf in the future", bind(PLAIN, nbf=NOW + 31), "key_binding_early"),
        ("past its own exp", bind(PLAIN, exp=NOW - 31), "key_binding_expired"),
        ("without iat", bind(PLAIN, drop=("iat",)), claim),
        ("iat is text", bind(PLAIN, iat=str(NOW)), claim),
        ("without aud", bind(PLAIN, drop=("aud",)), claim),
        ("aud is an array", bind(PLAIN, aud=[AUDIENCE]), claim),
        ("aud of another verifier", bind(PLAIN, aud="https://a.example"), KB_AUDIENCE),
        ("without nonce", bind(PLAIN, drop=("nonce",)), claim),
        ("another nonce", bind(PLAIN, nonce="other"), "key_binding_nonce_wrong"),
        ("nonce is a number", bind(PLAIN, nonce=1), claim),
        ("without sd_hash", bind(PLAIN, drop=("sd_hash",)), claim),
        ("of another token", PLAIN + other, "key_binding_hash_wrong"),
        ("a disclosure withheld after signing", VALID.replace(f"{BIRTH}~", ""), KB_HASH),
        ("sd_hash of the JWT alone", bind(PLAIN, sd_hash=sha(PLAIN.partition("~")[0])), KB_HASH),
        ("disclosures in another order", *reordered()),
    ]


KB_AUDIENCE, KB_HASH = "key_binding_audience_wrong", "key_binding_hash_wrong"


def reordered() -> tuple[str, str]:
    token, first, second, binding = VALID.split("~")
    return f"{token}~{second}~{first}~{binding}", KB_HASH


def options() -> list[Case]:
    """Cases with expectations of their own."""
    return [
        {
            "name": "the issuer's key is another department's",
            "input": VALID,
            "code": "signature_invalid",
            "issuer": OTHER_JWK,
        },
        {
            "name": "the issuer's key is private",
            "input": VALID,
            "code": "jwk_malformed",
            "issuer": ISSUER_JWK | {"d": b64(bytes(32))},
        },
        {
            "name": "key binding required, no nonce expected",
            "input": VALID,
            "code": "key_binding_expectation_missing",
            "nonce": None,
        },
        {
            "name": "key binding optional, present and wrong",
            "input": bind(PLAIN, nonce="other"),
            "code": "key_binding_nonce_wrong",
            "require_key_binding": False,
        },
        {
            "name": "key binding optional, expired",
            "input": sd_jwt(payload(exp=NOW - 60)),
            "code": "sd_jwt_expired",
            "require_key_binding": False,
        },
    ]


def make() -> dict[str, Any]:
    groups = {
        "form": form(),
        "header": header(),
        "disclosures": disclosures(),
        "validity": validity(),
        "key binding": key_binding(),
    }
    cases: list[Case] = [
        {"name": f"{group}: {name}", "input": text, "code": code}
        for group, members in groups.items()
        for name, text, code in members
    ]
    return {
        "issuer": ISSUER_JWK,
        "audience": AUDIENCE,
        "nonce": NONCE,
        "now": NOW,
        "require_key_binding": True,
        "valid": VALID,
        "cases": cases + options(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), ensure_ascii=False, indent=1) + "\n", "utf-8")
