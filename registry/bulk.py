"""Statements executed for thousands of rows, without a step of Python for each value.

SQLAlchemy looks at every value of every row on its way to the driver. For rows that are already
what the driver takes (text, numbers, bytes, None) it has nothing to do there, and takes as long for
it as the database takes for the rest.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Values: TypeAlias = tuple[Any, ...]


def insert(table: type[SQLModel], names: Sequence[str]) -> sa.Insert:
    """Return a statement that inserts rows of these columns, in the table's order."""
    core = _core(table)
    return sa.insert(core).values({name: sa.bindparam(name) for name in names})


def insert_unless(table: type[SQLModel], names: Sequence[str], unique: str) -> dict[str, sa.Insert]:
    """Return statements, by dialect, that insert rows but for those whose ``unique`` is taken."""
    core = _core(table)
    values: dict[str, Any] = {name: sa.bindparam(name) for name in names}
    return {
        "sqlite": sqlite.insert(core)
        .values(values)
        .on_conflict_do_nothing(index_elements=[unique]),
        "postgresql": postgresql.insert(core)
        .values(values)
        .on_conflict_do_nothing(index_elements=[unique]),
    }


def update_by_id(table: type[SQLModel], names: Sequence[str]) -> sa.Update:
    """Return a statement that sets these columns, in the table's order; the id comes last."""
    core = _core(table)
    return (
        sa.update(core)
        .where(core.c.id == sa.bindparam("row_id"))
        .values({name: sa.bindparam(f"new_{name}") for name in names})
    )


def execute_rows(
    session: Session,
    statement: sa.Insert | sa.Update | dict[str, sa.Insert],
    rows: Sequence[Values],
) -> int:
    """Execute a statement of this module once for each row; return how many rows it changed.

    Args:
        session: The transaction to work in.
        statement: What to do, or that by dialect.
        rows: The values in the order of the statement's parameters.
    """
    if not rows:
        return 0
    session.flush()
    connection = session.connection()
    if isinstance(statement, dict):
        statement = statement[connection.dialect.name]
    return connection.exec_driver_sql(_sql(statement, connection.dialect), list(rows)).rowcount


@lru_cache(maxsize=32)  # statements are constants of modules
def _sql(statement: sa.Insert | sa.Update, dialect: sa.Dialect) -> str:
    """Return a statement with parameters by position, as the driver takes it."""
    if not dialect.positional:
        dialect = type(dialect)(paramstyle="format")  # type: ignore[call-arg]
    return str(statement.compile(dialect=dialect))


def _core(table: type[SQLModel]) -> sa.Table:
    core: sa.Table = table.__table__  # type: ignore[attr-defined]
    return core
