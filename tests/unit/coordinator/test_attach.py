"""A node's stream: who may open it, what it is told, and what another greeting changes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from contract.credentials import Credentials
from contract.identity import Role, server_name
from coordinator.server import Running, serving
from protos import coordinator_pb2 as wire
from protos import coordinator_pb2_grpc
from tests.unit.coordinator.consortium import (
    PATIENCE,
    Consortium,
    Stream,
    approval,
    attach,
    catalogue,
    channel_to,
    configure,
    contract_of,
    open_stream,
    proposal,
)

Attached = Callable[..., Awaitable[Stream]]


async def refused(stream: Stream, hello: wire.FromNode) -> tuple[grpc.StatusCode, str]:
    with suppress(grpc.aio.AioRpcError):  # it may be over before anything is said
        await stream.call.write(hello)
    status, error = await stream.status()
    await stream.leave()
    return status, error.code


async def test_a_greeting_is_answered_with_the_log_and_what_it_holds(
    attached: Attached, bank_a: Credentials
) -> None:
    stream = await attached(bank_a)
    assert len(stream.welcome.log) == 16
    assert stream.welcome.taken == 0
    assert await stream.told_until_caught_up() == []


async def test_a_coordinators_certificate_attaches_no_node(
    coordinator: Running, consortium: Consortium
) -> None:
    stream, hello = open_stream(coordinator.port, consortium.coordinator)
    assert await refused(stream, hello) == (grpc.StatusCode.PERMISSION_DENIED, "WRONG_ROLE")


@pytest.mark.parametrize("service", ["attach", "health", "reflection"])
async def test_a_certificate_of_another_ca_reaches_nothing(
    coordinator: Running, bank_a: Credentials, service: str
) -> None:
    stranger = Consortium("Another").member("bank_a")
    # The stranger trusts our CA, so that it is the coordinator that refuses.
    posing = Credentials(stranger.pair, bank_a.authority, bank_a.authority_pem)
    async with channel_to(coordinator.port, posing) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await ask(service, channel)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("service", ["attach", "health", "reflection"])
async def test_without_a_certificate_nothing_is_reached(
    coordinator: Running, consortium: Consortium, service: str
) -> None:
    trust = grpc.ssl_channel_credentials(root_certificates=consortium.certificate)
    name = [("grpc.ssl_target_name_override", server_name(Role.COORDINATOR, "coordinator"))]
    address = f"127.0.0.1:{coordinator.port}"
    async with grpc.aio.secure_channel(address, trust, options=name) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await ask(service, channel)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("service", ["health", "reflection"])
async def test_members_see_health_and_reflection(
    coordinator: Running, bank_a: Credentials, service: str
) -> None:
    async with channel_to(coordinator.port, bank_a) as channel:
        assert "mihe.v1.Coordinator" in str(await ask(service, channel)) or service == "health"


async def ask(service: str, channel: Any) -> object:
    # Any: the types of gRPC's own two stubs do not know the asynchronous channel.
    async with asyncio.timeout(PATIENCE):
        match service:
            case "health":
                question = health_pb2.HealthCheckRequest(service="mihe.v1.Coordinator")
                stub: Any = health_pb2_grpc.HealthStub(channel)
                answer = await stub.Check(question)
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
                return answer
            case "reflection":
                listing = reflection_pb2.ServerReflectionRequest(list_services="")
                stub = reflection_pb2_grpc.ServerReflectionStub(channel)
                return [answer async for answer in stub.ServerReflectionInfo(iter([listing]))]
            case _:
                call = coordinator_pb2_grpc.CoordinatorStub(channel).Attach()
                hello = wire.Hello(protocol=1, store=bytes(16), nonce=bytes(32))
                await call.write(wire.FromNode(hello=hello))
                return await call.read()


async def test_another_protocol_version_is_refused(
    coordinator: Running, bank_a: Credentials
) -> None:
    stream, hello = open_stream(coordinator.port, bank_a, protocol=99)
    assert (await refused(stream, hello))[1] == "VERSION_MISMATCH"


@pytest.mark.parametrize(
    "first",
    [
        wire.FromNode(),
        wire.FromNode(said=wire.Said(number=1)),
        wire.FromNode(hello=wire.Hello(protocol=1, store=b"short")),
        wire.FromNode(hello=wire.Hello(protocol=1, store=bytes(16), log=b"short")),
        wire.FromNode(hello=wire.Hello(protocol=1, store=bytes(16), nonce=b"short")),
        wire.FromNode(
            hello=wire.Hello(protocol=1, store=bytes(16), nonce=bytes(32), earlier=["none"])
        ),
        wire.FromNode(
            hello=wire.Hello(protocol=1, store=bytes(16), nonce=bytes(32), earlier=["ab" * 32] * 65)
        ),
    ],
    ids=["empty", "said", "store", "log", "nonce", "earlier", "too many earlier"],
)
async def test_a_malformed_greeting_is_refused(
    coordinator: Running, bank_a: Credentials, first: wire.FromNode
) -> None:
    stream, _ = open_stream(coordinator.port, bank_a)
    assert await refused(stream, first) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_MESSAGE")


async def test_a_second_greeting_is_refused(attached: Attached, bank_a: Credentials) -> None:
    stream = await attached(bank_a)
    hello = wire.Hello(protocol=1, store=stream.store)
    assert (await refused(stream, wire.FromNode(hello=hello)))[1] == "BAD_MESSAGE"


async def test_a_newer_stream_replaces_the_older(attached: Attached, bank_a: Credentials) -> None:
    older = await attached(bank_a)
    newer = await attached(bank_a)
    status, error = await older.status()
    assert (status, error.code) == (grpc.StatusCode.ABORTED, "PARTY_RESTARTED")
    await newer.must_say(catalogue(bank_a))


async def test_everybody_concerned_is_told_and_nobody_else(
    attached: Attached, consortium: Consortium, bank_a: Credentials, bank_b: Credentials
) -> None:
    tax = consortium.member("tax")
    a, b, other = await attached(bank_a), await attached(bank_b), await attached(tax)
    for stream, member in ((a, bank_a), (b, bank_b), (other, tax)):
        await stream.must_say(catalogue(member))
    first, second = contract_of(bank_a, bank_b), contract_of(tax, bank_b)
    await a.must_say(proposal(bank_a, first))
    await other.must_say(proposal(tax, second))
    await b.must_say(approval(bank_b, second))
    assert [told.org for told in await b.told(3)] == ["bank_a", "tax", "bank_b"]
    assert [told.org for told in await other.told(2)] == ["tax", "bank_b"]
    # Whatever else bank_a is to be told comes before this.
    await a.must_say(approval(bank_a, first))
    assert [told.kind for told in await a.told(2)] == ["contract", "approval"]


async def test_a_node_is_told_what_it_missed_from_where_it_stands(
    attached: Attached, coordinator: Running, bank_a: Credentials, bank_b: Credentials
) -> None:
    a, b = await attached(bank_a), await attached(bank_b)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contracts = [contract_of(bank_a, bank_b, nonce=f"{n:064x}") for n in range(20)]
    await a.must_say(proposal(bank_a, contracts[0]))
    (first,) = await b.told(1)
    await b.leave()
    await a.must_say(*(proposal(bank_a, contract) for contract in contracts[1:]))

    log = b.welcome.log
    again = await attach(coordinator.port, bank_b, log=log, heard=first.number)
    missed = await again.told_until_caught_up()
    assert [told.number for told in missed] == sorted(told.number for told in missed)
    assert len(missed) == 19
    await again.leave()

    for known, heard in ((b"", 0), (bytes(16), first.number), (log, 1000)):
        anew = await attach(coordinator.port, bank_b, log=known, heard=heard)
        assert len(await anew.told_until_caught_up()) == 20
        await anew.leave()


async def test_the_newest_catalogues_and_who_is_there(
    attached: Attached, bank_a: Credentials, bank_b: Credentials
) -> None:
    a, b = await attached(bank_a), await attached(bank_b)
    newest = catalogue(bank_a, revision=2)
    await a.must_say(catalogue(bank_a, revision=1), newest, catalogue(bank_a, revision=1))
    await b.must_say(catalogue(bank_b))
    await b.call.write(wire.FromNode(catalogue=wire.CatalogueQuestion(question=7)))
    answer = (await b.other("catalogue")).catalogue
    assert answer.question == 7
    assert list(answer.attached) == ["bank_a", "bank_b"]
    assert [stated.org for stated in answer.catalogues] == ["bank_a", "bank_b"]
    assert answer.catalogues[0].body == newest.body
    assert answer.catalogues[0].signature == newest.signature


async def test_progress_goes_to_the_jobs_other_parties_only(
    attached: Attached, consortium: Consortium, bank_a: Credentials, bank_b: Credentials
) -> None:
    tax = consortium.member("tax")
    a, b, other = await attached(bank_a), await attached(bank_b), await attached(tax)
    await a.must_say(catalogue(bank_a))
    await b.must_say(catalogue(bank_b))
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))

    def progress(org: str, done: int) -> wire.FromNode:
        return wire.FromNode(
            progress=wire.Progress(
                job=contract.job_id, org=org, phase="blind", done=done, total=256
            )
        )

    await other.call.write(progress("tax", 1))
    await other.must_say(catalogue(tax))  # so the coordinator has read what came before
    await a.call.write(progress("bank_a", 2))
    heard = (await b.other("progress")).progress
    assert (heard.org, heard.phase, heard.done, heard.total) == ("bank_a", "blind", 2, 256)

    # The hand clock stands still: the burst is all that passes, however much is sent.
    for done in range(3, 100):
        await a.call.write(progress("bank_a", done))
    await a.must_say(approval(bank_a, contract))
    await b.must_say(approval(bank_b, contract))
    assert 0 < b.unread("progress") < 20

    assert (await refused(a, progress("bank_b", 3)))[1] == "BAD_MESSAGE"


async def test_a_node_that_gives_no_sign_of_life_is_away(
    consortium: Consortium, bank_a: Credentials, tmp_path: Path
) -> None:
    config = configure(tmp_path, consortium.coordinator)
    config = config.model_copy(update={"silence_seconds": 0.5})  # less than a file may say
    async with serving(config, tmp_path) as running:
        stream = await attach(running.port, bank_a, store=bytes(16))
        for number in range(1, 6):  # each is answered, and longer than silence may last in all
            await stream.call.write(wire.FromNode(knock=number))
            assert (await stream.other("knock")).knock == number
            await asyncio.sleep(0.2)
        assert running.roster.attached() == ["bank_a"]
        status, error = await stream.status()
        assert (status, error.code) == (grpc.StatusCode.UNAVAILABLE, "NODE_ABSENT")
        assert running.roster.attached() == []
        await stream.leave()
