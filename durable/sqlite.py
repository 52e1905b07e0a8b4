"""State in a file: SQLite in WAL mode with synchronous = FULL, so what is committed is on the disk.

Before an older state is brought up to date it is copied beside itself. SQLite's transactions hold
DDL too, once they are begun by us: Python's driver begins one only before DML.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection

from contract.errors import StorageFull
from durable.database import Database
from durable.history import History, bring_up, is_empty, revision_of


def open_file(file: Path, history: History) -> Database:
    """The state in `file`, made or brought to the newest revision."""
    database = Database(
        _engine(file),
        history.daemon,
        fix="free space in the data folder, and check its owner and mode; then start it again",
    )
    try:
        with database.read() as connection:
            revision, empty = revision_of(connection), is_empty(connection)
            if revision != history.newest and not empty:
                _copy(connection, copy_of(file))
        with database.write() as connection:
            bring_up(connection, history)
    except BaseException:
        database.close()
        raise
    return database


def copy_of(file: Path) -> Path:
    """The copy of the state as it was before it was last brought up to date."""
    return file.with_name(f"{file.name}.before-upgrade")


def _engine(file: Path) -> Engine:
    # An error of SQLAlchemy would otherwise quote the parameters of its statement.
    engine = create_engine(URL.create("sqlite", database=str(file)), hide_parameters=True)
    event.listen(engine, "connect", _make_durable)
    event.listen(engine, "begin", _begin)
    return engine


def _make_durable(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN")


def _copy(connection: Connection, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    try:
        with suppress(FileNotFoundError):
            partial.unlink()
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL, 0o600))
        connection.exec_driver_sql("VACUUM INTO ?", (str(partial),))
        partial.replace(target)
    except OSError:
        raise StorageFull(
            "the state can't be copied before it is brought up to date",
            fix="free space in the data folder, and check its owner and mode; then start it again",
        ) from None
