"""The link of a run: whole messages to one peer and back, over sealed connections that may break.

A message travels as a stream: an opening with its size and a fresh salt, chunks of 1 MiB numbered
from 0, and the sender's signed receipt over SHA-256(salt ‖ content), which the receiver verifies
before it uses the content. Chunks are acknowledged; at most a window of them is under way. After a
break both sides dial again, shake hands anew, say where each stream stands, and go on from there:
what was sent is kept until its receipt is acknowledged and is never made anew.

Beside the streams go pulses (node/pulse.py). A peer that is there and gives no sign of life, or
does not get on, ends the run; a way to it that does not carry is not held against it. Once a peer
has signed its evidence, it has all that it needs and this end has all of it: from then on neither
its absence nor its silence matters (docs/decisions/0048).

Any frame that is repeated, out of order, too large, of another run or of a stream that the plan
does not have ends the run with an error that names the peer.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from typing import NoReturn

from contract.canonical import canonical_bytes
from contract.errors import (
    BadReceipt,
    CertificateRevoked,
    ForeignFrame,
    FrameOutOfOrder,
    FrameRepeated,
    FrameTooLarge,
    MiheError,
    PeerError,
)
from contract.identity import Authority
from contract.signing import Kind, Signer, Statement, verify
from contract.statements import PartyStart, Receipt
from node.pulse import Watch
from node.seal import Carrier, CarrierLost, Seal
from node.wire.frames import (
    CHUNK_BYTES,
    MAX_RECORD_BYTES,
    Ack,
    Chunk,
    Hello,
    LinkFrame,
    Open,
    Pulse,
    Receipted,
    frame_from_wire,
    frame_to_wire,
)

_WINDOW = 8
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_TICK_SECONDS = 1.0


@dataclass(slots=True, repr=False)
class _Outgoing:
    """A message on its way; kept until the peer has its receipt."""

    content: bytes
    size: int
    salt: bytes
    receipt: Statement
    opened: bool = False
    next: int = 0
    acked: int = 0
    receipt_sent: bool = False
    receipted: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def chunks(self) -> int:
        return -(-self.size // CHUNK_BYTES)


@dataclass(slots=True, repr=False)
class _Incoming:
    """A message that is arriving."""

    size: int
    salt: bytes
    content: list[bytes | memoryview] = field(default_factory=list)
    arrived: int = 0
    next: int = 0
    receipted: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Ends:
    """Who is at the two ends of a link, and for which run."""

    run: bytes
    signer: Signer
    authority: Authority
    peer: PartyStart
    tls: ssl.SSLContext

    @property
    def me(self) -> str:
        """This end's organisation."""
        return self.signer.identity.org

    @property
    def is_tls_client(self) -> bool:
        """The organisation with the smaller id is the TLS client."""
        return self.me < self.peer.org


@dataclass(frozen=True, slots=True)
class Absence:
    """How long a peer, or the way to it, may be away, and what its absence means; seconds."""

    patience: float
    silence: float
    way_is_open: Callable[[], bool]
    error: Callable[[], Awaitable[MiheError]]


