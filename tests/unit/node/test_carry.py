"""The flow between two nodes over gRPC: who is let in, which way it goes, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from cli.revocation import next_list
from contract.credentials import Credentials, credentials_from
from contract.identity import Role
from contract.revocation import list_to_der
from daemon.renewal import server_credentials
from node import carry
from node.carry import Exchange, dial, open_channel, peer_name
from node.seal import Carrier, CarrierLost
from protos import carry_pb2, carry_pb2_grpc
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import PATIENCE, RUN, Member


class Listening:
    """bank_b's peer port."""

    def __init__(self, exchange: Exchange, port: int) -> None:
        self.exchange = exchange
        self.address = f"127.0.0.1:{port}"
        self.channels: list[grpc.aio.Channel] = []

    def channel(self, credentials: Credentials, name: str = "") -> grpc.aio.Channel:
        self.channels.append(open_channel(self.address, credentials, name or peer_name("bank_b")))
        return self.channels[-1]

    async def met(self, credentials: Credentials) -> tuple[Carrier, Carrier]:
        """Both ends of a call of bank_a for RUN."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(
                dial(self.channel(credentials), RUN, "bank_b", relay=False),
                self.exchange.accept(RUN, "bank_a"),
            )


@pytest.fixture
async def listening(bank_b: Member) -> AsyncIterator[Listening]:
    async with listening_at(bank_b.credentials) as there:
        yield there


@asynccontextmanager
async def listening_at(credentials: Credentials) -> AsyncIterator[Listening]:
    exchange = Exchange(credentials)
    server = grpc.aio.server(options=carry.SERVER_OPTIONS)
    carry_pb2_grpc.add_PeerServicer_to_server(exchange, server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(credentials))
    await server.start()
    there = Listening(exchange, port)
    try:
        yield there
    finally:
        for channel in there.channels:
            await channel.close()
        await server.stop(None)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is not awaited is waited for a moment only."""
    monkeypatch.setattr(carry, "_JOIN_SECONDS", 0)


async def test_bytes_pass_both_ways(listening: Listening, bank_a: Member) -> None:
    listening.exchange.expect(RUN, "bank_a")
    mine, theirs = await listening.met(bank_a.credentials)
    largest = bytes((1 << 20) + (64 << 10))
    async with asyncio.timeout(PATIENCE):
        for piece in (b"x", b"", largest):
            await mine.write(piece)
            assert await theirs.read() == piece
            await theirs.write(piece)
            assert await mine.read() == piece


