"""Figures: what the parties add up for each cell, as a statement asks for it.

Implements  federated/SPEC.md §3.6, §3.7
Learns      nobody: a figure names columns; what it is worth, only the receiver will know
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from contract.dataset import MOST_DIGITS
from federated.query.formula import DIVISION_DECIMALS, Bounds
from federated.query.histogram import half_of, width_of
from federated.query.values import Column, Linear


@dataclass(frozen=True, slots=True)
class Dimension:
    """A column that the result is grouped by."""

    group: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many entities there are, or have a value in all of some columns of one source."""

    columns: frozenset[Column] = frozenset()
    everywhere: bool = False
    """Whether it is of all rows that a LEFT JOIN keeps, matched or not."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the entities that have a value."""

    of: Linear
    rows: bool = False
    """Whether it says how many rows there are: of none 0, where a sum of none is NULL."""


@dataclass(frozen=True, slots=True)
class Squares:
    """A sum of squares of one source's numbers."""

    of: Linear


class Rank(StrEnum):
    """Which value of a cell is asked for."""

    CONTINUOUS = "continuous"
    """a quantile, between two values if need be"""
    DISCRETE = "discrete"
    """a quantile that is a value"""
    LOWEST = "lowest"
    HIGHEST = "highest"


@dataclass(frozen=True, slots=True)
class Quantile:
    """A value of one source's numbers by its rank, known to a band."""

    of: Linear
    rank: Rank
    share: Fraction


Asked = Dimension | Count | Sum | Squares | Quantile


def decimals_of_figure(figure: Asked, groups: Sequence[Column]) -> int:
    """How many decimals a figure has."""
    match figure:
        case Dimension():
            return groups[figure.group].scale
        case Count():
            return 0
        case Sum():
            return figure.of.scale
        case Squares():
            return 2 * figure.of.scale
        case Quantile():
            scale = figure.of.scale
            if figure.rank is Rank.CONTINUOUS:
                return scale + DIVISION_DECIMALS
            # The middle of an even number of values lies between two of them.
            return scale + (width_of(figure.of.range(scale)) % 2 == 0)


def error_of_figure(figure: Asked) -> Fraction:
    """How far a figure may be from the value that it stands for."""
    if not isinstance(figure, Quantile):
        return Fraction(0)
    scale = figure.of.scale
    return half_of(width_of(figure.of.range(scale))) / Fraction(10**scale)


def widest_bounds(figure: Asked, groups: Sequence[Column], rows: int) -> Bounds:
    """Beyond what any plan will allow: there are never more than so many rows."""
    match figure:
        case Dimension():
            unit = 10 ** groups[figure.group].scale
            return Bounds(Fraction(10**MOST_DIGITS, unit), unit)
        case Count():
            return Bounds(Fraction(rows), 1)
        case Sum() | Squares():
            power = 2 if isinstance(figure, Squares) else 1
            unit = 10 ** (figure.of.scale * power)
            most = figure.of.range(figure.of.scale).magnitude ** power * rows
            return Bounds(Fraction(most, unit), unit)
        case Quantile():
            unit = 10**figure.of.scale
            # Between two middles lies any fraction of a share, which has some places itself.
            over = 2 * unit * figure.share.denominator
            return Bounds(Fraction(figure.of.range(figure.of.scale).magnitude, unit), over)
