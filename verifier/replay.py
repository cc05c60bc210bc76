"""Which proofs of cards were accepted, remembered across processes.

A command line ends after each check: a cache in its memory would let the same proof, photographed,
pass at the next one. This one is a small SQLite file in the verifier's folder, which the service
shares. It holds hashes and times, nothing of any document.
"""

import contextlib
import sqlite3
from pathlib import Path

from ecert import limits
from ecert.errors import HolderBindingError, UnavailableError

FILE = "replay.db"
BUSY_SECONDS = 5.0
"""How long to wait for another process's check to end."""


class FileReplayCache:
    """A replay cache (``ecert.card.ReplayCache``) for all processes that use one folder.

    Args:
        path: The file; made when it does not exist.
        capacity: Proofs remembered at once; none is forgotten early for another.
    """

    def __init__(self, path: Path, *, capacity: int = limits.REPLAY_CACHE_ENTRIES) -> None:
        self._path = path
        self._capacity = capacity

    def remember(self, proof_id: bytes, *, now: int) -> None:
        """Record a proof.

        Raises:
            HolderBindingError: ``card_proof_replayed``.
            UnavailableError: ``card_replay_cache_full``, ``card_replay_cache_unusable``.
        """
        try:
            with contextlib.closing(self._open()) as database:
                self._remember(database, proof_id, now)
        except (sqlite3.Error, OSError) as error:
            reason = str(error)[:100]
            raise UnavailableError(
                "card_replay_cache_unusable", path=str(self._path), reason=reason
            ) from error

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        # What a power cut takes is two minutes old before the machine is up again.
        database.execute("PRAGMA synchronous = OFF")
        return database

    def _remember(self, database: sqlite3.Connection, proof_id: bytes, now: int) -> None:
        # Immediate: of two processes that were shown one proof, the second one sees the first's.
        database.execute("BEGIN IMMEDIATE")
        try:
            database.execute(
                "CREATE TABLE IF NOT EXISTS proof"
                " (id BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID"
            )
            database.execute("DELETE FROM proof WHERE until <= ?", (now,))
            if database.execute("SELECT 1 FROM proof WHERE id = ?", (proof_id,)).fetchone():
                raise HolderBindingError("card_proof_replayed")
            (count,) = database.execute("SELECT count(*) FROM proof").fetchone()
            if count >= self._capacity:
                raise UnavailableError("card_replay_cache_full", limit=self._capacity)
            until = now + limits.REPLAY_CACHE_SECONDS
            database.execute("INSERT INTO proof VALUES (?, ?)", (proof_id, until))
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
