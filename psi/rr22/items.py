"""From an owner's keys to blocks in buckets, under a key that the two owners make: both roles.

Implements  psi/rr22/SPEC.md §3: Fresh → AwaitShare → Scattering
Learns      nothing: what comes from the peer is 32 random bytes
Secrets     the items' key, inside the core. Whoever has it and a block can try keys: blocks that
            leave the memory are sealed (node/partition.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psi.keys import Keys
from psi.refusals import require_length
from psi.rr22.messages import ReceiverShare, SenderShare
from psi.rr22.parameters import SHARE_BYTES, Parameters, Role
from psi.rr22.secret import Hashing, Sharing, faults, share
from psi.step import Ready

_BLOCK_BYTES = 16
_ROW_BYTES = 4


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has given nothing yet."""

    parameters: Parameters
    role: Role

    def begin(self) -> tuple["AwaitShare", ReceiverShare | SenderShare]:
        """This owner's half of the key."""
        sharing, half = share(self.parameters)
        message = ReceiverShare(half) if self.role == "receiver" else SenderShare(half)
        return AwaitShare(self.parameters, self.role, sharing), message


@dataclass(frozen=True, slots=True, repr=False)
class AwaitShare:
    """Its half is out."""

    parameters: Parameters
    role: Role
    sharing: Sharing

    @property
    def awaits(self) -> type[ReceiverShare] | type[SenderShare]:
        """The other's half."""
        return SenderShare if self.role == "receiver" else ReceiverShare

    def advance(self, message: ReceiverShare | SenderShare) -> tuple["Scattering", None]:
        """The key of the items. Raises BadMessage."""
        require_length("the share", message.content, SHARE_BYTES, "psi/rr22/SPEC.md §3")
        with faults():
            hashing = self.sharing.hashing(message.content, self.role == "receiver")
        return Scattering(self.parameters.buckets, hashing), None


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
    hashing: Hashing

    def scatter(self, keys: Keys, first_row: int) -> Scattered:
        """The i-th key stands in the row `first_row` + i."""
        with faults():
            return Scattered(*self.hashing.scatter(keys.packed(), first_row, self.buckets))
