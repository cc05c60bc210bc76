"""Whether the file of an import has been read to its end."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Until now an import was kept whole or not at all.
    op.add_column(
        "import_job",
        sa.Column("reading", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
