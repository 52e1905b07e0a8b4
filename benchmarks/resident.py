"""How much memory processes hold: the resident set now, and its highest since a moment.

Linux counts it (proc(5)): VmRSS, and VmHWM, which writing 5 to clear_refs sets back. Worker
processes come and go within a run, so a thread looks for children and remembers each one's peak.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Self

_LOOK_SECONDS = 0.05
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a process held at rest, and the most that it and its workers held since."""

    rest: int
    peak: int
    workers: int
    """The most that worker processes held at one moment, added up."""

    @property
    def growth(self) -> int:
        """By how much the process itself grew at its peak."""
        return self.peak - self.rest


class Watch:
    """In a `with`: watches processes by their ids. Afterwards `memory` says what they held."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = processes
        self._rest: dict[str, int] = {}
        self._peaks: dict[str, int] = {}
        self._workers = dict.fromkeys(processes, 0)
        self._over = Event()
        self._looking = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        for name, process in self._processes.items():
            Path(f"/proc/{process}/clear_refs").write_text("5")
            self._rest[name] = _held(process, "VmRSS")
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._peaks = {name: _held(process, "VmHWM") for name, process in self._processes.items()}
        self._over.set()
        self._looking.join()

    @property
    def memory(self) -> dict[str, Memory]:
        """By the name of each process."""
        return {
            name: Memory(self._rest[name], self._peaks[name], self._workers[name])
            for name in self._processes
        }

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            for name, process in self._processes.items():
                held = sum(_held(worker, "VmRSS") for worker in children(process))
                self._workers[name] = max(self._workers[name], held)


def children(process: int) -> list[int]:
    """Processes that it started and that run; empty for one that is gone."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in listed.read_text().split()]
    return found


def _held(process: int, what: str) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0
