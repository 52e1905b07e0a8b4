"""How a query ends when somebody is killed, stops it or misbehaves: alike everywhere, nothing left.

Whatever happens to a run, all parties tell the same end and the same cause; no result is anywhere
unless the job is done; nothing of the run is left at the coordinator; no process is left behind.
"""

from collections.abc import Iterator

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from tests.federation.banks import End
from tests.federation.federation import eventually, short_folder
from tests.federation.offspring import is_alive
from tests.federation.orders import WAIT
from tests.federation.owners import RECEIVER, Owners

ORGS = ("registry", "tax", "bank_a")
QUERY = """
SELECT r.region, COUNT(*) AS n, SUM(b.loan_balance) AS loans, SUM(r.reg_capital) AS capital
FROM bank_a.loans AS b JOIN registry.enterprises AS r USING (uscc)
WHERE r.reg_capital > 2000000
GROUP BY r.region
"""


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
    job = owners.propose(QUERY)
    owners.wait_halted(org, point)
    return job


def must_be_right(owners: Owners, job: str) -> None:
    """The job ends well, with the answer that it has in the clear."""
    assert owners.end_of(job) == End(State.DONE)
    table = owners.table(job)
    assert table.rows
    assert table == owners.clear(QUERY)


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
    job = owners.propose(QUERY)
    owners.wait_halted("registry", "contribute.share")
    owners.go_on("registry", "contribute.share")
    (computing,) = eventually(lambda: owners.offspring(COORDINATOR_ORG))
    owners.kill_alone(COORDINATOR_ORG)
    eventually(lambda: not is_alive(computing))
    owners.start(COORDINATOR_ORG)
    owners.wait_attached()
    must_be_right(owners, job)


# ── a person stops it ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "point"),
    [
        ("registry", "fetch.he_key"),
        ("registry", "contribute.share"),
        ("bank_a", "fetch.sums"),
    ],
)
def test_stopped_in_the_middle_nothing_is_left(owners: Owners, org: str, point: str) -> None:
    job = halted(owners, org, point)
    aborted = owners.run_cli("registry", "abort", job)
    assert aborted.returncode == 0, aborted.stderr
    assert owners.end_of(job) == End(State.ABORTED, "ABORTED", "registry")


# ── a party misbehaves ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("tokens twice", "BAD_MESSAGE"),
        ("tokens too few", "BAD_MESSAGE"),
        ("code out of range", "BAD_MESSAGE"),
        ("codes too few", "BAD_MESSAGE"),
        ("columns too few", "BAD_MESSAGE"),
        ("blinding too short", "BAD_MESSAGE"),
        ("ciphertext cut", "BAD_MESSAGE"),
        ("ciphertext of another key", "FOREIGN_CIPHERTEXT"),
    ],
)
def test_a_share_that_is_not_one_ends_the_job_and_names_its_party(
    owners: Owners, deed: str, code: str
) -> None:
    owners.order("registry", "contribute.share", deed)
    job = owners.propose(QUERY)
    assert owners.end_of(job) == End(State.FAILED, code, "registry")
    assert not owners.has_orders("registry")


def test_a_key_other_than_the_signed_one_is_found_out(owners: Owners) -> None:
    owners.order(RECEIVER, "contribute.he_key", "another key")
    job = owners.propose(QUERY)
    end = owners.end_of(job)
    assert end.state is State.FAILED
    assert (end.code, end.party) in {
        ("FOREIGN_ENCRYPTION_KEY", "coordinator"),
        ("BAD_MESSAGE", RECEIVER),
    }


def test_after_all_that_the_next_one_is_right(owners: Owners) -> None:
    must_be_right(owners, owners.propose(QUERY))
