"""The intersection is Python's `set &`, whatever the sets, the mode and who receives."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from psi import step
from psi.ecdh import receiver, sender
from psi.ecdh.parameters import Mode, Parameters
from psi.step import Cardinality, Finished, Fresh, Intersection, Nothing, Result

ONE = frozenset({b"uscc:91110000600037341L"})
SOME = frozenset(b"uscc:%018d" % number for number in range(30))
OTHERS = frozenset(b"uscc:%018d" % number for number in range(30, 60))
FULL = frozenset(b"declaration:%018d" % number for number in range(256))

# Few letters and short keys, so that sets meet and keys are prefixes of one another.
SETS = st.frozensets(st.text("ab", max_size=5).map(str.encode), max_size=40)


def run(one: Fresh, other: Fresh) -> list[Result]:
    """Both roles in one process, as a link would drive them."""
    (state, message), (peer, _) = one.begin(), other.begin()
    states, turn = [state, peer], 1
    while message is not None:
        current = states[turn]
        assert not isinstance(current, Finished | step.Ready)
        states[turn], message = step.advance(current, message)
        turn = 1 - turn
    results = [state.result for state in states if isinstance(state, Finished)]
    assert len(results) == 2
    return results


def expected(mode: Mode, own: list[bytes], common: frozenset[bytes]) -> Result:
    if mode == "cardinality":
        return Cardinality(len(common))
    return Intersection([at for at, item in enumerate(own) if item in common])


@given(SETS, SETS, st.sampled_from(["intersection", "cardinality"]), st.booleans(), st.randoms())
@example(frozenset(), frozenset(), "intersection", True, None)
@example(frozenset(), SOME, "intersection", True, None)
@example(SOME, frozenset(), "cardinality", True, None)
@example(SOME, OTHERS, "intersection", True, None)
@example(SOME, OTHERS, "cardinality", True, None)
@example(SOME, SOME, "intersection", True, None)
@example(SOME, SOME, "cardinality", False, None)
@example(ONE, ONE, "intersection", True, None)
@example(ONE, SOME | ONE, "intersection", False, None)
@example(ONE, SOME, "cardinality", True, None)
@example(FULL, FULL, "intersection", True, None)
@example(FULL, FULL, "cardinality", True, None)
@settings(max_examples=60)
def test_the_result_is_that_of_sets(
    x: frozenset[bytes], y: frozenset[bytes], mode: Mode, both: bool, random: Random | None
) -> None:
    parameters = Parameters(
        run_id=bytes([7] * 32), receiver_size=256, sender_size=512, mode=mode, both=both
    )
    items = [sorted(x), sorted(y)]
    if random is not None:
        for each in items:
            random.shuffle(each)
    agrees(parameters, *items)


@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
@pytest.mark.parametrize(("x", "y"), [(SOME, OTHERS), (SOME, SOME), (FULL, FULL | ONE), ((), ONE)])
def test_on_sm2_too(x: Iterable[bytes], y: Iterable[bytes], mode: Mode) -> None:
    parameters = Parameters(
        run_id=bytes([7] * 32),
        receiver_size=256,
        sender_size=320,
        mode=mode,
        both=True,
        curve="sm2",
    )
    agrees(parameters, sorted(x), sorted(y))


def agrees(parameters: Parameters, x: list[bytes], y: list[bytes]) -> None:
    """Both roles' results with those of sets."""
    common, mode = frozenset(x) & frozenset(y), parameters.mode
    results = run(receiver.Fresh(parameters, x), sender.Fresh(parameters, y))
    assert results[0] == expected(mode, x, common)
    assert results[1] == (expected(mode, y, common) if parameters.both else Nothing())
