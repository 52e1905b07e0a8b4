"""Certificates that expire, are renewed or revoked while nodes are attached and jobs run."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import grpc.aio
import pytest

from cli import authority
from cli.revocation import next_list
from contract.canonical import canonical_bytes, parse
from contract.cause import Cause
from contract.credentials import Credentials, credentials_from
from contract.errors import MiheError
from contract.identity import Role
from contract.revocation import list_to_der
from contract.signing import Kind, Statement, verify
from contract.statements import Dead, Greeting
from coordinator.server import Running
from daemon.renewal import News, Renewal
from tests.unit.coordinator.consortium import (
    PATIENCE,
    USCC,
    Consortium,
    HandClock,
    Stream,
    approval,
    attach,
    catalogue,
    contract_of,
    open_stream,
    proposal,
    say_all,
    to_running,
)

Attached = Callable[..., Awaitable[Stream]]


@pytest.fixture
async def a(attached: Attached, bank_a: Credentials) -> Stream:
    stream = await attached(bank_a)
    await stream.must_say(catalogue(bank_a))
    return stream


@pytest.fixture
async def b(attached: Attached, bank_b: Credentials) -> Stream:
    stream = await attached(bank_b)
    await stream.must_say(catalogue(bank_b))
    return stream


def cause_of_end(told: bytes) -> tuple[str, str | None]:
    cause: Cause = parse(Dead, told).cause
    return cause.code, cause.party


async def look(coordinator: Running) -> None:
    """What happens every second."""
    renewal: Renewal = coordinator.validity._renewal
    await coordinator.validity.consider(renewal.look())


def revoke(folder: Path, consortium: Consortium, *members: Credentials) -> bytes:
    """The CA's list with these on it, where the operator puts it; DER."""
    pem = None
    for member in members:
        pem = next_list(consortium.key, consortium.certificate, pem, member.certificate_pem)
    assert pem is not None
    (folder / "ca.crl").write_bytes(pem)
    return list_to_der(pem)


async def test_what_expires_while_it_is_attached_is_out(
    a: Stream, attached: Attached, coordinator: Running, consortium: Consortium,
    bank_a: Credentials, time: HandClock,
) -> None:  # fmt: skip
    brief = brief_member(consortium, "bank_b")
    b = await attached(brief)
    await b.must_say(catalogue(brief))
    _, said = to_running(contract_of(bank_a, brief), bank_a, brief)
    await say_all(said, a, b)
    time.forward(brief.signer.identity.expires - time.clock.now())
    await coordinator.lifecycle.sweep()
    assert coordinator.roster.attached() == ["bank_a", "bank_b"]
    time.forward(timedelta(seconds=1))
    late = await b.say(catalogue(brief, revision=2))
    assert late is not None
    assert (late.code, late.party) == ("FOREIGN_CERTIFICATE", "bank_b")
    await coordinator.lifecycle.sweep()
    end = (await a.told(8))[-1]
    assert cause_of_end(end.body) == ("FOREIGN_CERTIFICATE", "bank_b")
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await read_to_end(b)
    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
    await gone(coordinator, "bank_b")


def brief_member(consortium: Consortium, org: str) -> Credentials:
    """A member whose certificate is the first to expire."""
    key, csr = authority.request(Role.NODE, org, USCC)
    certificate = authority.sign(consortium.key, consortium.certificate, csr, days=9)
    return credentials_from(certificate, key, consortium.certificate, org=org, role=Role.NODE)


