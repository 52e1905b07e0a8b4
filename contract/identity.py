"""Who an organisation is: its X.509 certificate, read and checked (RFC 5280).

A consortium has one offline CA. A certificate binds an organisation's id (O = CN), the USCC of its
legal entity (organizationIdentifier, OID 2.5.4.97) and one role, written as a URI
(`mihe:node:<org>` or `mihe:coordinator`) and as a DNS name of a domain that exists nowhere else
(`<org>.node.mihe`, `coordinator.mihe`), so that the TLS library itself refuses a node that poses as
the coordinator, wherever the two machines stand. A fingerprint is SHA-256 of the DER form.

Not covered here: revocation lists.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from re import fullmatch

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract.errors import BadSetting, ForeignCertificate, WrongRole

MAX_CERTIFICATE_BYTES = 8192
_ORG = r"[a-z][a-z0-9_]{0,31}"
_MALFORMED = (
    TypeError,
    ValueError,
    IndexError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class Role(StrEnum):
    """What a certificate lets its holder be; neither is accepted as the other."""

    NODE = "node"
    COORDINATOR = "coordinator"


def server_name(role: Role, org: str) -> str:
    """The DNS name that a certificate of this role carries and that a dialler insists on."""
    if role is Role.COORDINATOR:
        return "coordinator.mihe"
    return f"{org.replace('_', '-')}.node.mihe"


def role_uri(role: Role, org: str) -> str:
    """The URI that a certificate of this role carries."""
    return "mihe:coordinator" if role is Role.COORDINATOR else f"mihe:node:{org}"


@dataclass(frozen=True, slots=True)
class Identity:
    """An organisation as its certificate, already verified, states it."""

    org: str
    role: Role
    uscc: str
    fingerprint: str
    expires: datetime
    certificate: bytes
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Authority:
    """The consortium's CA: the one root under which every identity must stand."""

    certificate: x509.Certificate

    @staticmethod
    def from_pem(pem: bytes) -> "Authority":
        """Raises BadSetting when `pem` is not a CA certificate."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        except _MALFORMED:
            raise BadSetting(
                "the CA file holds no CA certificate", fix="use the ca.pem that `mihe ca new` wrote"
            ) from None
        if not constraints.value.ca:
            raise BadSetting(
                "the CA file holds the certificate of a member, not of the CA",
                fix="use the ca.pem that `mihe ca new` wrote",
            )
        return Authority(certificate)

    def admit(self, der: bytes, *, now: datetime | None = None) -> Identity:
        """The identity that a DER certificate proves under this CA.

        Raises ForeignCertificate (another CA, expired, malformed) or WrongRole (no or two roles).
        """
        identity, issued, valid = self._read(der, now or datetime.now(UTC))
        if not issued:
            raise ForeignCertificate(
                "the certificate is not from this consortium's CA",
                party=identity.org,
                fix="compare the CA fingerprints of both sides (`mihe ca show`) and sign again",
            )
        if not valid:
            raise ForeignCertificate(
                "the certificate is expired or not yet valid",
                party=identity.org,
                fix="check the clocks of both machines, then issue a new certificate",
            )
        return identity

    def recall(self, der: bytes) -> Identity:
        """The identity in a certificate that was admitted before, without checking it again.

        For statements that are read back from one's own state: they stay valid after their
        signer's certificate has expired.
        """
        return self._read(der, datetime.now(UTC))[0]

    def _read(self, der: bytes, now: datetime) -> tuple[Identity, bool, bool]:
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise ForeignCertificate(
                "the certificate is too large", fix="issue it with `mihe ca sign`"
            )
        try:
            certificate = x509.load_der_x509_certificate(der)
            identity = _identity(certificate, der)
        except _MALFORMED:
            raise ForeignCertificate(
                "the certificate does not have the form of this consortium's",
                fix="issue it with `mihe ca sign`",
            ) from None
        try:
            certificate.verify_directly_issued_by(self.certificate)
            issued = True
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            issued = False
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        return identity, issued, valid


def _identity(certificate: x509.Certificate, der: bytes) -> Identity:
    subject = certificate.subject
    org = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    organisation = str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    uscc = str(subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)[0].value)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    roles = [role for role in Role if role_uri(role, org) in uris]
    public_key = certificate.public_key()
    # An error may name the id before anybody has verified it, so it has to look like one.
    if org != organisation or fullmatch(_ORG, org) is None:
        raise ValueError
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise ValueError
    if not isinstance(public_key.curve, ec.SECP256R1):
        raise ValueError
    if len(roles) != 1 or len(uris) != 1:
        raise WrongRole(
            "the certificate does not state exactly one role",
            party=org,
            fix="issue it with `mihe ca sign`",
        )
    return Identity(
        org=org,
        role=roles[0],
        uscc=uscc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        expires=certificate.not_valid_after_utc,
        certificate=der,
        public_key=public_key,
    )


def require_role(identity: Identity, role: Role) -> Identity:
    """The identity itself, or WrongRole when its certificate is for the other role."""
    if identity.role is not role:
        raise WrongRole(
            f"a {role.value}'s certificate is needed here, this is a {identity.role.value}'s",
            party=identity.org,
            fix=f"use a certificate issued for the role '{role.value}'",
        )
    return identity


def pem_to_der(pem: bytes) -> bytes:
    """DER of the first certificate in a PEM text; ForeignCertificate when there is none."""
    try:
        return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    except _MALFORMED:
        raise ForeignCertificate(
            "no certificate in PEM form was found", fix="use the file that `mihe ca sign` wrote"
        ) from None
