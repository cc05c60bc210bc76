"""Identifiers: the standards' samples hold, every small change to one is caught."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from ecert import identifiers
from ecert.errors import IdentifierError
from ecert.identifiers import (
    CERTIFICATE_ROOT,
    check_certificate_identifier,
    check_credit_code,
    check_resident_id,
    credit_code_check_character,
    division_name,
    make_certificate_identifier,
    resident_id_check_character,
)

NEGATIVE = json.loads(
    (Path(__file__).parents[1] / "vectors/negative/identifiers.json").read_text("utf-8")
)
CERTIFICATES = [
    "11100000000013338W011.11430000006122244L.20230000403.001.U",
    "11100000000013338W011.11430000006122244L.20230000403.002.S",
    "11100000000013338W032.11220000013544541J.2430599.001.F",
    "11100000000013338W009.11330105002500287C.2025052201.002.0",
    "11100000MB03271699022.340100.000000016.001.9",
]
CHECKS = [check_resident_id, check_credit_code, check_certificate_identifier]
CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.mark.parametrize("case", NEGATIVE, ids=lambda case: case["name"])
def test_refuses(case: dict[str, str]) -> None:
    with pytest.raises(IdentifierError) as caught:
        getattr(identifiers, case["check"])(case["input"])
    assert caught.value.code == case["code"]
    for language in ("zh", "en"):
        sentence = caught.value.message(language)
        assert "<" not in sentence, "a detail of the sentence is missing"
        assert not case["input"] or case["input"] not in sentence, "an identifier is personal"


def test_resident_id_parts() -> None:
    number = check_resident_id("11010519491231002X")
    assert number.division == "110105"
    assert number.birth_date == dt.date(1949, 12, 31)
    assert (number.sequence, number.sex) == ("002", "female")


@pytest.mark.parametrize(
    ("division", "year"),
    [
        ("659001", "1950"),  # listed since 1986 only, after the birth
        ("110222", "1990"),  # not listed since 1998
        ("810000", "1990"),
        ("820000", "1990"),
        ("830000", "1990"),
    ],
)
def test_resident_id_keeps_the_division_of_its_day(division: str, year: str) -> None:
    body = f"{division}{year}0101001"
    assert check_resident_id(body + resident_id_check_character(body)).division == division


@pytest.mark.parametrize("text", ["91350100M000100Y43", "11430000006122244L"])
def test_credit_code_parts(text: str) -> None:
    code = check_credit_code(text)
    assert code.text == text
    assert code.authority + code.entity_type + code.division + code.organisation == text[:-1]


@pytest.mark.parametrize("first", "NYA")
def test_credit_code_of_authorities_written_as_letters(first: str) -> None:
    body = first + "1350100M000100Y4"
    assert check_credit_code(body + credit_code_check_character(body)).authority == first


@pytest.mark.parametrize("text", CERTIFICATES)
def test_certificate_identifier_with_and_without_root(text: str) -> None:
    found = check_certificate_identifier(text)
    assert found == check_certificate_identifier(CERTIFICATE_ROOT + text)
    assert found.text == CERTIFICATE_ROOT + text
    made = make_certificate_identifier(found.type_code, found.issuer, found.serial, found.version)
    assert made == found.text


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", [None, 0, 11010519491231002, b"11010519491231002X", [], object()])
def test_refuses_what_is_not_text(check, value: object) -> None:
    with pytest.raises(IdentifierError) as caught:
        check(value)
    assert caught.value.code == "identifier_not_text"


@pytest.mark.parametrize("part", range(4))
def test_maker_refuses_what_is_not_text(part: int) -> None:
    parts: list = ["11100000000013338W011", "340100", "1", "001"]
    parts[part] = None
    with pytest.raises(IdentifierError, match="identifier_not_text"):
        make_certificate_identifier(*parts)


def refusal(check, text: str) -> IdentifierError | None:
    try:
        found = check(text)
    except IdentifierError as error:
        return error
    assert found.text.endswith(text)
    return None


@given(
    st.sampled_from(CHECKS),
    st.one_of(st.text(max_size=200), st.text(alphabet="0123456789ABCXYZ.", max_size=70)),
)
def test_any_text_is_checked_or_refused_with_a_known_code(check, text: str) -> None:
    error = refusal(check, text)
    assert error is None or error.code in {case["code"] for case in NEGATIVE}


def resident_ids() -> st.SearchStrategy[str]:
    body = st.builds(
        lambda division, birth, sequence: f"{division}{birth:%Y%m%d}{sequence:03d}",
        st.sampled_from(["110105", "430102", "440304", "810000"]),
        st.dates(dt.date(1900, 1, 1), dt.date(2030, 12, 31)),
        st.integers(1, 999),
    )
    return body.map(lambda text: text + resident_id_check_character(text))


def credit_codes() -> st.SearchStrategy[str]:
    body = st.from_regex(r"\A[1-9ANY][1-9][0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}\Z")
    return body.map(lambda text: text + credit_code_check_character(text))


def certificate_identifiers() -> st.SearchStrategy[str]:
    return st.builds(
        make_certificate_identifier,
        credit_codes().flatmap(lambda c: st.from_regex(r"\A[0-9A-Z]{3}\Z").map(lambda t: c + t)),
        st.one_of(credit_codes(), st.from_regex(r"\A[0-9]{6}\Z")),
        st.from_regex(r"\A[0-9A-Z]{1,30}\Z"),
        st.from_regex(r"\A[0-9]{3}\Z"),
    )


def identifiers_with_checks() -> st.SearchStrategy:
    return st.one_of(
        st.tuples(st.just(check_resident_id), resident_ids()),
        st.tuples(st.just(check_credit_code), credit_codes()),
        st.tuples(st.just(check_certificate_identifier), certificate_identifiers()),
    )


@given(identifiers_with_checks(), st.data())
def test_every_change_of_one_character_is_caught(pair, data: st.DataObject) -> None:
    check, text = pair
    check(text)
    start = len(CERTIFICATE_ROOT) if check is check_certificate_identifier else 0
    position = data.draw(st.integers(start, len(text) - 1))
    likely = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.")
    other = data.draw(st.one_of(likely, st.characters()).filter(lambda c: c != text[position]))
    with pytest.raises(IdentifierError):
        check(text[:position] + other + text[position + 1 :])


@given(
    st.one_of(
        st.tuples(st.just(check_resident_id), resident_ids()),
        st.tuples(st.just(check_credit_code), credit_codes()),
    ),
    st.data(),
)
def test_every_swap_of_neighbours_is_caught(pair, data: st.DataObject) -> None:
    # MOD 11-2 and the weights of GB 32100 promise this; MOD 37,36 does not.
    check, text = pair
    at = data.draw(st.integers(0, 16).filter(lambda i: text[i] != text[i + 1]))
    with pytest.raises(IdentifierError):
        check(text[:at] + text[at + 1] + text[at] + text[at + 2 :])


@given(resident_ids())
def test_check_digit_agrees_with_an_independent_library(text: str) -> None:
    assert ric.calc_check_digit(text) == text[-1]


@given(st.text(alphabet=CREDIT, min_size=17, max_size=17))
def test_check_character_agrees_with_an_independent_library(body: str) -> None:
    assert uscc.calc_check_digit(body) == credit_code_check_character(body)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("110105", "北京市朝阳区"),
        ("110000", "北京市"),
        ("419001", "河南省济源市"),  # 义马 until 1989
        ("830000", "台湾"),
        ("110199", None),
        ("990000", None),
        ("１１０１０５", None),
        ("", None),
        ("1101051", None),
    ],
)
def test_division_names(code: str, name: str | None) -> None:
    assert division_name(code) == name
