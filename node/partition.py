"""An owner's blocks by buckets, until their turn comes: in memory; what is too much, on disk.

Learns      nobody: blocks are hashes of keys under the two owners' key
Not for     keeping: an attempt that begins anew makes its blocks anew
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.spill import Place, Spill
from psi.rr22.items import Scattered

BUCKETS_IN_FLIGHT_BYTES = 448 << 20
"""Memory of two buckets of psi/rr22 while one is prepared and one matched, measured at 2^20."""


@contextmanager
def partition(folder: Path, memory: int) -> Iterator["Partition"]:
    """An empty one, for a run that may take `memory` bytes; what is too much goes to `folder`."""
    with ExitStack() as stack:
        yield Partition(folder, max(memory - BUCKETS_IN_FLIGHT_BYTES, 0), stack)


@dataclass(frozen=True, slots=True)
class _Part:
    """Blocks, so many bytes of them, and rows of one bucket, together."""

    blocks: int
    place: Place


class Partition:
    """Made by `partition`; first everything is added, then bucket after bucket is read."""

    def __init__(self, folder: Path, room: int, stack: ExitStack) -> None:
        self._folder = folder
        self._room = room
        self._stack = stack
        self._kept: list[Scattered] = []
        self._spilled: list[list[_Part]] = []
        self._spill: Spill | None = None

    @property
    def on_disk(self) -> int:
        """Bytes that found no room in memory."""
        return self._spill.size if self._spill else 0

    def add(self, scattered: Scattered) -> None:
        """Some more of the set. Raises StorageFull. Blocking."""
        if scattered.size <= self._room:
            self._room -= scattered.size
            self._kept.append(scattered)
            return
        if self._spill is None:
            self._spill = Spill(self._folder, self._stack)
        parts = [scattered.part(bucket) for bucket in range(len(scattered.starts) - 1)]
        places = self._spill.add([blocks + rows for blocks, rows in parts])
        self._spilled.append(
            [_Part(len(blocks), place) for (blocks, _), place in zip(parts, places, strict=True)]
        )

    def parts(self, bucket: int) -> list[tuple[bytes, bytes]]:
        """Blocks and rows of one bucket, in as many pieces as they came in. Blocking."""
        kept = [scattered.part(bucket) for scattered in self._kept]
        return kept + [self._read(parts[bucket]) for parts in self._spilled]

    def _read(self, part: _Part) -> tuple[bytes, bytes]:
        assert self._spill is not None
        opened = self._spill.read(part.place)
        return opened[: part.blocks], opened[part.blocks :]
