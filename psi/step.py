"""A protocol role as a chain of states: what every protocol here looks like from outside.

    Fresh.begin() → (state, message | None)
    state.advance(message) → (state | Ready | Finished, message | None)
    ready.take(items) → (state, message | None)

A state is frozen, shows no field when printed, and takes one type of message: the one that it
`awaits`. It never waits, reads or sends; who drives it does. Its secrets lie in an object of the
Rust core that is consumed on use, so a state that was advanced cannot be advanced again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage


class Message:
    """Base of every message of every protocol; its fields are bytes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, repr=False)
class Intersection:
    """Which of the caller's own items the other party has too: their indices, ascending."""

    positions: Sequence[int]


@dataclass(frozen=True, slots=True, repr=False)
class Rows:
    """How many of the caller's own items the other party has too, and their rows, in no order."""

    items: int
    numbers: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, repr=False)
class Marked:
    """The same of a whole set: for each of the caller's rows, whether it has such an item."""

    items: int
    rows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, repr=False)
class Cardinality:
    """How many items both parties have."""

    count: int


@dataclass(frozen=True, slots=True, repr=False)
class Nothing:
    """This party is no receiver."""


Result = Intersection | Rows | Marked | Cardinality | Nothing


@dataclass(frozen=True, slots=True, repr=False)
class Finished:
    """The end of a chain."""

    result: Result


Received = TypeVar("Received", bound=Message, contravariant=True)


class State(Protocol[Received]):
    """Awaits one message of the peer."""

    @property
    def awaits(self) -> type[Message]:
        """A constant of the class: the type of message that `advance` takes."""
        ...

    def advance(self, message: Received, /) -> "Step":
        """The next state, and the message to send now; raises PeerError or OurError."""
        ...


class Ready:
    """Base of the states that await no message but the own items, which were not needed before."""

    __slots__ = ()

    def take(self, items: Any, /) -> "Step":
        """The next state, and the message to send now; raises OurError."""
        raise NotImplementedError


Step = tuple[State[Any] | Ready | Finished, Message | None]


class Fresh(Protocol):
    """A role that has sent nothing yet."""

    def begin(self) -> Step:
        """The first state, and the message to send now; raises DataError or OurError."""
        ...


def advance(state: State[Any], message: Message) -> Step:
    """`state.advance(message)` for a message whose type only the network knows."""
    if type(message) is not state.awaits:
        raise BadMessage(
            f"{type(message).__name__} came where {state.awaits.__name__} is awaited",
            fix="Run the same version of mihe on both sides; if it is, the peer deviates.",
            rule="psi/SPEC.md §3",
        )
    return state.advance(message)
