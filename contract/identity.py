"""Who an organisation is: its X.509 certificate, read and checked (RFC 5280).

A consortium has one offline CA. A certificate binds an organisation's id (O = CN), the USCC of its
legal entity (organizationIdentifier, OID 2.5.4.97) and one role, written as a URI
(`mihe:node:<org>` or `mihe:coordinator`) and as a DNS name of a domain that exists nowhere else
(`<org>.node.mihe`, `coordinator.mihe`), so that the TLS library itself refuses a node that poses as
the coordinator, wherever the two machines stand. A fingerprint is SHA-256 of the DER form.

An `Authority` is all that a daemon believes about certificates: the CA (two while it is changed),
what it has revoked (contract/revocation.py), and whom it has verified so far. Daemons hold one for
as long as they run; what is renewed is renewed in it, so that nobody goes on with an older belief.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from re import fullmatch

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract.errors import (
    BadSetting,
    CertificateRevoked,
    ForeignCertificate,
    MiheError,
    WrongRole,
)
from contract.revocation import RevocationList, Taken, read_list

MAX_CERTIFICATE_BYTES = 8192
MOST_AUTHORITIES = 4
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
    begins: datetime
    expires: datetime
    certificate: bytes
    public_key: ec.EllipticCurvePublicKey
    serial: int
    issuer: str  # fingerprint of the CA's certificate; empty if it is no CA's of this consortium


class Authority:
    """The consortium's CA, as this process knows it now: every identity must stand under it."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._certificates = {_fingerprint(one): one for one in certificates}
        self._lists: dict[str, RevocationList] = {}
        # Only what the CA has signed gets in, so it grows with the consortium and no faster.
        self._met: dict[str, Identity] = {}

    @staticmethod
    def from_pem(pem: bytes) -> "Authority":
        """Raises BadSetting when `pem` is not one CA certificate, or a few of them."""
        try:
            certificates = x509.load_pem_x509_certificates(pem)
            constraints = [
                one.extensions.get_extension_for_class(x509.BasicConstraints).value
                for one in certificates
            ]
        except _MALFORMED:
            certificates, constraints = [], []
        if not 1 <= len(certificates) <= MOST_AUTHORITIES:
            raise BadSetting(
                "the CA file holds no CA certificate", fix="use the ca.pem that `mihe ca new` wrote"
            )
        if not all(one.ca for one in constraints):
            raise BadSetting(
                "the CA file holds the certificate of a member, not of the CA",
                fix="use the ca.pem that `mihe ca new` wrote",
            )
        return Authority(certificates)

    @property
    def certificates(self) -> Mapping[str, x509.Certificate]:
        """The CA's certificate, by fingerprint; two or more while the consortium changes its CA."""
        return self._certificates

    @property
    def expires(self) -> datetime:
        """When the CA's certificate ends; the first of them, if there are more."""
        return min(one.not_valid_after_utc for one in self._certificates.values())

    @property
    def lists(self) -> Mapping[str, RevocationList]:
        """The revocation lists in force, by the fingerprint of the CA that signed them."""
        return self._lists

    @property
    def met(self) -> Mapping[str, Identity]:
        """Everybody whose certificate was verified by this process, by fingerprint."""
        return dict(self._met)  # receipts are verified in threads

    # ── what is renewed ─────────────────────────────────────────────────────────────────────────

    def succeed(self, newer: "Authority") -> None:
        """Trust the CAs of `newer` from now on, and no others."""
        self._certificates = newer._certificates
        self._lists = {ca: one for ca, one in self._lists.items() if ca in self._certificates}

    def take(self, raw: bytes) -> Taken:
        """Put a revocation list in force if it is newer than the one there is.

        Raises BadMessage or BadSignature for one that is not of a CA of this consortium.
        """
        ca, found = read_list(raw, self._certificates)
        known = self._lists.get(ca)
        if known is not None and found.number <= known.number:
            return Taken.KNOWN if found.signed == known.signed else Taken.OLDER
        self._lists = {**self._lists, ca: found}
        return Taken.NEWER

    # ── who is who ──────────────────────────────────────────────────────────────────────────────

    def admit(self, der: bytes, *, now: datetime | None = None) -> Identity:
        """The identity that a DER certificate proves under this CA, now.

        Raises ForeignCertificate (another CA, expired, malformed), CertificateRevoked, or WrongRole
        (no or two roles).
        """
        identity = self.issued(der)
        if objection := self.objection(identity, now=now):
            raise objection
        return identity

    def admit_at(self, der: bytes, at: datetime) -> Identity:
        """The identity that a certificate proved at a moment of the past: for evidence.

        What was revoked since was good until the day that the revocation list gives.
        """
        identity = self.issued(der)
        since = self._revoked_since(identity)
        if since is not None and since <= at:
            raise revoked(identity.org)
        if not identity.begins <= at <= identity.expires:
            raise expired(identity.org)
        return identity

    def issued(self, der: bytes) -> Identity:
        """The identity in a certificate of this CA, whether or not it counts today."""
        identity = self._read(der)
        if not identity.issuer:
            raise ForeignCertificate(
                "the certificate is not from this consortium's CA",
                party=identity.org,
                fix="compare the CA fingerprints of both sides (`mihe ca show`) and sign again",
            )
        return identity

    def recall(self, der: bytes) -> Identity:
        """The identity in a certificate that was admitted before, without checking it again.

        For statements that are read back from one's own state: they stay valid after their
        signer's certificate has expired or was revoked.
        """
        return self._read(der)

    def objection(self, identity: Identity, *, now: datetime | None = None) -> MiheError | None:
        """Why a certificate, verified before, does not count any more; None while it does."""
        if self._revoked_since(identity) is not None:
            return revoked(identity.org)
        if not identity.begins <= (now or datetime.now(UTC)) <= identity.expires:
            return expired(identity.org)
        return None

    def _revoked_since(self, identity: Identity) -> datetime | None:
        # The date is not compared with the present: the CA's clock may be ahead of this one.
        found = self._lists.get(identity.issuer)
        return found.revoked.get(identity.serial) if found else None

    def _read(self, der: bytes) -> Identity:
        if len(der) > MAX_CERTIFICATE_BYTES:
            raise ForeignCertificate(
                "the certificate is too large", fix="issue it with `mihe ca sign`"
            )
        # The same bytes, under a CA that still counts: a job's statements carry a certificate each.
        known = self._met.get(sha256(der).hexdigest())
        if known is not None and known.issuer in self._certificates:
            return known
        try:
            certificate = x509.load_der_x509_certificate(der)
            identity = _identity(certificate, der, self._issuer(certificate))
        except _MALFORMED:
            raise ForeignCertificate(
                "the certificate does not have the form of this consortium's",
                fix="issue it with `mihe ca sign`",
            ) from None
        if identity.issuer:
            self._met[identity.fingerprint] = identity
        return identity

    def _issuer(self, certificate: x509.Certificate) -> str:
        for fingerprint, ca in self._certificates.items():
            try:
                certificate.verify_directly_issued_by(ca)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            return fingerprint
        return ""


def revoked(org: str) -> MiheError:
    """The words for a certificate that the CA has taken back: the same on every side."""
    return CertificateRevoked(
        "the consortium's CA has revoked this organisation's certificate",
        party=org,
        fix="that organisation makes a new key (`mihe init renew`) and has it certified",
    )


def expired(org: str) -> MiheError:
    """The words for a certificate whose time is over, or has not begun."""
    return ForeignCertificate(
        "the certificate is expired or not yet valid",
        party=org,
        fix="check the clocks of both machines, then issue a new certificate",
    )


def _identity(certificate: x509.Certificate, der: bytes, issuer: str) -> Identity:
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
        fingerprint=_fingerprint(certificate),
        begins=certificate.not_valid_before_utc,
        expires=certificate.not_valid_after_utc,
        certificate=der,
        public_key=public_key,
        serial=certificate.serial_number,
        issuer=issuer,
    )


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


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
