"""Restoring a backup into an empty folder and an empty database, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from ecert.client.home import write_file
from ecert.encoding import json_decode
from ecert.errors import MalformedError
from ecert.keystore import Keystore
from ecert.limits import KIB
from registry.backup.aftermath import begin_again
from registry.backup.errors import BackupError
from registry.backup.keys import BackupKey
from registry.backup.locks import database_alone, folder_alone
from registry.backup.making import CHAIN_FILES
from registry.backup.manifest import Head, Manifest
from registry.backup.reading import SETTINGS, Checked, read_backup
from registry.backup.rows import fill, read_piece, tables_of
from registry.clock import Clock, unix_now
from registry.database import Database
from registry.migrations import NEWEST, knows, upgrade
from registry.settings import CHAIN_FOLDER, Settings

LAST_TABLE = "chain_deployment"
"""Filled after all else: without its row no program opens the database."""

_STAGE = ".restoring-"
_MAX_CHAIN_FILE_BYTES = 4 * KIB


@dataclass(frozen=True, slots=True)
class Restored:
    """A registry that was restored.

    Attributes:
        head: What the backup said of itself.
        settings: The settings that it has now.
        rows: Rows in all tables.
        token: The operator's new token; None where all tokens stay good.
    """

    head: Head
    settings: Settings
    rows: int
    token: str | None


def check_backup(path: Path, key: BackupKey) -> tuple[Head, Manifest, Checked]:
    """Read a backup from end to end and change nothing; see ``read_backup`` for what is raised."""
    checked = Checked()
    head, manifest = read_backup(path, key, checked)
    return head, manifest, checked


def restore(
    path: Path,
    key: BackupKey,
    directory: Path,
    choose: Callable[[bytes], Settings],
    kept: Callable[[Settings], bytes],
    *,
    keep_chain: bool = False,
    last_state: bool = False,
    clock: Clock = unix_now,
) -> Restored:
    """Bring a registry back.

    The file is read twice: first all of it is checked, passphrase of the key store included, then
    it is taken apart, and checked again before it counts.

    Args:
        path: The backup.
        key: Opens it.
        directory: The registry's folder: empty or missing; or with the chain alone.
        choose: Returns the settings, given the text of those in the backup.
        kept: Returns the text of those settings, to take the place of the other.
        keep_chain: Whether the chain in ``directory`` goes on instead of the backup's.
        last_state: Whether nothing was done since the backup, as when a registry moves: then
            officers' tokens and claim codes stay good.
        clock: The time.

    Raises:
        BackupError: ``restore_folder_not_empty``, ``restore_database_not_empty``,
            ``restore_chain_missing``, ``restore_chain_other``, ``restore_row_refused``,
            ``restore_running``, ``backup_newer_schema``, and those of ``read_backup``.
        KeystoreError: ``passphrase_wrong``.
        SettingsError: ``passphrase_missing``, or the settings in the backup are not good.
        MalformedError: ``file_unwritable``, for example when the disk is full.
        UnavailableError: ``database_unavailable``.
    """
    with folder_alone(directory):
        _require_room(directory, keep_chain=keep_chain)
        head, manifest, checked = check_backup(path, key)
        if not knows(head.revision):
            raise BackupError("backup_newer_schema", found=head.revision, known=NEWEST)
        if keep_chain:
            _require_chain(directory, head)
        settings = choose(checked.settings)
        Keystore.unlock(checked.keystore, settings.read_passphrase())
        with _stage(directory) as stage, _empty_database(settings, stage) as database:
            upgrade(database, head.revision)
            _fill(path, key, database, stage, manifest, keep_chain=keep_chain)
            upgrade(database)
            token = begin_again(database, head, clock, last_state=last_state)
            _complete(database, stage)
            database.engine.dispose()  # a file is whole when nobody has it open
            key.making.save(stage)
            write_file(stage / SETTINGS, kept(settings))
            _move(stage, directory)
    return Restored(head, settings, sum(manifest.rows.values()), token)


class _Filler:
    """A ``Taker`` that fills a database, in one transaction, and a folder."""

    def __init__(self, connection: sa.Connection, stage: Path, *, keep_chain: bool) -> None:
        self._connection = connection
        self._stage = stage
        self._keep_chain = keep_chain
        self._tables = {table.name for table in tables_of(connection)}

    def head(self, head: Head) -> None:
        """Do nothing: it was looked at before."""

    def file(self, name: str, chunks: Iterator[bytes]) -> None:
        """Write a file."""
        target = self._stage / name
        if self._keep_chain and name in CHAIN_FILES:
            for _ in chunks:
                pass
            return
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            with open(target, "xb", opener=_private) as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MalformedError("file_unwritable", path=target, reason=error.strerror) from error

    def piece(self, table: str, data: bytes) -> int:
        """Insert rows."""
        if table not in self._tables:
            raise BackupError("backup_damaged")
        columns, rows = read_piece(data, table)
        if table == LAST_TABLE:
            (self._stage / _LAST).write_bytes(data)
            return sum(1 for _ in rows)
        counter = _Counter(rows)
        try:
            fill(self._connection, table, columns, iter(counter))
        except (DataError, IntegrityError, ProgrammingError) as error:
            # SQLite holds longer texts than its columns say, and zeros in them.
            raise BackupError("restore_row_refused", table=table) from error
        return counter.count


_LAST = "last-table"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Counter:
    def __init__(self, rows: Iterator[list[object]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[list[object]]:
        for row in self._rows:
            self.count += 1
            yield row


def _fill(
    path: Path,
    key: BackupKey,
    database: Database,
    stage: Path,
    manifest: Manifest,
    *,
    keep_chain: bool,
) -> None:
    with database.transaction() as session:
        filler = _Filler(session.connection(), stage, keep_chain=keep_chain)
        if read_backup(path, key, filler)[1] != manifest:
            raise BackupError("backup_damaged")
        _settle_in(session.connection())


def _complete(database: Database, stage: Path) -> None:
    """Fill the last table: from here on the database is a registry's."""
    kept = stage / _LAST
    columns, rows = read_piece(kept.read_bytes(), LAST_TABLE)
    with database.transaction() as session:
        fill(session.connection(), LAST_TABLE, columns, rows)
    kept.unlink()


