"""Repeats are found wherever the two stand, and only where there are some."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from node.repeats import Numbers, Repeats

LARGEST = 2**64 - 1


def repeat(folder: Path, *batches: list[int] | Numbers) -> bool:
    with ExitStack() as stack:
        repeats = Repeats(folder, stack)
        for batch in batches:
            repeats.add(np.array(batch, dtype=np.uint64))
        return repeats.found()


@pytest.mark.parametrize(
    "batches",
    [
        [[7, 7]],
        [[7], [7]],
        [[0], [], [1, 0]],
        [[LARGEST, 1], [2, LARGEST]],
        [[1 << 58, 3], [5, 1 << 58]],
        [[2, 2], [3], [4]],
    ],
    ids=["together", "apart", "zero", "largest", "at a part's edge", "before others"],
)
def test_two_of_one_number_are_found(tmp_path: Path, batches: list[list[int]]) -> None:
    assert repeat(tmp_path, *batches)


@pytest.mark.parametrize(
    "batches",
    [[], [[]], [[5]], [[0, LARGEST], [1, LARGEST - 1]], [[(1 << 58) - 1, 1 << 58], [2 << 58]]],
    ids=["nothing", "empty", "one", "both ends", "a part's edge"],
)
def test_different_numbers_repeat_nothing(tmp_path: Path, batches: list[list[int]]) -> None:
    assert not repeat(tmp_path, *batches)


@pytest.mark.parametrize("bits", [0, 40])
def test_one_repeat_among_many_is_found_and_nothing_is_left(tmp_path: Path, bits: int) -> None:
    chance = np.random.default_rng(1)
    numbers = (np.unique(chance.integers(0, LARGEST, 1 << 17, np.uint64)) >> np.uint64(bits)) * 3
    numbers = chance.permutation(np.unique(numbers))
    batches = np.array_split(numbers, 5)
    assert not repeat(tmp_path, *batches)
    assert repeat(tmp_path, *batches, numbers[17:18])
    assert list(tmp_path.iterdir()) == []
