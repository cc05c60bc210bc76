"""Records lie where storage proofs look for them: slots by the artifacts' layout, words as packed.

The packing is described in contracts/README.md; a proof of the state is worth nothing to one who
does not know it.
"""

from typing import Any

import pytest
from chain_node import artifact
from eth_hash.auto import keccak
from scenario import KIND, SORT, Scenario, code

WORD = 32
LOW = 2**64 - 1


class Place:
    """A place in a contract's storage; its fields and entries are found by the layout."""

    def __init__(self, layout: dict[str, Any], kind: str, slot: int, offset: int = 0) -> None:
        self._layout = layout
        self._kind = layout["types"][kind]
        self.slot = slot
        self.offset = offset

    @classmethod
    def variable(cls, contract: str, label: str) -> "Place":
        layout = artifact(contract)["storageLayout"]
        (entry,) = (entry for entry in layout["storage"] if entry["label"] == label)
        return cls(layout, entry["type"], int(entry["slot"]), entry["offset"])

    def field(self, label: str) -> "Place":
        (entry,) = (entry for entry in self._kind["members"] if entry["label"] == label)
        return Place(self._layout, entry["type"], self.slot + int(entry["slot"]), entry["offset"])

    def entry(self, key: bytes) -> "Place":
        """The entry of a mapping; ``key`` as its word."""
        slot = keccak(key + self.slot.to_bytes(WORD, "big"))
        return Place(self._layout, self._kind["value"], int.from_bytes(slot, "big"))

    def item(self, index: int) -> "Place":
        """An item, one word each, of a dynamic array."""
        first = keccak(self.slot.to_bytes(WORD, "big"))
        return Place(self._layout, self._kind["base"], int.from_bytes(first, "big") + index)

    def length(self) -> "Place":
        """The number of items of a dynamic array."""
        return Place(self._layout, "t_uint256", self.slot)

    def read(self, scenario: Scenario, contract: str) -> int:
        """The value, without its neighbours in the word."""
        address = scenario.contracts[contract].address
        word = bytes(scenario.node.web3.eth.get_storage_at(address, self.slot))
        size = int(self._kind["numberOfBytes"])
        return int.from_bytes(word, "big") >> (8 * self.offset) & (2 ** (8 * size) - 1)


def number(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def department(value: int) -> Place:
    return Place.variable("DepartmentRegistry", "_departments").entry(
        code(value).ljust(WORD, b"\0")
    )


def intervals(scenario: Scenario, history: Place) -> list[tuple[int, int]]:
    """Read a history from its words."""
    newest = history.field("newest").read(scenario, "DepartmentRegistry")
    past = history.field("past")
    count = newest >> 128
    words = [past.entry(number(i)).read(scenario, "DepartmentRegistry") for i in range(count - 1)]
    return [(word & LOW, word >> 64 & LOW) for word in [*words, newest]]


@pytest.fixture
def view(scenario: Scenario) -> Any:
    return scenario.contracts["DepartmentRegistry"].functions


def test_histories(scenario: Scenario, view: Any) -> None:
    other = b"student-record".ljust(32, b"\0")
    kinds = intervals(scenario, department(1).field("kinds").entry(other))
    assert kinds == [tuple(item) for item in view.kindHistory(code(1), other).call()]
    assert len(kinds) == 2
    held = intervals(scenario, department(1).field("kinds").entry(KIND))
    assert held == [tuple(item) for item in view.kindHistory(code(1), KIND).call()]
    suspensions = intervals(scenario, department(51).field("suspensions"))
    assert suspensions == [tuple(item) for item in view.suspensionHistory(code(51)).call()]
    assert len(suspensions) == 1
    nobody = intervals(scenario, department(1).field("kinds").entry(number(7)))
    assert nobody == [(0, 0)], "an empty word: never in force"


def test_keys(scenario: Scenario, view: Any) -> None:
    key_id = keccak(b"key")
    key = department(1).field("keys").entry(key_id)
    suite, x, y, compromised_since, spans = view.keyOf(code(1), key_id).call()
    assert (suite, compromised_since) == (1, 8)
    for label, expected in (("suite", suite), ("compromisedSince", compromised_since)):
        assert key.field(label).read(scenario, "DepartmentRegistry") == expected
    for label, expected in (("x", x), ("y", y)):
        assert number(key.field(label).read(scenario, "DepartmentRegistry")) == expected
    found = intervals(scenario, key.field("history"))
    assert found == [tuple(span) for span in spans]
    assert len(found) == 2


def test_departments(scenario: Scenario, view: Any) -> None:
    parent, admitted_at, suspended_since, _, into, kind = view.departmentOf(code(51)).call()
    node = department(51).field("node")

    def read(place: Place) -> int:
        return place.read(scenario, "DepartmentRegistry")

    assert read(node.field("parent")).to_bytes(20, "big") == parent == code(52)
    assert read(node.field("admittedAt")) == admitted_at
    assert read(node.field("suspendedSince")) == suspended_since != 0
    assert read(department(51).field("mergedInto")).to_bytes(20, "big") == into == code(52)
    assert number(read(department(51).field("departmentKind"))) == kind == SORT
    parents = department(51).field("parents")
    history = view.parentHistory(code(51)).call()
    assert read(parents.length()) == len(history) == 2
    for index, (code_then, since) in enumerate(history):
        assert read(parents.item(index).field("parent")).to_bytes(20, "big") == code_then
        assert read(parents.item(index).field("from")) == since


def test_anchors(scenario: Scenario) -> None:
    contract = scenario.contracts["AnchorRegistry"]
    event = contract.events.Anchored().get_logs(from_block=0)[0]["args"]
    anchors = Place.variable("AnchorRegistry", "_anchors")
    slot = anchors.entry(event["department"].ljust(WORD, b"\0")).entry(event["root"])
    word = slot.read(scenario, "AnchorRegistry")
    expected = contract.functions.anchorOf(event["department"], event["root"]).call()
    assert [word & LOW, word >> 64 & LOW, word >> 128] == expected
    assert expected[0] != 0


def test_statuses(scenario: Scenario) -> None:
    contract = scenario.contracts["StatusRegistry"]
    code_word = code(1).ljust(WORD, b"\0")
    words = Place.variable("StatusRegistry", "_words").entry(code_word).entry(number(1))
    for index in (0, 10, 20):
        found = words.entry(number(index)).read(scenario, "StatusRegistry")
        assert found == contract.functions.wordOf(code(1), 1, index).call() != 0
    view = contract.functions
    revocations = [
        ("_digests", keccak(b"d"), view.digestRevokedAt),
        ("_roots", keccak(b"r"), view.rootRevokedAt),
    ]
    for label, key, revoked_at in revocations:
        revoked = Place.variable("StatusRegistry", label).entry(code_word).entry(key)
        found = revoked.read(scenario, "StatusRegistry")
        assert found == revoked_at(code(1), key).call() != 0
