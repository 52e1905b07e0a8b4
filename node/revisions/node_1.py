"""The tables of mihe 0.1.0, where they are not there yet: what it wrote has no revision."""

import sqlalchemy as sa
from alembic import op

from durable.history import Counter

revision = "node_1"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "meta",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "said",
        sa.Column("number", Counter, primary_key=True, autoincrement=True),
        *_statement(),
        sa.Column("taken", sa.Boolean, nullable=False),
        sa.Column("rejected", sa.String),
        sa.UniqueConstraint("kind", "subject"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_table(
        "heard",
        sa.Column("log", sa.LargeBinary, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("job", sa.LargeBinary, nullable=False),
        *_statement(),
        if_not_exists=True,
    )
    op.create_index("ix_heard_job", "heard", ["job"], if_not_exists=True)
    op.create_table(
        "jobs",
        sa.Column("job", sa.LargeBinary, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("cause", sa.String),
        sa.Column("snapshot", sa.String),
        sa.Column("begun", sa.Boolean, nullable=False),
        sa.Column("result", sa.String),
        if_not_exists=True,
    )
    op.create_table(
        "receipts",
        sa.Column("run", sa.LargeBinary, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        *_statement()[1:],
        sa.Column("salt", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )


def _statement() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("org", sa.String, nullable=False),
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
    ]
