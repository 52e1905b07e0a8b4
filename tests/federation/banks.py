"""Two banks with loans, their nodes on stage (staged.py), and a third member without a node.

What a test says to them, and the one rule that every job's end must obey, whatever was done to it:
all sides tell the same end with the same cause; a result is there if and only if the job is done,
and then it is the right one.
"""

import csv
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from re import findall, sub
from subprocess import CompletedProcess
from typing import Self

from cli import authority
from cli.authority import COORDINATOR_ORG
from cli.ca import CERTIFICATE_FILE, KEY_FILE
from cli.demo import USCCS
from contract.config import NodeConfig
from contract.credentials import Credentials, credentials_from
from contract.identity import Role
from contract.job import Basis, JobKind
from contract.keys import KeyKind
from contract.lifecycle import State
from contract.views import JobView
from mihe.proposal import ANY_ENGINE, intersection
from mihe.where import own_node
from scenarios.oracle import keys_of
from scenarios.world import write_world
from tests.federation.directed import Directed
from tests.federation.federation import eventually
from tests.federation.orders import WAIT

BANKS = ("bank_a", "bank_b")
LOANS = ("bank_a.loans", "bank_b.loans")
SYNTHETIC = Basis.SYNTHETIC_TEST.value
CREDIT = ("--on", "uscc", "--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST")


@dataclass(frozen=True)
class End:
    """How a job ended, as far as all sides must agree."""

    state: State
    code: str | None = None
    party: str | None = None


