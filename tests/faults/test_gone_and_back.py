"""The coordinator gone and back, nodes gone and back or replaced by empty ones, at every phase.

A job goes on, or ends with one cause on every side; what was finished stays as it is; ledgers and
evidence of all sides agree.
"""

import shutil
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from tests.faults.leftovers import must_agree, nothing_is_left
from tests.federation.banks import BANKS, Banks, End, end_of
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import BY_REGION, PLAIN, RECEIVER, Owners

DONE = End(State.DONE)
EPSILON = Decimal("0.5")
MID_RUN = "frame.chunk.evaluated.0"
PHASES = {
    State.PROPOSED: "say.approval",
    State.APPROVED: "say.prepare",
    State.READY: "say.start",
    State.RUNNING: MID_RUN,
    State.RELEASING: "say.evidence",
}
"""Where bank_b is held, so that a job stays in a state."""
PATIENCE, LONGER_THAN_PATIENCE = 3, 8
LONG = {State.APPROVED, State.READY}
"""Between being proposed and running nothing is held that is not held then."""


def phases(*more: State) -> list[object]:
    """Every phase; some of them only in the long form."""
    marks = {phase: [pytest.mark.long] if phase in LONG else [] for phase in (*PHASES, *more)}
    return [pytest.param(phase, marks=long) for phase, long in marks.items()]


