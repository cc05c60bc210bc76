"""Sources and clocks that are not what they should be.

Whoever is asked may lie, lag or fail: that makes no document valid, and none invalid that is.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.authority import DepartmentRecord, Interval, KeyRecord, Parent
from ecert.errors import MalformedError, TrustError
from ecert.facts import Anchor, Facts, Query
from ecert.report import Outcome, Report, Verdict
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from ecert.verification import Verifier
from tests.fakes.world import CITY, NOW, POLICE, World

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


class Altered:
    """A source that alters what the world would answer."""

    def __init__(self, world: World, **changes: Any) -> None:
        self.world, self.changes = world, changes

    def facts(self, query: Query) -> Facts:
        return replace(self.world.facts(query), **self.changes)


def verify(world: World, source: Any, data: bytes | str, **options: Any) -> Report:
    trust = TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=world.now)
    return Verifier(trust, source, **options).verify(data, now=world.now)


def test_records_of_another_chain_decide_nothing(world: World) -> None:
    report = verify(world, Altered(world, chain_id=1), paper(world))
    assert (report.verdict, report.steps[1].code) == (Verdict.UNDECIDED, "source_other_chain")
    assert "8213001" in report.steps[1].message("en")
    assert report.as_of is None and report.basis is None


def test_any_failure_of_a_source_decides_nothing(world: World) -> None:
    class Failing:
        def facts(self, _query: Query) -> Facts:
            raise MalformedError("text_not_ascii_code", where="kind", value="", width=32)

    report = verify(world, Failing(), paper(world))
    assert (report.verdict, report.steps[1].outcome) == (Verdict.UNDECIDED, Outcome.NOT_CHECKED)


def test_a_suite_of_later_times_decides_nothing(world: World) -> None:
    key = world.signer.public_key
    sm2 = KeyRecord(3, key.x, key.y, (Interval(10),))
    report = verify(world, Altered(world, key=sm2), paper(world))
    assert (report.verdict, report.steps[1].code) == (Verdict.UNDECIDED, "suite_unknown")


@pytest.mark.parametrize(
    "change",
    [
        {"root": bytes(32)},
        {"size": 63},
        {"block": 51},
        {"path": ()},
        {"department": CITY},
        {"chain_id": 1},
        {"contract": bytes(20)},
    ],
    ids=str,
)
def test_a_receipt_that_was_looked_up_accuses_nobody(world: World, change: dict[str, Any]) -> None:
    issued = world.issue()
    (receipt,) = world.anchor(issued.digest)
    world.receipts[issued.digest] = replace(receipt, **change)
    report = verify(world, world, issued.text, receipts=world)
    assert report.verdict is Verdict.UNDECIDED
    assert "receipt_source_wrong" in {step.code for step in report.steps}
    # Whoever brings such a receipt along is another matter.
    brought = verify(world, world, world.file(issued.text, replace(receipt, **change)))
    assert brought.verdict is Verdict.RECEIPT_FALSE


def test_a_root_that_a_registry_made_up_accuses_nobody(world: World) -> None:
    issued = world.issue()
    (receipt,) = world.anchor(issued.digest)
    world.anchors.clear()
    world.now += timedelta(days=2)
    report = verify(world, world, issued.text, receipts=world)
    assert (report.verdict, report.steps[3].code) == (Verdict.UNDECIDED, "receipt_source_wrong")
    brought = verify(world, world, world.file(issued.text, receipt))
    assert brought.verdict is Verdict.NEVER_ANCHORED


def test_an_old_source_cannot_say_that_nothing_was_anchored(world: World) -> None:
    data = paper(world)
    world.anchors.clear()
    world.as_of = int(world.now.timestamp())
    world.now += timedelta(days=20)
    report = verify(world, world, data)
    assert (report.verdict, report.steps[3].code) == (Verdict.UNDECIDED, "source_too_old")


HISTORIES: list[tuple[dict[str, Any], Verdict]] = [
    ({"parents": ()}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"parents": (Parent(None, 51),)}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"parents": (Parent(POLICE, 5),)}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"parents": (Parent(CITY, 5), Parent(POLICE, 50))}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"parents": (Parent("NOBODY", 5),)}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"parents": tuple(Parent(CITY, n) for n in range(5, 10_005))}, Verdict.VALID),
    ({"kind": (Interval(60), Interval(5))}, Verdict.VALID),
    ({"kind": (Interval(50, 50),)}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"kind": (Interval(10**30, -1),)}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"kind": (Interval(-(10**30), 10**30),)}, Verdict.VALID),
    ({"kind": ()}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"suspensions": (Interval(10**9, 5), Interval(49))}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"suspensions": tuple(Interval(n, n) for n in range(10_000))}, Verdict.VALID),
    ({"admitted_at": 10**30}, Verdict.ISSUER_NOT_AUTHORISED),
    ({"admitted_at": -1}, Verdict.VALID),
]


@pytest.mark.parametrize(("change", "verdict"), HISTORIES, ids=range(len(HISTORIES)))
def test_impossible_histories(world: World, change: dict[str, Any], verdict: Verdict) -> None:
    data = paper(world)
    record = replace(world.departments[POLICE], **{"kind": (Interval(5),)} | change)
    city = replace(world.departments[CITY], kind=(Interval(5),))
    report = verify(world, Altered(world, lineage={POLICE: record, CITY: city}), data)
    assert report.verdict is verdict
    report.to_json()


def test_a_lineage_without_end(world: World) -> None:
    data = paper(world)
    lineage = {
        code: DepartmentRecord(code, 5, (Parent(above, 5),), kind=(Interval(5),))
        for code, above in pairwise([POLICE, *map(str, range(10_000))])
    }
    report = verify(world, Altered(world, lineage=lineage), data)
    assert (report.verdict, report.steps[5].code) == (
        Verdict.ISSUER_NOT_AUTHORISED,
        "lineage_broken",
    )


NUMBERS = (-1, 0, 10**9, 2**64, 2**256, -(2**256))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("field", ["time", "block", "final_block", "status", "anchor", "key"])
def test_impossible_numbers(world: World, field: str, number: int) -> None:
    data = paper(world)
    anchor = world.anchors[next(iter(world.anchors))]
    key = world.keys[next(iter(world.keys))]
    changes: dict[str, list[dict[str, Any]]] = {
        "anchor": [
            {"anchor": Anchor(**{"time": anchor.time, "block": 50, "size": 62} | {name: number})}
            for name in ("time", "block", "size")
        ],
        "key": [
            {"key": replace(key, intervals=(Interval(number, number),))},
            {"key": replace(key, compromised_since=number)},
            {"key": replace(key, suite=number)},
        ],
    }
    for change in changes.get(field, [{field: number}]):
        report = verify(world, Altered(world, **change), data)
        report.to_json()
        harmless = {("block", n) for n in NUMBERS} | {("status", 0)}
        harmless |= {("final_block", n) for n in NUMBERS if n >= 50}
        early = field == "key" and change["key"].compromised_since in (10**9, 2**64, 2**256)
        expected = (field, number) in harmless or early
        assert (report.verdict is Verdict.VALID) == expected, (change, report.steps)


def test_a_clock_set_back_is_noticed(world: World) -> None:
    data, told = paper(world), int(world.now.timestamp())
    for behind, verdict in ((300, Verdict.VALID), (301, Verdict.UNDECIDED)):
        world.as_of = told + behind
        report = verify(world, world, data)
        assert report.verdict is verdict
    assert report.steps[6].code == "clock_behind"
    world.statuses[POLICE, 1, 7] = 1
    assert verify(world, world, data).verdict is Verdict.REVOKED


@pytest.mark.parametrize(
    "now",
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    ],
    ids=str,
)
def test_the_ends_of_time(world: World, now: datetime) -> None:
    data = presented(world, "name")
    verifier = world.verifier()
    if now.year > 2026:
        with pytest.raises(TrustError):
            verifier.verify(data, now=now)
        return
    report = verifier.verify(data, now=now, expect=ASKED)
    assert (report.verdict, report.steps[6].code) == (Verdict.NOT_YET_VALID, "clock_behind")
    report.to_json()
    verifier.verify(b"?", now=now).to_json()


def test_a_time_without_its_zone_is_refused(world: World) -> None:
    data, naive = paper(world), NOW.replace(tzinfo=None)
    for ask in (
        lambda: world.verifier().verify(data, now=naive),
        lambda: TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=naive),
    ):
        with pytest.raises(MalformedError) as caught:
            ask()
        assert caught.value.code == "time_not_aware"
