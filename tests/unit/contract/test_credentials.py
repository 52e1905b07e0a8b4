"""A daemon's own certificate, key and CA: used only if all three fit and are its own."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from contract.credentials import credentials_from, is_private
from contract.errors import BadSetting, ForeignCertificate, MiheError, WrongRole
from contract.identity import Role
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
