"""Kinds: the shipped data files, what they accept and refuse, cards and display."""

import datetime as dt
import hashlib
import json
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_rows import ISSUER, SCRIPT, claims_of

from ecert.encoding import canonical_json
from ecert.errors import ContentError, KindError, messages
from ecert.identifiers import check_certificate_identifier
from ecert.kinds import Catalogue, Kind

DATA = sorted(
    (Path(str(resources.files("ecert.kinds"))) / "data").glob("*.json"), key=lambda path: path.name
)
SCHEMA = json.loads((resources.files("ecert.kinds") / "kind.schema.json").read_text("utf-8"))
NEGATIVE = json.loads(
    (Path(__file__).parents[1] / "vectors/negative/claims.json").read_text("utf-8")
)
CODES = [path.stem for path in DATA]
SAMPLED = list(SCRIPT.ROWS)
"""Kinds that the sample script makes rows of; a new kind need not be one."""
FIVE = {
    "resident-id": 1,
    "no-criminal-record": 10,
    "drivers-licence": 12,
    "student-record": 34,
    "business-licence": 55,
}


def kind(code: str) -> Kind:
    return Catalogue.load().kind(code)


def codes(problems: list[ContentError]) -> list[str]:
    return [problem.code for problem in problems]


@pytest.mark.parametrize("path", DATA, ids=CODES)
def test_every_data_file_has_the_form_that_the_schema_defines(path: Path) -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    jsonschema_rs.validate(SCHEMA, json.loads(path.read_bytes()))


def test_the_five_kinds_are_there_with_their_numbers() -> None:
    numbers = {found.code: found.number for found in Catalogue.load()}
    assert FIVE.items() <= numbers.items()
    assert len(Catalogue.load()) == len(DATA)


@pytest.mark.parametrize("path", DATA, ids=CODES)
def test_a_file_is_named_after_its_kind(path: Path) -> None:
    assert json.loads(path.read_bytes())["code"] == path.stem


def test_kinds_are_found_by_code_vct_and_card_number() -> None:
    catalogue = Catalogue.load()
    for found in catalogue:
        assert catalogue.kind(found.code) is found
        assert catalogue.kind(f"urn:ecert:{found.code}:{found.version}") is found
        assert catalogue.kind_of_card(found.number, found.version) is found


@pytest.mark.parametrize(
    "code", ["", "household-register", "urn:ecert:resident-id:2", "RESIDENT-ID", "x" * 10_000]
)
def test_an_unknown_kind_is_refused(code: str) -> None:
    with pytest.raises(KindError) as caught:
        Catalogue.load().kind(code)
    assert caught.value.code == "kind_unknown"
    assert len(caught.value.message("zh")) < 300


@pytest.mark.parametrize(("number", "version"), [(0, 1), (1, 2), (2**70, 1)])
def test_an_unknown_card_number_is_refused(number: int, version: int) -> None:
    with pytest.raises(KindError, match="kind_unknown"):
        Catalogue.load().kind_of_card(number, version)


def test_the_hash_covers_all_kinds_in_order_of_code() -> None:
    parsed = sorted((json.loads(path.read_bytes()) for path in DATA), key=lambda k: k["code"])
    expected = hashlib.sha256(canonical_json(parsed)).digest()
    assert Catalogue.load().hash == expected
    assert Catalogue.from_files(DATA).hash == expected
    assert Catalogue.from_files(reversed(DATA)).hash == expected
    assert Catalogue.from_files(DATA[1:]).hash != expected


@pytest.mark.parametrize("code", SAMPLED)
def test_sample_claims_fit(code: str) -> None:
    for position in range(20):
        kind(code).validate(claims_of(code, position))


@pytest.mark.parametrize("case", NEGATIVE, ids=lambda case: case["name"])
def test_refuses_claims(case: dict[str, Any]) -> None:
    claims = {**claims_of(case["kind"]), **case.get("set", {})}
    for name in case.get("remove", ()):
        del claims[name]
    problems = kind(case["kind"]).problems(claims)
    assert codes(problems) == case["codes"]
    causes = [getattr(problem.__cause__, "code", None) for problem in problems]
    assert causes == case.get("causes", [None] * len(problems))
    for problem in problems:
        for language in ("zh", "en"):
            assert "<" not in problem.message(language), "a detail of the sentence is missing"
    with pytest.raises(ContentError) as caught:
        kind(case["kind"]).validate(claims)
    assert caught.value.code == case["codes"][0]


