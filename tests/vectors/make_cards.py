"""Make ``negative/cards.json``: cards that a verifier must refuse, each with the code it gives.

Run ``python tests/vectors/make_cards.py`` after a change to the format. Keys are fixed and
signatures deterministic (RFC 6979), so that a run changes only what the format changed. The bytes
are put together here and not by ``ecert.card``, which refuses to make such cards.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ecert.base45 import b45encode
from ecert.cbor import Tag, cbor_encode
from ecert.cose import key_to_cose, sig_structure
from ecert.encoding import b64url_encode
from ecert.signing import public_key_of

FILE = Path(__file__).parent / "negative" / "cards.json"
NOW = 1_777_896_000  # 2026-05-04T12:00:00Z
CHALLENGE = bytes(range(16))
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DOMAIN = b"ecert-card-proof-v1\0"
ECERT = -65537


def _key(label: str) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(hashlib.sha256(label.encode()).digest()) % (CURVE_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


ISSUER, OTHER, HOLDER = _key("issuer"), _key("other department"), _key("holder")
ISSUER_KEY, OTHER_KEY, HOLDER_KEY = map(public_key_of, (ISSUER, OTHER, HOLDER))


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32) + s.to_bytes(32)


def own(**changes: object) -> dict[int, object]:
    """The claims under Ecert's private label; a change to None leaves one out."""
    labels = {"dept": 1, "kind": 2, "version": 3, "view": 4, "status": 5, "claims": 6, "extra": 7}
    plain = {"dept": "440100.GA", "kind": 1, "version": 1, "view": 2, "status": [3, 70_000]}
    members = plain | {"claims": {1: True}} | changes
    return {labels[name]: value for name, value in members.items() if value is not None}


def claims(changes: dict[int, object] | None = None) -> dict[int, object]:
    plain: dict[int, object] = {
        4: NOW + 315_360_000,
        5: NOW,
        6: NOW,
        7: hashlib.sha256(b"cti").digest()[:16],
        8: {1: key_to_cose(HOLDER_KEY)},
        ECERT: own(),
    }
    members = plain | (changes or {})
    return {label: value for label, value in members.items() if value is not None}


def header(changes: dict[int, object] | None = None) -> bytes:
    members = {1: -7, 4: ISSUER_KEY.thumbprint} | (changes or {})
    return cbor_encode({label: value for label, value in members.items() if value is not None})


def card(
    payload: object = None,
    protected: bytes | None = None,
    unprotected: object = None,
    signer: ec.EllipticCurvePrivateKey = ISSUER,
) -> bytes:
    """A whole COSE_Sign1, rightly signed over whatever it holds."""
    protected = header() if protected is None else protected
    if not isinstance(payload, bytes):
        payload = cbor_encode(claims() if payload is None else payload)
    signature = sign(signer, sig_structure(protected, payload))
    return cbor_encode(Tag(18, [protected, unprotected or {}, payload, signature]))


def digest(protected: bytes | None = None) -> bytes:
    signed = sig_structure(protected or header(), cbor_encode(claims()))
    return hashlib.sha256(signed).digest()


def proof(
    *,
    time: int = NOW,
    challenge: bytes = CHALLENGE,
    signer: ec.EllipticCurvePrivateKey = HOLDER,
    domain: bytes = DOMAIN,
    over: bytes | None = None,
) -> list[object]:
    signed = domain + (over or digest()) + time.to_bytes(8)
    signed += len(challenge).to_bytes(1) + challenge
    return [time, challenge, sign(signer, signed)]


def text(data: bytes) -> str:
    return "EC1:" + b45encode(data)


def shown(part: object, whole: bytes | None = None) -> str:
    return text(cbor_encode([card() if whole is None else whole, part]))


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """``data`` with one part exchanged, which must be there exactly once."""
    if data.count(old) != 1:
        raise AssertionError(old.hex())
    return data.replace(old, new)


def with_receipt(value: object) -> str:
    return text(card(unprotected={ECERT: value}))


def text_cases() -> dict[str, tuple[str, str]]:
    good = text(card())
    return {
        "empty": ("", "card_prefix_missing"),
        "other prefix": ("HC1:" + good[4:], "card_prefix_missing"),
        "lower case prefix": ("ec1:" + good[4:], "card_prefix_missing"),
        "white space before": (" " + good, "card_prefix_missing"),
        "nothing after the prefix": ("EC1:", "cbor_malformed"),
        "lower case": (good[:4] + good[4:].lower(), "base45_malformed"),
        "line end within": (good[:60] + "\n" + good[60:], "base45_malformed"),
        "last character missing": (good[:-1], "base45_malformed"),
        "last group missing": (good[: -3 if len(good) % 3 == 1 else -2], "cbor_malformed"),
        "group over 65535": (good[:4] + ":::" + good[7:], "base45_malformed"),
        "over the limit": ("EC1:" + "0" * 3_100, "too_large"),
        "another document": ("eyJhbGciOiJFUzI1NiJ9.e30.AA~", "card_prefix_missing"),
    }


