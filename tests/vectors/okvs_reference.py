"""A store by psi/rr22/SPEC.md §5 and values by psi/star/SPEC.md §3, written from these pages.

In plain integers, slow and not constant-time: for tests. Of one cluster only, which is enough for
2^15 keys. It shares no code with native/crates/okvs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256, sha512

from tests.vectors.gf128_reference import FixedKeyAes, multiply, to_blocks
from tests.vectors.rr22_parameters import Store

_MASK = 2**64 - 1

_keyed = lru_cache(maxsize=64)(FixedKeyAes)


def item(run: bytes, key: bytes) -> int:
    """x̂ of psi/star."""
    prefix = sha512(b"mihe/psi-star/item/v1" + run).digest()
    return int.from_bytes(sha256(prefix + key).digest()[:16], "little")


def value(keys: Sequence[bytes], item: int) -> int:
    """The sum over all keys of F_k(x̂)."""
    total = 0
    for key in keys:
        total ^= _hash(int.from_bytes(key, "little"), item)
    return total


def _hash(key: int, block: int) -> int:
    (found,) = _keyed(key).hashes([block])
    return found


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
        store = Store(keys, bits)
        assert store.clusters == 1
        return cls(store.sparse, store.dense)

    def row(self, seed: int, item: int) -> Row:
        """The places of an item."""
        of_columns, of_dense = to_blocks(_keyed(seed).stream(2))
        word = _hash(of_columns, item) >> 64
        digits = []
        for base in (self.sparse, self.sparse - 1, self.sparse - 2):
            digits.append(word * base >> 64)
            word = word * base & _MASK
        first, second, third = digits
        second += second >= first
        for lower in sorted((first, second)):
            third += third >= lower
        return Row((first, second, third), _hash(of_dense, item))

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
