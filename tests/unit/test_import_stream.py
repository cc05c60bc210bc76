"""Files read in parts: however they are cut, what is found is what a whole reading finds."""

import datetime as dt
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_vectors import FOLDER, MAKER

from ecert import limits
from ecert.encoding import canonical_json
from ecert.errors import EcertError, MalformedError
from ecert.kinds import Catalogue
from registry.documents.importing import chunks
from registry.documents.reading import MARK, NAMES, ROW_NUMBER, Chunk, Origin, read_chunk, told
from registry.imports import read_table
from registry.imports.table import open_table

RESIDENT = Catalogue.load().kind("resident-id")
TODAY = dt.date(2026, 11, 22)
ORIGIN = Origin("11430000006122244L", "resident-id", "0" * 32, "1" * 32, "submitted", 1_795_000_000)
FILES = sorted(
    path.name
    for path in FOLDER.iterdir()
    if path.suffix in {".csv", ".xlsx"} and path.name != "rows-doubled.csv"  # the database's part
)

Found = tuple[list[tuple[int, dict[str, Any]]], list[dict[str, Any]]]


def whole(data: bytes, name: str) -> Found | str:
    try:
        result = read_table(data, name, RESIDENT, today=TODAY)
    except EcertError as error:
        return error.code
    return (
        [(row.number, row.claims) for row in result.rows],
        [told(problem) for problem in result.errors],
    )


def in_parts(data: bytes, name: str, size: int) -> Found | str:
    rows: list[tuple[int, dict[str, Any]]] = []
    problems: list[dict[str, Any]] = []
    try:
        with io.BytesIO(data) as stream:
            header, lines = open_table(stream, name, max_bytes=limits.MAX_STREAM_BYTES)
            _, wrong = header.columns(RESIDENT)
            if wrong:
                return [], [told(problem) for problem in wrong]
            for part in chunks(lines, size):
                read = read_chunk(Chunk(ORIGIN, header, TODAY, part))
                assert read.rows_read == len(part)
                assert read.problems_total == len(read.problems)
                problems += read.problems
                for row in read.rows:
                    claims = json.loads(row[NAMES.index("claims")])
                    identifier = claims.pop("certificate_identifier")
                    assert row[NAMES.index("certificate_identifier")] == identifier
                    assert not RESIDENT.problems(claims | {"certificate_identifier": identifier})
                    rows.append((row[ROW_NUMBER], claims))
    except EcertError as error:
        return error.code
    return (rows, problems) if rows or problems else "import_empty"


@pytest.mark.parametrize("name", FILES)
def test_every_vector_reads_the_same_in_parts(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    for size in (1, 2, 1000):
        assert in_parts(data, name, size) == whole(data, name)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Rows of which no two are the same, some of them wrong, in either encoding."""
    rows = [MAKER.HEADER]
    for number in range(draw(st.integers(1, 12))):
        changes = draw(
            st.dictionaries(
                st.sampled_from(MAKER.HEADER),
                st.sampled_from(["", "=1", "x", "2026-02-30", "样例", '"a"\r\nb', "９", "汉"]),
                max_size=2,
            )
        )
        row = MAKER.row(**changes)
        row[4] += f" {number}号"
        rows.append(row)
        rows += [[""] * 8] * draw(st.integers(0, 1))
    data: bytes = MAKER.csv(*rows, encoding=draw(st.sampled_from(["utf-8", "gb18030"])))
    return data


@given(tables(), st.integers(1, 5))
def test_any_table_reads_the_same_in_parts_of_any_size(data: bytes, size: int) -> None:
    assert in_parts(data, "a.csv", size) == whole(data, "a.csv")


@given(tables(), st.integers(0, 400), st.integers(1, 3))
def test_a_table_that_is_cut_reads_the_same_too(data: bytes, cut: int, size: int) -> None:
    assert in_parts(data[:-cut], "a.csv", size) == whole(data[:-cut], "a.csv")


def test_the_same_claims_have_the_same_mark_and_others_another() -> None:
    same, other = MAKER.csv(MAKER.HEADER, MAKER.GOOD), MAKER.csv(MAKER.HEADER, MAKER.OTHER)
    marks = []
    for data in (same, same, other):
        header, lines = open_table(io.BytesIO(data), "a.csv", max_bytes=limits.MAX_STREAM_BYTES)
        marks.append(read_chunk(Chunk(ORIGIN, header, TODAY, list(lines))).rows[0][MARK])
    assert marks[0] == marks[1] != marks[2]


def test_a_row_that_never_ends_is_not_taken_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IMPORT_RECORD_CHARS", 1000)
    for data in (b"," * 1001, b'"a\n",' * 300):
        _, lines = open_table(
            io.BytesIO(MAKER.csv(MAKER.HEADER) + data), "a.csv", max_bytes=limits.MAX_STREAM_BYTES
        )
        with pytest.raises(MalformedError, match="row over 1000 characters"):
            list(lines)


def test_a_file_over_the_bound_is_not_opened() -> None:
    data = MAKER.csv(MAKER.HEADER, MAKER.GOOD)
    with pytest.raises(MalformedError, match="too_large"):
        open_table(io.BytesIO(data), "a.csv", max_bytes=len(data) - 1)
    assert open_table(io.BytesIO(data), "a.csv", max_bytes=len(data))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(plain)
def test_the_fast_canonical_form_is_the_slow_one(value: Any) -> None:
    def outcome(value: Any) -> bytes | str:
        try:
            return canonical_json(value)
        except MalformedError as error:
            return error.code

    class Text(str):
        """Kept away from the fast encoder, which takes exact types only."""

        __slots__ = ()

    def slowly(value: Any) -> Any:
        if isinstance(value, str):
            return Text(value)
        if isinstance(value, list):
            return tuple(slowly(item) for item in value)
        if isinstance(value, dict):
            return {Text(key): slowly(item) for key, item in value.items()}
        return value

    # A tuple around it: nothing in it is simple.
    slow = outcome((slowly(value),))
    assert outcome([value]) == slow
