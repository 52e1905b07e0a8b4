"""The messages of the star, in the order in which they are sent (psi/star/SPEC.md §3).

Each goes from one owner to one other. What receiver and pivot say to each other after that are the
messages of psi/rr22.
"""

from dataclasses import dataclass

from psi.step import Message


@dataclass(frozen=True, slots=True, repr=False)
class Key(Message):
    """Receiver → contributor, contributor → later contributor: 16 bytes that only the two have."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Store(Message):
    """Contributor → pivot: the seed of its store, and the store."""

    content: bytes