def encoding_cases() -> dict[str, tuple[str, str]]:
    good, payload = card(), cbor_encode(claims())
    cti = cbor_encode(claims()[7])
    return {
        "trailing byte": (text(good + b"\0"), "cbor_trailing_bytes"),
        "two cards": (text(good + good), "cbor_trailing_bytes"),
        "trailing byte in the payload": (text(card(payload + b"\0")), "cbor_trailing_bytes"),
        "indefinite array": (
            text(replaced(good, b"\xd2\x84", b"\xd2\x9f") + b"\xff"),
            "cbor_not_deterministic",
        ),
        "indefinite claims": (
            text(card(b"\xbf" + payload[1:] + b"\xff")),
            "cbor_not_deterministic",
        ),
        "indefinite byte string": (
            text(card(replaced(payload, cti, b"\x5f" + cti + b"\xff"))),
            "cbor_not_deterministic",
        ),
        "long length": (
            text(card(replaced(payload, cti, b"\x58\x10" + cti[1:]))),
            "cbor_not_deterministic",
        ),
        "long integer": (
            text(card(replaced(payload, b"\x05\x1a", b"\x05\x1b\0\0\0\0"))),
            "cbor_not_deterministic",
        ),
        "claims out of order": (
            text(card(b"\xa6" + payload[7:13] + payload[1:7] + payload[13:])),
            "cbor_not_deterministic",
        ),
        "doubled claim": (text(card(b"\xa7" + payload[1:7] + payload[1:])), "cbor_duplicate_key"),
        "doubled header": (
            text(card(protected=b"\xa3\x01\x26" + header()[1:])),
            "cbor_duplicate_key",
        ),
        "text key": (text(card(b"\xa7" + payload[1:] + b"\x63iss\x61x")), "cbor_type_not_allowed"),
        "null": (text(card(replaced(payload, cti, b"\xf6"))), "cbor_type_not_allowed"),
        "float time": (
            text(card(b"\xa6\x04\xfb" + bytes(8) + payload[7:])),
            "cbor_type_not_allowed",
        ),
        "big number": (text(card(replaced(payload, cti, b"\xc2" + cti))), "cbor_tag_not_allowed"),
        "COSE_Mac0": (text(b"\xd1" + good[1:]), "cbor_tag_not_allowed"),
        "COSE_Sign": (text(b"\xd8\x62" + good[1:]), "cbor_tag_not_allowed"),
        "self-described CBOR": (text(b"\xd9\xd9\xf7" + good), "cbor_tag_not_allowed"),
        "deep nesting": (text(b"\x81" * 1_900 + b"\0"), "cbor_too_deep"),
        "deep tags": (text(b"\xd2" * 1_900 + b"\0"), "cbor_too_deep"),
        "huge array": (text(b"\x9a\xff\xff\xff\xff"), "cbor_malformed"),
        "huge byte string": (text(b"\x5b" + b"\xff" * 8), "cbor_malformed"),
        "not UTF-8": (
            text(card(replaced(payload, b"440100.GA", b"440100.G\xff"))),
            "cbor_malformed",
        ),
    }


