"""What all members of an attempt and the coordinator agreed before its first message.

Implements  federated/SPEC.md §5.2: the members, how many shares open a seed, the shape of the words
"""

from dataclasses import dataclass
from typing import Final

from contract.errors import BadRequest
from contract.job import FEWEST_CONTRIBUTORS, MOST_CONTRIBUTORS, shares_to_open
from federated.paillier.parameters import CIPHERTEXT_BYTES, ciphertexts_of
from federated.union.shamir import SECRET_BYTES, SHARE_BYTES
from federated.words import WORD_BYTES

SEED_BYTES: Final = SECRET_BYTES
"""Of a self-mask: what is shared among the members."""

TAG_BYTES: Final = 16
"""What sealing adds (RFC 8439)."""

BOX_BYTES: Final = 2 * SHARE_BYTES + TAG_BYTES
"""One member's shares for another: of the seed for counts, of the seed for sums; sealed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The same everywhere: compiled from the contract, the run and what was said in it."""

    run_id: bytes
    number: int
    members: tuple[str, ...]
    """In the contract's order."""
    receiver: str
    cells: int
    columns: int
    """Sums of every cell; its count (counts.py), which the thresholds are about, is one more."""
    encrypted: bool = False
    """Whether the masked sums travel under the receiver's Paillier key (§5.8)."""

    def __post_init__(self) -> None:
        _require(len(self.run_id) == 32, "a run id has 32 bytes")
        _require(1 <= self.number <= MOST_CONTRIBUTORS, "there are not so many attempts")
        few, many = FEWEST_CONTRIBUTORS, MOST_CONTRIBUTORS
        _require(few <= len(self.members) <= many, f"there are {few} to {many} members")
        _require(len(set(self.members)) == len(self.members), "a member is named twice")
        _require(self.receiver in self.members, "the receiver is no member")
        _require(self.cells >= 1 and self.columns >= 0, "there is nothing to add up")

    @property
    def threshold(self) -> int:
        """How many shares open the seed of somebody who is gone: T."""
        return shares_to_open(len(self.members))

    @property
    def words(self) -> int:
        """How many integers a member masks: the count of every cell, then column after column."""
        return self.cells + self.sums

    @property
    def sums(self) -> int:
        """How many of these are sums."""
        return self.cells * self.columns

    @property
    def ciphertexts(self) -> int:
        """In how many ciphertexts the sums travel, if they are encrypted."""
        return ciphertexts_of(self.sums)

    @property
    def masked_bytes(self) -> int:
        """The length of a member's contribution: sealed shares for every other one, and words."""
        return self.shares_bytes + WORD_BYTES * self.cells + self.sums_bytes

    @property
    def sums_bytes(self) -> int:
        """The length of the sums of all cells as they travel."""
        return CIPHERTEXT_BYTES * self.ciphertexts if self.encrypted else WORD_BYTES * self.sums

    def totals_bytes(self, rows: int) -> int:
        """The length of what the coordinator adds up for so many opened rows.

        Encrypted, they are in the same ciphertexts with all others, which are covered there.
        """
        if self.encrypted:
            return self.sums_bytes if rows else 0
        return WORD_BYTES * rows * self.columns

    @property
    def shares_bytes(self) -> int:
        """The length of the sealed shares that one member sends, and that one gets."""
        return BOX_BYTES * (len(self.members) - 1)

    def others(self, member: str) -> tuple[str, ...]:
        """Every member but this one, in order."""
        return tuple(other for other in self.members if other != member)

    def opening_bytes(self, rows: int) -> int:
        """The length of what opens so many rows of sums, sealed for the receiver."""
        return WORD_BYTES * rows * self.columns + TAG_BYTES


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise BadRequest(
            f"these parameters make no sum over many organisations: {rule}",
            fix="Propose the job again with organisations and dimensions that the protocol has.",
            rule="federated/SPEC.md §5.2",
        )
