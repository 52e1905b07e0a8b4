"""The tokens of a keyed join in the open, written from federated/SPEC.md §1.13 alone.

For tests only: whoever has this key and the coordinator's tokens has every identifier.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True)
class TokenKey:
    """The key of one run's tokens."""

    key: bytes

    @classmethod
    def of(cls, run_id: bytes, contributions: Sequence[bytes]) -> "TokenKey":
        """Of every owner's contribution, in the contract's order."""
        info = b"mihe/keyed-join/v1/key"
        derived = HKDF(algorithm=SHA256(), length=32, salt=run_id, info=info)
        return cls(derived.derive(b"".join(contributions)))

    def token(self, key: bytes, length: int) -> bytes:
        """Of a canonical key."""
        return hmac.digest(self.key, key, "sha256")[:length]
