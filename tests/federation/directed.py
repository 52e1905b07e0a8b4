"""A federation whose daemons stop, or misbehave, at the points where a test says so (orders.py)."""

import os
import signal
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from cli.authority import COORDINATOR_ORG
from contract.errors import MiheError
from contract.lifecycle import TERMINAL
from contract.views import JobView
from tests.federation.federation import Federation, eventually
from tests.federation.offspring import offspring_of

STAGED = Path(__file__).with_name("staged.py")
STAGED_COORDINATOR = Path(__file__).with_name("staged_coordinator.py")


class Directed(Federation):
    """The federation, with orders for its daemons; without any they are as they are."""

    def __init__(
        self,
        folder: Path,
        *orgs: str,
        direct: bool | Collection[str] = False,
        coordinator: Mapping[str, object] | None = None,
        node: Mapping[str, object] | None = None,
    ) -> None:
        stages = {**dict.fromkeys(orgs, STAGED), COORDINATOR_ORG: STAGED_COORDINATOR}
        launchers = {
            name: [sys.executable, "-P", str(stage), str(folder / "orders" / name), module_of(name)]
            for name, stage in stages.items()
        }
        super().__init__(
            folder, *orgs, direct=direct, coordinator=coordinator, node=node, launchers=launchers
        )

    def order(self, org: str, point: str, deed: str) -> None:
        """Tell a node what to do when it gets to a point (staged.py)."""
        written = self._orders(org) / ".written"
        written.write_text(deed, "ascii")
        written.rename(self._orders(org) / point)

    def wait_halted(self, org: str, point: str) -> None:
        """Return when the node waits at a point that it was told to wait at."""
        eventually(lambda: self.is_halted(org, point))

    def is_halted(self, org: str, point: str) -> bool:
        """Whether the node waits at a point that it was told to wait at."""
        return (self._orders(org) / f"{point}.reached").exists()

    def has_noted(self, org: str, what: str) -> bool:
        """Whether the node lets the test know of something."""
        return (self._orders(org) / what).exists()

    def is_ordered(self, org: str, point: str) -> bool:
        """Whether the node has yet to do what it was told for a point."""
        return (self._orders(org) / point).exists()

    def has_orders(self, org: str) -> bool:
        """Whether the node has not yet done all that it was told."""
        return any(self._orders(org).iterdir())

    def go_on(self, org: str, point: str) -> None:
        """Let the node go on from one point."""
        (self._orders(org) / point).unlink()

    def forget(self, org: str, point: str) -> None:
        """Take back what was ordered at one point, where the node may have waited."""
        for file in (point, f"{point}.reached"):
            (self._orders(org) / file).unlink(missing_ok=True)

    def dismiss(self, org: str) -> None:
        """Let the node go on, and forget all its orders."""
        for file in self._orders(org).iterdir():
            file.unlink(missing_ok=True)

    def _orders(self, org: str) -> Path:
        return self.folder / "orders" / org

    # ── what has become of a job ────────────────────────────────────────────────────────────────

    def view(self, org: str, job: str) -> JobView:
        """A job as a node sees it now."""
        with self.client(org) as node:
            return node.show(job)

    def view_at_end(self, org: str, job: str) -> JobView:
        """The job as a node sees it, once it has ended."""
        return eventually(lambda: self.ended(org, job))

    def ended(self, org: str, job: str) -> JobView | None:
        """The job as a node sees it, if it has ended."""
        # A node that is starting does not answer yet, or has not heard of the job yet.
        with suppress(MiheError):
            view = self.view(org, job)
            return view if view.state in TERMINAL else None
        return None

    def orgs_of(self, job: str) -> tuple[str, ...]:
        """The parties of a job."""
        (contract, *_) = (
            self.view(org, job).contract for org in self.orgs if job in self.jobs(org)
        )
        return contract.orgs

    def jobs(self, org: str) -> set[str]:
        """The jobs that a node has heard of."""
        with self.client(org) as node:
            return {line.job for line in node.jobs().jobs}

    # ── processes ───────────────────────────────────────────────────────────────────────────────

    def offspring(self, name: str) -> set[int]:
        """The processes in which a daemon has something computed."""
        return offspring_of(self.process_id(name))

    def kill_alone(self, name: str) -> None:
        """SIGKILL to a daemon but not to the processes that it has started."""
        os.kill(self.process_id(name), signal.SIGKILL)
        self._processes.pop(name).wait()


def module_of(name: str) -> str:
    """The package that a daemon is started by."""
    return "coordinator" if name == COORDINATOR_ORG else "node"
