"""Words mod 2^128 and pads, against Python's integers."""

import pickle

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadMessage, BadValue, OurError
from federated.shares.secret import Pads
from federated.shares.split import split
from federated.shares.words import (
    MODULUS,
    Grouping,
    Words,
    added,
    from_bytes,
    rows_of,
    signed,
    to_bytes,
    words_of,
)

WORDS = st.integers(0, MODULUS - 1)
VALUES = st.integers(-(1 << 63), (1 << 63) - 1)
RUN = bytes(range(32))


def words(integers: list[int]) -> Words:
    return from_bytes(b"".join(one.to_bytes(16, "little") for one in integers))


def integers(of: Words) -> list[int]:
    return [low + (high << 64) for low, high in of.tolist()]


@given(st.lists(st.tuples(WORDS, WORDS)))
def test_words_add_up_as_integers_do(pairs: list[tuple[int, int]]) -> None:
    ones, others = words([one for one, _ in pairs]), words([other for _, other in pairs])
    assert integers(added(ones, others)) == [(one + other) % MODULUS for one, other in pairs]


@given(st.lists(VALUES))
def test_signed_integers_come_back(values: list[int]) -> None:
    made = words_of(np.array(values, dtype=np.int64))
    assert [signed(one) for one in integers(made)] == values
    assert to_bytes(made) == b"".join((one % MODULUS).to_bytes(16, "little") for one in values)


@given(st.lists(st.tuples(WORDS, st.integers(0, 5))), st.integers(5, 8))
def test_sums_by_row_are_those_of_integers(listed: list[tuple[int, int]], number: int) -> None:
    grouping = Grouping.of(np.array([row for _, row in listed], dtype=np.uint16), number)
    expected = [
        sum(word for word, in_row in listed if in_row == row) % MODULUS
        for row in range(1, number + 1)
    ]
    assert grouping.sums(words([word for word, _ in listed])) == expected


def test_rows_are_numbered_from_one() -> None:
    rows = rows_of(6, [np.array([4, 1]), np.array([], dtype=np.int64), np.array([0])])
    assert rows.tolist() == [3, 1, 0, 0, 1, 0]


def test_carries_go_through_all_of_a_long_sum() -> None:
    """A hundred thousand of the largest words: every limb carries at every step."""
    number = 100_000
    rows = np.ones(number, dtype=np.uint16)
    assert Grouping.of(rows, 1).sums(words([MODULUS - 1] * number)) == [MODULUS - number]


def test_shares_are_values_and_pads_and_the_pads_are_those_of_the_specification() -> None:
    seed = bytes([7] * 32)
    key = HKDF(algorithm=SHA256(), length=32, salt=RUN, info=b"mihe/pads/v1").derive(seed)
    columns = [np.array([0, 5, -5], dtype=np.int64), np.array([-(1 << 62), 0, 1], dtype=np.int64)]
    made = split(columns, [5, 1 << 62], Pads(seed, RUN, 3))
    for number, (column, share) in enumerate(zip(columns, made, strict=True)):
        nonce = bytes(4) + number.to_bytes(4, "little") + bytes(8)
        stream = Cipher(algorithms.ChaCha20(key, nonce), mode=None).encryptor().update(bytes(48))
        pads = [int.from_bytes(stream[at : at + 16], "little") for at in (0, 16, 32)]
        pairs = zip(integers(from_bytes(share)), pads, strict=True)
        assert [signed(one - pad) for one, pad in pairs] == column.tolist()


def test_another_run_column_or_seed_has_other_pads() -> None:
    one = integers(Pads(bytes(32), RUN, 4).column(0))
    for other in (Pads(bytes(32), bytes(32), 4), Pads(bytes([1] * 32), RUN, 4)):
        assert not set(one) & set(integers(other.column(0)))
    assert not set(one) & set(integers(Pads(bytes(32), RUN, 4).column(1)))


def test_a_value_beyond_its_bound_does_not_leave() -> None:
    for value in (6, -6, -(1 << 63)):
        with pytest.raises(BadValue):
            split([np.array([0, value], dtype=np.int64)], [5], Pads(bytes(32), RUN, 2))


def test_a_seed_is_32_bytes_and_is_neither_pickled_nor_printed() -> None:
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(BadMessage):
            Pads(seed, RUN, 4)
    pads = Pads(bytes([65] * 32), RUN, 4)
    with pytest.raises(OurError):
        pickle.dumps(pads)
    assert "A" * 32 not in repr(pads)
