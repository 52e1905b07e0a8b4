"""Keys and ciphertexts as bytes: fixed sizes, one encoding each, everything checked.

Implements  federated/SPEC.md §5.8: big-endian, 384 bytes of a modulus N, 768 of a ciphertext
Checks      of N: its length in bits, no factor below 2^16; of a ciphertext: 1 < c < N² − 1, prime
            to N. That N is a product of two primes is its owner's own interest, and not checked.
"""

from collections.abc import Sequence
from functools import cache
from math import gcd, isqrt, prod

from contract.errors import BadMessage, MiheError
from federated.paillier.parameters import CIPHERTEXT_BYTES, KEY_BYTES, MODULUS_BITS

_SMALL_FACTORS = 1 << 16


def write_key(modulus: int) -> bytes:
    """A public key as it travels."""
    return modulus.to_bytes(KEY_BYTES, "big")


def read_key(raw: bytes, party: str) -> int:
    """The modulus N, or BadMessage."""
    modulus = int.from_bytes(raw, "big")
    if len(raw) != KEY_BYTES or modulus.bit_length() != MODULUS_BITS:
        raise _malformed("a Paillier key has not the length that the contract says", party)
    if gcd(modulus, _small_primes()) != 1:
        raise _malformed("a Paillier key has a small factor", party)
    if isqrt(modulus) ** 2 == modulus:
        raise _malformed("a Paillier key is a square", party)
    return modulus


def write_ciphertexts(ciphertexts: Sequence[int]) -> bytes:
    """Ciphertexts as they travel, one after the other."""
    return b"".join(one.to_bytes(CIPHERTEXT_BYTES, "big") for one in ciphertexts)


def read_ciphertexts(raw: bytes, count: int, modulus: int, party: str) -> list[int]:
    """So many ciphertexts under a key, or BadMessage."""
    if len(raw) != count * CIPHERTEXT_BYTES:
        raise _malformed(f"{len(raw)} bytes came where {count} ciphertexts were to come", party)
    starts = range(0, len(raw), CIPHERTEXT_BYTES)
    found = [int.from_bytes(raw[start : start + CIPHERTEXT_BYTES], "big") for start in starts]
    largest = modulus * modulus - 1
    if not all(1 < one < largest for one in found):
        raise _malformed(
            "a ciphertext is not below the square of the key, or is none at all", party
        )
    product = 1
    for one in found:
        product = product * one % modulus
    if gcd(product, modulus) != 1:
        raise _malformed("a ciphertext is not prime to the key", party)
    return found


@cache
def _small_primes() -> int:
    """The product of all primes below 2^16."""
    sieve = bytearray([1]) * _SMALL_FACTORS
    sieve[:2] = b"\0\0"
    for number in range(2, isqrt(_SMALL_FACTORS) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(sieve[number * number :: number]))
    return prod(number for number in range(_SMALL_FACTORS) if sieve[number])


def _malformed(what: str, party: str) -> MiheError:
    return BadMessage(
        what,
        party=party,
        phase="union",
        fix="That node is not following the protocol: compare versions.",
        rule="federated/SPEC.md §5.8",
    )
