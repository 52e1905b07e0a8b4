"""What a run has no room for in memory: on disk, sealed, until its turn comes.

Sealed (AES-256-GCM) under a key that this process alone has, in a file without a name: when the
process ends, however it ends, nothing is left, and nothing could be read.

Learns      nobody
Not for     keeping: an attempt that begins anew makes anew what it had set aside
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contract.errors import OurError
from node.scratch import disk_refusals, scratch

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece lies, sealed."""

    start: int
    length: int


class Spill:
    """An empty file in `folder`, until `stack` ends."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        work = stack.enter_context(scratch(folder))
        with disk_refusals():
            file = TemporaryFile(dir=work, buffering=0)  # noqa: SIM115  # closed by the stack
            self._file = stack.enter_context(file)
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self.size = 0

    def add(self, pieces: Sequence[bytes | memoryview]) -> list[Place]:
        """Set pieces aside. Raises StorageFull. Blocking."""
        places, sealed = [], []
        for piece in pieces:
            sealed.append(self._cipher.encrypt(_nonce(self.size), piece, None))
            places.append(Place(self.size, len(sealed[-1])))
            self.size += len(sealed[-1])
        rest = memoryview(b"".join(sealed) if len(sealed) > 1 else sealed[0])
        with disk_refusals():
            while rest:
                # Asked each time: of a run that has ended the file is closed, its number taken.
                rest = rest[os.write(self._file.fileno(), rest) :]
        return places

    def read(self, place: Place) -> bytes:
        """A piece that was set aside. Blocking."""
        try:
            with disk_refusals():
                sealed = os.pread(self._file.fileno(), place.length, place.start)
            return self._cipher.decrypt(_nonce(place.start), sealed, None)
        except InvalidTag:
            raise OurError(
                "what a run had set aside on the disk came back altered",
                fix="Look at the disk of this node's data folder, then start the job again.",
            ) from None


def _nonce(start: int) -> bytes:
    # One piece begins there under a key that is as old as the file.
    return start.to_bytes(_NONCE_BYTES, "big")
