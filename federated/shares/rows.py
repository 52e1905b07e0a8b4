"""The places of a list by the row of the result that they are in, and the sums over each row.

Implements  federated/SPEC.md §6.3 (`rows`, and what they add up)
Learns      nobody anything: no secret is made here
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from federated.words import Words, to_bytes
from native import _core

RowNumbers = NDArray[np.uint16]
"""At each place of a list the number of the row of the result that it is in, from 1; 0: in none."""


def rows_of(size: int, places: Sequence[NDArray[np.integer]]) -> RowNumbers:
    """Of a list of `size`: the first of `places` are in row 1, the next in row 2, and so on."""
    rows = np.zeros(size, dtype=np.uint16)
    for number, inside in enumerate(places, 1):
        rows[inside] = number
    return rows


def sums_by_row(words: Words, rows: RowNumbers, number: int) -> Sequence[int]:
    """The sum of the words in each of the rows 1 to `number`, mod 2^128."""
    return _core.word_sums(to_bytes(words), rows.astype("<u2", copy=False).tobytes(), number)
