"""What DuckDB hands out by the C stream interface is what was asked for."""

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.arrow import texts
from tests.unit.node.columns import listed


@pytest.fixture
def connection() -> Iterator[DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        yield connection


Cells = st.lists(st.tuples(*[st.none() | st.text(st.characters(codec="utf-8"), max_size=9)] * 2))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(Cells)
def test_texts_and_nulls_come_as_they_are(
    connection: DuckDBPyConnection, cells: list[tuple[str | None, str | None]]
) -> None:
    connection.execute("CREATE OR REPLACE TABLE given (one VARCHAR, other VARCHAR)")
    if cells:
        connection.executemany("INSERT INTO given VALUES (?, ?)", cells)
    found: list[list[str | None]] = [[], []]
    for batch in texts(connection.sql("FROM given")):
        for column, into in zip(batch, found, strict=True):
            into += listed(column)
    assert list(zip(*found, strict=True)) == cells


def test_many_rows_come_in_order_and_not_at_once(connection: DuckDBPyConnection) -> None:
    query = "SELECT CASE WHEN i % 3 > 0 THEN CAST(i AS VARCHAR) END FROM range(500000) AS r(i)"
    batches = [column for (column,) in texts(connection.sql(query))]
    assert len(batches) > 1
    assert [text for batch in batches for text in listed(batch)] == [
        str(i) if i % 3 else None for i in range(500_000)
    ]


def test_a_cell_of_ten_million_bytes_comes_whole(connection: DuckDBPyConnection) -> None:
    ((column,),) = texts(connection.sql("SELECT repeat('x', 10_000_000)"))
    assert column.texts.joined == b"x" * 10_000_000


def test_an_error_on_the_way_is_duckdb_s(connection: DuckDBPyConnection) -> None:
    query = "SELECT CAST(CAST(CASE WHEN i = 400000 THEN 'x' ELSE '1' END AS INT) AS VARCHAR)"
    with pytest.raises(duckdb.Error, match="Conversion Error"):
        list(texts(connection.sql(f"{query} FROM range(500000) AS r(i)")))
    assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_memory_used_up_is_told_apart(connection: DuckDBPyConnection) -> None:
    connection.execute("SET memory_limit = '30MB'; SET temp_directory = ''")
    query = "SELECT DISTINCT CAST(hash(i) AS VARCHAR) FROM range(5000000) AS r(i)"
    with pytest.raises(duckdb.OutOfMemoryException):
        list(texts(connection.sql(query)))


def test_other_columns_than_texts_are_a_defect(connection: DuckDBPyConnection) -> None:
    with pytest.raises(AssertionError):
        list(texts(connection.sql("SELECT 1")))


def test_whoever_stops_early_leaves_the_connection_usable(connection: DuckDBPyConnection) -> None:
    next(texts(connection.sql("SELECT CAST(i AS VARCHAR) FROM range(1000000) AS r(i)")))
    assert connection.execute("SELECT 1").fetchall() == [(1,)]
