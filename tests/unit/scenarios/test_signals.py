"""Planted signals are in the files that the organisations hold, as the truth says."""

from collections import Counter, defaultdict
from decimal import Decimal
from math import log
from statistics import median

import pytest

from scenarios.world import World

Totals = dict[str, Decimal]


@pytest.fixture(scope="module")
def industry(std: World) -> dict[str, str]:
    return {row["uscc"]: row["industry"] for row in std.rows("registry.enterprises")}


@pytest.fixture(scope="module")
def sales(std: World) -> Totals:
    return yearly(std, "tax.returns", "vat_sales_declared")


@pytest.fixture(scope="module")
def energy(std: World) -> Totals:
    return yearly(std, "power.meters", "kwh_total")


def yearly(world: World, reference: str, column: str) -> Totals:
    """Sum of the last twelve months, without the few rows whose key is dirty."""
    totals = defaultdict[str, Decimal](Decimal)
    for row in world.rows(reference):
        if row["period"] >= "202510":
            totals[row["uscc"]] += Decimal(row[column])
    return totals


def test_three_in_a_hundred_default(std: World) -> None:
    labels = [row["label_default_12m"] for row in std.rows("bank_a.loans")]
    assert labels.count("true") / len(labels) == pytest.approx(0.03, abs=0.006)


def test_over_invoicing_shows_in_tax_and_power_data_together_only(
    std: World, industry: dict[str, str], sales: Totals, energy: Totals
) -> None:
    signals = std.answers("signals")
    inflated = set(signals["S1"]["uscc"])
    marked = {one["uscc"] for one in std.answers("canaries")}
    known = sorted((sales.keys() & energy.keys() & industry.keys()) - marked)
    known = [code for code in known if sales[code] > 0 and energy[code] > 0]
    shells = set(signals["S7"]["uscc"])
    known = [code for code in known if code not in shells]
    gap = {code: log(sales[code]) - log(energy[code]) for code in known}
    middle = {
        trade: median(gap[code] for code in known if industry[code] == trade)
        for trade in set(industry.values())
    }
    joint = {code: gap[code] - middle[industry[code]] for code in known}
    alone = {code: float(sales[code]) for code in known}
    assert area_under_curve(joint, inflated) > 0.85
    assert area_under_curve(alone, inflated) < 0.65


def area_under_curve(score: dict[str, float], positive: set[str]) -> float:
    ranked = sorted(score, key=score.__getitem__)
    ranks = [rank for rank, code in enumerate(ranked) if code in positive]
    pairs = len(ranks) * (len(ranked) - len(ranks))
    return (sum(ranks) - len(ranks) * (len(ranks) - 1) / 2) / pairs


def test_hidden_risks_are_listed_and_lose_their_power(std: World) -> None:
    hidden = set(std.answers("signals")["S2"]["uscc"])
    assert len(hidden) == 300
    listed = {row["uscc"]: row["abnormal_list_flag"] for row in std.rows("registry.enterprises")}
    assert {listed[code] for code in hidden & listed.keys()} == {"true"}
    halves: dict[bool, Decimal] = {True: Decimal(), False: Decimal()}
    for row in std.rows("power.meters"):
        if row["uscc"] in hidden and row["period"] >= "202510":
            halves[row["period"] >= "202604"] += Decimal(row["kwh_total"])
    assert halves[True] / halves[False] < Decimal("0.55")


def test_shells_declare_much_and_use_no_power(std: World, sales: Totals, energy: Totals) -> None:
    shells = set(std.answers("signals")["S7"]["uscc"])
    assert len(shells) == 80
    marked = {one["uscc"] for one in std.answers("canaries")}
    both = shells & sales.keys() & energy.keys() - marked
    assert len(both) > 70
    assert max(energy[code] / sales[code] for code in both) < Decimal("0.002")


def test_one_enterprise_dominates_its_cell(std: World, sales: Totals) -> None:
    dominance = std.answers("signals")["S8"]
    (dominant,) = dominance["uscc"]
    cell = {
        row["uscc"]
        for row in std.rows("registry.enterprises")
        if (row["region"], row["industry"]) == (dominance["region"], dominance["industry"])
    }
    share = sales[dominant] / sum(sales[code] for code in cell if code in sales)
    assert float(share) == pytest.approx(dominance["share_basis_points"] / 10_000, abs=0.02)
    assert share > Decimal("0.85")


@pytest.mark.parametrize("size", ["mini", "std"])
def test_small_cells_have_one_to_five_enterprises(
    size: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(size)
    rows = {tuple(row.values()): row for row in world.rows("registry.enterprises")}
    population = Counter((row["region"], row["industry"]) for row in rows.values())
    cells = world.answers("signals")["S9"]["cells"]
    found = [population[cell["region"], cell["industry"]] for cell in cells]
    assert found == [1, 2, 3, 4, 5] == [len(cell["uscc"]) for cell in cells]
