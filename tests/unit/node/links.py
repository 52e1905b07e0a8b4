"""Ends of a link: honest ones, and one that seals as it should and then does what it wants."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random

from contract.errors import MiheError, PeerAbsent
from contract.signing import Statement
from node.link import Absence, Ends, Link
from node.pulse import Activity, Watch
from node.seal import Seal
from node.wire.frames import (
    CHUNK_BYTES,
    MAX_RECORD_BYTES,
    Hello,
    LinkFrame,
    frame_from_wire,
    frame_to_wire,
)
from tests.unit.node.lines import BOUNDS, PATIENCE, RUN, Exchange, Member

MIB = CHUNK_BYTES


@dataclass
class Side:
    """One honest end, and everything it reports."""

    me: Member
    link: Link
    kept: dict[str, tuple[bytes, Statement]] = field(default_factory=dict)
    progress: dict[str, list[int]] = field(default_factory=dict)


def side(
    me: Member,
    peer: Member,
    exchange: Exchange,
    awaited: dict[str, int],
    *,
    at: int,
    patience: float = PATIENCE,
    watch: Watch | None = None,
    way_is_open: Callable[[], bool] = lambda: True,
    holds_back: bool = False,
) -> Side:
    kept: dict[str, tuple[bytes, Statement]] = {}
    progress: dict[str, list[int]] = {}

    def keep(stream: str, salt: bytes, receipt: Statement) -> None:
        assert kept.setdefault(stream, (salt, receipt))[1].digest == receipt.digest
        kept[stream] = (salt, receipt)

    ends = Ends(
        run=RUN,
        signer=me.credentials.signer,
        authority=me.credentials.authority,
        peer=peer.share(),
        tls=me.tls(client=me.org < peer.org),
    )

    made = Link(
        ends,
        connect=lambda: exchange.dial(at),
        awaited=awaited,
        watch=(watch or Activity(me.org, (me.org, peer.org), BOUNDS).watch(peer.org)),
        absence=Absence(patience, patience, way_is_open, partial(absent, peer.org)),
        keep=keep,
        progress=lambda stream, done, _: progress.setdefault(stream, []).append(done),
        holds_back=holds_back,
    )
    return Side(me, made, kept, progress)


async def absent(peer: str) -> MiheError:
    return PeerAbsent("not on the line", party=peer, phase="link", fix="none")


@asynccontextmanager
async def running(*sides: Side) -> AsyncIterator[Sequence["asyncio.Task[object]"]]:
    tasks = [asyncio.create_task(one.link.run()) for one in sides]
    try:
        async with asyncio.timeout(PATIENCE):
            yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def content_of(size: int, seed: int = 0) -> bytes:
    return Random(seed).randbytes(size)


class Hostile:
    """bank_b's end, driven by hand."""

    def __init__(self, me: Member, victim: Member, exchange: Exchange) -> None:
        self.me = me
        self.victim = victim
        self.exchange = exchange

    async def connect(self, *, hello: LinkFrame | None = None) -> Hello:
        """Dial, shake hands, greet; the victim's greeting."""
        self.end = await self.exchange.dial(1)
        client = self.me.org < self.victim.org
        self.seal = Seal(self.end, self.me.tls(client=client), client=client)
        await self.seal.handshake(peer=self.victim.org, fingerprint=self.victim.fingerprint)
        await self.say(hello or Hello(RUN, self.me.org, {}))
        greeting = await self.hear()
        assert isinstance(greeting, Hello)
        return greeting

    async def say(self, *frames: LinkFrame | bytes) -> None:
        for frame in frames:
            await self.seal.send(frame if isinstance(frame, bytes) else frame_to_wire(frame))

    async def hear(self) -> LinkFrame:
        raw = await self.seal.receive(limit=MAX_RECORD_BYTES, peer=self.victim.org)
        return frame_from_wire(raw, party=self.victim.org)

    async def hear_only(self, kind: type[LinkFrame]) -> LinkFrame:
        while not isinstance(frame := await self.hear(), kind):
            pass
        return frame

    async def hang_up(self) -> None:
        self.end.line.cut()
