"""The link of a run: what arrives over lines that break, and what no peer gets away with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from random import Random
from secrets import token_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.errors import (
    BadMessage,
    BadReceipt,
    FingerprintChanged,
    ForeignCertificate,
    ForeignFrame,
    FrameOutOfOrder,
    FrameRepeated,
    FrameTooLarge,
    MiheError,
    PartyStalled,
    PeerAbsent,
)
from contract.signing import Kind, Statement, verify
from contract.statements import Receipt
from node import link
from node.link import Absence, Ends, Link
from node.pulse import Activity, Bounds, Watch
from node.seal import CarrierLost, Seal
from node.wire import (
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
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import BOUNDS, PATIENCE, RUN, Exchange, Member, enrol, fresh

MIB = CHUNK_BYTES
SALT = bytes(range(32))


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    """A link waits a moment before it dials again; a test has nothing to wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "_FIRST_PAUSE", 0.0)
        yield


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


# ── two honest ends ─────────────────────────────────────────────────────────────────────────────


async def exchange_messages(
    a: Member, b: Member, there: bytes, back: bytes, exchange: Exchange
) -> tuple[Side, Side]:
    """`there` from a to b and `back` from b to a, at once; both arrive, and are receipted."""
    one = side(a, b, exchange, {"back": len(back)}, at=0)
    other = side(b, a, exchange, {"there": len(there)}, at=1)
    async with running(one, other):
        arrived = await asyncio.gather(
            one.link.receive("back"),
            other.link.receive("there"),
            one.link.send("there", there),
            other.link.send("back", back),
        )
    assert arrived[0] == back
    assert arrived[1] == there
    return one, other


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 20 * MIB])
async def test_a_message_of_any_size_arrives(bank_a: Member, bank_b: Member, size: int) -> None:
    there = content_of(size)
    _, other = await exchange_messages(bank_a, bank_b, there, b"answer", Exchange())
    ends = [min((n + 1) * MIB, size) for n in range(-(-size // MIB))]
    assert other.progress.get("there", []) == ends


async def test_large_messages_pass_each_other(bank_a: Member, bank_b: Member) -> None:
    await exchange_messages(
        bank_a, bank_b, content_of(12 * MIB, 1), content_of(9 * MIB + 5, 2), Exchange()
    )


async def test_the_smaller_id_is_the_tls_client_whoever_sends(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    await exchange_messages(bank_b, bank_a, b"there", b"back", exchange)
    hello, answer = (bytes(end.written[:6]) for end in exchange.lines[0].ends)
    assert answer[5] == 1  # a ClientHello (RFC 8446 §4), from the end of bank_a
    assert hello[5] == 2  # a ServerHello


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.integers(0, 6000), st.integers(6000, 6 * MIB)), max_size=8),
    st.sampled_from([0, 1, MIB, 2 * MIB + 17]),
    st.integers(0, 2**32),
)
@example([0] * 8, MIB, 0)
@example([3 * MIB + 10_000] * 8, 2 * MIB + 17, 1)
@example([MIB + n * 1000 for n in range(8)], MIB, 2)
def test_wherever_the_line_breaks_everything_arrives_and_every_chunk_is_used_once(
    bank_a: Member, bank_b: Member, lasting: list[int], size: int, seed: int
) -> None:
    there, back = content_of(3 * MIB + 9, seed), content_of(size, seed + 1)
    exchange = Exchange(lasting)
    one, other = asyncio.run(exchange_messages(bank_a, bank_b, there, back, exchange))
    assert other.progress["there"] == [MIB, 2 * MIB, 3 * MIB, 3 * MIB + 9]
    assert one.progress.get("back", [])[-1:] == ([size] if size else [])
    used = [done for done in one.progress.get("back", []) if done % MIB == 0 or done == size]
    assert used == sorted(set(used))


async def test_both_ends_keep_the_same_receipts_and_each_verifies(
    bank_a: Member, bank_b: Member
) -> None:
    there, back = content_of(MIB + 3), b"back"
    one, other = await exchange_messages(bank_a, bank_b, there, back, Exchange([MIB]))
    assert one.kept == other.kept
    for stream, sender, content in (("there", bank_a, there), ("back", bank_b, back)):
        salt, receipt = one.kept[stream]
        authority = bank_a.credentials.authority
        assert verify(receipt, authority).fingerprint == sender.fingerprint
        body = Receipt.model_validate_json(receipt.body)
        assert receipt.subject == RUN
        assert body.salted_digest == sha256(salt + content).hexdigest()
        assert sha256(content).hexdigest() not in receipt.body.decode()
    assert one.kept["there"][0] != one.kept["back"][0]


async def test_a_peer_that_never_comes_is_reported_absent_to_all_who_wait(
    bank_a: Member, bank_b: Member
) -> None:
    one = side(bank_a, bank_b, Exchange(), {"back": 1}, at=0, patience=0.05)
    async with running(one) as (task,):
        waiting = [one.link.receive("back"), one.link.send("there", b"x")]
        outcomes = await asyncio.gather(task, *waiting, return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, PeerAbsent)
        assert outcome.party == "bank_b"


async def test_a_peer_that_does_not_come_back_is_reported_absent(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"back": 1}, at=0, patience=0.6)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        await peer.hang_up()
        with pytest.raises(PeerAbsent):
            await task


