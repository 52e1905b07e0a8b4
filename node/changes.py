"""A new import against the snapshot before it: counted by DuckDB, out of core, and guarded.

Errors      DrasticChange, unless a person accepts it: most rows gone, or open jobs that the new
            columns or the new size would end
Learns      the owner alone: counts, never a key
"""

# Names pass through `quoted` and paths through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from collections.abc import Callable
from pathlib import Path

from duckdb import DuckDBPyConnection

from contract.dataset import (
    CatalogueEntry,
    Changes,
    ColumnType,
    KeyChanges,
    QualityReport,
    Snapshot,
)
from contract.errors import DrasticChange
from node.duck import literal, quoted

Refused = Callable[[CatalogueEntry], int]
"""How many open jobs on a dataset would be refused with such an entry."""


def compare(
    connection: DuckDBPyConnection,
    old: tuple[Snapshot, Path],
    new: tuple[CatalogueEntry, Path],
    refused: Refused,
) -> Changes:
    """What changed from the `old` snapshot, in its Parquet file, to the `new` one."""
    before, entry = old[0], new[0]
    shared = [
        column
        for column in entry.columns
        if (was := before.entry.column(column.name)) is not None
        and (was.type, was.key, was.places) == (column.type, column.key, column.places)
    ]
    names = ", ".join(quoted(column.name) for column in shared)
    for view, (_, parquet) in (("_old", old), ("_new", new)):
        connection.execute(f"CREATE VIEW {view} AS FROM read_parquet({literal(str(parquet))})")
    connection.execute(
        f"CREATE TABLE _delta AS SELECT {names or 1}, sum(_side) AS _more FROM "
        f"(SELECT {names or 1}, 1 AS _side FROM _new UNION ALL SELECT {names or 1}, -1 FROM _old) "
        f"GROUP BY {names or 1} HAVING sum(_side) <> 0"
    )
    ((added, removed),) = connection.execute(
        "SELECT coalesce(sum(_more) FILTER (_more > 0), 0), "
        "coalesce(-sum(_more) FILTER (_more < 0), 0) FROM _delta"
    ).fetchall()
    keys = [column.name for column in shared if column.type is ColumnType.KEY]
    return Changes(
        before=before.report,
        rows_added=int(added),
        rows_removed=int(removed),
        keys=tuple(_keys(connection, name) for name in keys),
        **_columns(before.entry, entry),
        jobs_refused=refused(entry),
    )


def _columns(before: CatalogueEntry, after: CatalogueEntry) -> dict[str, tuple[str, ...]]:
    """The names of columns that came, went, and are declared otherwise."""
    old, new = (
        {column.name: column.model_copy(update={"size": None}) for column in entry.columns}
        for entry in (before, after)
    )
    return {
        "columns_added": tuple(name for name in new if name not in old),
        "columns_removed": tuple(name for name in old if name not in new),
        "columns_altered": tuple(name for name in new if name in old and new[name] != old[name]),
    }


def _keys(connection: DuckDBPyConnection, name: str) -> KeyChanges:
    key = quoted(name)
    ((added, removed, changed),) = connection.execute(
        "SELECT count(*) FILTER (NOT _was), count(*) FILTER (NOT _is), "
        "count(*) FILTER (_was AND _is) FROM "
        f"(SELECT {key} IN (SELECT {key} FROM _old) AS _was, "
        f"{key} IN (SELECT {key} FROM _new) AS _is FROM (SELECT DISTINCT {key} FROM _delta))"
    ).fetchall()
    return KeyChanges(column=name, added=added, removed=removed, changed=changed)


def refuse_drastic(changes: Changes, report: QualityReport) -> None:
    """Raise DrasticChange for what a broken export looks like, or what would end open jobs."""
    name, was, now = report.dataset, changes.before.rows_kept, report.rows_kept
    if 2 * now < was:
        raise DrasticChange(
            f"{name} would have {now} rows instead of {was}; the snapshot stays as it was",
            fix="Look whether the source is whole. If it is right so, repeat with --accept.",
            rule="no refresh loses more than half of the rows by itself",
        )
    if changes.jobs_refused:
        jobs = f"{changes.jobs_refused} open job{'' if changes.jobs_refused == 1 else 's'}"
        raise DrasticChange(
            f"{jobs} on {name} would be refused: they were planned on other columns, or on fewer"
            " keys; the snapshot stays as it was",
            fix="Wait until they have ended (`mihe jobs`), or repeat with --accept and propose them"
            " again.",
            rule="no refresh ends open jobs by itself",
        )
