"""An owner's keys, all in one piece: a list of a million objects would weigh three times as much.

A sequence of canonical keys (contract/keys.py) that is made once and then only read. The core takes
the two pieces as they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from contract.errors import DatasetOutgrown
from native import _core

MOST_BYTES: Final = 2**32 - 1
"""Of keys in one piece: as many as the ends of keys can count."""

Ends = NDArray[np.uint32]
Rows = NDArray[np.uint32]
Places = NDArray[np.int64]


def counted_from(starts: Places, counts: Places) -> Places:
    """So many places from each start on, one run after the other."""
    # Where a run begins, less what the runs before it took.
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))


def require_bytes(size: int) -> None:
    """That keys of so many bytes go into one piece. Raises DatasetOutgrown."""
    if size > MOST_BYTES:
        raise DatasetOutgrown(
            f"the dataset's keys have more than {MOST_BYTES} bytes together, and a job that takes"
            " them all at once takes no more",
            fix="Prepare a dataset of fewer keys, or of shorter ones: a key of several columns has"
            " the texts of all of them. An intersection of two by rr22 takes keys of any length.",
            rule=f"{MOST_BYTES} bytes of keys",
        )


class Keys(Sequence[bytes]):
    """`joined` has the keys one after the other, `ends` where each ends."""

    __slots__ = ("ends", "joined")

    def __init__(self, joined: bytes, ends: Ends) -> None:
        self.joined = joined
        self.ends = ends

    @staticmethod
    def of(keys: Iterable[bytes]) -> "Keys":
        """The keys of any sequence; one that is in one piece already stays so."""
        return keys if isinstance(keys, Keys) else Keys.gathered([list(keys)])

    @staticmethod
    def gathered(parts: Iterable[Sequence[bytes]]) -> "Keys":
        """The keys of all parts, of which only one need be there at a time.

        Raises DatasetOutgrown.
        """
        joined, lengths = bytearray(), [np.zeros(0, dtype=np.int64)]
        for part in parts:
            joined += b"".join(part)
            require_bytes(len(joined))
            lengths.append(np.fromiter(map(len, part), dtype=np.int64, count=len(part)))
        return Keys(bytes(joined), np.cumsum(np.concatenate(lengths)).astype(np.uint32))

    def part(self, start: int, end: int) -> "Keys":
        """Those from the place `start` to before `end`, or to the last."""
        ends = self.ends[start:end]
        before = int(self.ends[start - 1]) if start else 0
        until = int(ends[-1]) if len(ends) else before
        return Keys(self.joined[before:until], ends - np.uint32(before))

    def where(self, wanted: NDArray[np.bool_]) -> "Keys":
        """Those of which `wanted` says so, place by place."""
        lengths = np.diff(self.ends, prepend=np.uint32(0))
        joined = np.frombuffer(self.joined, dtype=np.uint8)[np.repeat(wanted, lengths)]
        return Keys(joined.tobytes(), np.cumsum(lengths[wanted], dtype=np.uint32))

    @staticmethod
    def joined_up(parts: Iterable["Keys"]) -> "Keys":
        """The keys of all parts, each of which is in one piece already. Raises DatasetOutgrown."""
        joined, ends, size = [], [np.zeros(0, dtype=np.uint32)], 0
        for part in parts:
            require_bytes(size + len(part.joined))
            joined.append(part.joined)
            ends.append(part.ends + np.uint32(size))
            size += len(part.joined)
        return Keys(b"".join(joined), np.concatenate(ends))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self._at(one) for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    def _at(self, place: int) -> bytes:
        start = int(self.ends[place - 1]) if place else 0
        return self.joined[start : int(self.ends[place])]

    def packed(self) -> tuple[bytes, bytes]:
        """The keys and their ends as the core takes them."""
        return self.joined, self.ends.astype("<u4").tobytes()


@dataclass(frozen=True, slots=True, repr=False)
class DistinctKeys:
    """The distinct keys of a column, ascending, and which rows have each."""

    keys: Keys
    rows: Rows
    """Those of the first key, then those of the second, …; ascending within a key."""
    starts: Ends
    """Where the rows of each key begin; at the end, how many rows there are."""

    @staticmethod
    def of(keys: Keys, rows: Rows) -> "DistinctKeys":
        """Of keys that may repeat, in any order; `rows[i]` is the row that has `keys[i]`."""
        found = _core.distinct_keys(keys.packed(), rows.astype("<u4", copy=False).tobytes())
        joined, ends, rows_of_each, starts = found
        return DistinctKeys(
            Keys(joined, np.frombuffer(ends, dtype="<u4")),
            np.frombuffer(rows_of_each, dtype="<u4"),
            np.frombuffer(starts, dtype="<u4"),
        )

    def rows_at(self, positions: Sequence[int] | NDArray[np.integer]) -> Rows:
        """The rows that have the keys at these positions of `keys`, in the order of positions."""
        places = np.asarray(positions, dtype=np.int64)
        starts = self.starts[places].astype(np.int64)
        found: Rows = self.rows[counted_from(starts, self.starts[places + 1] - starts)]
        return found

    def wanted(
        self, positions: Sequence[int] | NDArray[np.integer], rows: int
    ) -> NDArray[np.bool_]:
        """Of each of `rows` rows, some of which may have no key, whether it has one of these."""
        wanted = np.zeros(rows, dtype=np.bool_)
        wanted[self.rows_at(positions)] = True
        return wanted
