"""A source, whatever its kind, read into one table of texts: what an import begins with.

Implements  DESIGN §6, sources. An empty field, and an empty text in Parquet or a database, is NULL.
Errors      UnreadableSource, MissingColumn, BadValue (a type that can't be exact: floats). A name
            out of the source is suggested only once a declared one was found there; the first row
            of a file without header is data.
Not for     anything but an import: later work runs on snapshots.
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from contract.dataset import Column, ColumnType, Description
from contract.errors import BadValue, MissingColumn, UnreadableSource, nearest
from contract.keys import looks_like_key
from node.duck import is_full, quoted
from node.sources.folder import files_of
from node.sources.part import TEXT, Found, Part
from node.sources.postgres import PostgresSource
from node.values import expectation

_INTEGERS = frozenset(
    f"{sign}{size}"
    for sign in ("", "U")
    for size in ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"]
)
_ALSO_STORED_AS: dict[ColumnType, frozenset[str]] = {
    ColumnType.KEY: _INTEGERS,
    ColumnType.INTEGER: _INTEGERS,
    ColumnType.DECIMAL: _INTEGERS | {"DECIMAL"},
    ColumnType.TEXT: _INTEGERS,
    ColumnType.DATE: frozenset({"DATE"}),
    ColumnType.PERIOD: _INTEGERS,
    ColumnType.BOOLEAN: frozenset({"BOOLEAN"}),
}


class Source(Protocol):
    """Where a dataset's rows come from."""

    @property
    def reads(self) -> Sequence[Path]:
        """The files that DuckDB must be able to open."""

    def opened(self) -> AbstractContextManager[Sequence[Part]]:
        """The parts, in order, to be read inside the block."""


@dataclass(frozen=True, slots=True)
class Staged:
    """What was read, and from which part each row came."""

    titles: Sequence[str]
    ends: Sequence[int]
    """The last row number of each part."""

    def where(self, rows: Sequence[int]) -> str:
        """Row numbers in words: `data rows 3, 17`, with the file where there are several."""
        if len(self.titles) == 1:
            return f"data rows {', '.join(map(str, rows))}"
        return ", ".join(f"data row {at} of {title}" for title, at in map(self.place, rows))

    def place(self, row: int) -> tuple[str, int]:
        """The part that a row came from, and its number there."""
        part = bisect_left(self.ends, row)
        return self.titles[part], row - (self.ends[part - 1] if part else 0)


def source_of(description: Description, beside: Path, scratch: Path) -> Source:
    """The source that the description in the folder `beside` names."""
    if description.postgres is not None:
        return PostgresSource(description.name, description.postgres, beside)
    return files_of(description, beside, scratch)


def stage(connection: DuckDBPyConnection, source: Source, description: Description) -> Staged:
    """Make the table `_raw`: `_row`, from 1, and each declared column as the text in the source."""
    declared = ", ".join(f"{quoted(column.name)} {TEXT}" for column in description.column)
    connection.execute(f"CREATE TABLE _read ({declared})")
    titles, ends = [], []
    with source.opened() as parts:
        for part in parts:
            _read(connection, part, description)
            titles.append(part.title)
            ends.append(_count(connection))
    # Nothing is ever removed from `_read`, so the numbers of its rows are those of the source.
    connection.execute("CREATE VIEW _raw AS SELECT rowid + 1 AS _row, * FROM _read")
    return Staged(titles, ends)


def _read(connection: DuckDBPyConnection, part: Part, description: Description) -> None:
    columns = columns_in(connection, part, description)
    texts = ", ".join(f"nullif(CAST({found.sql} AS {TEXT}), '')" for found in columns)
    try:
        rows = part.rows(connection, columns)
        connection.execute(f"INSERT INTO _read SELECT {texts} FROM {rows}")
    except DuckDBError as error:
        if is_full(error):
            raise
        raise part.fault(str(error)) from None


def columns_in(connection: DuckDBPyConnection, part: Part, description: Description) -> list[Found]:
    """The declared columns, as the part has them."""
    present = part.columns(connection)
    return [_column_in(part, present, column, description) for column in description.column]


def _count(connection: DuckDBPyConnection) -> int:
    ((count,),) = connection.execute("SELECT count(*) FROM _read").fetchall()
    return int(count)


def _column_in(
    part: Part, present: Sequence[Found], column: Column, description: Description
) -> Found:
    wanted = column.source or column.name
    matches = [found for found in present if found.name == wanted]
    if not matches:
        raise _missing(part, present, column, description)
    if len(matches) > 1:
        raise UnreadableSource(
            f"{part.title} has two columns named '{wanted}'", fix="Rename one of them there."
        )
    (found,) = matches
    if found.stored != TEXT and found.stored not in _ALSO_STORED_AS[column.type]:
        raise BadValue(
            f"column '{column.name}' of {description.name} is stored as {found.stored}, not as "
            f"{column.type} that can be read exactly, in {part.title}: "
            f"expected {expectation(column)}",
            fix="Write the column with an exact type, such as DECIMAL or text, or declare another.",
            rule=str(column.type),
        )
    return found


def _missing(
    part: Part, present: Sequence[Found], column: Column, description: Description
) -> MissingColumn:
    wanted = column.source or column.name
    declared = {other.source or other.name for other in description.column}
    names = [found.name for found in present if not looks_like_key(found.name)]
    same = [name for name in names if _loosely(name) == _loosely(wanted)]
    known = names if not declared.isdisjoint(names) else []
    # `nearest` minds case: to it USCC is nothing like uscc.
    hint = f" Did you mean '{same[0]}'?" if same else nearest(wanted, known)
    return MissingColumn(
        f"{part.title} has no column '{wanted}'.{hint}",
        fix=f"Correct the header, or set `source` of column '{column.name}' in the description.",
        rule="columns are found by their exact name in the source",
    )


def _loosely(name: str) -> str:
    return normalize("NFKC", name).strip().casefold()
