"""What an import checks of the rows it has read, and what it reports of them.

Implements  DESIGN §6: canonical keys, declared types and bounds, whole-row duplicates, rows per key
Errors      InvalidKey, BadValue, DuplicateRows: counts, reasons and row numbers, never a value
Learns      the owner alone
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from collections.abc import Callable, Iterable, Sequence

from duckdb import DuckDBPyConnection

from contract.dataset import (
    Column,
    ColumnQuality,
    ColumnType,
    Description,
    Duplicates,
    InvalidKeys,
    QualityReport,
)
from contract.errors import BadValue, DuplicateRows, InvalidKey
from contract.keys import KeyKind, Reason, Strictness, check
from node.duck import literal, quoted
from node.plain_keys import is_plain
from node.sources.stage import Staged
from node.values import expectation, value_of

_FIRST_ROWS = 10
_COLUMNS_IN_ONE_ERROR = 3
_REFUSED = "!"  # before the reason; no canonical key begins with it


def check_rows(
    connection: DuckDBPyConnection, description: Description, staged: Staged
) -> QualityReport:
    """Make the tables `_kept` and `_firsts`, or raise what is wrong with the rows of `_raw`."""
    for column in description.columns_of(ColumnType.KEY):
        _canonicalise(connection, column, Strictness(description.invalid_keys))
    columns = _quality(connection, description)
    _refuse_keys(description, columns, staged)
    _refuse_values(description, columns, staged)
    _keep(connection, description)
    duplicates = _find_duplicates(connection, description, staged)
    for column in description.columns_of(ColumnType.KEY):
        _refuse_repeated_keys(connection, description, column, staged)
    left_out = duplicates if description.duplicates is Duplicates.FIRST else 0
    return QualityReport(
        dataset=description.name,
        rows_read=_one(connection, "SELECT count(*) FROM _raw"),
        rows_kept=_one(connection, "SELECT count(*) FROM _kept") - left_out,
        duplicate_rows=duplicates,
        columns=tuple(
            _with_distinct_keys(connection, column, _placed(found, staged))
            for column, found in zip(description.column, columns, strict=True)
        ),
    )


def _canonicalise(connection: DuckDBPyConnection, column: Column, strictness: Strictness) -> None:
    """Make a table of the distinct texts of a key column and of what `check` says to each."""
    assert column.key is not None
    function = f"_canonical_{column.name}"
    canonicalise = _canonicaliser(column.key, strictness)
    connection.create_function(function, canonicalise, ["VARCHAR"], "VARCHAR")
    connection.execute(
        f"CREATE TABLE {_texts(column)} AS SELECT _text, _text AS _found, "
        f"{is_plain(column.key, '_text')} AS _plain "
        f"FROM (SELECT DISTINCT coalesce({quoted(column.name)}, '') AS _text FROM _raw)"
    )
    connection.execute(
        f"UPDATE {_texts(column)} SET _found = {quoted(function)}(_text) WHERE NOT _plain"
    )


def _canonicaliser(kind: KeyKind, strictness: Strictness) -> Callable[[str], str]:
    prefix = len(f"{kind}:")

    def canonicalise(text: str) -> str:
        found = check(kind, text, strictness)
        return _REFUSED + found if isinstance(found, Reason) else found[prefix:].decode("ascii")

    return canonicalise


def _quality(connection: DuckDBPyConnection, description: Description) -> tuple[ColumnQuality, ...]:
    wanted = ", ".join(
        f"count(*) FILTER ({quoted(column.name)} IS NULL), count(*) FILTER ({_is_wrong(column)}), "
        f"min(_row, {_FIRST_ROWS}) FILTER ({_is_wrong(column)})"
        for column in description.column
    )
    (found,) = connection.execute(f"SELECT {wanted} FROM {_rows(description)}").fetchall()
    return tuple(
        ColumnQuality(
            name=column.name,
            nulls=found[3 * i],
            invalid=found[3 * i + 1],
            invalid_rows=tuple(found[3 * i + 2] or ()),
            reasons=_reasons(connection, description, column),
        )
        for i, column in enumerate(description.column)
    )


def _reasons(
    connection: DuckDBPyConnection, description: Description, column: Column
) -> dict[str, int]:
    if column.type is not ColumnType.KEY:
        return {}
    found = connection.execute(
        f"SELECT {_texts(column)}._found, count(*) FROM {_rows(description)} "
        f"WHERE {_is_wrong(column)} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return {reason.removeprefix(_REFUSED): count for reason, count in found}


def _keep(connection: DuckDBPyConnection, description: Description) -> None:
    values = ", ".join(
        f"{_value(column)} AS {quoted(column.name)}" for column in description.column
    )
    wrong = " OR ".join(map(_is_wrong, description.columns_of(ColumnType.KEY))) or "false"
    connection.execute(
        f"CREATE TABLE _kept AS SELECT _row, {values} FROM {_rows(description)} WHERE NOT ({wrong})"
    )


def _find_duplicates(
    connection: DuckDBPyConnection, description: Description, staged: Staged
) -> int:
    """How many rows repeat an earlier one; DuplicateRows where the dataset allows none."""
    connection.execute(
        "CREATE TABLE _firsts AS "
        f"SELECT min(_row) AS _row FROM _kept GROUP BY {_names(description)}"
    )
    ((count, rows),) = connection.execute(
        f"SELECT count(*), min(_row, {_FIRST_ROWS}) FROM _kept ANTI JOIN _firsts USING (_row)"
    ).fetchall()
    if count and description.duplicates is Duplicates.ERROR:
        raise DuplicateRows(
            f"{_rows_of(count)} of {description.name} repeat an earlier row entirely"
            f"{_first(rows, staged)}",
            fix='Remove them at the source, or set duplicates = "first" to leave them out, '
            '"keep" to count each.',
            rule="duplicates = error",
        )
    return int(count)


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


def _with_distinct_keys(
    connection: DuckDBPyConnection, column: Column, found: ColumnQuality
) -> ColumnQuality:
    if column.type is not ColumnType.KEY:
        return found
    count = _one(connection, f"SELECT count(DISTINCT {quoted(column.name)}) FROM _kept")
    return found.model_copy(update={"distinct_keys": count})


# ── the SQL of the checks ───────────────────────────────────────────────────────────────────────


def _texts(column: Column) -> str:
    return quoted(f"_texts_{column.name}")


def _rows(description: Description) -> str:
    """`_raw`, and beside each key's text what was found in it."""
    joins = (
        f"JOIN {_texts(column)} ON {_texts(column)}._text = coalesce({quoted(column.name)}, '')"
        for column in description.columns_of(ColumnType.KEY)
    )
    return " ".join(("_raw", *joins))