def test_no_error_repeats_a_personal_value() -> None:
    secret = "某某某的秘密" * 20
    changed = dict.fromkeys(kind("resident-id").claim_names, secret)
    for problem in kind("resident-id").problems(changed):
        assert secret not in problem.message("zh") + problem.message("en") + repr(problem.details)


@pytest.mark.parametrize("code", SAMPLED)
def test_a_presentation_may_leave_anything_out(code: str) -> None:
    claims = claims_of(code)
    kind(code).validate({}, partial=True)
    for name in claims:
        kind(code).validate({name: claims[name]}, partial=True)
    with pytest.raises(ContentError, match="claim_unknown"):
        kind(code).validate({"nickname": "x"}, partial=True)


@pytest.mark.parametrize("code", SAMPLED)
def test_a_row_may_lack_only_what_the_issuer_adds(code: str) -> None:
    claims = claims_of(code)
    for name in kind(code).claims["required"]:
        without = {key: value for key, value in claims.items() if key != name}
        missing = [] if name in kind(code).issuer_adds else ["claim_missing"]
        assert codes(kind(code).problems(without, row=True)) == missing
        assert codes(kind(code).problems(without)) == ["claim_missing"]


def test_the_issuer_adds_the_certificate_identifier() -> None:
    claims = claims_of("resident-id")
    found = check_certificate_identifier(claims["certificate_identifier"])
    assert (found.issuer, found.serial) == (ISSUER, "000000001")
    assert found.type_code == kind("resident-id").type_code.value
    again = kind("resident-id").with_identifier(claims, issuer="340100", serial="2")
    assert again == claims


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@given(
    st.sampled_from(CODES),
    st.dictionaries(
        st.sampled_from(["name", "id_number", "issue_date", "sex", "_sd", ""]) | st.text(),
        json_values,
    ),
)
def test_any_claims_fit_or_are_refused_with_sentences(code: str, claims: dict[Any, Any]) -> None:
    for problem in kind(code).problems(claims, partial=True):
        sentence = messages()[problem.code]["zh"]
        wanted = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        assert wanted <= set(problem.details)
        assert problem.message("zh").isprintable()


@pytest.mark.parametrize("code", SAMPLED)
def test_cards_select_what_they_show(code: str) -> None:
    claims = claims_of(code)
    for card in kind(code).cards:
        shown = card.select(claims, dt.date(2026, 11, 22))
        assert set(shown) <= set(card.keys)
        assert kind(code).card(card.view) is kind(code).card(card.number) is card
        kind(code).validate_card(card.view, shown)


def test_every_person_holds_cards_by_a_key() -> None:
    for found in Catalogue.load():
        if found.holder_is_person:
            assert all(card.holder_key for card in found.cards)


@pytest.mark.parametrize(
    ("birth", "of_age"), [("2008-03-01", True), ("2008-03-02", False), ("2008-02-29", True)]
)
def test_over_18_is_worked_out_as_of_a_day(birth: str, of_age: bool) -> None:
    card = kind("resident-id").card("over18")
    assert card.select({"birth_date": birth}, dt.date(2026, 3, 1)) == {"over_18": of_age}


def test_born_on_29_february_one_is_of_age_on_1_march() -> None:
    card = kind("resident-id").card("over18")
    claims = {"birth_date": "2008-02-29"}
    assert card.select(claims, dt.date(2026, 2, 28)) == {"over_18": False}
    assert card.select(claims, dt.date(2026, 3, 1)) == {"over_18": True}


