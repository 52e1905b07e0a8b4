"""Random sums over UNION ALL: plan, members' own totals, added up in clear, equal the SQL oracle.

Masks are left out; everything else is what runs: statement and plan, members' SQL on snapshots, the
tally, the arithmetic of the result. The first bank is the receiver, whose subjects do not count.

The long form: make queries QUERIES=5000
"""

from collections.abc import Callable
from functools import cache
from os import environ
from random import Random

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from contract.errors import BadQuery
from federated.query.union import parse
from federated.query.union_plan import compile_union
from scenarios import union_oracle
from tests.property.added_in_clear import added
from tests.property.equality import alike, require_equal
from tests.property.random_queries import BAND, SPREADS
from tests.property.random_unions import unions
from tests.property.union_worlds import World, written


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("union"), Random(seed)))


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "25")))
@given(asked=unions(), seed=st.integers(0, 3), k=st.integers(1, 3))
def test_every_cell_equals_the_clear_answer(
    world: Callable[[int], World], asked: tuple[str, tuple[str, ...]], seed: int, k: int
) -> None:
    (sql, banks), here = asked, world(seed)
    try:
        union = parse(sql, here.entries)
    except BadQuery as refused:
        if "combinations of values" not in refused.what:
            raise
        reject()  # what was drawn to group by has too many of them together
    plan = compile_union(union, receivers=banks[:1], k=k)
    again = compile_union(parse(plan.sql, here.entries), receivers=banks[:1], k=k)
    assert again.digest == plan.digest

    snapshots = {bank: here.parquet[bank] for bank in banks}
    result, folded = added(plan, snapshots, min_join=2, receiver=banks[0])
    clear = union_oracle.answer(here.clear, sql, k=k, receiver=banks[0], min_join=2)
    assert folded == clear.folded
    require_equal(sql, result, clear)
    ours = [row.values for row in result.rows if not row.remainder]
    doubtful = "HAVING" in sql or any(one in sql for one in SPREADS) or BAND.search(sql)
    if ours and not clear.remainder and not doubtful and " ORDER BY " in sql:
        # Where nothing is held back, the table is the one that DuckDB prints.
        theirs = here.clear.as_duckdb_says(sql)
        assert len(ours) == len(theirs)
        for row, other in zip(ours, theirs, strict=True):
            assert all(map(alike, row, other)), (row, other)
