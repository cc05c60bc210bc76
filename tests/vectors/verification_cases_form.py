"""Cases for ``make_verification.py``: changed, unreadable, or not of the profile."""

import base64
import json
from typing import Any

from sd_jwt_parts import (
    AUDIENCE,
    HEADER,
    HOLDER_JWK,
    NONCE,
    NOW,
    bind,
    flip,
    flip_signature,
)
from verification_parts import (
    FILE,
    GOOD,
    ORIGIN,
    POLICE,
    TAX,
    D,
    Json,
    anchored,
    card,
    case,
    digest_of,
    file,
    receipt,
    token,
    whole,
)

ASKED = {"audience": AUDIENCE, "nonce": NONCE}
CHALLENGE = bytes(range(16))


def form_cases() -> list[Json]:
    return [*flips(), *forms(), *profiles()]


def flips() -> list[Json]:
    """One bit or one part changed, each in a document that is otherwise whole."""
    bound = bind(token(cnf={"jwk": HOLDER_JWK}))
    there = anchored(digest_of(bound))

    def changed(name: str, text: str, code: str, step: int, verdict: str) -> Json:
        found = receipt(digest_of(bound))
        return case(f"flip: {name}", file(text, found), step, code, verdict, there, expect=ASKED)

    payload = bound.index(".") + 1
    moved = token(cnf={"jwk": HOLDER_JWK}, exp=NOW + 86_401)
    swapped = moved.rpartition(".")[0] + GOOD[GOOD.index("~") - 87 : GOOD.index("~")]
    proof = bound.rindex("~") + 1
    root = receipt(D)["root"]
    return [
        changed(
            "the payload", _bent_member(bound, payload, "exp"), "signature_invalid", 1, "tampered"
        ),
        changed(
            "the issuer's signature", flip_signature(bound, 0), "signature_invalid", 1, "tampered"
        ),
        changed("a disclosure", flip(bound, 1, at=6), "disclosure_unreferenced", 1, "tampered"),
        changed(
            "the proof's signature",
            flip_signature(bound, -1),
            "key_binding_signature_invalid",
            8,
            "holder_not_proven",
        ),
        changed(
            "the proof's payload",
            _bent_member(bound, bound.index(".", proof) + 1, "sd_hash"),
            "key_binding_hash_wrong",
            8,
            "holder_not_proven",
        ),
        case(
            "flip: validity made longer",
            file(swapped + "~", receipt(D)),
            1,
            "signature_invalid",
            "tampered",
        ),
        case(
            "flip: the receipt's root",
            FILE.replace(root, root[:-1] + "0123456789abcdef"[int(root[-1], 16) ^ 1]),
            2,
            "proof_root",
            "receipt_false",
        ),
        *(
            case(
                f"flip: node {level} of the receipt's path",
                file(GOOD, receipt(D, path=_bent(receipt(D)["path"], level))),
                2,
                "proof_root",
                "receipt_false",
            )
            for level in range(len(receipt(D)["path"]))
        ),
    ]


def _bent_member(text: str, start: int, member: str) -> str:
    """Change one character of the token's part from ``start`` on, so that ``member`` differs."""
    end = text.index(".", start)
    before = _decoded(text[start:end])
    for at in range(start, end):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        try:
            after = _decoded(changed[start:end])
        except ValueError:
            continue
        if {name for name in before | after if before.get(name) != after.get(name)} == {member}:
            return changed
    raise AssertionError(member)


def _decoded(part: str) -> Json:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _bent(path: list[str], level: int) -> list[str]:
    node = path[level]
    return [*path[:level], node[:-1] + f"{int(node[-1], 16) ^ 1:x}", *path[level + 1 :]]