class Link:
    """One run's link to one peer. `run` keeps it connected; `send` and `receive` move messages."""

    def __init__(
        self,
        ends: Ends,
        *,
        connect: Callable[[], Awaitable[Carrier]],
        awaited: Mapping[str, int],
        watch: Watch,
        absence: "Absence",
        keep: Callable[[str, bytes, Statement], None],
        progress: Callable[[str, int, int], None],
        holds_back: bool = False,
    ) -> None:
        """`awaited`: the streams that the peer may open, with the largest size of each in bytes;
        `keep(stream, salt, receipt)` makes a receipt durable; `progress(stream, done, total)`. A
        link that `holds_back` confirms no chunk until `take_all`, so that the peer sends no more
        than a window of each stream."""
        self._ends = ends
        self._connect = connect
        self._awaited = awaited
        self._watch = watch
        self._absence = absence
        self._keep = keep
        self._progress = progress
        self._holds_back = holds_back
        self._outgoing: dict[str, _Outgoing] = {}
        self._incoming: dict[str, _Incoming] = {}
        self._acks: dict[str, Ack] = {}
        self._pulse: Pulse | None = None
        self._changed = asyncio.Condition()
        self._failure: MiheError | None = None
        self._peer_is_through = False
        self._waiting = 0

    # ── for the session ─────────────────────────────────────────────────────────────────────────

    async def send(self, stream: str, content: bytes) -> None:
        """Send a message; returns when the peer has verified its receipt."""
        salt = token_bytes(32)
        receipt = await asyncio.to_thread(self._receipt, stream, salt, content)
        self._keep(stream, salt, receipt)
        outgoing = _Outgoing(content, len(content), salt, receipt)
        async with self._changed:
            self._outgoing[stream] = outgoing
            self._changed.notify_all()
        await self._until(outgoing.receipted.is_set)

    async def receive(self, stream: str) -> bytes:
        """The content of a stream, once its receipt was verified; it is handed over, once."""
        await self._until(lambda: stream in self._incoming and self._incoming[stream].receipted)
        incoming = self._incoming[stream]
        content, incoming.content = b"".join(incoming.content), []
        return content

    async def tell(self, pulse: Pulse) -> None:
        """Let the peer know that this end goes on; a newer pulse takes the place of one unsent."""
        async with self._changed:
            self._pulse = pulse
            self._changed.notify_all()

    async def take_all(self) -> None:
        """There is room for what the peer sends."""
        async with self._changed:
            self._holds_back = False
            self._changed.notify_all()

    async def peer_is_through(self, receipts: Collection[str]) -> None:
        """The peer has signed its evidence, with the digests (hex) of the receipts it holds.

        An acknowledgement that died with its process is made up for by that.
        """
        async with self._changed:
            self._peer_is_through = True
            for outgoing in self._outgoing.values():
                if outgoing.receipt.digest.hex() in receipts:
                    outgoing.receipted.set()
            self._changed.notify_all()

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds that takes the peer; raises what ended the link."""
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(lambda: self._failure or holds())
            finally:
                self._waiting -= 1
        if self._failure is not None:
            raise self._failure

    @property
    def _is_peer_needed(self) -> bool:
        # One that is through and yet owes something has signed what is not so.
        return not self._peer_is_through or self._waiting > 0

    # ── staying connected ───────────────────────────────────────────────────────────────────────

    async def run(self) -> NoReturn:
        """Connect, and connect again, until cancelled; a MiheError is final."""
        try:
            await self._stay_connected()
        except MiheError as error:
            async with self._changed:
                self._failure = error
                self._changed.notify_all()
            raise

    async def _stay_connected(self) -> NoReturn:
        last_met, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                await self._connection(self._left(last_met))
            except (CarrierLost, TimeoutError):
                pass
            except _Broken as broken:
                last_met, pause = broken.when, _FIRST_PAUSE
            if self._left(last_met) < 0:
                raise await self._absence.error()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _left(self, last_met: float) -> float:
        """For how many seconds more the peer may be away."""
        patience = self._absence.patience
        return last_met + patience - time.monotonic() if self._is_peer_needed else patience

    async def _connection(self, left: float) -> NoReturn:
        """One connection, met within `left` seconds, until it ends."""
        carrier: Carrier | None = None
        try:
            async with asyncio.timeout(max(left, 0.01)):
                carrier = await self._connect()
                seal = await self._meet(carrier)
            await self._exchange(seal)
        finally:
            if carrier is not None:
                carrier.close()

    async def _meet(self, carrier: Carrier) -> Seal:
        seal = Seal(carrier, self._ends.tls, client=self._ends.is_tls_client)
        peer = self._ends.peer
        certificate = await seal.handshake(peer=peer.org, fingerprint=peer.fingerprint)
        self._ends.authority.admit(certificate)
        await self._say(seal, Hello(self._ends.run, self._ends.me, self._standing()))
        greeting = await self._hear(seal)
        async with self._changed:
            self._resume(greeting)
            self._changed.notify_all()
        return seal

    async def _exchange(self, seal: Seal) -> NoReturn:
        tasks = [
            asyncio.create_task(work)
            for work in (self._read(seal), self._write(seal), self._keep_watch())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, BaseException) and not isinstance(
                outcome, (CarrierLost, asyncio.CancelledError)
            ):
                raise outcome
        raise _Broken(time.monotonic())

    async def _keep_watch(self) -> NoReturn:
        """Count the peer's silence while the way to it is known to carry; a stall is final."""
        cut_off = 0.0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if self._absence.way_is_open():
                cut_off = 0.0
                if self._is_peer_needed:
                    self._watch.tick(_TICK_SECONDS)
                continue
            cut_off += _TICK_SECONDS
            if cut_off > self._absence.silence:
                raise CarrierLost

    def _standing(self) -> dict[str, Ack]:
        return {
            name: Ack(name, incoming.next, incoming.receipted)
            for name, incoming in self._incoming.items()
        }

    def _resume(self, hello: LinkFrame) -> None:
        if not isinstance(hello, Hello) or hello.run != self._ends.run:
            raise self._foreign("the first frame is not of this run")
        if hello.org != self._ends.peer.org:
            raise self._foreign("the first frame names another organisation")
        for standing in hello.received.values():
            self._acknowledge(standing)
        for name, outgoing in self._outgoing.items():
            outgoing.opened = name in hello.received
            if outgoing.acked and not outgoing.opened:
                raise self._foreign("a stream that had arrived in part is gone")
            outgoing.next = outgoing.acked
            outgoing.receipt_sent = outgoing.receipted.is_set()
        self._acks.clear()

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    async def _write(self, seal: Seal) -> NoReturn:
        while True:
            async with self._changed:
                frames = self._due()
                if not frames:
                    await self._changed.wait()
            for frame in frames:
                await self._say(seal, frame)

    def _due(self) -> list[LinkFrame]:
        """What is to be sent now; at most one chunk, so that acknowledgements never wait long."""
        frames: list[LinkFrame] = []
        if not self._holds_back:
            frames += self._acks.values()
            self._acks.clear()
        if self._pulse is not None:
            frames.append(self._pulse)
            self._pulse = None
        for name, outgoing in self._outgoing.items():
            if outgoing.receipted.is_set():
                continue
            if not outgoing.opened:
                outgoing.opened = True
                frames.append(Open(name, outgoing.size, outgoing.salt))
            if outgoing.next < min(outgoing.chunks, outgoing.acked + _WINDOW):
                start = outgoing.next * CHUNK_BYTES
                content = memoryview(outgoing.content)[start : start + CHUNK_BYTES]
                frames.append(Chunk(name, outgoing.next, content))
                outgoing.next += 1
                return frames
            if outgoing.acked == outgoing.chunks and not outgoing.receipt_sent:
                outgoing.receipt_sent = True
                frames.append(Receipted(name, outgoing.receipt))
        return frames

    def _receipt(self, stream: str, salt: bytes, content: bytes) -> Statement:
        body = Receipt(
            run=self._ends.run.hex(),
            stream=stream,
            sender=self._ends.me,
            receiver=self._ends.peer.org,
            size=len(content),
            salted_digest=_salted(salt, [content]),
        )
        return self._ends.signer.sign(Kind.RECEIPT, self._ends.run, canonical_bytes(body))

    # ── reading ─────────────────────────────────────────────────────────────────────────────────

    async def _read(self, seal: Seal) -> NoReturn:
        while True:
            frame = await self._hear(seal)
            if isinstance(frame, Receipted):
                await self._on_receipt(frame)
            async with self._changed:
                match frame:
                    case Open():
                        self._on_open(frame)
                    case Chunk():
                        self._on_chunk(frame)
                    case Ack():
                        self._on_ack(frame)
                    case Pulse():
                        self._watch.heard(frame)
                    case Hello():
                        raise self._foreign("a second greeting on one connection")
                self._changed.notify_all()

    def _on_open(self, frame: Open) -> None:
        largest = self._awaited.get(frame.stream)
        if largest is None:
            raise self._foreign("a stream that the plan does not have")
        if frame.size > largest:
            raise FrameTooLarge(
                f"stream '{frame.stream}' is larger than the {largest} bytes of the plan",
                party=self._ends.peer.org,
                phase=frame.stream,
                fix="the peer's node is not following the protocol: compare versions",
            )
        if frame.stream in self._incoming:
            raise FrameRepeated(
                f"stream '{frame.stream}' was opened twice",
                party=self._ends.peer.org,
                phase=frame.stream,
                fix="the peer's node is not following the protocol: compare versions",
            )
        self._incoming[frame.stream] = _Incoming(frame.size, frame.salt)
        self._watch.moved()

    def _on_chunk(self, frame: Chunk) -> None:
        incoming = self._incoming_of(frame.stream)
        if frame.number != incoming.next:
            wrong = FrameRepeated if frame.number < incoming.next else FrameOutOfOrder
            raise wrong(
                f"chunk {frame.number} of '{frame.stream}' came where {incoming.next} was awaited",
                party=self._ends.peer.org,
                phase=frame.stream,
                fix="the peer's node is not following the protocol: compare versions",
            )
        whole = min(CHUNK_BYTES, incoming.size - incoming.arrived)
        if len(frame.content) != whole or whole == 0:
            raise self._foreign(f"chunk {frame.number} of '{frame.stream}' has the wrong size")
        incoming.content.append(frame.content)
        incoming.arrived += len(frame.content)
        incoming.next += 1
        self._watch.moved()
        self._acks[frame.stream] = Ack(frame.stream, incoming.next, False)
        self._progress(frame.stream, incoming.arrived, incoming.size)

    def _on_ack(self, frame: Ack) -> None:
        self._acknowledge(frame)
        outgoing = self._outgoing[frame.stream]
        sent = min(outgoing.acked * CHUNK_BYTES, outgoing.size)
        self._progress(frame.stream, sent, outgoing.size)

    def _acknowledge(self, ack: Ack) -> None:
        """Believe the peer that it has what was sent, and neither more nor less than before."""
        outgoing = self._outgoing.get(ack.stream)
        if outgoing is None or not outgoing.acked <= ack.next <= outgoing.next:
            raise self._foreign("an acknowledgement of something that was not sent")
        if ack.receipted and not outgoing.receipt_sent:
            raise self._foreign("an acknowledgement of a receipt that was not sent")
        if ack.next > outgoing.acked or (ack.receipted and not outgoing.receipted.is_set()):
            self._watch.moved()
        outgoing.acked = ack.next
        if ack.receipted:
            outgoing.receipted.set()
            outgoing.content = b""  # it is never sent again

    async def _on_receipt(self, frame: Receipted) -> None:
        incoming = self._incoming_of(frame.stream)
        if incoming.receipted or incoming.arrived != incoming.size:
            raise FrameOutOfOrder(
                f"the receipt of '{frame.stream}' does not stand at its end",
                party=self._ends.peer.org,
                phase=frame.stream,
                fix="the peer's node is not following the protocol: compare versions",
            )
        await asyncio.to_thread(self._check_receipt, frame, incoming)
        self._keep(frame.stream, incoming.salt, frame.statement)
        async with self._changed:
            incoming.receipted = True
            self._watch.moved()
            self._acks[frame.stream] = Ack(frame.stream, incoming.next, True)
            self._changed.notify_all()

    def _check_receipt(self, frame: Receipted, incoming: _Incoming) -> None:
        expected = Receipt(
            run=self._ends.run.hex(),
            stream=frame.stream,
            sender=self._ends.peer.org,
            receiver=self._ends.me,
            size=incoming.size,
            salted_digest=_salted(incoming.salt, incoming.content),
        )
        if not self._is_the_peers(frame.statement, expected):
            raise BadReceipt(
                f"the receipt of '{frame.stream}' is not the peer's for what arrived",
                party=self._ends.peer.org,
                phase=frame.stream,
                fix="the peer's node or the path altered the data: compare both sides' evidence",
            )

    def _is_the_peers(self, statement: Statement, expected: Receipt) -> bool:
        try:
            signer = verify(statement, self._ends.authority)
        except PeerError as error:
            if isinstance(error, CertificateRevoked) and error.party == self._ends.peer.org:
                raise  # it is why the job ends on every side
            return False  # the error would name whom the forged statement names
        return (
            statement.kind is Kind.RECEIPT
            and statement.subject == self._ends.run
            and statement.body == canonical_bytes(expected)
            and signer.fingerprint == self._ends.peer.fingerprint
        )

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _incoming_of(self, stream: str) -> _Incoming:
        incoming = self._incoming.get(stream)
        if incoming is None:
            raise self._foreign("a frame of a stream that was not opened")
        return incoming

    async def _say(self, seal: Seal, frame: LinkFrame) -> None:
        await seal.send(frame_to_wire(frame))

    async def _hear(self, seal: Seal) -> LinkFrame:
        peer = self._ends.peer.org
        return frame_from_wire(await seal.receive(limit=MAX_RECORD_BYTES, peer=peer), party=peer)

    def _foreign(self, what: str) -> ForeignFrame:
        return ForeignFrame(
            what,
            party=self._ends.peer.org,
            phase="link",
            fix="the peer's node is not following the protocol: compare versions",
        )


class _Broken(Exception):
    """A connection that had been established ended at the moment `when`."""

    def __init__(self, when: float) -> None:
        super().__init__()
        self.when = when


def _salted(salt: bytes, content: Iterable[bytes | memoryview]) -> str:
    salted = sha256(salt)
    for part in content:
        salted.update(part)
    return salted.hexdigest()
