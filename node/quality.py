"""What an import checks of the rows it has read, and what it reports of them.

Implements  DESIGN §6: canonical keys, declared types and bounds, whole-row duplicates, rows per key
Errors      InvalidKey, BadValue, DuplicateRows: counts, reasons and row numbers, never a value
Learns      the owner alone
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from contract.dataset import (
    Column,
    ColumnQuality,
    ColumnType,
    Combined,
    Description,
    Duplicates,
    InvalidKeys,
    KeyFound,
    QualityReport,
)
from contract.errors import BadValue, DuplicateRows, InvalidKey
from federated.query.canonical_key import key_in_sql
from node.duck import literal, quoted
from node.key_columns import FIRST_ROWS, KEPT, KeyQuality, read_keys
from node.scratch import create, settle
from node.sources.stage import Staged
from node.values import expectation, value_of

WRITTEN = "_written"
"""A view, once `write_rows` has made it."""

_COLUMNS_IN_ONE_ERROR = 3
_WITHOUT_REPEATS = " ANTI JOIN _repeats USING (_at)"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where an import writes, in a scratch folder; DuckDB must be able to open all of it."""

    keys: Path
    """The canonical keys, where some are written otherwise in the source."""
    rows: Path
    """The rows with valid keys."""
    firsts: Path
    """The same without repeated rows, where there are some and the dataset leaves them out."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, whether they come to be or not."""
        return self.keys, self.rows, self.firsts


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in each column, by name."""

    keys: Mapping[str, KeyQuality]
    values: Mapping[str, ColumnQuality]
    """Those that are no keys."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """How the rows of a snapshot are spread over the keys of a column."""

    distinct: int
    most: int
    """Rows of the key that has most."""


def check_rows(
    connection: DuckDBPyConnection, description: Description, staged: Staged, outputs: Outputs
) -> tuple[QualityReport, Path]:
    """Write a snapshot of the rows of `_raw`, or raise what is wrong with them; where it is."""
    keys = read_keys(connection, description, outputs.keys)
    _refuse_keys(description, [found.quality for found in keys.values()], staged)
    write_rows(connection, description, KEPT, outputs)
    everything = not any(found.quality.invalid for found in keys.values())
    values = _quality(connection, description, everything=everything)
    _refuse_values(description, values, staged)
    return report_of(connection, description, staged, outputs, Found(keys, values))


def report_of(
    connection: DuckDBPyConnection,
    description: Description,
    staged: Staged,
    outputs: Outputs,
    found: Found,
) -> tuple[QualityReport, Path]:
    """What there is to say of the rows of WRITTEN, which are those of KEPT; where the snapshot is.

    Raises what is wrong with rows that are alike in something.
    """
    keys, values = found.keys, found.values
    spreads = {name: _spread(connection, name, found) for name, found in keys.items()}
    duplicates = _find_duplicates(connection, description, spreads, staged)
    left_out = duplicates if description.duplicates is Duplicates.FIRST else 0
    rest = f"{WRITTEN}{_WITHOUT_REPEATS if left_out else ''}"
    for column in description.columns_of(ColumnType.KEY):
        spread, most = spreads[column.name], column.rows_per_key
        _refuse_repeated(connection, description, (column.name,), spread, most, rest, staged)
    combined = [
        _check_combined(connection, description, key, rest, staged) for key in description.key
    ]
    if left_out:
        firsts = f"SELECT {_names(description)} FROM {rest} ORDER BY _at"
        _write(connection, description, firsts, outputs.firsts)
    report = QualityReport(
        dataset=description.name,
        rows_read=staged.ends[-1] if staged.ends else 0,
        rows_kept=_one(connection, f"SELECT count(*) FROM {WRITTEN}") - left_out,
        duplicate_rows=duplicates,
        columns=tuple(
            _placed(values[column.name], staged)
            if column.key is None
            else _with_distinct_keys(
                _placed(keys[column.name].quality, staged), spreads[column.name]
            )
            for column in description.column
        ),
        keys=tuple(combined) or None,
    )
    return report, outputs.firsts if left_out else outputs.rows


def write_rows(
    connection: DuckDBPyConnection, description: Description, kept: str, outputs: Outputs
) -> None:
    """Write the snapshot's rows, out of the texts and keys of `kept`; WRITTEN is what they are."""
    _write(connection, description, f"SELECT {_values(description)} FROM {kept}", outputs.rows)
    connection.execute(
        f"CREATE VIEW {WRITTEN} AS SELECT row_number() OVER () - 1 AS _at, * FROM "
        f"read_parquet({literal(str(outputs.rows))}, hive_partitioning = false)"
    )


