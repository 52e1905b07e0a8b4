"""Certificates from outside: whatever the bytes are, they are admitted or refused by name."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contract.cause import cause_of
from contract.errors import ForeignCertificate, MiheError, WrongRole
from contract.identity import Authority, Role, require_role, role_uri, server_name

CA_KEY = ec.generate_private_key(ec.SECP256R1())
CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test consortium")])
NOW = datetime(2026, 3, 1, tzinfo=UTC)
P256 = ec.generate_private_key(ec.SECP256R1())


def certificate(
    *,
    org: str = "bank_a",
    organisation: str | None = None,
    uris: tuple[str, ...] | None = None,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = P256,
    by: ec.EllipticCurvePrivateKey = CA_KEY,
    age: timedelta = timedelta(days=1),
    ca: bool = False,
) -> x509.Certificate:
    """A member's certificate, or one that differs from it in a single way."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation or org, _validate=False),
            x509.NameAttribute(NameOID.COMMON_NAME, org, _validate=False),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "91110000600037341L"),
        ]
    )
    uris = (role_uri(Role.NODE, org),) if uris is None else uris
    names = [x509.UniformResourceIdentifier(uri) for uri in uris]
    dns = x509.DNSName(server_name(Role.NODE, "bank_a"))
    return (
        x509.CertificateBuilder()
        .subject_name(CA_NAME if ca else name)
        .issuer_name(CA_NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - age)
        .not_valid_after(NOW - age + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([*names, dns]), critical=False)
        .sign(by, hashes.SHA256())
    )


@cache
def authority() -> Authority:
    return Authority.from_pem(certificate(ca=True, key=CA_KEY).public_bytes(Encoding.PEM))


def refusal(der: bytes) -> str:
    with pytest.raises(MiheError) as found:
        authority().admit(der, now=NOW)
    assert cause_of(found.value).code == found.value.code  # it can be sent
    return found.value.code


def der(**differing: object) -> bytes:
    return certificate(**differing).public_bytes(Encoding.DER)  # type: ignore[arg-type]  # as named


def test_a_member_is_who_its_certificate_says() -> None:
    own = certificate()
    identity = authority().admit(own.public_bytes(Encoding.DER), now=NOW)
    assert (identity.org, identity.role) == ("bank_a", Role.NODE)
    assert identity.fingerprint == own.fingerprint(hashes.SHA256()).hex()
    assert require_role(identity, Role.NODE) is identity
    with pytest.raises(MiheError):
        require_role(identity, Role.COORDINATOR)


@pytest.mark.filterwarnings("ignore:Attribute's length must be")  # that is the point of one
@pytest.mark.parametrize(
    ("differing", "code"),
    [
        ({"by": ec.generate_private_key(ec.SECP256R1())}, "FOREIGN_CERTIFICATE"),
        ({"age": timedelta(days=3)}, "FOREIGN_CERTIFICATE"),
        ({"age": -timedelta(days=1)}, "FOREIGN_CERTIFICATE"),
        ({"organisation": "bank_b"}, "FOREIGN_CERTIFICATE"),
        ({"org": "Bank A"}, "FOREIGN_CERTIFICATE"),
        ({"org": "b" * 33}, "FOREIGN_CERTIFICATE"),
        ({"org": "b" * 200}, "FOREIGN_CERTIFICATE"),
        ({"key": ec.generate_private_key(ec.SECP384R1())}, "FOREIGN_CERTIFICATE"),
        ({"key": ed25519.Ed25519PrivateKey.generate()}, "FOREIGN_CERTIFICATE"),
        ({"uris": ()}, "WRONG_ROLE"),
        ({"uris": ("mihe:node:bank_b",)}, "WRONG_ROLE"),
        ({"uris": ("mihe:node:bank_a", "mihe:coordinator")}, "WRONG_ROLE"),
        ({"uris": ("mihe:node:bank_a", "https://example.org")}, "WRONG_ROLE"),
    ],
)
def test_a_certificate_that_differs_in_one_way_is_refused(
    differing: dict[str, object], code: str
) -> None:
    assert refusal(der(**differing)) == code


# Some alterations only make cryptography warn; this is about what is admitted.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_whatever_byte_is_altered_nobody_becomes_another() -> None:
    """A refusal has a name. A signature can be written in two ways, so not all are refused."""
    honest = der()
    refused: list[str] = []
    for place in range(len(honest)):
        for mask in (0x01, 0x03, 0x06, 0x10, 0x80, 0xFF):
            altered = bytearray(honest)
            altered[place] ^= mask
            try:
                identity = authority().admit(bytes(altered), now=NOW)
            except (ForeignCertificate, WrongRole) as error:
                refused.append(cause_of(error).code)
            else:
                assert (identity.org, identity.role) == ("bank_a", Role.NODE)
                assert identity.public_key == P256.public_key()
    assert set(refused) == {"FOREIGN_CERTIFICATE", "WRONG_ROLE"}
    assert len(refused) > 5.9 * len(honest)


@pytest.mark.parametrize("raw", [b"", b"\x30", bytes(100), bytes(8193)], ids=len)
def test_what_is_no_certificate_is_refused(raw: bytes) -> None:
    assert refusal(raw) == "FOREIGN_CERTIFICATE"
