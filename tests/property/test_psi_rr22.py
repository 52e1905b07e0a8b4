"""The intersection is Python's `set &`, whatever the sets and who receives."""

from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.job import JobKind, Suite
from psi import step
from psi.step import Finished, Intersection, Nothing
from psi.two_party import FROM_RECEIVER, Agreed

ONE = frozenset({b"uscc:91110000600037341L"})
SOME = frozenset(b"uscc:%018d" % number for number in range(30))
FULL = frozenset(b"declaration:%018d" % number for number in range(256))

# Few letters and short keys, so that sets meet and keys are prefixes of one another.
SETS = st.frozensets(st.text("ab", max_size=5).map(str.encode), max_size=40)


def results(agreed: Agreed, own: list[bytes], other: list[bytes]) -> list[object]:
    """What receiver and sender end with, driven as a session drives them."""
    states: list[step.State[Any] | Finished] = []
    message: step.Message | None = None
    begun = [agreed.fresh("receiver", own).begin(), agreed.fresh("sender", other).begin()]
    for state, first in begun:
        states.append(state)
        message = first or message
    while message is not None:
        turn = 1 if type(message) in FROM_RECEIVER else 0
        current = states[turn]
        assert not isinstance(current, Finished)
        states[turn], message = step.advance(current, message)
    return [state.result for state in states if isinstance(state, Finished)]


@given(SETS, SETS, st.booleans(), st.randoms())
@example(frozenset(), frozenset(), True, None)
@example(frozenset(), SOME, True, None)
@example(SOME, frozenset(), True, None)
@example(ONE, ONE, True, None)
@example(ONE, SOME | ONE, False, None)
@example(FULL, FULL, True, None)
@settings(max_examples=20)
def test_the_result_is_that_of_sets(
    x: frozenset[bytes], y: frozenset[bytes], both: bool, random: Random | None
) -> None:
    agreed = Agreed(
        suite=Suite.PSI_RR22,
        kind=JobKind.PSI,
        run_id=bytes([7] * 32),
        receiver_size=256,
        sender_size=512,
        both=both,
    )
    own, other = sorted(x), sorted(y)
    if random is not None:
        random.shuffle(own)
        random.shuffle(other)
    common = x & y
    positions = [[at for at, item in enumerate(one) if item in common] for one in (own, other)]
    expected = [
        Intersection(positions[0]),
        Intersection(positions[1]) if both else Nothing(),
    ]
    assert results(agreed, own, other) == expected
