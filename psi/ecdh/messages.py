"""The messages of an ECDH intersection, in the order in which they are sent (psi/SPEC.md §3).

Lists stand in one piece of bytes, of the lengths in psi/ecdh/cost.py. Only the core looks inside.
"""

from dataclasses import dataclass
from typing import Final

from psi.step import Message


@dataclass(frozen=True, slots=True, repr=False)
class BlindedSet(Message):
    """Receiver → sender: a·H(x) for every x, shuffled."""

    points: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Evaluated(Message):
    """Sender → receiver: the receiver's points times b, as tags, and the sender's own set.

    tags    of b·a·H(x), in the order of the points received; for cardinality, shuffled
    points  b·H(y) for every y, shuffled
    """

    tags: bytes
    points: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Matched(Message):
    """Receiver → sender, if both learn: which places matched, and a proof of their elements."""

    matches: bytes


FROM_RECEIVER: Final = frozenset({BlindedSet, Matched})
