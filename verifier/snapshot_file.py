"""The SQLite file of a snapshot: opened with suspicion, its failures told as the domain's errors.

The file may be damaged, half written, or made by somebody else: nothing in it is run (no view, no
trigger is taken) and nothing is taken for granted.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from ecert import limits
from ecert.chain.records import Tables
from ecert.errors import UnavailableError
from verifier import snapshot_rows as rows

K = TypeVar("K")
V = TypeVar("V")

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes the file."""
_PAGE_BYTES = 4 * limits.KIB
_TABLES = ("departments", "kinds", "keys", "anchors", "words", "digests", "roots")
_SCHEMA = {
    name: f"CREATE TABLE {name} (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
    for name in _TABLES
} | {"meta": "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)"}
_NO_ROOM = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_PERM")


class SnapshotTable(Generic[K, V]):
    """A table of packed records (``ecert.chain.records.Table``)."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        pack_key: Callable[[K], bytes],
        pack: Callable[[V], bytes],
        unpack: Callable[[bytes], V],
    ) -> None:
        self._execute = connection.execute
        self._select = f"SELECT value FROM {name} WHERE key = ?"  # noqa: S608 - a constant name
        self._put = f"INSERT OR REPLACE INTO {name} VALUES (?, ?)"  # noqa: S608
        self._pack_key, self._pack, self._unpack = pack_key, pack, unpack

    def get(self, key: K, /) -> V | None:
        """Return the record, or None.

        Raises:
            UnavailableError: ``snapshot_malformed``.
        """
        row = self._execute(self._select, (self._pack_key(key),)).fetchone()
        if row is None:
            return None
        if not isinstance(row[0], bytes):
            raise rows.malformed("type")
        return self._unpack(row[0])

    def __setitem__(self, key: K, value: V, /) -> None:
        """Keep a record."""
        self._execute(self._put, (self._pack_key(key), self._pack(value)))


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open a snapshot's file.

    Args:
        path: Where it is.
        write: Make the file if it is not there, and change it.

    Raises:
        UnavailableError: ``snapshot_missing``, ``snapshot_malformed``, ``snapshot_not_written``.
    """
    if not write and not path.is_file():
        raise UnavailableError("snapshot_missing", path=path)
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if write else 'rw'}",
            uri=True,
            timeout=BUSY_SECONDS,
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


def tables_of(connection: sqlite3.Connection) -> Tables:
    """Return the records in the file."""
    return Tables(
        departments=SnapshotTable(
            connection, "departments", bytes, rows.pack_department, rows.unpack_department
        ),
        kinds=SnapshotTable(
            connection, "kinds", rows.pack_entry, rows.pack_history, rows.unpack_history
        ),
        keys=SnapshotTable(connection, "keys", rows.pack_entry, rows.pack_key, rows.unpack_key),
        anchors=SnapshotTable(
            connection, "anchors", rows.pack_entry, rows.pack_anchor, rows.unpack_anchor
        ),
        words=SnapshotTable(
            connection, "words", rows.pack_word_key, rows.pack_word, rows.unpack_word
        ),
        digests=SnapshotTable(
            connection, "digests", rows.pack_entry, rows.pack_block, rows.unpack_block
        ),
        roots=SnapshotTable(
            connection, "roots", rows.pack_entry, rows.pack_block, rows.unpack_block
        ),
    )


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
            "snapshot_not_written", path=path, reason=error.strerror or type(error).__name__
        ) from error
