"""The peers: other projects' engines, each party a process at its site, driven by a script of ours.

The clock starts when all processes have loaded their libraries and their link stands, and stops
when all have said that their output is written. They use no TLS, and are told that there are no
duplicate keys; nothing is imported, checked or kept for a later run.
"""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import IO, Final

from benchmarks.psi.engine import NoFigureError
from benchmarks.psi.environments import SCRIPTS, Environment
from benchmarks.psi.lists import KEY_COLUMN, Lists
from benchmarks.psi.measured import Cost
from benchmarks.psi.meter import Meter
from benchmarks.psi.sites import Network
from cli.local import free_port

SPU: Final = Environment("spu", ("3.11", "3.10"))
OPENMINED: Final = Environment("openmined", ("3.12", "3.11", "3.10", "3.13"))

_MOST_SECONDS = 1800
"""So long may a run of a peer take before it is given up."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """One engine of a peer, with what its script is to be told."""

    name: str
    environment: Environment
    options: dict[str, str] = field(default_factory=dict)

    def absent(self) -> str | None:
        """Why it is not there, after an attempt to install it."""
        return self.environment.made()

    @contextmanager
    def ready(self, network: Network, owners: Sequence[str]) -> Iterator["_Processes"]:
        """Nothing is up before a run: a peer's parties start anew for each."""
        yield _Processes(self, network, tuple(owners))


@dataclass(frozen=True, slots=True)
class _Processes:
    peer: Theirs
    network: Network
    owners: tuple[str, ...]

    def play(self, lists: Lists, output: Path) -> Cost:
        """One run; what others than the receiver may write is not looked at."""
        places = [self.network.sites[owner] for owner in self.owners]
        addresses = [f"{place.address}:{free_port()}" for place in places]
        outputs = [output, *(output.with_suffix(f".{owner}") for owner in self.owners[1:])]
        with ExitStack() as stack:
            log = stack.enter_context(self.peer.environment.log.open("ab"))
            parties: list[subprocess.Popen[str]] = []
            for rank, place in enumerate(places):
                job = {
                    "rank": rank,
                    "addresses": addresses,
                    "input": str(lists.files[rank]),
                    "output": str(outputs[rank]),
                    "column": KEY_COLUMN,
                    **self.peer.options,
                }
                command = [*place.enter, *self._script(), json.dumps(job)]
                parties.append(stack.enter_context(_party(command, log)))
            for party in parties:
                _hear(party, "ready")
            processes = dict(zip(self.owners, (party.pid for party in parties), strict=True))
            with Meter(processes, self.network) as meter:
                for party in parties:
                    assert party.stdin is not None
                    party.stdin.write("go\n")
                    party.stdin.flush()
                for party in parties:
                    _hear(party, "done")
        for other in outputs[1:]:
            other.unlink(missing_ok=True)
        return meter.cost

    def _script(self) -> tuple[str, str]:
        environment = self.peer.environment
        return str(environment.python), str(SCRIPTS / f"{environment.name}_party.py")


@contextmanager
def _party(command: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """A process that ends when its stdin does, or is ended."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
    ) as process:
        limit = Timer(_MOST_SECONDS, process.kill)
        limit.start()
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()


def _hear(party: subprocess.Popen[str], word: str) -> None:
    assert party.stdout is not None
    line = party.stdout.readline()
    if not line or word not in json.loads(line):
        raise NoFigureError(f"a process ended before it was {word}")
