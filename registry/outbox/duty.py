"""Which of several workers talks to the chain; the others sign and close batches meanwhile.

On a PostgreSQL server it is the worker whose connection holds an advisory lock, which the server
gives back when that worker dies. No clock is asked, so none can be wrong. Should two workers
believe to have the duty for a moment, as when a connection breaks unnoticed, nothing is doubled:
each step asks the row's state under its lock, and only stored bytes are ever sent.

On SQLite every worker has it: the database lets one write at a time.
"""

import contextlib
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from ecert.errors import UnavailableError
from registry.database import Database
from registry.outbox.models import ChainDuty

_LOCK = 0x65636572745F6368  # any constant of this project's own
_TAKE = sa.select(sa.func.pg_try_advisory_lock(_LOCK))
_NAME = sa.text(
    "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint"
    " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
)
_ALIVE = sa.text(
    "SELECT 1 FROM chain_duty JOIN pg_stat_activity ON pid = process"
    " AND (extract(epoch FROM backend_start) * 1000000)::bigint = connected_at"
)


class Duty(Protocol):
    """The duty to talk to the chain."""

    def take(self) -> bool:
        """Tell whether this worker has the duty; it has from now on where nobody else had."""

    def release(self) -> None:
        """Let another worker have it."""

    def confirm(self) -> None:
        """Say that database and chain have been brought together."""

    def may_sign(self) -> bool:
        """Tell whether whoever has the duty has brought them together.

        Before that a restored database would give out status entries a second time.
        """


class SoleDuty:
    """That of every worker on SQLite.

    Args:
        database: A SQLite file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self) -> bool:
        """Return True."""
        return True

    def release(self) -> None:
        """Do nothing."""

    def confirm(self) -> None:
        """Leave a mark for the web service; a backup does not hold it."""
        with self._database.transaction() as session:
            session.merge(ChainDuty(process=0, connected_at=0))

    def may_sign(self) -> bool:
        """Return True: each worker compares for itself before it does anything."""
        return True


class SharedDuty:
    """That of one worker at a time on a server.

    Args:
        database: On the server; behind a pooler, one that keeps sessions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sa.Connection | None = None
        self._held = False

    def take(self) -> bool:
        """Hold the lock, or find it held still: with its connection it would be lost."""
        try:
            if self._connection is None:
                self._connection = self._database.connection()
            if not self._held:
                self._held = bool(self._connection.scalar(_TAKE))
            else:
                self._connection.exec_driver_sql("SELECT 1")
        except SQLAlchemyError:
            self.release()  # the worker's own next step tells why the database does not answer
        return self._held

    def release(self) -> None:
        """Close the connection, and so give the lock back."""
        self._held = False
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None

    def confirm(self) -> None:
        """Leave the connection's name, by which others see that it lives."""
        if self._connection is None:
            return None
        try:
            process, connected_at = self._connection.execute(_NAME).one()
        except SQLAlchemyError:
            return self.release()
        with self._database.transaction() as session:
            session.merge(ChainDuty(process=process, connected_at=connected_at))
        return None

    def may_sign(self) -> bool:
        """Tell whether the connection that is named lives."""
        with self._database.reading() as session:
            return _compared(session)


def duty_of(database: Database) -> Duty:
    """Return the duty as a database needs it."""
    return SharedDuty(database) if database.is_server else SoleDuty(database)


def require_compared(session: Session) -> None:
    """Check that a worker has compared the database with the chain: before, nobody signs.

    Raises:
        UnavailableError: ``chain_not_compared``.
    """
    if not _compared(session):
        raise UnavailableError("chain_not_compared")


def _compared(session: Session) -> bool:
    if session.get_bind().dialect.name == "postgresql":
        return session.execute(_ALIVE).first() is not None
    return session.get(ChainDuty, 1) is not None