# ── a peer that seals as it should and then does what it wants ──────────────────────────────────


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


def receipt_by(
    signer: Member,
    content: bytes,
    *,
    kind: Kind = Kind.RECEIPT,
    subject: bytes = RUN,
    **differing: object,
) -> Statement:
    body = Receipt(
        run=RUN.hex(),
        stream="blinded",
        sender="bank_b",
        receiver="bank_a",
        size=len(content),
        salted_digest=sha256(SALT + content).hexdigest(),
    ).model_copy(update=differing)
    return signer.credentials.signer.sign(kind, subject, canonical_bytes(body))


async def meet_hostile(
    bank_a: Member, bank_b: Member, *frames: LinkFrame | bytes, hello: LinkFrame | None = None
) -> tuple[MiheError, Side]:
    """What bank_a, which awaits 3 MiB in 'blinded', makes of a peer that says `frames`."""
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"blinded": 3 * MIB}, at=0)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect(hello=hello)
        await peer.say(*frames)
        with pytest.raises(MiheError) as ended:
            await task
        with pytest.raises(type(ended.value)):
            await one.link.receive("blinded")
    assert cause_of(ended.value).party == "bank_b"
    return ended.value, one


OPENED = Open("blinded", 2 * MIB + 1, SALT)
FIRST, SECOND, LAST = (Chunk("blinded", n, bytes(MIB if n < 2 else 1)) for n in range(3))
WHOLE = bytes(2 * MIB + 1)


