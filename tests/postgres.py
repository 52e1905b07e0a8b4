"""A real PostgreSQL server for tests: `with running() as server:`, or the fixture `postgres`.

It lies in a temporary folder of its own, as a user without privileges (initdb refuses root), on a
Unix socket and on a free port of 127.0.0.1, and asks for passwords (SCRAM) on both. Root without
PostgreSQL on the machine installs the distribution's package first; a test is skipped only where
there is neither the server nor root to install it.
"""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlencode

import psycopg
import pytest

_USERS = ("postgres", "nobody")
_PACKAGE = "postgresql"
_SECONDS = 120
_PORTS_TO_TRY = 5
_NUMBERS = count(1)
# A test that loses its server loses its data too, so nothing needs to reach the disk.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Database:
    """A database, and the role that owns it."""

    name: str
    user: str
    password: str
    host: str
    port: int

    def uri(self, *, tcp: bool = False, password: bool = True, **options: str) -> str:
        """As libpq reads it, by the Unix socket unless `tcp`; `options` follow as parameters."""
        user = quote(self.user, safe="")
        who = f"{user}:{quote(self.password, safe='')}" if password else user
        if tcp:
            more = f"?{urlencode(options)}" if options else ""
            return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(self.name)}{more}"
        options = {"host": self.host, "port": str(self.port), **options}
        return f"postgresql://{who}@/{quote(self.name)}?{urlencode(options)}"

    def execute(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.uri(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


class Server:
    """A server's folder; `start`, `stop` and `kill` as often as a test likes."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._programs = programs
        self._data = folder / "data"
        self._password = token_hex(16)
        self._user = _unprivileged()
        secret = folder / "password"
        secret.write_text(self._password)
        if self._user:
            shutil.chown(folder, self._user)
            shutil.chown(secret, self._user)
        self._run(
            *("initdb", "--pgdata", self._data, "--username", "postgres", "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        )
        secret.unlink()

    @property
    def root(self) -> Database:
        """The database and the role that administer the server."""
        return Database("postgres", "postgres", self._password, str(self.folder), self.port)

    def database(self) -> Database:
        """A new database that a new role without other rights owns."""
        name, password = f"test_{next(_NUMBERS)}", token_hex(16)
        self.root.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
            f"CREATE DATABASE {name} OWNER {name}",
        )
        return Database(name, name, password, str(self.folder), self.port)

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers."""
        everything = {
            **_SETTINGS,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            **(settings or {}),
        }
        options = " ".join(f"-c {name}={value}" for name, value in everything.items())
        self._control("start", "--log", str(self.folder / "log"), "--options", options)

    def stop(self) -> None:
        """End it, and every connection to it, in good order."""
        self._control("stop", "--mode", "fast")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._control("stop", "--mode", "immediate")

    @property
    def runs(self) -> bool:
        """Whether it has been started and not ended."""
        return (self._data / "postmaster.pid").exists()

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", *words, "--pgdata", self._data, "--wait", "--timeout", str(_SECONDS))

    def _run(self, program: str, *words: str | Path) -> None:
        # No pipes: the server keeps what it inherits, and reading one would wait for its end.
        subprocess.run(
            [self._programs / program, *words],
            check=True,
            cwd=self.folder,
            user=self._user,
            group=self._user and pwd.getpwnam(self._user).pw_gid,
            extra_groups=[] if self._user else None,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2 * _SECONDS,
        )


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server of its own, started with `settings` beside those that every test needs."""
    programs = _programs() or _installed()
    # Short, because a Unix socket's path has 107 bytes at most.
    with TemporaryDirectory(prefix="mihe-pg-", dir="/tmp") as name:
        server = Server(Path(name), programs)
        _start(server, settings)
        try:
            yield server
        finally:
            if server.runs:
                server.kill()


def _start(server: Server, settings: Mapping[str, str] | None) -> None:
    for _ in range(_PORTS_TO_TRY):
        try:
            return server.start(settings)
        except subprocess.CalledProcessError:  # somebody else took the port that was free just now
            server.port = _free_port()
    raise AssertionError((server.folder / "log").read_text()[-2000:])


def _programs() -> Path | None:
    """The folder of the newest server's programs; Debian keeps them off PATH."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest: Sequence[Path] = sorted(packaged, key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if newest:
        return newest[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def _installed() -> Path:
    """The programs, installed from the distribution's package."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no PostgreSQL server on this machine, and no right to install one")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", _PACKAGE]):
        subprocess.run(
            ["apt-get", "--quiet", *words], check=True, env=quiet, stdout=subprocess.DEVNULL
        )
    found = _programs()
    assert found is not None, f"the package {_PACKAGE} brought no server"
    return found


def _unprivileged() -> str | None:
    """Whom root starts the server as; None for anybody else."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(user for user in _USERS if user in known)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
