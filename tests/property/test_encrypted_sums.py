"""The opened sum of any rows of any columns is Python's `sum`."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from federated.aggregate.add import Adder, MaskedCell
from federated.aggregate.blinding import opened_sum
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.parameters import DEGREE, PLAIN, BfvParameters, Term
from federated.aggregate.secret import ReceiverKey

KEY, PUBLIC = ReceiverKey.generate()
LARGEST = 2**58 - 1

SMALL = st.integers(-(2**40), 2**40)
VALUES = st.lists(SMALL, min_size=1, max_size=40)
# Where in the list the values stand: the ends of chunks, and the second chunk.
OFFSETS = st.sampled_from([0, 1, DEGREE - 20, DEGREE - 1, DEGREE])


@st.composite
def columns(draw: st.DrawFn) -> tuple[int, list[int], list[bool]]:
    values = draw(VALUES)
    mask = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    return draw(OFFSETS), values, mask


@given(st.lists(columns(), min_size=1, max_size=3), st.integers(0, PLAIN - 1))
@example([(0, [LARGEST], [True])], PLAIN - 1)
@example([(DEGREE - 1, [-LARGEST, LARGEST], [True, True])], 1)
@example([(0, [1, 2, 3], [False, False, False])], 0)
@settings(max_examples=30)
def test_the_sum_is_that_of_integers(
    terms: list[tuple[int, list[int], list[bool]]], blinding: int
) -> None:
    chunks, positions, expected = [], [], 0
    for offset, values, mask in terms:
        placed = np.concatenate([np.full(offset, 7), np.array(values)])
        chunks.append(encrypt_column(PUBLIC, placed, largest=LARGEST))
        positions.append(offset + np.flatnonzero(mask))
        expected += sum(value for value, bit in zip(values, mask, strict=True) if bit)
    # The largest value stands in the proof for one row: here the sum itself is known to fit.
    parameters = BfvParameters(sums=((Term(rows=200, largest=2**50),),), cells=1)
    [made] = Adder(PUBLIC, parameters).sums(chunks, [MaskedCell(tuple(positions), blinding)])
    assert opened_sum(KEY.decrypt(made)[0], [blinding], largest=LARGEST) == expected
