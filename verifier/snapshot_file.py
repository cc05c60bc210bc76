"""The SQLite file of a snapshot: opened with suspicion, its failures told as the domain's errors.

The file may be damaged, half written, or made by somebody else: nothing in it is run (no view, no
trigger is taken) and nothing is taken for granted.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from ecert import limits
from ecert.chain.records import Tables
from ecert.errors import UnavailableError, reason_of
from verifier import snapshot_rows as rows

K = TypeVar("K")
V = TypeVar("V")

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes the file."""
REMEMBERED_ROWS = 10_000
"""Records of one table in memory, a few MB of them."""

_PAGE_BYTES = 4 * limits.KIB
_TABLES = ("departments", "kinds", "keys", "anchors", "words", "digests", "roots")
_SCHEMA = {
    name: f"CREATE TABLE {name} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
    for name in _TABLES
} | {"meta": "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)"}
_NO_ROOM = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_PERM")


class SnapshotTable(Generic[K, V]):
    """A table of packed records (``ecert.chain.records.Table``).

    Args:
        connection: To the file.
        name: The table's.
        pack_key: Packs a key.
        pack: Packs a record.
        unpack: Unpacks a record.
        remember: Keep up to ``REMEMBERED_ROWS`` records in memory, until ``forget`` is called.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        pack_key: Callable[[K], bytes],
        pack: Callable[[V], bytes],
        unpack: Callable[[bytes], V],
        *,
        remember: bool,
    ) -> None:
        self._execute = connection.execute
        self._select = f"SELECT value FROM {name} WHERE key = ?"  # noqa: S608 - a constant name
        self._put = f"INSERT OR REPLACE INTO {name} VALUES (?, ?)"  # noqa: S608
        self._pack_key, self._pack, self._unpack = pack_key, pack, unpack
        self._limit = REMEMBERED_ROWS if remember else 0
        self._remembered: dict[K, V | None] = {}

    def get(self, key: K, /) -> V | None:
        """Return the record, or None.

        Raises:
            UnavailableError: ``snapshot_malformed``.
        """
        if key in self._remembered:
            return self._remembered[key]
        found = self._read(key)
        if self._limit:
            if len(self._remembered) >= self._limit:
                self._remembered.clear()
            self._remembered[key] = found
        return found

    def forget(self) -> None:
        """Read all anew: the file is another one."""
        self._remembered.clear()

    def _read(self, key: K) -> V | None:
        row = self._execute(self._select, (self._pack_key(key),)).fetchone()
        if row is None:
            return None
        if not isinstance(row[0], bytes):
            raise rows.malformed("type")
        return self._unpack(row[0])

    def __setitem__(self, key: K, value: V, /) -> None:
        """Keep a record."""
        self._remembered.pop(key, None)
        self._execute(self._put, (self._pack_key(key), self._pack(value)))


def connect(path: Path, *, write: bool, wait: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a snapshot's file.

    Args:
        path: Where it is.
        write: Make the file if it is not there, and change it.
        wait: How long to wait for another process that writes it, seconds.

    Raises:
        UnavailableError: ``snapshot_missing``, ``snapshot_malformed``, ``snapshot_not_written``.
    """
    if not write and not path.is_file():
        raise UnavailableError("snapshot_missing", path=path)
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if write else 'rw'}",
            uri=True,
            timeout=wait,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection, path, write=write)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    if path.stat().st_size > limits.MAX_SNAPSHOT_BYTES:
        raise rows.malformed("size")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if not write:
        connection.execute("PRAGMA query_only = ON")
        return
    connection.execute("PRAGMA synchronous = EXTRA")
    # What is written stays in memory until the commit, so that readers never wait for the network.
    connection.execute("PRAGMA cache_spill = OFF")
    connection.execute(f"PRAGMA max_page_count = {limits.MAX_SNAPSHOT_BYTES // _PAGE_BYTES}")


def has_schema(connection: sqlite3.Connection) -> bool:
    """Tell whether the file holds a snapshot's tables and nothing else; False for an empty one.

    Raises:
        UnavailableError: ``snapshot_malformed`` for any other table, view, index or trigger.
    """
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    if found and found != _SCHEMA:
        raise rows.malformed("schema")
    return bool(found)


def make_schema(connection: sqlite3.Connection) -> None:
    """Create the tables, in the transaction that is open."""
    for statement in _SCHEMA.values():
        connection.execute(statement)


def tables_of(connection: sqlite3.Connection, *, remember: bool = False) -> Tables:
    """Return the records in the file.

    Args:
        connection: To the file.
        remember: Keep in memory what many documents have in common, until ``forget`` is called.
    """
    one = partial(SnapshotTable, connection, remember=False)
    shared = partial(SnapshotTable, connection, remember=remember)
    history = rows.pack_history, rows.unpack_history
    block = rows.pack_block, rows.unpack_block
    return Tables(
        departments=shared("departments", bytes, rows.pack_department, rows.unpack_department),
        kinds=shared("kinds", rows.pack_entry, *history),
        keys=shared("keys", rows.pack_entry, rows.pack_key, rows.unpack_key),
        anchors=shared("anchors", rows.pack_entry, rows.pack_anchor, rows.unpack_anchor),
        words=shared("words", rows.pack_word_key, rows.pack_word, rows.unpack_word),
        digests=one("digests", rows.pack_entry, *block),  # one a document
        roots=shared("roots", rows.pack_entry, *block),
    )


def forget(tables: Tables) -> None:
    """Read all records anew: the file has changed."""
    for name in _TABLES:
        getattr(tables, name).forget()


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's failures into ``snapshot_busy``, ``snapshot_not_written``, ``…_malformed``."""
    try:
        yield
    except sqlite3.Error as error:
        name: Any = getattr(error, "sqlite_errorname", None) or type(error).__name__
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise UnavailableError("snapshot_busy", path=path) from error
        if name.startswith(_NO_ROOM):
            raise UnavailableError("snapshot_not_written", path=path, reason=name) from error
        raise UnavailableError("snapshot_malformed", path=path, reason=name) from error
    except OSError as error:
        raise UnavailableError(
            "snapshot_not_written", path=path, reason=reason_of(error)
        ) from error
