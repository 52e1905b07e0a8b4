"""Faults at random, over jobs of every kind, and one rule after each: never wrong, never half,
never a hang, the same cause everywhere, nothing left over, ledgers as they should be.

A few by default; `make faults` asks for many. MIHE_FAULTS says how many, MIHE_FAULTS_SEED repeats a
series; when and where a fault hits a run depends on the machine, what it is and whom does not.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from cli.authority import COORDINATOR_ORG
from cli.local import cli_command
from contract.errors import (
    CoordinatorAbsent,
    OurError,
    PartyLost,
    PartyRestarted,
    PartyStalled,
    PeerAbsent,
    StorageFull,
)
from contract.lifecycle import State
from mihe.sidecar import beside
from tests.faults.kinds import KINDS, EveryKind, Kind
from tests.faults.leftovers import must_agree, nothing_is_left
from tests.federation.banks import End
from tests.federation.disks import full_for
from tests.federation.federation import eventually, short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import BY_REGION, RECEIVER, TERMS

FAULTS = int(os.environ.get("MIHE_FAULTS", "6"))
SEED = int(os.environ.get("MIHE_FAULTS_SEED", random.SystemRandom().randrange(1 << 32)))
SILENCE = 10
SETTINGS = {"silence_seconds": SILENCE, "step_seconds": 60, "peer_patience_seconds": 15}
COORDINATOR = {"silence_seconds": SILENCE, "node_grace_seconds": 15}
LONGER_THAN_A_RUN = 4.0
"""Seconds: a fault at any moment up to then meets a query in any state."""

CAUSES = {
    leaf.code
    for leaf in (
        CoordinatorAbsent, PartyLost, PartyRestarted, PartyStalled, PeerAbsent, StorageFull
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[EveryKind]:
    with (
        short_folder() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        temporary = folder / "tmp"
        temporary.mkdir()
        patch.setenv("TMPDIR", str(temporary))
        with EveryKind(folder, node=SETTINGS, coordinator=COORDINATOR) as running:
            yield running
        assert not list(temporary.iterdir())


# ── what befalls a daemon ───────────────────────────────────────────────────────────────────────


def killed(world: EveryKind, name: str, _: random.Random) -> None:
    """It is gone, and back."""
    world.kill(name)
    world.start(name)


def killed_alone(world: EveryKind, name: str, _: random.Random) -> None:
    """It is gone, and back; nobody has killed the processes that it had started."""
    world.kill_alone(name)
    world.start(name)


def robbed(world: EveryKind, name: str, chance: random.Random) -> None:
    """One of the processes in which it computes is gone: its key, or what encrypts or adds."""
    if found := sorted(world.offspring(name)):
        with suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)


def stopped(world: EveryKind, name: str, _: random.Random) -> None:
    """It ends in order, and is back."""
    world.restart(name)


def frozen(world: EveryKind, name: str, chance: random.Random) -> None:
    """It stands still, for a moment or for longer than anybody may."""
    world.freeze(name)
    time.sleep(chance.choice([0.5, 3, SILENCE + 12]))
    world.thaw(name)


def filled(world: EveryKind, name: str, chance: random.Random) -> None:
    """Its disk takes nothing for a while."""
    with full_for(world.process_id(name)):
        time.sleep(chance.uniform(0.2, 8))


DEEDS = [killed, killed, killed_alone, robbed, stopped, frozen, filled]


@dataclass(frozen=True)
class Fault:
    """What befalls whom, and when: some seconds after the question, or where a party is held."""

    deeds: tuple[tuple[Callable[[EveryKind, str, random.Random], None], str], ...]
    pause: float
    point: str | None

    @property
    def victims(self) -> set[str]:
        return {name for _, name in self.deeds}

    @staticmethod
    def of(kind: Kind, chance: random.Random) -> "Fault":
        """Any that may befall a job of this kind."""
        several = chance.choice([1, 1, 1, 2])
        victims = chance.sample([*kind.orgs, COORDINATOR_ORG], several)
        deeds = tuple((chance.choice(DEEDS), name) for name in victims)
        points = kind.points[victims[0]]
        held = bool(points) and chance.random() < 0.5
        pause = chance.uniform(0, LONGER_THAN_A_RUN)
        return Fault(deeds, 0.0 if held else pause, chance.choice(points) if held else None)

    def __str__(self) -> str:
        deeds = " then ".join(f"{name} {deed.__name__}" for deed, name in self.deeds)
        return f"{f'at {self.point}' if self.point else f'after {self.pause:.2f} s'} {deeds}"

    def befall(self, world: EveryKind, kind: Kind, chance: random.Random) -> str:
        """Ask, and do it; the job."""
        (_, first), *_ = self.deeds
        point = self.point
        if point is not None:
            world.order(first, point, WAIT)
        job = kind.propose(world)
        time.sleep(self.pause)
        if point is not None:
            # It may not lie on the way of this party in this job.
            eventually(lambda: world.is_halted(first, point) or world.ended(RECEIVER, job))
        for deed, name in self.deeds:
            deed(world, name, chance)
        for _, name in self.deeds:
            world.dismiss(name)
        return job


def test_whatever_befalls_whomever_the_rule_holds(world: EveryKind) -> None:
    chance = random.Random(SEED)
    kinds: list[Kind] = []
    for number in range(FAULTS):
        kinds = kinds or chance.sample(KINDS, len(KINDS))
        kind = kinds.pop()
        fault = Fault.of(kind, chance)
        _say(f"fault {number} of MIHE_FAULTS_SEED={SEED}\n    {kind.name}; {fault}")
        before = _spent(world)
        job = fault.befall(world, kind, chance)
        must_hold(world, kind, job, fault, before)


def must_hold(
    world: EveryKind, kind: Kind, job: str, fault: Fault, before: Mapping[str, Decimal]
) -> None:
    """The rule."""
    end = world.end_of(job)
    _say(f"    {job[:12]} {end.state.value} {end.code or ''} {end.party or ''}")
    if end == End(State.DONE):
        kind.check(world, job)
    else:
        robs = any(deed is robbed for deed, _ in fault.deeds)
        assert (end.state, end.code in CAUSES | ({OurError.code} if robs else set())) == (
            State.FAILED,
            True,
        )
        assert end.party in fault.victims
    eventually(lambda: _all_attached(world))
    must_agree(world, job, kind.orgs)
    _must_be_charged(world, kind, job, before)
    nothing_is_left(world)


def _must_be_charged(world: EveryKind, kind: Kind, job: str, before: Mapping[str, Decimal]) -> None:
    """Once for whoever has released, at most once for whoever has not; nobody else."""
    released = {said.org for said in world.view(RECEIVER, job).history if said.kind == "gate"}
    after = _spent(world)
    for org, spent in after.items():
        cost = spent - before[org]
        if org not in kind.orgs or org == RECEIVER:
            assert cost == 0
        else:
            assert cost in ({kind.epsilon} if org in released else {Decimal(0), kind.epsilon})


def _spent(world: EveryKind) -> dict[str, Decimal]:
    return {org: sum(world.spent(org).values(), Decimal(0)) for org in world.orgs}


# ── what befalls a command ──────────────────────────────────────────────────────────────────────


def test_a_command_that_is_killed_leaves_its_job_to_the_node(world: EveryKind) -> None:
    chance = random.Random(SEED)
    for number in range(-(-FAULTS // 6)):
        out, known = world.folder / f"{number}.csv", world.jobs(RECEIVER)
        asked = ("query", BY_REGION, "--to", RECEIVER, *TERMS, "--out", str(out))
        environment = {**os.environ, "MIHE_NODE": str(world.folder / RECEIVER)}
        with subprocess.Popen(
            cli_command(*asked),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as command:
            time.sleep(chance.uniform(0, 2 * LONGER_THAN_A_RUN))
            command.kill()
        for job in world.jobs(RECEIVER) - known:
            assert world.end_of(job) == End(State.DONE)
            assert world.table(job) == world.clear(BY_REGION)
            if out.exists():
                assert out.read_bytes() == _result(world, job).read_bytes()
                assert beside(out).exists()
        nothing_is_left(world)


def _result(world: EveryKind, job: str) -> Path:
    return world.folder / RECEIVER / "data" / "results" / f"{job}.csv"


# ── beside both ─────────────────────────────────────────────────────────────────────────────────


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _all_attached(world: EveryKind) -> bool:
    with suppress(Exception):
        world.wait_attached(seconds=1)
        return True
    return False
