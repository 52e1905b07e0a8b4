"""The tables of the coordinator's log, and how they came to be: coordinator/revisions.

Whoever changes a table here adds a revision; a test compares the two. Nothing personal stands in
any of them: statements carry names, sizes and digests.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
)

from durable.history import Counter, History

tables = MetaData()


def _statement_columns() -> list[Column[Any]]:
    return [
        Column("kind", String(16), nullable=False),
        Column("org", String(32), nullable=False),
        Column("subject", LargeBinary(32), nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("certificate", LargeBinary, nullable=False),
    ]


meta = Table(
    "meta",
    tables,
    Column("name", String(16), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
log = Table(
    "log",
    tables,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("job", LargeBinary(32), nullable=False, index=True),
    Column("logged", BigInteger, nullable=False),  # seconds since 1970
    *_statement_columns(),
    sqlite_autoincrement=True,  # a number is never given twice
)
job = Table(
    "job",
    tables,
    Column("job", LargeBinary(32), primary_key=True),
    Column("run", LargeBinary(32), index=True),
    Column("ended", Boolean, nullable=False),
)
party = Table(
    "party",
    tables,
    Column("org", String(32), primary_key=True),
    Column("job", LargeBinary(32), primary_key=True),
)
Index("job_open", job.c.job, sqlite_where=~job.c.ended, postgresql_where=~job.c.ended)
node = Table(
    "node",
    tables,
    Column("org", String(32), primary_key=True),
    Column("store", LargeBinary(16), nullable=False),
    Column("taken", BigInteger, nullable=False),
)
rejection = Table(
    "rejection",
    tables,
    Column("org", String(32), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("cause", String(4096), nullable=False),
)
catalogue = Table(
    "catalogue",
    tables,
    *(
        Column("org", String(32), primary_key=True) if column.name == "org" else column
        for column in _statement_columns()
    ),
)

HISTORY = History(
    daemon="coordinator",
    newest="coordinator_1",
    revisions=Path(__file__).parent / "revisions",
    tables=tables,
    meta=meta,
    identity="log",
)
