"""Adding under encryption, which takes the public key alone: the coordinator's arithmetic.

Implements  federated/SPEC.md §5.8: E(a)·E(b) is an encryption of a + b, E(a)·(1 + bN) too
Learns      nobody anything. No random number is multiplied in: a product of all members' has that
            of every honest one in it, and is independent of what each encrypted.
"""

from collections.abc import Iterable, Sequence


def added(many: Iterable[Sequence[int]], count: int, modulus: int) -> list[int]:
    """Of `count` ciphertexts of each, the encryptions of their sums, place by place."""
    square = modulus * modulus
    totals = [1] * count
    for ciphertexts in many:
        totals = [total * one % square for total, one in zip(totals, ciphertexts, strict=True)]
    return totals


def shifted(ciphertexts: Sequence[int], plaintexts: Sequence[int], modulus: int) -> list[int]:
    """Ciphertexts with a known number added to each."""
    square = modulus * modulus
    return [
        one * (1 + plain * modulus) % square
        for one, plain in zip(ciphertexts, plaintexts, strict=True)
    ]
