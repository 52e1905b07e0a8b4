"""Whole nodes without a network, and the coordinator's part in memory: one order, told to all.

A station is everything of a node but its two sockets to the outside: real state, snapshots, policy
file, conductor and runs. Its outbox is emptied into a `Log`, which folds, numbers and tells as
coordinator/lifecycle.py does. Peers meet over a real port on localhost: no relay is needed.
"""

import asyncio
import logging
import random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc.aio
from sqlalchemy import text

from contract import toml
from contract.canonical import canonical_bytes
from contract.cause import to_json
from contract.errors import MiheError
from contract.fold import hear, open_job
from contract.identity import Identity
from contract.job import Basis, Contract, JobKind
from contract.keys import USCC_ALPHABET
from contract.ledger import Ledger
from contract.lifecycle import TERMINAL, State
from contract.policy import Policy
from contract.signing import Kind, Statement, verify
from daemon.renewal import server_credentials
from node.answered import Answered
from node.attach import Attachment
from node.carry import Exchange
from node.catalogue import Datasets
from node.conduct import Conductor, Owner
from node.docket import Docket
from node.propose import Wish, draft, read_offers
from node.results import Results
from node.runs import Runs
from node.stage import Services
from node.store import Store
from node.turns import Turns
from protos import carry_pb2_grpc
from psi.engine import Engine
from tests.unit.node.lines import BOUNDS, PATIENCE, Member

LOG_ID = bytes([5] * 16)
_LARGEST_FILE = 17 << 20
TOO_MUCH = random.Random(5).randbytes(18 << 20)
"""More than a `limited` disk has room for; it does not get smaller by compressing."""

POLICY = """
[[allow]]
dataset = "loans"
jobs = ["psi", "psi_cardinality"]
on = ["uscc"]
with = ["bank_a", "bank_b"]
receivers = ["bank_a", "bank_b"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
approve = "auto"
"""

DESCRIPTION = """
name = "loans"
source = "loans.csv"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2

[[column]]
name = "balance"
type = "decimal"
decimals = 2
unit = "CNY"
level = 3
"""


def uscc(number: int) -> str:
    """The valid code of a made-up enterprise."""
    body = f"91110000{number:09d}"
    total = sum(USCC_ALPHABET.index(c) * pow(3, place, 31) for place, c in enumerate(body))
    return body + USCC_ALPHABET[-total % 31]


def write_dataset(folder: Path, numbers: Sequence[int], *, description: str = DESCRIPTION) -> Path:
    """The files of a dataset `loans` with one row for each enterprise."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{uscc(number)},{number}.50\n" for number in numbers)
    (folder / "loans.csv").write_text("uscc,balance\n" + rows, encoding="utf-8")
    described = folder / "loans.toml"
    described.write_text(description, encoding="utf-8")
    return described


def with_loans(folder: Path, **numbers: Sequence[int]) -> Path:
    """The folder, with a dataset `loans` imported at each of these organisations."""
    for org, rows in numbers.items():
        Datasets(folder / org / "snapshots", org).add(write_dataset(folder / org / "sources", rows))
    return folder


class Station:
    """One organisation's node."""

    def __init__(self, member: Member, folder: Path, *, exchange: Exchange | None = None) -> None:
        self.member = member
        self.folder = folder
        self.exchange = exchange or Exchange(member.credentials)
        self.address: str | None = None
        self.patience = PATIENCE
        self.runs_at_once = 8
        self.policy_file = folder / "policy.toml"
        folder.mkdir(parents=True, exist_ok=True)
        self.allow(POLICY)

    @property
    def org(self) -> str:
        return self.member.org

    def allow(self, policy: str) -> None:
        self.policy_file.write_text(policy, encoding="utf-8")

    def policy(self) -> Policy:
        return toml.parse(Policy, self.policy_file.read_text(encoding="utf-8"), "policy.toml")

    def open(self) -> None:
        """Begin as a process does, with what an earlier one left in the folder."""
        credentials = self.member.credentials
        self.store = Store(self.folder)
        self.datasets = Datasets(self.folder / "snapshots", self.org)
        self.attachment = Attachment("127.0.0.1:1", credentials, self.store, silence=PATIENCE)
        self.docket = Docket(self.store, credentials)
        self.results = Results(self.folder / "results")
        services = Services(
            credentials=credentials,
            store=self.store,
            docket=self.docket,
            datasets=self.datasets,
            attachment=self.attachment,
            exchange=self.exchange,
            policy=self.policy,
            patience=self.patience,
            bounds=BOUNDS,
            results=self.results,
            answered=Answered(self.folder / "answered"),
            memory=1 << 30,
        )
        self.runs = Runs(services, Turns(self.runs_at_once))
        owner = Owner(credentials, self.policy, self.datasets, self.address)
        evidence = self.folder / "evidence"
        self.conductor = Conductor(
            owner, self.store, self.docket, self.runs, self.attachment.say, self.results, evidence
        )
        self.conductor.start()

    async def close(self) -> None:
        """End as a killed process does: nothing more is said."""
        await self.runs.stop_all()
        await self.attachment.close()
        self.store.close()

    def add(self, numbers: Sequence[int], *, description: str = DESCRIPTION) -> None:
        self.datasets.add(write_dataset(self.folder / "sources", numbers, description=description))

    def state(self, job: bytes) -> tuple[State, str | None]:
        state, cause = self.docket.state_and_cause(job)
        return state, cause.code if cause else None

    def evidence(self, job: bytes) -> bytes:
        return (self.folder / "evidence" / f"{job.hex()}.json").read_bytes()

    def result(self, job: bytes) -> list[str] | None:
        """The enterprises in the rows of a result."""
        file = self.results.final(job)
        if not file.exists():
            return None
        return [line.split(",")[0] for line in file.read_text("utf-8").splitlines()[1:]]


