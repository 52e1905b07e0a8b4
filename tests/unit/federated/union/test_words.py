"""128-bit words in two columns, against Python's integers."""

from random import Random

import numpy as np
import pytest

from federated.union import words as word

CHANCE = Random(128)
EDGES = [0, 1, -1, 2**64 - 1, 2**64, 2**64 + 1, -(2**64), 2**127 - 1, -(2**127), 2**126, -(2**126)]
MANY = [*EDGES, *(CHANCE.randrange(-(2**127), 2**127) for _ in range(50))]


def wrapped(value: int) -> int:
    return (value + 2**127) % 2**128 - 2**127


def test_integers_come_back() -> None:
    assert word.to_integers(word.of_integers(MANY)) == MANY
    raw = word.to_bytes(word.of_integers([1, -1]))
    assert raw == b"\x01" + bytes(15) + b"\xff" * 16
    assert word.to_integers(word.of_bytes(raw)) == [1, -1]


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_sums_and_differences_carry(shift: int) -> None:
    other = MANY[shift:] + MANY[:shift]
    left, right = word.of_integers(MANY), word.of_integers(other)
    pairs = list(zip(MANY, other, strict=True))
    assert word.to_integers(word.added(left, right)) == [wrapped(a + b) for a, b in pairs]
    assert word.to_integers(word.subtracted(left, right)) == [wrapped(a - b) for a, b in pairs]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 61])
def test_all_words_added_up(count: int) -> None:
    (found,) = word.to_integers(word.added_up(word.of_integers(MANY[:count])))
    assert found == wrapped(sum(MANY[:count]))


def test_many_arrays_added_up() -> None:
    arrays = [word.of_integers(MANY[at : at + 9]) for at in range(0, 45, 9)]
    expected = [wrapped(sum(MANY[at + place] for at in range(0, 45, 9))) for place in range(9)]
    assert word.to_integers(word.total(arrays, 9)) == expected
    assert word.total([], 3).tolist() == np.zeros((3, 2)).tolist()