class Banks(Directed):
    """The federation; in a `with` the loans are imported and policies allow what CREDIT asks."""

    def __init__(
        self,
        folder: Path,
        *,
        direct: bool | Collection[str] = False,
        coordinator: Mapping[str, object] | None = None,
        node: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            folder,
            *BANKS,
            direct=direct,
            coordinator=coordinator,
            node=node,
        )
        self.answer: set[bytes] = set()

    def __enter__(self) -> Self:
        world = write_world(self.folder / "world", size=1000, organisations=BANKS, formats=("csv",))
        super().__enter__()
        try:
            for org in BANKS:
                shutil.copy(world.folder / org / "policy.toml", self.home(org).policy)
                self.import_loans(org)
        except BaseException:
            self.stop_all()
            raise
        left, right = (world.path(loans, "csv") for loans in LOANS)
        self.answer = keys_of(left, "uscc", KeyKind.USCC) & keys_of(right, "uscc", KeyKind.USCC)
        assert self.answer
        return self

    def import_loans(self, org: str) -> None:
        """Import the bank's loans, as its people do."""
        description = self.folder / "world" / org / "loans.toml"
        added = self.run_cli(org, "dataset", "add", str(description))
        assert added.returncode == 0, added.stderr

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    def ask(
        self, org: str = "bank_a", *words: str, to: tuple[str, ...] = ("bank_a",)
    ) -> CompletedProcess[str]:
        """`mihe psi` over the two banks' loans, typed by a person of `org`."""
        return self.run_cli(org, "psi", *question(*to), "--json", *words)

    def propose(
        self,
        *,
        by: str = "bank_a",
        to: tuple[str, ...] = ("bank_a",),
        engine: str = ANY_ENGINE,
    ) -> str:
        """A job that nobody waits for, from a program of `by`; its id."""
        asked = intersection(
            LOANS, on="uscc", to=to, purpose="CREDIT_MICRO", basis=SYNTHETIC, engine=engine
        )
        with self.client(by) as node:
            return node.propose(asked).job

    def must_work(self) -> str:
        """Whatever happened before: the next job gives the right answer; its id."""
        # A coordinator that has lost everything hears of datasets anew once nodes are back.
        eventually(lambda: self.offered(by="bank_a") >= set(LOANS))
        job = self.propose()
        assert self.end_of(job) == End(State.DONE)
        return job

    def offered(self, *, by: str) -> set[str]:
        """The datasets that a program of `by` can name."""
        with self.client(by) as node:
            organisations = node.catalogue().organisations
        return {f"{one.org}.{entry.name}" for one in organisations for entry in one.entries}

    def end_of(self, job: str) -> End:
        """Wait for the job's end at every side, and check that it is a clean one."""
        views = {org: self.view_at_end(org, job) for org in BANKS}
        ends = {org: end_of(view) for org, view in views.items()}
        end = ends["bank_a"]
        assert ends == dict.fromkeys(BANKS, end)
        eventually(lambda: self._coordinator_says(job) == (end.state.value, end.code))
        for org, view in views.items():
            self._check_result(org, view)
        return end

    def _coordinator_says(self, job: str) -> tuple[str | None, str | None]:
        lines = self.log(COORDINATOR_ORG).read_text("utf-8").splitlines()
        about = [line for line in lines if "event=logged " in line and f"job={job[:12]}" in line]
        facts = dict(word.split("=", 1) for word in about[-1].split() if "=" in word)
        return facts.get("state"), facts.get("code")

    def _check_result(self, org: str, view: JobView) -> None:
        results = self.folder / org / "data" / "results"
        files = self.result_files(org, view.job)
        if view.state is not State.DONE or org not in view.contract.receivers:
            assert view.result is None
            eventually(lambda: not self.result_files(org, view.job))
            return
        assert view.result is not None
        assert view.result.count == len(self.answer)
        if view.contract.kind is JobKind.PSI_CARDINALITY:
            assert not files
            return
        assert files == {f"{view.job}.csv"}
        assert keys_in(results / f"{view.job}.csv") == self.answer

    def result_files(self, org: str, job: str) -> set[str]:
        """The names of all files of a job's result at a node."""
        results = self.folder / org / "data" / "results"
        return {path.name for path in results.glob(f"*{job}*")}

    # ── the stage ───────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def halted(self, org: str, point: str, *, to: tuple[str, ...] = ("bank_a",)) -> Iterator[str]:
        """A job whose party `org` has come to a point and waits there until the block is left."""
        self.order(org, point, WAIT)
        try:
            job = self.propose(by=other(org), to=to)
            self.wait_halted(org, point)
            yield job
        finally:
            self.dismiss(org)

    def wait_halted_or_done(self, org: str, point: str, job: str) -> None:
        """The same for a point that may not lie on the node's way: return when the job is done."""
        eventually(lambda: self.is_halted(org, point) or self.ended(other(org), job))

    # ── members and settings ────────────────────────────────────────────────────────────────────

    def credentials(self, org: str) -> Credentials:
        """The credentials of a node, for a test that speaks in its place."""
        home = self.home(org)
        files = (home.certificate, home.key, home.authority)
        return credentials_from(*(f.read_bytes() for f in files), org=org, role=Role.NODE)

    def new_member(self, org: str) -> Credentials:
        """A key and certificate of this consortium for an organisation that runs no node here."""
        ca = self.folder / "ca"
        key, csr = authority.request(Role.NODE, org, USCCS[org])
        ca_key, ca_certificate = ((ca / name).read_bytes() for name in (KEY_FILE, CERTIFICATE_FILE))
        certificate = authority.sign(ca_key, ca_certificate, csr)
        return credentials_from(certificate, key, ca_certificate, org=org, role=Role.NODE)

    def config(self, org: str) -> NodeConfig:
        """A node's settings."""
        return own_node(self.home(org).config).config

    def set_grace(self, seconds: int) -> None:
        """Restart the coordinator with another patience for nodes that are away."""
        self._set(COORDINATOR_ORG, "node_grace_seconds", seconds)
        self.replace_coordinator()

    def set_patience(self, org: str, seconds: int) -> None:
        """Restart a node with another patience for peers that are not on the line."""
        self._set(org, "peer_patience_seconds", seconds)
        self.restart(org)
        self.wait_attached(org)

    def _set(self, name: str, key: str, seconds: int) -> None:
        config = self.home(name).config
        text = config.read_text("utf-8")
        changed = sub(rf"(?m)^#?{key} = \d+$", f"{key} = {seconds}", text)
        assert changed != text
        config.write_text(changed, "utf-8")

    def replace_coordinator(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Kill the coordinator and start it again; returns when the nodes that run are back."""
        self.kill(COORDINATOR_ORG)
        meanwhile()
        before = len(self._arrivals())
        self.start(COORDINATOR_ORG)
        running = {org for org in BANKS if org in self.running}
        eventually(lambda: running <= set(self._arrivals()[before:]))
        self.wait_attached(*running)

    def is_attached(self, org: str) -> bool:
        """Whether the node says that the coordinator is on the line."""
        with self.client(org) as node:
            return node.status().attached

    def _arrivals(self) -> list[str]:
        log = self.log(COORDINATOR_ORG).read_text("utf-8")
        return findall(r"event=attached org=(\w+)", log)


def question(*receivers: str) -> tuple[str, ...]:
    """What follows `mihe psi`: the two banks' loans, with the result to these."""
    return (*LOANS, *CREDIT, *(word for receiver in receivers for word in ("--to", receiver)))


def other(org: str) -> str:
    """The other bank."""
    return BANKS[1 - BANKS.index(org)]


def keys_in(rows: Path) -> set[bytes]:
    """The keys in a result file, which holds canonical ones only."""
    with rows.open(encoding="utf-8", newline="") as file:
        return {f"uscc:{row['uscc']}".encode() for row in csv.DictReader(file)}


def end_of(view: JobView) -> End:
    """How a job that has ended did so."""
    cause = view.cause
    return End(view.state, cause.code, cause.party) if cause else End(view.state)
