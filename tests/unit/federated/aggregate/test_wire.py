"""Nothing malformed, foreign or of another size is taken for a key, a ciphertext or a result."""

from collections.abc import Callable

import numpy as np
import pytest

from contract.errors import BadMessage, ForeignCiphertext, ForeignEncryptionKey
from federated.aggregate import wire
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    KEY_PRIMES,
    MERGES,
    PARAMETERS_ID,
)
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import Residues

KEY = bytes(range(32))
PLACES = [0]


def residues(polynomials: int, primes: tuple[int, ...]) -> Residues:
    random = np.random.default_rng(5)
    drawn = [random.integers(0, prime, (polynomials, DEGREE), dtype=np.uint64) for prime in primes]
    return np.stack(drawn, axis=1)


def ciphertext(made: Residues) -> bytes:
    return wire.write_ciphertext(KEY, made)


def result(made: Residues) -> bytes:
    return wire.write_result(KEY, made[0][:, PLACES], made[1:])


def read_ciphertext(message: bytes) -> Residues:
    return wire.read_ciphertext(KEY, message)


def read_result(message: bytes) -> Residues:
    return wire.read_result(KEY, message, PLACES)


Kind = tuple[tuple[int, ...], Callable[[Residues], bytes], Callable[[bytes], Residues]]
KINDS: dict[str, Kind] = {
    "key": (KEY_PRIMES, wire.write_key, wire.read_key),
    "ciphertext": (DATA_PRIMES, ciphertext, read_ciphertext),
    "result": (DATA_PRIMES, result, read_result),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def test_numbers_survive_the_way(kind: Kind) -> None:
    primes, write, read = kind
    made = residues(2, primes)
    made[:, :, 0] = np.array(primes, dtype=np.uint64) - np.uint64(1)
    if read is read_result:
        made[0, :, 1:] = 0
    assert np.array_equal(read(write(made)), made)


def test_sizes_depend_on_the_kind_alone(kind: Kind) -> None:
    primes, write, _ = kind
    small = np.ones((2, len(primes), DEGREE), dtype=np.uint64)
    assert len(write(small)) == len(write(residues(2, primes)))


@pytest.mark.parametrize("change", [-1, 1, 11, -11], ids="{:+d} bytes".format)
def test_another_size_is_refused(kind: Kind, change: int) -> None:
    primes, write, read = kind
    message = write(residues(2, primes))
    cut = message[:change] if change < 0 else message + bytes(change)
    with pytest.raises(BadMessage, match=f" of {len(cut)} bytes .* has {len(message)} "):
        read(cut)


def test_nothing_at_all_is_refused(kind: Kind) -> None:
    with pytest.raises(BadMessage):
        kind[2](b"")


def test_a_coefficient_that_is_not_reduced_is_refused(kind: Kind) -> None:
    primes, write, read = kind
    for prime in range(len(primes)):
        for place in (0, DEGREE - 1):
            made = residues(2, primes)
            made[1, prime, place] = primes[prime]
            with pytest.raises(BadMessage, match="not reduced"):
                read(write(made))


def test_a_results_constant_is_reduced_too() -> None:
    made = residues(2, DATA_PRIMES)
    made[0, 3, 0] = DATA_PRIMES[3]
    with pytest.raises(BadMessage, match="not reduced"):
        read_result(result(made))


def test_a_transparent_ciphertext_is_refused(kind: Kind) -> None:
    primes, write, read = kind
    for prime in range(len(primes)):
        made = residues(2, primes)
        made[1, prime] = 0
        with pytest.raises(BadMessage, match="zero"):
            read(write(made))


def test_a_ciphertext_of_another_key_is_refused() -> None:
    made = residues(2, DATA_PRIMES)
    with pytest.raises(ForeignCiphertext):
        wire.read_ciphertext(bytes(32), ciphertext(made))
    with pytest.raises(ForeignCiphertext):
        wire.read_result(bytes(32), result(made), PLACES)


def test_a_key_for_other_parameters_is_refused() -> None:
    message = wire.write_key(residues(2, KEY_PRIMES))
    assert message.startswith(PARAMETERS_ID)
    with pytest.raises(ForeignEncryptionKey, match="other parameters"):
        wire.read_key(bytes(32) + message[32:])


def test_every_flipped_bit_of_a_key_names_another_key() -> None:
    _, key = ReceiverKey.generate()
    for place in (0, 31, 32, len(key) // 2, len(key) - 1):
        changed = bytearray(key)
        changed[place] ^= 1
        assert wire.key_id(bytes(changed)) != wire.key_id(key)


def test_one_kind_is_not_taken_for_another() -> None:
    _, key = ReceiverKey.generate()
    [chunk] = encrypt_column(key, np.zeros(1, dtype=np.int64), largest=0)
    with pytest.raises(BadMessage):
        wire.read_result(wire.key_id(key), chunk, PLACES)
    with pytest.raises(BadMessage):
        wire.read_key(chunk)
    assert wire.read_ciphertext(wire.key_id(key), chunk).shape == (2, 4, DEGREE)


def test_a_result_has_as_many_coefficients_of_c0_as_sums() -> None:
    made, places = residues(2, DATA_PRIMES), [0, DEGREE // 2, DEGREE // 4]
    message = wire.write_result(KEY, made[0][:, places], made[1:])
    assert len(message) == wire.result_bytes(3)
    read = wire.read_result(KEY, message, places)
    assert np.array_equal(read[0][:, places], made[0][:, places])
    assert np.count_nonzero(read[0]) <= 3 * len(DATA_PRIMES)
    for others in (places[:2], [*places, 1]):
        with pytest.raises(BadMessage):
            wire.read_result(KEY, message, others)


def test_results_have_sizes_that_the_number_of_sums_alone_decides() -> None:
    full, rest, one = (wire.result_bytes(sums) for sums in (32, 7, 1))
    assert wire.results_bytes(71, 5) == [full, full, rest]
    assert wire.results_bytes(64, 5) == [full, full]
    assert wire.results_bytes(3, 0) == [one] * 3
    assert wire.results_bytes(0, 5) == []


def test_merging_keys_are_read_whole_and_of_their_key() -> None:
    made = residues(2 * MERGES * len(DATA_PRIMES), KEY_PRIMES)
    message = wire.write_merging_keys(KEY, made)
    assert len(message) == wire.MERGING_BYTES
    shape = (MERGES, len(DATA_PRIMES), 2, len(KEY_PRIMES), DEGREE)
    assert np.array_equal(wire.read_merging_keys(KEY, message), made.reshape(shape))
    with pytest.raises(ForeignCiphertext):
        wire.read_merging_keys(bytes(32), message)
    with pytest.raises(BadMessage):
        wire.read_merging_keys(KEY, message[:-11])
    made[-1, -1, -1] = KEY_PRIMES[-1]
    with pytest.raises(BadMessage, match="not reduced"):
        wire.read_merging_keys(KEY, wire.write_merging_keys(KEY, made))
