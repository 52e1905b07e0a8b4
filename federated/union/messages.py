"""What travels through the coordinator, byte for byte: every length follows from what was agreed.

Implements  federated/SPEC.md §5.3
Checks      lengths, before anything is read; a field has no other form that could be wrong
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.errors import BadMessage
from federated.union.parameters import BOX_BYTES, SEED_BYTES, TAG_BYTES, Attempt
from federated.union.shamir import SHARE_BYTES
from federated.words import WORD_BYTES, Words, of_bytes

_COUNT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, repr=False)
class Contribution:
    """What a member hands in: sealed shares for every other one, in order, and masked words."""

    boxes: Mapping[str, bytes]
    counts: Words
    sums: bytes
    """As they travel: words, or ciphertexts of words."""


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What the receiver fetches: totals that only self-masks hide, and what takes those off."""

    folded: int
    """How many cells are small but not empty."""
    totals: bytes
    """Of the opened rows; encrypted, of all cells, those that are not opened under a cover."""
    openings: Mapping[str, bytes]
    shares: Mapping[str, bytes]
    """Of the absent, sealed for the receiver by T − 1 others; none if nobody is absent."""


def read_shares(raw: bytes, absent: Sequence[str], member: str) -> dict[str, bytes]:
    """A member's shares of the seeds of the absent, or BadMessage."""
    _require(len(raw) == SHARE_BYTES * len(absent), member)
    return {org: raw[place * SHARE_BYTES :][:SHARE_BYTES] for place, org in enumerate(absent)}


def read_sealed_shares(raw: bytes, absent: Sequence[str], member: str) -> bytes:
    """The same, sealed for the receiver, or BadMessage."""
    _require(len(raw) == sealed_shares_bytes(absent), member)
    return raw


def sealed_shares_bytes(absent: Sequence[str]) -> int:
    """The length of shares that are sealed for the receiver."""
    return SHARE_BYTES * len(absent) + TAG_BYTES


def read_contribution(raw: bytes, attempt: Attempt, member: str) -> Contribution:
    """BadMessage if it is not as long as it must be."""
    _require(len(raw) == attempt.masked_bytes, member)
    others = attempt.others(member)
    boxes = {peer: raw[place * BOX_BYTES :][:BOX_BYTES] for place, peer in enumerate(others)}
    words = raw[attempt.shares_bytes :]
    counts = WORD_BYTES * attempt.cells
    return Contribution(boxes, of_bytes(words[:counts]), words[counts:])


def read_seed(raw: bytes, member: str) -> bytes:
    """The seed of a member's counts, or BadMessage."""
    _require(len(raw) == SEED_BYTES, member)
    return raw


def read_opening(raw: bytes, attempt: Attempt, rows: int, member: str) -> bytes:
    """What a member sealed for the receiver, or BadMessage."""
    _require(len(raw) == attempt.opening_bytes(rows), member)
    return raw


def write_outcome(outcome: Outcome, attempt: Attempt) -> bytes:
    """As the receiver fetches it: openings in the members' order, shares with whose they are."""
    folded = outcome.folded.to_bytes(_COUNT_BYTES, "little")
    openings = b"".join(outcome.openings.values())
    shares = b"".join(
        bytes([attempt.members.index(org)]) + sealed for org, sealed in outcome.shares.items()
    )
    return folded + outcome.totals + openings + shares


def outcome_bytes(attempt: Attempt, rows: int, absent: Sequence[str]) -> int:
    """The length of an outcome."""
    others = len(attempt.members) - 1 - len(absent)
    helpers = (attempt.threshold - 1) * (1 + sealed_shares_bytes(absent)) if absent else 0
    return (
        _COUNT_BYTES + attempt.totals_bytes(rows) + others * attempt.opening_bytes(rows) + helpers
    )


def read_outcome(raw: bytes, attempt: Attempt, rows: int, absent: Sequence[str]) -> Outcome:
    """BadMessage if it is not as long as it must be, or names helpers that there are not."""
    _require(len(raw) == outcome_bytes(attempt, rows, absent), "coordinator")
    cut = _Cut(raw)
    folded = int.from_bytes(cut.off(_COUNT_BYTES), "little")
    totals = cut.off(attempt.totals_bytes(rows))
    present = [org for org in attempt.others(attempt.receiver) if org not in absent]
    openings = {org: cut.off(attempt.opening_bytes(rows)) for org in present}
    shares = {}
    for _ in range(attempt.threshold - 1 if absent else 0):
        (place,) = cut.off(1)
        helper = attempt.members[place] if place < len(attempt.members) else ""
        _require(helper in present and helper not in shares, "coordinator")
        shares[helper] = cut.off(sealed_shares_bytes(absent))
    return Outcome(folded, totals, openings, shares)


class _Cut:
    """Bytes, taken off from the front."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def off(self, count: int) -> bytes:
        self._at += count
        return self._raw[self._at - count : self._at]


def _require(holds: bool, party: str) -> None:
    if not holds:
        raise BadMessage(
            "a message has not the length that follows from the contract",
            party=party,
            phase="union",
            fix="The sender is not following the protocol: compare versions.",
            rule="federated/SPEC.md §5.3",
        )
