"""A query's noise: who draws what, the room it has, what is refused, what its columns say."""

# Statements are made up here, out of constants of this file.
# ruff: noqa: S608

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest

from contract.dataset import COMPUTED_NOISE
from contract.errors import BadMessage, BadQuery, UnprovenSum
from federated.aggregate.blinding import COUNT_MODULUS
from federated.aggregate.parameters import PLAIN, signed
from federated.query import drawing
from federated.query.agreed import largest_of
from federated.query.drawing import noised
from federated.query.noise import bounds_for, counter_of, deviations, draws
from federated.query.plan import QueryPlan
from federated.query.planning import compile_statement
from federated.query.release import Opening, Shut, opened
from federated.query.result import Cell, result_of
from federated.query.statement import Statement

Understood = Callable[[str], Statement]
Noisy = Callable[..., QueryPlan]

TAX = "(SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS t USING (uscc)"
FIRMS = "(SELECT code AS uscc, industry FROM registry.firms) AS r USING (uscc)"
THREE = (
    "SELECT r.industry, COUNT(*) AS n, SUM(b.balance) AS own, SUM(t.vat) AS vat,"
    " SUM(t.vat - b.balance) AS both, COUNT(b.limit_left) AS limits"
    f" FROM bank.loans AS b JOIN {TAX} JOIN {FIRMS} GROUP BY r.industry"
)
MONTHLY = (
    "SELECT COUNT(*) AS n, SUM(t.vat) AS vat FROM tax.returns AS t"
    " JOIN (SELECT uscc, period, SUM(kwh) AS kwh FROM grid.usage GROUP BY uscc, period) AS g"
    " USING (uscc, period)"
)
VARIANCE = f"SELECT COUNT(*) AS n, VAR_POP(b.balance) AS v FROM bank.loans AS b JOIN {TAX}"
LEFT = (
    "SELECT COUNT(*) AS n, SUM(b.balance) AS own, COUNT(t.vat) AS known, SUM(t.vat) AS vat"
    f" FROM bank.loans AS b LEFT JOIN {TAX}"
)


@pytest.fixture
def noisy(understood: Understood) -> Noisy:
    def plan(sql: str, epsilon: str = "0.5", receiver: str = "bank") -> QueryPlan:
        return compile_statement(
            understood(sql), receivers=[receiver], k=10, epsilon=Decimal(epsilon)
        )

    return plan


def bounds_of(plan: QueryPlan) -> dict[str, list[list[int]]]:
    return {part.org: bounds_for(plan, part.org) for part in plan.owners}


# ── who draws ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("receiver", "counter"), [("bank", "tax"), ("tax", "bank"), ("registry", "bank")]
)
def test_the_first_owner_that_is_not_told_draws_for_counts(
    receiver: str, counter: str, noisy: Noisy
) -> None:
    plan = noisy(THREE, receiver=receiver)
    assert counter_of(plan) == counter
    assert draws(plan, counter)
    assert not draws(plan, receiver)
    assert not draws(plan.model_copy(update={"noise": None}), counter)


@pytest.mark.parametrize("receiver", ["bank", "tax", "registry"])
def test_every_column_has_one_who_draws_and_never_the_receiver(receiver: str, noisy: Noisy) -> None:
    plan = noisy(THREE, receiver=receiver)
    found = bounds_of(plan)
    assert not any(found[receiver])
    for place, summand in enumerate(plan.summands):
        drawn = sorted(bound for each in found.values() for bound in each[place])
        terms = [largest_of(plan, term.owner)[term.column] for term in summand.terms]
        assert drawn == sorted(terms)
    # Whose columns are not the receiver's are drawn for by their owner.
    for org in {"bank", "tax"} - {receiver, counter_of(plan)}:
        assert any(found[org])


def test_epsilon_is_split_over_the_count_and_every_term(noisy: Noisy) -> None:
    plan = noisy(THREE)
    assert plan.noise is not None
    assert plan.noise.draws == 1 + sum(len(one.terms) for one in plan.summands)
    assert max(len(one.terms) for one in plan.summands) == 2


def test_a_subject_of_many_keys_has_noise_for_all_of_them(noisy: Noisy) -> None:
    plan = noisy(MONTHLY, receiver="tax")
    assert plan.noise is not None
    assert plan.noise.keys == plan.per_subject == 12
    assert plan.noise.scale(1) == 12 * plan.noise.draws / Fraction("0.5")


# ── room ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("epsilon", ["10", "0.5", "0.001"])
@pytest.mark.parametrize("sql", [THREE, VARIANCE])
def test_sums_with_their_noise_stay_below_2_to_the_58(sql: str, epsilon: str, noisy: Noisy) -> None:
    plan = noisy(sql, epsilon)
    assert plan.noise is not None
    for summand in plan.summands:
        largest = sum(largest_of(plan, term.owner)[term.column] for term in summand.terms)
        assert largest * plan.noise.spread <= min(summand.most, -summand.least)
        assert max(summand.most, -summand.least) < 1 << 58


