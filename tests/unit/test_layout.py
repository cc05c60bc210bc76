"""Storage slots by the compiler's layout: the rules of Solidity's documentation, nothing else."""

import pytest
from eth_hash.auto import keccak

from ecert.chain.layout import Layout
from ecert.errors import MalformedError

CODE = b"CITY".ljust(20, b"\0")


def number(value: int) -> bytes:
    return value.to_bytes(32)


def slot_of(*parts: bytes) -> int:
    return int.from_bytes(keccak(b"".join(parts)))


def test_a_variable_that_shares_its_word() -> None:
    anchors = Layout.of("AnchorRegistry")
    successor, closed_at = anchors.path("_successor"), anchors.path("_closedAt")
    assert (successor.slot, successor.bits) == (2, (0, 160))
    assert (closed_at.slot, closed_at.bits) == (2, (160, 224))
    word = bytes(4) + (77).to_bytes(8) + b"\x99" * 20
    assert successor.read_bytes(word) == b"\x99" * 20
    assert closed_at.read(word) == 77


def test_mappings_within_mappings() -> None:
    root = b"r" * 32
    outer = slot_of(CODE.ljust(32, b"\0"), number(4))
    assert Layout.of("AnchorRegistry").path("_anchors", CODE, root).slot == slot_of(
        root, number(outer)
    )
    by_list = slot_of(number(3), number(outer))
    place = Layout.of("StatusRegistry").path("_words", CODE, 3, 1023)
    assert (place.slot, place.bits) == (slot_of(number(1023), number(by_list)), (0, 256))


def test_structs_arrays_enums_and_addresses() -> None:
    departments = Layout.of("DepartmentRegistry")
    first = slot_of(CODE.ljust(32, b"\0"), number(4))
    department = departments.path("_departments", CODE)
    assert department.slot == first
    node = department.path("node")
    assert [(node.path(name).slot - first, node.path(name).bits) for name in (
        "parent", "admittedAt", "suspendedSince", "height"
    )] == [(0, (0, 160)), (0, (160, 200)), (0, (200, 240)), (0, (240, 248))]  # fmt: skip
    parents = department.path("parents")
    assert parents.slot == first + 6
    third = parents.path(2, "from")
    assert (third.slot, third.bits) == (slot_of(number(first + 6)) + 2, (160, 224))
    account = b"\xa1" * 20
    role = slot_of(number(2), number(first + 9))
    held = department.path("roles", 2, account, "past", 5)
    history = slot_of(account.rjust(32, b"\0"), number(role))
    assert held.slot == slot_of(number(5), number(history + 1))


def test_small_items_of_an_array_share_words() -> None:
    layout = Layout.from_artifact(
        {
            "contractName": "C",
            "storageLayout": {
                "storage": [{"label": "a", "type": "t_array", "slot": "7", "offset": 0}],
                "types": {
                    "t_array": {"encoding": "dynamic_array", "base": "t_item", "numberOfBytes": 32},
                    "t_item": {"encoding": "inplace", "label": "uint40", "numberOfBytes": "5"},
                },
            },
        }
    )
    first = slot_of(number(7))
    places = [layout.path("a", index) for index in (0, 5, 6, 13)]
    assert [(place.slot - first, place.offset) for place in places] == [
        (0, 0), (0, 25), (1, 0), (2, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    [
        ("_none",),
        ("_departments", b"CITY"),
        ("_departments", 7),
        ("_departments", "CITY"),
        ("_departments", CODE, "none"),
        ("_departments", CODE, "parents", -1),
        ("_departments", CODE, "parents", "from"),
        ("_departments", CODE, "roles", 256),
        ("_departments", CODE, "roles", -1),
        ("_departments", CODE, "roles", 1, b"\xa1" * 32),
        ("_council", 0),
    ],
)
def test_there_is_no_such_place(path: tuple[str, ...]) -> None:
    with pytest.raises(MalformedError) as caught:
        Layout.of("DepartmentRegistry").path(*path)
    assert caught.value.code == "storage_path_malformed"
    assert "<" not in caught.value.message("zh") + caught.value.message("en")
