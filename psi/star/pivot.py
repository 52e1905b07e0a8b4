"""Pivot's side of a star: Fresh → AwaitStores → blocks to compare, as the sender of psi/rr22.

Implements  psi/star/SPEC.md §3
Learns      nothing
Sees        of every contributor a store that is uniform, whatever is in it
Secrets     its items, inside the core
Not safe    together with the receiver: SPEC §6
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from contract.errors import OurError
from psi.keys import Keys
from psi.star.messages import Store
from psi.star.parameters import Parameters
from psi.star.secret import Gathering, compared, faults, take


@dataclass(frozen=True, slots=True, repr=False)
class AwaitStores:
    """Some contributors' stores have not come."""

    awaits: ClassVar[type[Store]] = Store

    parameters: Parameters
    gathering: Gathering
    senders: tuple[str, ...]

    def advance(self, sender: str, message: Store) -> "AwaitStores | Keys":
        """Read the own items' values off the store of `sender`, in any order of senders.

        After the last one a block for each own item, in their order. Raises BadMessage.
        """
        if sender not in self.senders:
            raise OurError("nobody's store was passed on", fix="Report this; start the job again.")
        left = tuple(other for other in self.senders if other != sender)
        with faults():
            gathering = self.gathering.add(self.parameters.sizes[sender], message.content)
            if left:
                return AwaitStores(self.parameters, gathering, left)
            return compared(gathering.compared())


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most its size."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> AwaitStores:
        """Hash the set, while the contributors make their stores. Raises DatasetOutgrown."""
        parameters = self.parameters
        items = take(parameters, parameters.pivot, self.items)
        with faults():
            return AwaitStores(parameters, items.gather(), parameters.contributors)
