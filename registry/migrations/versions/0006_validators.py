"""Who seals the blocks of a network, and from which block on that is followed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("chain_checkpoint", sa.Column("validators", sa.LargeBinary(), nullable=True))
    op.add_column("chain_deployment", sa.Column("base", sa.BigInteger(), nullable=True))
    op.add_column("chain_deployment", sa.Column("base_validators", sa.LargeBinary(), nullable=True))
