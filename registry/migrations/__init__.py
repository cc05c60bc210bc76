"""The database's shape over time."""

from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry.database import Database


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring a database to ``revision``."""
    with database.engine.connect() as connection:
        command.upgrade(_config(connection), revision)


def revision_of(connection: sa.Connection) -> str | None:
    """Return a database's revision; None for one that was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Return the revision that this program expects."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files(__name__)))
    config.attributes["connection"] = connection
    return config
