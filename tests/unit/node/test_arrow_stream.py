"""What DuckDB reads of a stream of ours is what was put into it."""

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node import arrow_stream
from node.arrow import Texts
from node.arrow_stream import TextStream
from tests.unit.node.columns import column


@pytest.fixture
def connection() -> Iterator[DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        yield connection


def read(connection: DuckDBPyConnection, stream: TextStream) -> list[tuple[str | None, ...]]:
    connection.register("given", stream)
    try:
        return connection.execute("FROM given").fetchall()
    finally:
        connection.unregister("given")


Cells = st.lists(st.tuples(*[st.none() | st.text(st.characters(codec="utf-8"), max_size=20)] * 2))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(Cells.filter(len), max_size=3))
def test_texts_and_nulls_come_as_they_are(
    connection: DuckDBPyConnection, batches: list[list[tuple[str | None, str | None]]]
) -> None:
    columns = ([column([*cells]) for cells in zip(*batch, strict=True)] for batch in batches)
    found = read(connection, TextStream(["one", "other"], columns))
    assert found == [row for batch in batches for row in batch]


def test_many_batches_stay_in_order_and_nothing_is_kept(connection: DuckDBPyConnection) -> None:
    batches = ([column([str(100_000 * i + j) for j in range(100_000)])] for i in range(8))
    connection.register("given", TextStream(["i"], batches))
    connection.execute("CREATE TABLE taken AS SELECT CAST(i AS INTEGER) AS i FROM given")
    connection.unregister("given")
    ((misplaced,),) = connection.execute("SELECT count(*) FROM taken WHERE i <> rowid").fetchall()
    assert misplaced == 0
    assert connection.execute("SELECT count(*) FROM taken").fetchall() == [(800_000,)]
    assert not arrow_stream._kept  # what nobody else could see


def test_what_the_batches_raise_is_known_and_nothing_was_read(
    connection: DuckDBPyConnection,
) -> None:
    def batches() -> Iterator[list[Texts]]:
        yield [column(["x"] * 300_000)]
        raise KeyboardInterrupt

    connection.execute("CREATE TABLE taken (i VARCHAR)")
    stream = TextStream(["i"], batches())
    connection.register("given", stream)
    with pytest.raises(duckdb.Error):
        connection.execute("INSERT INTO taken FROM given")
    connection.unregister("given")
    assert isinstance(stream.error, KeyboardInterrupt)
    connection.execute("INSERT INTO taken VALUES ('y')")
    assert connection.execute("SELECT rowid, i FROM taken").fetchall() == [(0, "y")]
