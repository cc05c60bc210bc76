"""Run by Alembic: migrate over the connection that ``registry.migrations`` gives."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from registry.tables import METADATA


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Write types of Python's side, such as enums, as what they are in the database."""
    del autogen
    if kind == "type" and isinstance(item, sa.types.TypeDecorator):
        return f"sa.String(length={item.impl_instance.length})"  # type: ignore[attr-defined]
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite cannot alter columns in place
    compare_type=True,
    # Each holds its locks alone, and may leave its transaction to build an index.
    transaction_per_migration=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