@pytest.mark.parametrize(
    ("frames", "error", "phase"),
    [
        ((OPENED, FIRST, FIRST), FrameRepeated, "blinded"),
        ((OPENED, FIRST, SECOND, FIRST), FrameRepeated, "blinded"),
        ((OPENED, FIRST, SECOND, LAST, LAST), FrameRepeated, "blinded"),
        ((OPENED, SECOND), FrameOutOfOrder, "blinded"),
        ((OPENED, FIRST, LAST), FrameOutOfOrder, "blinded"),
        ((OPENED, Chunk("blinded", 2**32 - 1, b"")), FrameOutOfOrder, "blinded"),
        ((OPENED, Chunk("blinded", 0, bytes(MIB + 1))), FrameTooLarge, "link"),
        ((OPENED, Chunk("blinded", 0, bytes(MIB - 1))), ForeignFrame, "link"),
        ((OPENED, Chunk("blinded", 0, b"")), ForeignFrame, "link"),
        ((OPENED, FIRST, SECOND, Chunk("blinded", 2, b"ab")), ForeignFrame, "link"),
        ((OPENED, FIRST, SECOND, LAST, Chunk("blinded", 3, b"a")), ForeignFrame, "link"),
        ((Open("blinded", 0, SALT), Chunk("blinded", 0, b"")), ForeignFrame, "link"),
        ((OPENED, OPENED), FrameRepeated, "blinded"),
        ((OPENED, replace(OPENED, salt=bytes(32))), FrameRepeated, "blinded"),
        ((OPENED, replace(OPENED, size=1)), FrameRepeated, "blinded"),
        ((replace(OPENED, size=3 * MIB + 1),), FrameTooLarge, "blinded"),
        ((replace(OPENED, size=2**33 + 1),), BadMessage, "link"),
        ((replace(OPENED, salt=bytes(31)),), BadMessage, "link"),
        ((replace(OPENED, stream="evaluated"),), ForeignFrame, "link"),
        ((FIRST,), ForeignFrame, "link"),
        ((OPENED, replace(FIRST, stream="tags")), ForeignFrame, "link"),
        ((Ack("blinded", 0, False),), ForeignFrame, "link"),
        ((Hello(RUN, "bank_b", {}),), ForeignFrame, "link"),
        ((b"",), BadMessage, "link"),
        ((b"\xff" * 40,), BadMessage, "link"),
        ((bytes(MAX_RECORD_BYTES + 1),), FrameTooLarge, "link"),
    ],
)
async def test_a_frame_that_has_no_place_ends_the_run_and_names_the_peer(
    bank_a: Member,
    bank_b: Member,
    frames: tuple[LinkFrame | bytes, ...],
    error: type[MiheError],
    phase: str,
) -> None:
    found, _ = await meet_hostile(bank_a, bank_b, *frames)
    assert type(found) is error
    assert found.phase == phase


@pytest.mark.parametrize(
    "hello",
    [
        Hello(bytes(32), "bank_b", {}),
        Hello(RUN, "bank_a", {}),
        Hello(RUN, "tax", {}),
        Hello(RUN, "bank_b", {"evaluated": Ack("evaluated", 0, False)}),
        Open("blinded", 1, SALT),
        Ack("blinded", 0, False),
    ],
    ids=["another run", "the victim", "a third", "a stream never sent", "no greeting", "an ack"],
)
async def test_a_greeting_that_is_not_of_this_run_and_peer_ends_it(
    bank_a: Member, bank_b: Member, hello: LinkFrame
) -> None:
    found, _ = await meet_hostile(bank_a, bank_b, hello=hello)
    assert type(found) is ForeignFrame


# ── receipts ────────────────────────────────────────────────────────────────────────────────────


async def test_content_without_its_receipt_is_not_used(bank_a: Member, bank_b: Member) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"blinded": 3 * MIB}, at=0, patience=0.6)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        await peer.say(OPENED, FIRST, SECOND, LAST)
        receiving = asyncio.create_task(one.link.receive("blinded"))
        while (await peer.hear_only(Ack)) != Ack("blinded", 3, False):
            pass
        assert not receiving.done()
        await peer.hang_up()
        with pytest.raises(PeerAbsent):
            await receiving
        with pytest.raises(PeerAbsent):
            await task
    assert one.kept == {}


@pytest.mark.parametrize(
    "frames", [(OPENED,), (OPENED, FIRST, SECOND)], ids=["at once", "before the last chunk"]
)
async def test_a_receipt_before_the_end_is_out_of_order(
    bank_a: Member, bank_b: Member, frames: tuple[LinkFrame, ...]
) -> None:
    early = Receipted("blinded", receipt_by(bank_b, WHOLE))
    found, one = await meet_hostile(bank_a, bank_b, *frames, early)
    assert type(found) is FrameOutOfOrder
    assert one.kept == {}


async def test_a_second_receipt_is_out_of_order(bank_a: Member, bank_b: Member) -> None:
    receipt = Receipted("blinded", receipt_by(bank_b, WHOLE))
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"blinded": 3 * MIB}, at=0)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        await peer.say(OPENED, FIRST, SECOND, LAST, receipt)
        assert await one.link.receive("blinded") == WHOLE
        await peer.say(receipt)
        with pytest.raises(FrameOutOfOrder):
            await task


