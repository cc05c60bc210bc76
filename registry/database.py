"""The database: one engine, and transactions at the edge.

Services take a session and never commit. Whoever serves a request, a command or a worker's step
opens ``Database.transaction``, and that commits or rolls back.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session, SQLModel, create_engine

from ecert.errors import EcertError, UnavailableError
from registry.errors import ConflictError, RegistryError, SettingsError

BUSY_SECONDS = 30
"""How long a writer waits for another one: on SQLite for its turn, on PostgreSQL for a row."""

IDLE_SECONDS = 120
"""After so long a server ends a transaction whose process sleeps or is cut off: its rows are
others' to take."""

CONNECTIONS = 30
"""Connections of one process to a server; a web service has as many threads that use them."""

_CONNECT_SECONDS = 5
_SERVER_OPTIONS = {
    "lock_timeout": f"{BUSY_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    # A commit must survive a power failure, whatever the server's default.
    "synchronous_commit": "on",
    # A lock of a machine that has gone is free within a minute.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_RIVALRY = frozenset({"40001", "40P01", "55P03"})
"""SQLSTATE: serialization failure, deadlock, lock not to be had in time."""

_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})
"""No room on the disk; a quota or a limit on the file's size reached; no room for the index."""

_FULL_STATE = "53100"

_log = logging.getLogger(__name__)

