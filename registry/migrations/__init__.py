"""The database's shape over time.

Alembic takes half a second to load: it is loaded where the shape is changed, not where it is only
compared, which every start of the program does.
"""

import time
from importlib import resources
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from ecert.errors import UnavailableError
from registry.database import Database, unavailable

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0008"
"""The revision that this program expects: the last of ``versions``."""


LOCK_SECONDS = 2
"""How long a migration waits for a table on PostgreSQL. Whoever asks for the table meanwhile waits
behind it, readers too: so it gives way, and tries again."""

LOCK_TRIES = 60
_PAUSE_SECONDS = 1.0
_LOCK_NOT_AVAILABLE = "55P03"


def upgrade(database: Database, revision: str = "head", *, tries: int = LOCK_TRIES) -> None:
    """Bring a database to ``revision`` while others read it.

    Raises:
        UnavailableError: ``database_busy``: somebody kept a table locked all the time. What was
            done is kept; the same again goes on from there.
    """
    for attempt in range(tries):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        try:
            return _upgrade(database, revision)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise unavailable(error) from None
    raise UnavailableError("database_busy", tries=tries)


def _upgrade(database: Database, revision: str) -> None:
    from alembic import command  # noqa: PLC0415  # see above

    with database.engine.connect().execution_options(writes=True) as connection:
        _set(connection, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        try:
            command.upgrade(_config(connection), revision)
        finally:
            connection.rollback()
            _set(connection, "RESET lock_timeout")


def _set(connection: sa.Connection, statement: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement)
        connection.commit()


def knows(revision: str) -> bool:
    """Tell whether a revision is one of this program's, from which it can go on."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # see above

    script = ScriptDirectory.from_config(_config(None))
    return revision in {known.revision for known in script.walk_revisions()}


def revision_of(connection: sa.Connection) -> str | None:
    """Return a database's revision; None for one that was never migrated."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _config(connection: object) -> "Config":
    from alembic.config import Config  # noqa: PLC0415  # see above

    config = Config()
    config.set_main_option("script_location", str(resources.files(__name__)))
    config.attributes["connection"] = connection
    return config
