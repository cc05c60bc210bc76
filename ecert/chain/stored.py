"""The contracts' records as their storage holds them: words, wherever they were proved.

The places come from the compiler's layout (``ecert.chain.layout``); what the contracts pack into a
word by hand is described in ``contracts/README.md`` and read here. What is read obeys the same
rules as a node's answer (``ecert.chain.view``).
"""

from collections.abc import Callable, Iterator
from typing import Any

from ecert import limits
from ecert.chain import view
from ecert.chain.codes import department_bytes
from ecert.chain.layout import (
    ANCHOR_REGISTRY,
    DEPARTMENT_REGISTRY,
    STATUS_REGISTRY,
    Layout,
    Place,
    Step,
)
from ecert.chain.records import ANCHORS, CONTRACTS, DEPARTMENTS, STATUSES, TOP
from ecert.encoding import code_bytes
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Query
from ecert.status import ENTRIES_PER_WORD, entry_of

SOLIDITY_NAMES = {
    DEPARTMENTS: DEPARTMENT_REGISTRY,
    ANCHORS: ANCHOR_REGISTRY,
    STATUSES: STATUS_REGISTRY,
}
"""Names in Solidity of the contracts that hold records, by their names in the trust file."""

CONTRACT_OF = {contract: name for name, contract in SOLIDITY_NAMES.items()}
"""The same the other way."""

Words = Callable[[str, int], bytes]
"""Gives the word of a contract, by its name in the trust file, at a slot."""

_BLOCK_BITS = 64
_BLOCK = (1 << _BLOCK_BITS) - 1
_SIZE = (1 << 32) - 1
_NOTHING = bytes(32)

Span = tuple[int, int]
Level = tuple[bytes, int, tuple[Span, ...], tuple[Span, ...], tuple[tuple[bytes, int], ...]]


def read(query: Query, words: Words, *, chain_id: int, block: int, time: int) -> view.Inspection:
    """Return what the contracts hold about ``query``.

    Args:
        query: What is asked.
        words: The contracts' words at the end of ``block``; none but those of ``slots`` are asked
            for.
        chain_id: The chain whose words these are.
        block: The block's number.
        time: The block's time, unix seconds.

    Raises:
        MalformedError: ``chain_record_impossible`` naming the record; ``text_not_ascii_code`` or
            ``storage_path_malformed`` for what the contracts cannot be asked.
        UnavailableError: ``state_words_too_many``.
    """
    asked, reader = _Asked(query), _Reader(words)
    anchor = _anchor(reader.value(asked.anchor))
    closings = [reader.closing(name) for name in CONTRACTS]
    values: tuple[Any, ...] = (
        chain_id,
        block,
        time,
        *anchor,
        reader.key(asked.key),
        tuple(reader.lineage(asked, anchor[1] or block)),
        entry_of(reader.value(asked.word), query.status.index),
        reader.value(asked.digest),
        reader.value(asked.root),
        *(successor for successor, _ in closings),
        closings[0][1],
    )
    return view.inspection(values, query)


def slots(query: Query, found: view.Inspection) -> dict[str, tuple[int, ...]]:
    """Return the slots of each contract whose words ``read`` asks for.

    Args:
        query: What is asked.
        found: What a node says that the answer is. Only who stands above whom, and how many entries
            the histories have, is taken from it; where that is not so, the words of these slots
            do not show what it says.

    Raises:
        MalformedError: As ``read``.
        UnavailableError: ``state_words_too_many``.
    """
    asked = _Asked(query)
    wanted = [(name, _of(name, "_successor")) for name in CONTRACTS]
    wanted += [(STATUSES, asked.word), (STATUSES, asked.digest)]
    if asked.root is not None and asked.anchor is not None:
        wanted += [(STATUSES, asked.root), (ANCHORS, asked.anchor)]
    departments = [asked.key.path("suite")]
    if found.key is not None:
        departments += [asked.key.path("x"), asked.key.path("y")]
        departments += _history(asked.key.path("history"), len(found.key.intervals))
    code, at = asked.department, found.anchor.block if found.anchor else found.block
    for record in found.lineage.values():
        department = _of(DEPARTMENTS, "_departments", code)
        parents = department.path("parents")
        departments += [department.path("node", "admittedAt"), parents]
        departments += [parents.path(index) for index in range(len(record.parents))]
        departments += _history(department.path("suspensions"), len(record.suspensions))
        departments += _history(department.path("kinds", asked.kind), len(record.kind))
        above = record.parent_at(at)
        code = TOP if above is None else department_bytes(above)
    if not found.lineage:
        departments.append(_of(DEPARTMENTS, "_departments", code, "node", "admittedAt"))
    wanted += [(DEPARTMENTS, place) for place in departments]
    if len(wanted) > limits.MAX_PROOF_WORDS:
        raise _too_many()
    return {
        name: tuple(dict.fromkeys(place.slot for contract, place in wanted if contract == name))
        for name in CONTRACTS
    }


