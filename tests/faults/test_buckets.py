"""A set in buckets, when something happens in a later one: nothing of the earlier ones comes out.

Through real daemons, which are told to make their buckets small.
"""

from collections.abc import Iterator

import pytest

from contract.lifecycle import State
from tests.faults.leftovers import nothing_is_left
from tests.federation.banks import BANKS, Banks, End
from tests.federation.federation import short_folder
from tests.federation.orders import WAIT

BUCKET_ITEMS = 64
LATER = 3
"""A bucket in the middle: the larger set has several hundred keys."""


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def small_buckets(banks: Banks) -> Iterator[None]:
    for org in BANKS:
        banks.order(org, "bucket", str(BUCKET_ITEMS))
    yield
    for org in BANKS:
        banks.dismiss(org)
    nothing_is_left(banks)


def propose(banks: Banks) -> str:
    return banks.propose(to=BANKS, engine="rr22")


def test_the_answer_is_that_of_all_buckets(banks: Banks) -> None:
    assert banks.end_of(propose(banks)) == End(State.DONE)


def test_a_line_that_is_cut_in_a_later_bucket_is_taken_up_again(banks: Banks) -> None:
    banks.order("bank_b", f"frame.chunk.item_tags_{LATER}.0", "cut")
    job = propose(banks)
    assert banks.end_of(job) == End(State.DONE)
    assert not banks.is_ordered("bank_b", f"frame.chunk.item_tags_{LATER}.0")


@pytest.mark.parametrize(("org", "stream"), [("bank_a", "masked"), ("bank_b", "item_tags")])
def test_a_party_that_is_killed_in_a_later_bucket_ends_the_run(
    banks: Banks, org: str, stream: str
) -> None:
    point = f"frame.chunk.{stream}_{LATER}.0"
    banks.order(org, point, WAIT)
    job = propose(banks)
    banks.wait_halted(org, point)
    banks.kill(org)
    banks.dismiss(org)
    banks.start(org)
    assert banks.end_of(job) == End(State.FAILED, "PARTY_RESTARTED", org)
