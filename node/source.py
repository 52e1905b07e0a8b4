"""A source file, CSV or Parquet, read as what its description declares; nothing is ever guessed.

Implements  DESIGN §6, sources: CSV as in RFC 4180 (UTF-8, header, comma, doubled quotes, LF or
            CRLF), Parquet. Both become text first and meet the same rules, so a dataset is the same
            snapshot whichever way it came. An empty field, and an empty text in Parquet, is NULL.
Numbers     digits, a minus sign, a point: no exponent, no plus, no blanks. Leading zeros, and zeros
            beyond the declared decimals, change no value; any other digit too many is an error,
            because money is never rounded.
Errors      UnreadableSource, MissingColumn, BadValue (a Parquet type that can't be exact: floats).
            A name out of the file is suggested only once a declared one was found there; the first
            row of a file without header is data.
Not for     anything but an import: later work runs on snapshots.
"""

# Names pass through `quoted` and texts through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

import csv
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from re import compile as pattern

from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from contract.dataset import Column, ColumnType, Description
from contract.errors import BadValue, MissingColumn, UnreadableSource, nearest
from contract.keys import looks_like_key
from node.duck import is_full, literal, quoted

DECIMAL_DIGITS = 38
_HEADER_CHARACTERS = 1 << 20
_CHUNK = 1 << 20

_CSV_OPTIONS = (
    "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
    "all_varchar = true, strict_mode = true, compression = 'none', hive_partitioning = false"
)
# Anchored: what follows this first line quotes cells.
_BAD_CSV_ROW = pattern(r"\A(?:Invalid Input Error: )?CSV Error on Line: (\d{1,18})\n")

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


