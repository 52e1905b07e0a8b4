"""The ring in which encrypted sums are made, and the proof that a query's sums fit into it.

Implements  federated/SPEC.md §2.1 (the ring) and §2.3 (noise, flooding, overflow)
Learns      nobody anything: every number here follows from the contract
Not safe    for ciphertexts of an owner that deviates: the bound is on honest noise (SPEC §2.5)

The bounds hold in every case, not with high probability, so nothing is assumed about how noise is
distributed. They are integers throughout; a logarithm is rounded to the safe side.
"""

import hashlib
import struct
from dataclasses import dataclass
from math import prod
from typing import Final

from contract.errors import BadRequest, TooManyResults, UnprovenSum

DEGREE: Final = 8192
"""N: coefficients of one polynomial, hence values in one ciphertext."""

PLAIN_BITS: Final = 59
PLAIN: Final = 1 << PLAIN_BITS
"""t: sums are exact in [-t/2, t/2)."""

DATA_PRIMES: Final = (8796092858369, 8796092792833, 17592186028033, 17592185438209)
KEY_PRIME: Final = 17592184717313
"""SEAL's default modulus for N = 8192 at 128-bit security; keys have one prime more than data."""

KEY_PRIMES: Final = (*DATA_PRIMES, KEY_PRIME)
MODULUS: Final = prod(DATA_PRIMES)
"""q, of which ciphertexts are made."""

PARAMETERS_ID: Final = hashlib.sha256(
    b"mihe/bfv/v1\0" + struct.pack("<7Q", DEGREE, PLAIN, *KEY_PRIMES)
).digest()

FRESH_NOISE: Final = DEGREE // 2 + 2
"""No coefficient of a fresh ciphertext's noise is larger (SPEC §2.3)."""

SWITCHING_NOISE: Final = (
    21 * len(DATA_PRIMES) * DEGREE * max(DATA_PRIMES) // KEY_PRIME + 1 + DEGREE // 2 + 1
)
"""No coefficient of the noise of switching a key is larger (SPEC §2.8)."""

MERGES: Final = 5
"""Levels by which the sums of a query with groups are put together, 2^5 in one ciphertext."""

DISTANCE_BITS: Final = 41
"""All results of a run together are within 2^-41 of carrying no noise of their owners."""

ROOM_BITS: Final = (MODULUS // (2 * PLAIN)).bit_length() - 1
"""Decryption is right while noise and flood stay below 2^ROOM_BITS ≤ q/2t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One owner's column inside a sum."""

    rows: int
    """Rows that can meet in the join."""
    largest: int
    """Largest absolute value, as the scaled integer that travels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What was proved, in the numbers that the planner prints."""

    rows: int
    """Most rows in one sum, all its terms together."""
    ciphertexts: int
    """Results of the run, whether one ciphertext carries one of them or many."""
    noise_bits: int
    """b: honest noise stays below 2^b."""
    flood_bits: int
    """B: each result is flooded by a uniform integer of so many bits."""
    room_bits: int
    """B + 1 stays below it."""
    largest_sums: tuple[int, ...]
    """The largest absolute value that each sum can have; below 2^58."""

    @property
    def spare_bits(self) -> int:
        """What decryption has left above noise and flood together."""
        return self.room_bits - self.flood_bits - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BfvParameters:
    """The encrypted sums of one query: per summed expression its terms, and the number of cells."""

    sums: tuple[tuple[Term, ...], ...]
    cells: int
    merges: int = 0
    """2^merges results are put into one ciphertext."""

    def __post_init__(self) -> None:
        terms = [term for terms in self.sums for term in terms]
        if self.cells < 1 or not all(self.sums) or any(t.rows < 0 or t.largest < 0 for t in terms):
            raise BadRequest(
                "these are no sums: a cell, a term of every sum, and counts from 0 up are needed",
                fix="Plan the query again.",
                rule="federated/SPEC.md §2.3",
            )

    def prove(self) -> Bounds:
        """Raises UnprovenSum or TooManyResults, with the numbers."""
        largest = tuple(_largest_sum(terms) for terms in self.sums)
        rows = max((sum(term.rows for term in terms) for terms in self.sums), default=0)
        ciphertexts = self.cells * len(self.sums)
        noise_bits = _noise(rows, self.merges).bit_length()
        hidden = (DEGREE * max(ciphertexts, 1) - 1).bit_length()
        flood_bits = noise_bits + DISTANCE_BITS + hidden
        if flood_bits + 1 >= ROOM_BITS:
            raise TooManyResults(
                f"{ciphertexts} encrypted results over {rows} rows need {flood_bits} bits of noise"
                f" to hide whose rows they are, and there is room for {ROOM_BITS - 2}",
                fix="Ask for fewer groups or fewer sums, or filter the rows.",
                rule="federated/SPEC.md §2.3",
            )
        return Bounds(
            rows=rows,
            ciphertexts=ciphertexts,
            noise_bits=noise_bits,
            flood_bits=flood_bits,
            room_bits=ROOM_BITS,
            largest_sums=largest,
        )


def _largest_sum(terms: tuple[Term, ...]) -> int:
    largest = sum(term.rows * term.largest for term in terms)
    if largest >= PLAIN // 2:
        numbers = " + ".join(f"{term.rows} rows × {term.largest}" for term in terms)
        raise UnprovenSum(
            f"a sum could reach {numbers} = {largest}; the largest exact sum is {PLAIN // 2 - 1}",
            fix="Declare a tighter bound or fewer decimals for the column, or filter the rows.",
            rule="federated/SPEC.md §2.3",
        )
    return largest


def _noise(rows: int, merges: int) -> int:
    """Of `rows` coefficients added up, a fresh encryption of zero, the blinding's rounding, and
    the keys switched on the way into one ciphertext."""
    return (rows + 1) * FRESH_NOISE + 1 + ((1 << merges) - 1) * SWITCHING_NOISE


def signed(residue: int) -> int:
    """The integer in [-t/2, t/2) that is congruent to `residue` mod t."""
    return (residue + PLAIN // 2) % PLAIN - PLAIN // 2
