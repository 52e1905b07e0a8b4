"""Signs of life between the parties of a run, and what it means that they stay away.

Implements  docs/decisions/0010: a run ends within a bounded time, with the party at fault named,
            when somebody stays on the line and does not go on
Learns      a peer learns how many pieces of work or waiting this node's part has begun, and whom it
            awaits; the relay sees one sealed frame of a fixed size every two seconds
Not for     proof: a party that deviates can say that it works. What it then delays is bounded by
            `step`, twice that if it claims to wait for others.

A pulse is sent by the very task that plays the run, and only while it waits for a piece of its own
work or for somebody it can name. When the event loop hangs, the process is stopped or the task is
stuck anywhere else, pulses stop by themselves; nothing keeps them up for it.

Time is counted in ticks of this node's own event loop: if this process was stopped for a while, the
peers are not to blame for what it did not hear.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from contract.errors import ForeignFrame, FrameRepeated, MiheError, PartyStalled
from node.wire.frames import Pulse

BEAT_SECONDS = 2.0
COORDINATOR = "coordinator"
_MOST_STEPS = 1 << 14
_SPARE_PULSES = 16
_COORDINATORS_BIT = 31

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long, in seconds, a party on the line may be silent, and how long one step may take."""

    silence: float
    step: float


class Activity:
    """What this node's part of a run is doing, as its peers are told."""

    def __init__(self, me: str, orgs: tuple[str, ...], bounds: Bounds) -> None:
        self.me = me
        self._orgs = orgs
        self._bounds = bounds
        self._number = 0
        self._step = 0
        self._said = 0.0
        self._under_way: list[frozenset[str]] = []
        self._watches: dict[str, Watch] = {}
        self._tell: list[Callable[[Pulse], Awaitable[None]]] = []

    def watch(self, peer: str) -> "Watch":
        """What will be known of a peer."""
        self._watches[peer] = Watch(peer, self, self._bounds)
        return self._watches[peer]

    def tell(self, link: Callable[[Pulse], Awaitable[None]]) -> None:
        """Let a peer hear of it from now on."""
        self._tell.append(link)

    async def work(self, do: Callable[..., T], *arguments: object) -> T:
        """What `do` returns, computed in a thread."""
        return await self.working(asyncio.to_thread(do, *arguments))

    async def working(self, work: Awaitable[T]) -> T:
        """The outcome of own work that goes on elsewhere, in a thread or a process."""
        return await self._beating(frozenset(), work)

    async def awaiting(self, whom: Collection[str], coming: Awaitable[T]) -> T:
        """What comes from others; PartyStalled if the coordinator owes it for too long."""
        return await self._beating(frozenset(whom), coming)

    def awaits(self, org: str) -> bool:
        """Whether this node awaits `org` now."""
        return any(org in whom for whom in self._under_way)

    def orgs_of(self, mask: int) -> frozenset[str]:
        """Whom a peer says it awaits."""
        named = {org for place, org in enumerate(self._orgs) if mask >> place & 1}
        return frozenset(named | ({COORDINATOR} if mask >> _COORDINATORS_BIT & 1 else set()))

    async def _beating(self, whom: frozenset[str], coming: Awaitable[T]) -> T:
        task = asyncio.ensure_future(coming)
        self._under_way.append(whom)
        self._step += 1
        owed = 0.0
        try:
            while not (await asyncio.wait((task,), timeout=BEAT_SECONDS))[0]:
                await self._beat()
                owed = owed + BEAT_SECONDS if self._only_the_coordinator_is_left(whom) else 0.0
                if owed > self._bounds.step:
                    raise _slow(COORDINATOR, self._bounds.step)
            return await task
        finally:
            self._under_way.remove(whom)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        now = time.monotonic()
        if now - self._said < BEAT_SECONDS / 2:  # another of several things under way has just said
            return
        self._said = now
        self._number += 1
        pulse = Pulse(self._number, self._step, self._mask())
        for tell in self._tell:
            await tell(pulse)

    def _mask(self) -> int:
        if frozenset() in self._under_way:
            return 0
        named: set[str] = set().union(*self._under_way)
        bits = sum(1 << place for place, org in enumerate(self._orgs) if org in named)
        return bits | (1 << _COORDINATORS_BIT if COORDINATOR in named else 0)

    def _only_the_coordinator_is_left(self, whom: frozenset[str]) -> bool:
        if COORDINATOR not in whom:
            return False
        watches = (self._watches[org] for org in whom - {COORDINATOR})
        return all(COORDINATOR in watch.claims for watch in watches)


class Watch:
    """What is known of one peer's part of the run."""

    def __init__(self, peer: str, own: Activity, bounds: Bounds) -> None:
        self._peer = peer
        self._own = own
        self._bounds = bounds
        self.claims: frozenset[str] = frozenset()
        self._first: tuple[int, float] | None = None
        self._number = 0
        self._step = 0
        self._silent = 0.0
        self._unmoved = 0.0

    def moved(self) -> None:
        """Something came that takes the run further."""
        self._silent = self._unmoved = 0.0

    def heard(self, pulse: Pulse) -> None:
        """A sign of life came; raises FrameRepeated or ForeignFrame for one that can't be one."""
        if pulse.number <= self._number:
            raise FrameRepeated(
                "a sign of life was repeated",
                party=self._peer,
                phase="link",
                fix="the peer's node is not following the protocol: compare versions",
            )
        if self._first is None:
            self._first = (pulse.number, time.monotonic())
        number, since = self._first
        most = number + _SPARE_PULSES + 2 * (time.monotonic() - since) / BEAT_SECONDS
        if pulse.number > most or not self._step <= pulse.step <= _MOST_STEPS:
            raise ForeignFrame(
                "signs of life that no run can give",
                party=self._peer,
                phase="link",
                fix="the peer's node is not following the protocol: compare versions",
            )
        self._silent = 0.0
        if pulse.step > self._step:
            self._unmoved = 0.0
        self._number, self._step = pulse.number, pulse.step
        self.claims = self._own.orgs_of(pulse.awaits)

    def tick(self, seconds: float) -> None:
        """So much time has passed on the line; raises PartyStalled."""
        self._silent += seconds
        if self._silent > self._bounds.silence:
            raise PartyStalled(
                f"the node, on the line, gave no sign of life for {self._bounds.silence:.0f} s",
                party=self._peer,
                phase="link",
                fix="look at that node: is its process stopped, its disk or its machine stuck?",
            )
        if not self._own.awaits(self._peer):
            self._unmoved = 0.0
            return
        self._unmoved += seconds
        # Whoever waits for a third party knows better than this node when that one is late.
        waits_for_others = bool(self.claims - {self._own.me})
        if self._unmoved > self._bounds.step * (2 if waits_for_others else 1):
            raise _slow(self._peer, self._unmoved)


def _slow(party: str, seconds: float) -> MiheError:
    return PartyStalled(
        f"one step of the run took this party longer than {seconds:.0f} s",
        party=party,
        phase="link",
        fix="look at what that machine is doing; raise `step_seconds` if its work is that long",
    )
