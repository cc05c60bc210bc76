"""A broken kind file gives an error that names the file and the place."""

import copy
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import KindError
from ecert.kinds import Catalogue
from ecert.kinds.loader import load_kind

FOLDER = resources.files("ecert.kinds") / "data"
RESIDENT: dict[str, Any] = json.loads((FOLDER / "resident-id.json").read_bytes())
STUDENT: dict[str, Any] = json.loads((FOLDER / "student-record.json").read_bytes())
BUSINESS: dict[str, Any] = json.loads((FOLDER / "business-licence.json").read_bytes())
DELETE = object()

# Path of the change, the new value, and the place that the error must name.
BREAKS: dict[str, tuple[dict[str, Any], list[str | int], Any, str]] = {
    "a member left out": (RESIDENT, ["holder"], DELETE, "/"),
    "a member too many": (RESIDENT, ["colour"], "red", "/"),
    "a code in capitals": (RESIDENT, ["code"], "RESIDENT", "/code"),
    "number 0": (RESIDENT, ["number"], 0, "/number"),
    "no English name": (RESIDENT, ["names"], {"zh": "证"}, "/names"),
    "a type code that names no body": (
        RESIDENT,
        ["type_code", "value"],
        "11100000000013338X001",
        "/type_code/value",
    ),
    "a holder of no sort": (RESIDENT, ["holder"], "animal", "/holder"),
    "an unbounded text": (
        RESIDENT,
        ["claims", "properties", "name", "maxLength"],
        DELETE,
        "/claims/properties/name",
    ),
    "a text bounded beyond what a field may hold": (
        RESIDENT,
        ["claims", "properties", "name", "maxLength"],
        1001,
        "/claims/properties/name",
    ),
    "a pattern without anchors": (
        RESIDENT,
        ["claims", "properties", "portrait_digest", "pattern"],
        "[0-9]",
        "/claims/properties/portrait_digest",
    ),
    "a pattern that is none": (
        RESIDENT,
        ["claims", "properties", "portrait_digest", "pattern"],
        "^[$",
        "/claims/properties/portrait_digest/pattern",
    ),
    "claims that allow others": (
        RESIDENT,
        ["claims", "additionalProperties"],
        True,
        "/claims/additionalProperties",
    ),
    "a claim with a reserved name": (
        RESIDENT,
        ["claims", "properties", "exp"],
        RESIDENT["claims"]["properties"]["name"],
        "/claims/properties/exp",
    ),
    "a label for a value that does not exist": (
        RESIDENT,
        ["claims", "properties", "sex", "x-values", "x"],
        {"en": "x"},
        "/claims/properties/sex/x-values",
    ),
    "a required claim that does not exist": (
        RESIDENT,
        ["claims", "required"],
        [*RESIDENT["claims"]["required"], "nickname"],
        "/claims/required",
    ),
    "no issue date required": (
        BUSINESS,
        ["claims", "required"],
        [name for name in BUSINESS["claims"]["required"] if name != "issue_date"],
        "/claims/required",
    ),
    "validity from a claim that does not exist": (
        RESIDENT,
        ["validity", "birth_date"],
        "born",
        "/validity",
    ),
    "validity from a claim that is not required": (
        STUDENT,
        ["validity", "latest"],
        "major",
        "/validity",
    ),
    "validity from a claim that is no date": (
        RESIDENT,
        ["validity", "birth_date"],
        "name",
        "/claims/properties/name",
    ),
    "validity of two terms": (RESIDENT, ["validity", "bands", 0, "days"], 3, "/validity"),
    "validity of no type": (RESIDENT, ["validity", "type"], "forever", "/validity"),
    "the issuer adds what is not required": (
        RESIDENT,
        ["issuer_adds"],
        ["portrait_digest"],
        "/issuer_adds",
    ),
    "a subject that does not exist": (RESIDENT, ["subject", "id"], "number", "/subject"),
    "a consistency rule on what does not exist": (
        RESIDENT,
        ["consistency", 1, "later"],
        "used",
        "/consistency/1/later",
    ),
    "an ID number without its format": (
        RESIDENT,
        ["consistency", 0, "id"],
        "name",
        "/consistency",
    ),
    "a sensitive claim that does not exist": (
        RESIDENT,
        ["sensitive", "nickname"],
        ["N"],
        "/sensitive",
    ),
    "a sensitive class that does not exist": (
        RESIDENT,
        ["sensitive", "name"],
        ["Z"],
        "/sensitive/name/0",
    ),
    "a column for what does not exist": (RESIDENT, ["columns", "x"], "nickname", "/columns"),
    "a claim without a column": (
        RESIDENT,
        ["columns"],
        {key: name for key, name in RESIDENT["columns"].items() if name != "address"},
        "/columns",
    ),
    "a label that is no header": (RESIDENT, ["columns", "住址"], DELETE, "/columns"),
    "a face with what does not exist": (RESIDENT, ["face", 0], "nickname", "/face"),
    "an order that leaves a claim out": (
        RESIDENT,
        ["display", "order"],
        RESIDENT["display"]["order"][1:],
        "/display/order",
    ),
    "a title with what does not exist": (
        RESIDENT,
        ["display", "title", "en"],
        "ID of {nickname}",
        "/display/title/en",
    ),
    "a title that reaches into a value": (
        RESIDENT,
        ["display", "title", "en"],
        "ID of {name.__class__}",
        "/display/title/en",
    ),
    "a title that formats a value": (
        RESIDENT,
        ["display", "title", "en"],
        "ID of {name:>999999999}",
        "/display/title/en",
    ),
    "a title with an open brace": (
        RESIDENT,
        ["display", "title", "en"],
        "ID of {name",
        "/display/title/en",
    ),
    "two cards of one view": (RESIDENT, ["cards", 1, "view"], "full", "/cards"),
    "two cards of one number": (RESIDENT, ["cards", 1, "number"], 1, "/cards"),
    "two claims of one integer": (RESIDENT, ["cards", 0, "claims", "name"], 2, "/cards/0/claims"),
    "a card with what does not exist": (
        RESIDENT,
        ["cards", 0, "claims", "nickname"],
        99,
        "/cards/0/claims",
    ),
    "a derived claim that hides another": (
        RESIDENT,
        ["cards", 1, "derive", "name"],
        RESIDENT["cards"][1]["derive"]["over_18"],
        "/cards/1/derive/name",
    ),
    "a derived claim that the card leaves out": (
        RESIDENT,
        ["cards", 1, "derive", "over_21"],
        RESIDENT["cards"][1]["derive"]["over_18"],
        "/cards/1/derive/over_21",
    ),
    "an age from what is no date": (
        RESIDENT,
        ["cards", 1, "derive", "over_18", "from"],
        "name",
        "/claims/properties/name",
    ),
    "an anonymous card without a holder's key": (
        RESIDENT,
        ["cards", 1, "holder_key"],
        False,
        "/cards/1",
    ),
    "an anonymous card on paper": (RESIDENT, ["paper_card"], "over18", "/cards/1"),
    "no card for paper": (RESIDENT, ["paper_card"], "back", "/paper_card"),
    "a status good for ever": (RESIDENT, ["max_status_age"], 10**9, "/max_status_age"),
}


