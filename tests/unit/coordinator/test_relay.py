"""The relay: who is connected to whom, when, and what happens when an end breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import grpc
import pytest

from contract.credentials import Credentials
from contract.errors import PartyLost
from contract.job import Contract
from coordinator import service
from coordinator.relay import Relay
from coordinator.server import Running
from coordinator.wire import MAX_SEALED_BYTES
from protos import coordinator_pb2_grpc
from protos.carry_pb2 import CarryFrame, CarryOpen
from tests.unit.coordinator.consortium import (
    PATIENCE,
    CarryCall,
    Consortium,
    Stream,
    catalogue,
    channel_to,
    contract_of,
    ending,
    evidence,
    gate,
    say_all,
    to_running,
)

Attached = Callable[..., Awaitable[Stream]]


class Job:
    """A job that is running, and its parties' control streams."""

    def __init__(self, contract: Contract, run: bytes, a: Stream, b: Stream) -> None:
        self.contract = contract
        self.run = run
        self.a = a
        self.b = b


@pytest.fixture
async def job(attached: Attached, bank_a: Credentials, bank_b: Credentials) -> Job:
    a, b = await attached(bank_a), await attached(bank_b)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contract = contract_of(bank_a, bank_b)
    run, said = to_running(contract, bank_a, bank_b)
    await say_all(said, a, b)
    return Job(contract, run, a, b)


Carry = Callable[[Credentials, bytes, str], Awaitable[CarryCall]]


@pytest.fixture
async def carry(coordinator: Running) -> AsyncIterator[Carry]:
    """Opens a party's end."""
    async with AsyncExitStack() as open_channels:

        async def one(credentials: Credentials, run: bytes, to: str) -> CarryCall:
            channel = channel_to(coordinator.port, credentials)
            await open_channels.enter_async_context(channel)
            call = coordinator_pb2_grpc.CoordinatorStub(channel).Carry()
            await call.write(CarryFrame(open=CarryOpen(run=run, to=to)))
            return call

        yield one


async def frame(call: CarryCall) -> CarryFrame:
    async with asyncio.timeout(PATIENCE):
        read = await call.read()
    assert isinstance(read, CarryFrame)
    return read


async def joined(*calls: CarryCall) -> None:
    for call in calls:
        assert (await frame(call)).joined


async def ended(call: CarryCall) -> str:
    return (await ending(call))[1].code


async def test_frames_pass_both_ways_in_order_and_unchanged(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials
) -> None:
    a = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(a, b)
    sent = [bytes([n]) * (1 + 1000 * n) for n in range(50)] + [b"", bytes(MAX_SEALED_BYTES)]

    async def push(call: CarryCall) -> None:
        for content in sent:
            await call.write(CarryFrame(sealed=content))

    async def pull(call: CarryCall) -> list[bytes]:
        return [(await frame(call)).sealed for _ in sent]

    _, _, at_a, at_b = await asyncio.gather(push(a), push(b), pull(a), pull(b))
    assert at_a == at_b == sent


@pytest.mark.parametrize("way", ["break", "half-close"])
async def test_when_one_side_ends_the_other_ends_too_and_both_come_back(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials, way: str
) -> None:
    a = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(a, b)
    if way == "break":
        a.cancel()
    else:
        # What was under way still arrives.
        await a.write(CarryFrame(sealed=b"last words"))
        await a.done_writing()
        assert (await frame(b)).sealed == b"last words"
    status, error = await ending(b)
    assert (status, error.code) == (grpc.StatusCode.UNAVAILABLE, "PEER_ABSENT")
    again_b = await carry(bank_b, job.run, "bank_a")
    again_a = await carry(bank_a, job.run, "bank_b")
    await joined(again_a, again_b)


async def test_a_newer_stream_replaces_the_older_and_its_pair(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials
) -> None:
    older = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(older, b)
    newer = await carry(bank_a, job.run, "bank_b")
    assert await ended(older) == "PARTY_RESTARTED"
    assert await ended(b) == "PEER_ABSENT"
    again = await carry(bank_b, job.run, "bank_a")
    await joined(newer, again)
    await newer.write(CarryFrame(sealed=b"x"))
    assert (await frame(again)).sealed == b"x"


