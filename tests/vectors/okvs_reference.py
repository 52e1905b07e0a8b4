"""A store by psi/rr22/SPEC.md §5 and values by psi/star/SPEC.md §3, written from these pages.

In plain integers, slow and not constant-time: for tests. Of one cluster only, which is enough for
2^15 keys. It shares no code with native/crates/okvs; AES is that of `cryptography`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256, sha512

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

_MASK = 2**64 - 1
_DIGITS = bytes.maketrans(b"01", bytes([0, 1]))
_PARITY = bytes(ord("01"[byte % 2]) for byte in range(256))


@lru_cache(maxsize=64)
def _cipher(key: int) -> CipherContext:
    return Cipher(algorithms.AES(key.to_bytes(16, "little")), modes.ECB()).encryptor()  # noqa: S305


def aes(key: int, block: int) -> int:
    """AES-128 of one block, little-endian."""
    return int.from_bytes(_cipher(key).update(block.to_bytes(16, "little")), "little")


def _spread(a: int) -> int:
    """A byte for each bit."""
    return int.from_bytes(format(a, "b").encode().translate(_DIGITS))


def multiply(a: int, b: int) -> int:
    """In GF(2^128) = GF(2)[x] / (x^128 + x^7 + x^2 + x + 1); bit i is the coefficient of x^i."""
    # At most 128 products fall on one place, so that no byte overflows into the next.
    places = _spread(a) * _spread(b)
    product = int(places.to_bytes(256).translate(_PARITY), 2)
    while high := product >> 128:
        product = product & (2**128 - 1) ^ high ^ high << 1 ^ high << 2 ^ high << 7
    return product


def item(run: bytes, key: bytes) -> int:
    """x̂ of psi/star."""
    prefix = sha512(b"mihe/psi-star/item/v1" + run).digest()
    return int.from_bytes(sha256(prefix + key).digest()[:16], "little")


def value(keys: Sequence[bytes], item: int) -> int:
    """The sum over all keys of F_k(x̂)."""
    total = 0
    for key in keys:
        total ^= aes(int.from_bytes(key, "little"), item) ^ item
    return total


@dataclass(frozen=True)
class Row:
    """What a key stands for."""

    columns: tuple[int, int, int]
    dense: int


@dataclass(frozen=True)
class Shape:
    """Columns of a store of one cluster."""

    sparse: int
    dense: int

    @classmethod
    def of(cls, keys: int, bits: int) -> "Shape":
        """For at most `keys` keys, failing with 2^-bits."""
        expansion = 1.223 + (bits + 9.2) / 2 ** (0.555 * math.log2(keys) + 2.336)
        sparse = math.floor(expansion * keys)
        return cls(sparse, max(math.floor(bits / math.log2(sparse)), 1))

    def row(self, seed: int, item: int) -> Row:
        """The places of an item."""
        of_columns, of_dense = (aes(seed, counter) for counter in (0, 1))
        word = (aes(of_columns, item) ^ item) >> 64
        digits = []
        for base in (self.sparse, self.sparse - 1, self.sparse - 2):
            digits.append(word * base >> 64)
            word = word * base & _MASK
        first, second, third = digits
        second += second >= first
        for lower in sorted((first, second)):
            third += third >= lower
        return Row((first, second, third), aes(of_dense, item) ^ item)

    def decode(self, store: Sequence[int], row: Row) -> int:
        """The value of an item."""
        total, power = 0, 1
        for column in row.columns:
            total ^= store[column]
        for column in store[self.sparse :]:
            power = multiply(power, row.dense)
            total ^= multiply(power, column)
        return total

    def encode(self, rows: Mapping[Row, int], fill: Sequence[int]) -> list[int]:
        """The store in which each row has its value, over `fill`; LookupError if keys are left.

        Keys that can't be peeled are not solved for: try another seed.
        """
        store, left, order = list(fill), set(rows), []
        while left:
            counts: dict[int, list[Row]] = {}
            for row in left:
                for column in row.columns:
                    counts.setdefault(column, []).append(row)
            alone = {column: held[0] for column, held in counts.items() if len(held) == 1}
            if not alone:
                raise LookupError
            for column, row in alone.items():
                if row in left:
                    left.remove(row)
                    order.append((row, column))
        for row, column in reversed(order):
            store[column] = 0
            store[column] = rows[row] ^ self.decode(store, row)
        return store
