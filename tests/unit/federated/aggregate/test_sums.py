"""A masked sum is exact: one owner or several, one row or all, one chunk or more."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.errors import BadMessage, BadValue, ForeignCiphertext, OurError
from federated.aggregate.add import MOST_SHIFTS, Adder, MaskedCell
from federated.aggregate.blinding import opened_sum
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.parameters import DEGREE, PLAIN, BfvParameters, Term
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import CIPHERTEXT_BYTES, key_id, result_bytes

LARGEST = 2**58 - 1
NOBODY = np.array([], dtype=np.int32)


def column(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def at(*positions: int) -> NDArray[np.int32]:
    return np.array(positions, dtype=np.int32)


def one_sum(rows: int, largest: int, terms: int = 1) -> BfvParameters:
    return BfvParameters(sums=((Term(rows=rows, largest=largest),) * terms,), cells=1)


@pytest.fixture(scope="module")
def keys() -> tuple[ReceiverKey, bytes]:
    return ReceiverKey.generate()


@pytest.fixture(scope="module")
def key(keys: tuple[ReceiverKey, bytes]) -> ReceiverKey:
    return keys[0]


@pytest.fixture(scope="module")
def public(keys: tuple[ReceiverKey, bytes]) -> bytes:
    return keys[1]


@pytest.mark.parametrize("value", [0, 1, -1, 10**14, LARGEST, -LARGEST])
@pytest.mark.parametrize("place", [0, 1, DEGREE - 1])
def test_a_single_row(key: ReceiverKey, public: bytes, value: int, place: int) -> None:
    values = np.zeros(DEGREE, dtype=np.int64)
    values[:] = 12345
    values[place] = value
    chunks = encrypt_column(public, values, largest=LARGEST)
    [made] = Adder(public, one_sum(1, LARGEST)).sums([chunks], [MaskedCell((at(place),), 0)])
    assert key.decrypt(made) == [value]


def test_a_cell_without_rows_is_zero_blinded(key: ReceiverKey, public: bytes) -> None:
    chunks = encrypt_column(public, column(*range(300)), largest=300)
    [made] = Adder(public, one_sum(0, 300)).sums([chunks], [MaskedCell((NOBODY,), 77)])
    assert key.decrypt(made) == [77]


def test_rows_of_several_owners_in_several_chunks(key: ReceiverKey, public: bytes) -> None:
    random = np.random.default_rng(11)
    lists = [random.integers(-(10**9), 10**9, size) for size in (3 * DEGREE, DEGREE + 7, 256)]
    columns = [encrypt_column(public, values, largest=10**9) for values in lists]
    assert [len(chunks) for chunks in columns] == [3, 2, 1]
    picked = [random.permutation(values.size)[:200] for values in lists]
    cells = [MaskedCell(tuple(rows[part::4] for rows in picked), part * 10**9) for part in range(4)]
    made = Adder(public, one_sum(200, 10**9, terms=3)).sums(columns, cells)
    opened = [
        opened_sum(key.decrypt(result)[0], [cell.blinding], largest=600 * 10**9)
        for result, cell in zip(made, cells, strict=True)
    ]
    assert opened == [
        sum(int(values[rows].sum()) for values, rows in zip(lists, cell.positions, strict=True))
        for cell in cells
    ]


@pytest.mark.parametrize("few", [1, MOST_SHIFTS, MOST_SHIFTS + 1])
def test_few_rows_of_one_chunk_and_many_of_another(
    key: ReceiverKey, public: bytes, few: int
) -> None:
    """Masks of few rows and of many are multiplied in two ways."""
    random = np.random.default_rng(few)
    values = random.integers(-(10**9), 10**9, 2 * DEGREE)
    chunks = encrypt_column(public, values, largest=10**9)
    rows = np.concatenate([random.permutation(DEGREE)[:few], DEGREE + np.arange(0, DEGREE, 5)])
    [made] = Adder(public, one_sum(rows.size, 10**9)).sums([chunks], [MaskedCell((rows,), 0)])
    assert key.decrypt(made) == [int(values[rows].sum())]


def test_every_row_at_once(key: ReceiverKey, public: bytes) -> None:
    values = np.arange(-5000, 2 * DEGREE - 5000)
    chunks = encrypt_column(public, values, largest=2 * DEGREE)
    cell = MaskedCell((np.arange(values.size),), 0)
    [made] = Adder(public, one_sum(values.size, 2 * DEGREE)).sums([chunks], [cell])
    assert key.decrypt(made) == [int(values.sum())]


def test_a_blinding_wraps_and_comes_off_again(key: ReceiverKey, public: bytes) -> None:
    chunks = encrypt_column(public, column(LARGEST, -LARGEST), largest=LARGEST)
    for place, value in enumerate((LARGEST, -LARGEST)):
        for blinding in (0, 1, PLAIN // 2, PLAIN - 1, 5 * PLAIN + 3):
            cell = MaskedCell((at(place),), blinding)
            [made] = Adder(public, one_sum(1, LARGEST)).sums([chunks], [cell])
            assert opened_sum(key.decrypt(made)[0], [blinding], largest=LARGEST) == value


def test_a_result_is_made_anew_each_time(public: bytes) -> None:
    chunks = encrypt_column(public, column(5), largest=5)
    cell = MaskedCell((at(0),), 0)
    first, second = Adder(public, one_sum(1, 5)).sums([chunks], [cell, cell])
    assert len(first) == len(second) == result_bytes(1)
    # Equal where the key is named, and nowhere else to speak of.
    assert sum(a == b for a, b in zip(first[32:], second[32:], strict=True)) < len(first) // 50


def test_ciphertexts_say_nothing_by_their_size(public: bytes) -> None:
    for size in (1, DEGREE - 1, DEGREE):
        chunks = encrypt_column(public, np.full(size, 9), largest=9)
        assert [len(chunk) for chunk in chunks] == [CIPHERTEXT_BYTES]


@pytest.mark.parametrize("value", [11, -11, 2**63 - 1, -(2**63)])
def test_a_value_beyond_its_declared_bound_is_refused(public: bytes, value: int) -> None:
    with pytest.raises(BadValue) as refused:
        encrypt_column(public, column(10, -10, value), largest=10)
    assert str(value) not in str(refused.value)


def test_no_chunk_of_another_key_is_added(public: bytes) -> None:
    _, foreign = ReceiverKey.generate()
    chunks = encrypt_column(foreign, column(1), largest=1)
    with pytest.raises(ForeignCiphertext):
        Adder(public, one_sum(1, 1)).sums([chunks], [MaskedCell((at(0),), 0)])


def test_no_truncated_chunk_is_added(public: bytes) -> None:
    [chunk] = encrypt_column(public, column(1), largest=1)
    with pytest.raises(BadMessage):
        Adder(public, one_sum(1, 1)).sums([[chunk[:-1]]], [MaskedCell((at(0),), 0)])


def test_a_result_for_another_key_is_not_decrypted(public: bytes) -> None:
    other, _ = ReceiverKey.generate()
    chunks = encrypt_column(public, column(1), largest=1)
    [made] = Adder(public, one_sum(1, 1)).sums([chunks], [MaskedCell((at(0),), 0)])
    with pytest.raises(ForeignCiphertext):
        other.decrypt(made)


def test_a_relabelled_foreign_chunk_shows_in_the_range_of_the_sum(
    key: ReceiverKey, public: bytes
) -> None:
    """No parser can see it (SPEC §2.5); it opens to a number that the bounds exclude."""
    _, foreign = ReceiverKey.generate()
    [chunk] = encrypt_column(foreign, column(1), largest=1)
    relabelled = key_id(public) + chunk[32:]
    [made] = Adder(public, one_sum(1, 1)).sums([[relabelled]], [MaskedCell((at(0),), 0)])
    with pytest.raises(BadMessage, match="outside"):
        opened_sum(key.decrypt(made)[0], [0], largest=1)


@pytest.mark.parametrize("positions", [at(0, 0), at(-1), at(DEGREE), at(0, 1, 2)], ids=str)
def test_rows_that_the_proof_does_not_cover_are_a_defect(
    public: bytes, positions: NDArray[np.int32]
) -> None:
    chunks = encrypt_column(public, column(1, 2, 3), largest=3)
    with pytest.raises(OurError):
        Adder(public, one_sum(2, 3)).sums([chunks], [MaskedCell((positions,), 0)])


def added(public: bytes, chunks: list[bytes], cells: list[MaskedCell]) -> list[bytes]:
    return Adder(public, one_sum(2, 9)).sums([chunks], cells)


def test_owner_and_coordinator_work_in_processes_of_their_own(
    key: ReceiverKey, public: bytes
) -> None:
    """TenSEAL holds the interpreter's lock, so daemons call it in spawned workers."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as workers:
        chunks = workers.submit(encrypt_column, public, column(7, -9), largest=9).result()
        cells = [MaskedCell((at(0, 1),), 40)]
        [made] = workers.submit(added, public, chunks, cells).result()
    assert key.decrypt(made) == [38]
