"""Random queries with noise: there is room for it, and where none is drawn the answer is exact.

Another ε makes other limbs of the same numbers: what is put together of them must be the same.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from random import Random

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from contract.errors import BadQuery, UnprovenSum
from federated.query.agreed import largest_of
from federated.query.figures import Quantile
from federated.query.noise import counter_of, deviations, drawer_of
from federated.query.planning import compile_statement
from federated.query.result import result_of
from federated.query.statement import parse
from tests.property.joined_in_clear import local_rows, released
from tests.property.query_worlds import World, written
from tests.property.random_joins import QUERIES

EPSILONS = st.sampled_from([Decimal(text) for text in ("10", "1", "0.3", "0.001")])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("world"), Random(seed)))


@settings(max_examples=10)
@given(sql=QUERIES, seed=st.integers(0, 2), k=st.integers(1, 4), epsilon=EPSILONS)
def test_without_a_draw_the_answer_is_the_exact_one(
    world: Callable[[int], World], sql: str, seed: int, k: int, epsilon: Decimal
) -> None:
    here = world(seed)
    statement = parse(sql, here.entries)
    exact = compile_statement(statement, receivers=["bank"], k=k)
    banded = any(isinstance(one, Quantile) for one in statement.answer.figures)
    try:
        noisy = compile_statement(statement, receivers=["bank"], k=k, epsilon=epsilon)
    except BadQuery:
        assert banded
        reject()
    except UnprovenSum:
        assert epsilon < 1  # many keys of a subject, many numbers: no room
        return
    assert noisy.noise is not None
    assert noisy.noise.draws == 1 + sum(len(one.terms) for one in noisy.summands)
    for summand in noisy.summands:
        largest = sum(largest_of(noisy, term.owner)[term.column] for term in summand.terms)
        room = largest * noisy.noise.spread
        assert -(1 << 58) < summand.least <= -room <= room <= summand.most < 1 << 58
        assert "bank" not in {drawer_of(noisy, term.owner) for term in summand.terms}
    assert counter_of(noisy) != "bank"

    cells = [released(plan, local_rows(plan, here), public=False)[0] for plan in (exact, noisy)]
    found = result_of(noisy, cells[1], (), deviations(noisy))
    assert [row.values for row in found.rows] == [
        row.values for row in result_of(exact, cells[0]).rows
    ]
