"""Every row of the verdict table, each from a document that was valid but for one change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecert import card, sd_jwt
from ecert.artefact import Expectation
from ecert.authority import Interval
from ecert.errors import messages
from ecert.report import Outcome, Report, Verdict
from ecert.signing import ED25519, SoftwareSigner
from tests.fakes.world import CITY, POLICE, RESIDENT, World

AUDIENCE, NONCE = "https://school.example", "n-0S6_WzA2Mj"
ASKED = Expectation(audience=AUDIENCE, nonce=NONCE)


@pytest.fixture
def world() -> World:
    return World()


def outcomes(report: Report) -> str:
    """The ten steps as text: p passed, F failed, - not checked."""
    marks = {Outcome.PASSED: "p", Outcome.FAILED: "F", Outcome.NOT_CHECKED: "-"}
    assert [step.number for step in report.steps] == list(range(10))
    for step in report.steps:
        assert "<" not in step.message("en") + step.message("zh"), step
    return "".join(marks[step.outcome] for step in report.steps)


def paper(world: World, **issue: Any) -> bytes:
    issued = world.issue(**issue)
    (receipt,) = world.anchor(issued.digest)
    return world.file(issued.text, receipt)


def presented(world: World, *names: str, **issue: Any) -> bytes:
    holder = SoftwareSigner.generate()
    issued = world.issue(holder=holder.public_key, **issue)
    (receipt,) = world.anchor(issued.digest)
    shown = sd_jwt.present(
        issued.text, names, holder=holder, audience=AUDIENCE, nonce=NONCE, now=world.now
    )
    return world.file(shown, receipt)


def test_a_paper_document_is_valid_and_its_holder_not_checked(world: World) -> None:
    report = world.verifier().verify(paper(world), now=world.now)
    assert (report.verdict, outcomes(report)) == (Verdict.VALID, "pppppppp-p")
    assert report.subject and report.subject.claims == RESIDENT
    assert report.verdict.exit_code == 0
    assert world.queries == 1


def test_a_presentation_is_valid_for_whom_it_was_made(world: World) -> None:
    data = presented(world, "name", "birth_date")
    report = world.verifier().verify(data, now=world.now, expect=ASKED)
    assert (report.verdict, outcomes(report)) == (Verdict.VALID, "pppppppppp")
    assert report.subject and set(report.subject.claims) == {"name", "birth_date"}


def test_an_ed25519_department_key_serves_as_well() -> None:
    world = World(signer=SoftwareSigner.generate(ED25519))
    assert world.verifier().verify(paper(world), now=world.now).verdict is Verdict.VALID


def test_a_card_with_proof_is_valid_once(world: World) -> None:
    holder = SoftwareSigner.generate()
    issued = world.issue_card(holder=holder.public_key)
    (receipt,) = world.anchor(issued.digest)
    text = card.with_receipt(issued.text, receipt.compact())
    shown = card.with_proof(text, holder=holder, now=world.now, challenge=b"12345678")
    verifier, expect = world.verifier(), Expectation(challenge=b"12345678")
    report = verifier.verify(shown, now=world.now, expect=expect)
    assert (report.verdict, outcomes(report)) == (Verdict.VALID, "pppppppppp")
    assert report.subject and report.subject.claims == {"over_18": True}
    again = verifier.verify(shown, now=world.now, expect=expect)
    assert again.verdict is Verdict.HOLDER_NOT_PROVEN
    # Anonymous by itself, so without the holder's proof it is worth nothing.
    assert world.verifier().verify(text, now=world.now).verdict is Verdict.HOLDER_NOT_PROVEN


def test_a_presentation_that_identifies_nobody_needs_the_proof(world: World) -> None:
    holder = SoftwareSigner.generate()
    issued = world.issue(holder=holder.public_key)
    (receipt,) = world.anchor(issued.digest)
    anonymous = world.file(sd_jwt.disclose(issued.text, ["sex"]), receipt)
    named = world.file(sd_jwt.disclose(issued.text, ["name"]), receipt)
    verify = world.verifier().verify
    assert verify(anonymous, now=world.now).verdict is Verdict.HOLDER_NOT_PROVEN
    assert verify(named, now=world.now).verdict is Verdict.VALID
    required = Expectation(required=True)
    report = verify(named, now=world.now, expect=required)
    assert report.verdict is Verdict.HOLDER_NOT_PROVEN
    waived = Expectation(waived=True)
    assert verify(anonymous, now=world.now, expect=waived).verdict is Verdict.VALID


def test_without_audience_the_proof_is_not_compared(world: World) -> None:
    report = world.verifier().verify(presented(world, "name"), now=world.now)
    assert report.verdict is Verdict.VALID
    assert report.steps[8].code == "holder_audience_not_compared"
    other = Expectation(audience=AUDIENCE, nonce="another")
    report = world.verifier().verify(presented(world, "name"), now=world.now, expect=other)
    assert (report.verdict, report.steps[8].code) == (
        Verdict.HOLDER_NOT_PROVEN,
        "key_binding_nonce_wrong",
    )


def test_a_bare_token_finds_its_receipt_by_lookup(world: World) -> None:
    issued = world.issue()
    world.anchor(issued.digest)
    assert world.verifier(lookup=True).verify(issued.text, now=world.now).verdict is Verdict.VALID
    report = world.verifier().verify(issued.text, now=world.now)
    assert (report.verdict, report.steps[2].code) == (Verdict.UNDECIDED, "no_receipt")
    assert report.verdict.exit_code == 2


def withdraw_key(world: World) -> None:
    world.register(POLICE, world.signer.public_key, Interval(10, 50))


def compromise_key(world: World) -> None:
    key = world.signer.public_key
    record = world.keys[POLICE, key.thumbprint]
    world.keys[POLICE, key.thumbprint] = replace(record, compromised_since=50)


def register_late(world: World) -> None:
    world.register(POLICE, world.signer.public_key, Interval(51))


def key_of_another(world: World) -> None:
    world.keys[CITY, world.signer.public_key.thumbprint] = world.keys.pop(
        (POLICE, world.signer.public_key.thumbprint)
    )


def junk_under_the_thumbprint(world: World) -> None:
    key = SoftwareSigner.generate().public_key
    record = world.keys[POLICE, world.signer.public_key.thumbprint]
    world.keys[POLICE, world.signer.public_key.thumbprint] = replace(record, x=key.x, y=key.y)


def ancestor_lost_kind(world: World) -> None:
    world.kinds[CITY, "resident-id"] = (Interval(5, 50),)


def kind_granted_late(world: World) -> None:
    world.kinds[POLICE, "resident-id"] = (Interval(51),)


def ancestor_suspended(world: World) -> None:
    city = world.departments[CITY]
    world.departments[CITY] = replace(city, suspensions=(Interval(40, 60),))


def unknown_department(world: World) -> None:
    del world.departments[CITY]


def no_anchor(world: World) -> None:
    world.anchors.clear()


def no_anchor_in_time(world: World) -> None:
    world.anchors.clear()
    world.now += timedelta(days=2)


def anchored_by_another(world: World) -> None:
    world.anchors = {(CITY, root): anchor for (_, root), anchor in world.anchors.items()}
    world.now += timedelta(days=2)


def change_anchor(**changes: int) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.anchors = {k: replace(anchor, **changes) for k, anchor in world.anchors.items()}

    return change


def not_final(world: World) -> None:
    world.final_block = 49


def set_status(value: int) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.statuses[POLICE, 1, 7] = value

    return change


def revoke_root(world: World) -> None:
    world.revoked |= {root for _, root in world.anchors}


def revoke_digest(world: World) -> None:
    world.revoked |= set(world.receipts)


def stale(world: World) -> None:
    world.as_of = int(world.now.timestamp())
    world.now += timedelta(days=20)


def stale_and_revoked(world: World) -> None:
    stale(world)
    set_status(1)(world)


def older_than_the_document(world: World) -> None:
    world.as_of = int((world.now - timedelta(days=1)).timestamp())
    world.keys.clear()


def years_later(world: World) -> None:
    world.now += timedelta(days=366)


def earlier(world: World) -> None:
    world.now -= timedelta(hours=1)


def down(world: World) -> None:
    world.down = True


CASES = [
    (withdraw_key, Verdict.ISSUER_NOT_AUTHORISED, 4, "key_withdrawn"),
    (compromise_key, Verdict.ISSUER_NOT_AUTHORISED, 4, "key_compromised"),
    (register_late, Verdict.ISSUER_NOT_AUTHORISED, 4, "key_not_yet_registered"),
    (key_of_another, Verdict.ISSUER_NOT_AUTHORISED, 4, "key_unknown"),
    (junk_under_the_thumbprint, Verdict.TAMPERED, 1, "key_not_of_thumbprint"),
    (ancestor_lost_kind, Verdict.ISSUER_NOT_AUTHORISED, 5, "kind_not_granted"),
    (kind_granted_late, Verdict.ISSUER_NOT_AUTHORISED, 5, "kind_not_granted"),
    (ancestor_suspended, Verdict.ISSUER_NOT_AUTHORISED, 5, "department_suspended"),
    (unknown_department, Verdict.ISSUER_NOT_AUTHORISED, 5, "department_unknown"),
    (no_anchor, Verdict.NOT_YET_ANCHORED, 3, "not_yet_anchored"),
    (no_anchor_in_time, Verdict.NEVER_ANCHORED, 3, "never_anchored"),
    (anchored_by_another, Verdict.NEVER_ANCHORED, 3, "never_anchored"),
    (change_anchor(size=63), Verdict.RECEIPT_FALSE, 3, "receipt_size"),
    (change_anchor(block=51), Verdict.RECEIPT_FALSE, 3, "receipt_block"),
    (change_anchor(time=1), Verdict.NEVER_ANCHORED, 3, "anchored_late"),
    (change_anchor(time=2**40), Verdict.NEVER_ANCHORED, 3, "anchored_late"),
    (not_final, Verdict.NOT_YET_ANCHORED, 3, "not_yet_final"),
    (set_status(1), Verdict.REVOKED, 6, "status_revoked"),
    (set_status(2), Verdict.SUSPENDED, 6, "status_suspended"),
    (set_status(3), Verdict.UNDECIDED, 6, "status_unknown_value"),
    (revoke_root, Verdict.REVOKED, 6, "root_revoked"),
    (revoke_digest, Verdict.REVOKED, 6, "digest_revoked"),
    (stale, Verdict.UNDECIDED, 6, "source_too_old"),
    (stale_and_revoked, Verdict.REVOKED, 6, "status_revoked"),
    (older_than_the_document, Verdict.UNDECIDED, 1, "source_too_old"),
    (years_later, Verdict.EXPIRED, 7, "document_expired"),
    (earlier, Verdict.NOT_YET_VALID, 7, "document_not_yet_valid"),
    (down, Verdict.UNDECIDED, 1, "rpc_unreachable"),
]


@pytest.mark.parametrize(
    ("change", "verdict", "step", "code"), CASES, ids=[f"{c[3]}-{n}" for n, c in enumerate(CASES)]
)
def test_one_change_decides(
    world: World, change: Callable[[World], None], verdict: Verdict, step: int, code: str
) -> None:
    data = paper(world)
    change(world)
    report = world.verifier().verify(data, now=world.now)
    assert (report.verdict, report.steps[step].code) == (verdict, code), outcomes(report)
    assert report.steps[step].outcome is not Outcome.PASSED


def test_content_that_does_not_fit_its_kind(world: World) -> None:
    for claims in ({**RESIDENT, "sex": "?"}, {**RESIDENT, "extra": 1}, {"id_number": "1" * 18}):
        report = world.verifier().verify(paper(world, claims=claims), now=world.now)
        assert (report.verdict, outcomes(report)) == (Verdict.CONTENT_MALFORMED, "pppppppp-F")
    early = int(world.now.timestamp()) - 3 * 86400
    report = world.verifier().verify(paper(world, clear={"nbf": early}), now=world.now)
    assert report.steps[9].code == "nbf_before_iat"


@pytest.mark.parametrize(
    "clear",
    [
        {"dept": None},
        {"dept": "x" * 21},
        {"vct": "urn:ecert:unknown:1"},
        {"iat": "now"},
        {"iat": True},
        {"nbf": None},
        {"exp": -1},
        {"jti": "AAAA"},
        {"status": {"status_list": {"idx": 1, "uri": "https://elsewhere.example/1"}}},
        {"status": {"status_list": {"idx": 1 << 20, "uri": ""}}},
        {"cnf": {"kid": "x"}},
        {"cnf": {"jwk": "x"}},
        {"nickname": "in clear"},
    ],
)
def test_a_wrong_profile_is_unreadable(world: World, clear: dict[str, Any]) -> None:
    report = world.verifier().verify(paper(world, clear=clear), now=world.now)
    assert (report.verdict, outcomes(report)) == (Verdict.UNREADABLE, "F---------")
    assert report.verdict.exit_code == 3


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe", b"{}", b"hello", b"EC1:", b"~", b"a~b", b"{" * 50, b"x" * 2**21]
)
def test_bad_input_is_a_report(world: World, data: bytes) -> None:
    report = world.verifier().verify(data, now=world.now)
    assert report.verdict is Verdict.UNREADABLE
    assert report.subject is None
    report.to_json()


def test_a_forged_receipt_is_false(world: World) -> None:
    issued, other = world.issue(), world.issue()
    (receipt,) = world.anchor(issued.digest)
    changes: dict[str, Any] = {
        "proof_root": {"root": bytes(32)},
        "proof_length": {"path": receipt.path[1:]},
        "receipt_chain": {"chain_id": 1},
        "receipt_department": {"department": CITY},
    }
    for code, change in changes.items():
        data = world.file(issued.text, replace(receipt, **change))
        report = world.verifier().verify(data, now=world.now)
        assert (report.verdict, report.steps[2].code) == (Verdict.RECEIPT_FALSE, code)
    report = world.verifier().verify(world.file(other.text, receipt), now=world.now)
    assert report.verdict is Verdict.RECEIPT_FALSE


def test_the_report_speaks_both_languages(world: World) -> None:
    value = world.verifier().verify(paper(world), now=world.now).to_json()
    assert value["verdict"] == "valid"
    assert value["message"]["zh"] != value["message"]["en"]
    assert value["document"]["claims"]["name"] == RESIDENT["name"]
    for verdict in Verdict:
        assert set(messages()[f"verdict_{verdict}"]) == {"zh", "en"}
