"""The places of a list by the row of the result that they are in, and the sums over each row.

Implements  federated/SPEC.md §6.3 (`rows`, and what they add up)
Exact       a word is four limbs of 32 bits. 2^18 of these add up to less than 2^50, to the last bit
            in the float64 that numpy counts by; such sums are added up in 64 bits, where fewer than
            2^32 words carry nothing over
Learns      nobody anything: no secret is made here
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.words import MODULUS, Words

_AT_ONCE: Final = 1 << 18

RowNumbers = NDArray[np.uint16]
"""At each place of a list the number of the row of the result that it is in, from 1; 0: in none."""


def rows_of(size: int, places: Sequence[NDArray[np.integer]]) -> RowNumbers:
    """Of a list of `size`: the first of `places` are in row 1, the next in row 2, and so on."""
    rows = np.zeros(size, dtype=np.uint16)
    for number, inside in enumerate(places, 1):
        rows[inside] = number
    return rows


def sums_by_row(words: Words, rows: RowNumbers, number: int) -> Sequence[int]:
    """The sum of the words in each of the rows 1 to `number`, mod 2^128; `rows` has no other."""
    limbs = np.ascontiguousarray(words, dtype="<u8").view("<u4").reshape(-1, 4)
    totals = np.zeros((number + 1, 4), dtype=np.uint64)
    for start in range(0, len(rows), _AT_ONCE):
        within, some = rows[start : start + _AT_ONCE].astype(np.intp), limbs[start:][:_AT_ONCE]
        for limb in range(4):
            found = np.bincount(within, weights=some[:, limb], minlength=number + 1)
            totals[:, limb] += found.astype(np.uint64)
    return [_joined(row) for row in totals[1:].tolist()]


def _joined(limbs: Sequence[int]) -> int:
    return sum(limb << 32 * at for at, limb in enumerate(limbs)) % MODULUS
