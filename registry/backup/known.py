"""Telling without the key whether a file is one that this registry wrote."""

import hashlib
from pathlib import Path

from sqlmodel import col, select

from ecert.errors import MalformedError
from registry.audit.models import AuditEntry
from registry.backup.making import ACTION
from registry.database import Database


def sha256_of(path: Path) -> bytes:
    """Return a file's digest.

    Raises:
        MalformedError: ``file_unreadable``.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise MalformedError("file_unreadable", path=path, reason=error.strerror) from error


def made_before(database: Database, digest: bytes) -> int | None:
    """Return when the registry wrote a backup with this digest, by its audit trail.

    Raises:
        UnavailableError: ``database_unavailable``.
    """
    with database.reading() as session:
        statement = select(AuditEntry.time).where(
            col(AuditEntry.action) == ACTION, col(AuditEntry.subject) == digest.hex()
        )
        return session.exec(statement).first()