@pytest.mark.parametrize(("status", "enrolled"), [("在籍", True), ("休学", False)])
def test_enrolled_is_worked_out_from_the_status(status: str, enrolled: bool) -> None:
    card = kind("student-record").card("enrolled")
    assert card.select({"enrolment_status": status}, dt.date(2026, 3, 1))["enrolled"] is enrolled


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({}, "claim_missing"),
        ({"over_18": 1}, "claim_wrong_type"),
        ({"over_18": True, "name": "张三"}, "claim_unknown"),
        ({"over_18": True, "x" * 10_000: 1}, "claim_unknown"),
    ],
)
def test_a_card_of_another_view_is_refused(claims: dict[str, Any], code: str) -> None:
    with pytest.raises(ContentError) as caught:
        kind("resident-id").validate_card("over18", claims)
    assert caught.value.code == code
    assert len(caught.value.message("en")) < 300


def test_a_card_with_a_wrong_value_is_refused() -> None:
    with pytest.raises(ContentError, match="claim_form_wrong"):
        kind("drivers-licence").validate_card("licence-class", {"vehicle_class": "C9"})


@pytest.mark.parametrize("view", ["", "over21", 99, "x" * 10_000])
def test_an_unknown_view_is_refused(view: str | int) -> None:
    with pytest.raises(KindError, match="kind_card_unknown"):
        kind("resident-id").card(view)


def test_a_derived_claim_needs_its_source() -> None:
    with pytest.raises(ContentError, match="claim_missing"):
        kind("resident-id").card("over18").select({}, dt.date(2026, 3, 1))


@pytest.mark.parametrize("code", CODES)
def test_every_claim_and_value_has_labels(code: str) -> None:
    found = kind(code)
    assert set(found.sensitive) <= set(found.claim_names)
    for name in found.claim_names:
        assert found.columns[found.label(name, "zh")] == name
        assert found.label(name, "en") != found.label(name, "zh")
        for value in found.properties[name].get("enum", ()):
            assert found.value_text(name, value, "zh") == value
            assert found.value_text(name, value, "en").isascii()


def test_display_texts() -> None:
    found = kind("resident-id")
    claims = claims_of("resident-id")
    assert found.title(claims, "zh") == f"居民身份证 {claims['name']}"
    assert found.title({"sex": "男"}, "en") == "Resident ID"
    assert found.title({"name": "{sex}{0}"}, "en") == "Resident ID of {sex}{0}"
    assert found.label("over_18", "en") == "Over 18"
    assert found.label("nickname", "en") == "nickname"
    assert found.value_text("over_18", True, "zh") == "是"
    assert found.value_text("over_18", False, "en") == "no"
    assert found.value_text("anything", ["a", "b"], "zh") == "a、b"
    assert found.value_text("anything", ("a", "b"), "en") == "a, b"
    assert found.value_text("name", "男", "en") == "男"


@pytest.mark.parametrize("code", SAMPLED)
def test_each_kind_ends_as_its_rule_says(code: str) -> None:
    claims = claims_of(code)
    issued = dt.date.fromisoformat(claims["issue_date"])
    end = kind(code).validity_end(issued, claims)
    last = kind(code).last_day(issued, claims)
    if last is None:
        assert end is None
    else:
        assert end is not None
        assert end.isoformat() == f"{last + dt.timedelta(days=1)}T00:00:00+08:00"


@pytest.mark.parametrize(
    ("birth", "issued", "last"),
    [
        ("2010-06-02", "2026-06-01", "2031-06-01"),  # 15: five years
        ("2010-06-01", "2026-06-01", "2036-06-01"),  # 16: ten
        ("2000-06-02", "2026-06-01", "2036-06-01"),  # 25: ten
        ("2000-06-01", "2026-06-01", "2046-06-01"),  # 26: twenty
        ("1980-06-02", "2026-06-01", "2046-06-01"),  # 45: twenty
        ("1980-06-01", "2026-06-01", None),  # 46: permanent
        ("2000-06-01", "2024-02-29", "2034-02-28"),
    ],
)
def test_resident_id_ends_by_the_age_at_issue(birth: str, issued: str, last: str | None) -> None:
    claims = {"birth_date": birth, "issue_date": issued}
    # The claim counts, not the day of the import.
    found = kind("resident-id").last_day(dt.date(2026, 11, 22), claims)
    assert (found and found.isoformat()) == last


def test_a_business_licence_without_a_term_is_permanent() -> None:
    claims = claims_of("business-licence")
    claims.pop("business_term_until", None)
    assert kind("business-licence").validity_end(dt.date(2026, 1, 1), claims) is None
