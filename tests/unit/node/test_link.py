"""The link of a run: what arrives over lines that break, and when it ends."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.errors import FingerprintChanged, ForeignCertificate, PartyStalled, PeerAbsent
from contract.signing import verify
from contract.statements import Receipt
from node import link
from node.pulse import Activity, Bounds, Watch
from node.seal import CarrierLost, Seal
from node.wire.frames import Hello, Pulse, Receipted, frame_from_wire, frame_to_wire
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import BOUNDS, PATIENCE, RUN, Exchange, Member, enrol, fresh
from tests.unit.node.links import MIB, Hostile, Side, content_of, running, side


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    """A link waits a moment before it dials again; a test has nothing to wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "_FIRST_PAUSE", 0.0)
        yield


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


# ── a peer that has signed its evidence ─────────────────────────────────────────────────────────

LONGER_THAN_PATIENCE = 0.6


async def test_evidence_stands_for_an_acknowledgement_that_died_with_its_process(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {"back": 1}, at=0, patience=0.3)
    async with running(one) as (task,):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        sending = asyncio.create_task(one.link.send("there", b""))
        await peer.hear_only(Receipted)
        await peer.hang_up()
        await one.link.peer_is_through([one.kept["there"][1].digest.hex()])
        await sending
        await asyncio.sleep(LONGER_THAN_PATIENCE)
        assert not task.done()
        with pytest.raises(PeerAbsent):  # it can't have been through: this end lacks something
            await one.link.receive("back")


async def test_evidence_that_does_not_name_a_message_does_not_stand_for_it(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {}, at=0, patience=0.3)
    async with running(one):
        peer = Hostile(bank_b, bank_a, exchange)
        await peer.connect()
        sending = asyncio.create_task(one.link.send("there", b""))
        await peer.hear_only(Receipted)
        await peer.hang_up()
        await one.link.peer_is_through(["ab" * 32])
        with pytest.raises(PeerAbsent):
            await sending


@pytest.mark.usefixtures("_quick_ticks")
async def test_the_silence_of_a_peer_that_is_through_ends_nothing(
    bank_a: Member, bank_b: Member
) -> None:
    exchange = Exchange()
    one = side(bank_a, bank_b, exchange, {}, at=0, watch=impatient("bank_a"))
    there = asyncio.create_task(mute(bank_a, bank_b, exchange))
    async with running(one) as (task,):
        await one.link.peer_is_through([])
        await asyncio.sleep(LONGER_THAN_PATIENCE)
        assert not task.done()
    there.cancel()


# ── signs of life ───────────────────────────────────────────────────────────────────────────────


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
