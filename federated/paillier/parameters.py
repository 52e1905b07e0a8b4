"""Paillier's cryptosystem as it is used here: how large keys are, and how words lie in a plaintext.

Implements  federated/SPEC.md §5.8; ISO/IEC 18033-6:2019, Paillier
Proof       100 members' words mod 2^128 add up to less than 2^135; a cover (below) is less than
            2^199, so that both are below 2^200, a slot. Fifteen slots are 3000 bits, and the
            modulus is above 2^3071: nothing wraps in a slot, and nothing in a plaintext.
"""

from typing import Final

from contract.job import MOST_CONTRIBUTORS
from federated.words import WORD_BYTES

MODULUS_BITS: Final = 3072
"""Factoring takes 2^128 steps (NIST SP 800-57, part 1, table 2)."""

KEY_BYTES: Final = MODULUS_BITS // 8
CIPHERTEXT_BYTES: Final = 2 * KEY_BYTES

SLOT_BYTES: Final = 25
"""Of one word in a plaintext, with room for what it is added to."""

SLOTS: Final = (MODULUS_BITS - 1) // (8 * SLOT_BYTES)
"""Words in a plaintext."""

COVER_BITS: Final = 71
"""Of the random number above a random word: together they cover a total of words."""

MOST_CIPHERTEXTS: Final = 1024
"""Of one member: without GMP each takes 0.4 seconds, and a round ends after 900."""

_WORD_BITS: Final = 8 * WORD_BYTES
_most_total = MOST_CONTRIBUTORS * ((1 << _WORD_BITS) - 1)
_most_cover = (1 << (_WORD_BITS + COVER_BITS)) - 1
assert _most_total + _most_cover < 1 << (8 * SLOT_BYTES)
assert SLOTS * 8 * SLOT_BYTES < MODULUS_BITS


def ciphertexts_of(words: int) -> int:
    """How many ciphertexts so many words are in."""
    return -(-words // SLOTS)