def structure_cases() -> dict[str, tuple[str, str]]:
    good = card()
    algorithm, kid = header()[1:3], header()[3:]
    return {
        "without tag": (text(good[1:]), "card_malformed"),
        "tag twice": (text(b"\xd2" + good), "card_malformed"),
        "CWT tag alone": (text(b"\xd8\x3d" + good[1:]), "card_malformed"),
        "five parts": (text(replaced(good, b"\xd2\x84", b"\xd2\x85") + b"\0"), "card_malformed"),
        "no payload": (text(card(b"")), "card_malformed"),
        "payload is a list": (text(card(cbor_encode([1]))), "card_malformed"),
        "short signature": (
            text(replaced(good, b"\x58\x40" + good[-64:], b"\x58\x3f" + good[-63:])),
            "card_malformed",
        ),
        "empty protected header": (text(card(protected=b"")), "card_malformed"),
        "protected header of no members": (text(card(protected=b"\xa0")), "card_label_missing"),
        "no kid": (text(card(protected=b"\xa1" + algorithm)), "card_label_missing"),
        "no algorithm": (text(card(protected=b"\xa1" + kid)), "card_label_missing"),
        "short kid": (text(card(protected=header({4: bytes(31)}))), "card_malformed"),
        "algorithm by name": (text(card(protected=header({1: "ES256"}))), "card_malformed"),
        "critical header": (text(card(protected=header({2: [99]}))), "card_label_unknown"),
        "key in the header": (
            text(card(protected=header({-1: key_to_cose(ISSUER_KEY)}))),
            "card_label_unknown",
        ),
        "certificate chain": (text(card(protected=header({33: b"x"}))), "card_label_unknown"),
        "unprotected algorithm": (text(card(unprotected={1: -7})), "card_label_unknown"),
        "unprotected kid": (
            text(card(unprotected={4: OTHER_KEY.thumbprint})),
            "card_label_unknown",
        ),
    }


def claim_cases() -> dict[str, tuple[str, str]]:
    def claim(label: int, value: object, code: str = "card_malformed") -> tuple[str, str]:
        return text(card(claims({label: value}))), code

    def part(code: str = "card_malformed", **changes: object) -> tuple[str, str]:
        return claim(ECERT, own(**changes), code)

    holder = key_to_cose(HOLDER_KEY)
    bad, missing, unknown = "card_claim_malformed", "card_label_missing", "card_label_unknown"
    return {
        "unknown claim": claim(1, "https://a.example", unknown),
        "unknown private claim": claim(-65538, 1, unknown),
        "no cti": claim(7, None, missing),
        "short cti": claim(7, bytes(15)),
        "no iat": claim(6, None, missing),
        "no nbf": claim(5, None, missing),
        "time before 1970": claim(6, -1),
        "time after 9999": claim(4, 253_402_300_800),
        "time as text": claim(4, "2036-01-01"),
        "time as bool": claim(5, True),
        "nothing of Ecert": claim(ECERT, None, missing),
        "key identifier as cnf": claim(8, {3: b"kid"}, unknown),
        "private key in cnf": claim(8, {1: holder | {-4: bytes(32)}}, "cose_key_malformed"),
        "point not on the curve": claim(8, {1: holder | {-2: b"\xff" * 32}}, "cose_key_malformed"),
        "uncompressed point": claim(8, {1: holder | {-3: HOLDER_KEY.y}}, "cose_key_malformed"),
        "no department": part(missing, dept=None),
        "no kind": part(missing, kind=None),
        "no status": part(missing, status=None),
        "no disclosed claims": part(missing, claims=None),
        "unknown label of Ecert": part(unknown, extra=1),
        "lower case department": part(dept="440100.ga"),
        "long department": part(dept="1" * 21),
        "department with a line end": part(dept="440100\n"),
        "kind zero": part(kind=0),
        "view as text": part(view="full"),
        "status without index": part(status=[3]),
        "negative status index": part(status=[3, -1]),
        "status index over the limit": part(status=[3, 1 << 20]),
        "empty claims": part(claims={}),
        "too many claims": part(claims=dict.fromkeys(range(1, 34), 0)),
        "claim number zero": part(bad, claims={0: 1}),
        "negative claim number": part(bad, claims={-1: 1}),
        "long text": part(bad, claims={1: "x" * 501}),
        "integer over 2^53-1": part(bad, claims={1: 1 << 53}),
        "bytes as claim": part(bad, claims={1: b"x"}),
        "list as claim": part(bad, claims={1: [1]}),
    }


def receipt_cases() -> dict[str, tuple[str, str]]:
    node = bytes(32)
    bad = "card_malformed"
    return {
        "receipt without block": (with_receipt([0, 2, node]), bad),
        "receipt as map": (with_receipt({1: 0}), bad),
        "receipt of size zero": (with_receipt([0, 0, b"", 1]), bad),
        "receipt index at the size": (with_receipt([2, 2, node, 1]), bad),
        "negative receipt index": (with_receipt([-1, 2, node, 1]), bad),
        "receipt size over the limit": (with_receipt([0, (1 << 20) + 1, node, 1]), bad),
        "receipt path cut": (with_receipt([0, 2, node[1:], 1]), bad),
        "receipt path over the limit": (with_receipt([0, 2, node * 21, 1]), bad),
        "receipt path as list": (with_receipt([0, 2, [node], 1]), bad),
    }


