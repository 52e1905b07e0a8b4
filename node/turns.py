"""Whose turn it is: so many runs have data in memory at once, and the others wait in log order.

A run needs all of its parties at once. If every node took up its runs in an order of its own, two
nodes could each wait for the run that the other has put last. So all take them in the order in
which they began in the coordinator's log, and without exceptions: of the runs that have not ended,
the one that began first is among the first at each of its parties, whatever their limits are, and
goes on there. A run that waits is on the line with its peers, so that nobody takes it for absent.

Not for     sharing processors fairly among runs that have their turn: the core does that itself
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


class Turns:
    """The runs of this node, by their places in the log."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._line: dict[int, asyncio.Event] = {}

    def enter(self, place: int) -> "Turn":
        """Stand in line at `place`; the lower goes first."""
        come = self._line[place] = asyncio.Event()
        self._call()
        return Turn(come, lambda: self._leave(place))

    def _leave(self, place: int) -> None:
        self._line.pop(place, None)
        self._call()

    def _call(self) -> None:
        for place in sorted(self._line)[: self._most]:
            self._line[place].set()


@dataclass(frozen=True, slots=True)
class Turn:
    """One run's place in the line; `over` says that it holds no data any more."""

    come: asyncio.Event
    over: Callable[[], None]
