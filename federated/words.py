"""Integers mod 2^128, many at a time: what is masked or padded, added and opened.

Implements  federated/SPEC.md §5.2 (words), §6 (all sums of shares)
Form        an array of n rows and two columns of little-endian 64-bit words, the lower word first:
            in memory exactly as on the wire, 16 bytes an integer
Learns      nobody anything: no secret is made here
Time        no step depends on a value; making integers of them at the end does
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""n × 2: the low half, then the high one."""

WORD_BYTES: Final = 16
MODULUS: Final = 1 << 128


def zeros(count: int) -> Words:
    """So many zeros."""
    return np.zeros((count, 2), dtype="<u8")


def added(left: Words, right: Words) -> Words:
    """The sums."""
    total = left + right
    total[:, 1] += total[:, 0] < left[:, 0]  # the carry
    return total


def subtracted(left: Words, right: Words) -> Words:
    """The differences."""
    difference = left - right
    difference[:, 1] -= left[:, 0] < right[:, 0]  # the borrow
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


def of_column(values: NDArray[np.int64]) -> Words:
    """Signed integers of 64 bits, negative ones as 2^128 less."""
    words = np.empty((len(values), 2), dtype="<u8")
    words[:, 0] = values.view(np.uint64)
    words[:, 1] = (values >> 63).view(np.uint64)  # all ones if it is negative
    return words


def of_integers(values: Sequence[int]) -> Words:
    """Integers of any size, mod 2^128: negative ones as 2^128 less."""
    raw = b"".join((value % MODULUS).to_bytes(WORD_BYTES, "little") for value in values)
    return of_bytes(raw)


def to_integers(words: Words) -> list[int]:
    """As integers in [-2^127, 2^127)."""
    return [signed(low | high << 64) for low, high in words.tolist()]


def signed(word: int) -> int:
    """The integer in [-2^127, 2^127) that is congruent to `word`."""
    return (word + MODULUS // 2) % MODULUS - MODULUS // 2


def of_bytes(raw: bytes) -> Words:
    """As they travel; the caller has checked the length."""
    return np.frombuffer(raw, dtype="<u8").reshape(-1, 2)


def to_bytes(words: Words) -> bytes:
    """As they travel: 16 bytes an integer, little-endian."""
    return np.ascontiguousarray(words, dtype="<u8").tobytes()
