"""What this node has answered: of every query, which subjects it brought, and in which groups.

Implements  an owner's guard against differences (docs/decisions/0037): no two rows of answers to
            one receiver may differ by fewer of its subjects than its policy says, unless by none
Learns      nobody: the files are the owner's own, mode 0600, beside its snapshots
Not safe    against what the owner can't see: a receiver that changes its own list, differences of
            rows between owners' groups, and differences of three answers or more; nor of several
            branches of a CASE that are added up together. A refusal tells that an earlier answer
            was near

A row is a group of the owner's own, or its whole list, or of either what takes a branch of a CASE
that is added up; what other owners bring makes it smaller, and the difference of two rows, too. In
a join, groups below k have no row of their own. In a row, a subject is there with a part: itself;
of a key of several columns, those of its keys that are there; in a sum over UNION ALL, those of its
rows. Two rows are compared if a subject has the same part in both: that one then vanishes from
their difference, and those that have not stay.

Files       <folder>/<receiver>/<dataset>/<what parts are>/<SHA-256 of the content>: how many of
            subjects in groups there are, then of each the subject's number (64 bits, ascending),
            that of its part (64 bits), then the number of the group (32 bits); one more byte at
            the end of groups that a CASE divides
            <folder>/seed: what subjects are numbered by
"""

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import Withheld
from contract.keys import KeyKind, PartKind
from federated.join.codes import Groups
from node.key_parts import columns_of
from node.scratch import create, scratch, settle, storage_full
from psi.keys import Keys, counted_from

_LONGEST_KEY: Final = 64
"""Bytes of a subject's key that its number is made of; canonical keys are shorter."""
_AT_ONCE: Final = 1 << 15
_NONE: Final = -1
_ROWS: Final = "rows"

Numbers = NDArray[np.uint64]
Places = NDArray[np.int32]
Branches = NDArray[np.integer]
"""Which branches of a CASE are taken, a bit for each."""


@dataclass(frozen=True, slots=True, repr=False)
class Brought:
    """What an owner brings into one query: each subject in each of the owner's own groups."""

    subjects: Numbers
    """Ascending."""
    parts: Numbers
    """What of the subject is in the group; its parts in two groups add up to that in both."""
    groups: Places
    """Numbered as they come; -1 for one that has no row of its own."""
    divided: bool = False
    """By branches of a CASE: then what is in all groups together is no row beside them."""

    def to_bytes(self) -> bytes:
        """As it is kept."""
        head = len(self.subjects).to_bytes(8, "little")
        wide = (self.subjects.astype("<u8").tobytes(), self.parts.astype("<u8").tobytes())
        end = b"\1" if self.divided else b""
        return b"".join((head, *wide, self.groups.astype("<i4").tobytes(), end))

    @staticmethod
    def from_bytes(content: bytes) -> "Brought":
        """As it was kept."""
        count = int.from_bytes(content[:8], "little")
        subjects, parts = (
            np.frombuffer(content, "<u8", count, offset=8 + 8 * count * at).astype(np.uint64)
            for at in range(2)
        )
        groups = np.frombuffer(content, "<i4", count, offset=8 + 16 * count).astype(np.int32)
        return Brought(subjects, parts, groups, len(content) > 8 + 20 * count)

    @staticmethod
    def of(
        subjects: Numbers, parts: Numbers, groups: Places, *, divided: bool = False
    ) -> "Brought":
        """From parts in any order, of which a subject may have several in a group."""
        order = np.lexsort((groups, subjects))
        subjects, groups = subjects[order], groups[order]
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = (subjects[1:] != subjects[:-1]) | (groups[1:] != groups[:-1])
        starts = np.flatnonzero(first)
        # Modulo 2^64.
        together = np.add.reduceat(parts[order], starts) if len(starts) else parts
        return Brought(subjects[starts], together, groups[starts], divided)

    def rows(self) -> tuple["Brought", ...]:
        """Only what is in groups that have a row of their own; and the whole list for one group."""
        has = self.groups > _NONE
        of_groups = Brought(self.subjects[has], self.parts[has], self.groups[has])
        if self.divided:
            return (of_groups,)
        one_group = np.zeros(len(self.groups), dtype=np.int32)
        return of_groups, Brought.of(self.subjects, self.parts, one_group)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """An owner's part of an answer, and by how many subjects its rows must differ from others'."""

    receiver: str
    dataset: str
    of: str
    """What its parts are: the columns of a key, or rows; others are not compared."""
    brought: Brought
    fewest: int


