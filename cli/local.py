"""A whole federation on one machine: CA, coordinator and nodes, each a process of its own.

For the demonstration and for tests. Everything is made by the functions behind `mihe ca` and
`mihe init`, and run as `mihe node run` runs it.

Not for     production: the CA's key lies beside the nodes, and one user owns all organisations.

    FOLDER/ca          ca.key, ca.pem
    FOLDER/coordinator coordinator.toml, .key, .pem, data
    FOLDER/<org>       node.toml, .key, .pem, policy.toml, data, admin.sock
    FOLDER/log         one file per process
    FOLDER/processes   process ids, so that another command can stop them
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from cli.authority import COORDINATOR_ORG
from cli.ca import create_authority, issue
from cli.daemons import daemon_command
from cli.init import Home, init_coordinator, init_node
from contract.errors import CoordinatorAbsent, MiheError, NodeAbsent, UnknownOrganisation, nearest
from mihe import files
from mihe.client import NodeClient
from mihe.where import own_node

STOP_SECONDS = 5.0
"""How long a process may take over SIGTERM before it is killed."""

START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_PROCESSES = "processes"
_LOOPBACK = "127.0.0.1"


class LocalFederation:
    """Coordinator and nodes in one folder; in a `with` it runs, and nothing outlives the `with`.

    `usccs` has every organisation's code, the coordinator's under 'coordinator'. With `direct`
    they list an address, all or those named; others are relayed to. `launchers` may put other
    words before `--config FILE` for one of them, as a tapping launcher does; where that takes
    them to another network, `hosts` has the address at which the others reach each.
    """

    def __init__(
        self,
        folder: Path,
        usccs: Mapping[str, str],
        *,
        direct: bool | Collection[str] = False,
        coordinator_settings: Mapping[str, object] | None = None,
        node_settings: Mapping[str, object] | None = None,
        launchers: Mapping[str, Sequence[str]] | None = None,
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.orgs = tuple(org for org in usccs if org != COORDINATOR_ORG)
        self._usccs = dict(usccs)
        self._direct = frozenset(self.orgs if direct is True else direct or ())
        self._coordinator_settings = coordinator_settings or {}
        self._node_settings = node_settings or {}
        self._launchers = dict(launchers or {})
        self._hosts = dict(hosts or {})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.build()
        try:
            self.start(COORDINATOR_ORG, *self.orgs)
            self.wait_attached()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    # ── files ───────────────────────────────────────────────────────────────────────────────────

    def home(self, name: str) -> Home:
        """The files of one organisation or of the coordinator."""
        if name not in (COORDINATOR_ORG, *self.orgs):
            raise UnknownOrganisation(
                f"there is no '{name}' in this federation.{nearest(name, list(self.orgs))}",
                fix=f"one of: {', '.join(self.orgs)}",
            )
        return Home(self.folder / name, "coordinator" if name == COORDINATOR_ORG else "node")

    def log(self, name: str) -> Path:
        """What one process wrote to stdout and stderr."""
        return self.folder / "log" / f"{name}.log"

    def build(self) -> None:
        """Make the CA, and for everybody key, request, certificate and configuration."""
        authority = create_authority(self.folder / "ca", "CA of a federation on one machine")
        address = self._free_address(COORDINATOR_ORG)
        init_coordinator(
            self.folder / COORDINATOR_ORG,
            self._usccs[COORDINATOR_ORG],
            address,
            authority=authority.read_bytes(),
            settings=self._coordinator_settings,
        )
        for org in self.orgs:
            init_node(
                self.folder / org,
                org,
                self._usccs[org],
                address,
                direct=self._free_address(org) if org in self._direct else None,
                authority=authority.read_bytes(),
                settings=self._node_settings,
            )
            # A folder with too long a path is found out before anything runs.
            assert own_node(self.home(org).config).socket
        for name in (COORDINATOR_ORG, *self.orgs):
            issue(self.home(name).request, authority.parent, self.home(name).certificate)

    # ── processes ───────────────────────────────────────────────────────────────────────────────

    def start(self, *names: str) -> None:
        """Start the daemons named; each is the head of a process group of its own."""
        self.log(COORDINATOR_ORG).parent.mkdir(exist_ok=True)
        for name in names:
            home = self.home(name)
            command = [*self._launchers[name], "--config", str(home.config)] if (
                name in self._launchers
            ) else daemon_command(home.name, home.config)  # fmt: skip
            with self.log(name).open("ab") as log, _undisturbed():
                self._processes[name] = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # A Ctrl-C reaches only whoever started them, who stops them in order.
                    start_new_session=True,
                )
            self._note_processes()

    def stop(self, *names: str) -> None:
        """End daemons with SIGTERM, and with SIGKILL those that take more than five seconds."""
        stopping = {name: self._processes.pop(name) for name in names if name in self._processes}
        for process in stopping.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in stopping.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in stopping.values():
            _kill_group(process)
        if stopping:
            self._note_processes()

    def kill(self, name: str) -> None:
        """End a daemon as a power cut would: SIGKILL, nothing said."""
        _kill_group(self._processes.pop(name))
        self._note_processes()

    def restart(self, name: str) -> None:
        """Stop a daemon if it runs, and start it on the same files."""
        self.stop(name)
        self.start(name)

    def stop_all(self) -> None:
        """End every process, nodes before the coordinator."""
        with _undisturbed():
            self.stop(*self.orgs)
            self.stop(COORDINATOR_ORG)

    def leave_running(self) -> None:
        """Forget the processes without ending them; `stop_left_running` finds them again."""
        self._processes.clear()

    @property
    def running(self) -> tuple[str, ...]:
        """The daemons that were started here and not stopped."""
        return tuple(self._processes)

    def process_id(self, name: str) -> int:
        """The process id of a running daemon."""
        return self._processes[name].pid

    # ── talking to it ───────────────────────────────────────────────────────────────────────────

    def client(self, org: str) -> NodeClient:
        """The line to a node's admin socket."""
        return NodeClient(own_node(self.home(org).config).socket)

    def wait_attached(self, *orgs: str, seconds: float = START_SECONDS) -> None:
        """Return when the nodes (default: all) are attached; raise if one has ended or is late."""
        deadline = time.monotonic() + seconds
        waiting = list(orgs or self.orgs)
        while waiting := [org for org in waiting if not self._attached(org)]:
            self._require_alive()
            if time.monotonic() > deadline:
                raise CoordinatorAbsent(
                    f"not attached after {seconds:.0f} seconds: {', '.join(waiting)}",
                    fix=f"read {self.log(waiting[0])}",
                )
            time.sleep(_POLL_SECONDS)

    def run_cli(
        self, org: str, *arguments: str, timeout: float | None = 300
    ) -> subprocess.CompletedProcess[str]:
        """`mihe ARGUMENTS…` typed by a person of `org`, in a process of its own."""
        return subprocess.run(
            cli_command(*arguments),
            env={**os.environ, "MIHE_NODE": str(self.folder / org)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def _attached(self, org: str) -> bool:
        try:
            with self.client(org) as node:
                return node.status().attached
        except MiheError:
            return False

    def _require_alive(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise NodeAbsent(
                    f"the process of {name} has ended with code {process.returncode}",
                    party=name,
                    fix=f"read {self.log(name)}",
                )

    def _free_address(self, name: str) -> str:
        return f"{self._hosts.get(name, _LOOPBACK)}:{free_port()}"

    def _note_processes(self) -> None:
        noted = {name: process.pid for name, process in self._processes.items()}
        (self.folder / _PROCESSES).write_text(json.dumps(noted))


def cli_command(*arguments: str) -> list[str]:
    """The command line `mihe ARGUMENTS…` as this interpreter runs it."""
    return [sys.executable, "-P", "-m", "cli.main", *arguments]


def free_port() -> int:
    """A TCP port of the loopback interface on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def stop_left_running(folder: Path) -> list[str]:
    """Stop what `leave_running` left behind in `folder`; the names of what was still there."""
    folder = folder.resolve()
    noted = json.loads(files.read(folder / _PROCESSES, "the list of processes"))
    # A process id may be somebody else's by now: only one that was started on this folder counts.
    running = {name: pid for name, pid in noted.items() if _is_of(folder, pid)}
    for pid in running.values():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_of(folder, pid) for pid in running.values()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for pid in running.values():
        if _is_of(folder, pid):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    return sorted(running)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait: a start or a clean-up that is broken off leaves processes behind.

    Masking the signals would not do: another thread would take them, and Python act on them here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, lambda number, _: waiting.append(number)) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in waiting[:1]:
            signal.raise_signal(late)


def _is_of(folder: Path, pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.startswith(bytes(folder) + b"/") for word in words)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Worker processes of a daemon are in its group and may outlive it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
