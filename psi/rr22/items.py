"""From an owner's keys to blocks in buckets, under a key that the two owners make: both roles.

Implements  psi/rr22/SPEC.md §3: Fresh → AwaitShare → Scattering
Learns      nothing: what comes from the peer is 32 random bytes
Secrets     the items' key, inside the core, and its two halves. Whoever has them and a block can
            try keys: blocks that leave the memory are sealed (node/partition.py), and so are halves
            that are kept for a further attempt (node/filing.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psi.keys import Keys, Rows
from psi.refusals import require_length
from psi.rr22.messages import ReceiverShare, SenderShare
from psi.rr22.parameters import SHARE_BYTES, Parameters, Role
from psi.rr22.secret import Hashing, Sharing, faults, hashing_again, share
from psi.step import Ready

_BLOCK_BYTES = 16
_ROW_BYTES = 4


@dataclass(frozen=True, slots=True, repr=False)
class Halves:
    """What the two owners gave to the key of the items, and in which run."""

    run_id: bytes
    receivers: bytes
    senders: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has given nothing yet."""

    parameters: Parameters
    role: Role

    def begin(self) -> tuple["AwaitShare", ReceiverShare | SenderShare]:
        """This owner's half of the key."""
        sharing, half = share(self.parameters)
        message = ReceiverShare(half) if self.role == "receiver" else SenderShare(half)
        return AwaitShare(self.parameters, self.role, sharing, half), message


@dataclass(frozen=True, slots=True, repr=False)
class AwaitShare:
    """Its half is out."""

    parameters: Parameters
    role: Role
    sharing: Sharing
    half: bytes

    @property
    def awaits(self) -> type[ReceiverShare] | type[SenderShare]:
        """The other's half."""
        return SenderShare if self.role == "receiver" else ReceiverShare

    def advance(self, message: ReceiverShare | SenderShare) -> tuple["Scattering", None]:
        """The key of the items. Raises BadMessage."""
        require_length("the share", message.content, SHARE_BYTES, "psi/rr22/SPEC.md §3")
        first = self.role == "receiver"
        receivers, senders = (self.half, message.content) if first else (message.content, self.half)
        halves = Halves(self.parameters.run_id, receivers, senders)
        with faults():
            hashing = self.sharing.hashing(message.content, first)
        return Scattering(self.parameters.buckets, halves, hashing), None


@dataclass(frozen=True, slots=True, repr=False)
class Scattered:
    """Blocks and rows of some items by their buckets."""

    starts: Sequence[int]
    blocks: bytes
    rows: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.blocks) + len(self.rows)

    def part(self, bucket: int) -> tuple[bytes, bytes]:
        """Blocks and rows of one bucket."""
        start, end = self.starts[bucket], self.starts[bucket + 1]
        blocks = self.blocks[_BLOCK_BYTES * start : _BLOCK_BYTES * end]
        return blocks, self.rows[_ROW_BYTES * start : _ROW_BYTES * end]


@dataclass(frozen=True, slots=True, repr=False)
class Scattering(Ready):
    """Has the key: hashes the set, piece by piece."""

    buckets: int
    halves: Halves
    hashing: Hashing

    @staticmethod
    def again(buckets: int, halves: Halves) -> "Scattering":
        """The one that the halves of an earlier attempt make: every item comes where it was."""
        hashing = hashing_again(halves.run_id, halves.receivers, halves.senders)
        return Scattering(buckets, halves, hashing)

    def scatter(self, keys: Keys, rows: Rows) -> Scattered:
        """`rows[i]` is the row that has `keys[i]`."""
        with faults():
            starts, blocks, places = self.hashing.scatter(keys.packed(), 0, self.buckets)
        numbers = rows[np.frombuffer(places, dtype="<u4")]
        return Scattered(starts, blocks, numbers.astype("<u4", copy=False).tobytes())
