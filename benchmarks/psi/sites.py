"""Where the processes of a comparison run: sites, and the network between them that counts bytes.

`loopback`  one network namespace whose only interface is its loopback, so that nothing else is
            counted; without root, this machine's own loopback with whatever else passes there
`distant`   a namespace for each site, joined by a slow and long cable (cable.py); root only

A namespace lives as long as a process in it, and the process that holds it as long as this one:
nothing is left behind.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.psi.cable import INTERFACE
from benchmarks.psi.measured import OWNERS

COORDINATOR: Final = "coordinator"
SITES: Final = (*OWNERS, COORDINATOR)
LOOPBACK, DISTANT = "loopback", "distant"
LINKS: Final = {LOOPBACK: "on one machine", DISTANT: "100 Mbit/s and 20 ms between them"}

_RATE = 100_000_000
_ONE_WAY_SECONDS = 0.010
_TOOLS = ("ip", "nsenter", "unshare")
_ROOT = Path(__file__).resolve().parents[2]
_TRANSMITTED = 8
"""Which of an interface's numbers in /proc/net/dev is the bytes sent (proc(5))."""


@dataclass(frozen=True, slots=True)
class Site:
    """One machine, as far as the network is concerned."""

    address: str
    enter: tuple[str, ...] = ()
    """Words before a command that runs there."""


@dataclass(frozen=True, slots=True)
class Network:
    """Sites and what lies between them."""

    link: str
    sites: Mapping[str, Site]
    interfaces: tuple[tuple[Path, str], ...]
    """Where their counters are read, and by which name."""

    def carried(self) -> int:
        """Bytes that all sites have sent so far, with the headers of TCP and IP."""
        return sum(_sent(file, name) for file, name in self.interfaces)


def missing_for_distant() -> str | None:
    """What this machine lacks for several namespaces; None if nothing."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    if absent := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"needs {', '.join(absent)}"
    return None if Path("/dev/net/tun").exists() else "needs /dev/net/tun"


@contextmanager
def loopback() -> Iterator[Network]:
    """All sites on one machine."""
    address = "127.0.0.1"
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in _TOOLS):
        everywhere = dict.fromkeys(SITES, Site(address))
        yield Network(LOOPBACK, everywhere, ((Path("/proc/self/net/dev"), "lo"),))
        return
    with _held() as process:
        everywhere = dict.fromkeys(SITES, Site(address, _enter(process)))
        yield Network(LOOPBACK, everywhere, ((_counters(process), "lo"),))


@contextmanager
def distant() -> Iterator[Network]:
    """Each site for itself, with 100 Mbit/s out and a round trip of 20 ms to each other."""
    with ExitStack() as stack:
        processes = [stack.enter_context(_held()) for _ in SITES]
        addresses = [f"10.77.1.{number}" for number in range(1, len(SITES) + 1)]
        ends = [f"{a}={p}" for a, p in zip(addresses, processes, strict=True)]
        cable = [sys.executable, "-m", "benchmarks.psi.cable", str(_RATE), str(_ONE_WAY_SECONDS)]
        stack.enter_context(_running("unshare", "--net", *cable, *ends))
        sites = {
            name: Site(address, _enter(process))
            for name, address, process in zip(SITES, addresses, processes, strict=True)
        }
        counted = tuple((_counters(process), INTERFACE) for process in processes)
        yield Network(DISTANT, sites, counted)


NETWORKS: Final = {LOOPBACK: loopback, DISTANT: distant}


@contextmanager
def _held() -> Iterator[int]:
    """A network namespace with a loopback interface: the id of the process that holds it."""
    up = "ip link set lo up && echo up && exec cat"
    with _running("unshare", "--net", "sh", "-c", up) as process:
        yield process


@contextmanager
def _running(*command: str) -> Iterator[int]:
    """A process that has said its first line, and that ends with its stdin."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"{command[2]} did not come up in a network namespace")
        yield process.pid


def _enter(process: int) -> tuple[str, ...]:
    return ("nsenter", "--target", str(process), "--net", "--")


def _counters(process: int) -> Path:
    return Path(f"/proc/{process}/net/dev")


def _sent(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        interface, colon, numbers = line.partition(":")
        if colon and interface.strip() == name:
            return int(numbers.split()[_TRANSMITTED])
    raise SystemExit(f"no interface {name} in {file}")
