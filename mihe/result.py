"""A result in a program's own types: rows, an Arrow table, a data frame; or a file of it.

Types come from what the node states of each column (contract/dataset.py, ResultColumn), never from
the values, so an empty result has the same ones as a full one:

    key, text    str              string          integer  int      int64, or a decimal where the
    boolean      bool             bool                              plan's bounds need more digits
    date         datetime.date    date32          decimal  Decimal  decimal128, the scale declared
    period       int              int32                             (decimal256 above 38 digits;
                                                                    float64 if of 12 digits)

NULL is None. A query's last column is `remainder`: true in the one row, if there is one, that adds
up all groups too small to be shown alone. Of a LEFT JOIN, the column before it, `withheld`, names
what is not told in a row: these values are None, which is neither 0 nor NULL.

Learns      whoever runs this: a result holds identifiers in clear. Nothing is kept: every call asks
            the node again
Needs       pandas and pyarrow for `arrow` and `pandas`: the extra `mihe[notebook]`
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from contract.dataset import ColumnType, ResultColumn
from contract.errors import BadRequest, MiheError, OurError, UnknownJob, VersionMismatch
from contract.job import JobKind
from contract.views import JobView, ResultView
from mihe import sidecar
from mihe.client import NodeClient

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from _typeshed import WriteableBuffer

REMAINDER = "remainder"

Value = str | int | bool | Decimal | date | None
"""A cell."""

_FORMS = ("", ".csv", ".txt", ".parquet", ".json")
_LONGEST_CELL = 64 << 20
_FIRST_INEXACT = 1 << 53
"""From here on, a reader of JSON may round an integer."""


class Result:
    """What a finished job released to this organisation."""

    def __init__(self, client: NodeClient, job: JobView) -> None:
        self._client = client
        self._job = job
        if job.result is None:
            raise UnknownJob(
                "this job has no result for this organisation",
                phase="release",
                fix="`mihe show` says who receives what, and how the job ended",
            )
        self._view: ResultView = job.result

    def __repr__(self) -> str:
        if not self._view.columns:
            return f"result of job {self._job.job[:12]}: {self.count:,}"
        names = ", ".join(column.name for column in self.columns)
        return f"result of job {self._job.job[:12]}: {self._view.rows:,} rows of {names}"

    @property
    def count(self) -> int:
        """Keys in common; of a query, rows of the result."""
        return self._view.count

    @property
    def folded(self) -> int | None:
        """Of a query: how many groups are in the remainder."""
        return self._view.folded

    @property
    def withheld(self) -> int | None:
        """Of a LEFT JOIN: rows of which some values are not told; column `withheld` names them."""
        return self._view.withheld

    @property
    def columns(self) -> tuple[ResultColumn, ...]:
        """What the rows hold, in order, with the remainder's mark; raises if there are no rows."""
        if self._job.contract.kind is JobKind.PSI_CARDINALITY:
            raise BadRequest("this job released how many, and no rows", fix="take `count`")
        if not self._view.columns:
            raise VersionMismatch(
                "the node that released this result did not note the types of its columns",
                fix="save it as CSV, or run the job again",
            )
        if self._job.contract.kind is not JobKind.QUERY:
            return self._view.columns
        return (*self._view.columns, ResultColumn(name=REMAINDER, type=ColumnType.BOOLEAN))

    def csv(self) -> Iterator[bytes]:
        """The rows as the node wrote them, piece by piece (RFC 4180, UTF-8)."""
        return self._client.result(self._job.job)

    def rows(self) -> Iterator[dict[str, Value]]:
        """The rows, one after the other, by column name."""
        names = [column.name for column in self.columns]
        for cells in self._cells():
            yield dict(zip(names, cells, strict=True))

    def arrow(self) -> "pa.Table":
        """The rows as an Arrow table."""
        try:
            from mihe.arrow import table
        except ImportError:
            raise _without_extra() from None
        try:
            return table(self.columns, self._file())
        except (ValueError, ArithmeticError):
            raise _not_as_stated() from None

    def pandas(self) -> "pd.DataFrame":
        """The rows as a data frame of Arrow's types: decimals stay exact, integers integers."""
        found = self.arrow()
        try:
            import pandas as pd
        except ImportError:
            raise _without_extra() from None
        return found.to_pandas(types_mapper=pd.ArrowDtype)

    def save(self, path: Path | str) -> Path:
        """Write the rows for their owner alone, and beside them what they are and may be used for.

        As Parquet or JSON where the name ends in .parquet or .json, as CSV where it ends in .csv,
        .txt or nothing; no other ending is taken. Never over another file; whole or not at all.
        Returns where the note lies.
        """
        target = Path(path)
        require_format(target)
        match target.suffix.lower():
            case ".parquet":
                rows: Iterable[bytes] = self._parquet()
            case ".json":
                rows = self._json()
            case _:
                rows = self.csv()
        sidecar.write(target, self._job, rows)
        return sidecar.beside(target)

    def _parquet(self) -> Iterator[bytes]:
        from mihe.arrow import parquet

        yield parquet(self.arrow())

    def _json(self) -> Iterator[bytes]:
        """A list of objects, a row each; what a float would round is a text."""
        start = "[\n"
        for row in self.rows():
            cells = {name: _in_json(value) for name, value in row.items()}
            yield (start + json.dumps(cells, ensure_ascii=False)).encode()
            start = ",\n"
        yield b"[]\n" if start == "[\n" else b"\n]\n"

    def _file(self) -> io.BufferedReader:
        return io.BufferedReader(_Pieces(self.csv()))

    def _cells(self) -> Iterator[list[Value]]:
        columns = self.columns
        readers = [_reader(column) for column in columns]
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
        text = io.TextIOWrapper(self._file(), "utf-8", newline="")
        try:
            head, *_ = [*islice(rows := csv.reader(text, strict=True), 1), []]
            if head != [column.name for column in columns]:
                raise _not_as_stated()
            for row in rows:
                yield [
                    read(cell) if cell else None for read, cell in zip(readers, row, strict=True)
                ]
        except (csv.Error, ValueError, ArithmeticError):
            # Their texts may quote a cell.
            raise _not_as_stated() from None


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        while not self._left and (piece := next(self._pieces, None)) is not None:
            self._left = piece
        taken, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(taken)] = taken
        return len(taken)


