"""The messages of a blind join, in the order in which they are sent (federated/SPEC.md §1.3).

Lists stand in one piece of bytes, in the uniformly random order of their owner's list: 32 bytes a
point, `token_bytes` a token, 4 bytes a code. Only the core looks inside points.
"""

from dataclasses import dataclass

from psi.step import Message


@dataclass(frozen=True, slots=True, repr=False)
class Blinded(Message):
    """Owner i → another owner: s·H(x) for every x, times the scalars of those visited before."""

    points: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Served(Message):
    """That owner → owner i: the same points times its own scalar, order kept."""

    points: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Contribution(Message):
    """Owner → every other owner, in a keyed join: 32 bytes of which its key is made (§1.13)."""

    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Tokens(Message):
    """Owner i → coordinator: one token a place."""

    tokens: bytes


@dataclass(frozen=True, slots=True, repr=False)
class GroupCodes(Message):
    """Owner i → coordinator, if its part of the query has group columns.

    codes  the code at each place of the list, 4 bytes little-endian
    sizes  distinct keys of each code, dummies not counted; a power of two of codes
    other  the code of the own groups that were too small to stand alone
    """

    codes: bytes
    sizes: tuple[int, ...]
    other: int
