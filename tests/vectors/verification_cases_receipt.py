"""Cases for ``make_verification.py`` that lie in the receipt or the anchor."""

import hashlib
from typing import Any

import make_cards
from sd_jwt_parts import NOW
from verification_parts import (
    CITY,
    CONTRACTS,
    FILE,
    GOOD,
    LEAVES,
    POLICE,
    TAX,
    D,
    Json,
    anchored,
    batch,
    card,
    case,
    digest_of,
    file,
    receipt,
    token,
)

from ecert.base45 import b45decode
from ecert.merkle import leaf_hash, node_hash

ROOT = receipt(D)["root"]
DAY = 86_400
NOT_AUTHORISED = "issuer_not_authorised"


def receipt_cases() -> list[Json]:
    return [*receipts(), *anchors()]


def receipts() -> list[Json]:
    def false(
        name: str, code: str, step: int = 2, patch: Json | None = None, **changes: Any
    ) -> Json:
        text = file(GOOD, receipt(D) | changes)
        return case(f"receipt: {name}", text, step, code, "receipt_false", patch)

    path = receipt(D)["path"]
    other = receipt(digest_of(token(iat=NOW - 3599)))
    inner, naked = _inner_node(), _naked_tree()
    first = receipt(D, 0)
    at_first = {
        "anchors": {POLICE: {first["root"]: {"time": NOW - 3590, "block": 50, "size": LEAVES}}}
    }
    cut, digest = _cut_card()
    return [
        case(
            "receipt: an inner node as a leaf", file(GOOD, inner), 2, "proof_root", "receipt_false"
        ),
        case(
            "receipt: a digest as an inner node",
            file(GOOD, naked),
            2,
            "proof_root",
            "receipt_false",
            {"anchors": {POLICE: {naked["root"]: {"time": NOW - 3590, "block": 50, "size": 2}}}},
        ),
        false("truncated path, last node missing", "proof_length", path=path[:-1]),
        false("truncated path, first node missing", "proof_length", path=path[1:]),
        false("no path", "proof_length", path=[]),
        false("a node too many", "proof_length", path=[*path, "0x" + "00" * 32]),
        false("the path backwards", "proof_root", path=path[::-1]),
        false("size of half", "proof_length", size=7),
        false("size one", "proof_index", size=1),
        false("size zero", "proof_index", size=0),
        false("size one more", "proof_length", size=12, index=11),
        false("index of the neighbour", "proof_root", index=7),
        false("index at the size", "proof_index", index=LEAVES),
        case(
            "receipt: wrong size that the path allows",
            file(GOOD, first | {"size": 12}),
            3,
            "receipt_size",
            "receipt_false",
            at_first,
        ),
        false("of another document", "proof_root", **other),
        false("wrong chain", "receipt_chain", chain_id=1),
        false("another contract", "receipt_chain", contract="0x" + CONTRACTS["statuses"].hex()),
        false("of a department beside", "receipt_department", department=TAX),
        false("of the department above", "receipt_department", department=CITY),
        false("another block", "receipt_block", 3, block=51),
        false(
            "another size on the chain",
            "receipt_size",
            3,
            {"anchors": {POLICE: {ROOT: {"size": LEAVES + 1}}}},
        ),
        case(
            "receipt: a card's path cut", cut, 2, "proof_length", "receipt_false", anchored(digest)
        ),
    ]


def _inner_node() -> Json:
    """The receipt of the document's parent: as if it were a leaf of the tree one level up."""
    whole = receipt(D)
    return whole | {
        "index": whole["index"] >> 1,
        "size": (LEAVES + 1) // 2,
        "path": whole["path"][1:],
    }


def _naked_tree() -> Json:
    """A tree in which the digest itself, and not its leaf hash, is hashed with its neighbour."""
    beside = hashlib.sha256(b"beside").digest()
    root = node_hash(D, beside)
    assert root != node_hash(leaf_hash(D), beside)
    return receipt(D, index=0) | {
        "index": 0,
        "size": 2,
        "path": ["0x" + beside.hex()],
        "root": "0x" + root.hex(),
    }


def _cut_card() -> tuple[str, bytes]:
    text, digest = card()
    item = b45decode(text[4:])
    path = b"".join(bytes.fromhex(node[2:]) for node in receipt(digest)["path"])
    shorter = make_cards.cbor_encode(path[:-32])
    return make_cards.text(make_cards.replaced(item, make_cards.cbor_encode(path), shorter)), digest


def anchors() -> list[Json]:
    text = token(iat=NOW - 3 * DAY, nbf=NOW - 3 * DAY)
    digest = digest_of(text)
    old = file(text, receipt(digest))

    def at(seconds: int, **changes: Any) -> Json:
        return anchored(digest, time=NOW - 3 * DAY + seconds, **changes)

    def never(name: str, code: str, patch: Json | None) -> Json:
        return case(f"anchor: {name}", old, 3, code, "never_anchored", patch)

    elsewhere = anchored(digest, TAX)
    above = anchored(digest, CITY)
    assert batch(digest) != batch(D)
    waiting = {"anchors": {POLICE: None}}
    return [
        never("none in 24 hours", "never_anchored", None),
        never("a root anchored by another department", "never_anchored", elsewhere),
        never("a root anchored by the department above", "never_anchored", above),
        never("24 hours and a second after issue", "anchored_late", at(DAY + 1)),
        never("301 seconds before issue", "anchored_late", at(-301)),
        never("in 1970", "anchored_late", anchored(digest, time=1)),
        never("in the year 9999", "anchored_late", anchored(digest, time=253_402_300_799)),
        case("anchor: none yet", FILE, 3, "not_yet_anchored", "not_yet_anchored", waiting),
        case(
            "anchor: in a block that is not final",
            FILE,
            3,
            "not_yet_final",
            "not_yet_anchored",
            {"final_block": 49},
        ),
        case(
            "anchor: nobody says what is final",
            FILE,
            3,
            "finality_unknown",
            "undecided",
            {"final_block": -1},
        ),
        case("anchor: a document from the future", *_future()),
    ]


def _future() -> tuple[Any, ...]:
    text = token(iat=NOW + DAY, nbf=NOW)
    digest = digest_of(text)
    return file(text, receipt(digest)), 3, "anchored_late", "never_anchored", anchored(digest)
