"""The consortium's offline CA: its own certificate, requests to it, and what it issues.

Implements  X.509 (RFC 5280) and PKCS #10 (RFC 2986), ECDSA P-256 with SHA-256, in the form that
            contract/identity.py admits
Learns      nobody: PEM in, PEM out; reading and writing files is the caller's
Not for     proving that a request comes from the organisation it names. The officer at the CA
            compares the key's fingerprint with that organisation by another way before signing.

A request is never copied into a certificate: what was asked is read, checked against the one form
that a member's certificate has, and the certificate is built anew.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from re import fullmatch
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.canonical import Frozen, Hex32, Timestamp
from contract.errors import BadRequest, BadSetting
from contract.identity import Authority, Role, role_uri, server_name
from contract.keys import KeyKind, check

COORDINATOR_ORG = "coordinator"
"""The id in a coordinator's certificate; no organisation's node may carry it."""

AUTHORITY_DAYS = 3653
MEMBER_DAYS = 825

# Machines that have just been set up are often a few minutes apart.
_CLOCK_TOLERANCE = timedelta(minutes=10)
_ORG = r"[a-z][a-z0-9_]{0,31}"
# A node dials the coordinator and is dialled by peers, with the same certificate.
_BOTH_ENDS = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


class Paper(Frozen):
    """A certificate or a request, as the people who handle it compare it."""

    what: Literal["authority", "certificate", "request"]
    name: str
    role: Role | None = None
    uscc: str | None = None
    key_fingerprint: Hex32
    fingerprint: Hex32 | None = None
    expires: Timestamp | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whom a request is for, once everything that it states agrees."""

    role: Role
    org: str
    uscc: str


