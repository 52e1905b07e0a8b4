"""The star's result is Python's `set &` over all parties, whatever their number and sets."""

from functools import reduce
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.psi.star.stars import Star, agreed

ONE = frozenset({b"uscc:91110000600037341L"})
FULL = frozenset(b"declaration:%018d" % number for number in range(256))
NONE: frozenset[bytes] = frozenset()

# Few letters and short keys, so that sets meet and keys are prefixes of one another.
SETS = st.frozensets(st.text("ab", max_size=5).map(str.encode), max_size=40)


@given(st.lists(SETS, min_size=3, max_size=6), st.randoms())
@example([NONE, NONE, NONE], None)
@example([FULL, FULL, NONE], None)
@example([FULL, FULL, FULL, FULL], None)
@example([ONE, ONE | FULL - {min(FULL)}, ONE], None)
@settings(max_examples=20)
def test_the_result_is_that_of_sets(sets: list[frozenset[bytes]], random: Random | None) -> None:
    held = {f"org_{place}": sorted(one) for place, one in enumerate(sets)}
    if random is not None:
        for one in held.values():
            random.shuffle(one)
    star = Star(agreed(held), held).play()
    common = reduce(frozenset.__and__, sets)
    assert star.common() == [item for item in held["org_0"] if item in common]