def changed(base: dict[str, Any], path: list[str | int], value: Any) -> bytes:
    raw: Any = copy.deepcopy(base)
    target = raw
    for step in path[:-1]:
        target = target[step]
    if value is DELETE:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return json.dumps(raw).encode()


@pytest.mark.parametrize("name", BREAKS)
def test_names_file_and_place(name: str) -> None:
    base, path, value, place = BREAKS[name]
    with pytest.raises(KindError) as caught:
        load_kind(changed(base, path, value), "broken.json")
    assert caught.value.code == "kind_file_malformed"
    assert (caught.value.details["file"], caught.value.details["place"]) == ("broken.json", place)
    assert "broken.json" in caught.value.message("zh")
    assert place in caught.value.message("en")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"code": "a", "code": "b"}',
        b"[" * 10_000,
        b" " * 70_000,
        b'{"number": 1e999}',
    ],
    ids=lambda data: repr(data[:20]),
)
def test_refuses_what_is_no_kind_file(data: bytes) -> None:
    with pytest.raises(KindError) as caught:
        load_kind(data, "broken.json")
    assert caught.value.code == "kind_file_malformed"
    assert caught.value.message("zh")


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every path in a JSON value but its root."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    found = [path] if path else []
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


@given(
    st.sampled_from(places(STUDENT)),
    st.sampled_from([DELETE, None, True, 0, -1, 10**30, 1.5, "", "x", "name", [], {}, ["x"]]),
)
def test_any_change_of_a_file_loads_or_is_named(path: tuple[str | int, ...], value: Any) -> None:
    wrong: Callable[[], bytes] = lambda: changed(STUDENT, list(path), value)  # noqa: E731
    try:
        kind, _ = load_kind(wrong(), "broken.json")
    except KindError as error:
        place = str(error.details["place"])
    else:
        place = "/"
        assert kind.code
    assert place.startswith("/")


def test_two_kinds_may_not_share_a_number(tmp_path: Path) -> None:
    for name, code in (("a.json", "kind-a"), ("b.json", "kind-b")):
        (tmp_path / name).write_bytes(changed(RESIDENT, ["code"], code))
    with pytest.raises(KindError, match="kind_doubled"):
        Catalogue.from_files(tmp_path.iterdir())


def test_two_kinds_may_not_share_a_code(tmp_path: Path) -> None:
    for name, number in (("a.json", 1), ("b.json", 2)):
        (tmp_path / name).write_bytes(changed(RESIDENT, ["number"], number))
    with pytest.raises(KindError, match="kind_doubled"):
        Catalogue.from_files(tmp_path.iterdir())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KindError) as caught:
        Catalogue.from_files([tmp_path / "absent.json"])
    assert caught.value.code == "kind_file_unreadable"
    assert "absent.json" in caught.value.message("zh")
