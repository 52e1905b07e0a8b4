"""Somebody is on the line and does not go on: the run ends, alike everywhere, and names who it was.

Silence and steps are bounded as tightly here as the settings allow, so each of these tests takes
some ten to thirty seconds; nothing in them asserts how fast anything is.
"""

import time
from collections.abc import Iterator

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from tests.faults.leftovers import nothing_is_left
from tests.federation.banks import BANKS, Banks, End
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import BY_REGION, RECEIVER, Owners

SILENCE, STEP, PATIENCE = 10, 20, 10
IMPATIENT = {
    "silence_seconds": SILENCE, "step_seconds": STEP, "peer_patience_seconds": PATIENCE
}  # fmt: skip
MID_RUN = "frame.chunk.evaluated.0"


def stalled(party: str) -> End:
    return End(State.FAILED, "PARTY_STALLED", party)


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder, node=IMPATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def direct_banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder, direct=True, node=IMPATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    orgs = ("registry", RECEIVER)
    with short_folder() as folder, Owners(folder, *orgs, node=IMPATIENT) as running:
        yield running


# ── a peer ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", ["banks", "direct_banks"])
def test_a_peer_whose_process_is_stopped(line: str, request: pytest.FixtureRequest) -> None:
    banks: Banks = request.getfixturevalue(line)
    with banks.halted("bank_b", MID_RUN) as job:
        banks.freeze("bank_b")
        seen = banks.view_at_end("bank_a", job)
        assert (seen.state, seen.cause and seen.cause.party) == (State.FAILED, "bank_b")
        banks.thaw("bank_b")
    assert banks.end_of(job) == stalled("bank_b")
    nothing_is_left(banks)


@pytest.mark.parametrize(
    "point",
    [
        "say.gate",  # the event loop hangs
        MID_RUN,  # the link never sends what comes next
        # nor what it owes for what has come
        pytest.param("frame.ack", marks=pytest.mark.long),
    ],
)
def test_a_peer_that_hangs(banks: Banks, point: str) -> None:
    with banks.halted("bank_b", point) as job:
        seen = banks.view_at_end("bank_a", job)
        assert (seen.state, seen.cause and seen.cause.party) == (State.FAILED, "bank_b")
    assert banks.end_of(job) == stalled("bank_b")
    nothing_is_left(banks)


def test_a_peer_whose_working_thread_is_dead_in_the_last_step(banks: Banks) -> None:
    with banks.halted("bank_b", "rows", to=BANKS) as job:
        assert banks.end_of(job) == stalled("bank_b")
    nothing_is_left(banks)


def test_a_peer_that_sends_byte_by_byte(banks: Banks) -> None:
    banks.order("bank_b", "frame.open.evaluated", "trickle")
    assert banks.end_of(banks.propose()) == stalled("bank_b")
    nothing_is_left(banks)


def test_a_peer_that_works_for_longer_than_silence_may_last_is_left_to_work(banks: Banks) -> None:
    with banks.halted("bank_b", "rows", to=BANKS) as job:
        time.sleep(SILENCE + 3)
        assert banks.view("bank_a", job).state is State.RELEASING
    assert banks.end_of(job) == End(State.DONE)


def test_a_node_that_was_stopped_itself_blames_nobody(banks: Banks) -> None:
    with banks.halted("bank_b", MID_RUN) as job:
        for org in BANKS:
            banks.freeze(org)
        time.sleep(SILENCE + 3)
        for org in BANKS:
            banks.thaw(org)
        banks.go_on("bank_b", MID_RUN)
        banks.wait_attached()
        assert banks.end_of(job) == End(State.DONE)


# ── the coordinator ─────────────────────────────────────────────────────────────────────────────


def test_a_coordinator_that_is_stopped_for_good(banks: Banks) -> None:
    with banks.halted("bank_b", MID_RUN) as job:
        banks.freeze(COORDINATOR_ORG)
        ended = f"ending job={job[:12]} code=COORDINATOR_ABSENT"
        eventually(lambda: ended in banks.log("bank_a").read_text("utf-8"))
    # Nobody can be told before it is back; then everybody is told the same.
    banks.thaw(COORDINATOR_ORG)
    assert banks.end_of(job) == End(State.FAILED, "COORDINATOR_ABSENT", COORDINATOR_ORG)
    banks.wait_attached()
    nothing_is_left(banks)
    banks.must_work()


def test_a_coordinator_that_hangs_is_left_and_found_again(banks: Banks) -> None:
    banks.order(COORDINATOR_ORG, "turn", WAIT)
    banks.wait_halted(COORDINATOR_ORG, "turn")
    eventually(lambda: not any(map(banks.is_attached, BANKS)))
    banks.dismiss(COORDINATOR_ORG)
    banks.wait_attached()
    banks.must_work()


def test_a_coordinator_that_takes_all_parts_and_states_nothing(owners: Owners) -> None:
    owners.order(COORDINATOR_ORG, "say.cells", WAIT)
    job = owners.propose(BY_REGION)
    assert owners.end_of(job) == stalled(COORDINATOR_ORG)
    owners.dismiss(COORDINATOR_ORG)
    nothing_is_left(owners)


# ── a party of a query ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "point"),
    [
        (RECEIVER, "fetch.sums"),  # never releases
        ("registry", "frame.open.release"),
        pytest.param("registry", "fetch.he_key", marks=pytest.mark.long),
    ],
)
def test_a_party_of_a_query_that_never_goes_on(owners: Owners, org: str, point: str) -> None:
    owners.order(org, point, WAIT)
    job = owners.propose(BY_REGION)
    owners.wait_halted(org, point)
    assert owners.end_of(job) == stalled(org)
    owners.dismiss(org)
    nothing_is_left(owners)


def test_after_all_that_a_query_is_right(owners: Owners) -> None:
    assert owners.answer(BY_REGION) == owners.clear(BY_REGION)