def forms() -> list[Json]:
    """Files that cannot be read, or that could be read in two ways."""
    found, quoted = receipt(D), json.dumps(GOOD)

    def form(name: str, text: str, code: str) -> Json:
        return case(f"form: {name}", text, 0, code, "unreadable")

    def field(name: str, raw: str) -> Json:
        text = json.dumps(found | {name: 77_777_777}, separators=(",", ":"))
        return form(
            f"receipt {name} {raw[:20]}",
            f'{{"format":"ecert/1","presentation":{quoted},"receipt":{text}}}'.replace(
                "77777777", raw
            ),
            "json_malformed" if raw in ("1e400", "NaN", "1" * 5_000) else "field_malformed",
        )

    deep = '{"format":"ecert/1","presentation":"x","receipt":' + '{"a":' * 16 + "1" + "}" * 17
    return [
        form("nothing", "", "input_unrecognised"),
        form("a word", "hello", "input_unrecognised"),
        form("an array", f"[{FILE}]", "input_unrecognised"),
        form("byte order mark", "\ufeff" + FILE, "input_unrecognised"),
        form("NUL before", "\0" + FILE, "input_unrecognised"),
        form("NUL after", FILE + "\0", "json_malformed"),
        form("cut short", FILE[:-1], "json_malformed"),
        form("two files", FILE + FILE, "json_malformed"),
        form("a comment", FILE[:-1] + "/**/}", "json_malformed"),
        form("single quotes", FILE.replace('"', "'"), "json_malformed"),
        form("two presentations", FILE[:-1] + ',"presentation":"x"}', "json_duplicate_key"),
        form("two receipts", FILE[:-1] + ',"receipt":{}}', "json_duplicate_key"),
        form("two roots", FILE[:-2] + f',"root":"{found["root"]}"}}}}', "json_duplicate_key"),
        form("a key spelt in two ways", FILE[:-1] + ',"\\u0072eceipt":{}}', "json_duplicate_key"),
        form("nested too deep", deep, "json_too_deep"),
        form("nested 10,000 deep", '{"a":' + "[" * 10_000, "json_too_deep"),
        form("a lone surrogate", FILE[:-1] + ',"a":"\\ud800"}', "json_malformed"),
        form("a foreign member", FILE[:-1] + ',"verified":true}', "field_malformed"),
        form("another format", FILE.replace("ecert/1", "ecert/2"), "field_malformed"),
        form("no presentation", '{"format":"ecert/1"}', "field_malformed"),
        form("receipt null", file(GOOD, None)[:-1] + ',"receipt":null}', "field_malformed"),
        form("receipt is a list", file(GOOD, None)[:-1] + ',"receipt":[]}', "field_malformed"),
        *(
            field(name, raw)
            for name in ("index", "size", "block")
            for raw in ("-1", "1.0", "true", '"6"', "1e400", "NaN", "1" * 5_000, "9" * 30, "null")
        ),
        field("chain_id", "0"),
        field("root", '"' + found["root"].upper() + '"'),
        field("root", '"' + found["root"][2:] + '"'),
        field("contract", '"0x00"'),
        field("path", '["0x00"]'),
        field("path", json.dumps(["0x" + "00" * 32] * 21)),
        field("verified", "true"),
        form("card cut short", card()[0][:-30], "cbor_malformed"),
        form("plain JWT", GOOD.partition("~")[0], "input_unrecognised"),
    ]


def profiles() -> list[Json]:
    """Rightly signed and anchored, but not of the profile: no two verifiers may read it apart."""

    def profile(title: str, code: str = "field_malformed", **changes: Any) -> Json:
        text, there = whole(token(**changes))
        return case(f"profile: {title}", text, 0, code, "unreadable", there)

    def status(**changes: object) -> Json:
        reference = {"idx": 7, "uri": f"{ORIGIN}/v1/status/{POLICE}/1"} | changes
        return {"status": {"status_list": reference}}

    astray = "status_reference_malformed"
    return [
        profile("no department", dept=...),
        profile("department of 21 characters", dept="4" * 21),
        profile("department with NUL", "text_not_ascii_code", dept=POLICE + "\0"),
        profile("department with a Cyrillic letter", "text_not_ascii_code", dept="440100.G\u0410"),
        profile("unknown kind", "kind_unknown", vct="urn:ecert:unknown:1"),
        profile("unknown version", "kind_unknown", vct="urn:ecert:permit:2"),
        profile("kind without its version", vct="permit"),
        profile("exp null", exp=None),
        profile("cnf null", cnf=None),
        profile("cnf by kid", cnf={"kid": "x"}),
        profile("a private key in cnf", "jwk_malformed", cnf={"jwk": HOLDER_JWK | {"d": "AA"}}),
        profile("no nbf", nbf=...),
        profile("iat as text", iat=str(NOW)),
        profile("iat true", iat=True),
        profile("iat with a fraction", iat=NOW - 3600.5),
        profile("iat before 1970", iat=-1),
        profile("exp beyond any calendar", exp=253_402_300_800),
        profile("short jti", jti="AAAA"),
        profile("no status", status=...),
        profile(
            "status list of another department", astray, **status(uri=f"{ORIGIN}/v1/status/{TAX}/1")
        ),
        profile(
            "status list of another origin",
            astray,
            **status(uri=f"https://evil.example/v1/status/{POLICE}/1"),
        ),
        profile(
            "status list with a leading zero",
            astray,
            **status(uri=f"{ORIGIN}/v1/status/{POLICE}/01"),
        ),
        profile(
            "status list in other digits",
            astray,
            **status(uri=f"{ORIGIN}/v1/status/{POLICE}/\u0661"),
        ),
        profile("status index over the limit", **status(idx=1 << 20)),
        profile("status index below zero", **status(idx=-1)),
        profile("a claim of the kind in clear", name="Sample"),
        profile("a header member of no use", header=HEADER | {"iat": 1}),
        profile("short kid", header=HEADER | {"kid": "AAAA"}),
        profile("no kid", header={"alg": "ES256", "typ": "dc+sd-jwt"}),
    ]
