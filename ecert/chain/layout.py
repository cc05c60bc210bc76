"""Where the contracts keep things: storage slots by the compiler's own layout.

The artifacts hold what the compiler says of each contract's storage (Solidity documentation,
"Layout of State Variables in Storage"). Slots are derived from that, so that no slot is written out
by hand and a changed contract changes them with it. Only what two fields share by hand inside one
word is described beside those who read it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Self

from eth_hash.auto import keccak

from ecert.errors import MalformedError

DEPARTMENT_REGISTRY = "DepartmentRegistry"
ANCHOR_REGISTRY = "AnchorRegistry"
STATUS_REGISTRY = "StatusRegistry"
WORD = 32
_SLOTS = 1 << 256
_HASHES_KEPT = 4_096
"""Slots of mapping entries remembered: those of some hundred departments."""

Step = bytes | int | str
"""A mapping's key, an array's index, or the name of a struct's member."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a contract's storage.

    Attributes:
        layout: The layout that it belongs to.
        type: Its type, as the layout names it.
        slot: The word that it begins in.
        offset: Bytes of that word below it.
    """

    layout: "Layout"
    type: str
    slot: int
    offset: int = 0

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return int(self._type["numberOfBytes"])

    @property
    def bits(self) -> tuple[int, int]:
        """Its lowest bit within the word and the one after its highest."""
        return 8 * self.offset, 8 * (self.offset + self.size)

    def path(self, *steps: Step) -> "Place":
        """Return the place that ``steps`` lead to from here.

        Raises:
            MalformedError: ``storage_path_malformed``: there is no such member, or a key that the
                mapping cannot have.
        """
        place = self
        for step in steps:
            place = place._step(step)
        return place

    def read(self, word: bytes) -> int:
        """Return what the word at ``slot`` holds here, without its neighbours."""
        return int.from_bytes(word) >> (8 * self.offset) & ((1 << 8 * self.size) - 1)

    def read_bytes(self, word: bytes) -> bytes:
        """Return the same as bytes, for a type of a fixed number of bytes."""
        return self.read(word).to_bytes(self.size)

    @property
    def _type(self) -> Mapping[str, Any]:
        return self.layout.types[self.type]

    def _step(self, step: Step) -> "Place":
        found = self._type
        match found, step:
            case {"encoding": "mapping", "key": key, "value": value}, bytes() | int():
                word = _key_word(str(key), self.layout.types[key], step)
                return Place(self.layout, value, _entry(word, self.slot))
            case {"encoding": "dynamic_array", "base": base}, int() if 0 <= step < _SLOTS:
                return self._item(base, step)
            case {"members": members}, str():
                for member in members:
                    if member["label"] == step:
                        slot = self.slot + int(member["slot"])
                        return Place(self.layout, member["type"], slot, member["offset"])
        raise _malformed(self.type, step)

    def _item(self, base: str, index: int) -> "Place":
        size = int(self.layout.types[base]["numberOfBytes"])
        first = _first_item(self.slot)
        if size > WORD // 2:
            words = -(-size // WORD)
            return Place(self.layout, base, (first + index * words) % _SLOTS)
        row, column = divmod(index, WORD // size)
        return Place(self.layout, base, (first + row) % _SLOTS, column * size)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The storage of one contract.

    Attributes:
        contract: The contract's name in Solidity.
        variables: Each state variable's type, slot and offset, by name.
        types: The types that occur, by the compiler's name for them.
    """

    contract: str
    variables: Mapping[str, tuple[str, int, int]]
    types: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, contract: str) -> "Layout":
        """Return the layout of a contract by its name in Solidity."""
        return _load(contract)

    @classmethod
    def from_artifact(cls, artifact: Mapping[str, Any]) -> Self:
        """Read what a compiler's artifact says."""
        layout = artifact["storageLayout"]
        variables = {
            entry["label"]: (entry["type"], int(entry["slot"]), int(entry["offset"]))
            for entry in layout["storage"]
        }
        return cls(artifact["contractName"], variables, layout["types"] or {})

    def path(self, variable: str, *steps: Step) -> Place:
        """Return the place that ``steps`` lead to from a state variable.

        Args:
            variable: Its name, such as ``_anchors``.
            steps: A mapping's keys (bytes of the key's own length, or a number), a member's name,
                an array's index.

        Raises:
            MalformedError: ``storage_path_malformed``.
        """
        if variable not in self.variables:
            raise _malformed("", variable)
        kind, slot, offset = self.variables[variable]
        return Place(self, kind, slot, offset).path(*steps)


@lru_cache(maxsize=16)
def _load(contract: str) -> Layout:
    path = resources.files("ecert.chain") / "artifacts" / f"{contract}.json"
    return Layout.from_artifact(json.loads(path.read_text("utf-8")))


def _key_word(name: str, kind: Mapping[str, Any], key: bytes | int) -> bytes:
    """Return a key as the word that is hashed: bytes on the left, numbers on the right."""
    size = int(kind["numberOfBytes"])
    if str(kind["label"]).startswith("bytes"):
        if isinstance(key, bytes) and len(key) == size:
            return key.ljust(WORD, b"\0")
    elif isinstance(key, int):
        if 0 <= key < 1 << 8 * size:
            return key.to_bytes(WORD)
    elif len(key) == size:  # an address
        return key.rjust(WORD, b"\0")
    raise _malformed(name, key)


@lru_cache(maxsize=_HASHES_KEPT)
def _entry(key: bytes, slot: int) -> int:
    return int.from_bytes(keccak(key + slot.to_bytes(WORD)))


@lru_cache(maxsize=_HASHES_KEPT)
def _first_item(slot: int) -> int:
    return int.from_bytes(keccak(slot.to_bytes(WORD)))


def _malformed(kind: str, step: Step) -> MalformedError:
    shown = step.hex() if isinstance(step, bytes) else step
    return MalformedError("storage_path_malformed", type=kind, step=shown)
