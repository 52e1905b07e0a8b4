"""A federation of real daemons for a benchmark: on which sites it runs, and a job to its end."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.psi.sites import Site
from cli.authority import COORDINATOR_ORG
from cli.daemons import daemon_command
from cli.demo import USCCS
from cli.local import LocalFederation
from contract.lifecycle import State
from mihe.proposal import Proposal


@contextmanager
def federation(homes: Mapping[str, Site]) -> Iterator[LocalFederation]:
    """Daemons, each on its site, with direct links and no data."""
    with (
        # Paths of Unix sockets are short.
        TemporaryDirectory(prefix="mihe-", dir="/tmp") as folder,
        LocalFederation(
            Path(folder),
            {name: USCCS[name] for name in homes},
            direct=True,
            hosts={name: site.address for name, site in homes.items()},
            launchers={name: [*site.enter, *_daemon(name)] for name, site in homes.items()},
        ) as world,
    ):
        yield world


def finished(world: LocalFederation, org: str, proposal: Proposal) -> str:
    """The job that a person of `org` proposes, when it is done; SystemExit if it ends otherwise."""
    with world.client(org) as node:
        job = node.propose(proposal).job
        *_, last = node.watch(job)
    if last.state is not State.DONE:
        raise SystemExit(f"the job ended {last.state}: {last.cause}")
    return job


def rows_of(world: LocalFederation, org: str, job: str) -> list[dict[str, str]]:
    """The rows of a job's result."""
    with world.client(org) as node:
        table = b"".join(node.result(job)).decode("ascii")
    return list(csv.DictReader(io.StringIO(table)))


def _daemon(name: str) -> list[str]:
    """The words before `--config FILE`."""
    package = "coordinator" if name == COORDINATOR_ORG else "node"
    return daemon_command(package, Path())[:-2]
