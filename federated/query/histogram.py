"""Bands of a number between its declared bounds: how many values lie in each, and what that tells.

Implements  federated/SPEC.md §3.7: a value is sent as a 1 in the place of its band; several places
            share one integer, so that a sum of them is a number whose digits are the counts
Learns      the receiver's node: how many of a cell's values lie in each band, however few
Result      the middle of a band: a quantile is right to half a band, on either side
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor
from typing import Final

from pydantic import Field
from sqlglot import exp

from contract.canonical import Frozen
from federated.query.values import SENT_BITS, Range, cast, number

MOST_BANDS: Final = 32


class Bands(Frozen):
    """Equal bands from the smallest value that may be to the largest, as scaled integers."""

    least: int
    width: int = Field(ge=1, description="how many values a band has; 1: the value itself is told")
    number: int = Field(ge=1, le=MOST_BANDS)
    bits: int = Field(ge=1, description="of one count")
    together: int = Field(ge=1, description="counts in one sum")

    @property
    def sums(self) -> int:
        """How many columns are sent, and added up."""
        return -(-self.number // self.together)

    def largest(self, column: int) -> int:
        """The largest integer that is sent in a column."""
        return 1 << self.bits * (min(self.together, self.number - column * self.together) - 1)

    def sql(self, value: exp.Expr, column: int) -> exp.Expr:
        """What is sent in a column for a value at its scale: 0 where that is NULL."""
        above = exp.Sub(this=exp.Paren(this=value), expression=number(self.least))
        choice = exp.Case(
            this=exp.IntDiv(this=exp.Paren(this=above), expression=number(self.width))
        )
        first = column * self.together
        for place in range(min(self.together, self.number - first)):
            choice.when(number(first + place), number(1 << self.bits * place), copy=False)
        return cast(choice.else_(number(0)), "BIGINT")

    def counts(self, sums: Sequence[int]) -> list[int]:
        """How many values lie in each band."""
        digit = (1 << self.bits) - 1
        return [
            sums[band // self.together] >> self.bits * (band % self.together) & digit
            for band in range(self.number)
        ]

    def middle(self, band: int) -> Fraction:
        """The middle of a band, at the scale of its values."""
        return self.least + band * self.width + self.half

    @property
    def half(self) -> Fraction:
        """How far a value may be from the middle of its band."""
        return half_of(self.width)


def width_of(bounds: Range) -> int:
    """How many values a band of a number has."""
    return -(-bounds.values // MOST_BANDS)


def half_of(width: int) -> Fraction:
    """How far a value may be from the middle of a band of so many."""
    return Fraction(width - 1, 2)


def bands_of(bounds: Range, rows: int, sum_bits: int) -> Bands:
    """The bands of a number, of which up to `rows` are counted in sums of so many bits."""
    width = width_of(bounds)
    bits = rows.bit_length()
    return Bands(
        least=bounds.least,
        width=width,
        number=-(-bounds.values // width),
        bits=bits,
        # What one row sends must fit, too.
        together=max(min(sum_bits // bits, 1 + (SENT_BITS - 1) // bits), 1),
    )


def continuous(bands: Bands, counts: Sequence[int], share: Fraction) -> Fraction | None:
    """SQL's QUANTILE_CONT of values in the middle of their bands."""
    values = sum(counts)
    if not values:
        return None
    place = share * (values - 1)
    low, high = (bands.middle(_band(counts, one)) for one in (floor(place), ceil(place)))
    return low + (high - low) * (place - floor(place))


def discrete(bands: Bands, counts: Sequence[int], share: Fraction) -> Fraction | None:
    """SQL's QUANTILE_DISC of values in the middle of their bands."""
    values = sum(counts)
    return bands.middle(_band(counts, max(ceil(share * values) - 1, 0))) if values else None


def outermost(bands: Bands, counts: Sequence[int], k: int, *, highest: bool) -> Fraction | None:
    """The first or last band in which k values lie; that of fewer would show single ones."""
    full = [band for band, count in enumerate(counts) if count >= k]
    return bands.middle(full[-1 if highest else 0]) if full else None


def _band(counts: Sequence[int], place: int) -> int:
    """The band of the value that has so many before it."""
    return next(band for band, upto in enumerate(accumulate(counts)) if upto > place)
