"""The tables in code are those that the migrations make."""

import ast
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
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


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func), node


ROOT = Path(__file__).parents[2]
LATER = sorted((ROOT / "registry/migrations/versions").glob("0*.py"))[1:]
ALLOWED = {"op.create_table", "op.add_column", "online.create_index"}
"""What neither rewrites a table nor keeps others out; on SQLite, nor copies it."""


@pytest.mark.parametrize("path", LATER, ids=lambda path: path.stem)
def test_migrations_stop_nobody_from_reading(path: Path) -> None:
    """The first one makes the tables; the later ones meet them full. See CONTRIBUTING.md."""
    made = {ast.literal_eval(c.args[0]) for n, c in _calls(path) if n == "op.create_table"}
    for name, call in _calls(path):
        if not name.startswith(("op.", "online.", "batch_op.")):
            continue
        if name == "op.create_index":
            assert ast.literal_eval(call.args[1]) in made, "use online.create_index"
            continue
        assert name in ALLOWED, name
        if name == "op.add_column":
            given = {word.arg: ast.unparse(word.value) for word in call.args[1].keywords}
            assert given.get("nullable") == "True" or "server_default" in given, name


def test_a_plan_that_needs_other_steps_is_written_down() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for name in ALLOWED:
        assert f"`{name}`" in text
