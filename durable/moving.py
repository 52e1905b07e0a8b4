"""A state that moves from its file to a server: all rows, in the transaction that makes the tables.

Whoever is killed on the way has the state in the file as before, or has it on the server and the
file still under its old name, which the next start then sees to.
"""

from pathlib import Path

from sqlalchemy import Table, insert, select, text
from sqlalchemy.engine import Connection

from contract.errors import AlreadyThere, BadSetting, StorageFull
from durable.history import History
from durable.sqlite import open_file

_ROWS = 500


def moved(file: Path) -> Path:
    """What a file is called whose state has moved to a server."""
    return file.with_name(f"{file.name}.moved")


def require_not_moved(file: Path) -> None:
    """Raise BadSetting if the state that was in `file` is on a server now."""
    if not file.exists() and moved(file).exists():
        raise BadSetting(
            f"the state has moved to a PostgreSQL server: {moved(file).name} is what is left here",
            fix="write [state] into the configuration file again; to begin with an empty state, "
            "remove that file",
        )


def take_in(file: Path, server: Connection, history: History, *, fresh: bool) -> None:
    """Copy the rows of `file` to tables that are `fresh`, or make sure that they are there."""
    source = open_file(file, history)
    try:
        with source.engine.connect() as rows:
            if fresh:
                for table in history.tables.sorted_tables:
                    _copy(table, rows, server)
            elif _identity(rows, history) != _identity(server, history):
                raise AlreadyThere(
                    f"there is a state on the PostgreSQL server, and another in {file}",
                    fix="move away the one that is not to be gone on with: the file, or the schema "
                    "(`schema` in [state] names another)",
                )
    finally:
        source.close()


def put_away(file: Path) -> None:
    """Give the file of a state that is on the server now its new name."""
    try:
        file.replace(moved(file))
    except OSError:
        raise StorageFull(
            f"the state is on the PostgreSQL server, but {file} can't be renamed",
            fix="correct the data folder's owner and mode, then start it again",
        ) from None


def _copy(table: Table, source: Connection, target: Connection) -> None:
    found = source.execution_options(yield_per=_ROWS).execute(select(table))
    for rows in found.mappings().partitions():
        target.execute(insert(table), [dict(row) for row in rows])
    counter = table.autoincrement_column
    if counter is None or not isinstance(counter.name, str):
        return
    # A number that was given once is not given again, though its row may be gone.
    highest = source.execute(
        text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table.name}
    ).scalar()
    if highest is not None:
        target.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"),
            {"table": table.name, "column": counter.name, "highest": highest},
        )


def _identity(connection: Connection, history: History) -> bytes | None:
    meta = history.meta
    found: bytes | None = connection.execute(
        select(meta.c.value).where(meta.c.name == history.identity)
    ).scalar()
    return found
