"""A daemon's own credentials, checked before it dials or listens: certificate, key and CA fit.

Text in, checked objects out; reading the files is the daemon's. A daemon holds one `Credentials`
for as long as it runs: a renewed pair takes its place within, so that everybody who holds it goes
on with the new one. Earlier pairs are kept, in memory alone, for the jobs that were approved under
them (docs/decisions/0012).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import BadSetting, PeerError
from contract.identity import Authority, Role, pem_to_der, require_role
from contract.signing import Signer


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A certificate and the key that belongs to it."""

    signer: Signer
    certificate_pem: bytes
    key_pem: bytes

    @property
    def fingerprint(self) -> str:
        """The certificate's fingerprint."""
        return self.signer.identity.fingerprint


class Credentials:
    """What a daemon needs to prove who it is and to check who others are."""

    __slots__ = ("_earlier", "authority", "authority_pem", "pair")

    def __init__(self, pair: Pair, authority: Authority, authority_pem: bytes) -> None:
        self.pair = pair
        self.authority = authority
        self.authority_pem = authority_pem
        self._earlier: dict[str, Pair] = {}

    @property
    def org(self) -> str:
        """This organisation's id."""
        return self.signer.identity.org

    @property
    def signer(self) -> Signer:
        """The key in use now."""
        return self.pair.signer

    def pair_for(self, fingerprint: str) -> Pair | None:
        """The pair under a certificate that is in use, or was in this process; None if neither."""
        return self.pair if fingerprint == self.pair.fingerprint else self._earlier.get(fingerprint)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate in use now."""
        return self.pair.certificate_pem

    @property
    def key_pem(self) -> bytes:
        """Its key."""
        return self.pair.key_pem

    @property
    def earlier(self) -> tuple[str, ...]:
        """Fingerprints of the certificates before the present one whose keys are still held."""
        return tuple(self._earlier)

    def renew(self, newer: "Credentials") -> None:
        """Go on with `newer`."""
        if newer.pair.fingerprint != self.pair.fingerprint:
            self._earlier[self.pair.fingerprint] = self.pair
            self._earlier.pop(newer.pair.fingerprint, None)
        self.authority.succeed(newer.authority)
        self.pair, self.authority_pem = newer.pair, newer.authority_pem

    def forget_all_but(self, needed: Iterable[str]) -> None:
        """Let go of earlier keys, except under these fingerprints."""
        keep = set(needed)
        self._earlier = {one: pair for one, pair in self._earlier.items() if one in keep}


def renewed(
    current: Credentials, certificate_pem: bytes, key_pem: bytes, authority_pem: bytes
) -> Credentials | None:
    """What the files hold now, if it is something else than is in use, and fit to be used instead.

    Raises what does not fit; a pair of which one half has been replaced is that, too.
    """
    pair = current.pair
    if (certificate_pem, key_pem, authority_pem) == (
        pair.certificate_pem, pair.key_pem, current.authority_pem,
    ):  # fmt: skip
        return None
    own = pair.signer.identity
    newer = credentials_from(certificate_pem, key_pem, authority_pem, org=own.org, role=own.role)
    identity = newer.signer.identity
    if objection := current.authority.objection(identity):
        raise objection
    if identity.uscc != own.uscc:
        raise BadSetting(
            "the new certificate is for another legal entity than the one in use",
            party=own.org,
            fix="have the request of `mihe init renew` signed; another entity is another member",
        )
    return newer


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
    try:
        identity = require_role(authority.admit(pem_to_der(certificate_pem)), role)
    except PeerError as error:
        # Whoever's certificate it is: that it lies here is this organisation's to put right.
        error.party = org
        raise
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
    return Credentials(
        Pair(Signer(identity, key), certificate_pem, key_pem), authority, authority_pem
    )