def _settle_in(connection: sa.Connection) -> None:
    """Let PostgreSQL count on after the greatest key, and plan by what is there now."""
    if connection.dialect.name != "postgresql":
        return  # SQLite does so by itself
    connection.execute(sa.text("ANALYZE"))
    for table in tables_of(connection):
        for column in table.primary_key.columns:
            sequence = connection.scalar(
                sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
            )
            if sequence is not None:
                greatest = connection.scalar(sa.select(sa.func.max(column)))
                connection.execute(
                    sa.select(sa.func.setval(sequence, greatest or 1, greatest is not None))
                )


def _require_room(directory: Path, *, keep_chain: bool) -> None:
    """Refuse a folder in which something is: a restore never overwrites a registry."""
    _sweep(directory)
    allowed = {CHAIN_FOLDER} if keep_chain else set()
    try:
        found = sorted(entry.name for entry in directory.iterdir() if entry.name not in allowed)
    except OSError as error:
        raise MalformedError("file_unreadable", path=directory, reason=error.strerror) from error
    if found:
        raise BackupError("restore_folder_not_empty", directory=directory, found=found[0])


def _sweep(directory: Path) -> None:
    """Remove what a restore left that was killed."""
    for left in directory.glob(f"{_STAGE}*"):
        shutil.rmtree(left, ignore_errors=True)


def _require_chain(directory: Path, head: Head) -> None:
    path = directory / CHAIN_FOLDER / "chain.json"
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_CHAIN_FILE_BYTES)
    except OSError as error:
        raise BackupError("restore_chain_missing", path=path) from error
    value = json_decode(data, where="chain.json", max_bytes=_MAX_CHAIN_FILE_BYTES)
    found = value.get("chain_id") if isinstance(value, dict) else None
    if found != head.chain_id:
        raise BackupError("restore_chain_other", found=found, expected=head.chain_id)


@contextmanager
def _empty_database(settings: Settings, stage: Path) -> Iterator[Database]:
    """Give the empty database to fill; on a server it is empty again where that failed."""
    if settings.database_url is None:
        database = Database(f"sqlite:///{stage / 'registry.sqlite3'}")
        try:
            yield database
        finally:
            database.dispose()
        return
    database = Database(settings.url)
    try:
        with database_alone(database):
            _require_empty(database)
            try:
                yield database
            except BaseException:
                _empty(database)
                raise
    finally:
        database.dispose()


def _require_empty(database: Database) -> None:
    with database.reading() as session:
        found = sa.inspect(session.connection()).get_table_names()
    if found:
        raise BackupError("restore_database_not_empty", table=found[0])


def _empty(database: Database) -> None:
    with database.transaction() as session:
        connection = session.connection()
        metadata = sa.MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)


@contextmanager
def _stage(directory: Path) -> Iterator[Path]:
    """Give a folder on the same file system, which is gone at the end."""
    try:
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=directory))
    except OSError as error:
        raise MalformedError("file_unwritable", path=directory, reason=error.strerror) from error
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _move(stage: Path, directory: Path) -> None:
    """Move what was staged to its place, the settings last: without them nothing runs."""
    names = sorted((entry.name for entry in stage.iterdir()), key=lambda name: name == SETTINGS)
    moved: list[Path] = []
    try:
        for name in names:
            (stage / name).rename(directory / name)
            moved.append(directory / name)
        _sync(directory)
    except OSError as error:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise MalformedError("file_unwritable", path=directory, reason=error.strerror) from error


def _sync(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
