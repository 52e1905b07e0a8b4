"""Signals put into the economy on purpose, each with the list of enterprises that carry it.

S2 hidden risk   on the list of abnormal operations, and power use falls by 60 %; a bank's customer
S7 shells        declared sales rise, almost no electricity, large bank flows, abnormal address
S8 dominance     one enterprise makes up nine tenths of a county × trade cell
S9 small cells   mountain county × trade cells of one to five enterprises

The shells' log ratio of sales to energy lies so far out that a linear model on it must clip it.
S1 (default through over-invoicing) is no plant but part of the economy itself. Counts are those of
a world of 20 000 and scale with it.
"""

from dataclasses import dataclass

import numpy as np

from scenarios.synthetic.chance import Flags, Ints, Reals, stream
from scenarios.synthetic.places import COUNTIES, MOUNTAIN
from scenarios.synthetic.trades import TRADES

HIDDEN_RISK, SHELLS, PER = 300, 80, 20_000
SMALL_CELLS = (1, 2, 3, 4, 5)
DOMINANT_CELL_SIZE = 20  # the cell nearest to this many enterprises is taken
DOMINANT_MULTIPLE = 12  # times all others of its cell together
RECENT = 6  # months


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Planted:
    """Indices of the enterprises that carry a signal, and what that does to their figures."""

    trade: Ints  # of every enterprise, small cells cut to size
    hidden_risk: Ints
    shells: Ints
    dominant: int
    dominated: Ints  # the others of the dominant enterprise's cell
    small_cells: tuple[Ints, ...]

    @property
    def everyone(self) -> Ints:
        """Enterprises whose figures are altered."""
        return np.concatenate([self.hidden_risk, self.shells, [self.dominant]])

    def dominant_log_size(self, log_size: Reals) -> float:
        """The log size at which the dominant enterprise outweighs its cell."""
        others = float(np.exp(log_size[self.dominated]).sum())
        return round(float(np.log(DOMINANT_MULTIPLE * others)), 6)

    def declared_factor(self, months: int, size: int) -> Reals:
        """Shells declare up to three times their sales, rising month by month."""
        factor = np.ones((months, size))
        factor[:, self.shells] = np.linspace(1, 3, months)[:, None]
        return factor

    def energy_factor(self, months: int, size: int) -> Reals:
        """Shells use almost no electricity; hidden risks lose 60 % of theirs in the last months."""
        factor = np.ones((months, size))
        factor[:, self.shells] = 0.005
        factor[-RECENT:, self.hidden_risk] = 0.4
        return factor


def plant(seed: int, county: Ints, trade: Ints, covered: dict[str, Flags]) -> Planted:
    """Choose the carriers among enterprises that the organisations concerned all know."""
    size = len(county)
    trade, small_cells = _small_cells(county, trade)
    known = covered["tax"] & covered["power"]
    dominant, dominated = _dominance(county, trade, covered["tax"])
    eligible = known & (covered["bank_a"] | covered["bank_b"])
    eligible[dominant] = False
    drawn = stream(seed, "planted").permutation(np.flatnonzero(eligible))
    risks, shells = (max(1, round(count * size / PER)) for count in (HIDDEN_RISK, SHELLS))
    return Planted(
        trade=trade,
        hidden_risk=np.sort(drawn[:risks]),
        shells=np.sort(drawn[risks : risks + shells]),
        dominant=dominant,
        dominated=dominated,
        small_cells=small_cells,
    )


def _small_cells(county: Ints, trade: Ints) -> tuple[Ints, tuple[Ints, ...]]:
    """In the five most populous mountain counties, cut the cell of one trade to one … five."""
    trade = trade.copy()
    population = np.bincount(county, minlength=len(COUNTIES))
    mountain = [i for i, one in enumerate(COUNTIES) if one.code in MOUNTAIN]
    mountain.sort(key=lambda i: -population[i])
    cells = []
    for kept, place in zip(SMALL_CELLS, mountain, strict=False):
        residents = np.flatnonzero(county == place)
        members, others = residents[:kept], residents[kept:]
        rare = len(TRADES) - kept
        trade[others[trade[others] == rare]] = 0
        trade[members] = rare
        cells.append(members)
    return trade, tuple(cells)


def _dominance(county: Ints, trade: Ints, taxed: Flags) -> tuple[int, Ints]:
    """A cell of ordinary size outside the mountains, and its first taxpayer."""
    cell = county * len(TRADES) + trade
    count = np.bincount(cell[taxed], minlength=len(COUNTIES) * len(TRADES))
    plain = np.repeat([one.code not in MOUNTAIN for one in COUNTIES], len(TRADES))
    distance = np.where(plain, np.abs(count - DOMINANT_CELL_SIZE), np.iinfo(np.int64).max)
    members = np.flatnonzero((cell == np.argmin(distance)) & taxed)
    return int(members[0]), members[1:]
