"""Results in a program's types: exact, from what the node states, whatever the cells look like."""

import json
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from contract.dataset import CatalogueColumn, ColumnType, ResultColumn
from contract.errors import (
    BadRequest,
    MiheError,
    OurError,
    SnapshotChanged,
    UnknownJob,
    VersionMismatch,
)
from contract.job import JobKind
from contract.keys import KeyKind
from contract.lifecycle import State
from contract.views import JobView, ResultView
from mihe.client import NodeClient
from mihe.result import Result, text_of
from tests.unit.cli.canned import Node

KEY = CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256)
COLUMNS = (
    ResultColumn.of(KEY),
    ResultColumn(name="name", type=ColumnType.TEXT),
    ResultColumn(name="n", type=ColumnType.INTEGER),
    ResultColumn(name="vast", type=ColumnType.INTEGER, digits=22),
    ResultColumn(name="money", type=ColumnType.DECIMAL, decimals=2, digits=38, unit="CNY"),
    ResultColumn(name="mean", type=ColumnType.DECIMAL, decimals=6, digits=52),
    ResultColumn(name="day", type=ColumnType.DATE),
    ResultColumn(name="period", type=ColumnType.PERIOD),
    ResultColumn(name="good", type=ColumnType.BOOLEAN),
)
HEAD = "uscc,name,n,vast,money,mean,day,period,good\n"
FULL = (
    "91330000700000052Y,'=SUM(A1),9223372036854775807,-9223372036854775808000,"
    "123456789012345678901234567890123456.78,"
    "1234567890123456789012345678901234567890123456.000001,2026-03-01,202603,true\n"
)
QUOTED = '91330000700000052Y,"贷款 ""a"",\n\'b",-1,0,-0.10,0.000000,2026-03-01,202603,false\n'
EMPTY = "91330000700000052Y,,,,,,,,\n"
TYPES = [
    pa.string(),
    pa.string(),
    pa.int64(),
    pa.decimal128(38, 0),
    pa.decimal128(38, 2),
    pa.decimal256(76, 6),
    pa.date32(),
    pa.int32(),
    pa.bool_(),
]

Make = Callable[..., Result]


@pytest.fixture
def result(node: Node, home: Path, job: JobView) -> Make:
    """A result whose CSV comes in pieces of three bytes, which cut letters in two."""

    def make(
        text: str, columns: tuple[ResultColumn, ...] = COLUMNS, kind: JobKind = JobKind.PSI
    ) -> Result:
        content = text.encode()
        node.answers["Result"] = [content[at : at + 3] for at in range(0, len(content), 3)]
        view = ResultView(count=1, rows=1, columns=columns)
        contract = job.contract.model_copy(update={"kind": kind})
        ended = {"state": State.DONE, "result": view, "contract": contract}
        return Result(NodeClient(home / "admin.sock"), job.model_copy(update=ended))

    return make


def test_every_type_is_exact(result: Make) -> None:
    (row,) = result(HEAD + FULL).rows()
    assert list(row.items()) == [
        ("uscc", "91330000700000052Y"),
        ("name", "=SUM(A1)"),
        ("n", 9223372036854775807),
        ("vast", -9223372036854775808000),
        ("money", Decimal("123456789012345678901234567890123456.78")),
        ("mean", Decimal("1234567890123456789012345678901234567890123456.000001")),
        ("day", date(2026, 3, 1)),
        ("period", 202603),
        ("good", True),
    ]


@pytest.mark.parametrize("text", [HEAD + FULL + QUOTED + EMPTY, HEAD], ids=["full", "empty"])
def test_arrow_has_the_types_that_were_stated_whatever_came(result: Make, text: str) -> None:
    table = result(text).arrow()
    assert table.schema.types == TYPES
    rows = list(result(text).rows())
    assert table.to_pylist() == rows
    assert table.field("money").metadata == {b"type": b"decimal", b"unit": b"CNY"}
    assert table.field("uscc").metadata == {b"type": b"key", b"key": b"uscc"}


def test_a_name_says_in_which_form_a_result_is_written(result: Make, tmp_path: Path) -> None:
    found = list(result(HEAD + FULL + QUOTED + EMPTY).rows())
    for name in ("rows.parquet", "rows.json", "rows.csv"):
        result(HEAD + FULL + QUOTED + EMPTY).save(tmp_path / name)
        assert (tmp_path / f"{name}.json").exists()
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == found
    assert (tmp_path / "rows.csv").read_text("utf-8") == HEAD + FULL + QUOTED + EMPTY
    first, *_ = written = json.loads((tmp_path / "rows.json").read_text("utf-8"))
    assert len(written) == len(found)
    assert first == {
        **found[0],
        "n": "9223372036854775807",
        "vast": "-9223372036854775808000",
        "money": "123456789012345678901234567890123456.78",
        "mean": "1234567890123456789012345678901234567890123456.000001",
        "day": "2026-03-01",
    }
    result(HEAD).save(tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text("utf-8")) == []


