"""The tables of mihe 0.1.0, where they are not there yet: what it wrote has no revision."""

import sqlalchemy as sa
from alembic import op

from durable.history import Counter

revision = "coordinator_1"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "meta",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "log",
        sa.Column("number", Counter, primary_key=True, autoincrement=True),
        sa.Column("job", sa.LargeBinary(32), nullable=False),
        sa.Column("logged", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("org", sa.String(32), nullable=False),
        *_signed(),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index("ix_log_job", "log", ["job"], if_not_exists=True)
    op.create_table(
        "job",
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        sa.Column("run", sa.LargeBinary(32)),
        sa.Column("ended", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_job_run", "job", ["run"], if_not_exists=True)
    still_open = ~sa.column("ended", sa.Boolean)
    op.create_index(
        "job_open",
        "job",
        ["job"],
        sqlite_where=still_open,
        postgresql_where=still_open,
        if_not_exists=True,
    )
    op.create_table(
        "party",
        sa.Column("org", sa.String(32), primary_key=True),
        sa.Column("job", sa.LargeBinary(32), primary_key=True),
        if_not_exists=True,
    )
    op.create_table(
        "node",
        sa.Column("org", sa.String(32), primary_key=True),
        sa.Column("store", sa.LargeBinary(16), nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "rejection",
        sa.Column("org", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.String(4096), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "catalogue",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("org", sa.String(32), primary_key=True),
        *_signed(),
        if_not_exists=True,
    )


def _signed() -> list[sa.Column[bytes]]:
    return [
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
    ]
