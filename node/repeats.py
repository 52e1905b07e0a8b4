"""Whether any key of a column repeats another, of however many keys, without holding them.

Numbers of 64 bits that stand for the keys go to a file without a name, each batch sorted. In the
end one part of all numbers after the other is read and sorted: memory holds one in so many.

Errors      an OSError of a disk that takes no more, which a scratch folder makes a StorageFull
Learns      the owner alone: the file is as good as plaintext, in a scratch folder
"""

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

_PARTS = 64
_BITS = 64
_NUMBER_BYTES = 8

Numbers = NDArray[np.uint64]


class Repeats:
    """First every batch is added, then `found` is asked."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """The file lies in `folder` and lives as long as `stack`."""
        file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # closed by the stack
        self._file = stack.enter_context(file)
        self._size = 0
        self._starts: list[NDArray[np.intp]] = []
        self._repeated = False

    def add(self, numbers: Numbers) -> None:
        """Some more."""
        if self._repeated:
            return
        ascending = np.sort(numbers)
        self._repeated = _repeats(ascending)
        first = np.arange(_PARTS, dtype=np.uint64) << np.uint64(_BITS - _PARTS.bit_length() + 1)
        starts = np.append(np.searchsorted(ascending, first), len(ascending))
        self._starts.append(self._size + starts)
        self._size += len(ascending)
        rest = ascending.data.cast("B")
        while rest:
            rest = rest[self._file.write(rest) :]

    def found(self) -> bool:
        """Whether two numbers are the same."""
        return self._repeated or any(_repeats(np.sort(self._part(i))) for i in range(_PARTS))

    def _part(self, part: int) -> Numbers:
        pieces = [
            os.pread(
                self._file.fileno(),
                int(starts[part + 1] - starts[part]) * _NUMBER_BYTES,
                int(starts[part]) * _NUMBER_BYTES,
            )
            for starts in self._starts
        ]
        return np.frombuffer(b"".join(pieces), dtype=np.uint64)


def _repeats(ascending: Numbers) -> bool:
    return bool(np.any(ascending[1:] == ascending[:-1]))
