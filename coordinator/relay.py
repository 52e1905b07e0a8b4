"""The relay: pairs two parties' streams of a run and passes opaque frames between them.

What passes is sealed from node to node; the coordinator learns how much and when, never what.
Nothing of a frame is kept: at most four wait for each party. When one side breaks, the other's
stream ends too, after what is already under way, so that both come back together.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from contract.errors import MiheError, PartyRestarted, PeerAbsent
from coordinator.race import first_of

_WAITING = 4

Deliver = Callable[[bytes | None], Awaitable[None]]
"""Sends a frame to a party; None says that the peer is on the line."""


class _End:
    """One party's end of a line."""

    def __init__(self) -> None:
        self.peer: _End | None = None
        self.joined = asyncio.Event()
        self.room = asyncio.Semaphore(_WAITING)
        self.inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._broken = asyncio.Event()
        self._reason: MiheError | None = None

    def join(self, peer: "_End") -> None:
        self.peer, peer.peer = peer, self
        self.joined.set()
        peer.joined.set()

    def break_off(self, reason: MiheError) -> None:
        self._reason = self._reason or reason
        self._broken.set()

    async def broken(self) -> None:
        await self._broken.wait()
        assert self._reason is not None
        raise self._reason


class Relay:
    """The lines of all runs."""

    def __init__(self) -> None:
        self._ends: dict[tuple[bytes, str, str], _End] = {}

    async def carry(
        self, run: bytes, org: str, to: str, frames: AsyncIterator[bytes], deliver: Deliver
    ) -> None:
        """Serve one party's stream until it, its peer or the run ends; raises why."""
        end = self._enter(run, org, to)
        try:
            await first_of(_receive(end, frames), _send(end, deliver), end.broken())
        finally:
            self._leave(run, org, to, end)

    def close(self, run: bytes, reason: MiheError) -> None:
        """End both streams of a run."""
        for (of, _, _), end in list(self._ends.items()):
            if of == run:
                end.break_off(reason)

    def close_all(self, reason: MiheError) -> None:
        """End every stream."""
        for end in list(self._ends.values()):
            end.break_off(reason)

    def _enter(self, run: bytes, org: str, to: str) -> _End:
        older = self._ends.pop((run, org, to), None)
        if older is not None:
            older.break_off(_replaced(org))
            _hang_up(older)
        end = self._ends[run, org, to] = _End()
        peer = self._ends.get((run, to, org))
        if peer is not None and peer.peer is None:
            end.join(peer)
        return end

    def _leave(self, run: bytes, org: str, to: str, end: _End) -> None:
        if self._ends.get((run, org, to)) is end:
            del self._ends[run, org, to]
        _hang_up(end)


def _hang_up(end: _End) -> None:
    if end.peer is not None:
        end.peer.inbox.put_nowait(None)


async def _receive(end: _End, frames: AsyncIterator[bytes]) -> None:
    async for frame in frames:
        await end.joined.wait()
        assert end.peer is not None
        await end.peer.room.acquire()
        end.peer.inbox.put_nowait(frame)


async def _send(end: _End, deliver: Deliver) -> None:
    await end.joined.wait()
    await deliver(None)
    while (frame := await end.inbox.get()) is not None:
        await deliver(frame)
        end.room.release()
    raise PeerAbsent(
        "the peer's stream has ended",
        phase="relay",
        fix="none needed: both nodes open the stream again while the run lasts",
    )


def _replaced(org: str) -> PartyRestarted:
    return PartyRestarted(
        "a newer stream of the same node and run took this one's place",
        party=org,
        phase="relay",
        fix="run one node per organisation; after a reconnect this is as it should be",
    )
