"""The route from this node to one peer of a run, and what is wrong with it when nobody comes.

Decided by the start record that both signed, so both decide the same, and the evidence of a job
says which way its bytes went: if a party lists an address the other dials it; if both do, the
smaller organisation id dials; if neither does, both dial the coordinator's relay. There is no
falling back: an address that is listed and can't be reached ends the run with a cause that says so.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import grpc.aio

from contract.credentials import Credentials
from contract.errors import MiheError, PeerAbsent
from contract.statements import PartyStart
from node import carry
from node.probe import why_peer_unreachable
from node.proxy import WayOut
from node.seal import Carrier

# Both ends give up at about the same time. The one that dials can say why, so it speaks first.
_LISTENERS_GRACE = 10.0


@dataclass(frozen=True, slots=True)
class Direction:
    """Who dials whom."""

    direct: str | None
    listens: bool

    @staticmethod
    def between(me: PartyStart, peer: PartyStart) -> "Direction":
        """How `me` gets to `peer`."""
        if me.address and peer.address:
            return Direction(peer.address, False) if me.org < peer.org else Direction(None, True)
        if me.address:
            return Direction(None, True)
        return Direction(peer.address, False)


class Route(Protocol):
    """One way to one peer, for one run."""

    @property
    def is_relayed(self) -> bool:
        """Whether the coordinator is between."""

    async def connect(self) -> Carrier:
        """A flow of bytes to the peer; raises CarrierLost."""

    def patience(self, seconds: float) -> float:
        """How long to wait for the peer where the configuration says `seconds`."""

    async def why_absent(self, waited: float) -> MiheError:
        """The error that describes why the peer did not come."""

    async def close(self) -> None:
        """Let go of what was opened."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """Both ends dial the coordinator, over the channel that this node holds anyway."""

    channel: Callable[[], grpc.aio.Channel]
    run: bytes
    peer: str
    is_relayed: ClassVar[bool] = True

    async def connect(self) -> Carrier:
        """Dial, and wait until the peer has."""
        return await carry.dial(self.channel(), self.run, self.peer, relay=True)

    def patience(self, seconds: float) -> float:
        """As long as configured."""
        return seconds

    async def why_absent(self, waited: float) -> MiheError:
        """Nothing more is known than that the peer was not there."""
        return PeerAbsent(
            f"the peer was not on the line for {waited:.0f} s",
            party=self.peer,
            phase="link",
            fix="check that node and the path to it (`mihe status` there), then run again",
        )

    async def close(self) -> None:
        """The channel is not the run's."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """This end dials the address that the peer lists."""

    channel: grpc.aio.Channel
    run: bytes
    peer: str
    address: str
    credentials: Credentials
    way: WayOut
    is_relayed: ClassVar[bool] = False

    async def connect(self) -> Carrier:
        """Dial."""
        return await carry.dial(self.channel, self.run, self.peer, relay=False)

    def patience(self, seconds: float) -> float:
        """As long as configured."""
        return seconds

    async def why_absent(self, waited: float) -> MiheError:
        """Ask the address itself."""
        return await asyncio.to_thread(
            why_peer_unreachable, self.peer, self.address, self.credentials, self.way
        )

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close()


@dataclass(frozen=True, slots=True)
class Awaited:
    """The peer dials the address that this end lists."""

    exchange: carry.Exchange
    run: bytes
    peer: str
    address: str
    is_relayed: ClassVar[bool] = False

    async def connect(self) -> Carrier:
        """Wait for the call."""
        return await self.exchange.accept(self.run, self.peer)

    def patience(self, seconds: float) -> float:
        """A little longer than the peer's."""
        return seconds + _LISTENERS_GRACE

    async def why_absent(self, waited: float) -> MiheError:
        """The peer did not get here, or did not try."""
        me = self.exchange.credentials.org
        return PeerAbsent(
            f"{self.peer} did not come to {self.address}, which {me} lists, for {waited:.0f} s",
            party=self.peer,
            phase="link",
            fix=f"check there that {self.address} can be reached (name, firewall, proxy); or {me}"
            " takes [direct] out of its node.toml, and is relayed to",
        )

    async def close(self) -> None:
        """Accept no more calls for the run."""
        self.exchange.forget(self.run, self.peer)


def route_to(
    peer: PartyStart,
    me: PartyStart,
    run: bytes,
    *,
    relay: Callable[[], grpc.aio.Channel],
    exchange: carry.Exchange,
    way: WayOut,
) -> Route:
    """The route that the start record has for this run; an address of ours is listened at now."""
    direction = Direction.between(me, peer)
    if direction.listens:
        assert me.address is not None
        exchange.expect(run, peer.org)
        return Awaited(exchange, run, peer.org, me.address)
    if direction.direct is None:
        return Relayed(relay, run, peer.org)
    credentials, name = exchange.credentials, carry.peer_name(peer.org)
    channel = carry.open_channel(direction.direct, credentials, name, way)
    return Dialled(channel, run, peer.org, direction.direct, credentials, way)
