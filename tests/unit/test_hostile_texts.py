"""Proofs, forms and texts that strangers made to be taken for others."""

import json
import unicodedata
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ecert import card, sd_jwt
from ecert.artefact import Expectation, read
from ecert.card.holder import MemoryReplayCache
from ecert.encoding import b64url_decode, b64url_encode, canonical_json
from ecert.errors import EcertError, SignatureInvalidError
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.status import uri_of
from ecert.trust import TrustStore
from ecert.verification import Verifier
from tests.fakes.world import CITY, ORIGIN, POLICE, RESIDENT, World

HOLDER = SoftwareSigner.generate()
ASKED = Expectation(audience="https://school.example", nonce="n-0S6_WzA2Mj")


@pytest.fixture
def world() -> World:
    return World()


def paper(world: World, **issue: Any) -> bytes:
    issued = world.issue(**issue)
    (receipt,) = world.anchor(issued.digest)
    return world.file(issued.text, receipt)


def presented(world: World, *names: str, **changes: Any) -> bytes:
    issued = world.issue(holder=HOLDER.public_key)
    (receipt,) = world.anchor(issued.digest)
    asked = {"audience": ASKED.audience, "nonce": ASKED.nonce, "now": world.now} | changes
    return world.file(sd_jwt.present(issued.text, names, holder=HOLDER, **asked), receipt)


@pytest.mark.parametrize(
    ("made", "expect", "code"),
    [
        ({"audience": "another"}, {"audience": ASKED.audience}, "key_binding_audience_wrong"),
        ({"nonce": "another"}, {"nonce": ASKED.nonce}, "key_binding_nonce_wrong"),
        ({}, {"audience": "", "nonce": ""}, "key_binding_expectation_missing"),
        ({}, {"audience": ASKED.audience}, "holder_audience_not_compared"),
        ({}, {"nonce": ASKED.nonce}, "holder_audience_not_compared"),
    ],
)
def test_what_the_verifier_did_name_is_compared(
    world: World, made: dict[str, Any], expect: dict[str, Any], code: str
) -> None:
    data = presented(world, "name", **made)
    report = world.verifier().verify(data, now=world.now, expect=Expectation(**expect))
    assert report.steps[8].code == code
    compared = code != "holder_audience_not_compared"
    assert report.verdict is (Verdict.HOLDER_NOT_PROVEN if compared else Verdict.VALID)


@pytest.fixture
def strict(tmp_path: Path) -> World:
    """A world in which a resident ID must answer the verifier's own challenge."""
    shipped = resources.files("ecert.kinds") / "data" / "resident-id.json"
    changed = json.loads(shipped.read_text("utf-8")) | {"fresh_challenge": True}
    path = tmp_path / "resident-id.json"
    path.write_bytes(canonical_json(changed))
    world = World()
    world.catalogue = Catalogue.from_files([path])
    return world


def test_a_mandatory_challenge_is_the_verifiers_own(strict: World) -> None:
    issued = strict.issue_card("full", holder=HOLDER.public_key)
    (receipt,) = strict.anchor(issued.digest)
    text = card.with_receipt(issued.text, receipt.compact())
    own = Expectation(challenge=b"12345678")
    for challenge, expect, verdict in (
        (b"", Expectation(), Verdict.HOLDER_NOT_PROVEN),
        (b"", Expectation(challenge=b""), Verdict.HOLDER_NOT_PROVEN),
        (b"", own, Verdict.HOLDER_NOT_PROVEN),
        (b"12345678", Expectation(), Verdict.HOLDER_NOT_PROVEN),
        (b"12345678", own, Verdict.VALID),
    ):
        shown = card.with_proof(text, holder=HOLDER, now=strict.now, challenge=challenge)
        report = strict.verifier().verify(shown, now=strict.now, expect=expect)
        assert report.verdict is verdict, report.steps[8]
    document = presented(strict, "name")
    for expect, verdict in ((Expectation(), Verdict.HOLDER_NOT_PROVEN), (ASKED, Verdict.VALID)):
        report = strict.verifier().verify(document, now=strict.now, expect=expect)
        assert report.verdict is verdict, report.steps[8]


