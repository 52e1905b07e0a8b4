"""A party of a star that stops: the run ends, alike at all of them, and names who it was."""

from collections.abc import Iterator

import pytest

from contract.lifecycle import State
from tests.faults.leftovers import nothing_is_left
from tests.federation.banks import End, end_of
from tests.federation.directed import Directed
from tests.federation.federation import short_folder
from tests.federation.orders import WAIT
from tests.federation.test_many import DESCRIPTION, POLICY, intersect, propose
from tests.unit.node.stations import uscc

pytestmark = pytest.mark.long  # the same faults between two parties are in every run
ORGS = ("bank_a", "bank_b", "tax")
IMPATIENT = {"silence_seconds": 10, "step_seconds": 20, "peer_patience_seconds": 10}


@pytest.fixture(scope="module")
def world() -> Iterator[Directed]:
    with short_folder() as folder, Directed(folder, *ORGS, node=IMPATIENT) as federation:
        for org in ORGS:
            federation.allow(org, POLICY)
            rows = "".join(f"{uscc(number)},{number}\n" for number in range(50))
            federation.add(org, "firms", DESCRIPTION, f"uscc,amount\n{rows}")
        yield federation


@pytest.mark.parametrize(
    ("org", "point"),
    [
        ("tax", "say.gate"),  # a contributor whose event loop hangs before its store
        ("bank_b", "frame.chunk.item_tags.0"),  # a pivot that never sends its tags
    ],
)
def test_a_party_that_hangs_is_named_by_all(world: Directed, org: str, point: str) -> None:
    world.order(org, point, WAIT)
    job = propose(world, ORGS, "--to", "bank_a", "--engine", "star")
    world.wait_halted(org, point)
    seen = {each: end_of(world.view_at_end(each, job)) for each in ORGS if each != org}
    world.dismiss(org)
    stalled = End(State.FAILED, "PARTY_STALLED", org)
    assert seen == dict.fromkeys(seen, stalled)
    assert end_of(world.view_at_end(org, job)) == stalled
    nothing_is_left(world)
    assert intersect(world, ORGS, "--to", "bank_a", "--engine", "star")["state"] == State.DONE


def test_a_party_that_is_killed_ends_the_run_for_all(world: Directed) -> None:
    world.order("tax", "frame.chunk.store.0", WAIT)
    job = propose(world, ORGS, "--to", "bank_a", "--engine", "star")
    world.wait_halted("tax", "frame.chunk.store.0")
    world.kill("tax")
    world.dismiss("tax")
    world.start("tax")
    ends = {org: end_of(world.view_at_end(org, job)) for org in ORGS}
    assert ends == dict.fromkeys(ORGS, End(State.FAILED, "PARTY_RESTARTED", "tax"))
    nothing_is_left(world)