COMINGS = [
    *((phase, "killed") for phase in PHASES if phase not in LONG),
    (State.RUNNING, "stopped"),
    *(pytest.param(phase, "killed", marks=pytest.mark.long) for phase in PHASES if phase in LONG),
    pytest.param(State.PROPOSED, "stopped", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


@pytest.fixture
def impatient() -> Iterator[Banks]:
    with (
        short_folder() as folder,
        Banks(
            folder,
            node={"peer_patience_seconds": PATIENCE},
            coordinator={"node_grace_seconds": PATIENCE},
        ) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, "registry", RECEIVER) as running:
        yield running


def leave(banks: Banks | Owners, name: str, how: str) -> None:
    """End a daemon: with SIGKILL, or with SIGTERM and whatever it does then."""
    (banks.kill if how == "killed" else banks.stop)(name)


# ── the coordinator ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("phase", "how"), COMINGS)
def test_a_coordinator_that_is_back_with_its_log(banks: Banks, phase: State, how: str) -> None:
    with banks.halted("bank_b", PHASES[phase]) as job:
        eventually(lambda: banks.view("bank_a", job).state is phase)
        leave(banks, COORDINATOR_ORG, how)
        banks.start(COORDINATOR_ORG)
    banks.wait_attached()
    assert banks.end_of(job) == DONE
    must_agree(banks, job, BANKS)
    nothing_is_left(banks)


@pytest.mark.parametrize("phase", phases())
def test_a_coordinator_that_is_back_without_it(banks: Banks, phase: State) -> None:
    finished = banks.must_work()
    before = {org: banks.view(org, finished) for org in BANKS}
    with banks.halted("bank_b", PHASES[phase]) as job:
        eventually(lambda: banks.view("bank_a", job).state is phase)
        banks.kill(COORDINATOR_ORG)
        shutil.rmtree(banks.folder / COORDINATOR_ORG / "data")
        banks.start(COORDINATOR_ORG)
    for org in BANKS:
        view = banks.view_at_end(org, job)
        assert end_of(view) == End(State.FAILED, "PARTY_LOST", COORDINATOR_ORG)
        eventually(lambda org=org: not banks.result_files(org, job))  # type: ignore[misc]
        assert banks.view(org, finished) == before[org]
    banks.wait_attached()
    banks.must_work()
    nothing_is_left(banks)


@pytest.mark.parametrize(
    "point", ["fetch.he_key", pytest.param("contribute.share", marks=pytest.mark.long), "say.gate"]
)
@pytest.mark.parametrize("how", ["stopped", "emptied"])
def test_a_coordinator_of_a_query(owners: Owners, point: str, how: str) -> None:
    owners.order("registry", point, WAIT)
    job = owners.propose(BY_REGION)
    owners.wait_halted("registry", point)
    leave(owners, COORDINATOR_ORG, how)
    if how == "emptied":
        shutil.rmtree(owners.folder / COORDINATOR_ORG / "data")
    owners.start(COORDINATOR_ORG)
    owners.dismiss("registry")
    owners.wait_attached()
    if how == "emptied":
        assert owners.end_of(job) == End(State.FAILED, "PARTY_LOST", COORDINATOR_ORG)
    else:
        assert owners.end_of(job) == DONE
        assert owners.table(job) == owners.clear(BY_REGION)
    nothing_is_left(owners)


# ── a node ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("phase", "how"), COMINGS)
def test_a_node_that_is_back(banks: Banks, phase: State, how: str) -> None:
    with banks.halted("bank_b", PHASES[phase]) as job:
        eventually(lambda: banks.view("bank_a", job).state is phase)
        leave(banks, "bank_b", how)
    banks.start("bank_b")
    banks.wait_attached()
    ended = banks.end_of(job)
    begun = phase in (State.RUNNING, State.RELEASING)
    assert ended == (End(State.FAILED, "PARTY_RESTARTED", "bank_b") if begun else DONE)
    must_agree(banks, job, BANKS)
    nothing_is_left(banks)


def test_a_node_that_is_gone_once_its_evidence_is_in_is_not_missed(
    impatient: Banks,
) -> None:
    """The receiver takes longer over its rows than it, or the coordinator, waits for anybody."""
    with impatient.halted("bank_a", "rows") as job:
        eventually(lambda: "evidence" in said_by(impatient, "bank_b", job))
        impatient.kill("bank_b")
        time.sleep(LONGER_THAN_PATIENCE)
    impatient.view_at_end("bank_a", job)
    impatient.start("bank_b")
    assert impatient.end_of(job) == DONE
    must_agree(impatient, job, BANKS)
    nothing_is_left(impatient)


def said_by(banks: Banks, org: str, job: str) -> set[str]:
    """The kinds of statements of `org` that the receiver has heard."""
    return {one.kind for one in banks.view("bank_a", job).history if one.org == org}


@pytest.mark.parametrize("phase", phases(State.DONE))
def test_a_node_that_is_replaced_by_an_empty_one(banks: Banks, phase: State) -> None:
    finished = banks.must_work()
    before = banks.view("bank_a", finished)
    job = finished
    if phase is State.DONE:
        banks.kill("bank_b")
    else:
        with banks.halted("bank_b", PHASES[phase]) as job:
            eventually(lambda: banks.view("bank_a", job).state is phase)
            banks.kill("bank_b")
    shutil.rmtree(banks.folder / "bank_b" / "data")
    banks.start("bank_b")
    banks.wait_attached()
    if phase is not State.DONE:
        assert banks.end_of(job) == End(State.FAILED, "PARTY_LOST", "bank_b")
        must_agree(banks, job, BANKS)
    # What was finished stays what it was, and the log gives the empty node its statements back.
    assert banks.end_of(finished) == DONE
    assert banks.view("bank_a", finished) == before
    assert banks.view("bank_b", finished).history == before.history
    banks.import_loans("bank_b")
    banks.must_work()
    nothing_is_left(banks)


@pytest.mark.parametrize("point", ["say.gate", "frame.open.release"])
def test_an_answer_with_noise_is_charged_once_by_a_node_that_is_killed(
    owners: Owners, point: str
) -> None:
    """Before it says that it releases, and after: it never draws for the same answer again."""
    before = spent(owners)
    owners.order("registry", point, WAIT)
    job = owners.propose(PLAIN, "--noise", str(EPSILON))
    owners.wait_halted("registry", point)
    owners.kill("registry")
    owners.dismiss("registry")
    owners.start("registry")
    owners.wait_attached()
    assert owners.end_of(job) == End(State.FAILED, "PARTY_RESTARTED", "registry")
    assert spent(owners) == before + EPSILON
    nothing_is_left(owners)


def spent(owners: Owners) -> Decimal:
    """What answers with noise have cost the registry."""
    with owners.client("registry") as node:
        charges = [each.epsilon for one in node.datasets().datasets for each in one.spent]
    return sum(charges, Decimal(0))


def test_a_node_of_a_query_that_is_replaced_by_an_empty_one(owners: Owners) -> None:
    owners.order("registry", "contribute.share", WAIT)
    job = owners.propose(BY_REGION)
    owners.wait_halted("registry", "contribute.share")
    owners.kill("registry")
    owners.dismiss("registry")
    shutil.rmtree(owners.folder / "registry" / "data")
    owners.start("registry")
    owners.wait_attached()
    assert owners.end_of(job) == End(State.FAILED, "PARTY_LOST", "registry")
    nothing_is_left(owners)
