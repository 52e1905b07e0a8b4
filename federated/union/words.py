"""Integers mod 2^128, many at a time: what is masked, added and opened.

Implements  federated/SPEC.md §5.2
Form        an array of n rows and two columns of little-endian 64-bit words, the lower word first:
            in memory exactly as on the wire, 16 bytes an integer
Time        no step depends on a value; making integers of them at the end does
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WORD_BYTES: Final = 16
BITS: Final = 128
_MODULUS: Final = 1 << BITS
_HALF: Final = 1 << (BITS - 1)


def zeros(count: int) -> Words:
    """So many zeros."""
    return np.zeros((count, 2), dtype="<u8")


def added(left: Words, right: Words) -> Words:
    """The sums."""
    total = left + right
    carry = (total[:, 0] < left[:, 0]).astype("<u8")
    total[:, 1] += carry
    return total


def subtracted(left: Words, right: Words) -> Words:
    """The differences."""
    difference = left - right
    borrow = (left[:, 0] < right[:, 0]).astype("<u8")
    difference[:, 1] -= borrow
    return difference


def total(many: Iterable[Words], count: int) -> Words:
    """The sum of many such arrays of `count` integers, place by place."""
    result = zeros(count)
    for one in many:
        result = added(result, one)
    return result


def added_up(words: Words) -> Words:
    """The sum of all integers of one array, as an array of one."""
    while len(words) > 1:
        if len(words) % 2:
            words = np.concatenate([words, zeros(1)])
        half = len(words) // 2
        words = added(words[:half], words[half:])
    return words if len(words) else zeros(1)


def of_integers(values: Sequence[int]) -> Words:
    """Integers, negative ones as 2^128 less."""
    raw = b"".join((value % _MODULUS).to_bytes(WORD_BYTES, "little") for value in values)
    return of_bytes(raw)


def to_integers(words: Words) -> list[int]:
    """As integers in [-2^127, 2^127)."""
    raw = to_bytes(words)
    found = [
        int.from_bytes(raw[at : at + WORD_BYTES], "little") for at in range(0, len(raw), WORD_BYTES)
    ]
    return [value - _MODULUS if value >= _HALF else value for value in found]


def of_bytes(raw: bytes) -> Words:
    """As they travel; the caller has checked the length."""
    return np.frombuffer(raw, dtype="<u8").reshape(-1, 2)


def to_bytes(words: Words) -> bytes:
    """As they travel."""
    return np.ascontiguousarray(words, dtype="<u8").tobytes()
