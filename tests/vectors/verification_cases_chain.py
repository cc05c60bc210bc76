"""Cases for ``make_verification.py`` that lie in rights, statuses and sources."""

from typing import Any

from sd_jwt_parts import NOW, flip
from verification_parts import (
    CITY,
    FILE,
    GOOD,
    ISSUER_ID,
    ISSUER_KEY,
    OTHER_KEY,
    POLICE,
    TAX,
    D,
    Json,
    anchored,
    case,
    control,
    digest_of,
    file,
    key_json,
    receipt,
    token,
)

ROOT = receipt(D)["root"]
DAY = 86_400
NOT_AUTHORISED = "issuer_not_authorised"


def chain_cases() -> list[Json]:
    return [*keys(), *kinds(), *statuses(), *sources()]


def key_patch(**changes: Any) -> Json:
    return {"keys": {POLICE: {ISSUER_ID: changes}}}


def keys() -> list[Json]:
    def key(
        name: str, code: str, patch: Json, step: int = 4, verdict: str = NOT_AUTHORISED
    ) -> Json:
        return case(f"key: {name}", FILE, step, code, verdict, patch)

    junk = key_json(OTHER_KEY)
    off_curve = {"y": "0x" + ISSUER_KEY.x.hex()}
    return [
        key("withdrawn before the anchor", "key_withdrawn", key_patch(intervals=[[10, 49]])),
        key("withdrawn in the anchor's block", "key_withdrawn", key_patch(intervals=[[10, 50]])),
        key("between two terms", "key_withdrawn", key_patch(intervals=[[10, 50], [51, None]])),
        key(
            "registered after the anchor",
            "key_not_yet_registered",
            key_patch(intervals=[[51, None]]),
        ),
        key("registered for no block", "key_not_yet_registered", key_patch(intervals=[])),
        key(
            "compromised since the anchor's block",
            "key_compromised",
            key_patch(compromised_since=50),
        ),
        key(
            "compromised and registered again",
            "key_compromised",
            key_patch(compromised_since=20, intervals=[[10, 20], [30, None]]),
        ),
        key(
            "another department's, registered there alone",
            "key_unknown",
            {"keys": {POLICE: None, TAX: {ISSUER_ID: key_json(ISSUER_KEY)}}},
        ),
        key(
            "of the department above",
            "key_unknown",
            {"keys": {POLICE: None, CITY: {ISSUER_ID: key_json(ISSUER_KEY)}}},
        ),
        key(
            "another key under its thumbprint",
            "key_not_of_thumbprint",
            key_patch(**junk),
            1,
            "tampered",
        ),
        key("no point of the curve", "jwk_malformed", key_patch(**off_curve), 1, "tampered"),
        key("of a suite of later times", "suite_unknown", key_patch(suite=3), 1, "undecided"),
    ]


def department_patch(code: str, **changes: Any) -> Json:
    return {"departments": {code: changes}}


def grant(code: str, *intervals: list[int | None]) -> Json:
    return department_patch(code, kinds={"permit": list(intervals)})


def kinds() -> list[Json]:
    def kind(name: str, code: str, patch: Json) -> Json:
        return case(f"kind: {name}", FILE, 5, code, NOT_AUTHORISED, patch)

    circle = {"departments": {CITY: {"parents": [[POLICE, 5]]}}}
    return [
        kind("one that the department may not issue", "kind_not_granted", grant(POLICE)),
        kind("withdrawn before the anchor", "kind_not_granted", grant(POLICE, [5, 49])),
        kind("withdrawn in the anchor's block", "kind_not_granted", grant(POLICE, [5, 50])),
        kind("granted after the anchor", "kind_not_granted", grant(POLICE, [51, None])),
        kind("withdrawn from the department above", "kind_not_granted", grant(CITY, [5, 50])),
        kind("never granted to the department above", "kind_not_granted", grant(CITY)),
        kind(
            "the department was suspended",
            "department_suspended",
            department_patch(POLICE, suspensions=[[40, None]]),
        ),
        kind(
            "the department above was suspended",
            "department_suspended",
            department_patch(CITY, suspensions=[[50, 60]]),
        ),
        kind("the department is unknown", "department_unknown", {"departments": {POLICE: None}}),
        kind(
            "the department was admitted later",
            "department_unknown",
            department_patch(POLICE, admitted_at=51),
        ),
        kind(
            "the department above is unknown", "department_unknown", {"departments": {CITY: None}}
        ),
        kind("ancestors in a circle", "lineage_broken", circle),
        kind("no parent on record", "lineage_broken", department_patch(POLICE, parents=[])),
        kind(
            "a parent from later on alone",
            "lineage_broken",
            department_patch(POLICE, parents=[[None, 51]]),
        ),
        kind(
            "moved under one without the right",
            "kind_not_granted",
            {
                "departments": {
                    POLICE: {"parents": [[CITY, 5], [TAX, 50]]},
                    TAX: {"kinds": {"permit": []}},
                }
            },
        ),
    ]


