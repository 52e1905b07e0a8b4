"""Pads, and shares under them, against Python's integers."""

import pickle

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contract.errors import BadMessage, BadValue, OurError
from federated.shares.secret import Pads
from federated.shares.split import split
from federated.words import Words, of_bytes, signed

RUN = bytes(range(32))


def integers(of: Words) -> list[int]:
    return [low + (high << 64) for low, high in of.tolist()]


def test_shares_are_values_and_pads_and_the_pads_are_those_of_the_specification() -> None:
    seed = bytes([7] * 32)
    key = HKDF(algorithm=SHA256(), length=32, salt=RUN, info=b"mihe/pads/v1").derive(seed)
    columns = [np.array([0, 5, -5], dtype=np.int64), np.array([-(1 << 62), 0, 1], dtype=np.int64)]
    made = split(columns, [5, 1 << 62], Pads(seed, RUN, 3))
    for number, (column, share) in enumerate(zip(columns, made, strict=True)):
        nonce = bytes(4) + number.to_bytes(4, "little") + bytes(8)
        stream = Cipher(algorithms.ChaCha20(key, nonce), mode=None).encryptor().update(bytes(48))
        pads = [int.from_bytes(stream[at : at + 16], "little") for at in (0, 16, 32)]
        pairs = zip(integers(of_bytes(share)), pads, strict=True)
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
