"""The database's shape over time."""

from importlib import resources

from alembic import command
from alembic.config import Config

from registry.database import Database


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring a database to ``revision``."""
    with database.engine.connect() as connection:
        command.upgrade(_config(connection), revision)


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files(__name__)))
    config.attributes["connection"] = connection
    return config