async def test_nothing_is_relayed_before_the_run_or_after_it(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials
) -> None:
    early = contract_of(bank_a, bank_b, nonce="55" * 32)
    run, said = to_running(early, bank_a, bank_b)
    await say_all(said[:-1], job.a, job.b)  # one start signature is missing
    assert await ended(await carry(bank_a, run, "bank_b")) == "UNKNOWN_JOB"
    assert await ended(await carry(bank_a, bytes(32), "bank_b")) == "UNKNOWN_JOB"
    await say_all(said[-1:], job.a, job.b)

    a = await carry(bank_a, run, "bank_b")
    b = await carry(bank_b, run, "bank_a")
    await joined(a, b)
    parties = ((job.a, bank_a), (job.b, bank_b))
    for stream, party in parties:
        await stream.must_say(gate(party, run))
    await a.write(CarryFrame(sealed=b"while releasing"))
    assert (await frame(b)).sealed == b"while releasing"
    for stream, party in parties:
        await stream.must_say(evidence(party, early, run))
    assert await ended(a) == await ended(b) == "JOB_FINISHED"
    assert await ended(await carry(bank_a, run, "bank_b")) == "JOB_FINISHED"


async def test_only_the_two_parties_are_on_a_line(
    job: Job, carry: Carry, bank_a: Credentials, consortium: Consortium
) -> None:
    tax = consortium.member("tax")
    assert await ended(await carry(tax, job.run, "bank_a")) == "UNKNOWN_ORGANISATION"
    assert await ended(await carry(bank_a, job.run, "tax")) == "UNKNOWN_ORGANISATION"
    assert await ended(await carry(bank_a, job.run, "bank_a")) == "UNKNOWN_ORGANISATION"


async def test_the_coordinators_certificate_is_on_no_line(
    job: Job, carry: Carry, consortium: Consortium
) -> None:
    assert await ended(await carry(consortium.coordinator, job.run, "bank_a")) == "WRONG_ROLE"


@pytest.mark.parametrize(
    "second",
    [CarryFrame(joined=True), CarryFrame(open=CarryOpen(run=bytes(32), to="x")), CarryFrame()],
    ids=["joined", "open", "empty"],
)
async def test_a_frame_out_of_place_ends_both_streams(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials, second: CarryFrame
) -> None:
    a = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(a, b)
    await a.write(second)
    assert await ended(a) == "BAD_MESSAGE"
    assert await ended(b) == "PEER_ABSENT"


async def test_a_frame_that_is_too_large_ends_both_streams(
    job: Job, carry: Carry, bank_a: Credentials, bank_b: Credentials
) -> None:
    a = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(a, b)
    await a.write(CarryFrame(sealed=bytes(MAX_SEALED_BYTES + 1)))
    assert await ended(a) == "FRAME_TOO_LARGE"
    assert await ended(b) == "PEER_ABSENT"


async def test_a_stream_to_nobody_is_refused(job: Job, carry: Carry, bank_a: Credentials) -> None:
    assert await ended(await carry(bank_a, job.run[:31], "bank_b")) == "BAD_MESSAGE"
    assert await ended(await carry(bank_a, job.run, "Bank B")) == "BAD_MESSAGE"


async def test_four_frames_wait_for_a_party_that_does_not_read() -> None:
    relay, read, run = Relay(), 0, bytes(32)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"frame"

    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def delivered(content: bytes | None) -> None:
        pass

    async def not_delivered(content: bytes | None) -> None:
        if content is not None:
            await asyncio.Event().wait()

    ends = [
        asyncio.ensure_future(relay.carry(run, "bank_a", "bank_b", endless(), delivered)),
        asyncio.ensure_future(relay.carry(run, "bank_b", "bank_a", silent(), not_delivered)),
    ]
    for _ in range(1000):
        await asyncio.sleep(0)
    assert read == 5  # four on their way, and one in the hand of the one who reads the sender
    relay.close_all(PartyLost("over", fix="none"))
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [PartyLost, PartyLost]


async def test_a_party_that_reads_nothing_is_dropped_and_its_peer_told(
    job: Job,
    carry: Carry,
    bank_a: Credentials,
    bank_b: Credentials,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(service, "_WRITING_SECONDS", 0.1)
    a = await carry(bank_a, job.run, "bank_b")
    b = await carry(bank_b, job.run, "bank_a")
    await joined(a, b)

    async def push() -> None:
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                await a.write(CarryFrame(sealed=bytes(1 << 20)))

    pushing = asyncio.create_task(push())
    async with asyncio.timeout(PATIENCE):
        # A client that is cut off while it writes keeps its own status and not the one it is sent.
        assert await a.code() is not grpc.StatusCode.OK
        await pushing
    assert await ended(b) == "NODE_ABSENT"
    assert "event=defect" not in caplog.text
