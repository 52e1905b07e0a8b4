"""A daemon's own credentials, checked before it dials or listens: certificate, key and CA fit.

Text in, checked objects out; reading the files is the daemon's.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import BadSetting
from contract.identity import Authority, Role, pem_to_der, require_role
from contract.signing import Signer


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a daemon needs to prove who it is and to check who others are."""

    signer: Signer
    authority: Authority
    certificate_pem: bytes
    key_pem: bytes
    authority_pem: bytes

    @property
    def org(self) -> str:
        """This organisation's id."""
        return self.signer.identity.org


def is_private(mode: int, owner: int, reader: int) -> bool:
    """Whether a key file with this mode and owner is for the user `reader` alone.

    One of root's may also be read by a group, which is then the daemon's: so do service managers
    and Kubernetes hand out secrets.
    """
    others_may = 0o027 if owner == 0 and reader != 0 else 0o077
    return not mode & others_may


def credentials_from(
    certificate_pem: bytes, key_pem: bytes, authority_pem: bytes, *, org: str, role: Role
) -> Credentials:
    """Checked credentials; ForeignCertificate, WrongRole or BadSetting say what does not fit."""
    authority = Authority.from_pem(authority_pem)
    identity = require_role(authority.admit(pem_to_der(certificate_pem)), role)
    if identity.org != org:
        raise BadSetting(
            f"the certificate is for '{identity.org}', the configuration says '{org}'",
            party=org,
            fix="use this organisation's own certificate, or correct `org`",
        )
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError):
        raise BadSetting(
            "the private key file can't be read", fix="use the key that `mihe init` wrote"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != identity.public_key:
        raise BadSetting(
            "the private key does not belong to the certificate",
            party=org,
            fix="use the key whose CSR was signed, or sign the CSR of this key",
        )
    return Credentials(Signer(identity, key), authority, certificate_pem, key_pem, authority_pem)
