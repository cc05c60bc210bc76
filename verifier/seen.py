"""What counts once only: a memory of it that all processes of one folder share.

A small SQLite file holds identifiers and times, nothing of any document. Whoever records one first,
in whatever process, is the only one. A command line that ends after each check needs that as much
as a service of several processes.
"""

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from ecert.errors import UnavailableError

BUSY_SECONDS = 5.0
"""How long to wait for another process to record something."""

_IN_MEMORY = ":memory:"
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS seen (id BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS by_end ON seen (until)",
    # Counting the rows each time would take longer the more there are.
    "CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY CHECK (id = 0), count INTEGER)",
    "INSERT OR IGNORE INTO total SELECT 0, count(*) FROM seen",
)


class Seen(Enum):
    """What came of recording something."""

    FIRST = "first"
    AGAIN = "again"
    FULL = "full"


class SeenOnce:
    """Remembers identifiers for a while, each once; for many threads and processes.

    Args:
        path: The file, made when it does not exist; None for a memory of this process alone.
        capacity: Identifiers remembered at once; none is forgotten early for another.
        wait: How long to wait for another process, seconds.
    """

    def __init__(self, path: Path | None, *, capacity: int, wait: float = BUSY_SECONDS) -> None:
        self._path = path
        self._capacity = capacity
        self._wait = wait
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._close: Callable[[], object] = lambda: None

    def record(self, item: bytes, *, now: int, seconds: int) -> Seen:
        """Record an identifier until ``now`` + ``seconds``, in one indivisible step.

        Raises:
            UnavailableError: ``seen_unusable``.
        """
        with self._transaction() as database:
            gone = database.execute("DELETE FROM seen WHERE until <= ?", (now,)).rowcount
            (count,) = database.execute("SELECT count - ? FROM total", (gone,)).fetchone()
            found = Seen.FULL
            if database.execute("SELECT 1 FROM seen WHERE id = ?", (item,)).fetchone():
                found = Seen.AGAIN
            elif count < self._capacity:
                database.execute("INSERT INTO seen VALUES (?, ?)", (item, now + seconds))
                count, found = count + 1, Seen.FIRST
            database.execute("UPDATE total SET count = ?", (count,))
            return found

    def forget(self, item: bytes) -> None:
        """Forget an identifier, so that it may be recorded again.

        Raises:
            UnavailableError: ``seen_unusable``.
        """
        with self._transaction() as database:
            gone = database.execute("DELETE FROM seen WHERE id = ?", (item,)).rowcount
            database.execute("UPDATE total SET count = count - ?", (gone,))

    def __len__(self) -> int:
        with self._transaction() as database:
            count: int = database.execute("SELECT count FROM total").fetchone()[0]
            return count

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        with self._lock:
            self._drop()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                database = self._opened()
                # Immediate: of two processes that record one thing, the second sees the first's.
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._abandon()
                path = str(self._path or _IN_MEMORY)
                raise UnavailableError(
                    "seen_unusable", path=path, reason=str(error)[:100]
                ) from error
            except BaseException:
                self._abandon()
                raise

    def _opened(self) -> sqlite3.Connection:
        """Return the connection, to the file that has the name now."""
        if self._database is None or self._file != self._identity():
            self._drop()
            self._database = self._open()
            self._file = self._identity()
        return self._database

    def _open(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = sqlite3.connect(
            self._path or _IN_MEMORY,
            timeout=self._wait,
            isolation_level=None,
            check_same_thread=False,
        )
        self._close = weakref.finalize(self, database.close)
        database.execute("PRAGMA journal_mode = WAL")
        # What a power cut takes is minutes old before the machine is up again.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            database.execute(statement)
        database.execute("COMMIT")
        return database

    def _identity(self) -> tuple[int, int] | None:
        """Tell which file has the name: one that was taken away is no longer the others'."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _abandon(self) -> None:
        """Undo what a transaction did; a file may be another one by now, or useless."""
        if self._path is not None:
            self._drop()
        elif self._database is not None and self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def _drop(self) -> None:
        self._database = None
        self._close()