def value_columns(description: Description) -> list[Column]:
    """The columns that are no keys."""
    return [column for column in description.column if column.type is not ColumnType.KEY]


def valueless(
    connection: DuckDBPyConnection, columns: Sequence[Column], rows: str
) -> tuple[int, ...]:
    """In how many of `rows` each of these columns is NULL."""
    if not columns:
        return ()
    nulls = ", ".join(f"count(*) - count({quoted(column.name)})" for column in columns)
    (found,) = connection.execute(f"SELECT {nulls} FROM {rows}").fetchall()
    return tuple(map(int, found))


def _quality(
    connection: DuckDBPyConnection, description: Description, *, everything: bool
) -> dict[str, ColumnQuality]:
    """What was found in the columns that are no keys, by name.

    `everything`: no row was left out of WRITTEN.
    """
    columns = value_columns(description)
    values = ", ".join(f"{value_of(column)} AS {quoted(column.name)}" for column in columns)
    typed = WRITTEN if everything else f"(SELECT {values} FROM _raw)"
    nulls, none = (valueless(connection, columns, rows) for rows in ("_raw", typed))
    return {
        column.name: ColumnQuality(
            name=column.name,
            nulls=empty,
            invalid=(invalid := missing - empty * column.nullable),
            invalid_rows=_first_rows(connection, column) if invalid else (),
        )
        for column, empty, missing in zip(columns, nulls, none, strict=True)
    }


def _first_rows(connection: DuckDBPyConnection, column: Column) -> tuple[int, ...]:
    ((rows,),) = connection.execute(
        f"SELECT min(_row, {FIRST_ROWS}) FROM _raw WHERE {_is_wrong(column)}"
    ).fetchall()
    return tuple(rows)


def _write(
    connection: DuckDBPyConnection, description: Description, rows: str, parquet: Path
) -> None:
    create(parquet)
    # Keys and amounts hardly shrink, and every run reads them again: texts that repeat are in a
    # dictionary, numbers are packed by what they differ, and no compression is tried beyond that.
    dictionary = "" if description.columns_of(ColumnType.TEXT) else ", DICTIONARY_SIZE_LIMIT 1"
    connection.execute(
        f"COPY ({rows}) TO {literal(str(parquet))} (FORMAT parquet, PARQUET_VERSION v2, "
        f"COMPRESSION uncompressed, USE_TMP_FILE false{dictionary})"
    )
    settle(parquet)


def _spread(connection: DuckDBPyConnection, name: str, found: KeyQuality) -> _Spread:
    if found.distinct:
        rows = _one(connection, f"SELECT count(*) FROM {WRITTEN}")
        return _Spread(distinct=rows, most=min(rows, 1))
    return _spread_of(connection, WRITTEN, [name])


def _spread_of(connection: DuckDBPyConnection, rows: str, key: Sequence[str]) -> _Spread:
    ((distinct, most),) = connection.execute(
        "SELECT count(*), coalesce(max(_rows), 0) FROM "
        f"(SELECT count(*) AS _rows FROM {rows} GROUP BY {_quoted(key)})"
    ).fetchall()
    return _Spread(distinct, most)


