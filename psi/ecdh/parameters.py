"""What both parties agreed before the first message of an ECDH intersection (psi/SPEC.md §2)."""

from dataclasses import dataclass
from typing import Final, Literal

from contract.errors import BadRequest
from contract.sizes import is_size

LARGEST_SIZE: Final = 2**20
"""Points in one list: as much as one message may hold in memory. A larger set needs buckets."""

RUN_ID_BYTES: Final = 32

Mode = Literal["intersection", "cardinality"]
Role = Literal["receiver", "sender"]
Curve = Literal["ristretto255", "sm2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The same on both sides: each compiles it from the signed contract and start record.

    The receiver is the first one that the contract names; `both` says that the sender is one too.
    Sizes are what is sent, dummies included. Raises BadRequest.
    """

    run_id: bytes
    receiver_size: int
    sender_size: int
    mode: Mode
    both: bool
    curve: Curve = "ristretto255"

    def __post_init__(self) -> None:
        _require(len(self.run_id) == RUN_ID_BYTES, "a run id has 32 bytes")
        _require(self.mode in ("intersection", "cardinality"), "no such mode")
        for size in (self.receiver_size, self.sender_size):
            _require(
                size <= LARGEST_SIZE and is_size(size),
                f"a set's size is one that sets are padded to, at most {LARGEST_SIZE}",
            )

    def size_of(self, role: Role) -> int:
        """Points that `role` sends."""
        return self.receiver_size if role == "receiver" else self.sender_size


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise BadRequest(
            f"these parameters make no ECDH intersection: {rule}",
            fix="Propose the job again with sizes and kind that the protocol has.",
            rule="psi/SPEC.md §2",
        )
