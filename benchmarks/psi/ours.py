"""mihe itself: a coordinator and a node for each owner, as real daemons, each at its site.

The daemons run before the clock does, as an institution's do; nothing of the files is known to
them. A run is what organisations do that hold new files: all import theirs at the same time,
and the receiver's proposes a job and follows it until its rows lie in a file. What an import
leaves serves every later job on the same data, so its share is also told apart.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.federation import federation
from benchmarks.psi.engine import NoFigureError
from benchmarks.psi.lists import KEY_COLUMN, Lists
from benchmarks.psi.measured import OWNERS, RECEIVER, Cost
from benchmarks.psi.meter import Meter
from benchmarks.psi.phases import Phases
from benchmarks.psi.sites import COORDINATOR, Network
from cli.authority import COORDINATOR_ORG
from cli.local import LocalFederation
from contract.errors import MiheError
from contract.lifecycle import State
from mihe.client import NodeClient
from mihe.proposal import ANY_ENGINE, intersection

_ORGS = dict(zip(OWNERS, ("bank_a", "bank_b", "tax"), strict=True))
_PURPOSE, _BASIS = "CREDIT_MICRO", "SYNTHETIC_TEST"
_POLL_SECONDS = 0.005

_DESCRIPTION = """
name = "{name}"
source = "{source}"
[[column]]
name = "{key}"
type = "key"
key = "{shape}"
level = 2
[[column]]
name = "amount"
type = "integer"
minimum = 0
maximum = 1000000
level = 3
"""
_RULE = """
[[allow]]
dataset = "{name}"
jobs = ["psi"]
on = ["{key}"]
with = {others}
receivers = ["bank_a"]
purposes = ["{purpose}"]
bases = ["{basis}"]
approve = "auto"
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """A federation, by the protocol asked for."""

    name: str = "mihe"
    engine: str = ANY_ENGINE

    def absent(self) -> str | None:
        """It is always there."""
        return None

    @contextmanager
    def ready(self, network: Network, owners: Sequence[str]) -> Iterator["_Federation"]:
        """Daemons that are attached to each other and hold no data."""
        orgs = {owner: _ORGS[owner] for owner in owners}
        daemons = {COORDINATOR: COORDINATOR_ORG, **orgs}
        homes = {daemon: network.sites[site] for site, daemon in daemons.items()}
        with ExitStack() as stack, federation(homes) as world:
            clients = {o: stack.enter_context(world.client(org)) for o, org in orgs.items()}
            yield _Federation(self.engine, world, network, orgs, clients)


@dataclass(slots=True)
class _Federation:
    engine: str
    world: LocalFederation
    network: Network
    orgs: dict[str, str]
    clients: dict[str, NodeClient]
    runs: int = 0

    def play(self, lists: Lists, output: Path) -> Cost:
        """Import all files, run a job, and hand over its rows after the clock has stopped."""
        self.runs += 1
        # No run before this one has seen the dataset.
        name = f"keys_{self.runs}"
        described = self._describe(name, lists)
        processes = {owner: self.world.process_id(org) for owner, org in self.orgs.items()}
        processes[COORDINATOR] = self.world.process_id(COORDINATOR_ORG)
        phases = Phases({org: owner for owner, org in self.orgs.items()})
        try:
            with Meter(processes, self.network) as meter:
                imported = self._import(described, meter, phases)
                self._await_catalogue(name)
                job, seconds = self._run(name, meter, phases)
            with output.open("wb") as file:
                file.writelines(self.clients[RECEIVER].result(job))
        except MiheError as error:
            raise NoFigureError(f"mihe ended with {error.code}") from error
        return replace(
            meter.cost,
            imported=imported,
            job=seconds,
            suite=self.clients[RECEIVER].show(job).contract.crypto.suite.value,
            phases=phases.all(),
        )

    def _describe(self, name: str, lists: Lists) -> dict[str, Path]:
        """A description for each owner, and a policy that allows the job."""
        described = {}
        for (owner, org), source in zip(self.orgs.items(), lists.files, strict=True):
            described[owner] = self.world.folder / f"{name}.{org}.toml"
            text = _DESCRIPTION.format(name=name, source=source, key=KEY_COLUMN, shape=lists.shape)
            described[owner].write_text(text)
            rule = _RULE.format(
                name=name,
                key=KEY_COLUMN,
                others=json.dumps([*self.orgs.values()]),
                purpose=_PURPOSE,
                basis=_BASIS,
            )
            self.world.home(org).policy.write_text(rule)
        return described

    def _import(self, described: dict[str, Path], meter: Meter, phases: Phases) -> float:
        def one(owner: str) -> None:
            self.clients[owner].add_dataset(described[owner])
            phases.spell(owner, "import", 0.0, meter.elapsed())

        with ThreadPoolExecutor() as all_at_once:
            list(all_at_once.map(one, described))
        return meter.elapsed()

    def _await_catalogue(self, name: str) -> None:
        """Until the receiver's node has heard of everybody's new dataset."""
        while not set(self.orgs.values()) <= {
            one.org
            for one in self.clients[RECEIVER].catalogue().organisations
            if any(entry.name == name for entry in one.entries)
        }:
            time.sleep(_POLL_SECONDS)

    def _run(self, name: str, meter: Meter, phases: Phases) -> tuple[str, float]:
        """The job's id, and seconds from its proposal to its end."""
        began = meter.elapsed()
        proposal = intersection(
            [f"{org}.{name}" for org in self.orgs.values()],
            on=KEY_COLUMN,
            to=[self.orgs[RECEIVER]],
            purpose=_PURPOSE,
            basis=_BASIS,
            engine=self.engine,
        )
        client = self.clients[RECEIVER]
        phases.begin(began)
        job = client.propose(proposal).job
        for view in client.watch(job):
            phases.see(view, meter.elapsed())
        ended = meter.elapsed()
        if view.state is not State.DONE:
            code = view.cause.code if view.cause else ""
            raise NoFigureError(f"the job ended {view.state.value} {code}")
        return job, ended - began
