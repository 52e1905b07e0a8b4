"""What both parties agreed before the first message of an RR22 intersection."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contract.errors import BadRequest
from contract.sizes import is_size
from native._core import rr22_outline

LARGEST_SIZE: Final = 2**28
"""Items of one set: a run of this size has 256 buckets."""

BUCKET_SIZE = 2**20
"""Items of the larger set that a bucket is meant for; part of the protocol, changed by tests only.
Larger ones cost more memory, smaller ones the fixed part of a bucket more often."""

RUN_ID_BYTES: Final = 32
SHARE_BYTES: Final = 32
"""What each owner gives to the key of the items."""

Role = Literal["receiver", "sender"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The same on both sides: each compiles it from the signed contract and start record.

    The receiver is the first one that the contract names; `both` says that the sender is one too.
    `active`: peers that deviate are caught (SPEC §10, experimental). Raises BadRequest.
    """

    run_id: bytes
    receiver_size: int
    sender_size: int
    both: bool
    active: bool = False

    def __post_init__(self) -> None:
        _require(len(self.run_id) == RUN_ID_BYTES, "a run id has 32 bytes")
        for size in (self.receiver_size, self.sender_size):
            _require(
                size <= LARGEST_SIZE and is_size(size),
                f"a set's size is one that sets are padded to, at most {LARGEST_SIZE}",
            )

    @property
    def terms(self) -> tuple[bytes, int, int, int, bool, bool]:
        """What the core is told of a run."""
        sizes = self.receiver_size, self.sender_size, BUCKET_SIZE
        return self.run_id, *sizes, self.both, self.active

    @property
    def outline(self) -> tuple[int, Sequence[int]]:
        """How many buckets there are, and the bytes of the eight messages of each, in order.

        Takes milliseconds: the capacity of a bucket is the tail of a distribution.
        """
        return rr22_outline(self.terms)

    @property
    def buckets(self) -> int:
        """How many buckets there are, each a run of the protocol. As `outline`."""
        buckets, _ = self.outline
        return buckets

    def size_of(self, role: Role) -> int:
        """The most items that `role` may have."""
        return self.receiver_size if role == "receiver" else self.sender_size


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise BadRequest(
            f"these parameters make no RR22 intersection: {rule}",
            fix="Propose the job again with sizes and kind that the protocol has.",
            rule="psi/rr22/SPEC.md §2",
        )