@pytest.mark.parametrize("closing", [0, 1])
async def test_an_end_that_hangs_up_ends_the_other(
    listening: Listening, bank_a: Member, closing: int
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    ends = await listening.met(bank_a.credentials)
    ends[closing].close()
    other = ends[1 - closing]
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(CarrierLost):
            await other.read()
        with pytest.raises(CarrierLost):
            await other.write(b"x")


async def test_a_call_may_come_before_the_run_is_awaited(
    listening: Listening, bank_a: Member
) -> None:
    calling = asyncio.create_task(
        dial(listening.channel(bank_a.credentials), RUN, "bank_b", relay=False)
    )
    await asyncio.sleep(0.2)
    assert not calling.done()
    listening.exchange.expect(RUN, "bank_a")
    async with asyncio.timeout(PATIENCE):
        accepted = await listening.exchange.accept(RUN, "bank_a")
        await (await calling).write(b"x")
        assert await accepted.read() == b"x"


async def test_a_newer_call_replaces_one_that_nobody_took(
    listening: Listening, bank_a: Member
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    channel = listening.channel(bank_a.credentials)
    async with asyncio.timeout(PATIENCE):
        older = await dial(channel, RUN, "bank_b", relay=False)
        newer = await dial(channel, RUN, "bank_b", relay=False)
        with pytest.raises(CarrierLost):
            await older.read()
        accepted = await listening.exchange.accept(RUN, "bank_a")
        await newer.write(b"newer")
        assert await accepted.read() == b"newer"


@pytest.mark.usefixtures("_impatient")
async def test_only_the_peer_of_an_awaited_run_is_let_in(
    listening: Listening, bank_a: Member, tax: Member, consortium: Consortium
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    for caller, run, to in (
        (tax.credentials, RUN, "bank_b"),
        (consortium.coordinator, RUN, "bank_b"),
        (bank_a.credentials, bytes(32), "bank_b"),
        (bank_a.credentials, RUN[:-1], "bank_b"),
        (bank_a.credentials, b"", "bank_b"),
        (bank_a.credentials, RUN, "tax"),
        (bank_a.credentials, RUN, ""),
    ):
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(CarrierLost):
                await dial(listening.channel(caller), run, to, relay=False)
    listening.exchange.forget(RUN, "bank_a")
    with pytest.raises(CarrierLost):
        await dial(listening.channel(bank_a.credentials), RUN, "bank_b", relay=False)


async def test_a_caller_or_a_listener_of_another_consortium_is_not_met(
    listening: Listening, bank_a: Member, stranger: Member
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    with pytest.raises(CarrierLost):
        await dial(listening.channel(stranger.credentials), RUN, "bank_b", relay=False)
    async with listening_at(stranger.credentials) as posing:
        posing.exchange.expect(RUN, "bank_a")
        with pytest.raises(CarrierLost):
            await dial(posing.channel(bank_a.credentials), RUN, "bank_b", relay=False)


async def test_a_caller_that_was_revoked_is_not_met(
    consortium: Consortium, bank_a: Member, bank_b: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "_JOIN_SECONDS", 1)
    own = credentials_from(
        bank_b.credentials.certificate_pem,
        bank_b.credentials.key_pem,
        consortium.certificate,
        org="bank_b",
        role=Role.NODE,
    )
    async with listening_at(own) as there:
        there.exchange.expect(RUN, "bank_a")
        await there.met(bank_a.credentials)
        revoked = bank_a.credentials.certificate_pem
        crl = next_list(consortium.key, consortium.certificate, None, revoked)
        own.authority.take(list_to_der(crl))
        with pytest.raises(CarrierLost):
            await dial(there.channel(bank_a.credentials), RUN, "bank_b", relay=False)


async def test_a_listener_that_is_another_member_is_not_met(
    bank_a: Member, tax: Member, consortium: Consortium
) -> None:
    for member in (tax.credentials, consortium.coordinator):
        async with listening_at(member) as posing:
            posing.exchange.expect(RUN, "bank_a")
            with pytest.raises(CarrierLost):
                await dial(posing.channel(bank_a.credentials), RUN, "bank_b", relay=False)


async def test_a_call_that_begins_with_something_else_is_refused(
    listening: Listening, bank_a: Member
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    for first in (
        carry_pb2.CarryFrame(),
        carry_pb2.CarryFrame(sealed=b"x"),
        carry_pb2.CarryFrame(joined=True),
    ):
        call = carry_pb2_grpc.PeerStub(listening.channel(bank_a.credentials)).Carry()
        await call.write(first)
        async with asyncio.timeout(PATIENCE):
            assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_after_it_has_met_only_sealed_bytes_are_taken(
    listening: Listening, bank_a: Member
) -> None:
    listening.exchange.expect(RUN, "bank_a")
    call = carry_pb2_grpc.PeerStub(listening.channel(bank_a.credentials)).Carry()
    opening = carry_pb2.CarryOpen(run=RUN, to="bank_b")
    await call.write(carry_pb2.CarryFrame(open=opening))
    async with asyncio.timeout(PATIENCE):
        accepted = await listening.exchange.accept(RUN, "bank_a")
        await call.write(carry_pb2.CarryFrame(open=opening))
        with pytest.raises(CarrierLost):
            await accepted.read()


async def test_nobody_there_is_a_line_that_is_lost(bank_a: Member) -> None:
    channel = open_channel("127.0.0.1:1", bank_a.credentials, peer_name("bank_b"))
    async with asyncio.timeout(PATIENCE):
        for relay in (True, False):
            with pytest.raises(CarrierLost):
                await dial(channel, RUN, "bank_b", relay=relay)
    await channel.close()
