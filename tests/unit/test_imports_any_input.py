"""Imports: whatever the bytes, the answer is a result or a named error."""

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from import_vectors import FOLDER, MAKER

from ecert.errors import EcertError
from ecert.kinds import Catalogue
from registry.imports import ImportResult, read_table
from registry.imports.cells import CellReader
from registry.imports.header import column_letters
from registry.imports.model import Refused

RESIDENT = Catalogue.load().kind("resident-id")
MIDNIGHT = dt.datetime(2020, 1, 2)  # noqa: DTZ001 - a spreadsheet has no zones
EPOCH = dt.date(1899, 12, 30)
GOOD = {
    name: (FOLDER / name).read_bytes()
    for name in ("good.csv", "good.xlsx", "good-deflated.xlsx", "good-shared-strings.xlsx")
}


def answer(data: bytes, name: str) -> ImportResult | EcertError:
    """Read a table; whatever comes back has its sentences."""
    found = outcome(data, name)
    assert isinstance(found, ImportResult) or (found.message("zh") and found.message("en"))
    return found


def outcome(data: bytes, name: str) -> ImportResult | EcertError:
    try:
        result = read_table(data, name, RESIDENT)
    except EcertError as error:
        return error
    for problem in result.errors:
        assert problem.row >= 1
        assert problem.zh
        assert problem.en
    for row in result.rows:
        assert not RESIDENT.problems(row.claims, row=True)
    return result


@given(st.binary(max_size=400), st.sampled_from(["a.csv", "a.xlsx"]))
def test_any_bytes(data: bytes, name: str) -> None:
    answer(data, name)


@given(st.binary(max_size=400))
def test_any_bytes_after_a_zips_first(data: bytes) -> None:
    answer(b"PK\x03\x04" + data, "a.xlsx")


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_change_of_a_few_bytes(name: str, data: st.DataObject) -> None:
    changed = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    answer(bytes(changed), name)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_any_cut(name: str, data: st.DataObject) -> None:
    whole = GOOD[name]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    answer(whole[:start] + whole[end:], name)


cell_texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from([*MAKER.GOOD, "=1", "2026-02-30", "男", "９", "\u202e", "长期", ""]),
)


@given(st.lists(st.lists(cell_texts, max_size=10), max_size=5))
def test_any_cells_of_a_csv(rows: list[list[str]]) -> None:
    data = MAKER.csv(MAKER.HEADER).decode() + MAKER.csv(*rows).decode("utf-8", "surrogatepass")
    answer(data.encode("utf-8", "surrogatepass"), "a.csv")


@given(st.lists(cell_texts, max_size=10))
def test_any_header_of_a_csv(header: list[str]) -> None:
    data = MAKER.csv(header).decode("utf-8", "surrogatepass") + MAKER.csv(MAKER.GOOD).decode()
    answer(data.encode("utf-8", "surrogatepass"), "a.csv")


xml_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
cell_values: st.SearchStrategy[Any] = st.one_of(
    xml_text,
    st.sampled_from(MAKER.GOOD),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(dt.date(1901, 1, 1)),
    st.datetimes(dt.datetime(1901, 1, 1)),  # noqa: DTZ001 - a spreadsheet has no zones
    st.times(),
    st.none(),
)


@given(st.lists(st.lists(cell_values, max_size=9), max_size=3))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_cells_of_an_excel_file(rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(MAKER.HEADER)
    for row in rows:
        sheet.append([f"'{c}" if isinstance(c, str) and c.startswith("=") else c for c in row])
    sheet.append(MAKER.GOOD)
    buffer = io.BytesIO()
    book.save(buffer)
    result = answer(buffer.getvalue(), "a.xlsx")
    assert isinstance(result, ImportResult)
    assert result.rows, "the good row is kept, whatever stands beside it"


def test_a_workbook_of_another_program_reads_as_its_csv_does() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(MAKER.HEADER)
    sheet.append([*MAKER.GOOD[:3], dt.date(1949, 12, 31), *MAKER.GOOD[4:7], MIDNIGHT])
    sheet.append(["=1+1", *MAKER.GOOD[1:]])
    buffer = io.BytesIO()
    book.save(buffer)
    result = read_table(buffer.getvalue(), "a.xlsx", RESIDENT)
    assert result.rows == read_table(GOOD["good.csv"], "a.csv", RESIDENT).rows[:1]
    assert [(p.row, p.column, p.code) for p in result.errors] == [(3, "姓名", "import_formula")]


SCHEMAS: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 9},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "resident-id"},
    {"type": "string", "enum": ["是的", "不"], "x-values": {"不": {"en": "not"}}},
    {"type": "integer"},
    {"type": "boolean"},
    {"type": "array", "items": {"type": "string"}},
]


@given(
    st.sampled_from(SCHEMAS),
    st.one_of(cell_values, st.floats(), st.timedeltas(), st.sampled_from(list(Refused)), st.text()),
    st.sampled_from([EPOCH, dt.date(1904, 1, 1)]),
)
def test_any_cell_of_any_column(schema: dict[str, Any], cell: Any, epoch: dt.date) -> None:
    reader = CellReader("claim", {**schema, "x-names": {"zh": "项", "en": "Claim"}}, epoch)
    try:
        value = reader.read(cell)
    except EcertError as error:
        told = error.message("zh") + error.message("en")
    else:
        told = ""
        if schema["type"] == "integer":
            assert value is None or type(value) is int
        if schema.get("format") == "date" and value is not None:
            assert dt.date.fromisoformat(value).isoformat() == value
    assert "<" not in told


@pytest.mark.parametrize(
    ("schema", "cell", "value"),
    [
        (SCHEMAS[0], 123, "123"),
        (SCHEMAS[0], 123.0, "123"),
        (SCHEMAS[0], "  甲　", "甲"),
        (SCHEMAS[1], 20260131, "2026-01-31"),
        (SCHEMAS[1], 46053, "2026-01-31"),
        (SCHEMAS[1], "2026.1.31", "2026-01-31"),
        (SCHEMAS[3], "NOT", "不"),
        (SCHEMAS[4], -5.0, -5),
        (SCHEMAS[4], "-5", -5),
        (SCHEMAS[5], "否", False),
        (SCHEMAS[5], True, True),
        (SCHEMAS[5], "YES", True),
        (SCHEMAS[6], "甲、乙；丙; ", ["甲", "乙", "丙"]),
    ],
)
def test_reads_cells_as_their_columns_want(schema: dict[str, Any], cell: Any, value: Any) -> None:
    reader = CellReader("claim", {**schema, "x-names": {"zh": "项", "en": "Claim"}}, EPOCH)
    assert reader.read(cell) == value


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
)
def test_columns_have_letters(index: int, letters: str) -> None:
    assert column_letters(index) == letters