def test_what_has_twelve_digits_is_a_float_in_a_table(result: Make) -> None:
    columns = (ResultColumn(name="spread", type=ColumnType.DECIMAL, significant=12), COLUMNS[2])
    text = "spread,n,remainder\n0.0000123456789012,12,false\n123456789012000,3,false\n,9,true\n"
    found = [row["spread"] for row in result(text, columns, JobKind.QUERY).rows()]
    assert found == [Decimal("0.0000123456789012"), Decimal(123456789012000), None]
    table = result(text, columns, JobKind.QUERY).arrow()
    assert table.schema.field("spread").type == pa.float64()
    assert table["spread"].to_pylist() == [1.23456789012e-05, 123456789012000.0, None]


def test_a_data_frame_keeps_decimals_and_missing_integers(result: Make) -> None:
    frame = result(HEAD + FULL + EMPTY).pandas()
    assert frame["money"][0] == Decimal("123456789012345678901234567890123456.78")
    assert frame["n"][0] == 9223372036854775807
    assert frame["n"].isna()[1]
    assert str(frame["n"].dtype) == "int64[pyarrow]"


def test_texts_come_back_as_they_were(result: Make) -> None:
    (row,) = result(HEAD + QUOTED).rows()
    assert (row["name"], row["money"]) == ('贷款 "a",\n\'b', Decimal("-0.10"))
    (empty,) = result(HEAD + EMPTY).rows()
    assert set(empty.values()) == {"91330000700000052Y", None}


def test_the_remainder_is_told_apart(result: Make) -> None:
    columns = (COLUMNS[1], COLUMNS[2])
    text = "name,n,remainder\nC17,12,false\n,30,true\n"
    found = result(text, columns, JobKind.QUERY)
    assert [row["remainder"] for row in found.rows()] == [False, True]
    (rest,) = [row for row in found.rows() if row["remainder"]]
    assert rest == {"name": None, "n": 30, "remainder": True}
    assert found.arrow().schema.field("remainder").type == pa.bool_()


SECRET = "91330000700000052Y"
BROKEN = {
    "another header": "a,b\n",
    "no header": "",
    "a cell too few": HEAD + f"{SECRET},x\n",
    "no number": HEAD + FULL.replace("9223372036854775807", SECRET),
    "no boolean": HEAD + FULL.replace("true", SECRET),
    "no date": HEAD + FULL.replace("2026-03-01", SECRET),
    "no UTF-8": HEAD + FULL.replace("=SUM", "\udcff"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_not_as_stated_is_an_error_that_quotes_nothing(
    result: Make, node: Node, text: str
) -> None:
    found = result("")
    node.answers["Result"] = [text.encode(errors="surrogateescape")]
    for read in (lambda: list(found.rows()), found.arrow):
        with pytest.raises(OurError) as caught:
            read()
        assert SECRET not in str(caught.value)


def test_an_error_of_the_node_in_the_middle_arrives_as_it_was(result: Make, node: Node) -> None:
    found = result("")
    node.answers["Result"] = [(HEAD + FULL).encode(), SnapshotChanged("gone", fix="import again")]
    for read in (lambda: list(found.rows()), found.arrow):
        with pytest.raises(SnapshotChanged, match="gone"):
            read()


def test_a_number_that_does_not_fit_its_type_is_not_rounded(result: Make) -> None:
    with pytest.raises(OurError):
        result("money\n0.125\n", (COLUMNS[4],)).arrow()
    with pytest.raises(OurError):
        result("n\n9223372036854775808\n", (COLUMNS[2],)).arrow()
    with pytest.raises(OurError):
        result("mean\n0.1234567\n", (COLUMNS[5],)).arrow()


def test_what_has_no_rows_says_so(result: Make, job: JobView, home: Path) -> None:
    counted = result("", (), JobKind.PSI_CARDINALITY)
    assert counted.count == 1
    assert "1" in repr(counted)
    with pytest.raises(BadRequest, match="no rows"):
        counted.arrow()
    with pytest.raises(VersionMismatch):
        result("", ()).arrow()
    with pytest.raises(UnknownJob):
        Result(NodeClient(home / "admin.sock"), job)


@pytest.mark.parametrize("missing", ["pyarrow", "pandas"])
def test_without_the_extra_the_error_names_it(
    result: Make, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delitem(sys.modules, "mihe.arrow", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    found = result(HEAD + FULL)
    with pytest.raises(MiheError) as caught:
        found.pandas()
    assert "mihe[notebook]" in caught.value.fix
    assert len(list(result(HEAD + FULL).rows())) == 1


def test_what_is_saved_has_its_note(result: Make, folder: Path) -> None:
    out = folder / "rows.csv"
    note = result(HEAD + FULL).save(str(out))
    assert out.read_text() == HEAD + FULL
    assert out.stat().st_mode & 0o777 == 0o600
    assert note == folder / "rows.csv.json"
    assert json.loads(note.read_bytes())["terms"]["purpose"] == "CREDIT_MICRO"
    with pytest.raises(MiheError):
        result(HEAD + FULL).save(out)


def test_a_value_has_one_text() -> None:
    values = [None, True, Decimal("1E-7"), Decimal("0.00"), 12, date(2026, 3, 1), "x"]
    assert [text_of(value) for value in values] == [
        *("", "true", "0.0000001", "0.00", "12", "2026-03-01", "x"),
    ]
