"""Cases for ``make_verification.py``: whole, but not the right key, content, holder or time."""

import json
from typing import Any

from sd_jwt_parts import (
    AUDIENCE,
    BIRTH,
    HEADER,
    HOLDER_JWK,
    NAME,
    NONCE,
    NOW,
    OTHER,
    b64,
    bind,
    disclosure,
    sha,
)
from verification_parts import (
    FILE,
    ORIGIN,
    OTHER_KEY,
    TAX,
    Json,
    anchored,
    card,
    case,
    control,
    digest_of,
    file,
    of_other,
    receipt,
    token,
    whole,
)

ASKED = {"audience": AUDIENCE, "nonce": NONCE}
CHALLENGE = bytes(range(16))
IDENTIFIER = "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U"


def text_cases() -> list[Json]:
    return [*issuers(), *contents(), *holders(), *periods()]


def issuers() -> list[Json]:
    """Keys and names of departments mixed up."""
    mixed, there = whole(of_other())
    forged, forged_there = whole(token(key=OTHER))
    own, own_there = whole(of_other(dept=TAX, **_status_of(TAX)))
    stranger, stranger_there = whole(token(dept="440300.GA", **_status_of("440300.GA")))
    unknown = ("key_unknown", "issuer_not_authorised")
    return [
        case("issuer: kid of another department", mixed, 4, *unknown, there),
        case(
            "issuer: kid of the department, signed by another",
            forged,
            1,
            "signature_invalid",
            "tampered",
            forged_there,
        ),
        case(
            "issuer: receipt of another department",
            own,
            2,
            "receipt_department",
            "receipt_false",
            own_there,
        ),
        case("issuer: a department that was never admitted", stranger, 4, *unknown, stranger_there),
        case("issuer: kid of no key", *_kid_of_nobody()),
    ]


def _status_of(department: str) -> Json:
    return {"status": {"status_list": {"idx": 7, "uri": f"{ORIGIN}/v1/status/{department}/1"}}}


def _kid_of_nobody() -> tuple[Any, ...]:
    text, there = whole(token(header=HEADER | {"kid": b64(bytes(32))}))
    return text, 4, "key_unknown", "issuer_not_authorised", there


def contents() -> list[Json]:
    """Signed by the right key over what the kind does not allow."""

    def content(name: str, code: str, *claim: Any) -> Json:
        text, there = whole(token(disclosure(*claim)))
        return case(f"content: {name}", text, 9, code, "content_malformed", there)

    early, there = whole(token(nbf=NOW - 3600 - 86_401))
    bad_card, card_digest = card(claims={1: "Sample", 4: 1})
    no_key, no_key_digest = card(view=2, holder=False)
    return [
        content("a name of 10,000 characters", "claim_too_long", "name", "\u6797" * 10_000),
        content("an empty name", "claim_too_short", "name", ""),
        content("30 February", "claim_date_impossible", "birth_date", "1990-02-30"),
        content("month 13", "claim_date_impossible", "birth_date", "1990-13-01"),
        content("day zero", "claim_date_impossible", "birth_date", "1990-01-00"),
        content("year zero", "claim_date_impossible", "birth_date", "0000-01-01"),
        content("a date without hyphens", "claim_date_impossible", "birth_date", "19900101"),
        content(
            "a date in other digits",
            "claim_date_impossible",
            "birth_date",
            "\u0661\u0669\u0669\u0660-01-01",
        ),
        content(
            "a date before all calendars", "claim_date_out_of_range", "birth_date", "0001-01-01"
        ),
        content("text that reorders", "claim_text_unsafe", "name", "abc\u202edef"),
        content("the Arabic letter mark", "claim_text_unsafe", "name", "abc\u061cdef"),
        content("a space without width", "claim_text_unsafe", "name", "Sam\u200bple"),
        content("a filler that does not show", "claim_text_unsafe", "name", "Sam\u3164ple"),
        content("NUL", "claim_text_unsafe", "name", "Sample\0"),
        content("an escape sequence", "claim_text_unsafe", "name", "\x1b[2JVALID"),
        content("a number as name", "claim_wrong_type", "name", 1),
        content("null as name", "claim_wrong_type", "name", None),
        content("an object as name", "claim_wrong_type", "name", {"a": 1}),
        content("a fraction", "claim_wrong_type", "points", 1.0),
        content("points below zero", "claim_number_out_of_range", "points", -1),
        content("points of 400 digits", "claim_number_out_of_range", "points", 10**400),
        content("an unknown claim", "claim_unknown", "nickname", "x"),
        content("a claim named almost as a clear one", "claim_unknown", "vct ", "x"),
        case(
            "content: valid from long before issue",
            early,
            9,
            "nbf_before_iat",
            "content_malformed",
            there,
        ),
        case(
            "content: a card's claim of no view",
            bad_card,
            9,
            "card_claim_not_in_view",
            "content_malformed",
            anchored(card_digest),
        ),
        case(
            "content: an anonymous card without holder's key",
            no_key,
            9,
            "card_holder_key_required",
            "content_malformed",
            anchored(no_key_digest),
        ),
    ]