def test_a_number_in_limbs_has_noise_on_each_of_them(noisy: Noisy) -> None:
    plan = noisy(VARIANCE)
    assert plan.noise is not None
    assert plan.noise.draws == 1 + plan.owners[0].sent
    assert len(plan.summands) > 2


def test_noise_that_no_sum_has_room_for_is_refused(understood: Understood) -> None:
    statement = understood(MONTHLY)
    with pytest.raises(UnprovenSum) as refused:
        compile_statement(statement, receivers=["tax"], k=10, epsilon=Decimal("0.000000001"))
    assert "larger epsilon" in refused.value.fix


@pytest.mark.parametrize("figure", ["MEDIAN(b.days)", "MIN(b.days)", "QUANTILE_CONT(b.days, 0.9)"])
def test_quantiles_have_none_and_are_refused(figure: str, noisy: Noisy) -> None:
    with pytest.raises(BadQuery) as refused:
        noisy(f"SELECT {figure} AS m, COUNT(*) AS n FROM bank.loans AS b JOIN {TAX}")
    assert "GROUP BY" in refused.value.fix.upper()


def test_a_left_join_has_noise_on_what_is_the_other_ones(noisy: Noisy) -> None:
    plan = noisy(LEFT.replace("SUM(b.balance)", "MEDIAN(b.days)"))
    assert [noise is None for noise in deviations(plan) or ()] == [True, True, False, False]


# ── what opens ──────────────────────────────────────────────────────────────────────────────────


def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "draw", lambda noise, bound, number: [-3 * bound] * number)


@pytest.mark.parametrize("receiver", ["bank", "tax"])
def test_a_row_opens_to_what_it_is_plus_what_was_drawn(
    receiver: str, noisy: Noisy, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(monkeypatch)
    plan = noisy(THREE, receiver=receiver)
    exact = tuple(100 + place for place in range(len(plan.summands)))
    number, blind = 40, 7
    openings = [
        noised(plan, part.org, [Opening(blind, (blind,) * len(exact), ())]) for part in plan.owners
    ]
    shut = Shut(
        (number + 3 * blind) % COUNT_MODULUS, tuple((one + 3 * blind) % PLAIN for one in exact)
    )
    (cell,) = opened(plan, [(0, 0, 0)], [shut], openings)
    assert cell.count == number - 3
    largest = [
        sum(largest_of(plan, term.owner)[term.column] for term in summand.terms)
        for summand in plan.summands
    ]
    assert cell.sums == tuple(value - 3 * most for value, most in zip(exact, largest, strict=True))


def test_a_count_below_one_is_one_and_a_spread_beyond_the_room_is_no_result(
    noisy: Noisy,
) -> None:
    plan = noisy(THREE)
    assert plan.noise is not None
    none = (0,) * len(plan.summands)
    opening = [[Opening(0, none, ())] for _ in plan.owners]

    def count(value: int) -> int:
        (cell,) = opened(plan, [(0, 0, 0)], [Shut(value % COUNT_MODULUS, none)], opening)
        return cell.count

    assert [count(one) for one in (-5, 0, 1, 2)] == [1, 1, 1, 2]
    assert count(plan.rows + plan.noise.spread) == plan.rows + plan.noise.spread
    for beyond in (plan.rows + plan.noise.spread + 1, -plan.rows - plan.noise.spread - 1):
        with pytest.raises(BadMessage):
            count(beyond)


def test_means_and_variances_are_those_of_the_noisy_numbers(noisy: Noisy) -> None:
    plan = noisy(VARIANCE)
    totals = [0] * len(plan.summands)
    totals[0] = 5000
    (row,) = result_of(plan, [Cell(((), ()), 1, tuple(totals))], (), deviations(plan)).rows
    assert row.values == (1, Decimal(0))  # of noise alone a variance could be below 0
    mean = noisy(f"SELECT AVG(b.limit_left) AS a FROM bank.loans AS b JOIN {TAX}")
    ((value,),) = (
        one.values
        for one in result_of(mean, [Cell(((), ()), 1, (250, 1))], (), deviations(mean)).rows
    )
    assert value == Decimal("2.5")


def test_a_result_says_how_much_noise_its_columns_have(noisy: Noisy) -> None:
    plan = noisy(
        f"SELECT b.class, COUNT(*) AS n, SUM(b.balance) AS s, AVG(b.balance) AS a"
        f" FROM bank.loans AS b JOIN {TAX} GROUP BY b.class"
    )
    assert plan.noise is not None
    assert plan.noise.draws == 2
    # √2 × 2 / 0.5 of a count; of a sum in yuan a million times as much.
    found = [column.noise for column in result_of(plan, [], (), deviations(plan)).columns]
    assert found == [None, "5.66", "5660000", COMPUTED_NOISE]


def test_numbers_are_taken_mod_t(noisy: Noisy, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(monkeypatch)
    plan = noisy(THREE)
    (opening,) = noised(plan, "tax", [Opening(0, (0,) * len(plan.summands), ())])
    assert 0 <= min(opening.blindings) <= max(opening.blindings) < PLAIN
    assert signed(opening.blindings[0]) > 0
    assert opening.count_blinding == 3
