"""Streams of masks: a key and a purpose in, words out, none of them used twice.

Implements  federated/SPEC.md §5.2: ChaCha20 (RFC 8439) under a key that HKDF-SHA-256 (RFC 5869)
            made for one run, attempt and purpose; the stream begins at its beginning and is as
            long as the words that it masks
Learns      who has a key: its whole stream. Who makes and keeps keys is `secret.py`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.union.parameters import Attempt
from federated.words import WORD_BYTES, Words, added_up, of_bytes, zeros

KEY_BYTES: Final = 32
_NONCE: Final = bytes(16)


def key_for(secret: bytes, attempt: Attempt, purpose: bytes) -> bytes:
    """The key for one purpose in one attempt of one run."""
    info = b"mihe/union/v1/" + purpose + b"\0" + attempt.number.to_bytes(4, "big")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=attempt.run_id, info=info).derive(secret)


def stream(key: bytes, words: int) -> Words:
    """The first words of a key's stream: uniform mod 2^128."""
    # One key makes one stream, so that the nonce need not tell two apart.
    encryptor = Cipher(ChaCha20(key, _NONCE), mode=None).encryptor()
    return of_bytes(encryptor.update(bytes(WORD_BYTES * words)))


def counts_of(seed: bytes, attempt: Attempt) -> Words:
    """The self-mask of a member's counts of subjects: one word a cell."""
    return stream(key_for(seed, attempt, b"counts"), attempt.cells)


def sums_of(seed: bytes, attempt: Attempt) -> Words:
    """The self-mask of a member's sums: column after column, one word a cell."""
    return stream(key_for(seed, attempt, b"sums"), attempt.cells * attempt.columns)


def rows_of(words: Words, attempt: Attempt, passing: Sequence[int], *, remainder: bool) -> Words:
    """What of the sums' words makes the rows of a result: each passing cell, then all the others.

    Row after row, column after column in it.
    """
    if not attempt.columns:
        return zeros(0)
    columns = words.reshape(attempt.columns, attempt.cells, 2)
    shown = columns[:, list(passing)].transpose(1, 0, 2)
    if not remainder:
        return np.ascontiguousarray(shown.reshape(-1, 2))
    others = np.ones(attempt.cells, dtype=np.bool_)
    others[list(passing)] = False
    rest = [added_up(column[others]) for column in columns]
    return np.concatenate([shown.reshape(-1, 2), *rest])
