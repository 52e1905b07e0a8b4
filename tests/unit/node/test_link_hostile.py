"""What no peer gets away with on a link: frames, receipts, acknowledgements."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from secrets import token_bytes

import pytest

from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.errors import (
    BadMessage,
    BadReceipt,
    ForeignFrame,
    FrameOutOfOrder,
    FrameRepeated,
    FrameTooLarge,
    MiheError,
    PeerAbsent,
)
from contract.signing import Kind, Statement
from contract.statements import Receipt
from node import link
from node.wire.frames import (
    MAX_RECORD_BYTES,
    Ack,
    Chunk,
    Hello,
    LinkFrame,
    Open,
    Receipted,
)
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import RUN, Exchange, Member, enrol, fresh
from tests.unit.node.links import MIB, Hostile, Side, content_of, running, side

SALT = bytes(range(32))


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    """A link waits a moment before it dials again; a test has nothing to wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "_FIRST_PAUSE", 0.0)
        yield


# ── frames and greetings ──────────────────────────────────────────────────────────────────────────


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
