"""Members who meddle in what is not their business, in real runs: turned away, and nothing is lost.

A meddler speaks to the coordinator and to a listening node by a client of this file's own, under a
certificate that is perfectly valid. What a party of a run may do to it is in the table of refusals
(refusals/peers.py), over the relay; here, that a direct line makes no difference.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from secrets import token_bytes

import grpc
import pytest

from contract.canonical import canonical_bytes, parse
from contract.cause import cause_of
from contract.credentials import Credentials
from contract.errors import Aborted
from contract.identity import Role, server_name
from contract.job import Contract, Party
from contract.lifecycle import State
from contract.signing import Kind, Statement
from contract.statements import Dead, Prepare, StartRecord
from node.plan import compile_plan
from protos import carry_pb2, carry_pb2_grpc, coordinator_pb2_grpc
from tests.federation.banks import BANKS, Banks, End
from tests.federation.federation import short_folder
from tests.unit.coordinator import consortium
from tests.unit.coordinator.consortium import Stream, attach, changed, channel_to

MID_RUN = "frame.chunk.evaluated.0"


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


@pytest.fixture(scope="module")
def direct_banks() -> Iterator[Banks]:
    """Banks whose nodes reach each other without the relay; bank_b listens for bank_a."""
    with short_folder() as folder, Banks(folder, direct=True) as running:
        yield running


@pytest.fixture(scope="module")
def meddler(banks: Banks) -> Credentials:
    """A member of the consortium that has no node."""
    return banks.new_member("tax")


# ── a party that deviates ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "point", "deed", "code"),
    [
        ("bank_a", "send.blinded", "identity", "BAD_POINT"),
        ("bank_b", "frame.chunk.evaluated.0", "another stream", "FOREIGN_FRAME"),
        ("bank_a", "frame.chunk.blinded.0", "twice", "FRAME_REPEATED"),
    ],
)
def test_it_makes_no_difference_that_the_line_is_direct(
    direct_banks: Banks, org: str, point: str, deed: str, code: str
) -> None:
    direct_banks.order(org, point, deed)
    job = direct_banks.propose(to=BANKS)
    assert direct_banks.end_of(job) == End(State.FAILED, code, org)
    direct_banks.must_work()


def test_checks_that_were_asked_for_find_nothing_between_honest_parties(banks: Banks) -> None:
    for to in (("bank_a",), BANKS):
        assert banks.end_of(banks.propose(to=to, engine="rr22-active")) == End(State.DONE)


# ── a member that meddles ───────────────────────────────────────────────────────────────────────


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.fixture
async def stream(banks: Banks, meddler: Credentials) -> AsyncIterator[Stream]:
    port = _port(banks.config("bank_a").coordinator)
    attached = await attach(port, meddler, store=token_bytes(16))
    yield attached
    await attached.leave()


async def _rejected(stream: Stream, statement: Statement) -> str:
    error = await stream.say(statement)
    assert error is not None
    return error.code


async def test_nobody_speaks_about_the_jobs_of_others(
    banks: Banks, meddler: Credentials, stream: Stream
) -> None:
    with banks.halted("bank_b", MID_RUN) as job:
        view = banks.view("bank_a", job)
        contract, run = view.contract, bytes.fromhex(view.run or "")
        dead = Dead(job=job, cause=cause_of(Aborted("a person stopped the job", fix="none")))
        for statement in (
            consortium.approval(meddler, contract),
            consortium.gate(meddler, run),
            consortium.evidence(meddler, contract, run),
            meddler.signer.sign(Kind.DEAD, contract.job_id, canonical_bytes(dead)),
        ):
            assert await _rejected(stream, statement) == "UNKNOWN_ORGANISATION"
        # Another's words, as they were signed, and the own ones under another's name.
        theirs = consortium.gate(banks.credentials("bank_a"), run)
        assert await _rejected(stream, theirs) == "BAD_SIGNATURE"
        posing = changed(consortium.gate(meddler, run), org="bank_a")
        assert await _rejected(stream, posing) == "BAD_SIGNATURE"
        offered = consortium.catalogue(meddler, of="bank_a")
        assert await _rejected(stream, offered) == "BAD_MESSAGE"
    assert banks.end_of(job) == End(State.DONE)


async def test_nobody_gets_on_the_line_of_others(banks: Banks, meddler: Credentials) -> None:
    with banks.halted("bank_b", MID_RUN) as job:
        run = bytes.fromhex(banks.view("bank_a", job).run or "")
        for to in BANKS:
            channel = channel_to(_port(banks.config("bank_a").coordinator), meddler)
            call = coordinator_pb2_grpc.CoordinatorStub(channel).Carry()
            await call.write(_opening(run, to))
            status, cause = await consortium.ending(call)
            assert status is grpc.StatusCode.INVALID_ARGUMENT
            assert (cause.code, cause.party) == ("UNKNOWN_ORGANISATION", "tax")
            await channel.close()
    assert banks.end_of(job) == End(State.DONE)


async def test_a_node_that_listens_answers_only_the_other_party(direct_banks: Banks) -> None:
    meddler = direct_banks.new_member("tax")
    direct = direct_banks.config("bank_b").direct
    assert direct is not None
    with direct_banks.halted("bank_b", MID_RUN) as job:
        run = bytes.fromhex(direct_banks.view("bank_a", job).run or "")
        channel = channel_to(_port(direct.address), meddler, name=server_name(Role.NODE, "bank_b"))
        call = carry_pb2_grpc.PeerStub(channel).Carry()
        await call.write(_opening(run, "bank_b"))
        answer = asyncio.ensure_future(call.read())
        # Longer than the honest party would wait, and then through the end of the run.
        await asyncio.wait([answer], timeout=1)
        assert not answer.done()
    assert await asyncio.to_thread(direct_banks.end_of, job) == End(State.DONE)
    assert not answer.done()
    await channel.close()


def _opening(run: bytes, to: str) -> carry_pb2.CarryFrame:
    return carry_pb2.CarryFrame(open=carry_pb2.CarryOpen(run=run, to=to))


# ── a party that states what is not so ──────────────────────────────────────────────────────────


def _contract(banks: Banks, me: Credentials, *, fingerprint: str | None = None) -> Contract:
    """A contract between the meddler and bank_b that bank_b's policy allows."""
    with banks.client("bank_b") as node:
        offers = {one.org: one for one in node.catalogue().organisations}
    (entry,) = offers["bank_b"].entries
    column = entry.column("uscc")
    assert column is not None
    assert column.key is not None
    assert column.size is not None
    honest = Party(
        org="bank_b",
        fingerprint=fingerprint or banks.credentials("bank_b").signer.identity.fingerprint,
        dataset="loans",
        key_column="uscc",
        key_kind=column.key,
        schema_digest=entry.schema_digest,
        size=column.size,
    )
    contract = consortium.contract_of(me, banks.credentials("bank_b"))
    return contract.model_copy(
        update={"parties": (contract.party(me.org), honest), "receivers": ("bank_b",)}
    )


