"""Random queries over random worlds: plan, owners' parts, joined in clear, equal the SQL oracle.

Keys are matched in clear, in dictionaries; everything else is what runs: statement and plan, the
owners' SQL on snapshots, codes, the rules of the release, the arithmetic of the result.

The long form: make queries QUERIES=5000
"""

from collections.abc import Callable
from functools import cache
from os import environ
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.job import keys_for
from federated.query.outer import MARK
from federated.query.planning import compile_statement
from federated.query.result import result_of
from federated.query.statement import parse
from node.local import run_left
from tests.property.equality import alike, require_equal
from tests.property.joined_in_clear import local_rows, released
from tests.property.query_worlds import DATASETS, World, written
from tests.property.random_joins import LEFT_JOINS, QUERIES
from tests.property.random_queries import BAND, SPREADS


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("world"), Random(seed)))


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "120")))
@given(
    sql=QUERIES,
    seed=st.integers(0, 5),
    k=st.integers(1, 4),
    public=st.booleans(),
)
def test_every_cell_equals_the_clear_answer(
    world: Callable[[int], World], sql: str, seed: int, k: int, public: bool
) -> None:
    here = world(seed)
    statement = parse(sql, here.entries)
    plan = compile_statement(statement, receivers=["bank"], k=k)
    again = compile_statement(parse(statement.sql, here.entries), receivers=["bank"], k=k)
    assert again.digest == plan.digest

    parts = local_rows(plan, here)
    cells, folded, dropped = released(plan, parts, public)
    result = result_of(plan, cells)
    # What one company may have many keys of is shown from so many keys on.
    assert plan.k == keys_for(k, plan.per_subject)
    least = keys_for(2, plan.per_subject)
    clear = here.clear.answer(sql, k=plan.k, min_join=least, public=DATASETS if public else ())

    assert (folded, dropped) == (clear.folded, clear.dropped)
    require_equal(sql, result, clear)
    ours = [row.values for row in result.rows if not row.remainder]
    doubtful = "HAVING" in sql or any(one in sql for one in SPREADS) or BAND.search(sql)
    if ours and folded == dropped == 0 and not doubtful and " ORDER BY " in sql:
        # Where nothing is held back, the table is the one that DuckDB prints.
        theirs = here.clear.as_duckdb_says(sql)
        assert len(ours) == len(theirs)
        for row, other in zip(ours, theirs, strict=True):
            assert all(map(alike, row, other)), (row, other)


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "80")))
@given(asked=LEFT_JOINS, seed=st.integers(0, 5), k=st.integers(1, 4))
def test_a_left_join_is_what_duckdb_says_where_it_is_told(
    world: Callable[[int], World], asked: tuple[str, list[str]], seed: int, k: int
) -> None:
    """Which groups are told follows from the inner join; what a row says is DuckDB's own answer."""
    here, (sql, others) = world(seed), asked
    plain = parse(sql, here.entries)
    plan = compile_statement(plain, receivers=[plain.sources[0].org], k=k)
    parts = local_rows(plan, here)
    cells, folded, _ = released(plan, parts, public=False)
    own = plan.owners[0]
    files = [here.parquet[f"{own.org}.{name}"] for name in own.names]
    result = result_of(plan, cells, run_left(plan, files))

    least = keys_for(2, plan.per_subject)
    inner = here.clear.answer(sql.replace(" LEFT JOIN ", " JOIN "), k=plan.k, min_join=least)
    groups = len(own.groups)
    opened = {row[:groups] for row in inner.rows}
    names = [column.name for column in result.columns]
    assert names == [*(output.name for output in plan.table.outputs), MARK]
    theirs = {row[:groups]: row for row in here.clear.as_duckdb_says(sql)}
    assert len(theirs) == len([row for row in result.rows if not row.remainder])
    for row in result.rows:
        values = dict(zip(names, row.values, strict=True))
        if row.remainder:
            assert inner.remainder is not None
            assert folded > 0
            assert values[MARK] is None
            told = dict(zip(names, inner.remainder, strict=False))
            assert [values[name] for name in others] == [told[name] for name in others]
            continue
        labels = row.values[:groups]
        right = dict(zip(names, theirs.pop(labels), strict=False))
        untold = [] if labels in opened else others
        assert values[MARK] == (" ".join(untold) or None)
        for name in names[:-1]:
            if name in untold:
                assert values[name] is None
            else:
                assert alike(values[name], right[name]), (name, values, right)
    assert result.withheld == sum(row.values[-1] is not None for row in result.rows)
