"""What a node makes of certificates that expire, are renewed or revoked while it has jobs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.revocation import next_list
from contract.credentials import Credentials, credentials_from
from contract.errors import BadSignature, CertificateRevoked
from contract.identity import Role
from contract.lifecycle import State
from contract.revocation import list_to_der
from contract.signing import Kind
from daemon.renewal import News, Renewal
from node.catalogue import Datasets
from node.propose import read_offers
from node.validity import Validity
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol
from tests.unit.node.stations import Log, Station, two_stations, write_dataset

World = tuple[Log, Station, Station]


def alone(credentials: Credentials, consortium: Consortium) -> Credentials:
    """The same credentials, with an authority of their own: what a test changes stays here."""
    return credentials_from(
        credentials.certificate_pem,
        credentials.key_pem,
        consortium.certificate,
        org=credentials.org,
        role=Role.NODE,
    )


@pytest.fixture
async def world(
    consortium: Consortium, bank_a: Member, bank_b: Member, tmp_path: Path
) -> AsyncIterator[World]:
    one, other = (
        enrol(alone(member.credentials, consortium), tmp_path / "members" / member.org)
        for member in (bank_a, bank_b)
    )
    for org, rows in (("bank_a", range(1, 40)), ("bank_b", range(30, 300))):
        described = write_dataset(tmp_path / org / "sources", rows)
        Datasets(tmp_path / org / "snapshots", org).add(described)
    async with two_stations(one, other, tmp_path) as (log, a, b):
        log.settle()
        yield log, a, b


def validity_of(station: Station, now: datetime | None = None) -> Validity:
    """What looks after a station's certificates, at a moment that a test has chosen."""
    credentials = station.member.credentials
    renewal = Renewal(
        credentials,
        lambda: (credentials.certificate_pem, credentials.key_pem, credentials.authority_pem),
        [],
        station.folder / "ca.crl",
        station.folder,
    )
    station.attachment.signer_about = station.docket.signer_about
    return Validity(
        credentials,
        renewal,
        station.attachment,
        station.conductor,
        station.docket,
        station.runs,
        now=lambda: now or datetime.now(UTC),
    )


def crl(consortium: Consortium, member: Member) -> bytes:
    pem = member.credentials.certificate_pem
    return list_to_der(next_list(consortium.key, consortium.certificate, None, pem))


def renew(station: Station, newer: Credentials, validity: Validity) -> None:
    station.member.credentials.renew(newer)
    validity.consider(News(credentials=True, lists=False, refused=()))


async def test_a_peer_that_expires_ends_the_run(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.RUNNING)
    expires = b.member.credentials.signer.identity.expires
    own = a.member.credentials.signer.identity.expires
    validity_of(a, min(expires, own)).check()
    assert a.runs.active(job)
    validity_of(a, max(expires, own) + timedelta(seconds=1)).check()
    assert not a.runs.active(job)


async def test_a_revoked_peer_ends_the_job_with_one_cause(
    world: World, consortium: Consortium
) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.RUNNING)
    validity_of(a).take(crl(consortium, b.member))
    await log.until_over(job)
    for station in (a, b):
        state, cause = station.docket.state_and_cause(job)
        assert state is State.FAILED
        assert cause is not None
        assert (cause.code, cause.party) == ("CERTIFICATE_REVOKED", "bank_b")
        assert station.result(job) is None


async def test_who_is_revoked_comes_to_the_same_end_by_itself(
    world: World, consortium: Consortium
) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.RUNNING)
    validity = validity_of(b)
    validity.take(crl(consortium, b.member))
    state, cause = b.docket.state_and_cause(job)
    assert state is State.FAILED
    assert cause is not None
    assert (cause.code, cause.party) == ("CERTIFICATE_REVOKED", "bank_b")
    assert not b.runs.active(job)
    assert not b.store.has_said(Kind.DEAD, job)  # nobody would take its word
    assert isinstance(b.attachment.trouble, CertificateRevoked)
    assert "revoked" in validity.notices()[0].what


async def test_what_was_approved_is_finished_under_the_earlier_pair(
    world: World, consortium: Consortium
) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    validity, earlier = validity_of(b), b.member.fingerprint
    renew(b, consortium.issue("bank_b"), validity)
    assert earlier in b.member.credentials.earlier
    await log.until_over(job)
    assert a.state(job) == b.state(job) == (State.DONE, None)
    assert a.result(job)
    validity.check()
    assert not b.member.credentials.earlier


async def test_what_was_not_approved_needs_a_new_contract(
    world: World, consortium: Consortium
) -> None:
    log, a, b = world
    approved = log.propose(a, "bank_a")
    await log.until_state(approved, State.APPROVED)
    log.detach(b)
    crossed = log.propose(a, "bank_a")  # names the certificate that is about to change
    log.settle()
    renew(b, consortium.issue("bank_b"), validity_of(b))
    log.attach(b)
    for job in (approved, crossed):
        await log.until_over(job)
    assert a.state(crossed) == b.state(crossed) == (State.REFUSED, "FINGERPRINT_CHANGED")
    assert a.state(approved) == b.state(approved) == (State.DONE, None)
    assert not log.rejected


async def test_a_list_that_the_coordinator_forged_is_its_fault(
    world: World, bank_b: Member
) -> None:
    _, a, _ = world
    other = Consortium("Test consortium")
    pem = other.member("bank_b").certificate_pem
    with pytest.raises(BadSignature) as refused:
        validity_of(a).take(list_to_der(next_list(other.key, other.certificate, None, pem)))
    assert refused.value.party == "coordinator"
    bank_b.credentials.authority.admit(bank_b.credentials.signer.identity.certificate)


async def test_a_revoked_member_keeps_nobody_from_the_others_catalogues(
    world: World, consortium: Consortium
) -> None:
    log, a, b = world
    authority = a.member.credentials.authority
    validity_of(a).take(crl(consortium, b.member))
    offers = read_offers(log.catalogues.values(), authority)
    assert offers["bank_a"].objection is None
    assert isinstance(offers["bank_b"].objection, CertificateRevoked)
    with pytest.raises(CertificateRevoked):
        log.propose(a, "bank_a")


async def test_what_was_missed_is_heard_and_then_judged(
    world: World, consortium: Consortium
) -> None:
    """A node that was away learns of a job's end as the others know it, revocation or not."""
    log, a, b = world
    job = log.propose(a, "bank_b")
    await log.until_state(job, State.APPROVED)
    log.detach(a)
    missed = log.propose(b, "bank_b")
    log.settle()
    validity = validity_of(a)
    validity.take(crl(consortium, b.member))
    log.attach(a)
    assert not log.rejected
    for one in (job, missed):
        await log.until_over(one)
        assert a.state(one) == b.state(one) == (State.FAILED, "CERTIFICATE_REVOKED")
