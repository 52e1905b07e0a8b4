"""A cell's count: subjects and organisations in one word, and which cells may be shown for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.job import MOST_CONTRIBUTORS
from federated.union.counts import Count, read_total, word_of
from federated.union.tally import Tally, tally
from federated.words import of_integers, to_integers, total

NOTHING = Tally((), remainder=False, folded=0)


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=MOST_CONTRIBUTORS))
def test_words_of_organisations_add_up_to_what_they_have_together(subjects: list[int]) -> None:
    words = [of_integers([word_of(one)]) for one in subjects]
    (both,) = to_integers(total(words, 1))
    assert read_total(both) == Count(sum(subjects), sum(map(bool, subjects)))


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([(10, 2), (12, 3)], Tally((0, 1), remainder=False, folded=0)),
        # However many subjects one organisation has: the cell is its own.
        ([(500, 1), (12, 3)], Tally((), remainder=True, folded=2)),
        ([(500, 1), (12, 3), (11, 2)], Tally((1,), remainder=True, folded=2)),
        # Two cells of one organisation each may be the same one's.
        ([(6, 1), (6, 1), (11, 2)], Tally((), remainder=True, folded=3)),
        ([(6, 1), (6, 2), (11, 2)], Tally((2,), remainder=True, folded=2)),
        ([(500, 1)], NOTHING),
        ([(500, 1), (300, 1)], NOTHING),
        ([(0, 0), (10, 2)], Tally((1,), remainder=False, folded=0)),
    ],
)
def test_no_row_is_of_one_organisation(counts: list[tuple[int, int]], found: Tally) -> None:
    assert tally([Count(*each) for each in counts], k=10, min_join=1) == found
