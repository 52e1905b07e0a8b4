"""The messages of an RR22 intersection, in the order in which they are sent (psi/rr22/SPEC.md §3).

Each is one piece of bytes whose length follows from the agreed sizes. Only the core looks inside.
"""

from dataclasses import dataclass

from psi.step import Message


@dataclass(frozen=True, slots=True, repr=False)
class BasePoints(Message):
    """Sender → receiver: two points for each of 256 oblivious transfers."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Reply(Message):
    """Receiver → sender: one point, extended transfers, products of the noise."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Trees(Message):
    """Sender → receiver: sums of every level of the trees, under transferred keys."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Masked(Message):
    """Receiver → sender: seed of the store of its set, and the store under a one-time pad."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Tags(Message):
    """Sender → receiver: a tag for each of its items, filled up with random ones, shuffled."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Common(Message):
    """Receiver → sender, if both learn: one bit for each tag."""

    content: bytes
