"""Numbers in order, against Python's sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.join.ordering import in_order

MOST = 2**64 - 1
# Of all sizes, many of them alike but for the lowest bits.
NUMBERS = st.one_of(
    st.integers(0, MOST),
    st.integers(0, 9),
    st.integers(0, 40).map(lambda low: MOST - low),
    st.integers(0, 40).map(lambda low: (1 << 40) + low),
)


def require_in_order(listed: list[int]) -> None:
    numbers = np.array(listed, dtype=np.uint64)
    ascending, order = in_order(numbers)
    assert ascending.tolist() == sorted(listed)
    assert numbers[order].tolist() == sorted(listed)
    assert sorted(order.tolist()) == list(range(len(listed)))
    assert numbers.tolist() == listed


@given(st.lists(NUMBERS, max_size=70))
def test_numbers_ascend_and_each_is_found_at_its_place(listed: list[int]) -> None:
    require_in_order(listed)


@pytest.mark.parametrize("bits", [1, 8, 50, 62, 63, 64])
def test_a_long_list_of_numbers_of_so_many_bits(bits: int) -> None:
    random = np.random.default_rng(bits)
    drawn = random.integers(0, (1 << bits) - 1, 5000, dtype=np.uint64, endpoint=True)
    require_in_order(drawn.tolist())


@pytest.mark.parametrize("shift", [0, 7, 20, 52])
def test_all_are_alike_but_for_some_bits(shift: int) -> None:
    drawn = np.random.default_rng(shift).permutation(3000)
    require_in_order([(1 << 63) + (int(number) << shift) % (1 << 63) for number in drawn])
