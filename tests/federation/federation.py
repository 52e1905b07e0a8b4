"""A federation of real daemons for tests: `with Federation(folder, "bank_a", "bank_b") as world:`.

It is cli/local.py's LocalFederation with made-up organisations, and a few words that only tests
need. Use a short folder (`short_folder`): a Unix socket's path has 107 bytes at most, and pytest's
own temporary folders are long.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from cli.authority import COORDINATOR_ORG
from cli.ca import CERTIFICATE_FILE, LIST_FILE
from cli.demo import USCCS
from cli.local import LocalFederation

T = TypeVar("T")

SECONDS = 60.0
"""How long anything may take before it counts as hanging; no test is meant to come near it."""


class Federation(LocalFederation):
    """Coordinator and nodes of the organisations named, running inside the `with`."""

    def __init__(
        self,
        folder: Path,
        *orgs: str,
        direct: bool | Collection[str] = False,
        coordinator: Mapping[str, object] | None = None,
        node: Mapping[str, object] | None = None,
        launchers: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        names = (COORDINATOR_ORG, *(orgs or ("bank_a", "bank_b")))
        super().__init__(
            folder,
            {name: USCCS[name] for name in names},
            direct=direct,
            coordinator_settings=coordinator,
            node_settings=node,
            launchers=launchers,
        )

    def add(self, org: str, name: str, description: str, csv: str) -> Path:
        """Write a dataset's two files into a node's folder and import it."""
        sources = self.folder / org / "sources"
        sources.mkdir(exist_ok=True)
        (sources / f"{name}.csv").write_text(csv, encoding="utf-8")
        described = sources / f"{name}.toml"
        described.write_text(description, encoding="utf-8")
        with self.client(org) as node:
            node.add_dataset(described)
        return described

    def evidence(self, org: str, job: str) -> dict[str, Any]:
        """What `mihe evidence` finds in what a node keeps of a job, once there is something."""
        file = self.folder / org / "data" / "evidence" / f"{job}.json"
        eventually(file.exists)
        ca = self.folder / "ca"
        lists = ("--crl", str(ca / LIST_FILE)) if (ca / LIST_FILE).exists() else ()
        words = ("evidence", str(file), "--ca", str(ca / CERTIFICATE_FILE), *lists, "--json")
        checked = self.run_cli(org, *words)
        assert checked.returncode == 0, checked.stderr
        found: dict[str, Any] = json.loads(checked.stdout)
        return found

    def freeze(self, name: str) -> None:
        """Stop a daemon and its children where they are (SIGSTOP); their sockets stay open."""
        os.killpg(self.process_id(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen daemon go on as if nothing had been."""
        os.killpg(self.process_id(name), signal.SIGCONT)

    def wait_ended(self, name: str) -> int:
        """Wait for a daemon that ends by itself; its exit code."""
        return self._processes.pop(name).wait(SECONDS)

    def allow(self, org: str, policy: str) -> None:
        """Replace a node's policy; it counts from its next decision on."""
        self.home(org).policy.write_text(policy, encoding="utf-8")


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for a Unix socket's name."""
    with TemporaryDirectory(prefix="mihe-", dir="/tmp") as name:
        yield Path(name)


def eventually(happens: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """What `happens` gives once it gives something true; fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not (outcome := happens()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return outcome
