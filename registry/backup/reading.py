"""Reading a backup from end to end, believing nothing until its manifest is authenticated."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ecert.errors import MalformedError
from ecert.limits import MIB
from registry.backup.archive import Part, reading_archive
from registry.backup.errors import BackupError
from registry.backup.keys import BackupKey
from registry.backup.making import CHAIN_FILES, SMALL_FILES
from registry.backup.manifest import (
    FILES,
    HEAD,
    MANIFEST,
    MAX_HEAD_BYTES,
    SEAL,
    TABLES,
    Head,
    Manifest,
    Tally,
    authenticate,
    part_of,
)
from registry.backup.rows import MAX_PIECE_BYTES, read_piece

SETTINGS = SMALL_FILES[0]
_KNOWN_FILES = frozenset(FILES + name for name in (*CHAIN_FILES, *SMALL_FILES))
_MAX_SETTINGS_BYTES = 1 * MIB
_SEAL_BYTES = 32


class Taker(Protocol):
    """What becomes of a backup's parts as they are read; none is authenticated yet."""

    def head(self, head: Head) -> None:
        """Take what the backup says of itself."""

    def file(self, name: str, chunks: Iterator[bytes]) -> None:
        """Take a file of the registry's folder."""

    def piece(self, table: str, data: bytes) -> int:
        """Take a piece of a table; return its rows."""


def read_backup(path: Path, key: BackupKey, taker: Taker) -> tuple[Head, Manifest]:
    """Hand a backup's parts over; when this returns they are what a registry with ``key`` wrote.

    Raises:
        BackupError: ``backup_key_does_not_fit``, ``backup_damaged``, ``backup_forged``,
            ``backup_newer_format``.
        MalformedError: ``file_unreadable``, ``backup_not_one``, ``field_malformed``,
            ``too_large``.
    """
    check_outside(path)
    tally = Tally()
    try:
        with path.open("rb") as file, reading_archive(file, key.opened) as parts:
            head = _head(parts, tally)
            taker.head(head)
            manifest, seal = _rest(parts, tally, taker)
            for _ in parts:
                raise BackupError("backup_damaged")
    except OSError as error:
        raise MalformedError("file_unreadable", path=path, reason=error.strerror) from error
    if not hmac.compare_digest(authenticate(manifest, key.making.authentication), seal):
        raise BackupError("backup_forged")
    told = Manifest.from_bytes(manifest)
    if told != tally.manifest:
        raise BackupError("backup_damaged")
    return head, told


def check_outside(path: Path) -> None:
    """Check what can be seen without the secret: that this is an age file for a key.

    Raises:
        MalformedError: ``file_unreadable``, ``backup_not_one``.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
    except OSError as error:
        raise MalformedError("file_unreadable", path=path, reason=error.strerror) from error
    if not beginning.startswith(b"age-encryption.org/v1\n-> X25519 "):
        raise MalformedError("backup_not_one", path=path)


def _head(parts: Iterator[Part], tally: Tally) -> Head:
    first = next(parts, None)
    if first is None or first.name != HEAD:
        raise BackupError("backup_damaged")
    data = first.read(MAX_HEAD_BYTES)
    tally.add(HEAD, data)
    return Head.from_bytes(data)


def _rest(parts: Iterator[Part], tally: Tally, taker: Taker) -> tuple[bytes, bytes]:
    for part in parts:
        if part.name == MANIFEST:
            break
        if part.name in _KNOWN_FILES:
            taker.file(part.name.removeprefix(FILES), _counted(part, tally))
        elif part.name.startswith(TABLES):
            name = part_of(part.name)
            data = part.read(MAX_PIECE_BYTES)
            tally.add(name, data, taker.piece(name.removeprefix(TABLES), data))
        else:
            raise BackupError("backup_damaged")
    else:
        raise BackupError("backup_damaged")
    manifest = part.read(MAX_HEAD_BYTES)
    seal = next(parts, None)
    if seal is None or seal.name != SEAL:
        raise BackupError("backup_damaged")
    return manifest, seal.read(_SEAL_BYTES)


def _counted(part: Part, tally: Tally) -> Iterator[bytes]:
    tally.add(part.name, b"")
    for chunk in part.chunks():
        tally.add(part.name, chunk)
        yield chunk


@dataclass
class Checked:
    """What checking a backup found: a ``Taker`` that touches nothing.

    Attributes:
        files: Names of the files in it.
        settings: The text of ``settings.json``.
        keystore: The key store's header, which tells whether a passphrase is right.
    """

    files: list[str] = field(default_factory=list)
    settings: bytes = b"{}"
    keystore: bytes = b""

    def head(self, head: Head) -> None:
        """Do nothing."""

    def file(self, name: str, chunks: Iterator[bytes]) -> None:
        """Read a file, and keep the settings."""
        if name in self.files:
            raise BackupError("backup_damaged")
        self.files.append(name)
        kept = 0
        found = []
        for chunk in chunks:
            kept += len(chunk)
            if name == SETTINGS and kept <= _MAX_SETTINGS_BYTES:
                found.append(chunk)
        if name == SETTINGS:
            self.settings = b"".join(found)

    def piece(self, table: str, data: bytes) -> int:
        """Read every row, and keep the key store's header."""
        columns, rows = read_piece(data, table)
        count = 0
        for row in rows:
            count += 1
            if table == "keystore_header":
                self.keystore = _header(dict(zip([name for name, _ in columns], row, strict=True)))
        return count


def _header(row: dict[str, object]) -> bytes:
    header = row.get("header")
    if not isinstance(header, bytes):
        raise BackupError("backup_damaged")
    return header
