"""How the values of a query are hidden, added up and opened, as its play sees it.

Two ways, by the contract's aggregation: node/encrypted.py and node/shared.py. Each is made for one
run, hides the own columns, says what of them goes with the release, and, at the receiver, turns
what the coordinator added up into sums that only blindings still shut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contract.statements import Cells
from federated.aggregate.secret import Blinding
from federated.query.plan import QueryPlan
from federated.query.release import Codes, Opening, Shut
from node.parts import Parts
from node.stage import Line, Stage
from node.wire import joins

Columns = Sequence[NDArray[np.int64]]


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


@dataclass(frozen=True, slots=True, repr=False)
class Hidden:
    """An owner's columns as the coordinator has them: as ciphertexts or as shares."""

    columns: Sequence[Sequence[bytes]] = ()
    shares: Sequence[bytes] = ()


class Adding(Protocol):
    """One way, for one run."""

    async def hide(self, columns: Columns) -> Hidden:
        """The own columns, in the order of the list."""
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


def in_order(column: NDArray[np.int64], places: NDArray[np.int32]) -> NDArray[np.int64]:
    """A column of the keys in the order of the list; dummies are 0."""
    listed = np.zeros(len(places), dtype=np.int64)
    listed[places >= 0] = column[places[places >= 0]]
    return listed


def by_owner(plan: QueryPlan, of_peers: Mapping[str, Sequence[Opening]]) -> list[Sequence[Opening]]:
    """Openings in the plan's order of owners."""
    return [of_peers[part.org] for part in plan.owners]
