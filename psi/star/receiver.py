"""Receiver's side of a star: Fresh → blocks to compare, as the receiver of psi/rr22.

Implements  psi/star/SPEC.md §3
Learns      which of its own items all others have, from the two-party part
Sees        of the stores nothing; of the pivot's items random tags, but for those in the result
Secrets     one key for each contributor
Not safe    together with the pivot: SPEC §6. Its two-party store has room for more than its size
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psi.keys import Keys
from psi.star.messages import Key
from psi.star.parameters import Parameters
from psi.star.secret import compared, draw, faults, take


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most its size."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> tuple[Keys, Mapping[str, Key]]:
        """A block for each own item, in their order, and a key for every contributor.

        Raises DatasetOutgrown.
        """
        parameters = self.parameters
        items = take(parameters, parameters.receiver, self.items)
        keys = draw(parameters, len(parameters.contributors))
        with faults():
            own = items.compared(keys)
        sent = zip(parameters.contributors, map(Key, keys), strict=True)
        return compared(own), dict(sent)
