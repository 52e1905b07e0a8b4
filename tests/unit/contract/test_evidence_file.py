"""What an evidence file proves to whoever has it and the CA's certificate, and what spoils it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.revocation import next_list
from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.credentials import Credentials
from contract.errors import (
    Aborted,
    BadMessage,
    BadReceipt,
    CertificateRevoked,
    FingerprintChanged,
    ForeignCertificate,
    MiheError,
)
from contract.evidence_file import MOST_BYTES, Proven, proven, written
from contract.identity import Authority, Role
from contract.job import Contract
from contract.lifecycle import State
from contract.revocation import list_to_der
from contract.signing import Kind, Statement
from contract.statements import Dead, Evidence, Receipt
from tests.unit.coordinator.consortium import (
    USCC,
    Consortium,
    contract_of,
    gate,
    proposal,
    to_running,
)


@dataclass(frozen=True)
class World:
    """Two banks, and their job as it was said."""

    consortium: Consortium
    parties: tuple[Credentials, Credentials]
    contract: Contract
    said: tuple[Statement, ...]
    receipts: tuple[Statement, ...]

    @property
    def authority(self) -> Authority:
        return Authority.from_pem(self.consortium.certificate)

    def file(self, said: int | None = None) -> dict[str, Any]:
        """The evidence, or what it is of the first statements, as a document to be altered."""
        numbered = [(3 * place, one) for place, one in enumerate(self.said[:said], 1)]
        document: dict[str, Any] = json.loads(written(numbered, self.receipts))
        return document

    def check(self, document: object) -> Proven:
        return proven(json.dumps(document).encode(), self.authority)


@pytest.fixture(scope="module")
def world() -> World:
    consortium = Consortium("Test consortium")
    parties = consortium.member("bank_a"), consortium.member("bank_b")
    contract = contract_of(*parties, created=datetime.now(UTC) + timedelta(seconds=5))
    run, said = to_running(contract, *parties)
    receipts = tuple(receipt(by, other.org, run) for by, other in (parties, parties[::-1]))
    said += [gate(party, run) for party in parties]
    said += [evidence(party, contract, run, receipts) for party in parties]
    return World(consortium, parties, contract, tuple(said), receipts)


def receipt(by: Credentials, to: str, run: bytes) -> Statement:
    body = Receipt(
        run=run.hex(),
        stream="blinded",
        sender=by.org,
        receiver=to,
        size=640,
        salted_digest="55" * 32,
    )
    return by.signer.sign(Kind.RECEIPT, run, canonical_bytes(body))


def evidence(
    by: Credentials, contract: Contract, run: bytes, receipts: tuple[Statement, ...]
) -> Statement:
    digests = tuple(sorted(one.digest.hex() for one in receipts))
    body = Evidence(job=contract.job_id.hex(), run=run.hex(), heard="09" * 32, receipts=digests)
    return by.signer.sign(Kind.EVIDENCE, run, canonical_bytes(body))


def test_a_job_that_is_done_is_proven_with_all_who_signed_it(world: World) -> None:
    found = world.check(world.file())
    assert (found.job.state, found.job.job) == (State.DONE, world.contract.job_id.hex())
    assert found.job.contract == world.contract
    assert [one.number for one in found.job.history] == [
        3 * n for n in range(1, len(world.said) + 1)
    ]
    answers = {(one.kind, one.detail) for one in found.job.history if one.detail}
    assert answers == {("approval", "approved"), ("gate", "release")}
    assert (found.job.result, found.job.cause, found.receipts) == (None, None, 2)
    told = {one.org: (one.role, one.uscc, one.fingerprint) for one in found.signed}
    assert told == {
        party.org: (Role.NODE, USCC, party.signer.identity.fingerprint) for party in world.parties
    }
    assert sum(one.signatures for one in found.signed) == len(world.said) + len(world.receipts)


@pytest.mark.parametrize("field", ["kind", "org", "subject", "body", "signature", "certificate"])
def test_whatever_is_altered_is_found(world: World, field: str) -> None:
    """Of every entry, a sign in the middle."""
    whole = json.dumps(world.file())
    entries = len(world.said) + len(world.receipts)
    for place in range(entries):
        document = json.loads(whole)
        entry = [*document["statements"], *document["receipts"]][place]
        text = entry[field]
        middle = len(text) // 2
        entry[field] = text[:middle] + ("a" if text[middle] != "a" else "b") + text[middle + 1 :]
        with pytest.raises(MiheError) as found:
            world.check(document)
        assert found.value.exit_code == BadMessage.exit_code, (place, found.value)


def test_whatever_is_left_out_is_found_but_the_last_word(world: World) -> None:
    *before, _, _ = range(len(world.said))
    for place in before:
        document = world.file()
        del document["statements"][place]
        with pytest.raises(MiheError) as found:
            world.check(document)
        assert found.value.exit_code == BadMessage.exit_code
    # Without either's last word the job is shown without an end, and not with another one.
    for place in (-1, -2):
        document = world.file()
        del document["statements"][place]
        assert world.check(document).job.state is State.RELEASING
    assert world.check(world.file(1) | {"receipts": []}).job.state is State.PROPOSED
    for place in range(len(world.receipts)):
        document = world.file()
        del document["receipts"][place]
        with pytest.raises(BadReceipt, match="missing"):
            world.check(document)


def test_another_order_is_found(world: World) -> None:
    document = world.file()
    document["statements"][3:5] = document["statements"][4:2:-1]
    with pytest.raises(BadMessage, match="order"):
        world.check(document)


def test_a_receipt_of_another_run_proves_nothing(world: World) -> None:
    document = world.file()
    one, other = world.parties
    foreign = receipt(one, other.org, bytes([9] * 32))
    document["receipts"] += json.loads(written([], [foreign]))["receipts"]
    with pytest.raises(BadReceipt, match="receipt 3: it is of another run"):
        world.check(document)


def test_a_job_that_ended_badly_is_proven_with_its_cause(world: World) -> None:
    why = cause_of(Aborted("a person stopped the job", party="bank_b", fix="propose it again"))
    job = world.contract.job_id
    body = canonical_bytes(Dead(job=job.hex(), cause=why))
    said = [proposal(world.parties[0], world.contract)]
    said += [world.parties[1].signer.sign(Kind.DEAD, job, body)]
    found = proven(written([*enumerate(said, 1)], []), world.authority)
    assert (found.job.state, found.job.cause) == (State.ABORTED, why)
    assert [one.detail for one in found.job.history] == ["", "ABORTED"]


def test_under_another_ca_nothing_is_proven(world: World) -> None:
    stranger = Authority.from_pem(Consortium("Another").certificate)
    with pytest.raises(ForeignCertificate):
        proven(json.dumps(world.file()).encode(), stranger)


def test_another_certificate_than_the_contract_names_is_found(world: World) -> None:
    document = world.file()
    renewed = world.consortium.issue("bank_b")
    again = renewed.signer.sign(Kind.GATE, world.said[-1].subject, world.said[-3].body)
    (entry,) = json.loads(written([], [again]))["receipts"]
    document["statements"][-3] |= entry
    with pytest.raises(FingerprintChanged, match="statement"):
        world.check(document)


def test_what_was_revoked_later_still_counts(world: World) -> None:
    """And what was revoked before the job was proposed does not."""
    ca = world.consortium
    pem = next_list(ca.key, ca.certificate, None, world.parties[1].certificate_pem)
    authority = world.authority
    authority.take(list_to_der(pem))
    with pytest.raises(CertificateRevoked):
        proven(json.dumps(world.file()).encode(), authority)  # proposed 5 s after
    earlier = contract_of(*world.parties, created=datetime.now(UTC) - timedelta(seconds=30))
    _, said = to_running(earlier, *world.parties)
    assert proven(written([*enumerate(said, 1)], []), authority).job.state is State.RUNNING


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"version": 1, "statements": [], "receipts": []}',
        b'{"version": 2}',
        b" " * (MOST_BYTES + 1),
    ],
    ids=["empty", "text", "list", "no statement", "version", "too large"],
)
def test_what_is_no_evidence_file(world: World, raw: bytes) -> None:
    with pytest.raises(BadMessage, match="can't be checked"):
        proven(raw, world.authority)


@pytest.mark.parametrize("change", [{"more": 1}, {"signature": "\u00e9"}, {"number": "1"}])
def test_what_is_no_statement(world: World, change: dict[str, object]) -> None:
    document = world.file()
    document["statements"][0] |= change
    with pytest.raises(BadMessage, match="can't be checked"):
        world.check(document)


def test_the_first_statement_is_the_contract(world: World) -> None:
    document = world.file()
    del document["statements"][0]
    with pytest.raises(BadMessage, match="no contract"):
        world.check(document)
