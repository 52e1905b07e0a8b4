"""One run of a protocol: messages pumped between the link and the protocol's states.

The protocol (psi/) is chains of states that neither wait nor send; the link (node/link.py) knows
nothing of protocols. This file joins them: it advances the states in threads, names the stream that
each message travels in, and asks the owner's gate before a message leaves from which somebody can
compute the result. How the chains of a set in buckets go side by side stands in node/buckets.py.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from contract.errors import PeerError
from node.wire.messages import message_from_wire, message_to_wire
from psi.step import Finished, Fresh, Ready, Result, Step, advance
from psi.two_party import REVEALING, STREAMS, Whole


class Messages(Protocol):
    """What a session needs of a link."""

    async def send(self, stream: str, content: bytes) -> None:
        """Send a message; returns when the peer has it."""

    async def receive(self, stream: str) -> bytes:
        """Await a message."""


class Work(Protocol):
    """Who computes, apart from the event loop (node/pulse.py)."""

    def __call__(self, do: Callable[..., Any], /, *arguments: Any) -> Awaitable[Any]:
        """What `do` returns."""


@dataclass(slots=True)
class Session:
    """This party's end of one run.

    `gate` is called once, before the first message that reveals and in any case before the end of
    the first chain, or of a run that has none left; it raises to withhold. `progress` hears phase,
    done and total.
    """

    peer: str
    link: Messages
    work: Work
    gate: Callable[[], None]
    progress: Callable[[str, int, int], None]
    _gated: bool = field(default=False, init=False)

    async def begin(self, fresh: Fresh, bucket: int | None = None) -> Finished | Ready:
        """Play a chain until it ends, or needs the own items."""
        return await self._pump(await self.work(fresh.begin), bucket)

    async def go_on(self, ready: Ready, items: object, bucket: int) -> Finished | Ready:
        """Play on with the own items."""
        return await self._pump(await self.work(ready.take, items), bucket)

    def release(self) -> None:
        """Ask the owner, if it has not been asked."""
        if not self._gated:
            self.gate()
            self._gated = True

    async def _pump(self, step: Step, bucket: int | None) -> Finished | Ready:
        state, message = step
        while True:
            if isinstance(message, REVEALING) or isinstance(state, Finished):
                self.release()
            if message is not None:
                stream, content = _stream(type(message), bucket), message_to_wire(message)
                # It may be tens of megabytes: no two forms of it are held while it travels.
                message = None
                await self.link.send(stream, content)
                del content
            if isinstance(state, Finished | Ready):
                return state
            stream = _stream(state.awaits, bucket)
            content = await self.link.receive(stream)
            try:
                received = message_from_wire(state.awaits, content, party=self.peer)
                del content
                state, message = await self.work(advance, state, received)
                del received
            except PeerError as error:
                raise error.at(party=self.peer, phase=stream) from None


async def play_whole(session: Session, part: Whole, keys: Sequence[bytes]) -> Result:
    """Play a role that takes the set in one piece; the result, or the MiheError that ended it."""
    ended = await session.begin(part.fresh(keys))
    assert isinstance(ended, Finished)
    return ended.result


def _stream(message: type[Any], bucket: int | None) -> str:
    return STREAMS[message] if bucket is None else f"{STREAMS[message]}_{bucket}"
