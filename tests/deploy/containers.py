"""Containers for tests, of a compose file's services, without an engine: namespaces on a Machine.

A container sees a root file system of its own that nobody can write to, made of the machine's /usr
and /opt/mihe, and what its service mounts. Its process 1 is the service's command, as the service's
user, without capabilities and without a way to new ones. No init stands before it, as none does on
Kubernetes.

Not for     a statement about the image: that takes an engine. The network is the machine's, and the
            other services' names are in the hosts file.
"""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.machines import SECONDS, Machine
from tests.federation.federation import eventually

_VOLUMES = "/var/lib/volumes"

_MAKE = r"""
set -eu
root=$1 hosts=$2; shift 2
mount --make-rprivate /
mkdir -p "$root"
mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
mkdir -p usr opt/mihe etc proc dev tmp home root run var/lib
for name in bin lib lib64 sbin; do ln -s "usr/$name" "$name"; done
mount --bind /usr usr && mount -o remount,bind,ro usr
mount --bind /opt/mihe opt/mihe && mount -o remount,bind,ro opt/mihe
mount -t proc proc proc
mount --rbind /dev dev
printf '127.0.0.1 localhost %s\n' "$hosts" > etc/hosts
while [ "$1" != -- ]; do
    mkdir -p ".$2"
    case $1 in
    tmpfs) mount -t tmpfs -o "$3" tmpfs ".$2" ;;
    *) mount --bind "$1" ".$2"; [ "$3" = rw ] || mount -o remount,bind,ro ".$2" ;;
    esac
    shift 3
done
shift
mount -o remount,ro "$root"
exec chroot "$root" "$@"
"""


@dataclass
class Container:
    """One service that runs; the machine's process namespace ends it at the latest."""

    machine: Machine
    name: str
    service: Mapping[str, Any]
    environment: Mapping[str, str]
    entry: Sequence[str]
    hosts: Sequence[str]
    folder: str
    """Where on the machine the compose file lies."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it, as `docker compose up` does."""
        user = self.service["user"].partition(":")[0]
        mounts: list[str] = []
        for volume in self.service["volumes"]:
            outside, inside, *mode = volume.split(":")
            if not outside.startswith("."):
                # A named volume begins as a copy of what the image has there: an empty folder.
                outside = f"{_VOLUMES}/{outside}"
                self.machine.ask("install", "-d", "-m", "0700", "-o", user, outside)
            mounts += [str(Path(self.folder, outside)), inside, *(mode or ["rw"])]
        for memory in self.service.get("tmpfs", ()):
            inside, _, options = memory.partition(":")
            mounts += ["tmpfs", inside, options]
        made = ["bash", "-c", _MAKE, self.name, f"/run/{self.name}", " ".join(self.hosts), *mounts]
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        command = [*self._as_user(), *self.entry, *self.service["command"]]
        self._process = subprocess.Popen(
            self.machine.enter("unshare", *spaces, *made, "--", *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker compose exec` does."""
        spaces = ["--mount", "--pid", "--ipc", "--uts", "--net", "--root", "--wd"]
        inside = ["nsenter", "--target", str(self._first()), *spaces, *self._as_user(), *words]
        return subprocess.run(
            inside, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip

    def wait_healthy(self) -> None:
        """Return once its health check passes."""
        kind, *words = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        eventually(lambda: self._alive() and self.run(*words).returncode == 0, seconds=SECONDS)

    def stop(self, signal: str) -> tuple[int, str]:
        """Its exit code and log after a signal to its process 1, in the time that it is given."""
        assert self._process is not None
        subprocess.run(["kill", f"-{signal}", str(self._first())], check=True)
        seconds = int(self.service["stop_grace_period"].removesuffix("s"))
        output, _ = self._process.communicate(timeout=seconds)
        return self._process.returncode, output.decode()

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                subprocess.run(["kill", "-KILL", str(self._first())], check=False)
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _as_user(self) -> list[str]:
        user, _, group = self.service["user"].partition(":")
        assert self.service["cap_drop"] == ["ALL"]
        drop = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups"]
        setting = [f"{name}={value}" for name, value in self.environment.items()]
        return ["setpriv", f"--reuid={user}", f"--regid={group}", *drop, "env", "-i", *setting]

    def _alive(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"{self.name} has ended: {self._process.communicate()[0]!r}")
        return _first_below(self._process.pid) is not None

    def _first(self) -> int:
        assert self._process is not None
        found = _first_below(self._process.pid)
        assert found is not None, f"{self.name} does not run"
        return found


def image(dockerfile: str) -> tuple[dict[str, str], list[str]]:
    """The environment that a Dockerfile's last stage sets, and how what runs there begins."""
    last = dockerfile.replace("\\\n", " ").rpartition("\nFROM ")[2].splitlines()
    setting = next(line for line in last if line.startswith("ENV "))
    begin = next(line for line in last if line.startswith("ENTRYPOINT "))
    words = (word.partition("=") for word in shlex.split(setting)[1:])
    return {name: value for name, _, value in words}, shlex.split(begin.translate(_LIST))[1:]


_LIST = str.maketrans({"[": " ", "]": " ", ",": " "})


def _first_below(process: int) -> int | None:
    """The process 1 of the container that a command on the host started; None before it is one."""
    below = [process]
    while below:
        one = below.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            children = Path(f"/proc/{one}/task/{one}/children").read_text()
        except FileNotFoundError:
            continue
        levels = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        # Here, on the machine, in the container.
        if len(levels) == _LEVELS and levels[-1] == "1":
            return one
        below += [int(child) for child in children.split()]
    return None


_LEVELS = 3
