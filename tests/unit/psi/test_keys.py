"""Keys in one piece are the sequence that they were made of."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DatasetOutgrown
from native._core import Misused
from psi import keys as keys_in_one_piece
from psi.keys import MOST_BYTES, DistinctKeys, Keys

rows = st.integers(0, 2**32 - 1)
Texts = st.lists(st.binary(max_size=40), max_size=20)


@given(st.lists(Texts, max_size=4))
def test_they_are_what_went_in(parts: list[list[bytes]]) -> None:
    keys = [key for part in parts for key in part]
    made = Keys.gathered(iter(parts))
    assert (len(made), list(made), made[:]) == (len(keys), keys, keys)
    assert [made[-place] for place in range(1, len(keys) + 1)] == keys[::-1]
    assert all(key in made for key in keys)
    assert Keys.of(made) is made
    assert Keys.of(keys).packed() == made.packed()


@given(st.lists(Texts, max_size=4))
def test_pieces_join_up(parts: list[list[bytes]]) -> None:
    assert list(Keys.joined_up(map(Keys.of, parts))) == [key for part in parts for key in part]


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=20))
def test_those_that_are_wanted_stay_in_their_order(keys: list[tuple[bytes, bool]]) -> None:
    wanted = np.array([is_wanted for _, is_wanted in keys], dtype=np.bool_)
    found = Keys.of([key for key, _ in keys]).where(wanted)
    assert list(found) == [key for key, is_wanted in keys if is_wanted]


@given(Texts, st.slices(20))
def test_a_piece_is_that_piece(keys: list[bytes], piece: slice) -> None:
    assert Keys.of(keys)[piece] == keys[piece]


@pytest.mark.parametrize("place", [2, -3, 2**40])
def test_a_place_that_is_not_there_is_refused(place: int) -> None:
    with pytest.raises(IndexError):
        Keys.of([b"a", b"b"])[place]


@pytest.mark.parametrize("most", [0, 5, 6])
def test_more_bytes_than_ends_can_count_are_refused_and_not_cut(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Four GiB, as little as is tried here."""
    monkeypatch.setattr(keys_in_one_piece, "MOST_BYTES", most)
    parts = [[b"ab", b"c"], [b"", b"def"]]
    joined: list[Callable[[], Keys]] = [
        lambda: Keys.gathered(parts),
        lambda: Keys.joined_up(map(Keys.of, parts)),
        lambda: Keys.of([b"abc", b"def"]),
    ]
    for join in joined:
        if most < 6:
            with pytest.raises(DatasetOutgrown, match=f"more than {most} bytes together") as no:
                join()
            assert "rr22" in no.value.fix
        else:
            assert join().joined == b"abcdef"


def test_what_four_bytes_count_is_what_is_taken() -> None:
    assert np.iinfo(np.uint32).max == MOST_BYTES


def test_they_show_nothing_when_printed() -> None:
    assert "secret" not in repr(Keys.of([b"secret"]))


@given(
    st.lists(st.tuples(st.sampled_from([b"", b"a", b"a\0", b"ab", b"b" * 80]), rows), max_size=30)
)
def test_distinct_keys_ascend_and_have_their_rows(column: list[tuple[bytes, int]]) -> None:
    keys, given_rows = [key for key, _ in column], [row for _, row in column]
    found = DistinctKeys.of(Keys.of(keys), np.array(given_rows, dtype=np.uint32))
    assert list(found.keys) == sorted(set(keys))
    for position, key in enumerate(found.keys):
        expected = sorted(row for other, row in column if other == key)
        assert found.rows_at([position]).tolist() == expected
    backwards = range(len(found.keys))[::-1]
    assert sorted(found.rows_at(backwards).tolist()) == sorted(given_rows)


@given(Texts, st.data())
def test_what_is_wanted_are_the_rows_with_those_keys(
    keys: list[bytes], data: st.DataObject
) -> None:
    found = DistinctKeys.of(Keys.of(keys), np.arange(len(keys), dtype=np.uint32))
    places = range(len(found.keys))
    positions = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []
    expected = [key in [found.keys[position] for position in positions] for key in keys]
    assert found.wanted(positions, len(keys)).tolist() == expected


def test_as_many_rows_as_keys_are_asked_for() -> None:
    with pytest.raises(Misused):
        DistinctKeys.of(Keys.of([b"a"]), np.arange(2, dtype=np.uint32))
    with pytest.raises(Misused):
        DistinctKeys.of(Keys(b"ab", np.array([1], dtype=np.uint32)), np.arange(1, dtype=np.uint32))
