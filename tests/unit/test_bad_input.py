"""The list of bad input that is refused, and where each is tested: nothing on it goes missing.

An entry is a vector, ``file: name`` in ``tests/vectors/negative``, or a test, ``file::function``.
"""

import ast
import json
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

BAD_INPUT: dict[str, tuple[str, ...]] = {
    "bit flips in every part": (
        "verification: flip: the payload",
        "verification: flip: the issuer's signature",
        "verification: flip: a disclosure",
        "verification: flip: the proof's signature",
        "verification: flip: the proof's payload",
        "verification: flip: the receipt's root",
        "verification: flip: node 0 of the receipt's path",
        "verification: flip: node 3 of the receipt's path",
        "cards: bit flipped in the signature",
        "cards: bit flipped in a claim",
        "unit/test_trust.py::test_every_flipped_byte_is_noticed",
        "unit/test_sd_jwt_properties.py::*",
        "unit/test_card_properties.py::*",
    ),
    "a disclosure unreferenced": ("sd_jwt: disclosures: a disclosure that nobody signed",),
    "a disclosure doubled": ("sd_jwt: disclosures: a disclosure twice",),
    "a disclosure overriding an always-clear claim": (
        "sd_jwt: disclosures: overriding a clear claim (jti)",
        "sd_jwt: disclosures: exp from a disclosure",
        "sd_jwt: disclosures: status from a disclosure",
    ),
    "a claim named _sd or ...": (
        "sd_jwt: disclosures: a disclosure named _sd",
        "sd_jwt: disclosures: a disclosure named ...",
    ),
    "duplicate JSON keys": (
        "sd_jwt: form: the payload names a claim twice",
        "sd_jwt: form: the header names alg twice",
        "verification: form: two receipts",
        "verification: form: a key spelt in two ways",
        "trust_files: two contents",
        "cards: doubled claim",
    ),
    "alg none": ("sd_jwt: header: alg none", "cards: algorithm none"),
    "alg HS256 with the public key": (
        "sd_jwt: header: alg HS256 keyed by the public key",
        "cards: algorithm HMAC with the public key",
    ),
    "a wrong typ": ("sd_jwt: header: typ JWT", "sd_jwt: key binding: typ JWT"),
    "a header that brings its own key": (
        "sd_jwt: header: header jwk",
        "cards: key in the header",
    ),
    "crit": ("sd_jwt: header: header crit", "cards: critical header"),
    "key binding missing": (
        "sd_jwt: key binding: missing",
        "verification: holder: a proof was required",
    ),
    "key binding stale": (
        "sd_jwt: key binding: stale",
        "verification: holder: a stale proof",
        "verification: holder: a stale card proof",
    ),
    "key binding early": (
        "sd_jwt: key binding: early",
        "verification: holder: a card proof of the future",
    ),
    "key binding of another token": (
        "sd_jwt: key binding: of another token",
        "verification: holder: a proof of another document",
        "cards: proof of another card",
    ),
    "key binding without sd_hash": ("sd_jwt: key binding: without sd_hash",),
    "a kid of another department": (
        "verification: issuer: kid of another department",
        "verification: issuer: kid of the department, signed by another",
        "verification: key: another department's, registered there alone",
        "cards: kid of another department",
    ),
    "a kind that its department may not issue": (
        "verification: kind: one that the department may not issue",
        "verification: kind: never granted to the department above",
    ),
    "a key withdrawn, before and after": (
        "verification: key: withdrawn before the anchor",
        "verification: key: withdrawn in the anchor's block",
        "verification: key: compromised since the anchor's block",
        "controls: a key withdrawn after the anchor",
        "controls: a key compromised after the anchor",
    ),
    "a kind withdrawn, before and after": (
        "verification: kind: withdrawn before the anchor",
        "verification: kind: withdrawn in the anchor's block",
        "verification: kind: withdrawn from the department above",
        "controls: a kind withdrawn after the anchor",
        "controls: a kind withdrawn above after the anchor",
    ),
    "an inner tree node as a leaf": (
        "verification: receipt: an inner node as a leaf",
        "verification: receipt: a digest as an inner node",
        "unit/test_merkle.py::*",
    ),
    "a truncated path": (
        "verification: receipt: truncated path, last node missing",
        "verification: receipt: truncated path, first node missing",
        "verification: receipt: a card's path cut",
    ),
    "a wrong size": (
        "verification: receipt: size one more",
        "verification: receipt: size zero",
        "verification: receipt: wrong size that the path allows",
    ),
    "a wrong chain": (
        "verification: receipt: wrong chain",
        "verification: source: of another chain",
        "trust_files: after the pinned one: another chain",
    ),
    "a root anchored by another department": (
        "verification: anchor: a root anchored by another department",
        "verification: anchor: a root anchored by the department above",
        "verification: receipt: of a department beside",
    ),
    "a stale snapshot": (
        "verification: status: a snapshot one second too old",
        "verification: source: a snapshot older than the document",
        "controls: a snapshot as old as the kind allows",
    ),
    "an older snapshot": (
        "integration/test_sync.py::test_never_goes_back",
        "unit/test_finality.py::test_an_older_word_is_not_taken_for_news",
    ),
    "a trust file expired": (
        "trust_files: expired",
        "trust_files: after the pinned one: expired",
    ),
    "a trust file unsigned": ("trust_files: unsigned",),
    "a trust file signed by too few": (
        "trust_files: signed by too few",
        "trust_files: one key signs twice",
        "trust_files: a key's name under another's signature",
    ),
    "zip bombs": (
        "imports: bomb hidden",
        "imports: bomb declared",
        "imports: bomb shared string",
        "status_lists: bomb of 16 MiB",
        "unit/test_pdf_read.py::test_attachment_bomb_is_not_unpacked",
        "unit/test_qr_read.py::test_a_decompression_bomb_is_refused_by_its_header",
    ),
    "deep nesting": (
        "verification: form: nested 10,000 deep",
        "sd_jwt: disclosures: nested too deep across disclosures",
        "cards: deep nesting",
        "trust_files: nested too deep",
        "imports: deep",
    ),
    "uploads of 100 MB": (
        "integration/test_api_input.py::test_a_hundred_megabytes_are_refused_without_being_kept",
    ),
    "CSV that is not UTF-8": ("imports: latin 1", "imports: cut utf 8", "imports: utf 16"),
    "Excel formulas": ("imports: formula", "imports: formula prefixed", "imports: formulas"),
    "names of 10,000 characters": (
        "verification: content: a name of 10,000 characters",
        "imports: name of 10000",
    ),
    "impossible dates": (
        "verification: content: 30 February",
        "verification: content: month 13",
        "imports: impossible dates",
    ),
}  # fmt: skip


@cache
def vectors(part: str) -> frozenset[str]:
    """Return the names of a part's cases; parts of ``verification.json`` count as files."""
    folder = TESTS / "vectors" / "negative"
    if part == "imports":
        cases = json.loads((folder / "imports" / "cases.json").read_text("utf-8"))
    elif part in ("sd_jwt", "cards"):
        cases = json.loads((folder / f"{part}.json").read_text("utf-8"))["cases"]
    else:
        whole = json.loads((folder / "verification.json").read_text("utf-8"))
        cases = whole["cases" if part == "verification" else part]
    return frozenset(case["name"] for case in cases)


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    return frozenset(name for name in names if name.startswith("test_"))


@pytest.mark.parametrize("item", BAD_INPUT)
def test_it_is_tested(item: str) -> None:
    assert BAD_INPUT[item]
    for entry in BAD_INPUT[item]:
        path, double_colon, function = entry.partition("::")
        if double_colon:
            found = functions(path)
            assert found if function == "*" else function in found, entry
        else:
            part, _, name = entry.partition(": ")
            assert name in vectors(part), entry
