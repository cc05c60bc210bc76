"""The sample tables: enough rows, every one good, the same every time."""

import csv
import datetime as dt
from pathlib import Path

import pytest
from sample_rows import SCRIPT, TODAY

from ecert.identifiers import division_name
from ecert.kinds import Catalogue
from registry.imports import read_table

DAYS = [
    TODAY,
    dt.date(2026, 2, 28),
    dt.date(2027, 1, 1),
    dt.date(2027, 8, 31),
    dt.date(2028, 2, 29),
]


def make(folder: Path, *arguments: str) -> dict[str, bytes]:
    assert SCRIPT.main([str(folder), *arguments]) == 0
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_every_row_is_good_on_its_day(tmp_path: Path, today: dt.date) -> None:
    files = make(tmp_path, "--today", today.isoformat())
    read = 0
    for code, data in files.items():
        result = read_table(data, f"{code}.csv", Catalogue.load().kind(code), today=today)
        assert not [(p.row, p.column, p.en) for p in result.errors]
        assert len(result.rows) == SCRIPT.ROWS[code]
        read += len(result.rows)
    assert read == 240
    assert len(files) == 5


def test_nothing_expires_within_a_month(tmp_path: Path) -> None:
    files = make(tmp_path, "--today", TODAY.isoformat())
    later = TODAY + dt.timedelta(days=30)
    for code, data in files.items():
        result = read_table(data, f"{code}.csv", Catalogue.load().kind(code), today=later)
        assert not result.errors


def test_the_same_seed_and_day_give_the_same_bytes(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "--today", TODAY.isoformat(), "--seed", "7")
    two = make(tmp_path / "two", "--today", TODAY.isoformat(), "--seed", "7")
    other = make(tmp_path / "other", "--today", TODAY.isoformat(), "--seed", "8")
    assert one == two
    assert all(one[code] != other[code] for code in one)


def test_more_rows_begin_with_the_fewer(tmp_path: Path) -> None:
    day = ["--today", TODAY.isoformat(), "--kind", "resident-id"]
    few = make(tmp_path / "few", *day)["resident-id"]
    many = make(tmp_path / "many", *day, "--rows", "500")["resident-id"]
    assert many.startswith(few)
    assert len(many.splitlines()) == 501


@pytest.mark.parametrize("total", [5, 241, 1000])
def test_rows_are_shared_out_to_the_last(tmp_path: Path, total: int) -> None:
    files = make(tmp_path, "--rows", str(total))
    assert sum(len(data.splitlines()) - 1 for data in files.values()) == total


def test_one_citizen_has_several_certificates(tmp_path: Path) -> None:
    make(tmp_path, "--today", TODAY.isoformat())

    def numbers(code: str, header: str) -> set[str]:
        with (tmp_path / f"{code}.csv").open(encoding="utf-8-sig", newline="") as file:
            return {row[header] for row in csv.DictReader(file)}

    drivers = numbers("drivers-licence", "证号")
    assert drivers <= numbers("resident-id", "公民身份号码")
    assert numbers("no-criminal-record", "公民身份号码") <= drivers


def test_divisions_exist() -> None:
    for code in SCRIPT.WORDS["divisions"]:
        assert division_name(code)
