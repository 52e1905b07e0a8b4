"""Random queries over random worlds, with all of the cryptography, equal the clear answer."""

# Queries are made up here, out of the parts below.
# ruff: noqa: S608

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.job import keys_for
from contract.suites import JOIN_AGGREGATIONS, Aggregation, Matching
from federated.query import sizes
from federated.query.agreed import plan_of
from federated.query.result import Result
from scenarios.sql_oracle import Answer
from tests.flow.federation_in_process import contract_of, play
from tests.property.equality import require_equal
from tests.property.joined_in_clear import local_rows, released
from tests.property.query_worlds import World, written
from tests.property.random_joins import queries_by_several_columns, queries_over_joined_datasets
from tests.property.random_queries import queries

TAX = (
    "(SELECT uscc, SUM(vat) AS vat, COUNT(*) AS n, MAX(grade) AS grade FROM tax.returns"
    " GROUP BY uscc) AS t USING (uscc)"
)
POWER = (
    "(SELECT uscc, SUM(kwh) AS kwh, MIN(free) AS free FROM power.meters GROUP BY uscc) AS p"
    " USING (uscc)"
)
MONTHLY = "USING (period, uscc)"
FLOWS = (
    "(SELECT code AS uscc, month AS period, SUM(amount) AS amount FROM customs.flows"
    " GROUP BY code, month) AS c"
)
FIRMS = "(SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r USING (uscc)"


def asked(
    sql: str,
    here: World,
    k: int,
    min_join: int = 1,
    receiver: int = 0,
    matching: Matching = Matching.BLIND,
    aggregation: Aggregation = Aggregation.ENCRYPTED,
) -> tuple[Result, Answer]:
    """The result of a whole run, and the clear answer."""
    contract = contract_of(
        sql,
        here.entries,
        k=k,
        min_join=min_join,
        receiver=receiver,
        matching=matching,
        aggregation=aggregation,
    )
    plan = plan_of(contract)
    parts = local_rows(plan, here)
    # Gives up an example in which two cells tie for the place in the remainder.
    released(plan, parts, public=False)
    rows = {part.org: own for part, own in zip(plan.owners, parts, strict=True)}
    with TemporaryDirectory() as folder:
        played = play(contract, rows, Path(folder) / "run")
    clear = here.clear.answer(sql, k=plan.k, min_join=keys_for(min_join, plan.per_subject))
    assert played.folded == clear.folded
    return played.result, clear


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("world"), Random(seed)))


@settings(max_examples=16)
@given(
    st.one_of(queries(), queries(), queries_by_several_columns(), queries_over_joined_datasets()),
    st.integers(0, 5),
    st.integers(2, 6),
    st.sampled_from([1, 20]),
    st.integers(0, 1),
    st.sampled_from(Matching),
    st.sampled_from(JOIN_AGGREGATIONS),
)
def test_every_cell_equals_the_clear_answer(
    world: Callable[[int], World],
    sql: str,
    seed: int,
    k: int,
    min_join: int,
    receiver: int,
    matching: Matching,
    aggregation: Aggregation,
) -> None:
    result, clear = asked(sql, world(seed), k, min_join, receiver, matching, aggregation)
    require_equal(sql, result, clear)


