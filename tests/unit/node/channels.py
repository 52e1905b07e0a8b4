"""Links in memory between two ends of a run, which note what was sent and can alter it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from node.session import Session


@dataclass
class Channel:
    """A link (node/session.py, Messages) in memory, which notes what was sent."""

    incoming: dict[str, "asyncio.Future[bytes]"] = field(default_factory=dict)
    peer: "Channel | None" = None
    events: list[str] = field(default_factory=list)
    progress: list[tuple[str, int, int]] = field(default_factory=list)
    alter: Callable[[str, bytes], bytes] = lambda _, content: content

    def _of(self, stream: str) -> "asyncio.Future[bytes]":
        return self.incoming.setdefault(stream, asyncio.get_running_loop().create_future())

    async def send(self, stream: str, content: bytes) -> None:
        self.events.append(f"send {stream}")
        assert self.peer is not None
        self.peer._of(stream).set_result(self.alter(stream, content))

    async def receive(self, stream: str) -> bytes:
        return await self._of(stream)

    def gate(self) -> None:
        self.events.append("gate")

    def session(self, peer: str) -> Session:
        """An end of a run."""
        return Session(
            peer,
            self,
            asyncio.to_thread,
            self.gate,
            lambda *progress: self.progress.append(progress),
        )


def two_channels() -> tuple[Channel, Channel]:
    one, other = Channel(), Channel()
    one.peer, other.peer = other, one
    return one, other
