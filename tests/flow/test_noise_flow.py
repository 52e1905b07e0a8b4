"""Queries with noise, by all parties with all of the cryptography: the exact answer, plus draws."""

# Statements are made up here, out of constants of this file.
# ruff: noqa: S608

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from contract.suites import Matching
from federated.noise.parameters import Noise
from federated.noise.secret import draw
from federated.query import drawing
from federated.query.agreed import plan_of
from federated.query.noise import bounds_for, counter_of
from federated.query.plan import QueryPlan
from federated.query.result import Row
from federated.query.table import CountFigure, SumFigure
from tests.flow.federation_in_process import Played, contract_of, play
from tests.property.joined_in_clear import local_rows
from tests.property.query_worlds import World, written

K = 4
TAX = "(SELECT uscc, SUM(late) AS late FROM tax.returns GROUP BY uscc) AS t USING (uscc)"
POWER = "(SELECT uscc, COUNT(*) AS n FROM power.meters GROUP BY uscc) AS p USING (uscc)"
SQL = (
    "SELECT b.class, COUNT(*) AS firms, SUM(b.days) AS days, SUM(b.huge) AS huge,"
    " COUNT(t.late) AS known, SUM(p.n) AS months, SUM(b.days - p.n) AS left"
    f" FROM bank.loans AS b JOIN {TAX} JOIN {POWER} GROUP BY b.class"
)
EPSILON = Decimal("0.8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return written(tmp_path_factory.mktemp("world"), Random(5))


class Draw(NamedTuple):
    bound: int
    values: list[int]


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[Draw]:
    """Every draw, in the order in which owners make them; the product's own."""
    made: list[Draw] = []

    def noted(noise: Noise, bound: int, number: int) -> list[int]:
        made.append(Draw(bound, draw(noise, bound, number)))
        return made[-1].values

    monkeypatch.setattr(drawing, "draw", noted)
    return made


def played(world: World, folder: Path, epsilon: Decimal | None, receiver: int = 0) -> Played:
    contract = contract_of(
        SQL, world.entries, k=K, receiver=receiver, matching=Matching.KEYED, epsilon=epsilon
    )
    plan = plan_of(contract)
    parts = local_rows(plan, world)
    rows = {part.org: own for part, own in zip(plan.owners, parts, strict=True)}
    return play(contract, rows, folder)


Rows = dict[object, list[Fraction]]
"""By label, whether it is the remainder or not."""


def by_label(rows: tuple[Row, ...]) -> Rows:
    return {
        (row.values[0], row.remainder): [Fraction(str(value)) for value in row.values[1:]]
        for row in rows
    }


def drawn_for(plan: QueryPlan, draws: list[Draw], rows: int) -> tuple[list[int], int]:
    """Of each sum, and of counts, what was drawn for all rows together, by whom it must be."""
    remaining, of_sums, of_counts = iter(draws), [0] * len(plan.summands), 0
    for part in plan.owners:
        for place, bounds in enumerate(bounds_for(plan, part.org)):
            found = [next(remaining) for _ in bounds]
            assert [(one.bound, len(one.values)) for one in found] == [(b, rows) for b in bounds]
            of_sums[place] += sum(sum(one.values) for one in found)
        if part.org == counter_of(plan):
            of_counts += sum(next(remaining).values)
    assert next(remaining, None) is None
    return of_sums, of_counts


def check(plan: QueryPlan, draws: list[Draw], before: Rows, after: Rows) -> None:
    """That what is shown is the exact answer and these draws, and no more."""
    of_sums, of_counts = drawn_for(plan, draws, len(before))
    limbs = []
    for place, figure in enumerate(plan.table.figures[1:]):
        moved = sum(after[key][place] - before[key][place] for key in before)
        match figure:
            case SumFigure():
                parts = enumerate(figure.summands)
                total = sum(of_sums[one] << figure.limb_bits * at for at, one in parts)
                assert moved == Fraction(total, 10**figure.scale)
                limbs.append(len(figure.summands))
            case CountFigure(present=present):
                total = of_counts if present is None else of_sums[present]
                shown = [after[key][place] for key in before]
                assert min(shown) >= 1
                assert moved == total if min(shown) > 1 else moved >= total
    assert max(limbs) > 1


def test_every_number_is_the_exact_one_plus_what_other_owners_drew(
    world: World, tmp_path: Path, draws: list[Draw]
) -> None:
    exact = played(world, tmp_path / "exact", None)
    assert draws == []
    assert all(column.noise is None for column in exact.result.columns)
    found: list[Rows] = [by_label(exact.result.rows)]
    assert len(found[0]) > 2
    for receiver in (0, 1):
        draws.clear()
        noisy = played(world, tmp_path / str(receiver), EPSILON, receiver)
        found.append(by_label(noisy.result.rows))
        assert found[0].keys() == found[-1].keys()
        check(noisy.plan, draws, found[0], found[-1])
    # Of bounds as wide as these equal draws are beyond all chance: no two runs tell the same.
    huge = 2
    assert all(len({each[key][huge] for each in found}) == len(found) for key in found[0])
