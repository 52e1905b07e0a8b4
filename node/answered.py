"""What this node has answered: of every query, which subjects it brought, and in which groups.

Implements  an owner's guard against differences (docs/decisions/0037): no two rows of answers to
            one receiver may differ by fewer of its subjects than its policy says, unless by none
Learns      nobody: the files are the owner's own, mode 0600, beside its snapshots
Not safe    against what the owner can't see: a receiver that changes its own list, differences of
            rows between owners' groups, and differences of three answers or more. A refusal tells
            that an earlier answer was near

A row is a group of the owner's own, or its whole list; what other owners bring makes it smaller,
and the difference of two rows, too. Groups below k have no row of their own.

Files       <folder>/<receiver>/<dataset>/<SHA-256 of the content>: number of subjects, then of each
            its number (64 bits, ascending), then the number of its group (32 bits)
            <folder>/seed: what subjects are numbered by
"""

import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import Withheld
from federated.join.codes import Groups
from node.scratch import create, settle, storage_full
from psi.keys import Keys

_LONGEST_KEY: Final = 64
"""Bytes of a subject's key that its number is made of; canonical keys are shorter."""
_AT_ONCE: Final = 1 << 15
_NONE: Final = -1

Numbers = NDArray[np.uint64]
Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True, repr=False)
class Brought:
    """What an owner brings into one query; `groups` are its own, by their numbers."""

    subjects: Numbers
    groups: Places

    def to_bytes(self) -> bytes:
        """As it is kept."""
        head = len(self.subjects).to_bytes(8, "little")
        return head + self.subjects.astype("<u8").tobytes() + self.groups.astype("<i4").tobytes()

    @staticmethod
    def from_bytes(content: bytes) -> "Brought":
        """As it was kept."""
        count = int.from_bytes(content[:8], "little")
        subjects = np.frombuffer(content, "<u8", count, offset=8).astype(np.uint64)
        groups = np.frombuffer(content, "<i4", count, offset=8 + 8 * count).astype(np.int32)
        return Brought(subjects, groups)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An owner's part of an answer, and by how many subjects its rows must differ from others'."""

    receiver: str
    dataset: str
    brought: Brought
    fewest: int


class Answered:
    """The answers that this node took part in, by receiver and dataset. All methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def brought(self, keys: Sequence[bytes], groups: Sequence[Hashable], k: int) -> Brought:
        """What a query is about to be given."""
        with self._lock:
            seed = self._seed()
        numbers = key_numbers(Keys.of(keys), seed)
        found = Groups.of(groups).of_keys.copy()
        small = np.bincount(found, minlength=1) < k
        found[small[found]] = _NONE
        order = np.argsort(numbers, kind="stable")
        return Brought(numbers[order], found[order])

    def _check(self, answer: Answer, me: str) -> None:
        for old in self._kept(answer):
            if 0 < nearest_rows(old, answer.brought) < answer.fewest:
                raise Withheld(
                    f"what {me} would add to differs from what it answered before by fewer than"
                    f" {answer.fewest} subjects",
                    party=me,
                    phase="release",
                    rule=f"policy.toml: min_change = {answer.fewest}",
                    fix="ask what was asked before, on the same data, or for something that"
                    " differs by more",
                )

    def keep(self, answers: Sequence[Answer], me: str) -> None:
        """Remember an answer before it is given, for each dataset that it is made of.

        Withheld if a row of it is too near to another's. Durable when this returns, or StorageFull.
        One of which no more is heard counts as given.
        """
        with self._lock:
            for answer in answers:
                self._check(answer, me)
            for answer in answers:
                self._write(answer)

    def _write(self, answer: Answer) -> None:
        content = answer.brought.to_bytes()
        folder = self._place(answer)
        file = folder / sha256(content).hexdigest()
        if file.exists():
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = file.with_suffix(".new")
            unfinished.unlink(missing_ok=True)
            create(unfinished, content)
            unfinished.rename(file)
            settle(folder)
        except OSError:
            raise storage_full() from None

    def _place(self, answer: Answer) -> Path:
        return self._folder / answer.receiver / answer.dataset

    def _kept(self, answer: Answer) -> Iterator[Brought]:
        folder = self._place(answer)
        names = sorted(folder.glob("*")) if folder.is_dir() else []
        return (Brought.from_bytes(one.read_bytes()) for one in names if not one.suffix)

    def _seed(self) -> NDArray[np.uint64]:
        file = self._folder / "seed"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not file.exists():
                unfinished = file.with_suffix(".new")
                unfinished.unlink(missing_ok=True)
                create(unfinished, os.urandom(8 * _LONGEST_KEY))
                unfinished.rename(file)
        except OSError:
            raise storage_full() from None
        return np.frombuffer(file.read_bytes(), "<u8").astype(np.uint64)


def key_numbers(keys: Keys, seed: NDArray[np.uint64]) -> Numbers:
    """Of each key a number: its bytes, times the seed's words, modulo 2^64.

    Two keys have the same one with a chance of at most 2^-57, over the seed.
    """
    ends = keys.ends.astype(np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])[: len(ends)]
    joined = np.frombuffer(keys.joined, dtype=np.uint8)
    found = np.zeros(len(ends), dtype=np.uint64)
    for first in range(0, len(ends), _AT_ONCE):
        start, end = starts[first : first + _AT_ONCE], ends[first : first + _AT_ONCE]
        for place in range(int((end - start).max())):
            at = start + place
            inside = at < end
            # One more than the byte, so that a key is not another one with zeros at its end.
            byte = joined[np.where(inside, at, 0)].astype(np.uint64) + np.uint64(1)
            word = seed[place % _LONGEST_KEY]
            found[first : first + _AT_ONCE] += np.where(inside, byte * word, np.uint64(0))
    return found


def nearest_rows(old: Brought, new: Brought) -> int:
    """By how many subjects the two nearest rows differ that differ at all; 0 if none do."""
    pairs = _pairs(old, new)
    found = [0]
    for whole in product((False, True), repeat=2):
        found += _differences(_whole(pairs, whole))
    return min((one for one in found if one), default=0)


def _pairs(old: Brought, new: Brought) -> NDArray[np.int64]:
    """Of every subject of either: its group in the old answer and in the new; -2 if not in it."""
    subjects = np.union1d(old.subjects, new.subjects)
    table = np.full((len(subjects), 2), _NONE - 1, dtype=np.int64)
    for column, one in enumerate((old, new)):
        table[np.searchsorted(subjects, one.subjects), column] = one.groups
    return table


def _whole(pairs: NDArray[np.int64], which: tuple[bool, ...]) -> NDArray[np.int64]:
    """The same with the whole list for a row, on the sides that are named."""
    table = pairs.copy()
    for column, whole in enumerate(which):
        if whole:
            table[:, column] = np.where(pairs[:, column] < _NONE, _NONE - 1, 0)
    return table


def _differences(pairs: NDArray[np.int64]) -> list[int]:
    """Between every two rows, one of each answer, that have a subject in common."""
    cells, shared = np.unique(pairs, axis=0, return_counts=True)
    sizes = [
        dict(zip(*(found.tolist() for found in np.unique(side, return_counts=True)), strict=True))
        for side in pairs.T
    ]
    return [
        sizes[0][one] + sizes[1][two] - 2 * count
        for (one, two), count in zip(cells.tolist(), shared.tolist(), strict=True)
        if one > _NONE and two > _NONE
    ]
