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

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np
from duckdb import DuckDBPyConnection

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import OurError, SnapshotChanged
from contract.keys import KeyKind
from node import duck
from node.duck import literal, quoted
from node.scratch import create, scratch, settle
from psi.keys import Keys

_FETCHED = 1 << 16
_FORMULA = r"\A['=+\-@＝＋－＠\t\r\n]"


def keys(parquet: Path, column: str, kind: KeyKind) -> Keys:
    """The distinct canonical keys of a key column, such as b"uscc:…", in ascending order."""
    with scratch(parquet.parent) as work, duck.locked([parquet], spill=work) as connection:
        # Canonical since the import, so the kind's prefix is all that is missing.
        return Keys.gathered(
            _stream(
                connection,
                f"SELECT encode({literal(f'{kind}:')} || {quoted(column)}) "
                f"FROM {reader(connection, parquet)} GROUP BY 1 ORDER BY 1",
            )
        )


def rows_of(
    parquet: Path, entry: CatalogueEntry, column: str, wanted: Iterable[bytes], out: Path
) -> int:
    """Write the rows whose key in `column` is in `wanted` to the CSV file `out`; how many.

    `wanted` holds canonical keys as `keys` gives them. `out` is whole or absent; an earlier file
    of that name is replaced.
    """
    with scratch(out.parent) as work:
        file = work / "rows.csv"
        create(file)
        with duck.locked([parquet, file], spill=work) as connection:
            _load(connection, wanted, _prefix(entry, column))
            cells = ", ".join(f"{_cell(c)} AS {quoted(c.name)}" for c in entry.columns)
            ((count,),) = connection.execute(
                f"COPY (SELECT {cells} FROM "
                f"(SELECT row_number() OVER () AS _row, * FROM {reader(connection, parquet)}) "
                f"SEMI JOIN _wanted ON _wanted._key = {quoted(column)} ORDER BY _row) "
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
        raise SnapshotChanged(
            "the snapshot is gone or damaged",
            fix="Restore the data folder, or import the dataset again and propose the job anew.",
        ) from None
    return sql


def _stream(connection: DuckDBPyConnection, query: str) -> Iterator[list[bytes]]:
    result = connection.execute(query)
    while rows := result.fetchmany(_FETCHED):
        yield [value for (value,) in rows]


def _prefix(entry: CatalogueEntry, column: str) -> bytes:
    found = entry.column(column)
    if found is None or found.key is None:
        raise OurError("rows were asked for by no key column", fix="Report this defect.")
    return f"{found.key}:".encode()


def _load(connection: DuckDBPyConnection, wanted: Iterable[bytes], prefix: bytes) -> None:
    """Make the table `_wanted`: keys as the snapshot has them."""
    connection.execute("CREATE TABLE _wanted (_key VARCHAR)")
    keys = iter(wanted)
    while some := list(islice(keys, _FETCHED)):
        if not all(key.startswith(prefix) for key in some):
            raise OurError("rows were asked for by keys of another kind", fix="Report this defect.")
        # An array enters eight times faster than a list given as a parameter.
        texts = np.array([key[len(prefix) :].decode("ascii") for key in some], dtype=object)
        connection.register("_given", {"_key": texts})
        connection.execute("INSERT INTO _wanted SELECT CAST(_key AS VARCHAR) FROM _given")
        connection.unregister("_given")


def _cell(column: CatalogueColumn) -> str:
    cell = quoted(column.name)
    if column.type is not ColumnType.TEXT:
        return cell
    formula = f"regexp_matches({cell}, {literal(_FORMULA)})"
    return f"CASE WHEN {formula} THEN {literal(chr(39))} || {cell} ELSE {cell} END"