async def test_a_contract_must_be_whole_its_proposers_and_name_the_right_certificates(
    banks: Banks, meddler: Credentials, stream: Stream
) -> None:
    await stream.must_say(consortium.catalogue(meddler))
    contract = _contract(banks, meddler)
    signed = consortium.proposal(meddler, contract)
    dearer = signed.body.replace(b"CREDIT_MICRO", b"CREDIT_MACRO")
    assert await _rejected(stream, changed(signed, body=dearer)) == "BAD_SIGNATURE"
    under_another_id = meddler.signer.sign(Kind.CONTRACT, contract.job_id, dearer)
    assert await _rejected(stream, under_another_id) == "CONTRACT_ALTERED"
    theirs = contract.model_copy(update={"initiator": "bank_b"})
    assert await _rejected(stream, consortium.proposal(meddler, theirs)) == "CONTRACT_ALTERED"
    old = _contract(banks, meddler, fingerprint="0" * 64)
    assert await _rejected(stream, consortium.proposal(meddler, old)) == "FINGERPRINT_CHANGED"


async def test_a_start_record_must_be_the_one_of_this_run(
    banks: Banks, meddler: Credentials, stream: Stream
) -> None:
    await stream.must_say(consortium.catalogue(meddler))
    contract = _contract(banks, meddler)
    job, digest = contract.job_id, compile_plan(contract).digest
    prepare = Prepare(
        job=job.hex(),
        run=1,
        attempt=1,
        plan_digest=digest,
        party=consortium.share(meddler, contract),
    )
    await stream.must_say(
        consortium.proposal(meddler, contract),
        consortium.approval(meddler, contract),
    )
    await _told(stream, "approval", by="bank_b")
    await stream.must_say(meddler.signer.sign(Kind.PREPARE, job, canonical_bytes(prepare)))
    theirs = parse(Prepare, await _told(stream, "prepare", by="bank_b"))
    start = StartRecord(
        job=job.hex(), run=1, attempt=1, plan_digest=digest, parties=(prepare.party, theirs.party)
    )
    for forged in (
        start.model_copy(update={"attempt": 2}),
        start.model_copy(update={"plan_digest": "0" * 64}),
        start.model_copy(update={"parties": start.parties[::-1]}),
    ):
        body = canonical_bytes(forged)
        for run in (forged.run_id, start.run_id):
            said = meddler.signer.sign(Kind.START, run, body)
            assert await _rejected(stream, said) == "FOREIGN_START"
    assert banks.view("bank_b", job.hex()).state is State.READY
    dead = Dead(job=job.hex(), cause=cause_of(Aborted("stopped", party="tax", fix="none")))
    await stream.must_say(meddler.signer.sign(Kind.DEAD, job, canonical_bytes(dead)))
    assert banks.view_at_end("bank_b", job.hex()).state is State.ABORTED


async def _told(stream: Stream, kind: str, *, by: str) -> bytes:
    while True:
        (told,) = await stream.told(1)
        if (told.kind, told.org) == (kind, by):
            return told.body


def test_after_all_that_the_honest_ones_go_on(banks: Banks) -> None:
    banks.must_work()
