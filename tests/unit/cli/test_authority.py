"""What the CA issues is what contract/identity.py admits, and it issues nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cli.authority import COORDINATOR_ORG, MEMBER_DAYS, new_authority, read, request, sign
from contract.credentials import credentials_from
from contract.errors import BadRequest, BadSetting, ForeignCertificate, MiheError, WrongRole
from contract.identity import Authority, Role, pem_to_der, require_role

USCC = "91330000700000052Y"
OTHER_USCC = "91330000700000060R"


@pytest.fixture(scope="module")
def ca() -> tuple[bytes, bytes]:
    return new_authority("test CA")


def _issued(ca: tuple[bytes, bytes], role: Role = Role.NODE, org: str = "bank_a") -> bytes:
    return sign(*ca, request(role, org, USCC)[1])


def _csr(
    *,
    fields: dict[x509.ObjectIdentifier, str] | None = None,
    names: list[x509.GeneralName] | None = None,
    more: list[x509.ExtensionType] | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
) -> bytes:
    """A request as a careless or hostile member might send it."""
    subject = {
        NameOID.ORGANIZATION_NAME: "bank_a",
        NameOID.COMMON_NAME: "bank_a",
        NameOID.ORGANIZATION_IDENTIFIER: USCC,
        **(fields or {}),
    }
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, value) for oid, value in subject.items()])
    )
    stated = names if names is not None else _names("mihe:node:bank_a", "bank-a.node.mihe")
    if stated:
        builder = builder.add_extension(x509.SubjectAlternativeName(stated), critical=False)
    for extension in more or []:
        builder = builder.add_extension(extension, critical=False)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def _names(uri: str, dns: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(uri), x509.DNSName(dns)]


@pytest.mark.parametrize(
    ("role", "org"),
    [(Role.NODE, "bank_a"), (Role.NODE, "x"), (Role.COORDINATOR, COORDINATOR_ORG)],
)
def test_what_is_issued_is_admitted(ca: tuple[bytes, bytes], role: Role, org: str) -> None:
    key, csr = request(role, org, USCC)
    certificate = sign(*ca, csr)
    identity = Authority.from_pem(ca[1]).admit(pem_to_der(certificate))
    assert (identity.org, identity.role, identity.uscc) == (org, role, USCC)
    left = identity.expires - datetime.now(UTC)
    assert timedelta(days=MEMBER_DAYS - 1) < left <= timedelta(days=MEMBER_DAYS)
    assert credentials_from(certificate, key, ca[1], org=org, role=role).org == org


def test_the_ca_signs_members_and_no_further_ca(ca: tuple[bytes, bytes]) -> None:
    certificate = x509.load_pem_x509_certificate(ca[1])
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.crl_sign) == (True, True)
    assert not usage.value.digital_signature


def test_a_member_certificate_signs_statements_and_both_ends_of_tls(
    ca: tuple[bytes, bytes],
) -> None:
    extensions = x509.load_pem_x509_certificate(_issued(ca)).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }


def test_a_certificate_does_not_outlive_its_ca(ca: tuple[bytes, bytes]) -> None:
    long = x509.load_pem_x509_certificate(sign(*ca, request(Role.NODE, "tax", USCC)[1], 99_999))
    assert long.not_valid_after_utc == x509.load_pem_x509_certificate(ca[1]).not_valid_after_utc


def test_another_ca_is_not_trusted(ca: tuple[bytes, bytes]) -> None:
    foreign = new_authority("test CA")
    with pytest.raises(ForeignCertificate, match="not from this consortium's CA"):
        Authority.from_pem(ca[1]).admit(pem_to_der(_issued(foreign)))


@pytest.mark.parametrize("days", [-1, MEMBER_DAYS + 1])
def test_a_certificate_is_valid_in_its_time_only(ca: tuple[bytes, bytes], days: int) -> None:
    moment = datetime.now(UTC) + timedelta(days=days)
    with pytest.raises(ForeignCertificate, match="expired or not yet valid"):
        Authority.from_pem(ca[1]).admit(pem_to_der(_issued(ca)), now=moment)


@pytest.mark.parametrize(
    ("role", "org", "needed"),
    [(Role.NODE, "bank_a", Role.COORDINATOR), (Role.COORDINATOR, COORDINATOR_ORG, Role.NODE)],
)
def test_neither_role_is_accepted_as_the_other(
    ca: tuple[bytes, bytes], role: Role, org: str, needed: Role
) -> None:
    identity = Authority.from_pem(ca[1]).admit(pem_to_der(_issued(ca, role, org)))
    with pytest.raises(WrongRole):
        require_role(identity, needed)


@pytest.mark.parametrize(
    "uris",
    [["mihe:node:bank_a", "mihe:coordinator"], [], ["mihe:node:bank_b"], ["mihe:node:bank_a"] * 2],
    ids=["two roles", "no role", "another's role", "one role twice"],
)
def test_a_certificate_with_other_than_one_role_is_not_admitted(
    ca: tuple[bytes, bytes], uris: list[str]
) -> None:
    """Even one that carries the CA's genuine signature."""
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
    der = _certified(ca, [*names, x509.DNSName("bank-a.node.mihe")])
    with pytest.raises(WrongRole):
        Authority.from_pem(ca[1]).admit(der)


