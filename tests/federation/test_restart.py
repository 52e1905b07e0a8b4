"""Daemons that are killed, replaced and cut off: nothing is lost, and every end is one end.

Kill means SIGKILL: no daemon gets to say or write anything. Where in a run it comes is chosen by
the stage (staged.py). Every end is checked at both nodes and at the coordinator (Banks.end_of).
What people are told of each kind of end is in the table of refusals (refusals/).

MIHE_KILLS=60 makes the series of kills at random longer; MIHE_KILLS_SEED repeats one.
"""

import json
import os
import random
import shutil
import time
from collections.abc import Iterator

import pytest

from cli.authority import COORDINATOR_ORG
from contract.lifecycle import State
from tests.federation.banks import BANKS, Banks, End, other
from tests.federation.federation import short_folder

KILLS = int(os.environ.get("MIHE_KILLS", "6"))
SEED = int(os.environ.get("MIHE_KILLS_SEED", random.SystemRandom().randrange(1 << 32)))
DONE = End(State.DONE)
LONGER_THAN_A_RUN = 0.7
"""Seconds: a kill at any moment up to then meets a job in any state."""

MID_RUN = "frame.chunk.evaluated.0"
"""bank_b, the sender, has computed everything and has sent nothing of it; its gate has opened."""

POINTS = (
    *(f"{when}.{kind}" for when in ("say", "said") for kind in ("approval", "prepare", "start")),
    *("say.gate", "said.gate", "say.evidence", "said.evidence", "frame.hello"),
    *(
        f"frame.{frame}.{stream}"
        for frame in ("open", "receipted")
        for stream in ("blinded", "matched")
    ),
    *("frame.open.evaluated", "frame.receipted.evaluated", MID_RUN, "frame.ack"),
)


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _all_up(banks: Banks) -> Iterator[None]:
    """Whatever a test leaves behind, the next one finds all daemons there and no orders."""
    yield
    for org in BANKS:
        banks.dismiss(org)
    missing = [name for name in (COORDINATOR_ORG, *BANKS) if name not in banks.running]
    banks.start(*missing)
    banks.wait_attached()


def _known(banks: Banks, job: str) -> dict[str, object]:
    """Everything that each bank's people can ask, about a finished job among it."""
    answers: dict[str, object] = {}
    for org in BANKS:
        with banks.client(org) as node:
            answers[f"{org} jobs"] = node.jobs()
            # How far each party was is not kept.
            answers[f"{org} job"] = node.show(job).model_copy(update={"progress": ()})
            answers[f"{org} catalogue"] = node.catalogue()
            answers[f"{org} status"] = node.status()
        rows = banks.run_cli(org, "result", job, "--out", "-")
        answers[f"{org} result"] = (rows.returncode, rows.stdout)
    return answers


def test_two_nodes_killed_between_jobs_lose_nothing(banks: Banks) -> None:
    job = banks.must_work()
    before = _known(banks, job)
    for org in BANKS:
        banks.kill(org)
    banks.start(*BANKS)
    banks.wait_attached()
    assert _known(banks, job) == before
    banks.must_work()


def test_a_coordinator_killed_between_jobs_loses_nothing(banks: Banks) -> None:
    job = banks.must_work()
    before = _known(banks, job)

    def without_it() -> None:
        asked = banks.run_cli("bank_a", "show", job, "--json")
        assert json.loads(asked.stdout)["state"] == "done"

    banks.replace_coordinator(meanwhile=without_it)
    assert _known(banks, job) == before
    banks.must_work()


def test_daemons_killed_anywhere_leave_no_half_result(banks: Banks) -> None:
    chance = random.Random(SEED)
    for number in range(KILLS):
        to = chance.choice([("bank_a",), ("bank_b",), BANKS])
        killed = chance.choice([*BANKS, *BANKS, COORDINATOR_ORG])
        point = None if killed == COORDINATOR_ORG else chance.choice([None, *POINTS, *POINTS])
        print(f"kill {number} of seed {SEED}: {killed} at {point}, result to {to}")  # noqa: T201
        if point is None:
            job = banks.propose(by=chance.choice(BANKS), to=to)
            time.sleep(chance.uniform(0, LONGER_THAN_A_RUN))
        else:
            banks.order(killed, point, "wait")
            job = banks.propose(by=other(killed), to=to)
            banks.wait_halted_or_done(killed, point, job)
        if killed == COORDINATOR_ORG:
            banks.replace_coordinator()
            assert banks.end_of(job) == DONE
            continue
        banks.kill(killed)
        banks.dismiss(killed)
        banks.start(killed)
        assert banks.end_of(job) in {DONE, End(State.FAILED, "PARTY_RESTARTED", killed)}
        banks.wait_attached()
    banks.must_work()


def test_a_result_that_is_being_written_when_the_job_fails_does_not_stay(banks: Banks) -> None:
    banks.order("bank_a", "say.evidence", "wait")
    banks.order("bank_a", "keep.evidence", "altered")
    with banks.halted("bank_b", "rows", to=BANKS) as job:
        banks.go_on("bank_a", "say.evidence")
        assert banks.end_of(job) == End(State.FAILED, "BAD_SIGNATURE", "bank_a")
    banks.must_work()
    assert not banks.result_files("bank_b", job)


def test_a_run_outlives_its_relay(banks: Banks) -> None:
    with banks.halted("bank_b", MID_RUN) as job:
        banks.replace_coordinator()
    assert banks.end_of(job) == DONE


@pytest.mark.parametrize(
    ("org", "point"),
    [
        ("bank_a", "frame.hello"),
        ("bank_b", "frame.open.evaluated"),
        ("bank_a", "frame.chunk.blinded.0"),
        ("bank_b", "frame.receipted.evaluated"),
        ("bank_a", "frame.chunk.matched.0"),
    ],
)
def test_a_run_outlives_a_cut_line(banks: Banks, org: str, point: str) -> None:
    banks.order(org, point, "cut")
    assert banks.end_of(banks.propose(to=BANKS)) == DONE
    assert not banks.has_orders(org)


def test_a_node_that_lost_its_state_ends_its_jobs_and_can_start_again(banks: Banks) -> None:
    data, aside = banks.folder / "bank_b" / "data", banks.folder / "bank_b" / "aside"
    with banks.halted("bank_b", MID_RUN) as job:
        banks.kill("bank_b")
    data.rename(aside)
    banks.start("bank_b")
    assert banks.end_of(job) == End(State.FAILED, "PARTY_LOST", "bank_b")
    asked = banks.ask()
    assert asked.returncode == 2
    assert "UNKNOWN_DATASET" in asked.stderr
    banks.import_loans("bank_b")
    banks.must_work()
    # Its old folder comes back from wherever it was.
    banks.stop("bank_b")
    shutil.rmtree(data)
    aside.rename(data)
    banks.start("bank_b")
    banks.wait_attached()
    banks.must_work()


def test_a_coordinator_that_lost_its_log_ends_what_was_open(banks: Banks) -> None:
    finished = banks.must_work()
    with banks.halted("bank_b", MID_RUN) as job:
        log = banks.folder / COORDINATOR_ORG / "data"
        banks.replace_coordinator(meanwhile=lambda: shutil.rmtree(log))
        for org in BANKS:
            view = banks.view_at_end(org, job)
            assert (view.state, view.cause and view.cause.code) == (State.FAILED, "PARTY_LOST")
            assert not banks.result_files(org, job)
            assert banks.view(org, finished).state is State.DONE
    banks.must_work()
