"""Linux machines for tests: each its own network, processes, name, root file system and systemd.

A machine is a set of namespaces on this one. Its root is this machine's, with everything written on
it kept in memory and forgotten (overlayfs over tmpfs); its process 1 is a real systemd, so units,
users, modes and read-only folders are what they are in earnest. What this machine holds of its own
in the places that mihe is installed to, and everybody's homes, are not there.

Needs root, iproute2, util-linux, systemd and a unified cgroup hierarchy; nothing of it is left when
the machine's process 1 is gone.
"""

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.deploy.terminal import at_terminal
from tests.federation.federation import eventually

SECONDS = 300
_TOOLS = ("ip", "unshare", "nsenter", "systemctl", "mount", "pivot_root", "useradd", "runuser")
_SPACES = ("--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}

# Hidden units of this machine: its own services, and what would reach the kernel that it shares.
_BOOT = r"""
set -eu
work=$1 name=$2 outside=$3 hidden=$4
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/up" "$work/on" "$work/root" "$work/outside"
mount --bind "$outside" "$work/outside"
mount -t overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/on" overlay "$work/root"
cd "$work/root"
rm -rf etc/mihe opt/mihe srv/mihe var/lib/mihe-* usr/local/bin/mihe
rm -rf etc/systemd/system/*.wants lib/systemd/system/multi-user.target.wants
for unit in sysctl modules-load timesyncd udevd remount-fs logind journal-flush; do
    ln -sfn /dev/null "etc/systemd/system/systemd-$unit.service"
done
mount -t proc proc proc
mount -o bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup && mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
for folder in run root home srv var/lib/systemd $hidden; do
    if [ -d "$folder" ]; then mount -t tmpfs -o mode=0755 tmpfs "$folder"; fi
done
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/outside && mount --move "$work/outside" run/outside
ln -s /run/outside/scp usr/local/bin/scp.new && mv -f usr/local/bin/scp.new usr/local/bin/scp
hostname "$name"
printf '%s\n' "$name" > etc/hostname
cp "run/outside/hosts" etc/hosts
mkdir run/before
pivot_root . run/before
umount -l /run/before
export container=mihe-test
exec /lib/systemd/systemd --system --unit=basic.target --show-status=0 --log-target=journal
"""

# Asks the test, which sees every machine's files, to copy what it would copy over the network.
_SCP = """\
#!/usr/bin/python3
import json, os, socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(os.path.join(os.path.dirname(os.path.realpath(__file__)), "wire"))
line.sendall(json.dumps([socket.gethostname(), os.getcwd(), sys.argv[1:]]).encode())
line.shutdown(socket.SHUT_WR)
answer = line.makefile().read()
print(answer, end="", file=sys.stderr)
sys.exit(bool(answer))
"""


def missing() -> str | None:
    """What this machine lacks to be several; None if nothing."""
    if os.geteuid() != 0:
        return "needs root, for namespaces"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent or not Path("/lib/systemd/systemd").exists():
        return f"needs {', '.join(absent) or 'systemd'}"
    groups = _cgroups()
    if groups is None or not os.access(groups, os.W_OK):
        return "needs a unified cgroup hierarchy"
    return None


@dataclass
class Machine:
    """One machine that runs; commands are typed by root at a terminal of their own."""

    name: str
    address: str
    process: int
    """The id of its process 1, here."""

    @property
    def root(self) -> Path:
        """Its root folder, as seen from here."""
        return Path(f"/proc/{self.process}/root")

    def enter(self, *words: str) -> list[str]:
        """A command line that runs `words` on the machine."""
        setting = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        return ["nsenter", "--target", str(self.process), *_SPACES, "env", "-i", *setting, *words]

    def type(self, command: str, replies: Sequence[str] = ()) -> tuple[int, bytes]:
        """Exit code and output of a command typed at a new terminal of root's."""
        words = self.enter("/bin/bash", "--login", "-c", f"cd && {command}\n")
        return at_terminal(words, replies)

    def ask(self, *words: str) -> str:
        """What a command prints that must succeed."""
        done = subprocess.run(
            self.enter(*words), capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Network:
    """Machines that reach each other, and nobody else, by one network cable each; and by scp."""

    def __init__(self, *names: str, hidden: Sequence[Path] = ()) -> None:
        self._names = names
        self._hidden = hidden
        self._exit = ExitStack()
        self._places: dict[str, Callable[[], Path]] = {}
        self.machines: dict[str, Machine] = {}
        self.tools: Path
        """A folder with the same scp for a machine that is this one (`share`)."""

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            outside = Path(opened.enter_context(TemporaryDirectory(prefix="mihe-", dir="/tmp")))
            self.tools = outside
            (outside / "scp").write_text(_SCP)
            (outside / "scp").chmod(0o755)
            addresses = {name: f"10.77.0.{i}" for i, name in enumerate(self._names, 1)}
            hosts = ["127.0.0.1 localhost", *(f"{a} {n}" for n, a in addresses.items())]
            (outside / "hosts").write_text("\n".join(hosts) + "\n")
            opened.enter_context(self._wire(outside / "wire"))
            for name, address in addresses.items():
                self.machines[name] = opened.enter_context(
                    _booted(name, address, outside, self._hidden)
                )
            self._connect()
            for machine in self.machines.values():
                eventually(lambda one=machine: _is_up(one))  # type: ignore[misc]
            self._exit = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def name_host(self, host: str, machine: str) -> None:
        """What a name service would say on every machine."""
        for one in self.machines.values():
            with (one.root / "etc/hosts").open("a") as file:
                file.write(f"{self.machines[machine].address} {host}\n")

    def _connect(self) -> None:
        first, second = self.machines.values()
        _in_network(first, "ip link add eth0 type veth peer name eth0 netns", str(second.process))
        for machine in (first, second):
            _in_network(machine, f"ip address add {machine.address}/24 dev eth0")
            _in_network(machine, "ip link set lo up")
            _in_network(machine, "ip link set eth0 up")

    @contextmanager
    def _wire(self, path: Path) -> Iterator[None]:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            serving = threading.Thread(target=self._serve, args=(server,))
            serving.start()
            try:
                yield
            finally:
                server.shutdown(socket.SHUT_RDWR)
                serving.join()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line, line.makefile() as asked:
                try:
                    self._copy(*json.loads(asked.read()))
                    answer = ""
                except (OSError, AssertionError) as problem:
                    answer = f"scp: {problem}\n"
                line.sendall(answer.encode())

    def _copy(self, asking: str, folder: str, words: list[str]) -> None:
        names = [word for word in words if word not in ("-r", "-q")]
        assert len(names) > 1, "which files, and where to?"
        target = self._place(asking, folder, names[-1])
        for name in names[:-1]:
            source = self._place(asking, folder, name)
            if source.is_dir():
                assert "-r" in words, f"{name} is a folder"
                shutil.copytree(source, target / source.name)
            else:
                # A mode without what a usual umask takes away; the owner is who copies.
                shutil.copy(source, target)

    def _place(self, asking: str, folder: str, name: str) -> Path:
        host, colon, path = name.rpartition(":")
        if not colon:
            where = Path(folder, name)
            machine = self.machines.get(asking)
            return machine.root / where.relative_to("/") if machine else where
        machine = self.machines.get(host.removeprefix("root@"))
        assert machine is not None, f"no machine is called {host}"
        return machine.root / (Path("/root") / path).relative_to("/")


@contextmanager
def _booted(name: str, address: str, outside: Path, hidden: Sequence[Path]) -> Iterator[Machine]:
    cgroups = _cgroups()
    assert cgroups is not None
    group = cgroups / f"mihe-{os.getpid()}-{name}"
    group.mkdir()
    try:
        with TemporaryDirectory(prefix="mihe-", dir="/tmp") as work:
            inside = " ".join(str(path).lstrip("/") for path in hidden)
            spaces = [*_SPACES, "--fork", "--kill-child"]
            words = [
                "unshare",
                *spaces,
                "bash",
                "-c",
                _BOOT,
                name,
                work,
                name,
                str(outside),
                inside,
            ]
            entering = f'echo $$ > {group}/cgroup.procs; exec "$@"'
            with subprocess.Popen(
                ["bash", "-c", entering, "bash", *words], stdin=subprocess.DEVNULL
            ) as process:
                try:
                    eventually(lambda: _children(process))
                    yield Machine(name, address, _children(process)[0])
                finally:
                    process.kill()
    finally:
        eventually(lambda: _removed(group))


def _is_up(machine: Machine) -> bool:
    words = machine.enter("systemctl", "is-system-running")
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return told in ("running", "degraded")


def _in_network(machine: Machine, command: str, *more: str) -> None:
    words = ["nsenter", "--target", str(machine.process), "--net", *command.split(), *more]
    subprocess.run(words, check=True)


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    assert process.poll() is None, "the machine did not boot"
    told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in told.split()]


def _removed(group: Path) -> bool:
    """Whether the group is gone; those below it go first, and each once its last process has."""
    folders = [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
    return not group.exists()


def _cgroups() -> Path | None:
    """Where this machine's unified cgroup hierarchy is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    return None
