"""Faults at random, over intersections and queries, and one rule after each: never wrong, never
half, never a hang, the same cause everywhere, nothing left over.

A few by default; `make faults` asks for many. MIHE_FAULTS says how many, MIHE_FAULTS_SEED repeats a
series; when and where a fault hits a run depends on the machine, what it is and whom does not.
"""

import csv
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from cli.authority import COORDINATOR_ORG
from contract.errors import (
    CoordinatorAbsent,
    PartyLost,
    PartyRestarted,
    PartyStalled,
    PeerAbsent,
    StorageFull,
)
from contract.lifecycle import State
from tests.faults.leftovers import nothing_is_left
from tests.federation.banks import End
from tests.federation.disks import full_for
from tests.federation.federation import eventually, short_folder
from tests.federation.owners import BY_REGION, RECEIVER, Owners
from tests.unit.node.stations import uscc

FAULTS = int(os.environ.get("MIHE_FAULTS", "6"))
SEED = int(os.environ.get("MIHE_FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))
ORGS = ("registry", "bank_b", RECEIVER)
SILENCE = 10
SETTINGS = {"silence_seconds": SILENCE, "step_seconds": 60, "peer_patience_seconds": 15}
LONGER_THAN_A_RUN = 4.0
"""Seconds: a fault at any moment up to then meets a query in any state."""

CODES = [uscc(number) for number in range(400)]
HELD = {"registry": CODES[150:350], "bank_b": CODES[100:400], RECEIVER: CODES[0:300]}
DESCRIPTION = """
name = "firms"
source = "firms.csv"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
"""
POLICY = """
[[allow]]
dataset = "firms"
jobs = ["psi"]
on = ["uscc"]
with = ["registry", "bank_a", "bank_b"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""
CAUSES = {
    leaf.code
    for leaf in (
        CoordinatorAbsent, PartyLost, PartyRestarted, PartyStalled, PeerAbsent, StorageFull
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    coordinator = {"silence_seconds": SILENCE, "node_grace_seconds": 15}
    with (
        short_folder() as folder,
        Owners(folder, *ORGS, node=SETTINGS, coordinator=coordinator) as running,
    ):
        for org, held in HELD.items():
            policy = running.home(org).policy
            policy.write_text(policy.read_text("utf-8") + POLICY, "utf-8")
            rows = "".join(f"{code}\n" for code in held)
            running.add(org, "firms", DESCRIPTION, f"uscc\n{rows}")
        yield running


# ── what is asked ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Question:
    """A job to propose, and a check of its answer."""

    name: str
    propose: Callable[[Owners], str]
    check: Callable[[Owners, str], None]


def intersection(*orgs: str) -> Question:
    """Which firms all of `orgs` hold, to the receiver."""
    common = set(CODES).intersection(*(HELD[org] for org in orgs))

    def propose(owners: Owners) -> str:
        datasets = [f"{org}.firms" for org in orgs]
        words = ["--on", "uscc", "--to", RECEIVER, "--purpose", "CREDIT_MICRO"]
        words += ["--basis", "SYNTHETIC_TEST", "--yes", "--json", "--detach"]
        asked = owners.run_cli(RECEIVER, "psi", *datasets, *words)
        assert asked.returncode == 0, asked.stderr
        return str(json.loads(asked.stdout)["job"])

    def check(owners: Owners, job: str) -> None:
        result = owners.folder / RECEIVER / "data" / "results" / f"{job}.csv"
        with result.open(encoding="utf-8", newline="") as file:
            assert {row["uscc"] for row in csv.DictReader(file)} == common

    return Question(f"intersection of {len(orgs)}", propose, check)


def _check_query(owners: Owners, job: str) -> None:
    assert owners.table(job) == owners.clear(BY_REGION)


QUESTIONS = [
    intersection("bank_b", RECEIVER),
    intersection(*ORGS),
    Question("query", lambda owners: owners.propose(BY_REGION), _check_query),
]


# ── what befalls a daemon ───────────────────────────────────────────────────────────────────────


def killed(owners: Owners, name: str, _: random.Random) -> None:
    """It is gone, and back."""
    owners.kill(name)
    owners.start(name)


def stopped(owners: Owners, name: str, _: random.Random) -> None:
    """It ends in order, and is back."""
    owners.restart(name)


def frozen(owners: Owners, name: str, chance: random.Random) -> None:
    """It stands still, for a moment or for longer than anybody may."""
    owners.freeze(name)
    time.sleep(chance.choice([0.5, 3, SILENCE + 12]))
    owners.thaw(name)


def filled(owners: Owners, name: str, chance: random.Random) -> None:
    """Its disk takes nothing for a while."""
    with full_for(owners.process_id(name)):
        time.sleep(chance.uniform(0.2, 8))


FAULTS_OF_ONE = [killed, stopped, frozen, filled]


def test_whatever_befalls_whomever_the_rule_holds(owners: Owners) -> None:
    chance = random.Random(SEED)
    for number in range(FAULTS):
        question = chance.choice(QUESTIONS)
        victims = chance.sample([*ORGS, COORDINATOR_ORG], chance.choice([1, 1, 1, 2]))
        deeds = [(chance.choice(FAULTS_OF_ONE), name) for name in victims]
        pause = chance.uniform(0, LONGER_THAN_A_RUN)
        what = " then ".join(f"{name} {deed.__name__}" for deed, name in deeds)
        _say(f"fault {number} of MIHE_FAULTS_SEED={SEED}")
        _say(f"    {question.name}; after {pause:.2f} s {what}")
        job = question.propose(owners)
        time.sleep(pause)
        for deed, name in deeds:
            deed(owners, name, chance)
        must_hold(owners, question, job, victims)


def must_hold(owners: Owners, question: Question, job: str, victims: list[str]) -> None:
    """The rule."""
    end = owners.end_of(job)
    _say(f"    {end.state.value} {end.code or ''} {end.party or ''}")
    if end == End(State.DONE):
        question.check(owners, job)
    else:
        assert (end.state, end.code in CAUSES) == (State.FAILED, True)
        assert end.party in victims
    eventually(lambda: _all_attached(owners))
    nothing_is_left(owners)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _all_attached(owners: Owners) -> bool:
    with suppress(Exception):
        owners.wait_attached(seconds=1)
        return True
    return False