class _Asked:
    """Where the records of one query are.

    Attributes:
        department: The issuing department's code.
        kind: The kind's code.
        key: The key's struct.
        word: The word with the status entry.
        digest: The digest's revocation.
        anchor: The root's anchor; None where no root is asked about.
        root: The root's revocation; None likewise.
    """

    def __init__(self, query: Query) -> None:
        department = code_bytes(query.department, 20, where="department")
        number, index = query.status.list, query.status.index // ENTRIES_PER_WORD
        self.department = department
        self.kind = code_bytes(query.kind, 32, where="kind")
        self.key = _of(DEPARTMENTS, "_departments", department, "keys", query.key_id)
        self.word = _of(STATUSES, "_words", department, number, index)
        self.digest = _of(STATUSES, "_digests", department, query.digest)
        self.anchor: Place | None = None
        self.root: Place | None = None
        if query.root is not None:
            self.anchor = _of(ANCHORS, "_anchors", department, query.root)
            self.root = _of(STATUSES, "_roots", department, query.root)


class _Reader:
    """Reads records, asking for no more than a bounded number of words."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._left = limits.MAX_PROOF_WORDS

    def word(self, place: Place) -> bytes:
        if self._left == 0:
            raise _too_many()
        self._left -= 1
        return self._words(CONTRACT_OF[place.layout.contract], place.slot)

    def value(self, place: Place | None) -> int:
        """Return what is kept at a place; nothing where there is none."""
        return 0 if place is None else place.read(self.word(place))

    def closing(self, contract: str) -> tuple[bytes, int]:
        """Return a contract's successor and the block of its closing; zeros while it is open."""
        successor, closed_at = _of(contract, "_successor"), _of(contract, "_closedAt")
        word = self.word(successor)
        return successor.read_bytes(word), closed_at.read(word)

    def key(self, place: Place) -> tuple[int, bytes, bytes, int, tuple[Span, ...]]:
        suite, compromised = place.path("suite"), place.path("compromisedSince")
        word = self.word(suite)
        if suite.read(word) == 0:
            return 0, _NOTHING, _NOTHING, 0, ()
        return (
            suite.read(word),
            self.word(place.path("x")),
            self.word(place.path("y")),
            compromised.read(word),
            self.history(place.path("history")),
        )

    def history(self, place: Place) -> tuple[Span, ...]:
        """Return a history's intervals, oldest first."""
        newest = self.value(place.path("newest"))
        count = newest >> 2 * _BLOCK_BITS
        past = place.path("past")
        spans = [self.value(past.path(index)) for index in range(count - 1)]
        if newest:
            spans.append(newest)
        return tuple((span & _BLOCK, span >> _BLOCK_BITS & _BLOCK) for span in spans)

    def lineage(self, asked: _Asked, at: int) -> Iterator[Level]:
        """Yield a department and those above it at block ``at``, as far as they are admitted."""
        code, levels = asked.department, 0
        while code != TOP:
            department = _of(DEPARTMENTS, "_departments", code)
            admitted_at = self.value(department.path("node", "admittedAt"))
            if admitted_at == 0:
                return
            levels += 1
            if levels > limits.MAX_LINEAGE:
                raise MalformedError("chain_record_impossible", record="lineage")
            parents = self._parents(department.path("parents"))
            yield (
                code,
                admitted_at,
                self.history(department.path("suspensions")),
                self.history(department.path("kinds", asked.kind)),
                parents,
            )
            code = next((parent for parent, since in reversed(parents) if since <= at), TOP)

    def _parents(self, place: Place) -> tuple[tuple[bytes, int], ...]:
        found = []
        for index in range(self.value(place)):
            entry = place.path(index)
            parent, since = entry.path("parent"), entry.path("from")
            word = self.word(parent)
            found.append((parent.read_bytes(word), since.read(word)))
        return tuple(found)


def _of(contract: str, variable: str, *steps: Step) -> Place:
    return Layout.of(SOLIDITY_NAMES[contract]).path(variable, *steps)


def _history(place: Place, count: int) -> list[Place]:
    past = place.path("past")
    return [place.path("newest"), *(past.path(index) for index in range(count - 1))]


def _anchor(packed: int) -> tuple[int, int, int]:
    """Return an anchor's time, block and size."""
    return packed & _BLOCK, packed >> _BLOCK_BITS & _BLOCK, packed >> 2 * _BLOCK_BITS & _SIZE


def _too_many() -> UnavailableError:
    return UnavailableError("state_words_too_many", limit=limits.MAX_PROOF_WORDS)