def _find_duplicates(
    connection: DuckDBPyConnection,
    description: Description,
    spreads: Mapping[str, _Spread],
    staged: Staged,
) -> int:
    """How many rows repeat an earlier one; unless they are kept, `_repeats` is a table of them.

    Raises DuplicateRows where the dataset allows none.
    """
    if any(spread.most <= 1 for spread in spreads.values()):
        return 0
    # A row whose key no other row has repeats none.
    suspects = f"SELECT * FROM {WRITTEN}"
    if spreads:
        key = quoted(max(spreads, key=lambda name: spreads[name].distinct))
        repeated = f"SELECT {key} FROM {WRITTEN} GROUP BY {key} HAVING count(*) > 1"
        suspects = f"{suspects} SEMI JOIN ({repeated}) USING ({key})"
    names = _names(description)
    count = _one(
        connection,
        "SELECT coalesce(sum(_rows - 1), 0) FROM (SELECT count(*) AS _rows "
        f"FROM ({suspects}) GROUP BY {names} HAVING count(*) > 1)",
    )
    if not count or description.duplicates is Duplicates.KEEP:
        return count
    connection.execute(
        f"CREATE TABLE _repeats AS WITH _suspects AS MATERIALIZED ({suspects}) "
        "SELECT _at FROM _suspects ANTI JOIN "
        f"(SELECT min(_at) AS _at FROM _suspects GROUP BY {names}) USING (_at)"
    )
    if description.duplicates is Duplicates.ERROR:
        rows = _source_rows(connection, "SELECT _at FROM _repeats")
        raise DuplicateRows(
            f"{_rows_of(count)} of {description.name} repeat an earlier row entirely"
            f"{_first(rows, staged)}",
            fix='Remove them at the source, or set duplicates = "first" to leave them out, '
            '"keep" to count each.',
            rule="duplicates = error",
        )
    return count


def _source_rows(connection: DuckDBPyConnection, places: str) -> Sequence[int]:
    """The first rows, as the source counts them, of those whose `_at` a SELECT gives."""
    ((rows,),) = connection.execute(
        f"SELECT min(_row, {FIRST_ROWS}) FROM "
        f"(SELECT _row, row_number() OVER () - 1 AS _at FROM {KEPT}) "
        f"SEMI JOIN ({places}) AS _wanted (_at) USING (_at)"
    ).fetchall()
    return tuple(rows)


def _placed(found: ColumnQuality, staged: Staged) -> ColumnQuality:
    """Row numbers of the whole source, as rows of its files where there are several."""
    if len(staged.titles) == 1:
        return found
    places = [staged.place(row) for row in found.invalid_rows]
    return found.model_copy(
        update={
            "invalid_rows": tuple(row for _, row in places),
            "invalid_in": tuple(title for title, _ in places),
        }
    )


def _with_distinct_keys(found: ColumnQuality, spread: _Spread) -> ColumnQuality:
    return found.model_copy(update={"distinct_keys": spread.distinct})


# ── the SQL of the checks ───────────────────────────────────────────────────────────────────────


def _values(description: Description) -> str:
    return ", ".join(f"{_value(column)} AS {quoted(column.name)}" for column in description.column)


def _value(column: Column) -> str:
    return quoted(column.name) if column.type is ColumnType.KEY else value_of(column)


def _is_wrong(column: Column) -> str:
    wrong = f"({value_of(column)}) IS NULL"
    return f"{quoted(column.name)} IS NOT NULL AND {wrong}" if column.nullable else wrong


def _names(description: Description) -> str:
    return ", ".join(quoted(column.name) for column in description.column)


def _one(connection: DuckDBPyConnection, query: str) -> int:
    ((value,),) = connection.execute(query).fetchall()
    return int(value)


# ── what is wrong with the rows ─────────────────────────────────────────────────────────────────