@pytest.mark.parametrize(
    ("sql", "k"),
    [
        (
            f"SELECT COUNT(*) AS n, SUM(t.vat - b.days * 0.5) AS x FROM bank.loans AS b JOIN {TAX}",
            2,
        ),
        (
            "SELECT b.open, COUNT(*) AS n, SUM(b.balance) AS x, AVG(b.balance) AS y, SUM(t.n) AS z"
            f" FROM bank.loans AS b JOIN {TAX} GROUP BY b.open",
            3,
        ),
        (
            "SELECT r.industry, t.grade, COUNT(*) AS n, SUM(b.huge) AS x FROM bank.loans AS b"
            f" JOIN {TAX} JOIN {FIRMS} WHERE b.days < 380 GROUP BY r.industry, t.grade",
            2,
        ),
        (
            "SELECT r.listed, COUNT(p.free) AS n, SUM(p.kwh) AS x, AVG(r.capital) AS y"
            f" FROM bank.loans AS b JOIN {TAX} JOIN {POWER} JOIN {FIRMS} GROUP BY r.listed",
            4,
        ),
        (
            "SELECT t.period, COUNT(*) AS n, SUM(t.vat) AS x, AVG(p.kwh) AS y, SUM(c.amount) AS z"
            f" FROM tax.returns AS t JOIN power.meters AS p {MONTHLY} JOIN {FLOWS} {MONTHLY}"
            " GROUP BY t.period",
            2,
        ),
        (
            "SELECT b.class, ROUND(100.0 * SUM(b.balance) / SUM(b.days), 1) AS x,"
            f" SUM(t.vat) / COUNT(*) - AVG(b.days) AS y FROM bank.loans AS b JOIN {TAX}"
            " GROUP BY b.class HAVING COUNT(*) > 5 ORDER BY y DESC, b.class LIMIT 2",
            2,
        ),
    ],
    ids=[
        "two owners, no groups",
        "NULLs",
        "three owners, two dimensions",
        "four owners",
        "keys of two columns",
        "ratios",
    ],
)
@pytest.mark.parametrize("aggregation", JOIN_AGGREGATIONS)
def test_the_questions_that_are_asked_have_answers(
    world: Callable[[int], World], sql: str, k: int, aggregation: Aggregation
) -> None:
    """What the random ones may miss: rows that are shown, with their decimals and their NULLs."""
    result, clear = asked(sql, world(5), k, aggregation=aggregation)
    require_equal(sql, result, clear)
    assert [row for row in result.rows if not row.remainder]
    assert any(type(value) is Decimal for row in result.rows for value in row.values)


@pytest.mark.parametrize("room", [1, 1 << 14], ids=["a column each", "some"])
@pytest.mark.parametrize("matching", Matching)
def test_a_share_of_several_messages_has_the_same_answer(
    world: Callable[[int], World], monkeypatch: pytest.MonkeyPatch, room: int, matching: Matching
) -> None:
    monkeypatch.setattr(sizes, "CUT_BYTES", room)
    sql = (
        "SELECT b.open, COUNT(*) AS n, SUM(b.balance) AS x, AVG(b.days) AS y, SUM(b.huge) AS z,"
        f" VAR_POP(b.days) AS v, SUM(t.n) AS t FROM bank.loans AS b JOIN {TAX} GROUP BY b.open"
    )
    here, shared = world(5), Aggregation.SHARED
    plan = plan_of(contract_of(sql, here.entries, k=3, matching=matching, aggregation=shared))
    messages, sent = len(sizes.cut(plan, 0)), plan.owners[0].sent
    assert messages == 1 + sent if room == 1 else 1 < messages < sent
    result, clear = asked(sql, here, 3, matching=matching, aggregation=shared)
    require_equal(sql, result, clear)
    assert result.rows


def test_a_join_below_its_minimum_opens_nothing(world: Callable[[int], World]) -> None:
    sql = f"SELECT COUNT(*) AS n FROM bank.loans AS b JOIN {TAX}"
    open_, _ = asked(sql, world(5), 2)
    result, clear = asked(sql, world(5), 2, min_join=10**6)
    require_equal(sql, result, clear)
    assert open_.rows
    assert not result.rows


def test_what_is_folded_is_one_row_that_adds_up(world: Callable[[int], World]) -> None:
    sql = f"SELECT b.class, COUNT(*) AS n FROM bank.loans AS b JOIN {TAX} GROUP BY b.class"
    whole, _ = asked(f"SELECT COUNT(*) AS n FROM bank.loans AS b JOIN {TAX}", world(5), 2)
    result, clear = asked(sql, world(5), 12)
    require_equal(sql, result, clear)
    assert [row.remainder for row in result.rows].count(True) == 1
    assert sum(int(str(row.values[1])) for row in result.rows) == whole.rows[0].values[0]
