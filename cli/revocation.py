"""The consortium CA's revocation list, as its officer issues it (X.509 CRL, RFC 5280 §5).

Each list holds everything that was ever revoked, under a number higher than the one before, so the
newest list on the CA's machine is all that has to be kept there. What a daemon makes of a list is
in contract/revocation.py.

Learns      nobody: PEM in, PEM out; reading and writing files is the caller's
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from cli.authority import open_authority
from contract.canonical import Frozen, Timestamp
from contract.errors import AlreadyThere, BadRequest, BadSetting

LIST_DAYS = 30


class Revocations(Frozen):
    """What a list says, for people."""

    number: int
    entries: int
    issued: Timestamp
    due: Timestamp


def next_list(
    ca_key: bytes,
    ca_cert: bytes,
    latest: bytes | None,
    certificate: bytes | None,
    days: int = LIST_DAYS,
) -> bytes:
    """The list after `latest`, PEM, with `certificate` added if there is one.

    Raises BadRequest for a certificate of another CA, AlreadyThere for one that is listed, and
    BadSetting when the CA's own files do not fit together.
    """
    key, authority = open_authority(ca_key, ca_cert)
    before = _read(latest, authority) if latest is not None else None
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.CRLNumber(_number(before) + 1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    for entry in before or ():
        builder = builder.add_revoked_certificate(entry)
    if certificate is not None:
        builder = builder.add_revoked_certificate(_entry(certificate, authority, before, now))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def describe(pem: bytes) -> Revocations:
    """What a list that this file has made says."""
    found = x509.load_pem_x509_crl(pem)
    due = found.next_update_utc
    assert due is not None
    return Revocations(
        number=_number(found), entries=len(found), issued=found.last_update_utc, due=due
    )


def _entry(
    pem: bytes,
    authority: x509.Certificate,
    before: x509.CertificateRevocationList | None,
    now: datetime,
) -> x509.RevokedCertificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        raise BadRequest(
            "the file holds no certificate that this CA has issued",
            fix="name the member's .pem; the CA's folder keeps a copy of each in issued/",
        ) from None
    serial = certificate.serial_number
    if before is not None and before.get_revoked_certificate_by_serial_number(serial) is not None:
        raise AlreadyThere(
            "the certificate is revoked already",
            fix="give everybody the ca.crl that there is; `mihe ca crl` issues it anew",
        )
    return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()


def _read(pem: bytes, authority: x509.Certificate) -> x509.CertificateRevocationList:
    try:
        found = x509.load_pem_x509_crl(pem)
        genuine = found.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # P-256
    except (ValueError, TypeError, UnsupportedAlgorithm):
        genuine = False
    if not genuine:
        raise BadSetting(
            "the ca.crl in the CA's folder is not this CA's own",
            fix="put the newest list that this CA has issued back there: its number must only grow",
        )
    return found


def _number(found: x509.CertificateRevocationList | None) -> int:
    if found is None:
        return 0
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
