"""Bands of numbers: where each ends, and that what they say of a share errs to one side only."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from federated.join.bands import BANDS, Magnitude, bands_of

NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1)


def test_band_b_holds_what_lies_between_two_quarters_of_octaves() -> None:
    """v⁴ in [2^(b-1), 2^b), for numbers around every edge."""
    around = {round(2 ** (step / 4)) + off for step in range(BANDS) for off in (-1, 0, 1)}
    numbers = sorted(one for one in around if 0 < one < 2**63)
    for number, band in zip(numbers, bands_of(np.array(numbers)).tolist(), strict=True):
        assert 2 ** (band - 1) <= number**4 < 2**band


def test_nothing_and_the_largest_number_have_the_first_and_the_last_band() -> None:
    ends = np.array([0, 1, 2**63 - 1, -(2**63) + 1, -1])
    assert bands_of(ends).tolist() == [0, 1, BANDS - 1, BANDS - 1, 1]


def test_lines_of_nothing_have_no_share() -> None:
    nothing = Magnitude.of(bands_of(np.zeros(7, dtype=np.int64)))
    assert nothing == Magnitude(0, 0)
    assert not nothing.may_exceed(1)


@given(st.lists(NUMBERS, min_size=1, max_size=30), st.integers(1, 99))
def test_a_share_above_the_limit_always_shows_and_one_far_below_never(
    numbers: list[int], share: int
) -> None:
    sizes = [abs(one) for one in numbers]
    shown = Magnitude.of(bands_of(np.array(numbers, dtype=np.int64))).may_exceed(share)
    if 100 * max(sizes) > share * sum(sizes):
        assert shown
    # Two quarters of an octave are a factor of √2: one for the largest, one for all of them.
    if sum(sizes) and Fraction(2 * max(sizes) ** 2 * 100**2) <= (share * sum(sizes)) ** 2:
        assert not shown


@given(st.lists(NUMBERS, min_size=1, max_size=20), st.lists(NUMBERS, min_size=1, max_size=20))
def test_parts_add_up_to_what_all_lines_say(one: list[int], other: list[int]) -> None:
    parts = [Magnitude.of(bands_of(np.array(part, dtype=np.int64))) for part in (one, other)]
    whole = Magnitude.of(bands_of(np.array(one + other, dtype=np.int64)))
    assert Magnitude.together(parts) == whole
