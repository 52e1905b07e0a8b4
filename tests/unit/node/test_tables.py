"""A query's result as a CSV file: exact, unambiguous, harmless in a spreadsheet."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from stat import S_IMODE

import pytest

from contract.dataset import ColumnType, ResultColumn
from federated.query.result import CellValue, Result, Row
from node.tables import REMAINDER, write


def written(tmp_path: Path, *rows: Row) -> str:
    width = len(rows[0].values) if rows else 1
    columns = tuple(ResultColumn(name=f"c{at}", type=ColumnType.TEXT) for at in range(width))
    file = tmp_path / "result.csv"
    write(Result(columns, rows, left_out=0), file)
    return file.read_bytes().decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-(10**30), "-1" + "0" * 30),
        (Decimal("0.00"), "0.00"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.0000001"), "0.0000001"),
        (Decimal("-12345678901234567890.12"), "-12345678901234567890.12"),
        (date(2026, 3, 1), "2026-03-01"),
        ("正常", "正常"),
        ("", ""),
        ("a,b", '"a,b"'),
        ('say "so"', '"say ""so"""'),
        ("=SUM(A1)", "'=SUM(A1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("＝1", "'＝1"),
        ("'so'", "''so'"),
        ("\tx", "'\tx"),
    ],
)
def test_a_value_has_one_way_to_be_written(tmp_path: Path, value: CellValue, text: str) -> None:
    line = written(tmp_path, Row((value,), remainder=False)).splitlines()[1]
    assert line == f"{text},false"


def test_the_remainder_is_marked_and_no_other_row_is(tmp_path: Path) -> None:
    rows = (Row(("east", 12), remainder=False), Row((None, 30), remainder=True))
    assert written(tmp_path, *rows) == f"c0,c1,{REMAINDER}\neast,12,false\n,30,true\n"


def test_an_empty_result_has_its_columns(tmp_path: Path) -> None:
    assert written(tmp_path) == f"c0,{REMAINDER}\n"


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    texts = ("line\nbreak", 'quote"', "comma,", " space ", "完", "")
    rows = csv.reader(written(tmp_path, Row(texts, remainder=False)).splitlines(keepends=True))
    assert list(rows)[1] == [*texts, "false"]


def test_only_the_nodes_own_user_may_read_it(tmp_path: Path) -> None:
    written(tmp_path)
    assert S_IMODE((tmp_path / "result.csv").stat().st_mode) == 0o600
