"""The block of each transaction by its hash, and how the worker fares."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("block_hash", sa.LargeBinary(), nullable=True))
    op.create_table(
        "worker_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=100), nullable=True),
        sa.Column("error_since", sa.BigInteger(), nullable=True),
        sa.Column("error_until", sa.BigInteger(), nullable=True),
        sa.Column("reorganisations", sa.BigInteger(), nullable=False),
        sa.Column("resent", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
