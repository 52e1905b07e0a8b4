"""A store is what the specification says: read and written by a reference that shares no code."""

from itertools import combinations
from secrets import randbits

import pytest

from native._core import star_store_bytes
from psi.star.messages import Key, Store
from tests.unit.psi.star.stars import Star, agreed
from tests.vectors.gf128_reference import multiply
from tests.vectors.okvs_reference import Shape, item, value

SIZE = 256
SETS = {
    org: [b"uscc:%018d" % number for number in range(start, start + count)]
    for org, start, count in (("r", 0, 200), ("p", 50, 256), ("a", 20, 256), ("b", 60, 1))
}


@pytest.fixture(scope="module")
def star() -> Star:
    return Star(agreed(SETS, size=SIZE), SETS).play()


def read(message: Store) -> tuple[int, list[int]]:
    """Seed and columns."""
    content = message.content
    words = [content[at : at + 16] for at in range(0, len(content), 16)]
    seed, *columns = (int.from_bytes(word, "little") for word in words)
    return seed, columns


@pytest.mark.parametrize("place", [0, 1])
def test_the_reference_reads_the_values_of_the_set(star: Star, place: int) -> None:
    org = star.parameters.contributors[place]
    store = star.messages(Store, "p")[place]
    keys = [m for one, to, m in star.sent if type(m) is Key and org in (one, to)]
    assert isinstance(store, Store)
    seed, columns = read(store)
    shape = Shape.of(SIZE, 44 + 1)
    assert len(columns) == shape.sparse + shape.dense
    assert len(store.content) == star_store_bytes(2, SIZE)
    run = star.parameters.run_id
    shared = [key.content for key in keys if isinstance(key, Key)]
    assert len(shared) == 2
    for key in SETS[org]:
        block = item(run, key)
        assert shape.decode(columns, shape.row(seed, block)) == value(shared, block)


def test_the_reference_multiplies_in_the_field() -> None:
    by_one_bit_each = [0, 2**127, 1, 0b111, randbits(128), randbits(128)]
    for a in by_one_bit_each:
        for b in by_one_bit_each:
            product, shifted = 0, a
            for place in range(128):
                product ^= shifted * (b >> place & 1)
                shifted = (shifted << 1) ^ (shifted >> 127) * (2**128 | 0x87)
            assert multiply(a, b) == product


def test_the_reference_writes_what_it_reads() -> None:
    shape, run = Shape.of(SIZE, 45), bytes(32)
    blocks = [item(run, key) for key in SETS["a"]]
    for _ in range(9):  # a key in 2^9 stores of this size can't be peeled
        seed = randbits(128)
        rows = {shape.row(seed, block): block for block in blocks}
        try:
            store = shape.encode(rows, [randbits(128) for _ in range(shape.sparse + shape.dense)])
        except LookupError:
            continue
        assert all(shape.decode(store, row) == block for row, block in rows.items())
        return
    pytest.fail("no seed of nine")


def test_two_runs_share_no_column(star: Star) -> None:
    again = Star(star.parameters, SETS).play()
    one, other = (
        {column for message in run.messages(Store, "p") for column in _columns(message)}
        for run in (star, again)
    )
    assert not one & other


def test_no_two_keys_are_one(star: Star) -> None:
    keys = [message.content for _, _, message in star.sent if isinstance(message, Key)]
    assert len(keys) == 3
    assert all(one != other for one, other in combinations(keys, 2))


def _columns(message: object) -> list[int]:
    assert isinstance(message, Store)
    return read(message)[1]
