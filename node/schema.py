"""The tables of a node's state, and how they came to be: node/revisions.

Whoever changes a table here adds a revision; a test compares the two. Nothing personal stands in
any of them: statements, names and file names.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from durable.history import Counter, History

tables = MetaData()


def _statement_columns() -> list[Column[Any]]:
    return [
        Column("kind", String, nullable=False),
        Column("org", String, nullable=False),
        Column("subject", LargeBinary, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("certificate", LargeBinary, nullable=False),
    ]


meta = Table(
    "meta",
    tables,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
said = Table(
    "said",
    tables,
    Column("number", Counter, primary_key=True, autoincrement=True),
    *_statement_columns(),
    Column("taken", Boolean, nullable=False, default=False),
    Column("rejected", String),
    UniqueConstraint("kind", "subject"),
    sqlite_autoincrement=True,
)
heard = Table(
    "heard",
    tables,
    Column("log", LargeBinary, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("job", LargeBinary, nullable=False, index=True),
    *_statement_columns(),
)
jobs = Table(
    "jobs",
    tables,
    Column("job", LargeBinary, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("cause", String),
    Column("snapshot", String),
    Column("begun", Boolean, nullable=False, default=False),
    Column("result", String),
)
receipts = Table(
    "receipts",
    tables,
    Column("run", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    *_statement_columns()[1:],  # their kind is receipt
    Column("salt", LargeBinary, nullable=False),
)
charges = Table(
    "charges",
    tables,
    Column("run", LargeBinary, primary_key=True),
    Column("dataset", String, primary_key=True),
    Column("receiver", String, nullable=False),
    Column("epsilon", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)

HISTORY = History(
    daemon="node",
    newest="node_2",
    revisions=Path(__file__).parent / "revisions",
    tables=tables,
    meta=meta,
    identity="store",
)