class Answered:
    """The answers that this node took part in, by receiver and dataset. All methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()

    def brought_keys(
        self,
        keys: Sequence[bytes],
        groups: Sequence[Hashable],
        k: int,
        columns: Mapping[str, PartKind],
        taken: Sequence[Branches] = (),
    ) -> Iterator[tuple[str, Brought]]:
        """What a join is about to be given: keys, each once, and the group of each.

        `columns` are those of the key, in its order; `taken` has of each CASE that is added up the
        branches that each key takes. For each column that holds keys, which are subjects then, and
        for each way to divide them: what its parts are called, and what is brought.
        """
        with self._lock:
            seed = self._seed()
        found = Groups.of(groups).of_keys.copy()
        small = np.bincount(found, minlength=1) < k
        found[small[found]] = _NONE
        each = [key_numbers(one, seed) for one in columns_of(Keys.of(keys), len(columns))]
        # A statement may name the columns in any order.
        by_name = sorted(zip(columns, each, strict=True), key=itemgetter(0))
        parts = np.zeros(len(found), dtype=np.uint64)
        for place, (_, numbers) in enumerate(by_name):
            parts += numbers * (seed[-1 - place] | np.uint64(1))
        for (name, kind), subjects in zip(columns.items(), each, strict=True):
            if isinstance(kind, KeyKind):
                called = ".".join((name, *(other for other, _ in by_name if other != name)))
                for one in _brought(subjects, parts, found, taken):
                    yield called, one

    def brought_rows(
        self,
        subjects: Keys,
        parts: Numbers,
        groups: Sequence[Hashable],
        taken: Sequence[Branches] = (),
    ) -> Iterator[tuple[str, Brought]]:
        """The same of a sum over UNION ALL: of each subject in a group, its rows there.

        Every group has a row: others' rows may make it large enough.
        """
        with self._lock:
            seed = self._seed()
        numbers = key_numbers(subjects, seed)
        for one in _brought(numbers, parts, Groups.of(groups).of_keys, taken):
            yield _ROWS, one

    def _check(self, answer: Answer, me: str) -> None:
        rows = answer.brought.rows()
        for old in self._kept(answer):
            if 0 < nearest_rows(old.rows(), rows) < answer.fewest:
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
            # What was given before tells nothing more, however near its own rows are.
            found = [(self._file(one), one) for one in answers]
            new = [(file, answer) for file, answer in found if not file.exists()]
            for _, answer in new:
                self._check(answer, me)
            for file, answer in new:
                self._write(file, answer.brought.to_bytes())

    def _write(self, file: Path, content: bytes) -> None:
        folder = file.parent
        try:
            with scratch(self._folder) as work:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                unfinished = work / file.name
                create(unfinished, content)
                unfinished.rename(file)
                settle(folder)
        except OSError:
            raise storage_full() from None

    def _place(self, answer: Answer) -> Path:
        return self._folder / answer.receiver / answer.dataset / answer.of

    def _file(self, answer: Answer) -> Path:
        return self._place(answer) / sha256(answer.brought.to_bytes()).hexdigest()

    def _kept(self, answer: Answer) -> Iterator[Brought]:
        folder = self._place(answer)
        names = sorted(folder.glob("*")) if folder.is_dir() else []
        # A killed process of an earlier version may have left half of one, with a suffix.
        return (Brought.from_bytes(one.read_bytes()) for one in names if not one.suffix)

    def _seed(self) -> NDArray[np.uint64]:
        file = self._folder / "seed"
        if not file.exists():
            self._write(file, os.urandom(8 * _LONGEST_KEY))
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


def _brought(
    subjects: Numbers, parts: Numbers, groups: Places, taken: Sequence[Branches]
) -> Iterator[Brought]:
    """By groups; then by each of them, and of the whole list, by the branches of each CASE."""
    yield Brought.of(subjects, parts, groups)
    whole = np.zeros(len(groups), dtype=np.int32)
    for branches in taken:
        different, numbers = np.unique(branches, return_inverse=True)
        for within in (groups, whole) if groups.any() else (whole,):
            pairs = within.astype(np.int64) * len(different) + numbers.reshape(-1)
            _, numbered = np.unique(pairs, return_inverse=True)
            apart = np.where(within > _NONE, numbered.reshape(-1), _NONE).astype(np.int32)
            yield Brought.of(subjects, parts, apart, divided=True)


def nearest_rows(old: Sequence[Brought], new: Sequence[Brought]) -> int:
    """By how many subjects the two nearest rows differ that differ at all; 0 if none do."""
    found = [one for pair in product(old, new) for one in _differences(*pair)]
    return min((one for one in found if one), default=0)


def _differences(old: Brought, new: Brought) -> list[int]:
    """Between every two rows, one of each, in which a subject has the same part."""
    width = int(new.groups.max(initial=0)) + 1
    found = [np.zeros((3, 0), dtype=np.int64)]
    for first in range(0, len(old.subjects), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        ours, theirs = _pairs(old.subjects[part], new.subjects)
        rows = old.groups[part][ours].astype(np.int64) * width + new.groups[theirs]
        alike = (old.parts[part][ours] == new.parts[theirs]).astype(np.int64)
        found.append(_counted(rows, np.ones(len(rows), dtype=np.int64), alike))
    rows, both, alike = _counted(*np.concatenate(found, axis=1))
    sizes = [np.bincount(one.groups, minlength=1) for one in (old, new)]
    either = sizes[0][rows // width] + sizes[1][rows % width] - both
    return [int(one) for one in (either - alike)[alike > 0]]


def _counted(
    rows: NDArray[np.int64], both: NDArray[np.int64], alike: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Each pair of rows once; how many subjects are in both, and how many with the same part."""
    pairs, places = np.unique(rows, return_inverse=True)
    sums = [np.bincount(places, one, len(pairs)).astype(np.int64) for one in (both, alike)]
    return np.stack([pairs, *sums])


def _pairs(ours: Numbers, theirs: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of the same subject in two ascending lists, each with each."""
    starts = np.searchsorted(theirs, ours, "left")
    counts = np.searchsorted(theirs, ours, "right") - starts
    return np.repeat(np.arange(len(ours)), counts), counted_from(starts, counts)
