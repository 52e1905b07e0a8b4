"""What the consortium's CA has revoked: its list (X.509 CRL, RFC 5280 §5), read and checked.

A list is as good as its signature: whoever carries it, the coordinator or a file, can withhold it,
but neither forge it nor go back to an older one, because its number only grows. A list whose next
one is overdue stays in force; that it is overdue is a warning (contract/standing.py).

Learns      nobody: the serial numbers of revoked certificates are for every member to know
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import BadMessage, BadSignature, MiheError

MAX_LIST_BYTES = 256 * 1024
_LARGEST_NUMBER = 1 << 159  # 20 octets, RFC 5280 §5.2.3
_FIX = "use the ca.crl that `mihe ca revoke` wrote, unaltered"
_MALFORMED = (
    TypeError,
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
)


class Taken(StrEnum):
    """What became of a list that was handed in."""

    NEWER = "newer"  # it is in force now
    KNOWN = "known"
    OLDER = "older"  # its number is not above that of the list in force


@dataclass(frozen=True, slots=True, repr=False)
class RevocationList:
    """Everything that one CA has revoked, as of one moment."""

    number: int
    issued: datetime
    due: datetime
    revoked: Mapping[int, datetime]  # serial number → since when
    signed: bytes
    raw: bytes


def read_list(
    raw: bytes, authorities: Mapping[str, x509.Certificate]
) -> tuple[str, RevocationList]:
    """A DER list, and which of `authorities` signed it. Raises BadMessage or BadSignature."""
    if len(raw) > MAX_LIST_BYTES:
        raise _unfit(f"the revocation list is larger than {MAX_LIST_BYTES} bytes")
    try:
        found = x509.load_der_x509_crl(raw)
        ca = _signer(found, authorities)
        known = (x509.CRLNumber, x509.AuthorityKeyIdentifier)
        # A critical extension that is not understood may change what the list means.
        plain = all(isinstance(one.value, known) or not one.critical for one in found.extensions)
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        revoked = {one.serial_number: one.revocation_date_utc for one in found}
        issued, due = found.last_update_utc, found.next_update_utc
    except _MALFORMED:
        raise _unfit("the revocation list can't be read") from None
    if not plain or due is None or not 0 < number < _LARGEST_NUMBER:
        raise _unfit("the revocation list does not have the form of this consortium's")
    return ca, RevocationList(number, issued, due, revoked, found.tbs_certlist_bytes, raw)


def list_to_der(content: bytes) -> bytes:
    """The DER form of a list that was written as PEM or DER; BadMessage if it is neither."""
    if not content.lstrip().startswith(b"-----BEGIN"):
        return content
    try:
        return x509.load_pem_x509_crl(content).public_bytes(serialization.Encoding.DER)
    except _MALFORMED:
        raise _unfit("the revocation list can't be read") from None


def _signer(
    found: x509.CertificateRevocationList, authorities: Mapping[str, x509.Certificate]
) -> str:
    for fingerprint, ca in authorities.items():
        key = ca.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or found.issuer != ca.subject:
            continue
        if found.is_signature_valid(key):
            return fingerprint
    raise BadSignature("the revocation list is not signed by this consortium's CA", fix=_FIX)


def _unfit(what: str) -> MiheError:
    return BadMessage(what, fix=_FIX)
