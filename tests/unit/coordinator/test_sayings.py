"""What a node says: bad words are answered with their cause, and nothing is taken twice."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.credentials import Credentials
from contract.signing import MAX_BODY_BYTES, Kind
from contract.statements import Dead
from coordinator.endings import over
from coordinator.server import Running
from protos import coordinator_pb2 as wire
from tests.unit.coordinator.consortium import (
    Consortium,
    HandClock,
    Stream,
    approval,
    attach,
    catalogue,
    changed,
    contract_of,
    on_the_wire,
    prepare,
    proposal,
    record_of,
    start,
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


def code(error: object) -> str | None:
    return getattr(error, "code", None)


async def test_a_saying_that_is_repeated_is_taken_without_effect(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    said = proposal(bank_a, contract)
    await a.must_say(said)
    assert await a.repeat(a.said, on_the_wire(said)) is None
    assert await a.repeat(1, on_the_wire(said)) is None
    await a.must_say(said)  # under a new number, too
    await a.must_say(approval(bank_a, contract), approval(bank_a, contract))
    await b.must_say(approval(bank_b, contract))
    assert [told.kind for told in await b.told(3)] == ["contract", "approval", "approval"]


async def test_a_rejection_is_given_again_until_the_node_can_have_read_it(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, consortium: Consortium
) -> None:
    unknown = proposal(bank_a, contract_of(bank_a, consortium.member("tax")))
    assert code(await a.say(unknown)) == "UNKNOWN_ORGANISATION"
    rejected = a.said
    await a.must_say(catalogue(bank_a, revision=2))
    await a.leave()

    again = await attach(coordinator.port, bank_a)
    assert again.welcome.taken == rejected - 1
    repeated = await again.repeat(rejected, on_the_wire(unknown))
    assert code(repeated) == "UNKNOWN_ORGANISATION"
    await again.leave()


async def test_a_node_cannot_speak_for_another(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    assert code(await a.say(approval(bank_b, contract))) == "BAD_SIGNATURE"
    await b.must_say(approval(bank_b, contract))
    assert [told.org for told in await b.told(2)] == ["bank_a", "bank_b"]


async def test_what_was_altered_after_signing_is_rejected(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    other = contract_of(bank_a, bank_b, nonce="99" * 32)
    said = proposal(bank_a, contract)
    altered = changed(said, body=canonical_bytes(other))
    assert code(await a.say(altered)) == "BAD_SIGNATURE"
    assert code(await a.say(changed(said, kind=Kind.APPROVAL))) == "BAD_SIGNATURE"
    assert code(await a.say(changed(said, subject=bytes(32)))) == "BAD_SIGNATURE"
    resigned = bank_a.signer.sign(Kind.CONTRACT, contract.job_id, canonical_bytes(other))
    assert code(await a.say(resigned)) == "CONTRACT_ALTERED"


async def test_a_rejection_names_who_said_it_and_in_which_phase(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    said = proposal(bank_a, contract)
    rejected = await a.say(changed(said, body=b"{}"))
    assert rejected is not None
    assert (rejected.party, rejected.phase) == ("bank_a", "propose")
    await a.must_say(said)
    rejected = await b.say(changed(approval(bank_b, contract), body=b"{}"))
    assert rejected is not None
    assert (rejected.party, rejected.phase) == ("bank_b", "proposed")


async def test_a_statement_under_another_ca_is_rejected(
    a: Stream, b: Stream, bank_b: Credentials
) -> None:
    stranger = Consortium("Another").member("bank_a")
    said = proposal(stranger, contract_of(stranger, bank_b))
    assert code(await a.say(said)) == "FOREIGN_CERTIFICATE"


async def test_a_coordinators_statement_is_not_taken_from_a_node(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials, consortium: Consortium
) -> None:
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    dead = Dead(job=contract.job_id.hex(), cause=cause_of(over(contract.job_id)))
    signer = consortium.coordinator.signer
    said = signer.sign(Kind.DEAD, contract.job_id, canonical_bytes(dead))
    assert code(await a.say(said)) == "WRONG_ROLE"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"body": bytes(MAX_BODY_BYTES + 1)}, "FRAME_TOO_LARGE"),
        ({"kind": "payment"}, "BAD_MESSAGE"),
        ({"org": "Bank A"}, "BAD_MESSAGE"),
        ({"subject": bytes(31)}, "BAD_MESSAGE"),
        ({"signature": b""}, "BAD_MESSAGE"),
        ({"signature": bytes(129)}, "BAD_MESSAGE"),
        ({"signature": bytes(72)}, "BAD_SIGNATURE"),
        ({"certificate": b""}, "BAD_MESSAGE"),
        ({"certificate": bytes(8193)}, "BAD_MESSAGE"),
        ({"certificate": bytes(500)}, "FOREIGN_CERTIFICATE"),
        ({"body": b"{}"}, "BAD_SIGNATURE"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
async def test_a_malformed_or_oversize_statement_is_rejected_and_the_stream_goes_on(
    a: Stream, bank_a: Credentials, fields: dict[str, object], expected: str
) -> None:
    malformed = on_the_wire(catalogue(bank_a, revision=2), **fields)
    assert code(await a.repeat(a.said + 1, malformed)) == expected
    await a.must_say(catalogue(bank_a, revision=3))


async def test_a_statement_without_a_number_ends_the_stream(a: Stream, bank_a: Credentials) -> None:
    said = wire.Said(number=0, statement=on_the_wire(catalogue(bank_a)))
    await a.call.write(wire.FromNode(said=said))
    assert (await a.status())[1].code == "BAD_MESSAGE"


async def test_what_belongs_to_no_job_is_rejected(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    assert code(await a.say(approval(bank_a, contract))) == "UNKNOWN_JOB"
    foreign = start(bank_a, record_of(contract, (bank_a, bank_b)))
    assert code(await a.say(foreign)) == "FOREIGN_START"


async def test_a_statement_out_of_turn_is_rejected(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials
) -> None:
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    assert code(await a.say(prepare(bank_a, contract))) == "BAD_MESSAGE"


async def test_only_parties_speak_about_a_job(
    a: Stream, b: Stream, attached: Attached, bank_a: Credentials, bank_b: Credentials,
    consortium: Consortium,
) -> None:  # fmt: skip
    contract = contract_of(bank_a, bank_b)
    await a.must_say(proposal(bank_a, contract))
    tax = consortium.member("tax")
    outsider = await attached(tax)
    assert code(await outsider.say(approval(tax, contract))) == "UNKNOWN_ORGANISATION"


async def test_a_catalogue_of_anothers_datasets_is_rejected(a: Stream, bank_a: Credentials) -> None:
    assert code(await a.say(catalogue(bank_a, revision=2, of="tax"))) == "BAD_MESSAGE"
    renamed = bank_a.signer.sign(Kind.CATALOGUE, bytes(32), catalogue(bank_a, revision=2).body)
    assert code(await a.say(renamed)) == "BAD_MESSAGE"


# ── contracts that do not enter the log ─────────────────────────────────────────────────────────


async def test_an_unknown_party_is_named_with_the_nearest_that_is_known(
    a: Stream, b: Stream, bank_a: Credentials, consortium: Consortium
) -> None:
    mistyped = consortium.member("bank_bb")
    error = await a.say(proposal(bank_a, contract_of(bank_a, mistyped)))
    assert error is not None
    assert (error.code, error.party) == ("UNKNOWN_ORGANISATION", "bank_bb")
    assert "'bank_b'" in error.what


async def test_a_partys_changed_certificate_is_rejected(
    a: Stream, b: Stream, coordinator: Running, bank_a: Credentials, consortium: Consortium
) -> None:
    renewed = consortium.issue("bank_b")
    outdated = contract_of(bank_a, consortium.member("bank_b"))
    again = await attach(coordinator.port, renewed)
    again.said = b.said
    await again.must_say(catalogue(renewed, revision=2))
    error = await a.say(proposal(bank_a, outdated))
    assert error is not None
    assert (error.code, error.party) == ("FINGERPRINT_CHANGED", "bank_b")
    await a.must_say(proposal(bank_a, contract_of(bank_a, renewed)))
    await again.leave()


async def test_an_initiators_changed_certificate_is_rejected(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials, consortium: Consortium
) -> None:
    renewed = consortium.issue("bank_a")
    contract = contract_of(bank_a, bank_b)
    said = proposal(renewed, contract)
    assert code(await a.say(said)) == "FINGERPRINT_CHANGED"


@pytest.mark.parametrize(
    ("age", "life", "expected"),
    [
        (timedelta(minutes=11), timedelta(days=1), "BAD_REQUEST"),
        (-timedelta(minutes=11), timedelta(days=1), "BAD_REQUEST"),
        (timedelta(minutes=9), timedelta(days=1), None),
        (-timedelta(minutes=9), timedelta(days=1), None),
        (timedelta(minutes=5), timedelta(minutes=4), "CONTRACT_EXPIRED"),
        (timedelta(), timedelta(days=91), "BAD_REQUEST"),
        (timedelta(), timedelta(days=90), None),
    ],
)
async def test_a_contracts_times_must_make_sense(
    a: Stream, b: Stream, bank_a: Credentials, bank_b: Credentials, time: HandClock,
    age: timedelta, life: timedelta, expected: str | None,
) -> None:  # fmt: skip
    contract = contract_of(bank_a, bank_b, created=time.clock.now() - age, life=life)
    assert code(await a.say(proposal(bank_a, contract))) == expected