async def gone(coordinator: Running, org: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while org in coordinator.roster.attached():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


async def read_to_end(stream: Stream) -> None:
    while await stream.call.read() is not grpc.aio.EOF:
        pass


async def test_a_revoked_node_is_put_out_and_shown_why(
    a: Stream, b: Stream, coordinator: Running, folder: Path, consortium: Consortium,
    bank_a: Credentials, bank_b: Credentials,
) -> None:  # fmt: skip
    _, said = to_running(contract_of(bank_a, bank_b), bank_a, bank_b)
    waiting = contract_of(bank_a, bank_b, nonce="77" * 32)
    await say_all([*said, proposal(bank_a, waiting)], a, b)
    crl = revoke(folder, consortium, bank_b)
    await look(coordinator)
    told = await a.told(10)
    assert {cause_of_end(one.body) for one in told[-2:]} == {("CERTIFICATE_REVOKED", "bank_b")}
    assert (await a.other("revocations")).revocations.crl == crl
    assert (await b.other("revocations")).revocations.crl == crl
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await read_to_end(b)
    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
    await gone(coordinator, "bank_b")

    # It can't come back, nothing can be agreed with it, and it is shown the list each time.
    again, _ = open_stream(coordinator.port, bank_b)
    assert (await again.other("revocations")).revocations.crl == crl
    with pytest.raises(grpc.aio.AioRpcError):
        await read_to_end(again)
    await again.leave()
    error = await a.say(proposal(bank_a, contract_of(bank_a, bank_b, nonce="66" * 32)))
    assert error is not None
    assert (error.code, error.party) == ("CERTIFICATE_REVOKED", "bank_b")


async def test_who_attaches_later_is_shown_the_list(
    coordinator: Running, folder: Path, consortium: Consortium, bank_a: Credentials,
    attached: Attached,
) -> None:  # fmt: skip
    crl = revoke(folder, consortium, consortium.issue("tax"))
    await look(coordinator)
    stream = await attached(bank_a)
    assert (await stream.other("revocations")).revocations.crl == crl


async def test_a_forged_list_is_noted_and_changes_nothing(
    a: Stream, coordinator: Running, folder: Path, bank_a: Credentials
) -> None:
    other = Consortium("Test consortium")
    revoke(folder, other, other.member("bank_a"))
    news: News = coordinator.validity._renewal.look()
    assert [error.code for error in news.refused] == ["BAD_SIGNATURE"]
    await coordinator.validity.consider(news)
    await a.must_say(catalogue(bank_a, revision=2))


async def test_a_renewed_node_finishes_what_it_still_has_the_key_of(
    a: Stream, b: Stream, coordinator: Running, consortium: Consortium,
    bank_a: Credentials, bank_b: Credentials,
) -> None:  # fmt: skip
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    new = consortium.issue("bank_b")
    earlier = [bank_b.signer.identity.fingerprint]
    again = await attach(coordinator.port, new, earlier=earlier)
    again.said = b.said
    await again.must_say(approval(bank_b, contract))  # signed with the earlier key
    crossed = await a.say(proposal(bank_a, contract_of(bank_a, bank_b, nonce="66" * 32)))
    assert crossed is not None
    assert (crossed.code, crossed.party) == ("FINGERPRINT_CHANGED", "bank_b")
    await again.leave()
    without = await attach(coordinator.port, new)
    code, party = cause_of_end((await without.told(3))[-1].body)
    assert (code, party) == ("FINGERPRINT_CHANGED", "bank_b")
    await without.leave()


async def test_the_greeting_proves_who_greets(
    coordinator: Running, consortium: Consortium, bank_a: Credentials, folder: Path
) -> None:
    new = consortium._issue(Role.COORDINATOR, "coordinator")
    (folder / "own.key").write_bytes(new.key_pem)
    (folder / "own.pem").write_bytes(new.certificate_pem)
    await look(coordinator)
    stream = await attach(coordinator.port, bank_a)
    proof = stream.welcome.proof
    statement = Statement(
        Kind(proof.kind), proof.org, proof.subject, proof.body, proof.signature, proof.certificate
    )
    assert verify(statement, bank_a.authority) == new.signer.identity
    assert statement.kind is Kind.WELCOME
    assert statement.subject == bytes(32)
    assert statement.body == canonical_bytes(Greeting(node="bank_a"))
    await stream.leave()


async def test_nobody_can_say_a_greeting(a: Stream, bank_a: Credentials) -> None:
    body = canonical_bytes(Greeting(node="bank_a"))
    error: MiheError | None = await a.say(bank_a.signer.sign(Kind.WELCOME, bytes(32), body))
    assert error is not None
