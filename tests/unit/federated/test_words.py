"""128-bit words in two columns, against Python's integers."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated import words as word
from federated.words import MODULUS, Words, signed

CHANCE = Random(128)
EDGES = [0, 1, -1, 2**64 - 1, 2**64, 2**64 + 1, -(2**64), 2**127 - 1, -(2**127), 2**126, -(2**126)]
MANY = [*EDGES, *(CHANCE.randrange(-(2**127), 2**127) for _ in range(50))]

WORDS = st.integers(0, MODULUS - 1)
VALUES = st.integers(-(1 << 63), (1 << 63) - 1)


def words(integers: list[int]) -> Words:
    return word.of_bytes(b"".join(one.to_bytes(16, "little") for one in integers))


def integers(of: Words) -> list[int]:
    return [low + (high << 64) for low, high in of.tolist()]


def wrapped(value: int) -> int:
    return (value + 2**127) % 2**128 - 2**127


def test_integers_come_back() -> None:
    assert word.to_integers(word.of_integers(MANY)) == MANY
    raw = word.to_bytes(word.of_integers([1, -1]))
    assert raw == b"\x01" + bytes(15) + b"\xff" * 16
    assert word.to_integers(word.of_bytes(raw)) == [1, -1]


@given(st.lists(VALUES))
def test_signed_integers_come_back(values: list[int]) -> None:
    made = word.of_column(np.array(values, dtype=np.int64))
    assert [signed(one) for one in integers(made)] == values
    raw = b"".join((one % MODULUS).to_bytes(16, "little") for one in values)
    assert word.to_bytes(made) == raw


@given(st.lists(st.tuples(WORDS, WORDS)))
def test_words_add_up_as_integers_do(pairs: list[tuple[int, int]]) -> None:
    ones, others = words([one for one, _ in pairs]), words([other for _, other in pairs])
    sums = [(one + other) % MODULUS for one, other in pairs]
    assert integers(word.added(ones, others)) == sums


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
