"""A daemon's own certificate, key and CA: used only if all three fit and are its own."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cli.authority import request, sign
from cli.revocation import next_list
from contract.credentials import Credentials, credentials_from, is_private, renewed
from contract.errors import (
    BadSetting,
    CertificateRevoked,
    ForeignCertificate,
    MiheError,
    PeerError,
    WrongRole,
)
from contract.identity import Role
from contract.revocation import list_to_der
from contract.signing import Kind, verify
from tests.unit.coordinator.consortium import Consortium

OURS, THEIRS = Consortium("Test consortium"), Consortium("Another consortium")
A, B = OURS.member("bank_a"), OURS.member("bank_b")


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, word: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(word) if word else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def test_files_that_fit_sign_and_verify() -> None:
    credentials = credentials_from(
        A.certificate_pem, A.key_pem, OURS.certificate, org="bank_a", role=Role.NODE
    )
    assert credentials.org == "bank_a"
    said = credentials.signer.sign(Kind.GATE, bytes(32), b"{}")
    assert verify(said, credentials.authority) == A.signer.identity


@pytest.mark.parametrize(
    ("certificate", "key", "ca", "org", "role", "error"),
    [
        (B.certificate_pem, B.key_pem, OURS.certificate, "bank_a", Role.NODE, BadSetting),
        (A.certificate_pem, B.key_pem, OURS.certificate, "bank_a", Role.NODE, BadSetting),
        (A.certificate_pem, A.key_pem, THEIRS.certificate, "bank_a", Role.NODE, ForeignCertificate),
        (A.certificate_pem, A.key_pem, A.certificate_pem, "bank_a", Role.NODE, BadSetting),
        (A.certificate_pem, A.key_pem, b"", "bank_a", Role.NODE, BadSetting),
        (b"", A.key_pem, OURS.certificate, "bank_a", Role.NODE, ForeignCertificate),
        (A.key_pem, A.key_pem, OURS.certificate, "bank_a", Role.NODE, ForeignCertificate),
        (A.certificate_pem, b"", OURS.certificate, "bank_a", Role.NODE, BadSetting),
        (A.certificate_pem, A.certificate_pem, OURS.certificate, "bank_a", Role.NODE, BadSetting),
        (A.certificate_pem, A.key_pem, OURS.certificate, "bank_a", Role.COORDINATOR, WrongRole),
        (
            OURS.coordinator.certificate_pem,
            OURS.coordinator.key_pem,
            OURS.certificate,
            "coordinator",
            Role.NODE,
            WrongRole,
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(
    certificate: bytes, key: bytes, ca: bytes, org: str, role: Role, error: type[MiheError]
) -> None:
    with pytest.raises(error) as refused:
        credentials_from(certificate, key, ca, org=org, role=role)
    assert type(refused.value) is error
    # A file that can't be read is nobody's; all else is this organisation's to put right.
    assert refused.value.party in {org, None}
    if issubclass(error, PeerError):
        assert refused.value.party == org
    assert "PRIVATE KEY" not in str(refused.value)


def test_a_key_of_another_sort_or_behind_a_password_is_refused() -> None:
    for key in (
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ed25519.Ed25519PrivateKey.generate()),
        pem_of(A.signer.key, b"word"),
    ):
        with pytest.raises(BadSetting):
            credentials_from(A.certificate_pem, key, OURS.certificate, org="bank_a", role=Role.NODE)


def test_credentials_show_nothing() -> None:
    assert "PRIVATE" not in repr(A)
    assert "PRIVATE" not in str(A)
    assert not hasattr(A, "__dict__")


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "private"),
    [
        (0o600, 1000, 1000, True),
        (0o400, 1000, 1000, True),
        (0o640, 1000, 1000, False),
        (0o604, 1000, 1000, False),
        (0o600, 0, 0, True),
        (0o640, 0, 0, False),
        (0o440, 0, 1000, True),
        (0o640, 0, 1000, True),
        (0o660, 0, 1000, False),
        (0o444, 0, 1000, False),
        (0o441, 0, 1000, False),
    ],
)
def test_a_key_is_for_one_reader(mode: int, owner: int, reader: int, *, private: bool) -> None:
    assert is_private(mode, owner, reader) is private


# ── renewed while a daemon runs ─────────────────────────────────────────────────────────────────


def in_use() -> Credentials:
    return credentials_from(
        A.certificate_pem, A.key_pem, OURS.certificate, org="bank_a", role=Role.NODE
    )


def test_files_that_have_not_changed_are_no_news() -> None:
    assert renewed(in_use(), A.certificate_pem, A.key_pem, OURS.certificate) is None


def test_a_new_pair_takes_the_place_of_the_old_one_everywhere() -> None:
    current, new = in_use(), OURS.issue("bank_a")
    authority = current.authority
    newer = renewed(current, new.certificate_pem, new.key_pem, OURS.certificate)
    assert newer is not None
    current.renew(newer)
    assert current.signer.identity == new.signer.identity
    assert current.authority is authority
    former = A.signer.identity.fingerprint
    assert current.earlier == (former,)
    kept = current.pair_for(former)
    assert kept is not None
    assert kept.key_pem == A.key_pem
    current.forget_all_but(["another"])
    assert current.pair_for(former) is None
    assert current.pair_for(new.signer.identity.fingerprint) is current.pair


def test_a_pair_that_comes_back_is_no_earlier_one() -> None:
    current, new = in_use(), OURS.issue("bank_a")
    for pair in (new, A):
        newer = renewed(current, pair.certificate_pem, pair.key_pem, OURS.certificate)
        assert newer is not None
        current.renew(newer)
    assert current.earlier == (new.signer.identity.fingerprint,)


NEW = OURS.issue("bank_a")
FOREIGN = THEIRS.member("bank_a")


@pytest.mark.parametrize(
    ("certificate", "key", "ca", "error"),
    [
        (A.certificate_pem, NEW.key_pem, OURS.certificate, BadSetting),
        (NEW.certificate_pem, A.key_pem, OURS.certificate, BadSetting),
        (NEW.certificate_pem, NEW.key_pem, THEIRS.certificate, ForeignCertificate),
        (A.certificate_pem, A.key_pem, THEIRS.certificate, ForeignCertificate),
        (FOREIGN.certificate_pem, FOREIGN.key_pem, OURS.certificate, ForeignCertificate),
        (B.certificate_pem, B.key_pem, OURS.certificate, BadSetting),
        (OURS.coordinator.certificate_pem, OURS.coordinator.key_pem, OURS.certificate, WrongRole),
        (b"", NEW.key_pem, OURS.certificate, ForeignCertificate),
        (NEW.certificate_pem, NEW.key_pem[:100], OURS.certificate, BadSetting),
    ],
    ids=range(9),  # a key as a name would be another one in every run
)
def test_what_does_not_fit_changes_nothing(
    certificate: bytes, key: bytes, ca: bytes, error: type[MiheError]
) -> None:
    current = in_use()
    with pytest.raises(error):
        renewed(current, certificate, key, ca)
    assert current.pair.certificate_pem == A.certificate_pem
    assert list(current.authority.certificates) == list(A.authority.certificates)


def test_a_pair_of_another_legal_entity_is_refused() -> None:
    key, csr = request(Role.NODE, "bank_a", "91330000700000052Y")
    with pytest.raises(BadSetting, match="another legal entity"):
        renewed(in_use(), sign(OURS.key, OURS.certificate, csr), key, OURS.certificate)


def test_a_pair_that_is_revoked_already_is_refused() -> None:
    current = in_use()
    crl = next_list(OURS.key, OURS.certificate, None, NEW.certificate_pem)
    current.authority.take(list_to_der(crl))
    with pytest.raises(CertificateRevoked):
        renewed(current, NEW.certificate_pem, NEW.key_pem, OURS.certificate)


def test_a_second_ca_is_trusted_without_a_new_pair() -> None:
    current = in_use()
    both = OURS.certificate + THEIRS.certificate
    newer = renewed(current, A.certificate_pem, A.key_pem, both)
    assert newer is not None
    current.renew(newer)
    assert current.earlier == ()
    assert current.authority.admit(FOREIGN.signer.identity.certificate).org == "bank_a"
