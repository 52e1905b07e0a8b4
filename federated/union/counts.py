"""What stands in a cell's count: its subjects, and in how many organisations they are, in one word.

Implements  federated/SPEC.md §5.2: an organisation's word is its subjects, and 2^64 if it has
            any. Words add up: a total's low half is subjects, its high half organisations
Learns      who opens a total: both, of all organisations together; not which ones they are
"""

from dataclasses import dataclass
from typing import Final

FEWEST_ORGANISATIONS: Final = 2
"""Of others than the receiver, in what it is shown: of one alone it would learn a total."""

_HALF_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Count:
    """What the organisations other than the receiver have in a cell, all together."""

    subjects: int
    organisations: int


def word_of(subjects: int) -> int:
    """What an organisation adds for so many subjects of its own."""
    return subjects + (1 << _HALF_BITS) if subjects else 0


def read_total(word: int) -> Count:
    """What a total of such words says."""
    organisations, subjects = divmod(word, 1 << _HALF_BITS)
    return Count(subjects, organisations)
