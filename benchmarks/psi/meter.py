"""What a run costs: time on the wall and on processors, memory, and bytes between the sites."""

import time
from typing import Self

from benchmarks.processor import spent
from benchmarks.psi.measured import Cost
from benchmarks.psi.sites import Network
from benchmarks.resident import Watch


class Meter:
    """In a `with`: counts what processes and the network do meanwhile; afterwards `cost` has it."""

    def __init__(self, processes: dict[str, int], network: Network) -> None:
        self._processes, self._network = processes, network
        self._watch = Watch(processes)
        self.cost: Cost

    def __enter__(self) -> Self:
        self._watch.__enter__()
        self._spent = self._all_spent()
        self._carried = self._network.carried()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        wall = self.elapsed()
        carried = self._network.carried() - self._carried
        now = self._all_spent()
        self._watch.__exit__()
        held = self._watch.memory
        self.cost = Cost(
            wall=wall,
            cpu={name: now[name] - before for name, before in self._spent.items()},
            peak={name: memory.peak + memory.workers for name, memory in held.items()},
            wire=carried,
        )

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began

    def _all_spent(self) -> dict[str, float]:
        return {name: spent(process) for name, process in self._processes.items()}