def require_format(path: Path) -> None:
    """BadRequest if a result could not be written in the form that this name asks for."""
    suffix = path.suffix.lower()
    if suffix not in _FORMS:
        raise BadRequest(
            f"no result is written as {suffix[:16]}",
            fix="name the file .csv, which a spreadsheet opens, .parquet or .json",
        )
    if suffix == ".parquet":
        try:
            import mihe.arrow  # noqa: F401  # whether it is there
        except ImportError:
            raise _without_extra() from None


def _in_json(value: Value) -> str | int | bool | None:
    if isinstance(value, Decimal | date):
        return text_of(value)
    if isinstance(value, int) and abs(value) >= _FIRST_INEXACT:
        return str(value)
    return value


def text_of(value: Value) -> str:
    """A value as it stands in the CSV, but for what protects spreadsheets."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _reader(column: ResultColumn) -> Callable[[str], Value]:
    match column.type:
        case ColumnType.TEXT:
            # An apostrophe in front keeps spreadsheets from running a text as a formula.
            return lambda cell: cell.removeprefix("'")
        case ColumnType.KEY:
            return str
        case ColumnType.INTEGER | ColumnType.PERIOD:
            return int
        case ColumnType.DECIMAL:
            return Decimal
        case ColumnType.BOOLEAN:
            return _boolean
        case ColumnType.DATE:
            return date.fromisoformat


def _boolean(cell: str) -> bool:
    if cell not in ("true", "false"):
        raise ValueError
    return cell == "true"


def _without_extra() -> MiheError:
    return BadRequest(
        "tables and data frames need pyarrow and pandas, and they are not installed here",
        fix="pip install 'mihe[notebook]'; `rows` and `save` work without",
    )


def _not_as_stated() -> MiheError:
    return OurError(
        "the rows are not of the types that their node states", fix="report this with its log"
    )