@pytest.mark.parametrize(
    "differing",
    [
        {"size": 2 * MIB},
        {"salted_digest": sha256(WHOLE).hexdigest()},
        {"salted_digest": "00" * 32},
        {"run": "00" * 32},
        {"stream": "evaluated"},
        {"sender": "tax"},
        {"receiver": "bank_b"},
        {"subject": bytes(32)},
        {"kind": Kind.GATE},
    ],
    ids=lambda differing: next(iter(differing)),
)
async def test_a_receipt_for_anything_else_is_refused(
    bank_a: Member, bank_b: Member, differing: dict[str, object]
) -> None:
    await refused_receipt(bank_a, bank_b, receipt_by(bank_b, WHOLE, **differing))  # type: ignore[arg-type]  # as named


async def refused_receipt(bank_a: Member, bank_b: Member, receipt: Statement) -> None:
    sent = Receipted("blinded", receipt)
    found, one = await meet_hostile(bank_a, bank_b, OPENED, FIRST, SECOND, LAST, sent)
    assert type(found) is BadReceipt
    assert (found.party, found.phase) == ("bank_b", "blinded")
    assert one.kept == {}


async def test_a_receipt_that_somebody_else_signed_is_refused(
    consortium: Consortium,
    bank_a: Member,
    bank_b: Member,
    tax: Member,
    stranger: Member,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    renewed = enrol(fresh(consortium, "bank_b"), tmp_path_factory.mktemp("renewed") / "bank_b")
    for signer in (tax, bank_a, stranger, renewed):
        await refused_receipt(bank_a, bank_b, receipt_by(signer, WHOLE))


async def test_a_forged_receipt_is_refused_and_the_peer_is_named(
    bank_a: Member, bank_b: Member
) -> None:
    genuine = receipt_by(bank_b, WHOLE)
    for forged in (
        replace(genuine, signature=token_bytes(70)),
        replace(genuine, signature=receipt_by(bank_b, b"").signature),
        replace(genuine, org="tax"),
        replace(genuine, certificate=b"no certificate"),
        replace(genuine, certificate=bank_a.credentials.signer.identity.certificate),
        replace(genuine, body=genuine.body + b" "),
        bank_b.credentials.signer.sign(Kind.RECEIPT, RUN, b"{}"),
        bank_b.credentials.signer.sign(Kind.RECEIPT, RUN, b"\xff"),
    ):
        await refused_receipt(bank_a, bank_b, forged)


# ── acknowledgements ────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def sending(
    bank_a: Member, bank_b: Member, content: bytes
) -> AsyncIterator[tuple[Side, Hostile, "asyncio.Task[object]"]]:
    """bank_a sends `content` as 'evaluated' to a hostile bank_b that has greeted."""
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {}, at=0)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        send = asyncio.create_task(one.link.send("evaluated", content))
        try:
            yield one, peer, task
        finally:
            send.cancel()
            await asyncio.gather(send, return_exceptions=True)


async def test_no_more_than_a_window_is_under_way(bank_a: Member, bank_b: Member) -> None:
    async with sending(bank_a, bank_b, bytes(12 * MIB)) as (_, peer, _):
        opened = await peer.hear()
        assert isinstance(opened, Open)
        assert (opened.stream, opened.size) == ("evaluated", 12 * MIB)
        chunks = [await peer.hear_only(Chunk) for _ in range(8)]
        for _ in range(500):  # every chance to send a ninth
            await asyncio.sleep(0)
        await peer.say(Ack("evaluated", 3, False))
        chunks += [await peer.hear_only(Chunk) for _ in range(3)]
        assert [frame.number for frame in chunks if isinstance(frame, Chunk)] == [*range(11)]


