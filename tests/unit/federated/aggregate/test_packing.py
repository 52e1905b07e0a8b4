"""Sums that are put into one ciphertext are the sums, however many of them there are."""

import numpy as np
import pytest

from contract.errors import ForeignCiphertext
from federated.aggregate.add import Adder, MaskedCell
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.packing import halved, places
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    KEY_PRIME,
    MERGES,
    PLAIN,
    SWITCHING_NOISE,
    BfvParameters,
    Term,
)
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import results_bytes

LARGEST = 10**12
ROWS = 2 * DEGREE


def parameters(terms: int = 1) -> BfvParameters:
    return BfvParameters(
        sums=((Term(rows=ROWS, largest=LARGEST),) * terms,), cells=4096, merges=MERGES
    )


@pytest.fixture(scope="module")
def keys() -> tuple[ReceiverKey, bytes, bytes]:
    key, public = ReceiverKey.generate()
    return key, public, key.merging_keys()


@pytest.mark.parametrize("groups", [1, 2, 31, 32, 33, 70])
def test_every_cell_comes_out_at_its_place(
    keys: tuple[ReceiverKey, bytes, bytes], groups: int
) -> None:
    key, public, merging_keys = keys
    random = np.random.default_rng(groups)
    columns = [random.integers(-LARGEST, LARGEST, ROWS) for _ in range(2)]
    encrypted = [encrypt_column(public, column, largest=LARGEST) for column in columns]
    of_rows = [random.integers(0, groups + 1, ROWS) for _ in columns]
    cells = [
        MaskedCell(tuple(np.flatnonzero(of == cell) for of in of_rows), cell * 10**15)
        for cell in range(groups)
    ]
    made = Adder(public, parameters(2), merging_keys).sums(encrypted, cells)
    assert [len(one) for one in made] == results_bytes(groups, MERGES)
    [opened] = key.decrypt_all(made, groups, MERGES)
    assert opened == [
        cell * 10**15
        + sum(int(column[of == cell].sum()) for column, of in zip(columns, of_rows, strict=True))
        for cell in range(groups)
    ]


def test_the_largest_blinded_values_survive(keys: tuple[ReceiverKey, bytes, bytes]) -> None:
    key, public, merging_keys = keys
    values = np.array([PLAIN // 2 - 1, -(PLAIN // 2), -1, 0], dtype=np.int64)
    chunks = encrypt_column(public, values, largest=PLAIN // 2)
    cells = [MaskedCell((np.array([at]),), 0) for at in range(4)]
    proven = BfvParameters(sums=((Term(rows=1, largest=1),),), cells=4, merges=MERGES)
    made = Adder(public, proven, merging_keys).sums([chunks], cells)
    assert key.decrypt_all(made, 4, MERGES) == [values.tolist()]


def test_merging_keys_of_another_key_are_refused(keys: tuple[ReceiverKey, bytes, bytes]) -> None:
    _, public, _ = keys
    foreign = ReceiverKey.generate()[0].merging_keys()
    chunks = encrypt_column(public, np.array([1]), largest=1)
    with pytest.raises(ForeignCiphertext):
        Adder(public, parameters(), foreign).sums([chunks], [MaskedCell((np.array([0]),), 0)])


def test_places_are_those_between_which_all_cancels() -> None:
    assert places(0, 1) == [0]
    assert places(2, 4) == [0, DEGREE // 2, DEGREE // 4, 3 * DEGREE // 4]
    assert sorted(places(MERGES, 32)) == list(range(0, DEGREE, DEGREE // 32))


def test_halves_are_halves_modulo_each_prime() -> None:
    random, primes = np.random.default_rng(1), np.array(DATA_PRIMES, dtype=np.uint64)[:, None]
    residues = random.integers(0, 2**43, (2, len(DATA_PRIMES), 8), dtype=np.uint64) % primes
    assert np.array_equal(halved(residues, 3) * np.uint64(8) % primes, residues)
    assert (halved(residues, 3) < primes).all()


def test_the_noise_of_a_switched_key_is_bounded_in_every_case() -> None:
    """SPEC §2.8: digits below each prime times errors of 21 at most, over p, and the rounding."""
    digits = sum(21 * DEGREE * (prime - 1) for prime in DATA_PRIMES) / KEY_PRIME
    assert digits + (1 + DEGREE) / 2 < SWITCHING_NOISE < 2 * digits
    few = BfvParameters(sums=((Term(rows=1, largest=1),),), cells=1, merges=MERGES).prove()
    assert 2**few.noise_bits > 31 * SWITCHING_NOISE > 2 ** (few.noise_bits - 2)
