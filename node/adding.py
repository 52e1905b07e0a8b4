"""How the values of a query are hidden, added up and opened, as its play sees it.

Two ways, by the contract's aggregation: node/encrypted.py and node/shared.py. Each is made for one
run, hides the own columns, says what of them goes with the release, and, at the receiver, turns
what the coordinator added up into sums that only blindings still shut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from contract.statements import Cells
from federated.aggregate.secret import Blinding
from federated.query.plan import QueryPlan
from federated.query.release import Codes, Opening, Shut
from node.parts import Parts
from node.stage import Line, Stage
from node.wire import joins

Column = NDArray[np.int64]
Columns = Sequence[Column]


@dataclass(frozen=True, slots=True)
class Seat:
    """An owner's place in a query: who it is, and whom it can reach."""

    stage: Stage
    plan: QueryPlan
    owner: int
    receiver: str
    parts: Parts
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def receives(self) -> bool:
        """Whether it is the receiver's."""
        return self.stage.me == self.receiver

    def place_of(self, org: str) -> int:
        """The number of an owner in the plan."""
        return [part.org for part in self.plan.owners].index(org)

    async def hand_in(self, part: str, content: bytes) -> None:
        """Give the coordinator a part, and keep its receipt."""
        salt, receipt = await self.parts.contribute(part, content)
        self.stage.keep_receipt(salt, receipt)


class InOrder(Sequence[Column]):
    """The columns of the keys in the order of the list, dummies 0; each is made when asked for."""

    __slots__ = ("_columns", "_is_key", "_keys")

    def __init__(self, columns: Columns, order: NDArray[np.int32]) -> None:
        """`order`: the key at each place of the list, below 0 for a dummy."""
        self._columns = columns
        self._is_key = order >= 0
        self._keys = order[self._is_key]

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, number: int) -> Column: ...
    @overload
    def __getitem__(self, number: slice) -> list[Column]: ...

    def __getitem__(self, number: int | slice) -> Column | list[Column]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        listed = np.zeros(len(self._is_key), dtype=np.int64)
        listed[self._is_key] = self._columns[number][self._keys]
        return listed


@dataclass(frozen=True, slots=True, repr=False)
class Hidden:
    """What goes with an owner's share of its columns: ciphertexts or shares."""

    columns: Sequence[Sequence[bytes]] = ()
    shares: Sequence[bytes] = ()


class Adding(Protocol):
    """One way, for one run."""

    async def hide(self, columns: Columns) -> Hidden:
        """Of the own columns, in the order of the list, those that go with the share."""
        ...

    async def hand_in_further(self, columns: Columns) -> None:
        """Those that do not, once the share is handed in."""
        ...

    def blinding(self, own: Blinding, name: Codes, place: int) -> int:
        """What the own blinding is of a summand in a row of the result."""
        ...

    async def release(self, openings: Sequence[Opening], cells: Cells) -> bytes:
        """What goes to the receiver once the own gate has said yes. Of every other owner."""
        ...

    async def passed(self) -> None:
        """The receiver's gate has said yes."""
        ...

    def opened_by(self, content: bytes, peer: str, rows: int) -> list[Opening]:
        """What another owner has sent the receiver."""
        ...

    async def shut(self, cells: Cells, sums: joins.Sums) -> list[Shut]:
        """The receiver's sums, blinded by what all owners' openings take off."""
        ...

    async def close(self) -> None:
        """Let go of what the run needed."""
        ...


def by_owner(plan: QueryPlan, of_peers: Mapping[str, Sequence[Opening]]) -> list[Sequence[Opening]]:
    """Openings in the plan's order of owners."""
    return [of_peers[part.org] for part in plan.owners]
