"""A query's result as a CSV file: names as asked, exact values, the remainder marked.

RFC 4180, UTF-8, LF. NULL is an empty field; decimals have all their places. The last column,
`remainder`, is true in the one row, if there is one, that gathers all cells too small to be shown
alone; its dimensions are empty. Text that a spreadsheet would run as a formula gets an apostrophe
in front, and so does text that begins with one: readers take one off (mihe/result.py).
"""

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from federated.query.result import CellValue, Result

REMAINDER = "remainder"
_FORMULA = ("'", "=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def write(result: Result, file: Path) -> None:
    """Write the table; whole or absent is the caller's business, by a provisional name."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow([*(column.name for column in result.columns), REMAINDER])
        for row in result.rows:
            cells = [_text(value) for value in row.values]
            writer.writerow([*cells, "true" if row.remainder else "false"])
        target.flush()
        os.fsync(target.fileno())


def _text(value: CellValue) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case _:
            return str(value)
