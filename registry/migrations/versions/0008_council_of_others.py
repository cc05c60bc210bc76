"""What waits for a council whose keys are not here."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("chain_deployment", sa.Column("council", sa.String(42), nullable=True))
    op.add_column("outbox", sa.Column("since_block", sa.BigInteger(), nullable=True))
    op.add_column("outbox", sa.Column("log_index", sa.BigInteger(), nullable=True))