def _value(column: Column) -> str:
    return f"{_texts(column)}._found" if column.type is ColumnType.KEY else value_of(column)


def _is_wrong(column: Column) -> str:
    if column.type is ColumnType.KEY:
        return f"starts_with({_texts(column)}._found, {literal(_REFUSED)})"
    wrong = f"({value_of(column)}) IS NULL"
    return f"{quoted(column.name)} IS NOT NULL AND {wrong}" if column.nullable else wrong


def kept(description: Description) -> str:
    """The SELECT of what a snapshot holds, in the order of the source."""
    return f"SELECT {_names(description)} FROM _kept{_without_repeats(description)} ORDER BY _row"


def _names(description: Description) -> str:
    return ", ".join(quoted(column.name) for column in description.column)


def _without_repeats(description: Description) -> str:
    """What follows `_kept` where whole-row duplicates are left out."""
    first = description.duplicates is Duplicates.FIRST
    return " SEMI JOIN _firsts USING (_row)" if first else ""


def _one(connection: DuckDBPyConnection, query: str) -> int:
    ((value,),) = connection.execute(query).fetchall()
    return int(value)


# ── what is wrong with the rows ─────────────────────────────────────────────────────────────────


def _refuse_keys(
    description: Description, columns: Sequence[ColumnQuality], staged: Staged
) -> None:
    wrong = [
        found
        for column, found in zip(description.column, columns, strict=True)
        if column.type is ColumnType.KEY and found.invalid
    ]
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
    description: Description, columns: Sequence[ColumnQuality], staged: Staged
) -> None:
    wrong = [
        (column, found)
        for column, found in zip(description.column, columns, strict=True)
        if column.type is not ColumnType.KEY and found.invalid
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


def _refuse_repeated_keys(
    connection: DuckDBPyConnection, description: Description, column: Column, staged: Staged
) -> None:
    if column.rows_per_key is None:
        return
    ((count, rows),) = connection.execute(
        f"SELECT count(*), min(_first, {_FIRST_ROWS}) FROM (SELECT min(_row) AS _first "
        f"FROM _kept{_without_repeats(description)} GROUP BY {quoted(column.name)} "
        f"HAVING count(*) > {column.rows_per_key})"
    ).fetchall()
    if count:
        raise BadValue(
            f"column '{column.name}' of {description.name}: {count} key{'' if count == 1 else 's'} "
            f"with more rows than rows_per_key = {column.rows_per_key}{_first(rows, staged)}",
            fix="Correct the rows at their source, or raise rows_per_key in the description.",
            rule="rows_per_key",
        )


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
