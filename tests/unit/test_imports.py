"""Imports: every file of the vectors is answered as its case says."""

import datetime as dt
import json
from typing import Any

import pytest
from import_vectors import FOLDER, MAKER

from ecert import limits
from ecert.errors import EcertError, MalformedError
from ecert.kinds import Catalogue
from registry.imports import ImportResult, read_table

CASES = json.loads((FOLDER / "cases.json").read_text("utf-8"))
RESIDENT = Catalogue.load().kind("resident-id")


def read(name: str, **options: Any) -> ImportResult:
    return read_table((FOLDER / name).read_bytes(), name, RESIDENT, **options)


def csv(*rows: list[str]) -> bytes:
    data: bytes = MAKER.csv(*rows)
    return data


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_answers(case: dict[str, Any]) -> None:
    data = (FOLDER / case["file"]).read_bytes()
    kind = Catalogue.load().kind(case["kind"])
    if "code" in case:
        with pytest.raises(EcertError) as caught:
            read_table(data, case["file"], kind)
        assert caught.value.code == case["code"]
        assert "<" not in caught.value.message("zh") + caught.value.message("en")
        return
    result = read_table(data, case["file"], kind)
    assert [row.number for row in result.rows] == case["rows"]
    assert [[p.row, p.column, p.code] for p in result.errors] == case["problems"]
    for problem in result.errors:
        for sentence in (problem.zh, problem.en):
            assert "<" not in sentence, "a detail of the sentence is missing"


def test_the_files_are_those_that_the_script_makes() -> None:
    made = MAKER.files()
    committed = {path.name for path in FOLDER.iterdir() if path.suffix in {".csv", ".xlsx"}}
    assert committed == set(made) == {case["file"] for case in CASES}
    for name in committed - MAKER.DEFLATED:
        assert (FOLDER / name).read_bytes() == made[name], name


@pytest.mark.parametrize(
    "name",
    [
        "good.csv",
        "good-byte-order-mark.csv",
        "good-gb18030.csv",
        "good-blank-lines.csv",
        "good.xlsx",
        "good-deflated.xlsx",
        "good-shared-strings.xlsx",
        "good-serial-dates.xlsx",
        "good-dates-from-1904.xlsx",
        "good-lower-down.xlsx",
    ],
)
def test_the_same_row_reads_the_same_from_every_form(name: str) -> None:
    expected = {
        RESIDENT.columns[header]: cell
        for header, cell in zip(MAKER.HEADER, MAKER.GOOD, strict=True)
    }
    assert read(name).rows[0].claims == expected


def test_labels_in_english_and_other_dates_become_the_kinds_own() -> None:
    claims = read("good-english-headers.csv").rows[0].claims
    assert (claims["sex"], claims["ethnicity"]) == ("女", "汉")
    assert claims["id_number"] == "11010519491231002X"
    assert (claims["birth_date"], claims["issue_date"]) == ("1949-12-31", "2020-01-02")


def test_full_width_digits_are_read_in_dates() -> None:
    assert read("impossible-dates.csv").rows[0].claims["issue_date"] == "2020-01-02"


def test_a_wrong_identifier_says_what_is_wrong_in_it() -> None:
    problem = read("wrong-identifiers.csv").errors[1]
    assert "18" in problem.zh
    assert "18" in problem.en


def test_a_formula_in_a_row_costs_that_row_alone() -> None:
    result = read("formula.xlsx")
    assert [row.claims["name"] for row in result.rows] == ["样例乙"]
    assert result.rows_read == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("table", "import_type_unknown"),
        ("table.xls", "import_type_unknown"),
        ("table.csv.exe", "import_type_unknown"),
        ("", "import_type_unknown"),
        ("\ud800" * 3000, "import_type_unknown"),
        ("table.XLSX", "import_type_mismatch"),
    ],
)
def test_the_ending_says_what_it_is(name: str, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_table(csv(MAKER.HEADER, MAKER.GOOD), name, RESIDENT)
    assert caught.value.code == code
    assert len(caught.value.message("zh")) < 200


def test_an_ending_in_capitals_is_known() -> None:
    assert read_table(csv(MAKER.HEADER, MAKER.GOOD), "TABLE.CSV", RESIDENT).rows


def test_a_file_over_the_bound_is_not_opened() -> None:
    with pytest.raises(MalformedError) as caught:
        read_table(b"x" * (limits.MAX_IMPORT_BYTES + 1), "a.csv", RESIDENT)
    assert caught.value.code == "too_large"
    assert caught.value.details["limit"] == limits.MAX_IMPORT_BYTES


def test_rows_over_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [MAKER.row(住址=f"样例路{number}号") for number in range(6)]
    monkeypatch.setattr(limits, "MAX_IMPORT_ROWS", 5)
    assert len(read_table(csv(MAKER.HEADER, *rows[:5]), "a.csv", RESIDENT).rows) == 5
    with pytest.raises(MalformedError, match="import_too_many_rows"):
        read_table(csv(MAKER.HEADER, *rows), "a.csv", RESIDENT)
    sheet = MAKER.workbook(MAKER.parts(MAKER.table(MAKER.HEADER, *rows)))
    with pytest.raises(MalformedError, match="import_too_many_rows"):
        read_table(sheet, "a.xlsx", RESIDENT)


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("MAX_IMPORT_CELLS", 15, "too_large"),
        ("MAX_IMPORT_PARTS", 4, "import_zip_bomb"),
        ("MAX_IMPORT_UNZIPPED_BYTES", 1000, "import_zip_bomb"),
        ("MAX_IMPORT_COLUMNS", 7, "import_too_many_columns"),
    ],
)
def test_each_bound_of_an_excel_file_holds(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int, code: str
) -> None:
    assert read("good-deflated.xlsx").rows
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(MalformedError) as caught:
        read("good-deflated.xlsx")
    assert caught.value.code == code


