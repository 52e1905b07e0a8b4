"""Words in plaintexts, fifteen in each: what is added up in a slot stays in it.

Implements  federated/SPEC.md §5.8: slot i of a plaintext is its bits 200·i to 200·i + 199
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from contract.errors import BadMessage
from federated.paillier.parameters import SLOT_BYTES, SLOTS, ciphertexts_of
from federated.words import WORD_BYTES, Words, of_bytes, to_bytes

_PLAINTEXT_BYTES: Final = SLOTS * SLOT_BYTES


def packed(words: Words, above: Sequence[bytes] | None = None) -> list[int]:
    """The plaintexts of words; `above`: nine bytes for each, that stand above it in its slot."""
    slots = np.zeros((ciphertexts_of(len(words)) * SLOTS, SLOT_BYTES), dtype=np.uint8)
    low = np.frombuffer(to_bytes(words), np.uint8).reshape(-1, WORD_BYTES)
    slots[: len(words), :WORD_BYTES] = low
    if above is not None:
        high = np.frombuffer(b"".join(above), np.uint8).reshape(-1, SLOT_BYTES - WORD_BYTES)
        slots[: len(words), WORD_BYTES:] = high
    raw = slots.tobytes()
    return [
        int.from_bytes(raw[start : start + _PLAINTEXT_BYTES], "little")
        for start in range(0, len(raw), _PLAINTEXT_BYTES)
    ]


def unpacked(plaintexts: Sequence[int], count: int) -> Words:
    """The first `count` words, each mod 2^128. Raises BadMessage for what has not been packed."""
    if any(one >> (8 * _PLAINTEXT_BYTES) for one in plaintexts):
        raise BadMessage(
            "what was decrypted is not a total of packed words: a ciphertext is wrong",
            phase="open",
            fix="Run the job again; if it recurs, compare the versions of all parties.",
            rule="federated/SPEC.md §5.8",
        )
    raw = b"".join(one.to_bytes(_PLAINTEXT_BYTES, "little") for one in plaintexts)
    slots = np.frombuffer(raw, np.uint8).reshape(-1, SLOT_BYTES)
    return of_bytes(slots[:count, :WORD_BYTES].tobytes())