async def test_who_holds_back_takes_a_window_and_the_rest_when_there_is_room(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {}, at=0)
    other = side(bank_b, bank_a, exchange, {"there": 12 * MIB}, at=1, holds_back=True)
    content = bytes(range(256)) * (12 * MIB // 256)
    async with running(one, other):
        sending = asyncio.create_task(one.link.send("there", content))
        while other.progress.get("there", [0])[-1] < 8 * MIB:  # noqa: ASYNC110  # as it arrives
            await asyncio.sleep(0)
        for _ in range(500):  # every chance to take a ninth
            await asyncio.sleep(0)
        assert other.progress["there"][-1] == 8 * MIB
        assert not sending.done()
        await other.link.take_all()
        assert await other.link.receive("there") == content
        await sending


@pytest.mark.parametrize(
    "ack",
    [
        Ack("evaluated", 3, False),
        Ack("evaluated", 2**32 - 1, False),
        Ack("evaluated", 2, True),
        Ack("evaluated", 0, True),
        Ack("blinded", 0, False),
    ],
    ids=["one more", "far more", "no receipt yet", "nothing yet", "another stream"],
)
async def test_an_acknowledgement_of_what_was_not_sent_is_refused(
    bank_a: Member, bank_b: Member, ack: Ack
) -> None:
    async with sending(bank_a, bank_b, bytes(2 * MIB)) as (_, peer, task):
        await peer.hear_only(Chunk)
        await peer.hear_only(Chunk)
        await peer.say(ack)
        with pytest.raises(ForeignFrame) as refused:
            await task
    assert refused.value.party == "bank_b"


async def test_an_acknowledgement_is_not_taken_back(bank_a: Member, bank_b: Member) -> None:
    async with sending(bank_a, bank_b, bytes(2 * MIB)) as (_, peer, task):
        await peer.hear_only(Chunk)
        await peer.hear_only(Chunk)
        await peer.say(Ack("evaluated", 2, False), Ack("evaluated", 1, False))
        with pytest.raises(ForeignFrame):
            await task


@pytest.mark.parametrize(
    ("acked", "standing"),
    [
        (0, Ack("evaluated", 9, False)),
        (0, Ack("evaluated", 12, True)),
        (0, Ack("evaluated", 8, True)),
        (0, Ack("evaluated", 0, True)),
        (1, Ack("evaluated", 0, False)),
        (1, None),
        (0, Ack("blinded", 0, False)),
    ],
    ids=["more", "all", "a receipt", "only a receipt", "less", "nothing", "another stream"],
)
async def test_a_peer_that_comes_back_to_where_it_cannot_stand_is_refused(
    bank_a: Member, bank_b: Member, acked: int, standing: Ack | None
) -> None:
    """Chunks 0 to 7 were sent, and 8 if 0 was acknowledged; no receipt was."""
    async with sending(bank_a, bank_b, bytes(12 * MIB)) as (_, peer, task):
        for _ in range(8):
            await peer.hear_only(Chunk)
        if acked:
            await peer.say(Ack("evaluated", acked, False))
            await peer.hear_only(Chunk)
        await peer.hang_up()
        received = {standing.stream: standing} if standing else {}
        await peer.connect(hello=Hello(RUN, "bank_b", received))
        with pytest.raises(ForeignFrame) as refused:
            await task
    assert refused.value.party == "bank_b"


async def test_a_peer_that_comes_back_gets_the_rest_and_nothing_anew(
    bank_a: Member, bank_b: Member
) -> None:
    content = content_of(10 * MIB)
    async with sending(bank_a, bank_b, content) as (one, peer, _):
        opened = await peer.hear()
        for _ in range(8):
            await peer.hear_only(Chunk)
        await peer.hang_up()
        greeting = await peer.connect(
            hello=Hello(RUN, "bank_b", {"evaluated": Ack("evaluated", 7, False)})
        )
        assert greeting.received == {}
        rest = [await peer.hear() for _ in range(3)]
        assert rest == [Chunk("evaluated", n, content[n * MIB : (n + 1) * MIB]) for n in (7, 8, 9)]
        await peer.say(Ack("evaluated", 10, False))
        receipted = await peer.hear()
        assert isinstance(opened, Open)
        assert isinstance(receipted, Receipted)
        assert one.kept["evaluated"] == (opened.salt, receipted.statement)
        # The acknowledgement of a receipt may be lost, and is then part of the next greeting.
        await peer.hang_up()
        await peer.connect(hello=Hello(RUN, "bank_b", {"evaluated": Ack("evaluated", 10, True)}))


# ── certificates ────────────────────────────────────────────────────────────────────────────────


async def test_a_wrong_certificate_ends_the_run(
    consortium: Consortium,
    bank_a: Member,
    bank_b: Member,
    stranger: Member,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    renewed = enrol(fresh(consortium, "bank_b"), tmp_path_factory.mktemp("renewed") / "bank_b")
    for impostor, error in ((stranger, ForeignCertificate), (renewed, FingerprintChanged)):
        exchange = Exchange()
        one = side(bank_a, bank_b, exchange, {}, at=0)
        async with running(one) as (task,):
            with pytest.raises((error, ForeignCertificate, CarrierLost)):
                await Hostile(impostor, bank_a, exchange).connect()
            with pytest.raises(error) as refused:
                await task
        assert (refused.value.party, refused.value.phase) == ("bank_b", "seal")


# ── a peer that does not go on ──────────────────────────────────────────────────────────────────


@pytest.fixture
def _quick_ticks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "_TICK_SECONDS", 0.02)
        yield


async def mute(a: Member, b: Member, exchange: Exchange) -> None:
    """bank_b in person: greets, and is there."""
    carrier = await exchange.dial(1)
    seal = Seal(carrier, b.tls(client=False), client=False)
    await seal.handshake(peer=a.org, fingerprint=a.fingerprint)
    await seal.send(frame_to_wire(Hello(RUN, b.org, {})))
    await asyncio.Event().wait()


def impatient(org: str) -> Watch:
    return Activity(org, (org, "bank_b"), Bounds(silence=0.2, step=PATIENCE)).watch("bank_b")


@pytest.mark.usefixtures("_quick_ticks")
async def test_a_peer_that_is_there_and_silent_ends_the_link(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"back": 1}, at=0, watch=impatient("bank_a"))
    there = asyncio.create_task(mute(bank_a, bank_b, exchange))
    async with running(one):
        with pytest.raises(PartyStalled) as caught:
            await one.link.receive("back")
    assert caught.value.party == "bank_b"
    there.cancel()