def new_authority(name: str) -> tuple[bytes, bytes]:
    """Key and self-signed certificate of a new CA that signs members and no further CA, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key.public_key())
        .not_valid_after(_in_days(AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certifies=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def request(role: Role, org: str, uscc: str) -> tuple[bytes, bytes]:
    """A new key and the request to certify it for `org` in `role`, PEM."""
    applicant = _checked(role, org, uscc)
    key = ec.generate_private_key(ec.SECP256R1())
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_subject(applicant))
        .add_extension(_names(applicant), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _key_pem(key), csr.public_bytes(serialization.Encoding.PEM)


def sign(ca_key: bytes, ca_cert: bytes, csr_pem: bytes, days: int = MEMBER_DAYS) -> bytes:
    """The certificate, PEM, that answers a request.

    Raises BadRequest for a request that does not have the form of a member's, and BadSetting when
    the CA's own files do not fit together.
    """
    key, authority = open_authority(ca_key, ca_cert)
    applicant, public_key = _admitted(csr_pem)
    certificate = (
        _builder(_subject(applicant), authority.subject, public_key)
        # A member must not outlive its CA: peers would refuse it for a reason it doesn't state.
        .not_valid_after(min(_in_days(days), authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certifies=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_BOTH_ENDS), critical=False)
        .add_extension(_names(applicant), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def read(pem: bytes) -> Paper:
    """What a PEM file of the CA's trade says: a certificate, the CA's or a member's, or a request.

    A certificate is described as it stands: whether a CA signed it is `Authority.admit`'s to say.
    """
    if b"CERTIFICATE REQUEST" in pem:
        applicant, public_key = _admitted(pem)
        return Paper(
            what="request",
            name=applicant.org,
            role=applicant.role,
            uscc=applicant.uscc,
            key_fingerprint=_fingerprint(public_key),
        )
    try:
        return _paper(x509.load_pem_x509_certificate(pem))
    except (ValueError, IndexError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise BadRequest(
            "the file holds neither a certificate nor a request of a consortium",
            fix="name a ca.pem, a .pem or a .csr file that mihe wrote",
        ) from None


def _paper(certificate: x509.Certificate) -> Paper:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    subject, member = certificate.subject, not constraints.ca
    return Paper(
        what="certificate" if member else "authority",
        name=_first(subject, NameOID.COMMON_NAME),
        role=_role(certificate) if member else None,
        uscc=_first(subject, NameOID.ORGANIZATION_IDENTIFIER) if member else None,
        key_fingerprint=_fingerprint(certificate.public_key()),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        expires=certificate.not_valid_after_utc,
        issuer=_first(certificate.issuer, NameOID.COMMON_NAME),
    )


def _role(certificate: x509.Certificate) -> Role | None:
    org = _first(certificate.subject, NameOID.COMMON_NAME)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    stated = names.get_values_for_type(x509.UniformResourceIdentifier)
    return next((role for role in Role if stated == [role_uri(role, org)]), None)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return str(name.get_attributes_for_oid(oid)[0].value)


def _admitted(csr_pem: bytes) -> tuple[Applicant, ec.EllipticCurvePublicKey]:
    """Whom a request is for, and the key, once it signs itself and all that it states agrees."""
    try:
        csr = x509.load_pem_x509_csr(csr_pem)
        public_key = csr.public_key()
        org = _first(csr.subject, NameOID.COMMON_NAME)
        uscc = _first(csr.subject, NameOID.ORGANIZATION_IDENTIFIER)
        asked = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        extensions = len(csr.extensions)
        roles = [role for role in Role if _names(Applicant(role, org, uscc)) == asked]
    except (
        ValueError,
        IndexError,
        UnsupportedAlgorithm,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
    ):
        raise _unfit("the file is no request that states an organisation, its USCC and role") from (
            None
        )
    if not csr.is_signature_valid:
        raise _unfit("the request's own signature does not hold")
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not _is_p256(public_key):
        raise _unfit("the request's key is not on the curve P-256")
    if len(roles) != 1:
        raise _unfit("the request does not state exactly one role, that of its organisation")
    applicant = _checked(roles[0], org, uscc)
    if csr.subject != _subject(applicant) or extensions != 1:
        raise _unfit("the request asks for more than a member's certificate states")
    return applicant, public_key


def _checked(role: Role, org: str, uscc: str) -> Applicant:
    if fullmatch(_ORG, org) is None:
        raise BadRequest(
            "the organisation's id is not a lower-case identifier of at most 32 characters",
            fix="use a to z, 0 to 9 and _, beginning with a letter, such as bank_a",
            rule=f"^{_ORG}$",
        )
    if (org == COORDINATOR_ORG) != (role is Role.COORDINATOR):
        raise BadRequest(
            f"the id '{COORDINATOR_ORG}' and the coordinator's role belong together",
            fix=f"give the node another id; the coordinator's is always '{COORDINATOR_ORG}'",
        )
    if check(KeyKind.USCC, uscc) != f"{KeyKind.USCC}:{uscc}".encode():
        raise BadRequest(
            "the organisation's unified social credit code is not valid as it is written",
            fix="copy its 18 characters, upper case and without blanks, from the business licence",
            rule="GB 32100-2015",
        )
    return Applicant(role, org, uscc)


def open_authority(
    key_pem: bytes, certificate_pem: bytes
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The CA's key and its certificate; BadSetting when they do not fit together."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    # While the consortium changes its CA, the file holds the other one's certificate, too.
    for authority in Authority.from_pem(certificate_pem).certificates.values():
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == (
            authority.public_key()
        ):
            return key, authority
    raise BadSetting(
        "the CA's key is not the one of its certificate",
        fix="use the ca.key and ca.pem that one `mihe ca new` wrote",
    )


def _subject(applicant: Applicant) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, applicant.org),
            x509.NameAttribute(NameOID.COMMON_NAME, applicant.org),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, applicant.uscc),
        ]
    )


def _names(applicant: Applicant) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier(role_uri(applicant.role, applicant.org)),
            x509.DNSName(server_name(applicant.role, applicant.org)),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _CLOCK_TOLERANCE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _is_p256(key: ec.EllipticCurvePublicKey) -> bool:
    return isinstance(key.curve, ec.SECP256R1)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _fingerprint(key: CertificatePublicKeyTypes) -> str:
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(der).hexdigest()


def _unfit(what: str) -> BadRequest:
    return BadRequest(
        what, fix="make the request with `mihe init` and send its .csr file unchanged"
    )
