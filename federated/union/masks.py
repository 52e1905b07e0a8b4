"""Masks: a key for each purpose, and a stream of words under it, none of them used twice.

Implements  federated/SPEC.md §5.2: a key that HKDF-SHA-256 (RFC 5869) made for one run, attempt and
            purpose makes one stream, as long as the words that it masks
Learns      who has a key: its whole stream. Who makes and keeps keys is `secret.py`.
"""

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.stream import stream
from federated.union.parameters import Attempt
from federated.words import Words, added_up, zeros


def key_for(secret: bytes, attempt: Attempt, purpose: bytes) -> bytes:
    """The key for one purpose in one attempt of one run."""
    info = b"mihe/union/v1/" + purpose + b"\0" + attempt.number.to_bytes(4, "big")
    return HKDF(algorithm=SHA256(), length=32, salt=attempt.run_id, info=info).derive(secret)


def counts_of(seed: bytes, attempt: Attempt) -> Words:
    """The self-mask of a member's counts: one word a cell."""
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