@dataclass(frozen=True, slots=True)
class _Source:
    """A source file, and what is wrong with it in our own words."""

    file: Path
    dataset: str

    @property
    def is_csv(self) -> bool:
        match self.file.suffix.lower():
            case ".csv":
                return True
            case ".parquet":
                return False
        raise self.unreadable(
            "is neither a .csv nor a .parquet file",
            "Name a file with one of these endings as `source` in the description.",
        )

    def unreadable(self, what: str, fix: str, rule: str | None = None) -> UnreadableSource:
        return UnreadableSource(f"the source of {self.dataset} {what}", fix=fix, rule=rule)

    def absent(self) -> UnreadableSource:
        return self.unreadable(
            "is not there, or may not be read",
            "Check `source` in the description; it is relative to the description's own folder.",
        )

    def not_utf8(self) -> UnreadableSource:
        return self.unreadable(
            "is not UTF-8 text", "Save it as UTF-8; GB 18030 and UTF-16 are not read."
        )

    def fault(self, message: str) -> UnreadableSource:
        """What DuckDB means by `message`, of which at most a row number is used."""
        if not self.is_csv:
            return self.unreadable("is not a Parquet file, or is damaged", "Write the file anew.")
        if not _is_utf8(self.file):
            return self.not_utf8()
        found = _BAD_CSV_ROW.match(message)
        where = f"data row {int(found[1]) - 1}" if found else "a row"
        return self.unreadable(
            f"is not regular CSV: {where} can't be read",
            "Give each row as many fields as the header, separated by commas; put a field that "
            'holds a comma, a quote or a line break in " and double the quotes in it; end all '
            "lines alike.",
            rule="RFC 4180",
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A column of the file."""

    name: str
    stored: str
    """DuckDB's type, without its parameters."""
    sql: str


def stage(connection: DuckDBPyConnection, file: Path, description: Description) -> None:
    """Make the table `_raw`: `_row`, from 1, and each declared column as the text in the file."""
    source = _Source(file, description.name)
    present = _columns_of_csv(source) if source.is_csv else _columns_of_parquet(connection, source)
    columns = [_column_in(present, column, description) for column in description.column]
    texts = ", ".join(
        f"nullif(CAST({found.sql} AS VARCHAR), '') AS {quoted(column.name)}"
        for column, found in zip(description.column, columns, strict=True)
    )
    reader = _csv_reader(file, present) if source.is_csv else _parquet_reader(file)
    try:
        connection.execute(
            f"CREATE TABLE _raw AS SELECT row_number() OVER () AS _row, {texts} FROM {reader}"
        )
    except DuckDBError as error:
        if is_full(error):
            raise
        raise source.fault(str(error)) from None


def value_of(column: Column) -> str:
    """SQL: the typed value of the text in `column`, or NULL where it is none, or out of bounds."""
    value = _read(column)
    if column.bounds is None:
        return value
    type_ = f"DECIMAL({DECIMAL_DIGITS}, {column.places})"
    least, most = (
        f"CAST({literal(f'{bound:f}')} AS {type_})"
        for bound in (column.minimum, column.maximum)
        if bound is not None
    )
    return _if(f"({value}) BETWEEN {least} AND {most}", value)


def _read(column: Column) -> str:
    text = quoted(column.name)
    match column.type:
        case ColumnType.TEXT if column.codes is None:
            return text
        case ColumnType.TEXT:
            return _if(f"{text} IN ({', '.join(map(literal, column.codes or ()))})", text)
        case ColumnType.INTEGER:
            return _if_matches(text, "-?[0-9]+", "BIGINT")
        case ColumnType.DECIMAL:
            places = column.decimals or 0
            some = rf"[0-9]{{1,{places}}}0*|" if places else ""
            return _if_matches(
                text, rf"-?[0-9]+(\.({some}0+))?", f"DECIMAL({DECIMAL_DIGITS}, {places})"
            )
        case ColumnType.PERIOD:
            return _if_matches(text, "[1-9][0-9]{3}(0[1-9]|1[0-2])", "INTEGER")
        case ColumnType.BOOLEAN:
            return _if_matches(text, "true|false", "BOOLEAN")
        case ColumnType.DATE:
            return _if(f"{text} >= '0001'", _if_matches(text, "[0-9]{4}(-[0-9]{2}){2}", "DATE"))
        case ColumnType.KEY:
            raise AssertionError("keys are not read by SQL")


def expectation(column: Column) -> str:
    """What a value of `column` must be, in words."""
    if column.minimum is None or column.maximum is None:
        return _form(column)
    return f"{_form(column)}, from {column.minimum:f} to {column.maximum:f}"


def _form(column: Column) -> str:
    match column.type:
        case ColumnType.TEXT:
            return "one of the declared codes" if column.codes else "a text"
        case ColumnType.INTEGER:
            return "a whole number that fits in 64 bits, such as -1234"
        case ColumnType.DECIMAL:
            places = column.decimals or 0
            return (
                f"a plain decimal number with at most {DECIMAL_DIGITS - places} digits before and "
                f"{places} after the point"
            )
        case ColumnType.PERIOD:
            return "a month written YYYYMM, such as 202510"
        case ColumnType.BOOLEAN:
            return "true or false"
        case ColumnType.DATE:
            return "a date of the calendar written YYYY-MM-DD"
        case ColumnType.KEY:
            return f"a key of kind {column.key}"


def _if(condition: str, value: str) -> str:
    return f"CASE WHEN {condition} THEN {value} END"


def _if_matches(text: str, form: str, type_: str) -> str:
    # A cast alone would take blanks, exponents and 1_000, and round what is too long.
    return _if(f"regexp_full_match({text}, {literal(form)})", f"TRY_CAST({text} AS {type_})")


# ── the two formats ─────────────────────────────────────────────────────────────────────────────


def _columns_of_csv(source: _Source) -> list[_Found]:
    try:
        with source.file.open(encoding="utf-8-sig", newline="") as handle:
            # A quote left open must not draw the whole file in.
            start = StringIO(handle.read(_HEADER_CHARACTERS), newline="")
        header = next(csv.reader(start, strict=True), [])
    except UnicodeDecodeError:
        raise source.not_utf8() from None
    except OSError:
        raise source.absent() from None
    except csv.Error:
        header = []
    # DuckDB skips exactly one line for the header, so a blank one would make the header data.
    if not any(name.strip() for name in header):
        raise source.unreadable(
            "has no header",
            "Write the columns' names, separated by commas, in the first line of the file.",
        )
    return [_Found(name, "VARCHAR", f"c{i}") for i, name in enumerate(header)]


def _columns_of_parquet(connection: DuckDBPyConnection, source: _Source) -> list[_Found]:
    try:
        source.file.open("rb").close()
        rows = connection.execute(f"DESCRIBE FROM {_parquet_reader(source.file)}").fetchall()
    except OSError:
        raise source.absent() from None
    except DuckDBError as error:
        if is_full(error):
            raise
        raise source.fault(str(error)) from None
    return [_Found(name, _kind_of(stored), quoted(name)) for name, stored, *_ in rows]


def _kind_of(stored: str) -> str:
    # Fields of a nested type are names out of the file.
    return stored.partition("(")[0].rstrip("[]") + ("[]" if stored.endswith("]") else "")


def _csv_reader(file: Path, present: Sequence[_Found]) -> str:
    columns = ", ".join(f"{found.sql}: 'VARCHAR'" for found in present)
    return f"read_csv({literal(str(file))}, {_CSV_OPTIONS}, columns = {{{columns}}})"


def _parquet_reader(file: Path) -> str:
    return f"read_parquet({literal(str(file))}, hive_partitioning = false)"


def _column_in(present: Sequence[_Found], column: Column, description: Description) -> _Found:
    wanted = column.source or column.name
    matches = [found for found in present if found.name == wanted]
    if not matches:
        raise _missing(present, column, description)
    if len(matches) > 1:
        raise UnreadableSource(
            f"the source of {description.name} has two columns named '{wanted}'",
            fix="Rename one of them in the file.",
        )
    (found,) = matches
    if found.stored != "VARCHAR" and found.stored not in _ALSO_STORED_AS[column.type]:
        raise BadValue(
            f"column '{column.name}' of {description.name} is stored as {found.stored}, not as "
            f"{column.type} that can be read exactly: expected {expectation(column)}",
            fix="Write the column with an exact type, such as DECIMAL or text, or declare another.",
            rule=str(column.type),
        )
    return found


def _missing(present: Sequence[_Found], column: Column, description: Description) -> MissingColumn:
    wanted = column.source or column.name
    declared = {other.source or other.name for other in description.column}
    names = [found.name for found in present if not looks_like_key(found.name)]
    same = [name for name in names if name.strip().casefold() == wanted.casefold()]
    known = names if not declared.isdisjoint(names) else []
    # `nearest` minds case: to it USCC is nothing like uscc.
    hint = f" Did you mean '{same[0]}'?" if same else nearest(wanted, known)
    return MissingColumn(
        f"the source of {description.name} has no column '{wanted}'.{hint}",
        fix=f"Correct the header, or set `source` of column '{column.name}' in the description.",
        rule="columns are found by the exact name in the file's header",
    )


def _is_utf8(file: Path) -> bool:
    decoder = getincrementaldecoder("utf-8")()
    try:
        with file.open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
