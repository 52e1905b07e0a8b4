"""The places of a list by the row of the result that they are in, and the sums over each row.

Implements  federated/SPEC.md §6.3 (`rows`, and what they add up)
Exact       a word is four limbs of 32 bits, added up in 64: no carry is lost below 2^32 words
Learns      nobody anything: no secret is made here
"""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Grouping:
    """The places of a list by the row of the result that they are in."""

    places: NDArray[np.intp]
    bounds: NDArray[np.intp]
    """Where in `places` the rows begin, from row 1 on; at the end, where the last one ends."""

    @classmethod
    def of(cls, rows: RowNumbers, number: int) -> "Grouping":
        """Of a list, for a result of so many rows."""
        order = np.argsort(rows, kind="stable")
        bounds = np.searchsorted(rows[order], np.arange(1, number + 2))
        return cls(order[bounds[0] : bounds[-1]], bounds - bounds[0])

    def sums(self, words: Words) -> list[int]:
        """The sum of each row, mod 2^128."""
        limbs = np.ascontiguousarray(words, dtype="<u8").view("<u4").reshape(-1, 4)
        totals = np.zeros((len(self.bounds) - 1, 4), dtype=np.uint64)
        # Some at a time: what is running takes three times as much as the words.
        for start in range(0, len(self.places), _AT_ONCE):
            places = self.places[start : start + _AT_ONCE]
            running = np.zeros((len(places) + 1, 4), dtype=np.uint64)
            np.cumsum(limbs[places], axis=0, dtype=np.uint64, out=running[1:])
            bounds = np.clip(self.bounds - start, 0, len(places))
            totals += running[bounds[1:]] - running[bounds[:-1]]
        return [_joined(row) for row in totals.tolist()]


def _joined(limbs: Sequence[int]) -> int:
    return sum(limb << 32 * at for at, limb in enumerate(limbs)) % MODULUS