def test_errors_over_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [MAKER.row(性别="x", 民族="y") for _ in range(4)]
    monkeypatch.setattr(limits, "MAX_IMPORT_ERRORS", 5)
    result = read_table(csv(MAKER.HEADER, *rows, MAKER.GOOD), "a.csv", RESIDENT)
    assert (len(result.errors), result.errors_left_out) == (5, 3)
    assert [row.number for row in result.rows] == [6]


def test_what_is_not_yet_or_no_longer_valid_is_refused_given_a_day() -> None:
    header = [
        "姓名",
        "公民身份号码",
        "证明编号",
        "查询起始日期",
        "查询截止日期",
        "查询结果",
        "用途",
    ]
    header += ["出具单位", "出具日期"]

    def row(number: int, issued: str) -> list[str]:
        row = ["样例甲", "11010519491231002X", f"A{number:06d}", "1970-01-01", "2026-01-01"]
        return [*row, "未发现犯罪记录", "应聘", "样例公安局", issued]

    data = csv(header, row(1, "2026-03-02"), row(2, "2026-03-03"), row(3, "2026-06-02"))
    kind = Catalogue.load().kind("no-criminal-record")
    assert len(read_table(data, "a.csv", kind).rows) == 3
    result = read_table(data, "a.csv", kind, today=dt.date(2026, 6, 1))
    assert [row.number for row in result.rows] == [3]
    assert [(p.row, p.column, p.code) for p in result.errors] == [
        (2, "出具日期", "import_expired"),
        (4, "出具日期", "import_issued_later"),
    ]
    assert "2026-05-31" in result.errors[0].en


def test_an_open_term_means_no_end() -> None:
    kind = Catalogue.load().kind("business-licence")
    header = [kind.label(name, "zh") for name in kind.claim_names[:-1]]
    values = {
        "credit_code": "91350100M000100Y43",
        "name": "样例有限公司",
        "business_term_until": "长期",
    }
    row = [
        values.get(name, "2020-01-02" if kind.properties[name].get("format") == "date" else "样例")
        for name in kind.claim_names[:-1]
    ]
    result = read_table(csv(header, row), "a.csv", kind)
    assert not result.errors
    assert "business_term_until" not in result.rows[0].claims


def test_whole_numbers_are_read_and_others_refused() -> None:
    kind = Catalogue.load().kind("student-record")
    values = {
        "name": "样例甲", "sex": "女", "birth_date": "1949-12-31",
        "id_number": "11010519491231002X",
        "student_number": "20240001", "school": "样例大学",
        "education_level": "bachelor's programme",
        "study_form": "全日制", "length_of_schooling": "４", "enrolment_date": "2024-09-01",
        "enrolment_status": "在籍", "expected_graduation": "2028-06-30",
        "issuing_authority": "样例大学", "issue_date": "2025-01-01",
    }  # fmt: skip
    header = [kind.label(name, "zh") for name in values]
    rows = [
        [{**values, "length_of_schooling": text}[name] for name in values]
        for text in ("４", "4年", "4.5", "04", "1e1", "")
    ]
    result = read_table(csv(header, *rows), "a.csv", kind)
    assert [row.claims["length_of_schooling"] for row in result.rows] == [4]
    assert result.rows[0].claims["education_level"] == "本科"
    assert [(p.row, p.code) for p in result.errors] == [
        (3, "claim_wrong_type"),
        (4, "claim_wrong_type"),
        (5, "claim_wrong_type"),
        (6, "claim_wrong_type"),
        (7, "claim_missing"),
    ]


def test_a_table_of_another_kind_is_told_its_columns_once() -> None:
    """The columns are listed once, in each language by the headers that it writes."""
    result = read_table(
        csv(["驾驶证号", "准驾车型", "档案编号"], ["1", "2", "3"]), "a.csv", RESIDENT
    )
    unknown = [p for p in result.errors if p.code.startswith("import_column_unknown")]
    assert [p.column for p in unknown] == ["驾驶证号", "准驾车型", "档案编号"]
    assert ["公民身份号码" in p.zh for p in unknown] == [True, False, False]
    assert ["id_number" in p.en for p in unknown] == [True, False, False]
    missing = [p for p in result.errors if p.code == "import_column_missing"]
    assert "issue_date" in [p.en.split('"')[1] for p in missing]
    for problem in result.errors:
        plain = problem.en.replace(problem.column, "")
        assert not any("\u3000" <= char <= "\u9fff" for char in plain), plain
