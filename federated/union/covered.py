"""Totals under the receiver's key, of which it is to open some: the coordinator covers the others.

Implements  federated/SPEC.md §5.8
Learns      the coordinator: nothing, it has no key. The receiver: of words that are not opened
            numbers that are uniform but for 2^-64 each, whose totals are those of the remainder, if
            that is opened
Not safe    if the coordinator does not do it: then it is in league with the receiver, and what
            covers every member's part is the masks of §5.2 alone
"""

import secrets
from collections.abc import Iterable

import numpy as np

from federated.paillier.add import added, shifted
from federated.paillier.packing import packed
from federated.paillier.parameters import COVER_BITS, SLOT_BYTES
from federated.paillier.wire import write_ciphertexts
from federated.union.parameters import Attempt
from federated.union.tally import Tally
from federated.words import WORD_BYTES, Words, added_up, of_bytes, subtracted, zeros

_ABOVE_BYTES = SLOT_BYTES - WORD_BYTES


def covered_totals(
    modulus: int, many: Iterable[list[int]], attempt: Attempt, found: Tally
) -> bytes:
    """The totals of all members' ciphertexts, as they travel; nothing if no row is opened."""
    if not attempt.totals_bytes(len(found.passing) + found.remainder):
        return b""
    totals = added(many, attempt.ciphertexts, modulus)
    return write_ciphertexts(shifted(totals, _covers(attempt, found), modulus))


def _covers(attempt: Attempt, found: Tally) -> list[int]:
    """Plaintexts: nothing on the words of passing cells, a random number on every other one."""
    hidden = np.ones(attempt.cells, dtype=np.bool_)
    hidden[list(found.passing)] = False
    words = zeros(attempt.sums).reshape(attempt.columns, attempt.cells, 2)
    for column in words:
        column[hidden] = _random_words(int(hidden.sum()), cancelling=found.remainder)
    nothing = bytes(_ABOVE_BYTES)
    above = [
        secrets.randbits(COVER_BITS).to_bytes(_ABOVE_BYTES, "little") if hides else nothing
        for _ in range(attempt.columns)
        for hides in hidden.tolist()
    ]
    return packed(words.reshape(-1, 2), above)


def _random_words(count: int, *, cancelling: bool) -> Words:
    """Uniform mod 2^128; `cancelling`: but for the last one, which makes their total 0."""
    drawn = of_bytes(secrets.token_bytes(WORD_BYTES * count)).copy()
    if cancelling and count:
        drawn[-1:] = subtracted(zeros(1), added_up(drawn[:-1]))
    return drawn
