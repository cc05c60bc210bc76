"""The tree of errors and its tables of sentences."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecert import errors
from ecert.errors import EcertError, MalformedError, messages, reason_of


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Packages ``one`` and ``two`` of which the tables are read anew."""
    for name in ("one", "two"):
        (tmp_path / name / "messages").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(errors, "MESSAGE_PACKAGES", ("one", "two", "not_installed"))
    messages.cache_clear()
    yield tmp_path
    messages.cache_clear()


def test_tables_are_merged_and_a_package_may_be_absent(tables: Path) -> None:
    (tables / "one" / "messages" / "a.toml").write_text('[first]\nzh = "一 {n}"\nen = "one {n}"\n')
    (tables / "one" / "messages" / "readme.txt").write_text("no table")
    (tables / "two" / "messages").rmdir()
    assert list(messages()) == ["first"]
    assert EcertError("first", n=5).message("en") == "one 5"
    assert EcertError("first", n=5).message("zh") == "一 5"


def test_a_code_has_one_sentence(tables: Path) -> None:
    for name in ("one", "two"):
        (tables / name / "messages" / "a.toml").write_text('[same]\nzh = "一"\nen = "one"\n')
    with pytest.raises(RuntimeError, match="same is defined twice"):
        messages()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain 文字", "plain 文字"),
        (5, "5"),
        (2.5, "2.5"),
        (True, "True"),
        (None, "None"),
        (Path("a/b"), "a/b"),
        ("a\nb", "a\\nb"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\udcffb", "a\\udcffb"),
        ("a\U000e0041b", "a\\U000e0041b"),
        (b"\x1b", "b'\\x1b'"),
        (["\x1b"], "['\\x1b']"),
        ("{code} {0.__class__}", "{code} {0.__class__}"),
        ("x" * 501, "x" * 500 + "…"),
    ],
)
def test_what_strangers_wrote_is_shown_and_does_nothing(value: object, shown: str) -> None:
    error = MalformedError("input_unrecognised")
    error.code, error.details = "kind_unknown", {"kind": value}
    assert f'"{shown}"' in error.message("en")
    assert error.message("en").isprintable()
    assert error.details["kind"] == value  # for programs, as it is


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory", "/secret"), "No such file or directory"),
        (TimeoutError(), "timed out"),
        (ConnectionResetError("quoted words"), "connection closed"),
        (OverflowError("quoted words"), "number out of range"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "quoted words"), "not valid text"),
        (KeyError("quoted words"), "it failed"),
    ],
)
def test_why_a_call_failed_is_told_in_words(error: Exception, reason: str) -> None:
    """Neither as the name of a class nor with what the error quotes."""
    assert reason_of(error) == reason
