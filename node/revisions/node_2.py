"""What answers with noise have cost."""

import sqlalchemy as sa
from alembic import op

revision = "node_2"
down_revision = "node_1"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "charges",
        sa.Column("run", sa.LargeBinary, primary_key=True),
        sa.Column("dataset", sa.String, primary_key=True),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("epsilon", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
