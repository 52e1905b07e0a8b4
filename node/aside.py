"""An owner's columns of numbers, until it is their turn: in memory; what is too much, on disk."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from node.spill import Place, Spill

Integers = NDArray[np.int64]


class Aside(Sequence[Integers]):
    """Columns, added one by one and read as often as is liked; each is read anew."""

    def __init__(self, folder: Path, room: int, stack: ExitStack) -> None:
        """`room`: bytes that stay in memory; what is too much goes to `folder`."""
        self._folder, self._room, self._stack = folder, room, stack
        self._columns: list[Integers | Place] = []
        self._spill: Spill | None = None

    @property
    def on_disk(self) -> int:
        """Bytes that found no room in memory."""
        return self._spill.size if self._spill else 0

    def append(self, column: Integers) -> None:
        """One more. Raises StorageFull. Blocking."""
        if column.nbytes <= self._room:
            self._room -= column.nbytes
            self._columns.append(column)
            return
        if self._spill is None:
            self._spill = Spill(self._folder, self._stack)
        self._columns += self._spill.add([np.ascontiguousarray(column).data.cast("B")])

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, number: int) -> Integers: ...
    @overload
    def __getitem__(self, number: slice) -> list[Integers]: ...

    def __getitem__(self, number: int | slice) -> Integers | list[Integers]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        held = self._columns[number]
        if isinstance(held, Place):
            assert self._spill is not None
            return np.frombuffer(self._spill.read(held), dtype=np.int64)
        return held
