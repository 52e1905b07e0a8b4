"""Whose certificate people are warned of, when, and who may not take part in a job any more."""

from datetime import timedelta

import pytest

from cli.revocation import next_list
from contract.errors import CertificateRevoked, ForeignCertificate
from contract.identity import Authority
from contract.revocation import list_to_der
from contract.standing import WARNED_AHEAD, Whose, notices, objection_to
from tests.unit.coordinator.consortium import Consortium, contract_of

OURS = Consortium("Ours")
A, B = OURS.member("bank_a"), OURS.member("bank_b")
OWN = A.signer.identity
A_MOMENT = timedelta(seconds=1)


@pytest.fixture
def authority() -> Authority:
    """What bank_a knows after it has met everybody."""
    known = Authority.from_pem(OURS.certificate)
    for member in (A, B, OURS.coordinator):
        known.admit(member.signer.identity.certificate)
    return known


def test_nobody_is_warned_before_it_is_time(authority: Authority) -> None:
    ends = min(one.expires for one in authority.met.values())
    assert notices(authority, OWN, ends - WARNED_AHEAD - A_MOMENT) == ()


def test_everybody_is_warned_thirty_days_ahead(authority: Authority) -> None:
    ends = max(one.expires for one in authority.met.values())
    found = notices(authority, OWN, ends - WARNED_AHEAD)
    assert [(one.whose, one.name) for one in found] == [
        (Whose.OWN, "bank_a"),
        (Whose.PEER, "bank_b"),
        (Whose.COORDINATOR, "coordinator"),
    ]
    assert all("in 29 days" in one.what or "in 30 days" in one.what for one in found)
    assert "mihe init renew" in found[0].fix


def test_what_has_expired_is_said_so(authority: Authority) -> None:
    own, *_ = notices(authority, OWN, OWN.expires + A_MOMENT)
    assert own.what == f"it expired on {OWN.expires:%Y-%m-%d}"


def test_the_ca_itself_is_warned_of(authority: Authority) -> None:
    (ca,) = authority.certificates.values()
    ends = ca.not_valid_after_utc
    found = [one for one in notices(authority, OWN, ends) if one.whose is Whose.AUTHORITY]
    assert [one.ends for one in found] == [ends]


def test_the_certificate_in_use_is_the_one_that_counts(authority: Authority) -> None:
    ends = B.signer.identity.expires
    authority.admit(OURS.issue("bank_b").signer.identity.certificate)
    newest = max(one.expires for one in authority.met.values() if one.org == "bank_b")
    assert newest >= ends
    found = notices(authority, OWN, newest - WARNED_AHEAD)
    assert sum(one.name == "bank_b" for one in found) == 1


def test_of_two_that_end_in_the_same_second_the_later_one_is_in_use(authority: Authority) -> None:
    # Made one right after the other, they mostly do.
    for member in (OURS.issue("bank_b"), later := OURS.issue("bank_b")):
        authority.admit(member.signer.identity.certificate)
    revoked = next_list(OURS.key, OURS.certificate, None, later.certificate_pem)
    authority.take(list_to_der(revoked))
    (found,) = notices(authority, OWN, later.signer.identity.begins)
    assert (found.name, found.what) == ("bank_b", "the CA has revoked it")


def test_a_revoked_certificate_and_an_overdue_list_are_warned_of(authority: Authority) -> None:
    authority.take(list_to_der(next_list(OURS.key, OURS.certificate, None, A.certificate_pem)))
    (found,) = authority.lists.values()
    own, *_ = notices(authority, OWN, found.due)
    assert (own.whose, own.what) == (Whose.OWN, "the CA has revoked it")
    overdue = notices(authority, OWN, found.due + A_MOMENT)[-1]
    assert overdue.whose is Whose.LIST
    assert "withholding" in overdue.fix


def test_a_party_that_does_not_count_any_more_is_named(authority: Authority) -> None:
    contract = contract_of(A, B)
    assert objection_to(contract, authority, OWN.expires) is None
    late = objection_to(contract, authority, OWN.expires + timedelta(hours=1))
    assert isinstance(late, ForeignCertificate)
    assert late.party == "bank_a"
    authority.take(list_to_der(next_list(OURS.key, OURS.certificate, None, B.certificate_pem)))
    grave = objection_to(contract, authority, OWN.expires + timedelta(hours=1))
    assert isinstance(grave, CertificateRevoked)
    assert grave.party == "bank_b"


def test_whom_nobody_has_met_raises_no_objection_yet() -> None:
    assert (
        objection_to(contract_of(A, B), Authority.from_pem(OURS.certificate), OWN.expires) is None
    )
