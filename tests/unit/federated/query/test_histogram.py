"""Bands: every value in its own, counts that never run into each other, quantiles of middles."""

from fractions import Fraction
from math import ceil, floor

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from federated.query.histogram import (
    MOST_BANDS,
    Bands,
    bands_of,
    continuous,
    discrete,
    outermost,
)
from federated.query.planning import SUM_BITS
from federated.query.values import Range, cast

VALUES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=60)
SHARES = st.fractions(0, 1, max_denominator=100)


def sent(bands: Bands, value: int) -> list[int]:
    """What an owner sends for a value, in plain words."""
    band = (value - bands.least) // bands.width
    columns = [0] * bands.sums
    columns[band // bands.together] = 1 << bands.bits * (band % bands.together)
    return columns


def summed(bands: Bands, values: list[int]) -> list[int]:
    return [sum(column) for column in zip(*(sent(bands, one) for one in values), strict=True)]


@given(VALUES, st.sampled_from([60, 2**13, 2**31]))
def test_every_value_is_counted_in_the_band_that_holds_it(values: list[int], rows: int) -> None:
    bands = bands_of(Range(min(values), max(values)), rows, SUM_BITS)
    assert bands.number <= MOST_BANDS
    counts = bands.counts(summed(bands, values))
    for band, count in enumerate(counts):
        held = [one for one in values if abs(one - bands.middle(band)) <= bands.half]
        assert len(held) == count
    assert sum(counts) == len(values)


@given(st.integers(1, 2**31), st.integers(0, 10**6))
def test_no_count_runs_into_the_next(rows: int, most: int) -> None:
    bands = bands_of(Range(0, most), rows, SUM_BITS)
    assert rows < 1 << bands.bits
    for column in range(bands.sums):
        assert rows * bands.largest(column) < 1 << SUM_BITS
    crowded = [rows if place == bands.number - 1 else 0 for place in range(bands.number)]
    sums = [0] * bands.sums
    sums[-1] = rows * bands.largest(bands.sums - 1)
    assert bands.counts(sums) == crowded


@given(VALUES, SHARES)
def test_a_quantile_is_right_to_half_a_band(values: list[int], share: Fraction) -> None:
    bands = bands_of(Range(-1000, 1000), 60, SUM_BITS)
    counts = bands.counts(summed(bands, values))
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = ordered[floor(place)], ordered[ceil(place)]
    found = continuous(bands, counts, share)
    assert found is not None
    assert abs(found - (low + (high - low) * (place - floor(place)))) <= bands.half
    exact = ordered[max(ceil(share * len(values)) - 1, 0)]
    found = discrete(bands, counts, share)
    assert found is not None
    assert abs(found - exact) <= bands.half


def test_few_values_are_bands_of_their_own() -> None:
    bands = bands_of(Range(0, 9), 100, SUM_BITS)
    assert (bands.width, bands.number) == (1, 10)
    assert not bands.half
    assert continuous(bands, [0, 1, 1, *[0] * 7], Fraction(1, 2)) == Fraction(3, 2)


def test_the_outermost_band_is_that_of_several() -> None:
    bands = bands_of(Range(0, 319), 100, SUM_BITS)
    counts = [1, 9, 10, 40, 12, 0, 3, *[0] * 25]
    assert outermost(bands, counts, 10, highest=False) == Fraction("24.5")
    assert outermost(bands, counts, 10, highest=True) == Fraction("44.5")
    assert outermost(bands, counts, 50, highest=True) is None
    assert (
        continuous(bands, [0] * 32, Fraction(1)) is discrete(bands, [0] * 32, Fraction(1)) is None
    )


@pytest.mark.parametrize("value", [None, -5, 0, 63, 64, 995])
def test_an_owners_sql_says_the_same(value: int | None) -> None:
    bands = bands_of(Range(-5, 995), 2**20, SUM_BITS)
    given = exp.select(cast(exp.Placeholder(), "HUGEINT").as_("x")).subquery("given")
    with duckdb.connect() as connection:
        for column in range(bands.sums):
            asked = exp.select(bands.sql(exp.column("x"), column)).from_(given)
            found = connection.execute(asked.sql(dialect="duckdb"), [value]).fetchone()
            assert found == (0 if value is None else sent(bands, value)[column],)
