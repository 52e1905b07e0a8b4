"""How large a set is said to be: its number of keys, rounded up so that little of it shows.

Implements  docs/decisions/0018: 256, or m·2^k with m from 8 to 15
Learns      who sees a catalogue or a contract: the number of an owner's keys, to an eighth of an
            octave; less where the owner declares room for more (`padded_to`)
"""

from typing import Final

SMALLEST_SIZE: Final = 256
LARGEST_SIZE: Final = 2**31

_STEPS_BITS: Final = 3
"""An octave has 2^3 steps."""


def padded_size(keys: int) -> int:
    """The size that a set of `keys` distinct keys is padded to."""
    octave = max(keys - 1, 0).bit_length()
    step = 1 << max(octave - 1 - _STEPS_BITS, 0)
    return max(SMALLEST_SIZE, -(-keys // step) * step)


def is_size(size: int) -> bool:
    """Whether some set is padded to this."""
    return SMALLEST_SIZE <= size <= LARGEST_SIZE and padded_size(size) == size
