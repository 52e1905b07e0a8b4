"""How large a number of a line is, to a quarter of an octave, in clear: what a share is seen by.

Implements  federated/SPEC.md §1.14
Shows       to the coordinator, of every line of a list, in the join or not: the band that holds the
            absolute value of each number that is added up, within 19 % of it. No sign
Not safe    where an order of magnitude names a line: the largest of a trade are public
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

_STEPS: Final = 4 * 63
"""Quarters of octaves below 2^63, which no number that is sent reaches."""

BANDS: Final = _STEPS + 1
"""How many there are: 0 holds the number 0 alone, band b the integers of [2^((b-1)/4), 2^(b/4))."""

Bands = NDArray[np.uint8]
"""Of each place of a list, or of each key, the band of a number."""


def _edge(step: int) -> int:
    """The least integer that is not below 2^(step/4)."""
    below = isqrt(isqrt(1 << step))
    return below if below**4 == 1 << step else below + 1


_EDGES: Final = tuple(map(_edge, range(BANDS)))
_LEAST: Final = (0, *_EDGES[:-1])
_MOST: Final = (0, *(edge - 1 for edge in _EDGES[1:]))


def bands_of(numbers: NDArray[np.int64]) -> Bands:
    """The band of each number; none reaches 2^63 in absolute value."""
    magnitudes = np.abs(numbers).astype(np.uint64)
    edges = np.array(_EDGES[:-1], dtype=np.uint64)
    return np.searchsorted(edges, magnitudes, side="right").astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Magnitude:
    """Of the numbers of some lines, what their bands say."""

    largest: int
    """None is larger."""
    total: int
    """They are at least so much in all."""

    @classmethod
    def of(cls, bands: Bands) -> "Magnitude":
        """Of lines in these bands."""
        counts = np.bincount(bands).tolist()
        total = sum(lines * least for lines, least in zip(counts, _LEAST, strict=False))
        return cls(_MOST[len(counts) - 1], total)

    @classmethod
    def together(cls, parts: Iterable["Magnitude"]) -> "Magnitude":
        """Of all lines of all parts."""
        listed = list(parts)
        return cls(max(one.largest for one in listed), sum(one.total for one in listed))

    def may_exceed(self, share: int) -> bool:
        """Whether one line may have more than `share` percent of all of them."""
        return 100 * self.largest > share * self.total


def together(rows: Iterable[Sequence[Magnitude]]) -> tuple[Magnitude, ...]:
    """Of each number that is added up, over all rows."""
    return tuple(Magnitude.together(of_sum) for of_sum in zip(*rows, strict=True))
