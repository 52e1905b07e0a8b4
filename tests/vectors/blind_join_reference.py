"""The tokens of a blind join in the open: an owner written from federated/SPEC.md §1 alone.

Scalars, dummies and order are fields, for whoever plays a colluding owner or checks bytes. `Group`
is what multiplies: the plain reference, or the core's single steps where a test needs speed (they
are compared with the reference in tests/unit/native). For tests only.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from native import _core
from tests.vectors import ristretto_reference as ristretto

KEY_DST = b"mihe-blind-join-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
DUMMY_DST = b"mihe-blind-join-dummy-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
LABEL = b"mihe/blind-join/v1/"


class Group(Protocol):
    """ristretto255 on encodings."""

    def hashed(self, message: bytes, dst: bytes) -> bytes:
        """HashToGroup of RFC 9497 §4.1."""
        ...

    def times(self, scalar: int, point: bytes) -> bytes:
        """scalar · point."""
        ...


class Plain:
    """By `ristretto_reference`: independent of the core."""

    def hashed(self, message: bytes, dst: bytes) -> bytes:
        return ristretto.encode(ristretto.hash_to_group(message, dst))

    def times(self, scalar: int, point: bytes) -> bytes:
        decoded = ristretto.decode(point)
        assert decoded is not None
        return ristretto.encode(scalar * decoded)


class Fast:
    """By the core's single steps."""

    def hashed(self, message: bytes, dst: bytes) -> bytes:
        return _core.hazmat_hash_to_group(dst, message)

    def times(self, scalar: int, point: bytes) -> bytes:
        return _core.hazmat_multiply(point, (scalar % ristretto.ORDER).to_bytes(32, "little"))


def inverse(scalar: int) -> int:
    return pow(scalar, -1, ristretto.ORDER)


def points(encoded: bytes) -> list[bytes]:
    return ristretto.batched_32(encoded)


def token(run: bytes, key: bytes, point: bytes, length: int) -> bytes:
    """SPEC §1.4."""
    return sha256(b"mihe/token/v1" + run + key + point).digest()[:length]


@dataclass(frozen=True)
class OpenOwner:
    """One owner: what it holds, and what it does with it."""

    group: Group
    run: bytes
    k: int
    s: int
    inputs: list[bytes]  # the key or dummy at each place of the list
    order: list[int]  # index of the key at each place, −1 for a dummy

    @classmethod
    def of(
        cls, group: Group, run: bytes, size: int, keys: Sequence[bytes], secret: bytes
    ) -> "OpenOwner":
        """Everything from one secret, as SPEC §1.5 derives it."""
        drawn = stream(run, secret, b"dummies", 32 * (size - len(keys)))
        everything = [*keys, *points(drawn)]
        places = permutation(run, secret, size)
        return cls(
            group=group,
            run=run,
            k=scalar(run, secret, b"scalar"),
            s=scalar(run, secret, b"blinding"),
            inputs=[everything[at] for at in places],
            order=[at if at < len(keys) else -1 for at in places],
        )

    def hashed(self, place: int) -> bytes:
        dst = DUMMY_DST if self.order[place] < 0 else KEY_DST
        return self.group.hashed(self.run + self.inputs[place], dst)

    def blinded(self) -> bytes:
        """s·H(x), in the order of the list."""
        places = range(len(self.inputs))
        return b"".join(self.group.times(self.s, self.hashed(place)) for place in places)

    def serve(self, encoded: bytes) -> bytes:
        """k times what another owner sent."""
        return b"".join(self.group.times(self.k, point) for point in points(encoded))

    def finished(self, returned: bytes) -> list[bytes]:
        """K·H(x), in the order of the list."""
        factor = self.k * inverse(self.s)
        return [self.group.times(factor, point) for point in points(returned)]

    def tokens(self, returned: bytes, length: int) -> bytes:
        pairs = zip(self.inputs, self.finished(returned), strict=True)
        return b"".join(token(self.run, key, point, length) for key, point in pairs)


def derived(run: bytes, secret: bytes, label: bytes, number: int, length: int) -> bytes:
    """HKDF-SHA-512 (RFC 5869), written out; at most 64 bytes."""
    key = hmac.digest(run, secret, sha512)
    return hmac.digest(key, LABEL + label + bytes([number]) + b"\1", sha512)[:length]


def scalar(run: bytes, secret: bytes, label: bytes) -> int:
    return int.from_bytes(derived(run, secret, label, 0, 64), "little") % ristretto.ORDER


def stream(run: bytes, secret: bytes, label: bytes, length: int) -> bytes:
    """ChaCha20 from block 0, nonce 0."""
    cipher = algorithms.ChaCha20(derived(run, secret, label, 0, 32), bytes(16))
    return Cipher(cipher, None).encryptor().update(bytes(length))


def permutation(run: bytes, secret: bytes, size: int) -> list[int]:
    """Fisher–Yates from the end, each draw as in arXiv:1805.10941, 32 bits little-endian."""
    words = memoryview(stream(run, secret, b"order", 64 * size)).cast("I").tolist()[::-1]
    order = list(range(size))
    for last in range(size - 1, 0, -1):
        bound = last + 1
        product = words.pop() * bound
        while product % 2**32 < 2**32 % bound:
            product = words.pop() * bound
        at = product >> 32
        order[last], order[at] = order[at], order[last]
    return order
