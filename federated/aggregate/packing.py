"""Many sums in one ciphertext: sums that stand in constant coefficients move beside each other.

Implements  federated/SPEC.md §2.8; PackLWEs of Chen, Dai, Kim, Song, "Efficient Homomorphic
            Conversion Between (Ring) LWE Ciphertexts", ACNS 2021, its first `merges` levels
Learns      nobody anything: key switching by the receiver's merging keys, which decrypt nothing
Not safe    to let leave as it is: it is neither blinded nor flooded, and of its coefficients only
            those at `places` say what they should

Of two ciphertexts a and b whose wanted coefficients stand at multiples of N/2^(l−1), level l makes
a + X^(N/2^l)·b + σ(a − X^(N/2^l)·b), σ: X → X^(2^l + 1). It leaves those of a where they are and
puts those of b between them, twice as large; what was in between cancels. Who wants the sums
themselves begins with 2^-merges times them.
"""

from collections.abc import Iterator

import numpy as np
import tenseal.sealapi as seal

from federated.aggregate import bfv
from federated.aggregate.parameters import DATA_PRIMES, DEGREE
from federated.aggregate.wire import Residues


def elements(merges: int) -> list[int]:
    """The automorphisms X → X^element that so many levels need a key for."""
    return [(1 << level) + 1 for level in range(1, merges + 1)]


def places(merges: int, number: int) -> list[int]:
    """At which coefficients the first `number` of 2^merges sums stand: their bits, reversed."""
    return [
        sum(DEGREE >> level for level in range(1, merges + 1) if at >> (level - 1) & 1)
        for at in range(number)
    ]


def halved(residues: Residues, times: int) -> Residues:
    """2^-times of residues, modulo each prime."""
    primes = np.array(DATA_PRIMES, dtype=np.uint64)[:, None]
    for _ in range(times):
        # Half of what is even; the primes are odd.
        residues = residues + (residues & np.uint64(1)) * primes >> np.uint64(1)
    return residues


class Merger:
    """Puts 2^merges ciphertexts into one, as they come."""

    def __init__(self, merging_keys: Residues | None, merges: int) -> None:
        self._merges = merges
        if merging_keys is not None:
            self._keys = bfv.galois_keys(elements(merges), merging_keys)

    def packs(self, ciphertexts: Iterator[seal.Ciphertext]) -> Iterator[seal.Ciphertext]:
        """One ciphertext for so many of those that come, and one for what is left at the end."""
        while True:
            pack = self._merged(ciphertexts, self._merges)
            if pack is None:
                return
            yield pack

    def _merged(self, ciphertexts: Iterator[seal.Ciphertext], level: int) -> seal.Ciphertext | None:
        """One made of the next 2^level; None if there are none left."""
        if not level:
            return next(ciphertexts, None)
        left = self._merged(ciphertexts, level - 1)
        if left is None:
            return None
        right = self._merged(ciphertexts, level - 1)
        return self._beside(left, right, level)

    def _beside(
        self, left: seal.Ciphertext, right: seal.Ciphertext | None, level: int
    ) -> seal.Ciphertext:
        evaluator, total, turned = bfv.evaluator(), left, seal.Ciphertext()
        other = left
        if right is not None:
            evaluator.multiply_plain_inplace(right, seal.Plaintext(f"1x^{DEGREE >> level}"))
            total, other = seal.Ciphertext(), seal.Ciphertext()
            evaluator.add(left, right, total)
            evaluator.sub(left, right, other)
        evaluator.apply_galois(other, (1 << level) + 1, self._keys, turned)
        evaluator.add_inplace(total, turned)
        return total