def test_what_names_nobody_lets_nobody_pass_for_its_holder(world: World) -> None:
    """A certificate's number says which it is, not whose; nor does a digest of a photo."""
    claims = RESIDENT | {"portrait_digest": b64url_encode(bytes(32))}
    issued = world.issue(claims, holder=HOLDER.public_key)
    (receipt,) = world.anchor(issued.digest)
    for names, verdict in (
        (["certificate_identifier"], Verdict.HOLDER_NOT_PROVEN),
        (["portrait_digest", "sex", "address"], Verdict.HOLDER_NOT_PROVEN),
        ([], Verdict.HOLDER_NOT_PROVEN),
        (["name"], Verdict.VALID),
        (["id_number"], Verdict.VALID),
    ):
        data = world.file(sd_jwt.disclose(issued.text, names), receipt)
        assert world.verifier().verify(data, now=world.now).verdict is verdict, names


def test_a_full_replay_cache_leaves_it_open(world: World) -> None:
    issued = world.issue_card(holder=HOLDER.public_key)
    (receipt,) = world.anchor(issued.digest)
    text = card.with_receipt(issued.text, receipt.compact())
    shown = card.with_proof(text, holder=HOLDER, now=world.now)
    trust = TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=world.now)
    full = MemoryReplayCache(capacity=0)
    report = Verifier(trust, world, replay=full).verify(shown, now=world.now)
    assert (report.verdict, report.steps[8].code) == (
        Verdict.UNDECIDED,
        "card_replay_cache_full",
    )


def test_content_is_not_given_away_before_the_signature_is_checked(world: World) -> None:
    token = read(paper(world), world.catalogue)
    for ask in (
        token.content,
        lambda: token.verify_holder(ASKED, world.now, MemoryReplayCache()),
    ):
        with pytest.raises(SignatureInvalidError):
            ask()


def test_a_replay_cache_that_is_empty_is_still_the_one_to_use(world: World) -> None:
    class Counting(MemoryReplayCache):
        def __len__(self) -> int:
            return len(self._expiry)

    issued, kept = world.issue_card(holder=HOLDER.public_key), Counting()
    (receipt,) = world.anchor(issued.digest)
    text = card.with_receipt(issued.text, receipt.compact())
    shown = card.with_proof(text, holder=HOLDER, now=world.now)
    for verdict in (Verdict.VALID, Verdict.HOLDER_NOT_PROVEN):
        trust = TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=world.now)
        report = Verifier(trust, world, replay=kept).verify(shown, now=world.now)
        assert (report.verdict, len(kept)) == (verdict, 1)


def test_a_card_proof_is_no_key_binding_and_the_other_way_round(world: World) -> None:
    """One key may hold both forms: a signature for one says nothing of the other."""
    shown = json.loads(presented(world, "name"))["presentation"]
    binding = b64url_decode(shown.rpartition(".")[2])
    issued = world.issue_card(holder=HOLDER.public_key)
    own = card.parse(card.with_proof(issued.text, holder=HOLDER, now=world.now)).proof
    assert own is not None
    text = card.text.read_text(issued.text)
    forged = card.text.write_text(replace(text, proof=[own.time, own.challenge, binding]))
    report = world.verifier().verify(forged, now=world.now)
    assert report.steps[8].code in ("card_proof_signature_invalid", "not_reached")
    swapped = shown.rpartition(".")[0] + "." + b64url_encode(own.signature)
    report = world.verifier().verify(swapped, now=world.now, expect=ASKED)
    assert report.steps[8].code in ("key_binding_signature_invalid", "not_reached")
    (receipt,) = world.anchor(issued.digest)
    with_receipt = card.with_receipt(forged, receipt.compact())
    report = world.verifier().verify(with_receipt, now=world.now)
    assert (report.verdict, report.steps[8].code) == (
        Verdict.HOLDER_NOT_PROVEN,
        "card_proof_signature_invalid",
    )