Id = sa.String(32)
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""An integer primary key that counts up; SQLite does so for INTEGER only."""


class StrEnumType(sa.types.TypeDecorator[StrEnum]):
    """A ``StrEnum`` kept as its text, without a database type of its own."""

    impl = sa.String
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__(16)
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        """Return the text to store."""
        del dialect
        if value is None or isinstance(value, self.kind):
            return value  # its members are texts
        return self.kind(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> StrEnum | None:
        """Return the member stored."""
        del dialect
        return None if value is None else self.kind(value)


class Database:
    """An engine with its transactions.

    Args:
        url: Of a SQLite file, which gets WAL, foreign keys and a busy timeout, or of a PostgreSQL
            server, as libpq writes it (``postgresql://user@host/name``).

    Raises:
        SettingsError: ``database_url_invalid``.
    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self._lone: list[sa.Connection] = []
        if parsed.get_backend_name() == "sqlite":
            _make_private(parsed.database)
            self.engine = _engine(parsed, {"check_same_thread": False})
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
            self._reader: sa.Engine = self.engine
            self._writer: sa.Engine = self.engine.execution_options(writes=True)
        else:
            self.engine = _engine(
                parsed.set(drivername="postgresql+psycopg"),
                {
                    "connect_timeout": _CONNECT_SECONDS,
                    "application_name": "ecert-registry",
                    "client_encoding": "utf8",
                    "options": " ".join(f"-c {k}={v}" for k, v in _SERVER_OPTIONS.items()),
                    **_KEEPALIVES,
                },
                pool_pre_ping=True,
                pool_size=CONNECTIONS // 3,
                max_overflow=CONNECTIONS - CONNECTIONS // 3,
            )
            self._reader = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = self.engine

    @property
    def is_server(self) -> bool:
        """Whether several workers may write at once: on PostgreSQL, not on SQLite."""
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed at the end, or undone by an error.

        On SQLite the write lock is taken at the start: a transaction that read first and then wants
        to write would otherwise fail when another one has written meanwhile.

        Raises:
            ConflictError: ``concurrent_change``.
            UnavailableError: ``database_unavailable``, ``disk_full``.
        """
        with self._open(self._writer) as session:
            try:
                yield session
            except RegistryError as error:
                if error.keeps_changes:
                    session.commit()
                raise
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and writes nothing.

        Raises:
            UnavailableError: ``database_unavailable``.
        """
        with self._open(self._reader) as session:
            yield session

    @contextmanager
    def _open(self, engine: sa.Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except EcertError:
            raise
        except IntegrityError:
            # Two transactions made the same thing at once; the database let one of them.
            raise ConflictError("concurrent_change") from None
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) in _RIVALRY:
                raise ConflictError("concurrent_change") from None
            raise unavailable(error) from None
        except PoolTimeoutError:
            raise UnavailableError("database_unavailable", reason="no connection free") from None
        except DatabaseError as error:
            if type(error) is not DatabaseError:  # its subclasses: a fault of the program
                raise _without_values(error) from None
            # The file is damaged, or none of SQLite's.
            raise UnavailableError("database_unavailable", reason=_reason(error)) from None

    def connection(self) -> sa.Connection:
        """Return a connection of its own, for locks that end with it; each statement commits."""
        made = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        made.detach()  # closed for good, not kept for others with the lock on it
        self._lone = [*(kept for kept in self._lone if not kept.closed), made]
        return made

    def dispose(self) -> None:
        """Close all connections."""
        for connection in self._lone:
            with contextlib.suppress(DatabaseError):
                connection.close()
        self._lone.clear()
        self.engine.dispose()


def _without_values(error: DatabaseError) -> Exception:
    """Return what is safe to be written down: a server's messages repeat the values they refuse."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error
    fault = RuntimeError(f"{type(error.orig).__name__} ({state})")
    return fault.with_traceback(error.__traceback__)


def unavailable(error: OperationalError) -> UnavailableError:
    """Return why the database does not answer, or what it cannot write."""
    code = "disk_full" if _is_full(error) else "database_unavailable"
    return UnavailableError(code, reason=_reason(error))


def _is_full(error: OperationalError) -> bool:
    """Tell whether the database's disk takes no more."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorname", "") in _FULL
    return getattr(error.orig, "sqlstate", None) == _FULL_STATE


def _reason(error: DatabaseError) -> str:
    """Return why the database does not answer, as strangers may read it in a public answer.

    A server's own words name its address, its users and its databases: they go to the log. The
    statement's parameters may hold personal data and go nowhere.
    """
    words = "".join(char if char.isprintable() else " " for char in str(error.orig)[:500])
    _log.error("the database does not answer: %s", words)
    if isinstance(error.orig, sqlite3.Error):
        return words[:200]
    return type(error.orig).__name__


def insert_many(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all of the same columns, in one statement and without an object for each.

    A fifth of the time that the object-relational layer takes for the same.
    """
    if rows:
        _flush_to(session).execute(sa.insert(_core(table)), rows)


def update_many(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    """Update rows by their ``id``, all in the same columns, in one statement."""
    if not rows:
        return
    core = _core(table)
    names = [name for name in rows[0] if name != "id"]
    statement = (
        sa.update(core)
        .where(core.c.id == sa.bindparam("_id"))
        .values({name: sa.bindparam(f"_{name}") for name in names})
    )
    values = [{f"_{name}": value for name, value in row.items()} for row in rows]
    _flush_to(session).execute(statement, values)


def _flush_to(session: Session) -> sa.Connection:
    session.flush()
    return session.connection()


def _core(table: type[SQLModel]) -> sa.Table:
    core: sa.Table = table.__table__  # type: ignore[attr-defined]
    return core


def without_password(url: str) -> str:
    """Return a database's URL without the password that it may hold.

    Raises:
        SettingsError: ``database_url_invalid``.
    """
    parsed = _parse(url).difference_update_query(["password"])
    return parsed._replace(password=None).render_as_string(hide_password=False)


def _parse(url: str) -> sa.URL:
    """Read a URL whose parts, a password perhaps among them, go into no message."""
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        backend = ""
    if backend not in {"sqlite", "postgresql"}:
        raise SettingsError("database_url_invalid")
    return parsed


def _engine(url: sa.URL, arguments: dict[str, Any], **options: Any) -> sa.Engine:
    return create_engine(
        url,
        connect_args=arguments,
        hide_parameters=True,  # they hold personal data, which belongs in no log
        **options,
    )


def _make_private(path: str | None) -> None:
    """Make a database file that only its owner reads; SQLite's side files follow it."""
    if path and path != ":memory:":
        with contextlib.suppress(OSError):  # SQLite names the reason when it opens it
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _configure_sqlite(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    for pragma in (
        "journal_mode=WAL",
        # A commit must survive a power failure: what is signed in the database decides what may
        # be sent to the chain.
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
