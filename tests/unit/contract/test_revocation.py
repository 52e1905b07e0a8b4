"""Revocation lists: whose they are, which is newer, and what somebody on the way can do to one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cli.revocation import next_list
from contract.credentials import Credentials
from contract.errors import BadMessage, BadSignature, CertificateRevoked, MiheError, PeerError
from contract.identity import Authority
from contract.revocation import MAX_LIST_BYTES, Taken, list_to_der
from contract.signing import Kind, verify, verify_at
from tests.unit.coordinator.consortium import Consortium

OURS, THEIRS = Consortium("Ours"), Consortium("Ours")  # of the same name, with another key
A, B = OURS.member("bank_a"), OURS.member("bank_b")


def issue(*revoked: Credentials, by: Consortium = OURS, after: bytes | None = None) -> bytes:
    """The CA's next list after `after`, with these added, PEM."""
    pem = next_list(by.key, by.certificate, after, None)
    for member in revoked:
        pem = next_list(by.key, by.certificate, pem, member.certificate_pem)
    return pem


def authority() -> Authority:
    return Authority.from_pem(OURS.certificate)


def made(
    *extensions: x509.ExtensionType,
    critical: bool = False,
    issuer: str = "Ours",
    since: datetime | None = None,
) -> bytes:
    """A list of the CA's, with extensions as it never makes them, DER."""
    key = serialization.load_pem_private_key(OURS.key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)])
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(now).next_update(now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if since is not None:
        entry = x509.RevokedCertificateBuilder().serial_number(B.signer.identity.serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(since).build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_who_is_listed_is_refused_and_nobody_else_is() -> None:
    ours = authority()
    assert ours.take(list_to_der(issue(B))) is Taken.NEWER
    with pytest.raises(CertificateRevoked) as refused:
        ours.admit(B.signer.identity.certificate)
    assert (refused.value.party, refused.value.exit_code) == ("bank_b", 5)
    assert ours.admit(A.signer.identity.certificate) == A.signer.identity
    assert ours.recall(B.signer.identity.certificate).org == "bank_b"


def test_a_later_list_holds_what_an_earlier_one_held() -> None:
    ours, first = authority(), issue(B)
    second = issue(A, after=first)
    assert ours.take(list_to_der(second)) is Taken.NEWER
    for member in (A, B):
        assert isinstance(ours.objection(member.signer.identity), CertificateRevoked)


def test_the_number_only_grows() -> None:
    ours, first = authority(), issue()
    second = issue(B, after=first)
    assert ours.take(list_to_der(second)) is Taken.NEWER
    assert ours.take(list_to_der(second)) is Taken.KNOWN
    assert ours.take(list_to_der(first)) is Taken.OLDER
    # Two lists of one number: the CA's folder was restored, or its key is in other hands.
    again = made(x509.CRLNumber(next(iter(ours.lists.values())).number))
    assert ours.take(again) is Taken.OLDER
    assert isinstance(ours.objection(B.signer.identity), CertificateRevoked)


def test_a_list_that_says_the_future_counts_at_once() -> None:
    """The CA stays off the network; nobody sets its clock."""
    ours = authority()
    ours.take(made(x509.CRLNumber(1), since=datetime.now(UTC) + timedelta(days=2)))
    with pytest.raises(CertificateRevoked):
        ours.admit(B.signer.identity.certificate)


def test_what_was_signed_before_stays_good_as_of_then() -> None:
    statement = B.signer.sign(Kind.GATE, bytes(32), b"{}")
    ours, now = authority(), datetime.now(UTC)
    ours.take(made(x509.CRLNumber(1), since=now))
    with pytest.raises(CertificateRevoked):
        verify(statement, ours)
    assert verify_at(statement, ours, now - timedelta(seconds=2)).org == "bank_b"
    with pytest.raises(CertificateRevoked):
        verify_at(statement, ours, now + timedelta(seconds=2))
    for outside in (timedelta(days=-1), timedelta(days=3000)):
        with pytest.raises(PeerError):
            verify_at(statement, authority(), now + outside)


FOREIGN: dict[str, Callable[[], bytes]] = {
    "of another CA of the same name": lambda: list_to_der(issue(by=THEIRS)),
    "under another name": lambda: made(x509.CRLNumber(1), issuer="Others"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_list_of_somebody_else_is_refused(what: str) -> None:
    refusal(BadSignature, FOREIGN[what]())


MALFORMED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "noise": lambda: b"\x30\x82" + bytes(64),
    "too large": lambda: bytes(MAX_LIST_BYTES + 1),
    "a certificate": lambda: A.signer.identity.certificate,
    "without a number": lambda: made(),
    "number zero": lambda: made(x509.CRLNumber(0)),
    "critical": lambda: made(
        x509.CRLNumber(1),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
        critical=True,
    ),
    "a part of a whole": lambda: made(x509.CRLNumber(2), x509.DeltaCRLIndicator(1), critical=True),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_list_is_refused(what: str) -> None:
    refusal(BadMessage, MALFORMED[what]())


def test_no_byte_of_a_list_can_be_changed_or_left_out() -> None:
    whole, genuine = list_to_der(issue(B)), authority()
    genuine.take(whole)
    for place in range(len(whole)):
        for bad in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            try:
                # What frames the signature can be written in more ways than one; what it is over
                # can't.
                assert genuine.take(bad) is Taken.KNOWN
            except (BadMessage, BadSignature):
                continue


def test_a_file_that_is_no_pem_is_refused() -> None:
    with pytest.raises(BadMessage):
        list_to_der(b"-----BEGIN X509 CRL-----\nno\n-----END X509 CRL-----\n")
    assert list_to_der(b"\x30") == b"\x30"


def test_while_the_ca_is_changed_both_are_believed_and_then_the_new_one_alone() -> None:
    new, member = THEIRS, THEIRS.member("bank_b")
    both = Authority.from_pem(OURS.certificate + new.certificate)
    for one in (B, member):
        assert both.admit(one.signer.identity.certificate).org == "bank_b"
    assert both.take(list_to_der(issue(B))) is Taken.NEWER
    assert both.take(list_to_der(issue(by=new))) is Taken.NEWER
    assert len(both.lists) == 2
    assert isinstance(both.objection(B.signer.identity), CertificateRevoked)
    assert both.objection(both.admit(member.signer.identity.certificate)) is None
    both.succeed(Authority.from_pem(new.certificate))
    assert len(both.lists) == 1
    for one in (A, B):  # whether or not it was believed a moment ago
        with pytest.raises(PeerError):
            both.admit(one.signer.identity.certificate)
    assert both.admit(member.signer.identity.certificate).org == "bank_b"


def refusal(error: type[MiheError], raw: bytes) -> None:
    ours = authority()
    with pytest.raises(error) as refused:
        ours.take(raw)
    assert type(refused.value) is error
    assert not ours.lists
