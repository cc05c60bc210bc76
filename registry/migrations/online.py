"""Steps of migrations that stop nobody from reading.

On PostgreSQL most changes of a table want it for themselves, if only for a moment; building an
index in the ordinary way keeps writers out for as long as that takes. See CONTRIBUTING.md for what
a migration may do.
"""

from typing import Any

from alembic import op


def create_index(name: str, table: str, columns: list[str], **options: Any) -> None:
    """Build an index on a table that others use.

    One that was left invalid by a migration that was stopped is built anew.

    Args:
        name: The index.
        table: Its table, which may be large.
        columns: What it is over.
        **options: As ``alembic.op.create_index`` takes them.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, if_not_exists=True, **options)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
