"""One run of a protocol: messages pumped between the link and the protocol's states.

The protocol (psi/) is a chain of states that neither waits nor sends; the link (node/link.py)
knows nothing of protocols. This file joins them: it advances the states in threads, names the
stream that each message travels in, and asks the owner's gate before a message leaves from which
somebody can compute the result.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from contract.errors import PeerError
from node.plan import Plan
from node.wire import message_from_wire, message_to_wire
from psi.step import Finished, Result, Step, advance
from psi.two_party import REVEALING, STREAMS


class Messages(Protocol):
    """What a session needs of a link."""

    async def send(self, stream: str, content: bytes) -> None:
        """Send a message; returns when the peer has it."""

    async def receive(self, stream: str) -> bytes:
        """Await a message."""


class Work(Protocol):
    """Who computes, apart from the event loop (node/pulse.py)."""

    def __call__(self, do: Callable[..., Step], /, *arguments: Any) -> Awaitable[Step]:
        """What `do` returns."""


async def run_session(
    plan: Plan,
    *,
    run: bytes,
    org: str,
    peer: str,
    keys: Sequence[bytes],
    link: Messages,
    work: Work,
    gate: Callable[[], None],
    progress: Callable[[str], None],
) -> Result:
    """Play `org`'s role of the plan against `peer`; the result, or the MiheError that ended it.

    `gate` is called once, before the first message that reveals and in any case before the end;
    it raises to withhold. `progress` hears the name of each step of computation as it begins.
    """
    gated = False
    progress("blind")
    state, message = await work(plan.agreed(run).fresh(plan.role_of(org), keys).begin)
    while True:
        if not gated and (isinstance(message, REVEALING) or isinstance(state, Finished)):
            gate()
            gated = True
        if message is not None:
            stream, content = STREAMS[type(message)], message_to_wire(message)
            # A list may be tens of megabytes: no two forms of it are held while it travels.
            message = None
            await link.send(stream, content)
            del content
        if isinstance(state, Finished):
            return state.result
        stream = STREAMS[state.awaits]
        content = await link.receive(stream)
        progress("evaluate")
        try:
            received = message_from_wire(state.awaits, content, party=peer)
            del content
            state, message = await work(advance, state, received)
            del received
        except PeerError as error:
            raise error.at(party=peer, phase=stream) from None
