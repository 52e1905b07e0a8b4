"""A set in buckets, when something happens in a later one: the job goes on there, or fails whole.

Through real daemons, which are told to make their buckets small.
"""

from collections.abc import Iterator

import pytest

from cli.authority import COORDINATOR_ORG
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


def halt(banks: Banks, org: str, stream: str, bucket: int) -> str:
    """Where a node is to wait: before the first chunk of a message of a bucket."""
    point = f"frame.chunk.{stream}_{bucket}.0"
    banks.order(org, point, WAIT)
    return point


def kill_at(banks: Banks, org: str, point: str, *others: str) -> None:
    """SIGKILL to a node that waits at a point, and to other daemons; all are back."""
    banks.wait_halted(org, point)
    for name in (org, *others):
        banks.kill(name)
    banks.forget(org, point)
    for name in (*others, org):
        banks.start(name)


@pytest.mark.parametrize(("org", "stream"), [("bank_a", "masked"), ("bank_b", "item_tags")])
def test_a_party_that_is_killed_in_a_later_bucket_goes_on_there(
    banks: Banks, org: str, stream: str
) -> None:
    point = halt(banks, org, stream, LATER)
    job = propose(banks)
    kill_at(banks, org, point)
    assert banks.end_of(job) == End(State.DONE)
    assert {banks.view(one, job).attempt for one in BANKS} == {2}


def test_everything_is_killed_and_then_a_party_again(banks: Banks) -> None:
    point = halt(banks, "bank_a", "common", LATER)
    job = propose(banks)
    again = halt(banks, "bank_b", "item_tags", LATER + 1)
    kill_at(banks, "bank_a", point, COORDINATOR_ORG, "bank_b")
    kill_at(banks, "bank_b", again)
    assert banks.end_of(job) == End(State.DONE)
    assert {banks.view(one, job).attempt for one in BANKS} == {3}
