"""An index of the contracts' events: departments with their keys, and anchors, newest first.

It is replayed from the chain, checked against the heads that the contracts keep, and follows new
final blocks. Anchors are in a private SQLite file that ends with the process, so that a million of
them take no memory; departments, of which there are thousands, are in memory.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ecert.authority import KeyRecord
from ecert.chain.blocks import Header, Position
from ecert.chain.node import Nodes
from ecert.chain.records import ANCHORS, DEPARTMENTS, Department, History, Table, Tables
from ecert.chain.state import ChainState
from ecert.errors import EcertError, UnavailableError
from ecert.facts import Anchor
from ecert.fields import hex_text

LOOK_SECONDS = 2.0
"""How long the index is taken to be up to date, or not to be had."""
WAIT_SECONDS = 5.0
"""How long a request waits while another one brings it forward: nodes may be slow."""
WORK_SECONDS = 5.0
"""How long one request works at bringing it forward; the next one goes on."""
DAYS = 366
"""Days of which counts are given."""

_DAY = 24 * 3600
_FOLLOWED = (DEPARTMENTS, ANCHORS)
_SCHEMA = """
CREATE TABLE anchor (
    sequence INTEGER PRIMARY KEY, department BLOB NOT NULL, root BLOB NOT NULL,
    time INTEGER NOT NULL, block INTEGER NOT NULL, size INTEGER NOT NULL,
    UNIQUE (department, root)
) STRICT;
CREATE INDEX anchor_of ON anchor (department, sequence);
CREATE TABLE day (
    day INTEGER NOT NULL, department BLOB NOT NULL, roots INTEGER NOT NULL, leaves INTEGER NOT NULL,
    PRIMARY KEY (day, department)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class ListedAnchor:
    """An anchored root.

    Attributes:
        sequence: Its place among all roots, from 1.
        department: The department's code, 20 bytes.
        root: The root.
        anchor: When it was anchored, and of how many leaves it is.
    """

    sequence: int
    department: bytes
    root: bytes
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Day:
    """What was anchored in one day of UTC.

    Attributes:
        start: The day's first second, unix seconds.
        roots: Roots anchored.
        leaves: Their leaves, padding among them.
    """

    start: int
    roots: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where the contracts are.

    Attributes:
        chain_id: EIP-155 chain id.
        addresses: By their names in the trust file.
        first: A block before all of their events.
    """

    chain_id: int
    addresses: dict[str, bytes]
    first: int


class ChainIndex:
    """The index of one process.

    Args:
        contracts: Where the contracts are.
        nodes: Makes the nodes to ask.
        final: Returns number and hash of the newest final block.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        contracts: Contracts,
        nodes: Callable[[], Nodes],
        final: Callable[[], tuple[int, bytes]],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._contracts = contracts
        self._nodes = nodes
        self._final = final
        self._clock = clock
        self._mutex = threading.Lock()
        self._looked_at = float("-inf")
        self._failure: UnavailableError | None = None
        self._begin()

    @contextmanager
    def current(self) -> Iterator["ChainIndex"]:
        """Give the index, brought forward to the newest final block, for as long as it is read.

        Raises:
            UnavailableError: ``chain_index_behind`` while it is being made or brought forward;
                ``chain_index_differs``, ``chain_index_replaced``, ``chain_index_broken``, after
                which it is made anew; what the nodes fail with.
        """
        if not self._mutex.acquire(timeout=WAIT_SECONDS):  # another one waits for the nodes
            final, _ = self._final()
            raise UnavailableError("chain_index_behind", block=self._done, final=final)
        try:
            self._look()
            yield self
        finally:
            self._mutex.release()

    @property
    def block(self) -> Header:
        """The block up to which it holds all."""
        assert self._block is not None  # ``current`` saw to it
        return self._block

    @property
    def departments(self) -> Mapping[bytes, Department]:
        """The departments by code."""
        return self._departments

    def kinds_of(self, code: bytes) -> dict[str, History]:
        """Return when a department might issue which kind, by the kind's code."""
        found = {kind: history for (of, kind), history in self._kinds.items() if of == code}
        return {
            kind.rstrip(b"\0").decode("ascii", "replace"): found[kind] for kind in sorted(found)
        }

    def keys_of(self, code: bytes) -> dict[bytes, KeyRecord]:
        """Return a department's keys by thumbprint, in the order of their registration."""
        return {kid: key for (of, kid), key in self._keys.items() if of == code}

    def anchors(
        self, *, department: bytes | None = None, before: int | None = None, limit: int
    ) -> list[ListedAnchor]:
        """Return anchors, newest first: of one department or all, before a place among all."""
        where, values = ["sequence < ?"], [before if before is not None else (1 << 62)]
        if department is not None:
            where.append("department = ?")
            values.append(department)  # type: ignore[arg-type]
        found = self._rows.execute(
            f"SELECT sequence, department, root, time, block, size FROM anchor "  # noqa: S608
            f"WHERE {' AND '.join(where)} ORDER BY sequence DESC LIMIT ?",
            (*values, limit),
        )
        return [_listed(row) for row in found]

    def anchor(self, department: bytes, root: bytes) -> ListedAnchor | None:
        """Return a department's root, or None."""
        row = self._rows.execute(
            "SELECT sequence, department, root, time, block, size FROM anchor "
            "WHERE department = ? AND root = ?",
            (department, root),
        ).fetchone()
        return None if row is None else _listed(row)

    def days(self, *, department: bytes | None = None, last: int = DAYS) -> list[Day]:
        """Return what each of the last days brought, the oldest first; empty days are left out."""
        where, values = ("", ()) if department is None else ("WHERE department = ?", (department,))
        found = self._rows.execute(
            f"SELECT day, sum(roots), sum(leaves) FROM day {where} "  # noqa: S608
            "GROUP BY day ORDER BY day DESC LIMIT ?",
            (*values, last),
        )
        return [Day(day * _DAY, roots, leaves) for day, roots, leaves in found][::-1]

    def totals(self) -> tuple[int, int]:
        """Return how many roots there are, and how many leaves."""
        (roots, leaves) = self._rows.execute(
            "SELECT coalesce(sum(roots), 0), coalesce(sum(leaves), 0) FROM day"
        ).fetchone()
        return roots, leaves

    def _begin(self) -> None:
        self._rows = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._rows.executescript(_SCHEMA)
        self._departments: dict[bytes, Department] = {}
        self._kinds: dict[tuple[bytes, bytes], History] = {}
        self._keys: dict[tuple[bytes, bytes], KeyRecord] = {}
        tables = Tables(
            departments=self._departments,
            kinds=self._kinds,
            keys=self._keys,
            anchors=_Anchors(self._rows),
        )
        self._state = ChainState(self._contracts.chain_id, self._contracts.addresses, tables=tables)
        self._block: Header | None = None
        self._done = self._contracts.first

    def _look(self) -> None:
        """Bring it forward if it is time to; what the nodes failed with a moment ago stands."""
        if self._clock() >= self._looked_at + LOOK_SECONDS:
            self._failure = None
            try:
                self._follow()
            except UnavailableError as error:
                if error.code != "chain_index_behind":  # which the next one goes on with
                    self._failure, self._looked_at = error, self._clock()
                raise
            self._looked_at = self._clock()
        if self._failure is not None:
            raise UnavailableError(self._failure.code, **self._failure.details)

    def _follow(self) -> None:
        try:
            self._bring_forward()
        except UnavailableError as error:
            if error.code in ("chain_index_differs", "chain_index_replaced"):
                self._begin()  # what it holds is not this chain's
            raise
        except EcertError as error:
            self._begin()  # half an event may have been replayed
            raise UnavailableError("chain_index_broken", reason=error.code) from error

    def _bring_forward(self) -> None:
        nodes = self._nodes()
        number, block_hash = self._final()
        if self._block is not None:
            there = nodes.header(self._block.number)
            if there.hash != self._block.hash:
                raise _reorganised(self._block, there)
            if number <= self._block.number:
                return
        self._replay(nodes, number)
        header = nodes.header(number)
        if header.hash != block_hash:
            raise UnavailableError("chain_index_behind", block=self._done, final=number)
        for name in _FOLLOWED:
            head = nodes.head(self._contracts.addresses[name], number)
            if head != self._state.heads[name]:
                raise UnavailableError(
                    "chain_index_differs",
                    contract=name,
                    block=number,
                    found=hex_text(head),
                    replayed=hex_text(self._state.heads[name]),
                )
        self._block = header

    def _replay(self, nodes: Nodes, last: int) -> None:
        until = self._clock() + WORK_SECONDS
        addresses = [self._contracts.addresses[name] for name in _FOLLOWED]
        logs = nodes.logs(addresses, self._done + 1, last)
        reached = begun = self._done
        self._rows.execute("BEGIN")
        try:
            for log in logs:
                if log.block > reached:  # all entries of the blocks before this one's are in
                    reached, self._done = log.block, log.block - 1
                    if self._done > begun and self._clock() > until:
                        raise UnavailableError("chain_index_behind", block=self._done, final=last)
                if Position(log.block, log.index) > self._state.position:
                    self._state.apply(log)
            self._done = last
        finally:
            self._rows.execute("COMMIT")


class _Anchors(Table[tuple[bytes, bytes], Anchor]):
    """The anchors as a table that events are replayed into."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows

    def get(self, key: tuple[bytes, bytes], /) -> Anchor | None:
        row = self._rows.execute(
            "SELECT time, block, size FROM anchor WHERE department = ? AND root = ?", key
        ).fetchone()
        return None if row is None else Anchor(*row)

    def __setitem__(self, key: tuple[bytes, bytes], value: Anchor, /) -> None:
        self._rows.execute(
            "INSERT INTO anchor (department, root, time, block, size) VALUES (?, ?, ?, ?, ?)",
            (*key, value.time, value.block, value.size),
        )
        self._rows.execute(
            "INSERT INTO day VALUES (?, ?, 1, ?) ON CONFLICT DO UPDATE "
            "SET roots = roots + 1, leaves = leaves + excluded.leaves",
            (value.time // _DAY, key[0], value.size),
        )


def _listed(row: Sequence[object]) -> ListedAnchor:
    sequence, department, root, at, block, size = row
    return ListedAnchor(sequence, department, root, Anchor(at, block, size))  # type: ignore[arg-type]


def _reorganised(stored: Header, found: Header) -> UnavailableError:
    return UnavailableError(
        "chain_index_replaced",
        block=stored.number,
        stored=hex_text(stored.hash),
        found=hex_text(found.hash),
    )