@pytest.mark.usefixtures("_quick_ticks")
async def test_a_relay_that_hangs_is_not_taken_for_a_silent_peer(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    watch = impatient("bank_a")
    one = side(
        bank_a, bank_b, exchange, {"back": 1}, at=0, patience=0.6,
        watch=watch, way_is_open=lambda: False,
    )  # fmt: skip
    there = asyncio.create_task(mute(bank_a, bank_b, exchange))
    async with running(one):
        with pytest.raises(PeerAbsent):
            await one.link.receive("back")
    there.cancel()


async def test_the_newest_pulse_is_sent_and_believed(bank_a: Member, bank_b: Member) -> None:
    exchange = Exchange()
    watch = Activity("bank_b", ("bank_a", "bank_b"), BOUNDS).watch("bank_a")
    one = side(bank_a, bank_b, exchange, {}, at=0)
    other = side(bank_b, bank_a, exchange, {}, at=1, watch=watch)
    async with running(one, other):
        await one.link.tell(Pulse(1, 1, 0))
        await one.link.tell(Pulse(2, 1, 0b11))
        while not watch.claims:  # noqa: ASYNC110  # a watch sets no event
            await asyncio.sleep(0.01)
    assert watch.claims == {"bank_a", "bank_b"}


def test_a_pulse_has_one_size_whatever_it_says() -> None:
    sizes = {
        len(frame_to_wire(Pulse(number, step, awaits)))
        for number in (1, 2**31) for step in (0, 4096) for awaits in (0, 1, 2**32 - 1)
    }  # fmt: skip
    assert len(sizes) == 1
    said = Pulse(7, 3, 5)
    assert frame_from_wire(frame_to_wire(said), party="bank_b") == said
