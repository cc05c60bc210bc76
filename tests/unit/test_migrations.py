"""The tables in code are those that the migrations make."""

from importlib import resources
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from registry.database import Database
from registry.migrations import NEWEST, revision_of, upgrade
from registry.tables import METADATA
from tests.databases import NewDatabase


def test_models_are_what_the_migrations_make(new_database: NewDatabase, tmp_path: Path) -> None:
    database = Database(new_database(tmp_path))
    upgrade(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert {*METADATA.tables} <= {*connection.dialect.get_table_names(connection)}
    database.dispose()


def test_the_newest_revision_is_the_one_that_the_program_expects(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = Database(new_database(tmp_path))
    with database.engine.connect() as connection:
        assert revision_of(connection) is None
    upgrade(database)
    with database.engine.connect() as connection:
        assert revision_of(connection) == NEWEST
    folder = ScriptDirectory(str(resources.files("registry.migrations")))
    assert folder.get_heads() == [NEWEST]
    database.dispose()


def test_upgrading_twice_changes_nothing(new_database: NewDatabase, tmp_path: Path) -> None:
    database = Database(new_database(tmp_path))
    upgrade(database)
    upgrade(database)
    database.dispose()
