"""The wallet's store: documents, holder keys and history, each entry encrypted at rest.

One SQLite file. Entries are JSON sealed by the key that the passphrase yields (``ecert.keystore``);
in clear are only random ids and how many entries there are. SQLite's transactions make each change
whole or not at all.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ecert import limits
from ecert.encoding import canonical_json, json_decode
from ecert.errors import KeystoreError, MalformedError
from ecert.keystore import Keystore

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE entry (id TEXT PRIMARY KEY, sort TEXT NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
"""
_ID_BYTES = 4


class Vault:
    """An open store.

    Args:
        path: The file; made with ``passphrase`` when it does not exist.
        passphrase: What opens it.

    Raises:
        KeystoreError: ``passphrase_wrong``, ``keystore_malformed``.
        MalformedError: ``vault_unusable``: no wallet, or it cannot be read or written.
    """

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path = path
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = not path.exists()
            if fresh:
                path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=10)
            self._database.execute("PRAGMA secure_delete = ON")
            if fresh or not self._header():
                self._keystore = self._create(passphrase)
            else:
                self._keystore = Keystore.unlock(self._header(), passphrase)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def put(self, sort: str, value: dict[str, Any], entry_id: str | None = None) -> str:
        """Write an entry, new or in the place of ``entry_id``; return its id."""
        entry_id = entry_id or secrets.token_hex(_ID_BYTES)
        sealed = self._keystore.seal(f"wallet/{sort}/{entry_id}", canonical_json(value))
        with self._errors(), self._database:
            self._database.execute(
                "INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET sealed = ?3",
                (entry_id, sort, sealed),
            )
        return entry_id

    def replace(self, entry_id: str, sort: str, value: dict[str, Any]) -> None:
        """Write an entry of another sort in the place of ``entry_id``."""
        sealed = self._keystore.seal(f"wallet/{sort}/{entry_id}", canonical_json(value))
        with self._errors(), self._database:
            self._database.execute(
                "UPDATE entry SET sort = ?, sealed = ? WHERE id = ?", (sort, sealed, entry_id)
            )

    def all(self, sort: str) -> dict[str, dict[str, Any]]:
        """Return all entries of a sort by id."""
        with self._errors():
            rows = self._database.execute(
                "SELECT id, sealed FROM entry WHERE sort = ? ORDER BY id", (sort,)
            ).fetchall()
        return {entry_id: self._open(sort, entry_id, sealed) for entry_id, sealed in rows}

    def remove(self, entry_id: str) -> None:
        """Delete an entry and overwrite its bytes."""
        with self._errors(), self._database:
            self._database.execute("DELETE FROM entry WHERE id = ?", (entry_id,))

    def _open(self, sort: str, entry_id: str, sealed: bytes) -> dict[str, Any]:
        data = self._keystore.open(f"wallet/{sort}/{entry_id}", sealed)
        value = json_decode(data, where="wallet", max_bytes=4 * limits.MIB)
        if not isinstance(value, dict):
            raise KeystoreError("keystore_malformed")
        return value

    def _header(self) -> bytes:
        tables = self._database.execute("SELECT name FROM sqlite_master").fetchall()
        if ("meta",) not in tables:
            return b""
        row = self._database.execute("SELECT value FROM meta WHERE name = 'keystore'").fetchone()
        return bytes(row[0]) if row else b""

    def _create(self, passphrase: str) -> Keystore:
        header, keystore = Keystore.create(passphrase)
        with self._database:
            self._database.executescript(_SCHEMA)
            self._database.execute("INSERT INTO meta VALUES ('keystore', ?)", (header,))
        return keystore

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise MalformedError(
                "vault_unusable", path=str(self._path), reason=str(error)[:100]
            ) from error