def holders() -> list[Json]:
    """Whoever shows it has not proven to hold it."""
    step = (8,)

    def bound(name: str, code: str, text: str, expect: Json | None = ASKED) -> Json:
        data, there = whole(text)
        own = {"expect": expect} if expect else {}
        return case(f"holder: {name}", data, *step, code, "holder_not_proven", there, **own)

    def shown(name: str, code: str, expect: Json, **made: Any) -> Json:
        text, digest = card(**made)
        there = anchored(digest)
        return case(f"holder: {name}", text, *step, code, "holder_not_proven", there, expect=expect)

    held = {"cnf": {"jwk": HOLDER_JWK}}
    plain, urgent = token(**held), token(vct="urn:ecert:urgent:1", **held)
    fresh = {"challenge": b64(CHALLENGE)}
    return [
        bound(
            "an anonymous document without proof", "holder_proof_absent", token(BIRTH, **held), None
        ),
        bound(
            "an anonymous document without holder's key",
            "holder_key_absent",
            token(BIRTH, cnf=...),
            None,
        ),
        bound(
            "a document that shows its own number alone",
            "holder_proof_absent",
            token(disclosure("certificate_identifier", IDENTIFIER), **held),
            None,
        ),
        bound("a proof was required", "holder_proof_absent", plain, {"required": True}),
        bound(
            "a proof for another audience",
            "key_binding_audience_wrong",
            bind(plain, aud="https://other.example"),
        ),
        bound(
            "a proof for another audience, no nonce given",
            "key_binding_audience_wrong",
            bind(plain, aud="https://other.example"),
            {"audience": AUDIENCE},
        ),
        bound("a proof with another nonce", "key_binding_nonce_wrong", bind(plain, nonce="n2")),
        bound("a stale proof", "key_binding_stale", bind(plain, iat=NOW - 301)),
        bound(
            "a proof of another document",
            "key_binding_hash_wrong",
            bind(plain, sd_hash=sha(token(iat=NOW - 3599))),
        ),
        bound("a proof by another key", "key_binding_signature_invalid", bind(plain, key=OTHER)),
        bound(
            "a disclosure added after the proof",
            "key_binding_hash_wrong",
            bind(token(NAME, BIRTH, **held), sd_hash=sha(token(NAME, **held))),
        ),
        bound(
            "a mandatory challenge that nobody gave",
            "holder_challenge_not_given",
            bind(urgent),
            None,
        ),
        shown(
            "a card's proof without challenge",
            "card_challenge_mismatch",
            fresh,
            proof={"challenge": b""},
        ),
        shown(
            "a card's proof for another verifier",
            "card_challenge_mismatch",
            fresh,
            proof={"challenge": bytes(16)},
        ),
        shown("a stale card proof", "card_proof_stale", fresh, proof={"time": NOW - 61}),
        shown("a card proof of the future", "card_proof_early", fresh, proof={"time": NOW + 6}),
        shown(
            "a card proof by another key",
            "card_proof_signature_invalid",
            fresh,
            proof={"signer": OTHER},
        ),
        shown("an anonymous card without proof", "holder_proof_absent", {}, view=2),
        shown(
            "a card's mandatory challenge that nobody gave",
            "holder_challenge_not_given",
            {},
            number=3,
            proof={"challenge": b""},
        ),
    ]


def periods() -> list[Json]:
    def period(name: str, code: str, verdict: str, **changes: Any) -> Json:
        text, there = whole(token(**changes))
        return case(f"period: {name}", text, 7, code, verdict, there)

    return [
        period("ended this second", "document_expired", "expired", exp=NOW),
        period(
            "ended before it began", "document_expired", "expired", nbf=NOW - 1800, exp=NOW - 3600
        ),
        period("ended in 1970", "document_expired", "expired", exp=0),
        period("begins in 301 seconds", "document_not_yet_valid", "not_yet_valid", nbf=NOW + 301),
        period(
            "begins in the year 9999",
            "document_not_yet_valid",
            "not_yet_valid",
            nbf=253_402_300_799,
            exp=...,
        ),
    ]


def text_controls() -> list[Json]:
    """What is just inside the bounds is valid."""

    held = {"cnf": {"jwk": HOLDER_JWK}}
    proven = bind(token(BIRTH, **held))
    urgent = bind(token(vct="urn:ecert:urgent:1", **held))
    pictured, pictured_digest = card(view=2, proof={})
    fresh, fresh_digest = card(number=3, proof={})
    printed, printed_digest = card(holder=False)
    challenge = {"challenge": b64(CHALLENGE)}
    return [
        control("the document that most cases spoil", FILE),
        control("white space around it", f"\n\t {FILE}\r\n"),
        control(
            "its members in another order",
            json.dumps(dict(reversed(json.loads(FILE).items())), indent=2),
        ),
        control("an anonymous document with its proof", *whole(proven), expect=ASKED),
        control("a mandatory challenge answered", *whole(urgent), expect=ASKED),
        control("a document of an organisation", *whole(token(BIRTH, vct="urn:ecert:register:1"))),
        control("a permanent document", *whole(token(exp=...))),
        control("one second before its end", *whole(token(exp=NOW + 1))),
        control("begins in 300 seconds", *whole(token(nbf=NOW + 300))),
        control("valid from 24 hours before issue", *whole(token(nbf=NOW - 3600 - 86_400))),
        control(
            "an anonymous card with its proof",
            pictured,
            anchored(pictured_digest),
            expect=challenge,
        ),
        control(
            "a card's mandatory challenge answered", fresh, anchored(fresh_digest), expect=challenge
        ),
        control("a printed card that names the person", printed, anchored(printed_digest)),
        control("the tax office's own document", *_tax()),
    ]


def _tax() -> tuple[str, Json]:
    text = of_other(dept=TAX, **_status_of(TAX))
    digest = digest_of(text)
    assert OTHER_KEY.kid != HEADER["kid"]
    return file(text, receipt(digest, department=TAX)), anchored(digest, TAX)
