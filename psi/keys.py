"""An owner's keys, all in one piece: a list of a million objects would weigh three times as much.

A sequence of canonical keys (contract/keys.py) that is made once and then only read. The core takes
the two pieces as they are.
"""

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Ends = NDArray[np.uint32]


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
        """The keys of all parts, of which only one need be there at a time."""
        joined, lengths = bytearray(), [np.zeros(0, dtype=np.int64)]
        for part in parts:
            joined += b"".join(part)
            lengths.append(np.fromiter(map(len, part), dtype=np.int64, count=len(part)))
        return Keys(bytes(joined), np.cumsum(np.concatenate(lengths)).astype(np.uint32))

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
