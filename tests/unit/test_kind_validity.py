"""Validity rules: every phrase of the 76 kinds can be said, and is worked out right."""

import datetime as dt
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import ContentError
from ecert.kinds.validity import age_on, end_instant, last_day, parse_date

RULES = json.loads((Path(__file__).parents[1] / "vectors/validity-rules.json").read_text("utf-8"))
SCHEMA = json.loads((resources.files("ecert.kinds") / "kind.schema.json").read_text("utf-8"))
RULE_SCHEMA = {**SCHEMA["properties"]["validity"], "$defs": SCHEMA["$defs"]}
DAY = dt.date(2020, 3, 2)


def test_the_rules_cover_all_76_kinds() -> None:
    assert sorted(number for rule in RULES for number in rule["kinds"]) == list(range(1, 77))


@pytest.mark.parametrize("case", RULES, ids=lambda case: case["validity"])
def test_each_phrase_is_a_rule(case: dict[str, Any]) -> None:
    jsonschema_rs.validate(RULE_SCHEMA, case["rule"])
    last = last_day(case["rule"], dt.date.fromisoformat(case["issued"]), case["claims"])
    assert (last and last.isoformat()) == case["last"]


@pytest.mark.parametrize(
    ("rule", "claims", "code"),
    [
        ({"type": "by_age", "birth_date": "b", "bands": [{"years": 1}]}, {}, "claim_missing"),
        (
            {"type": "by_age", "birth_date": "b", "bands": [{"years": 1}]},
            {"b": "2001-02-29"},
            "claim_date_impossible",
        ),
        (
            {"type": "by_age", "birth_date": "b", "bands": [{"until_age": 9, "years": 1}]},
            {"b": "2000-01-01"},
            "claim_number_out_of_range",
        ),
        (
            {"type": "by_number", "claim": "n", "bands": [{"years": 1}]},
            {"n": "many"},
            "claim_wrong_type",
        ),
        (
            {"type": "by_claim", "claim": "c", "cases": {"a": {"years": 1}}},
            {"c": "b"},
            "claim_not_allowed",
        ),
        (
            {"type": "by_claim", "claim": "c", "cases": {"a": {"years": 1}}},
            {"c": ["a"]},
            "claim_wrong_type",
        ),
        (
            {"type": "until_claim", "claim": "u", "at_most": {"years": 5}},
            {"u": "2025-03-03"},
            "claim_beyond_term",
        ),
        ({"type": "until_claim", "claim": "u"}, {}, "claim_missing"),
        ({"type": "fixed", "years": 1, "from": "f"}, {"f": "soon"}, "claim_date_impossible"),
        (
            {"type": "fixed", "years": 1, "from": "f"},
            {"f": "9999-01-01"},
            "claim_date_out_of_range",
        ),
        ({"type": "fixed", "days": 1, "from": "f"}, {"f": "9999-12-31"}, "claim_date_out_of_range"),
    ],
)
def test_refuses_claims_that_decide_nothing(rule: Any, claims: Any, code: str) -> None:
    with pytest.raises(ContentError) as caught:
        last_day(rule, DAY, claims)
    assert caught.value.code == code
    assert "<" not in caught.value.message("zh") + caught.value.message("en")


def test_validity_ends_at_midnight_in_china() -> None:
    end = end_instant(dt.date(2026, 12, 31))
    assert end is not None
    assert end.astimezone(dt.UTC).isoformat() == "2026-12-31T16:00:00+00:00"


def test_the_last_day_of_the_calendar_has_no_end() -> None:
    with pytest.raises(ContentError, match="claim_date_out_of_range"):
        end_instant(dt.date.max)


@given(st.dates(), st.sampled_from(["years", "months", "days"]), st.integers(1, 100))
def test_a_longer_term_ends_later(start: dt.date, unit: str, number: int) -> None:
    def end(count: int) -> dt.date:
        try:
            return last_day({"type": "fixed", unit: count}, start, {}) or dt.date.max
        except ContentError:
            return dt.date.max

    assert start < end(number) or end(number) == dt.date.max
    assert end(number) < end(number + 1) or end(number + 1) == dt.date.max


@given(st.dates(max_value=dt.date(9000, 1, 1)), st.integers(1, 100))
def test_a_year_is_twelve_months(start: dt.date, years: int) -> None:
    as_years = last_day({"type": "fixed", "years": years}, start, {})
    assert as_years == last_day({"type": "fixed", "months": 12 * years}, start, {})


@given(st.dates(), st.dates())
def test_age_counts_birthdays(birth: dt.date, day: dt.date) -> None:
    birthdays = 0
    for year in range(birth.year + 1, day.year + 1):
        try:
            birthday = birth.replace(year=year)
        except ValueError:
            birthday = dt.date(year, 3, 1)
        birthdays += birthday <= day
    if birth <= day:
        assert age_on(birth, day) == birthdays


@given(st.text(max_size=12) | st.from_regex(r"\A\d{4}-\d{2}-\d{2}\Z"))
def test_only_one_form_of_date_is_read(text: str) -> None:
    try:
        day = parse_date(text, "claim")
    except ContentError:
        return
    assert day.isoformat() == text


@pytest.mark.parametrize("value", [None, 20260131, b"2026-01-31", dt.date(2026, 1, 31)])
def test_a_date_is_text(value: object) -> None:
    with pytest.raises(ContentError, match="claim_date_impossible"):
        parse_date(value, "claim")
