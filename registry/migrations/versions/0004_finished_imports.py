"""When the file of an import had been read to its end."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("import_job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("finished_at", sa.BigInteger(), nullable=True))
    # Until now an import was kept whole or not at all.
    op.execute("UPDATE import_job SET finished_at = created_at")
