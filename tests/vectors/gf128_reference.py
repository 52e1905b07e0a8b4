"""GF(2^128) and AES-128 under fixed keys, in plain Python and by another library's AES.

Implements  psi/rr22/SPEC.md §9, "Blocks". A block is an integer: bit i is the coefficient of x^i
Not for     secrets: multiplication takes a time that depends on its factors
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from struct import unpack

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16
DEGREE = 128
_DIGITS = bytes.maketrans(b"01", bytes([0, 1]))
_PARITY = bytes(ord("01"[byte % 2]) for byte in range(256))


def to_bytes(blocks: Iterable[int]) -> bytes:
    return b"".join(block.to_bytes(BLOCK, "little") for block in blocks)


def to_blocks(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + BLOCK], "little") for at in range(0, len(data), BLOCK)]


def digest_block(data: bytes) -> int:
    """The first 16 bytes of a SHA-256."""
    return int.from_bytes(sha256(data).digest()[:BLOCK], "little")


def _spread(block: int) -> int:
    """A byte for each bit."""
    return int.from_bytes(format(block, "b").encode().translate(_DIGITS))


def multiply(one: int, other: int) -> int:
    """As polynomials over integers, of which the parity is taken, and reduced."""
    # At most 128 products fall on one place, so that no byte overflows into the next.
    places = _spread(one) * _spread(other)
    product = int(places.to_bytes(2 * DEGREE).translate(_PARITY), 2)
    while high := product >> DEGREE:
        # By x^128 + x^7 + x^2 + x + 1.
        product ^= high << DEGREE ^ high << 7 ^ high << 2 ^ high << 1 ^ high
    return product


class Multiples:
    """The multiples of one element, by tables of what each byte of the other factor gives."""

    def __init__(self, factor: int) -> None:
        self._tables: list[list[int]] = []
        for _ in range(BLOCK):
            table = [0] * 256
            for bit in range(8):
                for low in range(1 << bit):
                    table[1 << bit | low] = table[low] ^ factor
                factor = multiply(factor, 2)
            self._tables.append(table)

    def __call__(self, other: int) -> int:
        product = 0
        for byte, table in zip(other.to_bytes(BLOCK, "little"), self._tables, strict=True):
            product ^= table[byte]
        return product


class FixedKeyAes:
    """AES-128 under one key."""

    def __init__(self, key: int) -> None:
        mode = modes.ECB()  # noqa: S305  # blocks one by one are what is wanted here
        cipher = Cipher(algorithms.AES128(key.to_bytes(BLOCK, "little")), mode)
        self._encryptor = cipher.encryptor()

    def hashes(self, blocks: Sequence[int]) -> list[int]:
        """AES(x) ⊕ x of each."""
        encrypted = to_blocks(self._encryptor.update(to_bytes(blocks)))
        return [one ^ other for one, other in zip(encrypted, blocks, strict=True)]

    def stream(self, count: int) -> bytes:
        """AES(0), AES(1), …: so many blocks."""
        return self._encryptor.update(to_bytes(range(count)))


def words(stream: bytes) -> list[int]:
    """A stream as numbers of 32 bits."""
    return list(unpack(f"<{len(stream) // 4}I", stream))
