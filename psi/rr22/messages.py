"""The messages of an RR22 intersection, in the order in which they are sent (psi/rr22/SPEC.md §4).

The first two once a run, or in a further attempt the next two before it goes on (§11); the others
for every bucket. Each is one piece of bytes whose length follows from the agreed sizes; only the
core looks inside.
"""

from dataclasses import dataclass
from typing import Final

from psi.step import Message


@dataclass(frozen=True, slots=True, repr=False)
class Piece(Message):
    """Base of all of them."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class ReceiverShare(Piece):
    """Receiver → sender, once a run: its part of the key under which items are hashed."""


@dataclass(frozen=True, slots=True, repr=False)
class SenderShare(Piece):
    """Sender → receiver, once a run: its part of that key."""


@dataclass(frozen=True, slots=True, repr=False)
class ReceiverFiled(Piece):
    """Receiver → sender, in a further attempt: how many buckets it has filed, under which key."""


@dataclass(frozen=True, slots=True, repr=False)
class SenderFiled(Piece):
    """Sender → receiver, in a further attempt: the same of its own."""


@dataclass(frozen=True, slots=True, repr=False)
class BasePoints(Piece):
    """Sender → receiver: two points for each of 128 oblivious transfers."""


@dataclass(frozen=True, slots=True, repr=False)
class Reply(Piece):
    """Receiver → sender: one point, extended transfers, if checks are agreed on their proof."""


@dataclass(frozen=True, slots=True, repr=False)
class Trees(Piece):
    """Sender → receiver: sums of every level of the trees, under transferred keys."""


@dataclass(frozen=True, slots=True, repr=False)
class Challenge(Piece):
    """Receiver → sender, if checks are agreed on: where the vectors are compared."""


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Piece):
    """Sender → receiver, if checks are agreed on: a hash of what its vector is there."""


@dataclass(frozen=True, slots=True, repr=False)
class Masked(Piece):
    """Receiver → sender: seed of the store of its set, and the store under a one-time pad."""


@dataclass(frozen=True, slots=True, repr=False)
class Tags(Piece):
    """Sender → receiver: a tag for each of its items, filled up with random ones, shuffled."""


@dataclass(frozen=True, slots=True, repr=False)
class Common(Piece):
    """Receiver → sender, if both learn: one bit for each tag; with checks, a proof of them."""


FROM_RECEIVER: Final = frozenset({ReceiverShare, ReceiverFiled, Reply, Challenge, Masked, Common})
