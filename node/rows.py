"""What is read from a snapshot: the keys that enter a run, and the owner's own rows of a result.

Implements  DESIGN §2, `psi`: the receiver's own rows that the others hold too
Result      CSV as in RFC 4180, UTF-8, LF: declared names and order, rows in file order, decimals
            with their declared places, dates YYYY-MM-DD, true or false, NULL as an empty field. A
            text cell that a spreadsheet would run as a formula (it begins with = + - @, their
            full-width forms, a tab or a line break) gets an apostrophe in front, and so does one
            that begins with an apostrophe: readers take one off (mihe/result.py). Numbers don't.
Learns      the owner alone: both hold identifiers in clear; the file has mode 0600
Not for     sending: `keys` feeds a protocol, which blinds; a result file stays with its owner
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import OurError, SnapshotChanged
from contract.keys import LENGTH, PartKind
from federated.query.canonical_key import key_in_sql
from node import arrow, duck
from node.duck import literal, quoted
from node.scratch import create, scratch, settle
from psi.keys import DistinctKeys, Keys, Rows

_FORMULA = r"\A['=+\-@＝＋－＠\t\r\n]"

Key = tuple[tuple[PartKind, str], ...]
"""What each column of a key holds, and its name."""

Wanted = NDArray[np.bool_]
"""Of each row of a snapshot, whether it is wanted."""


@dataclass(frozen=True, slots=True, repr=False)
class Batch:
    """The keys of some rows of a snapshot, in their order, repeats included."""

    keys: Keys
    rows: Rows
    """The row that each stands in, counted from 0 over the whole snapshot."""

    @staticmethod
    def of(keys: Keys, first: int) -> "Batch":
        """The keys of rows that follow one another, from `first` on."""
        return Batch(keys, np.arange(first, first + len(keys), dtype=np.uint32))

    def where(self, wanted: NDArray[np.bool_]) -> "Batch":
        """Those of which `wanted` says so, place by place."""
        return Batch(self.keys.where(wanted), self.rows[wanted])


@contextmanager
def batches(parquet: Path, key: Key) -> Iterator[Iterator[Batch]]:
    """All canonical keys of a key column, such as b"uscc:…", or of several columns; in file order.

    A row in which a column of several is NULL has no key. Some 10^5 keys are in memory at a time,
    however many the snapshot has. SnapshotChanged if it can't be read as one.
    """
    with scratch(parquet.parent) as work, duck.locked([parquet], spill=work) as connection:
        read = reader(connection, parquet)
        if len(key) == 1:
            ((kind, column),) = key
            found = connection.sql(f"SELECT {quoted(column)} FROM {read}")
            yield _numbered(arrow.texts(found), f"{kind}:".encode())
        else:
            found = connection.sql(f"SELECT {key_in_sql(key)} FROM {read}")
            yield _of_whole_rows(arrow.texts(found))


def keys(parquet: Path, key: Key) -> DistinctKeys:
    """The distinct canonical keys, and which rows of the snapshot have each."""
    numbers = [np.zeros(0, dtype=np.uint32)]

    def noted(found: Iterator[Batch]) -> Iterator[Keys]:
        for batch in found:
            numbers.append(batch.rows)
            yield batch.keys

    with batches(parquet, key) as found:
        joined = Keys.joined_up(noted(found))
    return DistinctKeys.of(joined, np.concatenate(numbers))


def _numbered(found: Iterator[list[arrow.Texts]], prefix: bytes) -> Iterator[Batch]:
    first = 0
    for (texts,) in found:
        yield Batch.of(_prefixed(texts, prefix), first)
        first += len(texts)


def _of_whole_rows(found: Iterator[list[arrow.Texts]]) -> Iterator[Batch]:
    """Of rows some of which have no key: those that do."""
    first = 0
    for (texts,) in found:
        whole = Batch.of(texts.texts, first)
        yield whole if texts.nulls is None else whole.where(~texts.nulls)
        first += len(texts)


def _prefixed(texts: arrow.Texts, prefix: bytes) -> Keys:
    """Canonical since the import, so the kind's prefix is all that is missing."""
    count, keys = len(texts), texts.texts
    if texts.nulls is not None or np.any(np.diff(keys.ends, prepend=0) != LENGTH):
        raise _damaged()
    raw = np.frombuffer(keys.joined, dtype=np.uint8)
    whole = np.empty((count, len(prefix) + LENGTH), dtype=np.uint8)
    whole[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    whole[:, len(prefix) :] = raw.reshape(count, LENGTH)
    ends = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(whole.shape[1])
    return Keys(whole.tobytes(), ends)


def rows_of(parquet: Path, entry: CatalogueEntry, wanted: Wanted, out: Path) -> int:
    """Write the rows of the snapshot that `wanted` says to the CSV file `out`; how many.

    `out` is whole or absent; an earlier file of that name is replaced.
    """
    with scratch(out.parent) as work:
        file = work / "rows.csv"
        create(file)
        with duck.locked([parquet, file], spill=work) as connection:
            read = reader(connection, parquet)
            ((rows,),) = connection.execute(f"SELECT count(*) FROM {read}").fetchall()
            if rows != len(wanted):
                raise OurError("rows were asked for of another snapshot", fix="Report this defect.")
            connection.register("_wanted", {"_wanted": wanted})
            cells = ", ".join(f"{_cell(c)} AS {quoted(c.name)}" for c in entry.columns)
            # By position, so nothing is sorted or held, and the order of the file is kept.
            ((count,),) = connection.execute(
                f"COPY (SELECT {cells} FROM {read} POSITIONAL JOIN _wanted WHERE _wanted) "
                f"TO {literal(str(file))} (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', "
                "ESCAPE '\"', NULLSTR '', USE_TMP_FILE false)"
            ).fetchall()
        settle(file)
        file.rename(out)
        settle(out.parent)
        return int(count)


def reader(connection: DuckDBPyConnection, parquet: Path) -> str:
    """SQL that reads the snapshot; SnapshotChanged if it can't be read as one."""
    sql = f"read_parquet({literal(str(parquet))}, hive_partitioning = false)"
    try:
        connection.execute(f"DESCRIBE FROM {sql}").fetchall()
    except duckdb.Error:
        raise _damaged() from None
    return sql


def _damaged() -> SnapshotChanged:
    return SnapshotChanged(
        "the snapshot is gone or damaged",
        fix="Restore the data folder, or import the dataset again and propose the job anew.",
    )


def _cell(column: CatalogueColumn) -> str:
    cell = quoted(column.name)
    if column.type is not ColumnType.TEXT:
        return cell
    formula = f"regexp_matches({cell}, {literal(_FORMULA)})"
    return f"CASE WHEN {formula} THEN {literal(chr(39))} || {cell} ELSE {cell} END"
