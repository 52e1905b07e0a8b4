"""How a query ends when somebody is killed: alike everywhere, nothing left.

Whatever happens to a run, all parties tell the same end and the same cause; no result is anywhere
unless the job is done; nothing of the run is left at the coordinator; no process is left behind.
Who stops a query, or hands in what is none, is in the table of refusals (refusals/).
"""

from collections.abc import Iterator

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from tests.federation.banks import End
from tests.federation.federation import eventually, short_folder
from tests.federation.offspring import is_alive
from tests.federation.orders import WAIT
from tests.federation.owners import PLAIN, RECEIVER, Owners

ORGS = ("registry", "tax", "bank_a")


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, *ORGS) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_left(owners: Owners) -> Iterator[None]:
    yield
    for org in ORGS:
        owners.dismiss(org)
    for name in (*ORGS, COORDINATOR_ORG):
        eventually(lambda name=name: not owners.offspring(name))  # type: ignore[misc]


def halted(owners: Owners, org: str, point: str) -> str:
    """A query in which `org` has come to a point and waits there."""
    owners.order(org, point, WAIT)
    job = owners.propose(PLAIN)
    owners.wait_halted(org, point)
    return job


def must_be_right(owners: Owners, job: str) -> None:
    """The job ends well, with the answer that it has in the clear."""
    assert owners.end_of(job) == End(State.DONE)
    table = owners.table(job)
    assert table.rows
    assert table == owners.clear(PLAIN)


# ── a party dies ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "point"),
    [
        ("registry", "contribute.share"),
        ("bank_a", "contribute.share"),
        ("registry", "say.gate"),
        ("bank_a", "fetch.sums"),
        ("registry", "frame.open.release"),
    ],
)
def test_a_party_that_is_killed_ends_the_job_everywhere(
    owners: Owners, org: str, point: str
) -> None:
    job = halted(owners, org, point)
    children = owners.offspring(org)
    assert bool(children) == (org == RECEIVER)
    owners.kill(org)
    eventually(lambda: not any(map(is_alive, children)))
    owners.dismiss(org)
    owners.start(org)
    owners.wait_attached()
    assert owners.end_of(job) == End(State.FAILED, "PARTY_RESTARTED", org)


def test_the_process_of_the_decryption_key_ends_with_a_node_that_dies_alone(
    owners: Owners,
) -> None:
    job = halted(owners, RECEIVER, "fetch.sums")
    (key_process,) = owners.offspring(RECEIVER)
    owners.kill_alone(RECEIVER)
    eventually(lambda: not is_alive(key_process))
    owners.dismiss(RECEIVER)
    owners.start(RECEIVER)
    owners.wait_attached()
    assert owners.end_of(job) == End(State.FAILED, "PARTY_RESTARTED", RECEIVER)


# ── the coordinator dies ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "point"),
    [("registry", "contribute.share"), ("bank_a", "say.he-key"), ("bank_a", "fetch.sums")],
)
def test_a_coordinator_that_is_killed_goes_on(owners: Owners, org: str, point: str) -> None:
    job = halted(owners, org, point)
    owners.kill(COORDINATOR_ORG)
    owners.start(COORDINATOR_ORG)
    if point == "say.he-key":  # the whole node waits there, so nothing else of it can be awaited
        owners.go_on(org, point)
        owners.wait_attached()
    else:
        owners.wait_attached()
        owners.go_on(org, point)
    must_be_right(owners, job)


def test_a_coordinator_that_is_killed_while_it_computes_computes_again(owners: Owners) -> None:
    owners.order("registry", "contribute.share", WAIT)
    job = owners.propose(PLAIN)
    owners.wait_halted("registry", "contribute.share")
    owners.go_on("registry", "contribute.share")
    (computing,) = eventually(lambda: owners.offspring(COORDINATOR_ORG))
    owners.kill_alone(COORDINATOR_ORG)
    eventually(lambda: not is_alive(computing))
    owners.start(COORDINATOR_ORG)
    owners.wait_attached()
    must_be_right(owners, job)


def test_after_all_that_the_next_one_is_right(owners: Owners) -> None:
    must_be_right(owners, owners.propose(PLAIN))
