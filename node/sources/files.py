"""CSV and Parquet files: read as what the description declares; nothing is ever guessed.

Implements  CSV as in RFC 4180 (UTF-8 or, where declared, GB 18030; header, comma, doubled quotes,
            LF or CRLF), Parquet
Errors      UnreadableSource. The first row of a file without header is data, so no name out of it
            is quoted.
Not for     files that change while they are read: see node/sources/folder.py
"""

import csv
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from re import compile as pattern

from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from contract.errors import UnreadableSource
from contract.sources import Encoding
from node.arrow import Texts
from node.duck import is_full, literal, quoted
from node.scratch import FULL, create
from node.sources.part import TEXT, Found, unreadable
from node.sources.plain import NotPlainError, plain_columns

_HEADER_CHARACTERS = 1 << 20
_CHUNK = 1 << 20

_CSV_OPTIONS = (
    "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
    "all_varchar = true, strict_mode = true, compression = 'none', hive_partitioning = false"
)
# Anchored: what follows this first line quotes cells.
_BAD_CSV_ROW = pattern(r"\A(?:Invalid Input Error: )?CSV Error on Line: (\d{1,18})\n")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file. DuckDB reads UTF-8 only, so another encoding is read from a copy in `scratch`."""

    title: str
    file: Path
    encoding: Encoding
    scratch: Path
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def copy(self) -> Path:
        """What is read."""
        return self.file if self.encoding is Encoding.UTF_8 else self.scratch / "as-utf-8.csv"

    def columns(self, connection: DuckDBPyConnection) -> Sequence[Found]:
        """The names in the header."""
        try:
            if self.copy != self.file:
                self.copy.unlink(missing_ok=True)
                _copy_as_utf8(self.file, self.encoding, self.copy)
            header = _header(self.copy)
        except UnicodeDecodeError:
            raise self._foreign() from None
        except OSError as error:
            if error.errno in FULL:
                raise
            raise absent(self.title) from None
        # DuckDB skips exactly one line for the header, so a blank one would make the header data.
        if not any(name.strip() for name in header):
            raise unreadable(
                self.title,
                "has no header",
                "Write the columns' names, separated by commas, in the first line of the file.",
            )
        named = [Found(name, TEXT, f"c{i}") for i, name in enumerate(header)]
        return [*named, *constants(self.partition)]

    def rows(self, connection: DuckDBPyConnection, wanted: Sequence[Found]) -> str:
        """DuckDB's reader, told every name and type."""
        count = len(_header(self.copy))
        columns = ", ".join(f"c{i}: '{TEXT}'" for i in range(count))
        return f"read_csv({literal(str(self.copy))}, {_CSV_OPTIONS}, columns = {{{columns}}})"

    def texts(self, wanted: Sequence[Found]) -> Iterator[list[Texts]]:
        """The same without DuckDB. Raises NotPlainError."""
        names = [f"c{i}" for i in range(len(_header(self.copy)))]
        places = [names.index(found.sql) for found in wanted if found.sql in names]
        if len(places) < len(wanted):  # constants of folders
            raise NotPlainError
        read = sorted(set(places))
        for batch in plain_columns(self.copy, len(names), read):
            yield [batch[read.index(place)] for place in places]

    def fault(self, message: str) -> UnreadableSource:
        """A row that is not CSV, or bytes that are not text."""
        if not _is_text(self.copy):
            return self._foreign()
        found = _BAD_CSV_ROW.match(message)
        where = f"data row {int(found[1]) - 1}" if found else "a row"
        return unreadable(
            self.title,
            f"is not regular CSV: {where} can't be read",
            "Give each row as many fields as the header, separated by commas; put a field that "
            'holds a comma, a quote or a line break in " and double the quotes in it; end all '
            "lines alike.",
            rule="RFC 4180",
        )

    def _foreign(self) -> UnreadableSource:
        if self.encoding is Encoding.UTF_8:
            return unreadable(
                self.title,
                "is not UTF-8 text",
                'Save it as UTF-8, or write encoding = "gb18030" in the description if it is GBK '
                "or GB 18030; UTF-16 is not read.",
                rule="encoding = utf-8",
            )
        return unreadable(
            self.title,
            "is not GB 18030 text",
            "Save it anew, or remove `encoding` from the description if it is UTF-8.",
            rule=f"encoding = {self.encoding}",
        )


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A Parquet file."""

    title: str
    file: Path
    partition: Mapping[str, str | None] = field(default_factory=dict)

    def columns(self, connection: DuckDBPyConnection) -> Sequence[Found]:
        """The names and types in its footer."""
        try:
            self.file.open("rb").close()
            rows = connection.execute(f"DESCRIBE FROM {self.rows(connection, ())}").fetchall()
        except OSError:
            raise absent(self.title) from None
        except DuckDBError as error:
            if is_full(error):
                raise
            raise self.fault(str(error)) from None
        named = [Found(name, _kind_of(stored), quoted(name)) for name, stored, *_ in rows]
        return [*named, *constants(self.partition)]

    def rows(self, connection: DuckDBPyConnection, wanted: Sequence[Found]) -> str:
        """DuckDB's reader."""
        return f"read_parquet({literal(str(self.file))}, hive_partitioning = false)"

    def fault(self, message: str) -> UnreadableSource:
        """A file that was cut, overwritten, or never was one."""
        return unreadable(
            self.title, "is not a Parquet file, or is damaged", "Write the file anew."
        )


def constants(partition: Mapping[str, str | None]) -> Iterator[Found]:
    """The columns whose one value a folder's name says."""
    for name, value in partition.items():
        yield Found(name, TEXT, "NULL" if value is None else literal(value))


def absent(title: str) -> UnreadableSource:
    """The error for a file or folder that can't be opened."""
    return unreadable(
        title,
        "is not there, or may not be read",
        "Check `source` in the description; it is relative to the description's own folder.",
    )


def _header(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as handle:
        # A quote left open must not draw the whole file in.
        start = StringIO(handle.read(_HEADER_CHARACTERS), newline="")
    try:
        return next(csv.reader(start, strict=True), [])
    except csv.Error:
        return []


def _copy_as_utf8(file: Path, encoding: Encoding, copy: Path) -> None:
    decoder = getincrementaldecoder(encoding.value)()
    with file.open("rb") as source:
        create(copy)
        with copy.open("wb") as target:
            while chunk := source.read(_CHUNK):
                target.write(decoder.decode(chunk).encode())
            target.write(decoder.decode(b"", final=True).encode())


def _kind_of(stored: str) -> str:
    # Fields of a nested type are names out of the file.
    return stored.partition("(")[0].rstrip("[]") + ("[]" if stored.endswith("]") else "")


def _is_text(file: Path) -> bool:
    decoder = getincrementaldecoder("utf-8")()
    try:
        with file.open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
