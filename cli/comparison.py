"""What came through mihe beside what was computed in the clear: equal, or in which place not.

Pure: two answers in; equal only if they agree in every single key, or in every cell of every row.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from cli import terminal
from contract.canonical import Frozen

REMAINDER = "all smaller groups"
"""What stands for the labels of the row that gathers the groups too small to be shown."""

Line = tuple[str, ...]


class KeysCompared(Frozen):
    """An intersection, and the one in the clear."""

    equal: bool
    counted: int
    in_rows: int
    in_the_clear: int
    only_through_mihe: int
    only_in_the_clear: int


class Table(Frozen):
    """A query's answer as texts, as exact as it was written; NULL is empty."""

    columns: Line
    rows: tuple[Line, ...]
    remainder: Line | None = None


class RowCompared(Frozen):
    """One row of either answer, and the row of the other one with the same labels."""

    equal: bool
    remainder: bool = False
    through_mihe: Line | None = None
    in_the_clear: Line | None = None


class TablesCompared(Frozen):
    """A query's answer, and the one in the clear, row by row; the remainder is the last row."""

    equal: bool
    columns: Line
    rows: tuple[RowCompared, ...]


class Comparison(Frozen):
    """Everything that a demonstration compares."""

    equal: bool
    intersection: KeysCompared
    query: TablesCompared


def compare(intersection: KeysCompared, query: TablesCompared) -> Comparison:
    """Equal only if both are."""
    return Comparison(
        equal=intersection.equal and query.equal, intersection=intersection, query=query
    )


def compare_keys(counted: int, ours: Collection[bytes], clear: Collection[bytes]) -> KeysCompared:
    """Equal only if the count and every single key agree."""
    through_mihe, in_the_clear = set(ours), set(clear)
    return KeysCompared(
        equal=counted == len(in_the_clear) and through_mihe == in_the_clear,
        counted=counted,
        in_rows=len(through_mihe),
        in_the_clear=len(in_the_clear),
        only_through_mihe=len(through_mihe - in_the_clear),
        only_in_the_clear=len(in_the_clear - through_mihe),
    )


def compare_tables(ours: Table, clear: Table, labels: Collection[str]) -> TablesCompared:
    """Equal only if names, labels, counts, decimals and the remainder agree, to the last digit.

    `labels` are the columns that name a row. Rows come in no order of their own.
    """
    through_mihe, in_the_clear = dict(_named(ours, labels)), dict(_named(clear, labels))
    rows = [
        _row_compared(through_mihe.get(name), in_the_clear.get(name))
        for name in {**through_mihe, **in_the_clear}
    ]
    if ours.remainder is not None or clear.remainder is not None:
        rows.append(_row_compared(ours.remainder, clear.remainder, remainder=True))
    return TablesCompared(
        equal=ours.columns == clear.columns and all(row.equal for row in rows),
        columns=ours.columns,
        rows=tuple(rows),
    )


def _row_compared(ours: Line | None, clear: Line | None, *, remainder: bool = False) -> RowCompared:
    return RowCompared(
        equal=ours == clear, remainder=remainder, through_mihe=ours, in_the_clear=clear
    )


def _named(table: Table, labels: Collection[str]) -> Iterator[tuple[tuple[Line, int], Line]]:
    """Rows by their labels; a second row with the same ones is another row."""
    seen = Counter[Line]()
    for row in table.rows:
        name = tuple(
            cell for column, cell in zip(table.columns, row, strict=True) if column in labels
        )
        seen[name] += 1
        yield (name, seen[name]), row


def released_table(text: str) -> Table:
    """A query's result from the CSV that its receiver's node wrote."""
    (*columns, _), *rows = csv.reader(io.StringIO(text, newline=""))
    return Table(
        columns=tuple(columns),
        rows=tuple(tuple(cells) for *cells, marked in rows if marked == "false"),
        remainder=next((tuple(cells) for *cells, marked in rows if marked == "true"), None),
    )


def clear_table(text: str) -> Table:
    """A query's answer as scenarios/sql_oracle.py prints it."""
    answer = json.loads(text)
    rest = answer["remainder"]
    return Table(
        columns=tuple(answer["columns"]),
        rows=tuple(_texts(row) for row in answer["rows"]),
        remainder=None if rest is None else _texts(rest),
    )


def _texts(row: Sequence[str | int | None]) -> Line:
    # JSON writes a boolean as the CSV does, and Python does not.
    return tuple(
        "" if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in row
    )


# ── drawn ───────────────────────────────────────────────────────────────────────────────────────


def keys_shown(compared: KeysCompared) -> RenderableType:
    """Both intersections beside each other."""
    return terminal.table(
        ("", "through mihe>", "in the clear>", "equal"),
        [
            (
                "keys in common, as counted",
                compared.counted,
                compared.in_the_clear,
                compared.counted == compared.in_the_clear,
            ),
            (
                "keys in common, one by one",
                compared.in_rows,
                compared.in_the_clear,
                compared.only_through_mihe == compared.only_in_the_clear == 0,
            ),
            ("only here", compared.only_through_mihe, compared.only_in_the_clear, ""),
        ],
    )


def tables_shown(compared: TablesCompared, labels: Collection[str]) -> RenderableType:
    """Both answers beside each other: two lines a row."""
    columns = [name if name in labels else f"{name}>" for name in compared.columns]
    rows: list[Sequence[object]] = []
    for row in compared.rows:
        rows.append((*_shown(row.through_mihe, row, compared.columns, labels), "mihe", ""))
        rows.append((*_shown(row.in_the_clear, row, compared.columns, labels), "clear", row.equal))
    return terminal.table((*columns, "", "equal"), rows)


def _shown(
    line: Line | None, row: RowCompared, columns: Line, labels: Collection[str]
) -> Sequence[str | None]:
    if line is None:
        return [None] * len(columns)
    return [
        REMAINDER if row.remainder and column in labels else cell
        for column, cell in zip(columns, line, strict=True)
    ]


def verdict(compared: Comparison) -> Text:
    """The last word."""
    word, style = ("equal", "bold green") if compared.equal else ("NOT EQUAL", "bold red")
    return Text(word, style=style)