def issuer_cases() -> dict[str, tuple[str, str]]:
    good = card()
    signature = good[-64:]
    malformed = sig_structure(header({1: 5}), cbor_encode(claims()))
    mac = hashlib.sha256(ISSUER_KEY.x + malformed).digest() * 2
    hmac_card = Tag(18, [header({1: 5}), {}, cbor_encode(claims()), mac])
    invalid = "signature_invalid"
    return {
        "signed by another department": (text(card(signer=OTHER)), invalid),
        "kid of another department": (
            text(card(protected=header({4: OTHER_KEY.thumbprint}), signer=OTHER)),
            "card_kid_mismatch",
        ),
        "algorithm none": (text(card(protected=header({1: 0}))), "algorithm_not_allowed"),
        "algorithm HMAC with the public key": (
            text(cbor_encode(hmac_card)),
            "algorithm_not_allowed",
        ),
        "algorithm of another key type": (
            text(card(protected=header({1: -8}))),
            "algorithm_not_allowed",
        ),
        "signature of zeros": (text(good[:-64] + bytes(64)), invalid),
        "r and s exchanged": (text(good[:-64] + signature[32:] + signature[:32]), invalid),
        "bit flipped in the signature": (text(good[:-1] + bytes([good[-1] ^ 1])), invalid),
        "bit flipped in a claim": (text(replaced(good, b"\xa1\x01\xf5", b"\xa1\x01\xf4")), invalid),
        "department exchanged": (text(replaced(good, b"440100.GA", b"440200.GA")), invalid),
        "longer validity": (
            text(replaced(good, cbor_encode(NOW + 315_360_000), cbor_encode(NOW + 400_000_000))),
            invalid,
        ),
    }


def proof_cases() -> dict[str, tuple[str, str]]:
    time, challenge, signature = proof()
    no_key = card(claims({8: None}))
    false, stale = "card_proof_signature_invalid", "card_proof_stale"
    return {
        "proof of four parts": (shown([time, challenge, signature, 1]), "card_malformed"),
        "proof in a map": (shown({1: time}), "card_malformed"),
        "negative proof time": (shown([-1, challenge, signature]), "card_malformed"),
        "long challenge": (shown([time, bytes(33), signature]), "card_malformed"),
        "challenge as text": (shown([time, "challenge", signature]), "card_malformed"),
        "short proof signature": (shown([time, challenge, bytes(63)]), "card_malformed"),
        "card and proof and more": (text(cbor_encode([card(), proof(), 1])), "card_malformed"),
        "card not wrapped": (text(cbor_encode([b"", proof()])), "cbor_malformed"),
        "no proof": (text(card()), "card_proof_missing"),
        "card names no key": (shown(proof(), no_key), "card_holder_key_missing"),
        "proof of the future": (shown(proof(time=NOW + 6)), "card_proof_early"),
        "stale proof": (shown(proof(time=NOW - 61)), stale),
        "proof of 1970": (shown(proof(time=0)), stale),
        "proof without challenge": (shown(proof(challenge=b"")), "card_challenge_mismatch"),
        "proof for another verifier": (
            shown(proof(challenge=CHALLENGE[::-1])),
            "card_challenge_mismatch",
        ),
        "proof by another key": (shown(proof(signer=OTHER)), false),
        "proof of another card": (shown(proof(over=bytes(32))), false),
        "proof under another domain": (shown(proof(domain=b"ecert-card-proof-v0\0")), false),
        "proof with its time moved": (shown([NOW + 1, challenge, signature]), false),
        "proof with the issuer's signature": (shown([time, challenge, card()[-64:]]), false),
    }


def make() -> dict[str, object]:
    """Return the file's content."""
    groups = (
        text_cases(),
        encoding_cases(),
        structure_cases(),
        claim_cases(),
        receipt_cases(),
        issuer_cases(),
        proof_cases(),
    )
    merged = {name: case for group in groups for name, case in group.items()}
    if len(merged) != sum(map(len, groups)):
        raise AssertionError("two cases have one name")
    return {
        "about": "Verify input with the issuer's key, at the time now, for the challenge shown "
        "(base64url): reading, issuer's signature, holder's proof, in this order. It must be "
        "refused with the code. The valid card passes.",
        "issuer": ISSUER_KEY.jwk,
        "now": NOW,
        "challenge": b64url_encode(CHALLENGE),
        "valid": shown(proof()),
        "cases": [
            {"name": name, "input": given, "code": code} for name, (given, code) in merged.items()
        ],
    }


def encode(content: dict[str, object]) -> str:
    """Return the file's text."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(encode(make()), "utf-8")