def _certified(ca: tuple[bytes, bytes], names: list[x509.GeneralName]) -> bytes:
    genuine = x509.load_pem_x509_certificate(_issued(ca))
    key = serialization.load_pem_private_key(ca[0], password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(genuine.subject)
        .issuer_name(genuine.issuer)
        .public_key(genuine.public_key())
        .serial_number(1)
        .not_valid_before(genuine.not_valid_before_utc)
        .not_valid_after(genuine.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (b"", "no request"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
            "no re",
        ),
        (_csr(names=[]), "no request"),
        (_csr(names=_names("mihe:node:bank_b", "bank-b.node.mihe")), "exactly one role"),
        (_csr(names=_names("mihe:node:bank_a", "bank-b.node.mihe")), "exactly one role"),
        (_csr(names=_names("mihe:node:bank_a", "coordinator.mihe")), "exactly one role"),
        (
            _csr(
                names=[
                    *_names("mihe:node:bank_a", "bank-a.node.mihe"),
                    *_names("mihe:coordinator", "coordinator.mihe"),
                ]
            ),
            "exactly one role",
        ),
        (_csr(names=_names("mihe:coordinator", "coordinator.mihe")), "belong together"),
        (
            _csr(
                fields={
                    NameOID.ORGANIZATION_NAME: COORDINATOR_ORG,
                    NameOID.COMMON_NAME: COORDINATOR_ORG,
                },
                names=_names("mihe:node:coordinator", "coordinator.node.mihe"),
            ),
            "belong together",
        ),
        (_csr(fields={NameOID.ORGANIZATION_NAME: "bank_b"}), "more than"),
        (_csr(fields={NameOID.COUNTRY_NAME: "CN"}), "more than"),
        (_csr(more=[x509.BasicConstraints(ca=True, path_length=None)]), "more than"),
        (_csr(fields={NameOID.ORGANIZATION_IDENTIFIER: "913300007000000521"}), "social credit"),
        (_csr(fields={NameOID.ORGANIZATION_IDENTIFIER: USCC.lower()}), "social credit"),
        (
            _csr(
                fields={NameOID.COMMON_NAME: "Bank", NameOID.ORGANIZATION_NAME: "Bank"},
                names=_names("mihe:node:Bank", "Bank.node.mihe"),
            ),
            "lower-case identifier",
        ),
        (_csr(key=ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (_csr(key=rsa.generate_private_key(65537, 2048)), "P-256"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_a_request_that_is_not_a_members_is_refused(
    ca: tuple[bytes, bytes], csr: bytes, why: str
) -> None:
    with pytest.raises(BadRequest, match=why) as refused:
        sign(*ca, csr)
    assert USCC not in str(refused.value)


def test_a_request_altered_on_the_way_is_refused(ca: tuple[bytes, bytes]) -> None:
    der = bytearray(
        x509.load_pem_x509_csr(request(Role.NODE, "bank_a", USCC)[1]).public_bytes(
            serialization.Encoding.DER
        )
    )
    position = bytes(der).index(USCC.encode())
    der[position : position + 18] = OTHER_USCC.encode()
    altered = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(BadRequest, match="own signature"):
        sign(*ca, altered)


@pytest.mark.parametrize(
    ("org", "uscc"),
    [
        ("Bank_A", USCC),
        ("", USCC),
        ("a" * 33, USCC),
        ("bank-a", USCC),
        ("bank_a\n", USCC),
        (COORDINATOR_ORG, USCC),
        ("bank_a", "913300007000000520"),
        ("bank_a", f" {USCC}"),
    ],
)
def test_no_request_is_made_that_would_be_refused(org: str, uscc: str) -> None:
    with pytest.raises(BadRequest) as refused:
        request(Role.NODE, org, uscc)
    assert uscc.strip() not in str(refused.value)


def test_files_that_are_no_ca_do_not_sign(ca: tuple[bytes, bytes]) -> None:
    csr = request(Role.NODE, "bank_a", USCC)[1]
    other_key, _ = new_authority("other")
    for key, certificate in [
        (other_key, ca[1]),
        (b"", ca[1]),
        (ca[0], b""),
        (ca[0], _issued(ca)),
    ]:
        with pytest.raises(BadSetting):
            sign(key, certificate, csr)


def test_request_and_certificate_show_the_same_key(ca: tuple[bytes, bytes]) -> None:
    csr = request(Role.NODE, "bank_a", USCC)[1]
    asked, issued, authority = read(csr), read(sign(*ca, csr)), read(ca[1])
    assert (asked.what, issued.what, authority.what) == ("request", "certificate", "authority")
    assert asked.key_fingerprint == issued.key_fingerprint
    assert (issued.name, issued.role, issued.uscc) == ("bank_a", Role.NODE, USCC)
    assert issued.issuer == authority.name == "test CA"
    admitted = Authority.from_pem(ca[1]).admit(pem_to_der(sign(*ca, csr)))
    assert (read(_pem(admitted.certificate)).fingerprint) == admitted.fingerprint


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def test_other_files_are_not_described() -> None:
    with pytest.raises(MiheError):
        read(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
