"""The database's shape over time.

Alembic takes half a second to load: it is loaded where the shape is changed, not where it is only
compared, which every start of the program does.
"""

from importlib import resources
from typing import TYPE_CHECKING

import sqlalchemy as sa

from registry.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0004"
"""The revision that this program expects: the last of ``versions``."""


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring a database to ``revision``."""
    from alembic import command  # noqa: PLC0415  # see above

    with database.engine.connect() as connection:
        command.upgrade(_config(connection), revision)


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
