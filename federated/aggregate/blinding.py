"""What keeps a result shut until every owner has released it: b = PRF_β(cell, column).

Implements  federated/SPEC.md §2.6, and §6.3 for sums of shares
Learns      who is told b of a cell: that cell's value, once it has every other owner's b too; who
            is told β (the coordinator): nothing, for it has no key to decrypt with
Not safe    for two attempts with one β: their difference would open

The PRF is HMAC-SHA-256, cut to 59 bits for sums (uniform mod t = 2^59, without bias), to 64 for
counts, and to 128 for sums of shares. Pure functions of β; who makes and keeps it is `secret.py`.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from typing import Final

from contract.errors import BadMessage
from federated import words
from federated.aggregate.parameters import PLAIN, signed

COUNT_MODULUS: Final = 1 << 64

_COUNT: Final = 0
_SUM: Final = 1
_SHARES: Final = 2
_WORD_BYTES: Final = 8


def blind_of(beta: bytes, cell: Sequence[int], column: int) -> int:
    """One owner's b mod t for the sum number `column` of a cell, named by its group codes."""
    return _word(beta, _SUM, cell, column) % PLAIN


def count_blind(beta: bytes, cell: Sequence[int]) -> int:
    """One owner's b mod 2^64 for the count of a cell."""
    return _word(beta, _COUNT, cell, 0)


def share_blind(beta: bytes, cell: Sequence[int], column: int) -> int:
    """One owner's b mod 2^128 for the sum of shares number `column` of a cell."""
    return _word(beta, _SHARES, cell, column, words.WORD_BYTES)


def blinded_count(count: int, blinds: Iterable[int]) -> int:
    """As it travels to the receiver."""
    return (count + sum(blinds)) % COUNT_MODULUS


def opened_count(blinded: int, blinds: Iterable[int], *, most: int, noise: int = 0) -> int:
    """Raises BadMessage if the count is above `most`, the rows that can meet.

    `noise` is the most that may have been added or taken away: with it, a count may be below 0.
    """
    count = (blinded - sum(blinds)) % COUNT_MODULUS
    if noise and count >= COUNT_MODULUS // 2:
        count -= COUNT_MODULUS
    return _inside(count, most + noise)


def opened_sum(decrypted: int, blinds: Iterable[int], *, largest: int) -> int:
    """Raises BadMessage if the sum is beyond what the contract's bounds allow.

    This is where a ciphertext under another key, relabelled, shows: it decrypts to a uniform
    number, which lies inside the bounds with probability 2·largest/t.
    """
    return _inside(signed(decrypted - sum(blinds)), largest)


def opened_shares(blinded: int, blinds: Iterable[int], *, largest: int) -> int:
    """The same for a sum of shares, mod 2^128."""
    return _inside(words.signed(blinded - sum(blinds)), largest)


def _word(beta: bytes, kind: int, cell: Sequence[int], column: int, size: int = _WORD_BYTES) -> int:
    place = struct.pack(f"<BII{len(cell)}I", kind, column, len(cell), *cell)
    digest = hmac.digest(beta, b"mihe/blind/v1\0" + place, hashlib.sha256)
    return int.from_bytes(digest[:size], "big")


def _inside(value: int, largest: int) -> int:
    if abs(value) > largest:
        raise BadMessage(
            "an opened result lies outside what the contract's bounds allow",
            fix="An owner's blinding, a ciphertext or the adding was wrong; compare the receipts.",
            rule="federated/SPEC.md §2.5",
        )
    return value
