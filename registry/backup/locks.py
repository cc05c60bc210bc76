"""One restore at a time: two into one place would take each other's half-filled work apart.

Both locks end with the process that holds them, however it ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from ecert.errors import MalformedError
from registry.backup.errors import BackupError
from registry.database import Database, unavailable

_LOCK = 0x65636572745F7265  # any constant of this project's own
_TAKE = sa.select(sa.func.pg_try_advisory_lock(_LOCK))


@contextmanager
def folder_alone(directory: Path) -> Iterator[None]:
    """Make a folder if it is missing, and keep other restores out of it.

    Raises:
        BackupError: ``restore_running``.
        MalformedError: ``file_unwritable``.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise MalformedError("file_unwritable", path=directory, reason=error.strerror) from error
    try:
        _lock(folder, directory)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, directory: Path) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BackupError("restore_running", place=directory) from error
    except OSError as error:
        raise MalformedError("file_unwritable", path=directory, reason=error.strerror) from error


@contextmanager
def database_alone(database: Database) -> Iterator[None]:
    """Keep other restores out of a server's database; behind a pooler, one that keeps sessions.

    A SQLite file lies in the folder that is locked.

    Raises:
        BackupError: ``restore_running``.
        UnavailableError: ``database_unavailable``.
    """
    if not database.is_server:
        yield
        return
    try:
        connection = database.connection()
        taken = connection.scalar(_TAKE)
    except OperationalError as error:
        raise unavailable(error) from None
    with connection:
        if not taken:
            raise BackupError("restore_running", place=database.engine.url.database)
        yield
