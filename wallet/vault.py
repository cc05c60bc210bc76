"""The wallet's store: documents, holder keys and history, each entry encrypted at rest.

One SQLite file. Entries are JSON sealed by the key that the passphrase yields (``ecert.keystore``)
and bound to their sort and id, so that none can stand in for another; in clear are only random ids,
sorts and how many entries there are. SQLite's transactions make each change whole or not at all,
and let several processes work on one wallet.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ecert import limits
from ecert.encoding import canonical_json, json_decode
from ecert.errors import KeystoreError, MalformedError
from ecert.keystore import Cost, Keystore

MIN_PASSPHRASE_CHARS = 8
"""The shortest passphrase that a new wallet takes."""

LOCK_SECONDS = 10.0
"""How long one process waits for another's change to end."""

_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE entry (
        id TEXT PRIMARY KEY, sort TEXT NOT NULL, sealed BLOB NOT NULL
    ) WITHOUT ROWID""",
)
_TABLES = frozenset({"meta", "entry"})
_ID_BYTES = 4
_OTHERS = 0o077  # permissions of anybody but the owner

Value = dict[str, Any]


class Vault:
    """An open store; a context manager.

    Args:
        path: The file; made with ``passphrase`` when it does not exist.
        passphrase: What opens it.
        cost: Of a new file's key derivation; the key store's default when not given.

    Raises:
        KeystoreError: ``passphrase_wrong``, ``passphrase_too_short``, ``keystore_malformed``.
        MalformedError: ``vault_foreign``: the file is no wallet; ``vault_unusable``: it cannot be
            read or written.
    """

    def __init__(self, path: Path, passphrase: str, *, cost: Cost | None = None) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        try:
            with self._errors():
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)
                database = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
                self._database = database
                database.execute("PRAGMA secure_delete = ON")
                # Full: a key that was reported as kept survives a power cut.
                database.execute("PRAGMA synchronous = FULL")
            header = self._header()
            if header is None:
                self._keystore = self._create(passphrase, cost)
            else:
                self._keystore = Keystore.unlock(header, passphrase)
            with self._errors():
                if path.stat().st_mode & _OTHERS:
                    path.chmod(0o600)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def put(self, sort: str, value: Value) -> str:
        """Write a new entry; return its id."""
        with self._change() as database:
            while True:
                entry_id = secrets.token_hex(_ID_BYTES)
                sealed = self._seal(sort, entry_id, value)
                done = database.execute(
                    "INSERT OR IGNORE INTO entry VALUES (?, ?, ?)", (entry_id, sort, sealed)
                )
                if done.rowcount:
                    return entry_id

    def change(
        self, entry_id: str, sort: str, change: Callable[[Value], Value], *, to: str | None = None
    ) -> bool:
        """Read an entry, change it and write it back, in one step for all processes.

        Args:
            entry_id: The entry.
            sort: Its sort.
            change: From the old value to the new one.
            to: The sort it becomes; the same when not given.

        Returns:
            Whether there was such an entry; nothing is written otherwise.
        """
        with self._change() as database:
            row = database.execute(
                "SELECT sealed FROM entry WHERE id = ? AND sort = ?", (entry_id, sort)
            ).fetchone()
            if row is None:
                return False
            value = change(self._open(sort, entry_id, row[0]))
            database.execute(
                "UPDATE entry SET sort = ?, sealed = ? WHERE id = ?",
                (to or sort, self._seal(to or sort, entry_id, value), entry_id),
            )
            return True

    def ids(self, sort: str) -> list[str]:
        """Return the ids of all entries of a sort, without opening them."""
        with self._reading() as database:
            rows = database.execute("SELECT id FROM entry WHERE sort = ? ORDER BY id", (sort,))
            return [entry_id for (entry_id,) in rows]

    def get(self, sort: str, entry_id: str) -> Value | None:
        """Return one entry, or None.

        Raises:
            KeystoreError: ``sealed_key_invalid``: it is damaged, or another's bytes.
        """
        with self._reading() as database:
            row = database.execute(
                "SELECT sealed FROM entry WHERE id = ? AND sort = ?", (entry_id, sort)
            ).fetchone()
        return None if row is None else self._open(sort, entry_id, row[0])

    def all(self, sort: str) -> dict[str, Value]:
        """Return all entries of a sort by id.

        Raises:
            KeystoreError: As ``get``.
        """
        found = ((entry_id, self.get(sort, entry_id)) for entry_id in self.ids(sort))
        return {entry_id: value for entry_id, value in found if value is not None}

    def remove(self, entry_id: str) -> bool:
        """Delete an entry and overwrite its bytes; return whether there was one."""
        with self._change() as database:
            return database.execute("DELETE FROM entry WHERE id = ?", (entry_id,)).rowcount > 0

    def _seal(self, sort: str, entry_id: str, value: Value) -> bytes:
        return self._keystore.seal(_name(sort, entry_id), canonical_json(value))

    def _open(self, sort: str, entry_id: str, sealed: object) -> Value:
        if not isinstance(sealed, bytes):
            raise KeystoreError("sealed_key_invalid", name=_name(sort, entry_id))
        data = self._keystore.open(_name(sort, entry_id), sealed)
        value = json_decode(data, where="wallet", max_bytes=4 * limits.MIB)
        if not isinstance(value, dict):
            raise KeystoreError("sealed_key_invalid", name=_name(sort, entry_id))
        return value

    def _header(self) -> bytes | None:
        """Return the key store's header, None where the file is still empty."""
        with self._reading() as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
            if not tables:
                return None
            if not tables >= _TABLES:
                raise MalformedError("vault_foreign", path=str(self._path))
            row = database.execute("SELECT value FROM meta WHERE name = 'keystore'").fetchone()
        if row is None or not isinstance(row[0], bytes):
            raise KeystoreError("keystore_malformed")
        return row[0]

    def _create(self, passphrase: str, cost: Cost | None) -> Keystore:
        """Write tables and header in one transaction: there is a whole wallet, or none."""
        if len(passphrase) < MIN_PASSPHRASE_CHARS:
            raise KeystoreError("passphrase_too_short", minimum=MIN_PASSPHRASE_CHARS)
        with self._change() as database:
            made_meanwhile = self._header()
            if made_meanwhile is not None:  # by another process
                return Keystore.unlock(made_meanwhile, passphrase)
            for statement in _SCHEMA:
                database.execute(statement)
            header, keystore = Keystore.create(passphrase, cost)
            database.execute("INSERT INTO meta VALUES ('keystore', ?)", (header,))
        return keystore

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Give the database with the write lock held, all or nothing being written."""
        with self._reading() as database:
            # Immediate: what is read within stays true until it is written.
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            if self._database is None:
                raise sqlite3.ProgrammingError("closed")
            yield self._database

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise MalformedError("vault_foreign", path=str(self._path)) from error
            reason = str(error)[:100]
            raise MalformedError("vault_unusable", path=str(self._path), reason=reason) from error


def is_new(path: Path) -> bool:
    """Return whether a wallet at ``path`` would be a new one."""
    try:
        return path.stat().st_size == 0
    except OSError:
        return True


def _name(sort: str, entry_id: str) -> str:
    return f"wallet/{sort}/{entry_id}"