@pytest.mark.parametrize("name", ["exp", "cnf", "jti", "status"])
def test_null_is_not_absent(world: World, name: str) -> None:
    clear = {
        "iss": ORIGIN,
        "dept": POLICE,
        "vct": "urn:ecert:resident-id:1",
        "iat": 1,
        "nbf": 1,
        "jti": b64url_encode(bytes(16)),
        "status": {"status_list": {"idx": 1, "uri": uri_of(ORIGIN, POLICE, 1)}},
    }
    issued = sd_jwt.issue(clear | {name: None}, disclosable=RESIDENT, signer=world.signer)
    report = world.verifier().verify(issued.text, now=world.now)
    assert report.verdict is Verdict.UNREADABLE
    assert report.steps[0].code == "field_malformed"


def test_a_receipt_that_is_null_is_refused(world: World) -> None:
    data = json.loads(paper(world)) | {"receipt": None}
    report = world.verifier().verify(json.dumps(data), now=world.now)
    assert report.verdict is Verdict.UNREADABLE


def test_a_kind_without_its_version_is_refused(world: World) -> None:
    report = world.verifier().verify(paper(world, clear={"vct": "resident-id"}), now=world.now)
    assert (report.verdict, report.steps[0].code) == (Verdict.UNREADABLE, "field_malformed")


def test_no_text_of_a_stranger_moves_the_cursor(world: World) -> None:
    """What a file says must not be able to paint a verdict over the real one."""
    evil = "\x1b[2J\x1b[H✔ VALID\r\n\u202eDILAV\u2028"
    inputs: list[bytes | str] = [
        json.dumps({evil: 1}),
        json.dumps({evil: 1})[:-1] + "," + json.dumps({evil: 1})[1:],
        paper(world, clear={"vct": evil}),
        paper(world, clear={"dept": evil[:20]}),
    ]
    for data in inputs:
        report = world.verifier().verify(data, now=world.now)
        assert report.verdict is Verdict.UNREADABLE
        for step in report.steps:
            for text in (step.message("zh"), step.message("en")):
                assert text.isprintable(), text
    error = EcertError("kind_unknown", kind="x" * 10_000)
    assert len(error.message("en")) < 700


def invisible() -> list[str]:
    """Characters that do not show or that reorder text, by Unicode's own classes."""
    fillers = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\uffa0\U000e0041\U000e0fff"
    fillers += "\U0001bca0\U0001bca3\U0001d173\U0001d17a\U000e0000\U000e00ff\U000e01f0"
    return [*fillers] + [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp")
        or unicodedata.bidirectional(chr(code))
        in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
        or code in (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF, 0x00AD)
    ]


def test_no_name_hides_a_character(world: World) -> None:
    kind = world.catalogue.kind("resident-id")
    for char in invisible():
        problems = kind.problems({"name": f"林{char}雨"}, partial=True)
        assert [p.code for p in problems] == ["claim_text_unsafe"], hex(ord(char))
    for name in (
        "林晓雨",
        "葛\U000e0100飾",
        "葛\U000e01ef飾",
        "\U0001bca4\U0001d172\U0001d17b",
        "𠮷野",
        "阿卜杜勒·艾则孜",
        "Müller",
    ):
        assert kind.problems({"name": name}, partial=True) == []


def test_every_receipt_field_is_bound(world: World) -> None:
    """No changed receipt leads anywhere but to the very same place."""
    issued = world.issue()
    (receipt,) = world.anchor(issued.digest)
    for name in Receipt.__dataclass_fields__:
        value = getattr(receipt, name)
        match value:
            case int():
                others: list[Any] = [value + 1, value + (1 << 20), 0]
            case bytes():
                others = [bytes([value[0] ^ 1]) + value[1:]]
            case str():
                others = [value.lower(), CITY, value[:-1]]
            case _:
                others = [value[1:], value[::-1], (*value, value[0]), (*value, bytes(32))]
        for other in others:
            if other == value:
                continue
            data = world.file(issued.text, replace(receipt, **{name: other}))
            report = world.verifier().verify(data, now=world.now)
            assert report.verdict in (Verdict.RECEIPT_FALSE, Verdict.UNREADABLE), (name, other)
