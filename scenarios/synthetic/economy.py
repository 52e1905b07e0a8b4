"""The hidden state of the synthetic economy: what no organisation sees whole.

Every enterprise has a size, a health that drifts over 24 months, an energy intensity and perhaps
over-invoicing; organisations record traces of them. The default label depends on a quantity that
only tax and power data *together* show: sales declared far above what the electricity could make.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.synthetic import identifiers, names
from scenarios.synthetic.chance import Flags, Ints, Reals, Texts, exp, stream
from scenarios.synthetic.places import COUNTIES, trading_place
from scenarios.synthetic.planting import Planted, plant
from scenarios.synthetic.trades import ENERGY_INTENSITY, TRADE_SHARES, TRADES

PERIODS = (*range(202410, 202413), *range(202501, 202513), *range(202601, 202610))
MONTHS = len(PERIODS)
LAST_DAY = np.datetime64("2026-09-30", "D").astype(np.int64)

# Sales by calendar month, January first, in parts of a year's average.
SEASON = np.array([0.92, 0.88, 0.94, 1.0, 1.06, 1.1, 1.12, 1.1, 1.06, 1.0, 0.94, 0.88])

# The share of all enterprises that each organisation knows. Room for organisations to come.
COVERAGE = {
    "registry": 1.0,
    "tax": 0.92,
    "power": 0.85,
    "ecology": 0.40,
    "customs": 0.18,
    "logistics": 0.30,
    "bank_a": 0.35,
    "bank_b": 0.25,
    "bank_c": 0.10,
}
# How far being known to one organisation goes with being known to another.
FORMALITY_WEIGHT = 0.6


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Economy:
    """All enterprises; arrays by enterprise, or by month and enterprise (24 rows)."""

    seed: int
    size: int
    uscc: Texts
    name: Texts
    former_name: Texts  # None unless renamed
    county: Ints  # index into COUNTIES
    trade: Ints  # index into TRADES
    form: Ints  # index into LEGAL_FORMS
    age: Reals  # years at the end of the last month
    health: Reals  # month × enterprise, about 0
    sales: Reals  # month × enterprise, true, CNY
    declared: Reals  # month × enterprise, as told to the tax office, CNY
    energy: Reals  # month × enterprise, kWh
    inflation: Reals  # over-invoiced share of true sales, 0 for the honest
    covered: dict[str, Flags]
    planted: Planted


def grow(seed: int, size: int) -> Economy:
    """The economy of `size` enterprises; the same arguments give the same economy."""
    county, trade, form = _kinds(seed, size)
    log_size = stream(seed, "size").normal(13.2, 1.1, size)
    health = _health(seed, size)
    covered = _coverage(seed, log_size)
    planted = plant(seed, county, trade, covered)
    trade = planted.trade
    log_size[planted.dominant] = planted.dominant_log_size(log_size)
    sales = exp(log_size + health) * _season()[:, None]
    inflation = _inflation(seed, size, planted)
    rng = stream(seed, "noise")
    declared = sales * (1 + inflation) * exp(rng.normal(0, 0.05, sales.shape))
    declared *= planted.declared_factor(MONTHS, size)
    intensity = ENERGY_INTENSITY[trade] * exp(rng.normal(0, 0.22, size))
    energy = sales * intensity * exp(rng.normal(0, 0.08, sales.shape))
    energy *= planted.energy_factor(MONTHS, size)
    age = np.maximum(stream(seed, "age").gamma(2.2, 3.2, size), 0.5)
    name, former_name = _names(seed, county, trade, form)
    return Economy(
        seed=seed,
        size=size,
        uscc=_codes(seed, county, form, age),
        name=name,
        former_name=former_name,
        county=county,
        trade=trade,
        form=form,
        age=age,
        health=health,
        sales=sales,
        declared=declared,
        energy=energy,
        inflation=inflation,
        covered=covered,
        planted=planted,
    )


def _kinds(seed: int, size: int) -> tuple[Ints, Ints, Ints]:
    """County, trade and legal form of each enterprise."""
    rng = stream(seed, "kinds")
    county = rng.choice(len(COUNTIES), size, p=rng.dirichlet(np.full(len(COUNTIES), 0.7)))
    trade = rng.choice(len(TRADES), size, p=TRADE_SHARES)
    form = rng.choice(len(names.LEGAL_FORMS), size, p=names.LEGAL_FORM_SHARES)
    return county, trade, form


def _health(seed: int, size: int) -> Reals:
    """Autoregressive, with a drift of its own for every enterprise."""
    rng = stream(seed, "health")
    drift = rng.normal(-0.002, 0.012, size)
    health = np.empty((MONTHS, size))
    health[0] = rng.normal(0, 0.12, size)
    for month in range(1, MONTHS):
        health[month] = 0.9 * health[month - 1] + drift + rng.normal(0, 0.05, size)
    return health


def _season() -> Reals:
    season: Reals = SEASON[np.array(PERIODS) % 100 - 1]
    return season


def _coverage(seed: int, log_size: Reals) -> dict[str, Flags]:
    """Exact shares, so that sizes are known; large and formal enterprises are known to more."""
    size = len(log_size)
    formality = stream(seed, "formality").normal(0, 1, size) + 0.4 * (log_size - 13.2)
    covered = {}
    for organisation, share in COVERAGE.items():
        known = FORMALITY_WEIGHT * formality
        known = known + stream(seed, f"coverage.{organisation}").normal(0, 1, size)
        flags = np.zeros(size, dtype=np.bool_)
        flags[np.argsort(-known, kind="stable")[: round(share * size)]] = True
        covered[organisation] = flags
    return covered


def _inflation(seed: int, size: int, planted: Planted) -> Reals:
    """Six in a hundred over-invoice; never one that carries another planted signal."""
    rng = stream(seed, "inflation")
    inflation = np.where(rng.random(size) < 0.06, rng.uniform(0.25, 0.8, size), 0)
    inflation[planted.everyone] = 0
    return inflation


def _names(seed: int, county: Ints, trade: Ints, form: Ints) -> tuple[Texts, Texts]:
    """Present names, and the former names of the two in a hundred that were renamed."""
    size = len(county)
    renamed = np.flatnonzero(stream(seed, "renamed").random(size) < 0.02)
    places = sorted({trading_place(one) for one in COUNTIES})
    place = np.array([places.index(trading_place(one)) for one in COUNTIES])[county]
    place, trade, form = (np.concatenate([part, part[renamed]]) for part in (place, trade, form))
    first, second = names.draw(seed, place, trade, form)
    words = [one.word for one in TRADES]
    spelled = names.spell(places, words, (place, first, second, trade, form))
    former = np.full(size, None, dtype=object)
    former[renamed] = spelled[size:]
    return spelled[:size], former


def _codes(seed: int, county: Ints, form: Ints, age: Reals) -> Texts:
    """The oldest thirty in a hundred keep the all-digit body of an old organisation code."""
    old = np.zeros(len(age), dtype=np.bool_)
    old[np.argsort(-age, kind="stable")[: round(0.3 * len(age))]] = True
    codes = [one.code for one in COUNTIES]
    return identifiers.draw(seed, codes, county, old, form == names.SOLE_TRADER)
