"""How the coordinator ends a job: expired, or a party lost; the same signed cause everywhere."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from contract.canonical import canonical_bytes, parse
from contract.cause import Cause
from contract.credentials import Credentials
from contract.errors import JobFinished
from contract.job import Contract, Crypto
from contract.signing import Kind, Statement
from contract.statements import Dead, Prepare
from contract.suites import Suite
from coordinator.server import Running
from tests.unit.coordinator.conftest import GRACE_SECONDS
from tests.unit.coordinator.consortium import (
    PATIENCE,
    HandClock,
    Stream,
    Told,
    approval,
    attach,
    catalogue,
    contract_of,
    evidence,
    gate,
    prepare,
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


def cause_in(told: Told) -> Cause:
    assert (told.kind, told.org) == ("dead", "coordinator")
    return parse(Dead, told.body).cause


async def cut_off(coordinator: Running, stream: Stream) -> None:
    """Break a stream, and wait until the coordinator has noticed."""
    await stream.leave()
    async with asyncio.timeout(PATIENCE):
        while stream.org in coordinator.roster.attached():  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)


async def test_a_run_goes_from_proposal_to_evidence(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    run, said = to_running(contract, bank_a, bank_b)
    await say_all(said, a, b)
    await a.must_say(gate(bank_a, run))
    await b.must_say(gate(bank_b, run), evidence(bank_b, contract, run))
    await a.must_say(evidence(bank_a, contract, run))
    assert [told.kind for told in await a.told(11)] == [
        "contract", *["approval"] * 2, *["prepare"] * 2, *["start"] * 2,
        *["gate"] * 2, *["evidence"] * 2,
    ]  # fmt: skip
    # Nothing changes what has ended, and a word that crossed with the end is no offence.
    await b.must_say(evidence(bank_b, contract, run), approval(bank_b, contract))


async def test_a_contract_that_expires_before_it_runs_is_dead(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    contract = contract_of(bank_a, bank_b, created=time.clock.now(), life=timedelta(hours=1))
    await a.must_say(proposal(bank_a, contract), approval(bank_a, contract))
    time.forward(timedelta(minutes=59))
    await coordinator.lifecycle.sweep()
    time.forward(timedelta(minutes=1))
    await coordinator.lifecycle.sweep()
    causes = {cause_in((await stream.told(3))[-1]) for stream in (a, b)}
    assert {cause.code for cause in causes} == {"CONTRACT_EXPIRED"}
    await coordinator.lifecycle.sweep()
    await b.must_say(approval(bank_b, contract))


async def test_a_word_after_the_expiry_does_not_revive_the_job(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials, time: HandClock
) -> None:
    contract = contract_of(bank_a, bank_b, created=time.clock.now(), life=timedelta(hours=1))
    await a.must_say(proposal(bank_a, contract), approval(bank_a, contract))
    time.forward(timedelta(hours=1))
    await b.must_say(approval(bank_b, contract))
    assert cause_in((await b.told(3))[-1]).code == "CONTRACT_EXPIRED"


async def test_what_started_in_time_may_finish(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    contract = contract_of(bank_a, bank_b, created=time.clock.now(), life=timedelta(hours=1))
    run, said = to_running(contract, bank_a, bank_b)
    await say_all(said, a, b)
    time.forward(timedelta(hours=2))
    await coordinator.lifecycle.sweep()
    await a.must_say(gate(bank_a, run))
    assert (await a.told(8))[-1].kind == "gate"


def asked_again(by: Credentials, contract: Contract, run: bytes) -> Statement:
    """That a process of this party has ended: it wants a further attempt."""
    body = parse(Prepare, prepare(by, contract).body).model_copy(update={"attempt": 2})
    return by.signer.sign(Kind.PREPARE, run, canonical_bytes(body))


async def test_a_party_that_takes_up_no_further_attempt_ends_the_job(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    crypto = Crypto(suite=Suite.PSI_RR22)
    contract = contract_of(bank_a, bank_b).model_copy(update={"crypto": crypto})
    run, said = to_running(contract, bank_a, bank_b)
    await say_all([*said, asked_again(bank_a, contract, run)], a, b)
    await coordinator.lifecycle.sweep()
    time.forward(timedelta(seconds=GRACE_SECONDS))
    await coordinator.lifecycle.sweep()
    await coordinator.lifecycle.require_line(run, "bank_a", "bank_b")
    await b.must_say(asked_again(bank_b, contract, run))
    with pytest.raises(JobFinished):  # nothing more is relayed of the attempt that is over
        await coordinator.lifecycle.require_line(run, "bank_a", "bank_b")
    await coordinator.lifecycle.sweep()  # who has answered has as long for the next word
    time.forward(timedelta(seconds=GRACE_SECONDS))
    await coordinator.lifecycle.sweep()
    time.forward(timedelta(seconds=1))
    await coordinator.lifecycle.sweep()
    cause = cause_in((await a.told(10))[-1])
    assert (cause.code, cause.party, cause.phase) == ("PARTY_LOST", "bank_a", "running")


async def test_a_party_that_stays_away_ends_its_running_jobs(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    _, said = to_running(contract_of(bank_a, bank_b), bank_a, bank_b)
    waiting = contract_of(bank_a, bank_b, nonce="77" * 32)
    await say_all([*said, proposal(bank_a, waiting)], a, b)
    await cut_off(coordinator, b)
    time.forward(timedelta(seconds=GRACE_SECONDS))
    await coordinator.lifecycle.sweep()
    time.forward(timedelta(seconds=1))
    await coordinator.lifecycle.sweep()
    told = await a.told(9)
    cause = cause_in(told[-1])
    assert (cause.code, cause.party, cause.phase) == ("PARTY_LOST", "bank_b", "running")

    back = await attach(coordinator.port, bank_b)
    missed = await back.told_until_caught_up()
    assert missed == told  # the same cause, and the job that was only proposed lives on
    back.said = b.said
    await back.must_say(approval(bank_b, waiting))
    await back.leave()


async def test_a_party_that_comes_back_in_time_ends_nothing(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    run, said = to_running(contract_of(bank_a, bank_b), bank_a, bank_b)
    await say_all(said, a, b)
    await cut_off(coordinator, b)
    time.forward(timedelta(seconds=GRACE_SECONDS))
    back = await attach(coordinator.port, bank_b)
    time.forward(timedelta(seconds=GRACE_SECONDS))
    await coordinator.lifecycle.sweep()
    await back.must_say(gate(bank_b, run))
    assert (await a.told(8))[-1].kind == "gate"
    await back.leave()


async def test_a_party_that_has_signed_its_evidence_may_stay_away(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials,
    time: HandClock,
) -> None:  # fmt: skip
    crypto = Crypto(suite=Suite.PSI_RR22)
    contract = contract_of(bank_a, bank_b).model_copy(update={"crypto": crypto})
    run, said = to_running(contract, bank_a, bank_b)
    await say_all(said, a, b)
    await a.must_say(gate(bank_a, run))
    await b.must_say(gate(bank_b, run), evidence(bank_b, contract, run))
    await cut_off(coordinator, b)
    time.forward(timedelta(seconds=GRACE_SECONDS + 1))
    await coordinator.lifecycle.sweep()
    # Not where another one needs a further attempt, for which it is needed, too.
    await a.must_say(asked_again(bank_a, contract, run))
    await coordinator.lifecycle.sweep()
    *_, again, end = await a.told(12)
    cause = cause_in(end)
    assert (again.kind, again.org) == ("prepare", "bank_a")
    assert (cause.code, cause.party, cause.phase) == ("PARTY_LOST", "bank_b", "releasing")


async def test_a_node_that_lost_its_state_ends_all_its_jobs_and_counts_anew(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    new = await attach(coordinator.port, bank_b, store=b"a new store: 16!")
    assert new.welcome.taken == 0
    cause = cause_in((await a.told(2))[-1])
    assert (cause.code, cause.party, cause.what) == (
        "PARTY_LOST", "bank_b", "the node lost its state",
    )  # fmt: skip
    # What the lost store offered is void: nobody is known under it.
    again = proposal(bank_a, contract_of(bank_a, bank_b, nonce="66" * 32))
    error = await a.say(again)
    assert error is not None
    assert error.code == "UNKNOWN_ORGANISATION"
    await new.must_say(catalogue(bank_b))
    await a.must_say(again)
    await new.leave()