def statuses() -> list[Json]:
    def status(name: str, code: str, verdict: str, patch: Json, **own: Any) -> Json:
        return case(f"status: {name}", FILE, 6, code, verdict, patch, **own)

    def entry(value: int) -> Json:
        return {"statuses": {POLICE: {"1/7": value}}}

    digest = "0x" + D.hex()
    return [
        status("revoked", "status_revoked", "revoked", entry(1)),
        status("suspended", "status_suspended", "suspended", entry(2)),
        status("a value of later times", "status_unknown_value", "undecided", entry(3)),
        status(
            "this very document revoked",
            "digest_revoked",
            "revoked",
            {"revoked_digests": {POLICE: [digest]}},
        ),
        status(
            "its whole batch revoked",
            "root_revoked",
            "revoked",
            {"revoked_roots": {POLICE: [ROOT]}},
        ),
        status(
            "a snapshot one second too old", "source_too_old", "undecided", {"time": NOW - DAY - 1}
        ),
        status(
            "an old snapshot that knows of the revocation",
            "status_revoked",
            "revoked",
            {"time": NOW - 30 * DAY, **entry(1)},
        ),
        status("a clock behind the chain", "clock_behind", "undecided", {"time": NOW + 301}),
        status("a clock at its beginning", "clock_behind", "undecided", {"time": 253_402_300_799}),
    ]


def sources() -> list[Json]:
    """Whoever is asked may be wrong: that accuses nobody."""
    bare, digest = GOOD, "0x" + D.hex()
    older = {"time": NOW - 7200, "keys": {POLICE: None}, "anchors": {POLICE: None}}
    forged = flip(GOOD, 0, at=-3)

    def looked_up(name: str, step: int, patch: Json | None = None, **changes: Any) -> Json:
        found = [{"digest": digest, "receipt": receipt(D) | changes}]
        return case(
            f"source: {name}",
            bare,
            step,
            "receipt_source_wrong",
            "undecided",
            patch,
            receipts=found,
        )

    return [
        case(
            "source: of another chain", FILE, 1, "source_other_chain", "undecided", {"chain_id": 1}
        ),
        case(
            "source: a snapshot older than the document",
            FILE,
            1,
            "source_too_old",
            "undecided",
            older,
        ),
        case("source: no receipt to be had", bare, 2, "no_receipt", "undecided", receipts=[]),
        case(
            "source: a changed document cannot hide behind a missing receipt",
            forged,
            1,
            "signature_invalid",
            "tampered",
            receipts=[],
        ),
        looked_up("a receipt that was looked up is of another chain", 2, chain_id=1),
        looked_up("a receipt that was looked up leads elsewhere", 2, path=[]),
        looked_up("a receipt that was looked up is of another department", 2, department=TAX),
        looked_up("a receipt that was looked up names another block", 3, block=51),
        looked_up(
            "a root that was looked up is not on the chain",
            3,
            {"anchors": {POLICE: None}, "time": NOW + 2 * DAY},
        ),
    ]


def chain_controls() -> list[Json]:
    """A right that ends after the anchor's block, or returned before it, has ended too late."""
    text = token(iat=NOW - 3 * DAY, nbf=NOW - 3 * DAY)
    digest = digest_of(text)
    old = file(text, receipt(digest))

    def at(seconds: int) -> Json:
        return anchored(digest, time=NOW - 3 * DAY + seconds)

    found = [{"digest": "0x" + D.hex(), "receipt": receipt(D)}]
    return [
        control("a key withdrawn after the anchor", FILE, key_patch(intervals=[[10, 51]])),
        control("a key registered in the anchor's block", FILE, key_patch(intervals=[[50, None]])),
        control("a key compromised after the anchor", FILE, key_patch(compromised_since=51)),
        control("a kind withdrawn after the anchor", FILE, grant(POLICE, [5, 51])),
        control("a kind granted in the anchor's block", FILE, grant(POLICE, [50, None])),
        control("a kind withdrawn above after the anchor", FILE, grant(CITY, [5, 51])),
        control(
            "suspended after the anchor", FILE, department_patch(POLICE, suspensions=[[51, None]])
        ),
        control(
            "suspended and reinstated before",
            FILE,
            department_patch(POLICE, suspensions=[[40, 50]]),
        ),
        control(
            "moved to the top before",
            FILE,
            department_patch(POLICE, parents=[[CITY, 5], [None, 50]]),
        ),
        control(
            "another entry of the list revoked", FILE, {"statuses": {POLICE: {"1/6": 1, "2/7": 1}}}
        ),
        control("another department's entry revoked", FILE, {"statuses": {TAX: {"1/7": 1}}}),
        control(
            "another department's word against it",
            FILE,
            {"revoked_digests": {TAX: ["0x" + D.hex()]}, "revoked_roots": {TAX: [ROOT]}},
        ),
        control(
            "anchored by others as well",
            FILE,
            {"anchors": {TAX: {ROOT: {"time": 1, "block": 1, "size": 1}}}},
        ),
        control("a snapshot as old as the kind allows", FILE, {"time": NOW - DAY}),
        control("a chain 300 seconds ahead", FILE, {"time": NOW + 300}),
        control("anchored 24 hours after issue", old, at(DAY)),
        control("anchored 300 seconds before issue", old, at(-300)),
        control("anchored in the newest final block", FILE, {"final_block": 50}),
        control("a receipt that was looked up", GOOD, receipts=found),
    ]
