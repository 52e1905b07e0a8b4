"""The intersection is Python's `set &`, whatever the sets, who receives, and how many buckets."""

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.job import JobKind
from contract.suites import Suite
from psi.rr22 import parameters
from psi.step import Intersection, Nothing
from psi.two_party import Agreed
from tests.unit.psi.two_roles import TwoRoles

ONE = frozenset({b"uscc:91110000600037341L"})
SOME = frozenset(b"uscc:%018d" % number for number in range(30))
FULL = frozenset(b"declaration:%018d" % number for number in range(256))

# Few letters and short keys, so that sets meet and keys are prefixes of one another.
SETS = st.frozensets(st.text("ab", max_size=5).map(str.encode), max_size=40)


SUITES = [Suite.PSI_RR22, Suite.PSI_RR22_ACTIVE]


@given(SETS, SETS, st.booleans(), st.randoms(), st.sampled_from([1, 3]), st.sampled_from(SUITES))
@example(frozenset(), frozenset(), True, None, 1, Suite.PSI_RR22_ACTIVE)
@example(frozenset(), SOME, True, None, 2, Suite.PSI_RR22)
@example(SOME, frozenset(), True, None, 1, Suite.PSI_RR22)
@example(ONE, ONE, True, None, 1, Suite.PSI_RR22_ACTIVE)
@example(ONE, SOME | ONE, False, None, 1, Suite.PSI_RR22)
@example(FULL, FULL, True, None, 4, Suite.PSI_RR22)
@example(FULL, FULL, True, None, 2, Suite.PSI_RR22_ACTIVE)
@settings(max_examples=8)
def test_the_result_is_that_of_sets(
    x: frozenset[bytes],
    y: frozenset[bytes],
    both: bool,
    random: Random | None,
    buckets: int,
    suite: Suite,
) -> None:
    agreed = Agreed(
        suite=suite,
        kind=JobKind.PSI,
        run_id=bytes([7] * 32),
        receiver_size=256,
        sender_size=512,
        both=both,
    )
    own, other = sorted(x), sorted(y)
    if random is not None:  # in any order, and some of them in several rows
        own += random.choices(own, k=min(len(own), 5)) if own else []
        random.shuffle(own)
        random.shuffle(other)
    common = x & y
    expected = [
        Intersection([at for at, item in enumerate(own) if item in common]),
        Intersection([at for at, item in enumerate(other) if item in common])
        if both
        else Nothing(),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parameters, "BUCKET_SIZE", -(-512 // buckets))
        assert TwoRoles(agreed, (own, other)).results() == expected
