"""Several jobs at once, through real daemons: none waits for another that is slow or stalled.

Nothing here is timed. A job is held at a point for as long as the test wants, and the others must
end meanwhile; if they waited for it they never would.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from contract.lifecycle import State
from tests.federation.banks import BANKS, Banks, End, other
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import HOLD

AT_ONCE = 10
STALLS = {
    "bank_a": "frame.chunk.blinded.0",  # the receiver sends nothing
    "bank_b": "frame.chunk.evaluated.0",  # the sender does not answer
}


@contextmanager
def held(banks: Banks, org: str) -> Iterator[str]:
    """A job that `org` lets stall until the block is left."""
    banks.order(org, STALLS[org], HOLD)
    try:
        job = banks.propose(by=other(org))
        banks.wait_halted(org, STALLS[org])
        yield job
    finally:
        banks.dismiss(org)


@pytest.fixture(scope="module", params=[False, True], ids=["relayed", "direct"])
def banks(request: pytest.FixtureRequest) -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder, direct=request.param) as running:
        yield running


def test_many_jobs_between_the_same_nodes_all_end_right(banks: Banks) -> None:
    for job in [banks.propose(by=BANKS[at % 2]) for at in range(AT_ONCE)]:
        assert banks.end_of(job) == End(State.DONE)


@pytest.mark.parametrize("org", BANKS)
def test_a_stalled_job_lets_others_by(banks: Banks, org: str) -> None:
    with held(banks, org) as stalled:
        for job in [banks.propose() for _ in range(3)]:
            assert banks.end_of(job) == End(State.DONE)
        assert banks.view(org, stalled).state is State.RUNNING
    assert banks.end_of(stalled) == End(State.DONE)


def test_with_one_run_at_a_time_jobs_from_both_sides_take_turns_and_people_see_it() -> None:
    with short_folder() as folder, Banks(folder, node={"runs_at_once": 1}) as banks:
        with held(banks, "bank_b") as first:
            others = [banks.propose(by=BANKS[at % 2]) for at in range(6)]
            for org in BANKS:
                eventually(partial(_all_queued, banks, org, others))
            assert not _queued(banks, "bank_a", first)
        for job in [first, *others]:
            assert banks.end_of(job) == End(State.DONE)


def test_a_job_that_waits_its_turn_can_be_aborted_and_the_others_go_on() -> None:
    with (
        short_folder() as folder,
        Banks(folder, node={"runs_at_once": 1}) as banks,
        held(banks, "bank_b") as first,
    ):
        second, third = banks.propose(), banks.propose()
        eventually(lambda: _queued(banks, "bank_a", third))
        with banks.client("bank_a") as node:
            node.abort(second)
            node.abort(first)
        assert banks.end_of(second).state is State.ABORTED
        assert banks.end_of(first).state is State.ABORTED
        assert banks.end_of(third) == End(State.DONE)


def _all_queued(banks: Banks, org: str, jobs: list[str]) -> bool:
    return all(_queued(banks, org, job) for job in jobs)


def _queued(banks: Banks, org: str, job: str) -> bool:
    """Whether `org` says of itself that the job waits for its turn there."""
    progress = banks.view(org, job).progress
    return any(
        (step.org, step.phase, step.done) == (org, "queued", 0) for step in progress
    ) and not any((step.org, step.phase) == (org, "load") for step in progress)
