"""Plain CSV files are read as DuckDB reads them, or not at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.errors import UnreadableSource
from contract.sources import Encoding
from node.sources import plain
from node.sources.files import CsvFile
from node.sources.part import Found
from node.sources.plain import NotPlainError
from tests.unit.node.columns import listed

Rows = list[tuple[str | None, ...]]

Ways = Callable[[str], tuple[Rows | None, Rows | None]]


def quickly(part: CsvFile, wanted: Sequence[Found]) -> Rows | None:
    try:
        batches = list(part.texts(wanted))
    except NotPlainError:
        return None
    return [row for batch in batches for row in zip(*map(listed, batch), strict=True)]


def wholly(connection: DuckDBPyConnection, part: CsvFile, wanted: Sequence[Found]) -> Rows | None:
    rows = part.rows(connection, wanted)
    try:
        return connection.sql(f"FROM {rows}").fetchall()
    except duckdb.Error:
        return None


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """What the plain reader and DuckDB's make of a file; None where they refuse."""
    folder = tmp_path_factory.mktemp("plain")
    file = folder / "some.csv"
    part = CsvFile("it", file, Encoding.UTF_8, folder)
    # One for all: to open a connection takes longer than to read.
    with closing(duckdb.connect()) as connection:

        def ways(content: str) -> tuple[Rows | None, Rows | None]:
            file.write_bytes(content.encode("utf-8", "surrogateescape"))
            try:
                wanted = part.columns(connection)
            except UnreadableSource:
                return None, None
            return quickly(part, wanted), wholly(connection, part, wanted)

        yield ways


cell = st.text(st.sampled_from("a1é #;'\\\t|-NUL\u2028\ufeff"), max_size=3)
odd = st.sampled_from(['"', '""', '"a"', "\r", "\n", "\r\n", ",", "\0", "\udcff"])


@st.composite
def contents(draw: st.DrawFn) -> str:
    """A plain table, and often something in it that is not plain."""
    width = draw(st.integers(1, 3))
    line = st.lists(cell, min_size=width, max_size=width).map(",".join)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    whole = end.join(draw(st.lists(line, min_size=1, max_size=5)))
    whole = draw(st.sampled_from(["", "\ufeff"])) + whole + draw(st.sampled_from(["", end]))
    for oddity in draw(st.lists(odd, max_size=2)):
        place = draw(st.integers(0, len(whole)))
        whole = whole[:place] + oddity + whole[place:]
    return whole


@settings(max_examples=200)
@given(contents())
@example("a,b\n\n1,2\n")
@example("a\n\n1\n")
@example("a\n1\n\n")
@example("a,b\r\n1,2\n")
@example("a,b\n1,2\r\n")
@example("a,b\n1,2,\n")
@example("a,b\n 1 , 2 \n")
@example("a,b")
def test_a_file_is_read_as_duckdb_reads_it_or_not_at_all(both_ways: Ways, content: str) -> None:
    quick, whole = both_ways(content)
    assert quick is None or quick == whole


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["bare", "BOM"])
@pytest.mark.parametrize("last", [True, False])
def test_what_exports_look_like_is_plain(both_ways: Ways, end: str, mark: str, last: bool) -> None:
    rows = [("a", "贷款", "1.50"), ("b", None, " x "), (None, None, None)]
    lines = ["k,名,v", *(",".join(cell or "" for cell in row) for row in rows)]
    quick, whole = both_ways(mark + end.join(lines) + end * last)
    assert quick == whole == rows


@pytest.mark.parametrize("chunk", [16, 17, 18, 40, 41])
def test_lines_are_cut_at_any_place_of_the_file(
    both_ways: Ways, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(plain, "_CHUNK", chunk)
    rows = [(str(i) * (i % 4 + 1), "贷") for i in range(50)]
    for last in ("", "\n"):
        quick, whole = both_ways("k,v\n" + "\n".join(map(",".join, rows)) + last)
        assert quick == whole == rows


def test_a_field_may_be_wanted_twice_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("a,b,c\n1,2,3\n")
    part = CsvFile("it", file, Encoding.UTF_8, tmp_path)
    a, _, c = (Found(name, "VARCHAR", f"c{i}") for i, name in enumerate("abc"))
    assert quickly(part, [c, a, c]) == [("3", "1", "3")]


def test_a_line_without_end_is_not_held(both_ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_CHUNK", 16)
    quick, whole = both_ways("k,v\n" + "x" * 100 + ",1\n")
    assert (quick, whole) == (None, [("x" * 100, "1")])