@contextmanager
def limited(store: Store) -> Iterator[None]:
    """A disk without room, as SQLite or a PostgreSQL server sees one: not for `TOO_MUCH`."""
    engine = store._database.engine.execution_options(isolation_level="AUTOCOMMIT")

    def answer(statement: str) -> int:
        with engine.connect() as db:
            return int(db.execute(text(statement)).scalar_one())

    if engine.dialect.name == "sqlite":
        with engine.connect() as db:
            db.execute(text("VACUUM"))
        answer(f"PRAGMA max_page_count = {answer('PRAGMA page_count')}")
        yield
        answer("PRAGMA max_page_count = 4294967294")
    else:
        # Its log is made of files of 16 MB; those of a table may not grow any larger.
        server = answer("SELECT pg_backend_pid()")
        _limit_files(server, str(_LARGEST_FILE))
        yield
        _limit_files(server, "unlimited")


def _limit_files(process: int, largest: str) -> None:
    owner = Path(f"/proc/{process}").stat()
    subprocess.run(
        ["prlimit", f"--pid={process}", f"--fsize={largest}:unlimited"],
        user=owner.st_uid,
        group=owner.st_gid,
        check=True,
    )


class Log:
    """The coordinator's part."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, bytes, Statement]] = []
        self.ledgers: dict[bytes, Ledger] = {}
        self.catalogues: dict[str, Statement] = {}
        self.rejected: list[MiheError] = []
        self.stations: list[Station] = []

    def state(self, job: bytes) -> State | None:
        ledger = self.ledgers.get(job)
        return ledger.state if ledger else None

    def attach(self, station: Station) -> None:
        """Greet a station, and tell it what it has missed."""
        new = station.store.log != LOG_ID
        if new:
            station.store.begin_log(LOG_ID, 0)
        station.conductor.welcomed(new_log=new)
        cursor = station.store.cursor
        for number, job, statement in list(self.entries):
            if number > cursor and station.org in self.ledgers[job].contract.orgs:
                station.conductor.told(number, statement)
        station.conductor.caught_up()
        self.stations.append(station)

    def detach(self, station: Station) -> None:
        self.stations.remove(station)

    def settle_one(self) -> bool:
        """Hear the next statement that any station has to say; whether there was one."""
        for station in list(self.stations):
            for number, statement in station.store.unsaid(0)[:1]:
                self._hear(station, number, statement)
                return True
        return False

    def settle(self) -> None:
        while self.settle_one():
            pass

    def _hear(self, station: Station, number: int, statement: Statement) -> None:
        try:
            signer = verify(statement, station.member.credentials.authority)
            if statement.kind is Kind.CATALOGUE:
                self.catalogues[statement.org] = statement
            else:
                self._fold(statement, signer)
        except MiheError as error:
            self.rejected.append(error)
            said = station.store.taken(number, to_json(error))
            assert said is not None
            station.conductor.rejected(said, error)
            return
        said = station.store.taken(number, None)
        assert said is not None
        station.conductor.accepted(said)

    def _fold(self, statement: Statement, signer: Identity) -> None:
        if statement.kind is Kind.CONTRACT:
            self.log(open_job(statement, signer), statement)
            return
        subject = statement.subject
        before = next(one for one in self.ledgers.values() if subject in (one.job, *one.subjects))
        after = hear(before, statement, signer)
        if after is not before:
            self.log(after, statement)

    def log(self, ledger: Ledger, statement: Statement) -> None:
        """Log a statement and tell it to every party that is here."""
        self.ledgers[ledger.job] = ledger
        number = len(self.entries) + 1
        self.entries.append((number, ledger.job, statement))
        for station in list(self.stations):
            if station.org in ledger.contract.orgs:
                station.conductor.told(number, statement)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Pass on what is said until `condition` holds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                # One at a time: a condition may be about a moment between two statements.
                if condition():
                    return
                if not self.settle_one():
                    await asyncio.sleep(0.002)

    async def until_state(self, job: bytes, state: State) -> None:
        await self.until(lambda: self.state(job) is state)

    async def until_over(self, job: bytes) -> None:
        """Pass on what is said until a job has ended here and at every station, and rests there."""

        def over() -> bool:
            here = [one for one in self.stations if one.store.job(job) is not None]
            states = [self.state(job), *(one.state(job)[0] for one in here)]
            writing = any(one.results.writing(job) for one in here)
            return all(state in TERMINAL for state in states) and not writing

        await self.until(over)

    def propose(
        self,
        by: Station,
        *receivers: str,
        kind: JobKind = JobKind.PSI,
        engine: Engine = Engine.AUTO,
        owners: Sequence[str] = ("bank_a", "bank_b"),
    ) -> bytes:
        """Let a station propose an intersection of the owners' loans; the job's id."""
        wish = Wish(
            kind=kind.value,
            datasets=tuple(f"{org}.loans" for org in owners),
            on=("uscc",),
            receivers=receivers,
            purpose="CREDIT_MICRO",
            basis=Basis.SYNTHETIC_TEST.value,
            lasts_seconds=3600,
            engine=engine.value,
        )
        offers = read_offers(self.catalogues.values(), by.member.credentials.authority)
        contract: Contract = draft(wish, offers, me=by.org)
        by.attachment.say(Kind.CONTRACT, contract.job_id, contract)
        assert canonical_bytes(contract)
        return contract.job_id


@asynccontextmanager
async def two_stations(
    one: Member, other: Member, folder: Path, *, answers: bool = True
) -> AsyncIterator[tuple[Log, Station, Station]]:
    """A log, and two stations attached to it; the first dials the second, which may not answer."""
    async with many_stations((one, other), folder, answers=answers) as (log, (first, second)):
        yield log, first, second


@asynccontextmanager
async def many_stations(
    members: Sequence[Member], folder: Path, *, answers: bool = True
) -> AsyncIterator[tuple[Log, list[Station]]]:
    """A log, and stations attached to it. All but the first have an address, and may not answer."""
    stations = [Station(member, folder / member.org) for member in members]
    servers = []
    for station in stations[1:]:
        server = grpc.aio.server()
        servers.append(server)
        carry_pb2_grpc.add_PeerServicer_to_server(station.exchange, server)
        credentials = server_credentials(station.member.credentials)
        port = server.add_secure_port("127.0.0.1:0", credentials)
        if answers:
            await server.start()
        station.address = f"127.0.0.1:{port}"
    log = Log()
    logging.getLogger("mihe").setLevel(logging.CRITICAL)
    for station in stations:
        station.open()
        log.attach(station)
    try:
        yield log, stations
    finally:
        for station in stations:
            await station.close()
        for server in servers:
            await server.stop(None)
