"""Keys in one piece are the sequence that they were made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.keys import Keys

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


@given(Texts, st.slices(20))
def test_a_piece_is_that_piece(keys: list[bytes], piece: slice) -> None:
    assert Keys.of(keys)[piece] == keys[piece]


@pytest.mark.parametrize("place", [2, -3, 2**40])
def test_a_place_that_is_not_there_is_refused(place: int) -> None:
    with pytest.raises(IndexError):
        Keys.of([b"a", b"b"])[place]


def test_they_show_nothing_when_printed() -> None:
    assert "secret" not in repr(Keys.of([b"secret"]))
