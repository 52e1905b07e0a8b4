"""An owner's blocks by buckets, until their turn comes: in memory; what is too much, on disk.

What lies on disk is sealed (AES-256-GCM) under a key that this process alone has, in a file without
a name: when the process ends, however it ends, nothing is left, and nothing could be read.

Learns      nobody: blocks are hashes of keys under the two owners' key
Not for     keeping: an attempt that begins anew makes its blocks anew
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contract.errors import OurError
from node.scratch import disk_refusals, scratch
from psi.rr22.items import Scattered

BUCKETS_IN_FLIGHT_BYTES = 448 << 20
"""Memory of two buckets of psi/rr22 while one is prepared and one matched, measured at 2^20."""

_NONCE_BYTES = 12
_TAG_BYTES = 16


@contextmanager
def partition(folder: Path, memory: int) -> Iterator["Partition"]:
    """An empty one, for a run that may take `memory` bytes; what is too much goes to `folder`."""
    with ExitStack() as stack:
        yield Partition(folder, max(memory - BUCKETS_IN_FLIGHT_BYTES, 0), stack)


class Partition:
    """Made by `partition`; first everything is added, then bucket after bucket is read."""

    def __init__(self, folder: Path, room: int, stack: ExitStack) -> None:
        self._folder = folder
        self._room = room
        self._stack = stack
        self._kept: list[Scattered] = []
        self._spill: _Spill | None = None

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
            self._spill = _Spill(self._folder, self._stack)
        self._spill.add(scattered)

    def parts(self, bucket: int) -> list[tuple[bytes, bytes]]:
        """Blocks and rows of one bucket, in as many pieces as they came in. Blocking."""
        kept = [scattered.part(bucket) for scattered in self._kept]
        return kept + (self._spill.parts(bucket) if self._spill else [])


class _Spill:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        work = stack.enter_context(scratch(folder))
        with disk_refusals():
            file = TemporaryFile(dir=work, buffering=0)  # noqa: SIM115  # closed by the stack
            self._file = stack.enter_context(file)
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._sealed: list[list[tuple[int, int, int]]] = []
        self._number = 0
        self.size = 0

    def add(self, scattered: Scattered) -> None:
        places, pieces = [], []
        for bucket in range(len(scattered.starts) - 1):
            blocks, rows = scattered.part(bucket)
            sealed = self._cipher.encrypt(self._nonce(self._number), blocks + rows, None)
            places.append((self.size, len(blocks), self._number))
            pieces.append(sealed)
            self.size += len(sealed)
            self._number += 1
        places.append((self.size, 0, 0))
        self._sealed.append(places)
        with disk_refusals():
            _write(self._file.fileno(), b"".join(pieces))

    def parts(self, bucket: int) -> list[tuple[bytes, bytes]]:
        return [self._part(places, bucket) for places in self._sealed]

    def _part(self, places: list[tuple[int, int, int]], bucket: int) -> tuple[bytes, bytes]:
        (start, length, number), (end, _, _) = places[bucket : bucket + 2]
        try:
            with disk_refusals():
                sealed = os.pread(self._file.fileno(), end - start, start)
            opened = self._cipher.decrypt(self._nonce(number), sealed, None)
        except InvalidTag:
            raise OurError(
                "what a run had set aside on the disk came back altered",
                fix="Look at the disk of this node's data folder, then start the job again.",
            ) from None
        return opened[:length], opened[length:]

    @staticmethod
    def _nonce(number: int) -> bytes:
        # Each number once under a key that is as old as the file.
        return number.to_bytes(_NONCE_BYTES, "big")


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]
