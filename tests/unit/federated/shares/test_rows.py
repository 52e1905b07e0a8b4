"""Sums over the rows of a result, against Python's integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.shares.rows import rows_of, sums_by_row
from federated.words import MODULUS, of_integers

WORDS = st.integers(0, MODULUS - 1)


@given(st.lists(st.tuples(WORDS, st.integers(0, 5))), st.integers(5, 8))
def test_sums_by_row_are_those_of_integers(listed: list[tuple[int, int]], number: int) -> None:
    words, rows = of_integers([word for word, _ in listed]), [row for _, row in listed]
    expected = [
        sum(word for word, in_row in listed if in_row == row) % MODULUS
        for row in range(1, number + 1)
    ]
    assert sums_by_row(words, np.array(rows, dtype=np.uint16), number) == expected


def test_rows_are_numbered_from_one() -> None:
    rows = rows_of(6, [np.array([4, 1]), np.array([], dtype=np.int64), np.array([0])])
    assert rows.tolist() == [3, 1, 0, 0, 1, 0]


def test_carries_go_through_all_of_a_long_sum() -> None:
    """A million of the largest words, more than are added at once: every limb carries each time."""
    number = 1_000_000
    rows = np.ones(number, dtype=np.uint16)
    words = np.full((number, 2), 2**64 - 1, dtype=np.uint64)
    assert sums_by_row(words, rows, 1) == [MODULUS - number]


def test_a_row_beyond_the_last_is_refused() -> None:
    words, rows = np.zeros((2, 2), dtype=np.uint64), np.array([1, 3], dtype=np.uint16)
    with pytest.raises(ValueError, match="broadcast"):
        sums_by_row(words, rows, 2)


def test_rows_that_are_added_in_several_pieces_are_whole() -> None:
    """Some rows end within a piece, one has several pieces, one has nothing."""
    random, number = np.random.default_rng(1), 700_000
    rows = random.choice(np.array([0, 1, 2, 4], dtype=np.uint16), number, p=[0.1, 0.1, 0.75, 0.05])
    words = np.zeros((number, 2), dtype=np.uint64)
    words[:, 0] = random.integers(0, 2**40, number)
    expected = [int(words[rows == row, 0].sum()) for row in range(1, 5)]
    assert expected[2] == 0
    assert sums_by_row(words, rows, 4) == expected
