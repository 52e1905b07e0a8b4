"""Contributor's side of a star: Fresh → AwaitKeys → Contributed.

Implements  psi/star/SPEC.md §3
Learns      nothing
Sees        one random key of the receiver, and one of every contributor before it
Secrets     those keys and the ones that it draws; what fills its store, inside the core
Not safe    against receiver and pivot together: SPEC §6
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from contract.errors import OurError
from psi.star.messages import Key, Store
from psi.star.parameters import Parameters
from psi.star.secret import Items, draw, faults, require_key, take
from psi.step import Finished, Nothing


@dataclass(frozen=True, slots=True, repr=False)
class AwaitKeys:
    """Some who draw a key for this contributor have not sent it."""

    awaits: ClassVar[type[Key]] = Key

    parameters: Parameters
    me: str
    items: Items
    keys: tuple[bytes, ...]
    senders: tuple[str, ...]

    def advance(self, sender: str, message: Key) -> "AwaitKeys | Contributed":
        """Take the key of `sender`, in any order of senders. Raises BadMessage."""
        if sender not in self.senders:
            raise OurError("nobody's key was passed on", fix="Report this; start the job again.")
        keys = (*self.keys, require_key(message.content))
        left = tuple(other for other in self.senders if other != sender)
        if left:
            return AwaitKeys(self.parameters, self.me, self.items, keys, left)
        return Contributed(self.parameters, self.me, self.items, keys)


@dataclass(frozen=True, slots=True, repr=False)
class Contributed:
    """Has every key that it shares with others."""

    parameters: Parameters
    me: str
    items: Items
    keys: tuple[bytes, ...]

    def store(self) -> tuple[Finished, Store]:
        """The store of the set, the last that this contributor says."""
        with faults():
            store = self.items.store(self.parameters.sizes[self.me], list(self.keys))
        return Finished(Nothing()), Store(store)


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most its size."""

    parameters: Parameters
    me: str
    items: Sequence[bytes]

    def begin(self) -> tuple[AwaitKeys, Mapping[str, Key]]:
        """Hash the set; a key for every later contributor. Raises DatasetOutgrown."""
        parameters = self.parameters
        later = parameters.later_than(self.me)
        earlier = tuple(org for org in parameters.contributors if org not in (self.me, *later))
        drawn = draw(parameters, len(later))
        state = AwaitKeys(
            parameters,
            self.me,
            take(parameters, self.me, self.items),
            tuple(drawn),
            (parameters.receiver, *earlier),
        )
        return state, dict(zip(later, map(Key, drawn), strict=True))
