"""Refusals because somebody is not there, a person stopped the job, or mihe is at fault itself."""

import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

from cli.authority import COORDINATOR_ORG
from cli.local import free_port
from contract.errors import (
    Aborted,
    CoordinatorAbsent,
    NodeAbsent,
    OurError,
    PeerAbsent,
    StateAbsent,
)
from tests.federation.banks import BANKS, Banks, question
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import PLAIN, Owners
from tests.federation.refusals.case import Case, Told, with_job


def _without(name: str, *words: str) -> Callable[[Banks], Told]:
    """What a person of bank_a is told while a daemon does not run."""

    def provoke(banks: Banks) -> Told:
        banks.stop(name)
        try:
            if name == COORDINATOR_ORG:
                eventually(lambda: not banks.is_attached("bank_a"))
            return Told(banks.run_cli("bank_a", *words))
        finally:
            banks.start(name)
            banks.wait_attached()

    return provoke


def _without_its_state(banks: Banks) -> Told:
    """A node is started whose state is on a server that is not there."""
    home = banks.home("bank_a")
    with short_folder() as folder:
        copy = folder / "bank_a"
        shutil.copytree(home.folder, copy, ignore=shutil.ignore_patterns("*.sock", "data"))
        address = f"postgresql://mihe@127.0.0.1:{free_port()}/mihe"
        with (copy / "node.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\n[state]\nurl = "{address}"\n')
        return Told(banks.run_cli("bank_a", "node", "run", "--config", str(copy)))


def _stalled(banks: Banks) -> Told:
    """bank_b's process stands still where its link to bank_a is to begin."""
    banks.set_patience("bank_a", 2)
    try:
        with banks.halted("bank_b", "frame.hello") as job:
            os.kill(banks.process_id("bank_b"), signal.SIGSTOP)
            try:
                eventually(lambda: banks.ended("bank_a", job))
            finally:
                os.kill(banks.process_id("bank_b"), signal.SIGCONT)
        banks.end_of(job)
        return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)
    finally:
        banks.set_patience("bank_a", 120)


def _stopped(stopper: str) -> Callable[[Banks], Told]:
    def provoke(banks: Banks) -> Told:
        with banks.halted("bank_a", "frame.receipted.blinded") as job:
            aborted = banks.run_cli(stopper, "abort", job[:8])
            assert aborted.returncode == 0, aborted.stderr
            banks.end_of(job)
        return Told(banks.run_cli("bank_a", "show", job, "--follow"), job)

    return provoke


def _stopped_query(org: str, point: str) -> Callable[[Owners], Told]:
    def provoke(owners: Owners) -> Told:
        owners.order(org, point, WAIT)
        job = owners.propose(PLAIN)
        owners.wait_halted(org, point)
        aborted = owners.run_cli("registry", "abort", job)
        assert aborted.returncode == 0, aborted.stderr
        owners.end_of(job)
        owners.dismiss(org)
        return Told(owners.run_cli("bank_a", "show", job, "--follow"), job)

    return provoke


def _defect(org: str, point: str) -> Callable[[Banks], Told]:
    """A mistake in our own code, whose text quotes all that it was about."""

    def provoke(banks: Banks) -> Told:
        banks.order(org, point, "defect")
        return with_job(banks.ask(to=BANKS))

    return provoke


def _defect_at_the_coordinator(owners: Any) -> Told:
    owners.order(COORDINATOR_ORG, "serve.he_key", "defect")
    return with_job(owners.ask(PLAIN))


CASES = (
    Case(
        NodeAbsent,
        "one's own, looking",
        _without("bank_a", "status"),
        mentions=("mihe node run",),
    ),
    Case(
        NodeAbsent,
        "one's own, asking",
        _without("bank_a", "psi", *question("bank_a")),
        mentions=("mihe node run",),
    ),
    Case(
        CoordinatorAbsent,
        "for a job",
        _without(COORDINATOR_ORG, "psi", *question("bank_a")),
        phase="attach",
        mentions=("nothing listens there",),
    ),
    Case(
        CoordinatorAbsent,
        "for the catalogue",
        _without(COORDINATOR_ORG, "catalog"),
        phase="attach",
        mentions=("nothing listens there",),
    ),
    Case(StateAbsent, "no server there", _without_its_state, mentions=("[state]",)),
    Case(PeerAbsent, "a peer stands still", _stalled, party="bank_b", phase="link"),
    *(Case(Aborted, f"by {org}", _stopped(org), party=org, phase="running") for org in BANKS),
    *(
        Case(
            Aborted,
            f"a query, at {point} of {org}",
            _stopped_query(org, point),
            at="owners",
            party="registry",
            phase="running",
        )
        for org, point in (
            ("registry", "fetch.he_key"),
            ("registry", "contribute.share"),
            ("bank_a", "fetch.sums"),
        )
    ),
    Case(
        OurError,
        "at the receiver",
        _defect("bank_a", "frame.open.blinded"),
        party="bank_a",
        phase="running",
    ),
    Case(
        OurError,
        "at the sender",
        _defect("bank_b", "send.evaluated"),
        party="bank_b",
        phase="running",
    ),
    Case(
        OurError,
        "at the coordinator",
        _defect_at_the_coordinator,
        at="owners",
        party=COORDINATOR_ORG,
        phase="running",
    ),
)
