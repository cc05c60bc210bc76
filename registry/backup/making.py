"""Making a backup of a registry while it runs."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlmodel import Session

from ecert.errors import MalformedError, reason_of
from registry.audit.service import AuditTrail
from registry.backup.archive import Member, write_archive
from registry.backup.errors import BackupError
from registry.backup.keys import MakingKey
from registry.backup.manifest import (
    FILES,
    HEAD,
    MANIFEST,
    SEAL,
    TABLES,
    Head,
    Tally,
    authenticate,
)
from registry.backup.rows import pieces, tables_of
from registry.clock import Clock, unix_now
from registry.database import Database
from registry.errors import SettingsError
from registry.migrations import revision_of
from registry.settings import CHAIN_FOLDER

CHAIN_FILES = (f"{CHAIN_FOLDER}/chain.json", f"{CHAIN_FOLDER}/state.json")
STATE = CHAIN_FILES[1]
SMALL_FILES = ("settings.json", "trust.json")

ACTION = "registry.backup"
"""How the audit trail names a backup; with it the SHA-256 of the file."""

_COPY = 256 * 1024
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made.

    Attributes:
        path: The file.
        size: Its length in bytes.
        sha256: Its digest.
        head: What it is of.
        rows: Rows in all tables.
    """

    path: Path
    size: int
    sha256: bytes
    head: Head
    rows: int


def make_backup(
    database: Database,
    directory: Path,
    output: Path,
    *,
    embedded: bool,
    clock: Clock = unix_now,
    moment: Callable[[str], None] = lambda _: None,
) -> Made:
    """Write a backup of a registry, which may run meanwhile.

    Database and chain are those of one moment: the chain's snapshot is opened first, then the
    database's state is fixed, again if the snapshot was replaced in between. So the database is
    never older than the chain, which would lose what only the chain knows.

    Args:
        database: The registry's database.
        directory: The registry's folder.
        output: The new file, or a folder in which it gets a name of its time.
        embedded: Whether the registry runs a chain of its own, in the folder.
        clock: The time.
        moment: Told each point that is passed; does nothing outside tests.

    Raises:
        BackupError: ``backup_key_missing``, ``backup_exists``, ``backup_chain_missing``.
        MalformedError: ``file_unwritable``, for example when the disk is full.
        SettingsError: ``registry_not_set_up``.
        UnavailableError: ``database_unavailable``.
    """
    key = MakingKey.load(directory)
    with _consistent(database, directory, embedded) as (connection, files):
        head = _head(connection, directory, embedded=embedded, now=clock())
        moment("fixed")
        path = _path(output, head.made_at)
        tally = Tally()
        members = _members(connection, files, head, key, tally)
        size, digest = _write(path, key.recipient, members)
    rows = sum(tally.rows.values())
    with database.transaction() as session:
        AuditTrail(session, clock).record(
            None, ACTION, digest.hex(), bytes=size, block=head.final_block, rows=rows
        )
    return Made(path, size, digest, head, rows)


@contextmanager
def _consistent(
    database: Database, directory: Path, embedded: bool
) -> Iterator[tuple[sa.Connection, dict[str, IO[bytes]]]]:
    """Give one state of the database, and the files that belong to it, opened."""
    for _ in range(_TRIES):
        with ExitStack() as stack:
            files = _opened(directory, CHAIN_FILES if embedded else (), stack)
            session = stack.enter_context(database.reading())
            connection = _fixed(session)
            if _replaced(files, directory):
                continue
            small = [name for name in SMALL_FILES if (directory / name).exists()]
            files |= _opened(directory, tuple(small), stack)
            yield connection, files
            return
    raise BackupError("backup_chain_too_quick", tries=_TRIES)


def _fixed(session: Session) -> sa.Connection:
    """Fix the state that a session sees to the end: its first question does."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":  # a slow disk may keep this session waiting
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    revision_of(connection)
    return connection


def _opened(directory: Path, names: tuple[str, ...], stack: ExitStack) -> dict[str, IO[bytes]]:
    files: dict[str, IO[bytes]] = {}
    for name in names:
        try:
            files[name] = stack.enter_context((directory / name).open("rb"))
        except FileNotFoundError as error:
            raise BackupError("backup_chain_missing", path=directory / name) from error
        except OSError as error:
            raise MalformedError(
                "file_unreadable", path=directory / name, reason=error.strerror
            ) from error
    return files


def _replaced(files: dict[str, IO[bytes]], directory: Path) -> bool:
    if STATE not in files:
        return False
    return not os.path.samestat(os.fstat(files[STATE].fileno()), (directory / STATE).stat())


def _head(connection: sa.Connection, directory: Path, *, embedded: bool, now: int) -> Head:
    revision = revision_of(connection)
    if revision is None:
        raise SettingsError("registry_not_set_up", directory=directory)
    deployment = connection.execute(
        sa.text("SELECT chain_id, genesis_hash FROM chain_deployment")
    ).first()
    if deployment is None:
        raise SettingsError("registry_not_set_up", directory=directory)
    block = connection.execute(sa.text("SELECT number FROM chain_checkpoint")).scalar()
    return Head(
        program=version("ecert"),
        revision=revision,
        made_at=now,
        chain_id=deployment.chain_id,
        genesis=bytes(deployment.genesis_hash),
        embedded=embedded,
        final_block=block or 0,
    )


def _members(
    connection: sa.Connection, files: dict[str, IO[bytes]], head: Head, key: MakingKey, tally: Tally
) -> Iterator[Member]:
    data = head.to_bytes()
    tally.add(HEAD, data)
    yield Member.of(HEAD, data)
    for name, file in files.items():
        size = os.fstat(file.fileno()).st_size
        yield Member(FILES + name, size, _copied(file, FILES + name, size, tally))
    for table in tables_of(connection):
        part = TABLES + table.name
        for number, (data, rows) in enumerate(pieces(connection, table)):
            tally.add(part, data, rows)
            yield Member.of(f"{part}/{number:06}", data)
    manifest = tally.manifest.to_bytes()
    yield Member.of(MANIFEST, manifest)
    yield Member.of(SEAL, authenticate(manifest, key.authentication))


def _copied(file: IO[bytes], part: str, size: int, tally: Tally) -> Iterator[bytes]:
    left = size
    while left:
        chunk = file.read(min(_COPY, left))
        if not chunk:
            raise MalformedError("file_unreadable", path=part, reason="shortened meanwhile")
        left -= len(chunk)
        tally.add(part, chunk)
        yield chunk


class _Hashed:
    """A file that is hashed as it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write(path: Path, recipient: str, members: Iterator[Member]) -> tuple[int, bytes]:
    """Write beside, sync, and only then give the name, which must be free."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb", _COPY) as file:
                hashed = _Hashed(file)
                write_archive(hashed, recipient, members)  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            _name(beside, path)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError as error:
        reason = reason_of(error)
        raise MalformedError("file_unwritable", path=path, reason=reason) from error
    return hashed.size, hashed.hash.digest()


def _name(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except FileExistsError:
        raise BackupError("backup_exists", path=path) from None
    except OSError:  # a file system without links
        if path.exists():
            raise BackupError("backup_exists", path=path) from None
        beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _path(output: Path, made_at: int) -> Path:
    if output.is_dir():
        output /= f"ecert-{datetime.fromtimestamp(made_at, UTC):%Y%m%dT%H%M%SZ}.age"
    if output.exists():
        raise BackupError("backup_exists", path=output)
    return output