def _refuse_keys(
    description: Description, columns: Iterable[ColumnQuality], staged: Staged
) -> None:
    wrong = [found for found in columns if found.invalid]
    if wrong and description.invalid_keys is InvalidKeys.STRICT:
        raise InvalidKey(
            _together(
                f"column '{found.name}' of {description.name}: {_rows_of(found.invalid)} without a "
                f"valid key ({', '.join(f'{why}: {n}' for why, n in found.reasons.items())})"
                f"{_first(found.invalid_rows, staged)}"
                for found in wrong
            ),
            fix='Correct the keys at their source, or set invalid_keys = "warn" in the description '
            "to leave such rows out and count them.",
            rule="invalid_keys = strict",
        )


def _refuse_values(
    description: Description, columns: Mapping[str, ColumnQuality], staged: Staged
) -> None:
    wrong = [
        (column, columns[column.name])
        for column in description.column
        if column.name in columns and columns[column.name].invalid
    ]
    if wrong:
        raise BadValue(
            _together(
                f"column '{column.name}' of {description.name}: {_rows_of(found.invalid)} without "
                f"{expectation(column)}{_empty(column, found)}{_first(found.invalid_rows, staged)}"
                for column, found in wrong
            ),
            fix="Correct the rows at their source, or the column's type in the description; "
            "`nullable = true` allows empty fields.",
            rule=str(wrong[0][0].type),
        )


def _check_combined(
    connection: DuckDBPyConnection,
    description: Description,
    key: Combined,
    rest: str,
    staged: Staged,
) -> KeyFound:
    """Count a key of several columns, and how long all are; a row with an empty one has none."""
    spread = _spread_of(connection, f"{rest} WHERE {_whole(key.columns)}", key.columns)
    _refuse_repeated(connection, description, key.columns, spread, key.rows_per_key, rest, staged)
    kinds = {column.name: column.part_kind for column in description.column}
    parts = [(kind, name) for name in key.columns if (kind := kinds[name]) is not None]
    length = _one(connection, f"SELECT coalesce(sum(strlen({key_in_sql(parts)})), 0) FROM {rest}")
    return KeyFound(columns=key.columns, distinct_keys=spread.distinct, key_bytes=length)


def _refuse_repeated(
    connection: DuckDBPyConnection,
    description: Description,
    key: Sequence[str],
    spread: _Spread,
    rows_per_key: int | None,
    rest: str,
    staged: Staged,
) -> None:
    """Refuse keys with more rows in `rest` than are declared; `spread` is theirs, or of more."""
    if rows_per_key is None or spread.most <= rows_per_key:
        return
    places = (
        f"SELECT min(_at) FROM {rest} WHERE {_whole(key)} GROUP BY {_quoted(key)} "
        f"HAVING count(*) > {rows_per_key}"
    )
    count = _one(connection, f"SELECT count(*) FROM ({places})")
    if count:
        rows = _source_rows(connection, places)
        named = "', '".join(key)
        raise BadValue(
            f"column{'s' if len(key) > 1 else ''} '{named}' of {description.name}: {count}"
            f" key{'' if count == 1 else 's'} with more rows than rows_per_key ="
            f" {rows_per_key}{_first(rows, staged)}",
            fix="Correct the rows at their source, or raise rows_per_key in the description.",
            rule="rows_per_key",
        )


def _whole(key: Sequence[str]) -> str:
    return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key)


def _quoted(key: Sequence[str]) -> str:
    return ", ".join(map(quoted, key))


def _together(sentences: Iterable[str]) -> str:
    listed = list(sentences)
    rest = len(listed) - _COLUMNS_IN_ONE_ERROR
    more = [f"and {rest} more columns"] if rest > 0 else []
    return "; ".join(listed[:_COLUMNS_IN_ONE_ERROR] + more)


def _rows_of(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _empty(column: Column, found: ColumnQuality) -> str:
    return f" ({found.nulls} empty)" if found.nulls and not column.nullable else ""


def _first(rows: Sequence[int], staged: Staged) -> str:
    return f", first in {staged.where(rows)}"
