"""The node put together: what keeps it from starting, and what its own people can ask it."""

import asyncio
import csv
import io
import shutil
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from contract.dataset import ColumnType
from contract.errors import (
    AlreadyThere,
    BadRequest,
    BadSetting,
    CoordinatorAbsent,
    DrasticChange,
    JobFinished,
    MiheError,
    OurError,
    Refused,
    StateAbsent,
    UnknownDataset,
    UnknownJob,
    UnknownSetting,
    UnreadableSource,
)
from contract.job import Basis, JobKind
from contract.lifecycle import State
from coordinator.server import serving
from durable.postgres import Place
from mihe.client import NodeClient
from mihe.proposal import Proposal
from mihe.where import config_file
from node import attach, daemon
from node.daemon import Home, serve
from node.store import Store
from tests.postgres import Database
from tests.postgres import running as postgres_running
from tests.states import cut_off, place_on, setting
from tests.unit.coordinator.consortium import Consortium, configure
from tests.unit.node.lines import PATIENCE, Member
from tests.unit.node.stations import POLICY, uscc, write_dataset

T = TypeVar("T")

WISH = Proposal(
    kind=JobKind.PSI,
    datasets=("bank_a.loans", "bank_b.loans"),
    on=("uscc",),
    receivers=("bank_a",),
    purpose="CREDIT_MICRO",
    basis=Basis.SYNTHETIC_TEST,
    expires_in_seconds=3600,
)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "_FIRST_PAUSE", 0.05)


class Folder:
    """A node's home, short enough for a socket's path."""

    def __init__(self, member: Member, parent: Path, *, coordinator: str) -> None:
        self.path = parent / member.org
        shutil.copytree(member.folder, self.path)
        self.socket = self.path / "admin.sock"
        self.org = member.org
        self.allow(POLICY)
        self.settings = (
            f'org = "{member.org}"\ncoordinator = "{coordinator}"\nlog_level = "error"\n%s\n'
            '[identity]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
        )
        self.write()

    def write(self, top: str = "", bottom: str = "") -> None:
        (self.path / "node.toml").write_text(self.settings % top + bottom, encoding="utf-8")

    def allow(self, policy: str) -> None:
        (self.path / "policy.toml").write_text(policy, encoding="utf-8")

    def home(self) -> Home:
        return Home.read(self.path / "node.toml")

    async def ask(self, question: Callable[[NodeClient], T]) -> T:
        def asked() -> T:
            with NodeClient(self.socket) as node:
                return question(node)

        async with asyncio.timeout(PATIENCE):
            return await asyncio.to_thread(asked)

    async def until(self, condition: Callable[[NodeClient], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self.ask(condition):  # noqa: ASYNC110  # another process, as it were
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(folder: Folder) -> AsyncIterator[Folder]:
    """A node that serves; leaving stops it as SIGTERM does."""
    ready, stop = asyncio.Event(), asyncio.Event()
    daemon = asyncio.create_task(serve(folder.home(), stop, lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((daemon, waiting), return_when=asyncio.FIRST_COMPLETED)
    try:
        if not ready.is_set():
            await daemon
        yield folder
    finally:
        waiting.cancel()
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(daemon, return_exceptions=True)


@pytest.fixture
def short() -> Iterator[Path]:
    with TemporaryDirectory(prefix="mihe-") as name:
        yield Path(name)


@pytest.fixture
def alone(bank_a: Member, short: Path) -> Folder:
    """A node whose coordinator is not there."""
    return Folder(bank_a, short, coordinator="127.0.0.1:1")


# ── starting ────────────────────────────────────────────────────────────────────────────────────


async def refusal(error: type[MiheError], folder: Folder) -> MiheError:
    with pytest.raises(error) as refused:
        async with running(folder):
            pass
    assert type(refused.value) is error
    return refused.value


async def test_a_node_serves_its_own_people_whether_or_not_it_is_attached(alone: Folder) -> None:
    async with running(alone):
        assert stat.S_IMODE(alone.socket.stat().st_mode) == 0o600
        status = await alone.ask(NodeClient.status)
        assert (status.org, status.attached, status.datasets) == ("bank_a", False, 0)
        with pytest.raises(CoordinatorAbsent):
            await alone.ask(lambda node: node.plan(WISH))
        described = write_dataset(alone.path / "sources", range(5))
        added = await alone.ask(lambda node: node.add_dataset(described))
        assert (added.report.rows_kept, added.changes) == (5, None)
        assert (await alone.ask(NodeClient.status)).datasets == 1
    assert not alone.socket.exists()
    async with running(alone):
        assert (await alone.ask(NodeClient.status)).datasets == 1


async def test_a_refresh_reads_the_description_that_was_added(alone: Folder) -> None:
    async with running(alone):
        described = write_dataset(alone.path / "sources", range(5))
        first = await alone.ask(lambda node: node.add_dataset(described))
        assert first.described == str(described)
        write_dataset(alone.path / "sources", range(1, 9))
        again = await alone.ask(lambda node: node.refresh_dataset("loans"))
        assert again.changes is not None
        assert (again.changes.rows_added, again.changes.rows_removed) == (4, 1)
        assert again.root != first.root
        write_dataset(alone.path / "sources", range(2))
        with pytest.raises(DrasticChange):
            await alone.ask(lambda node: node.refresh_dataset("loans"))
        (held,) = (await alone.ask(NodeClient.datasets)).datasets
        assert held == again
        taken = await alone.ask(lambda node: node.refresh_dataset("loans", accept=True))
        assert taken.report.rows_kept == 2
        with pytest.raises(UnknownDataset, match="Did you mean 'loans'"):
            await alone.ask(lambda node: node.refresh_dataset("loan"))
    async with running(alone):
        assert (await alone.ask(NodeClient.datasets)).datasets == (taken,)


async def test_two_processes_do_not_share_a_folder(alone: Folder) -> None:
    async with running(alone):
        assert "data folder" in (await refusal(AlreadyThere, alone)).what
        alone.write('data = "other"')
        assert "admin socket" in (await refusal(AlreadyThere, alone)).what
        assert (await alone.ask(NodeClient.status)).org == "bank_a"


async def test_a_socket_that_a_killed_node_left_is_no_obstacle(alone: Folder) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(alone.socket))
    async with running(alone):
        assert (await alone.ask(NodeClient.status)).org == "bank_a"


async def test_what_a_killed_node_was_working_on_is_gone(alone: Folder) -> None:
    data = alone.path / "data"
    left = [data / "snapshots" / "loans" / ".scratch-1", data / "results" / ".scratch-2"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text("plain")
    async with running(alone):
        assert not any(folder.exists() for folder in left)


async def test_a_file_in_the_place_of_the_socket_is_not_removed(alone: Folder) -> None:
    alone.socket.write_text("something of the owner's")
    assert "no socket" in (await refusal(BadSetting, alone)).what
    assert alone.socket.read_text() == "something of the owner's"


async def test_a_path_that_no_socket_can_have_is_named(alone: Folder) -> None:
    alone.write(f'admin = "{"s" * 108}"')
    assert "107 bytes" in (await refusal(BadSetting, alone)).what


async def test_a_port_that_is_taken_is_named(alone: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        alone.write(bottom=f'[direct]\nlisten = "{address}"\naddress = "{address}"\n')
        assert address in (await refusal(BadSetting, alone)).what
    assert not alone.socket.exists()


async def test_a_policy_that_a_link_is_turned_over_to_counts(alone: Folder) -> None:
    """As Kubernetes replaces what it has mounted: what a link named before is gone."""
    for name, policy in (("before", POLICY), ("after", "")):
        (alone.path / name).mkdir()
        (alone.path / name / "policy.toml").write_text(policy, encoding="utf-8")
        shutil.copy(alone.path / "node.toml", alone.path / name)
    (alone.path / "now").symlink_to("before")
    for name in ("node.toml", "policy.toml"):
        (alone.path / name).unlink()
        (alone.path / name).symlink_to(f"now/{name}")
    home = alone.home()
    assert home.policy().allow
    (alone.path / "next").symlink_to("after")
    (alone.path / "next").replace(alone.path / "now")
    shutil.rmtree(alone.path / "before")
    assert not home.policy().allow
    assert config_file(alone.path) == alone.path / "node.toml"


async def test_what_is_wrong_in_a_file_is_said_before_anything_starts(alone: Folder) -> None:
    alone.allow('[[alow]]\ndataset = "loans"\n')
    assert "policy.toml:1: " in (await refusal(UnknownSetting, alone)).what
    (alone.path / "policy.toml").unlink()
    assert "policy.toml" in (await refusal(BadSetting, alone)).what
    alone.allow(POLICY)
    (alone.path / "cert.pem").unlink()
    await refusal(BadSetting, alone)
    (alone.path / "node.toml").write_text('org = "bank_a"', encoding="utf-8")
    with pytest.raises(BadSetting):
        alone.home()
    (alone.path / "node.toml").write_bytes(b"\xff")
    with pytest.raises(BadSetting):
        alone.home()
    assert not (alone.path / "data").exists()


async def test_a_data_folder_that_cannot_be_made_is_named(alone: Folder) -> None:
    (alone.path / "data").write_text("a file")
    assert "data" in (await refusal(BadSetting, alone)).what


# ── state on a server ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def elsewhere(alone: Folder, place: Place) -> Folder:
    """A node whose state is on a PostgreSQL server."""
    alone.write(setting(place))
    return alone


async def test_a_state_on_a_server_leaves_no_file(elsewhere: Folder) -> None:
    async with running(elsewhere):
        assert (await elsewhere.ask(NodeClient.jobs)).jobs == ()
    assert {path.name for path in (elsewhere.path / "data").iterdir()} <= {"lock", "snapshots"}


async def test_a_state_is_its_organisations(
    elsewhere: Folder, bank_b: Member, place: Place, short: Path
) -> None:
    async with running(elsewhere):
        described = write_dataset(elsewhere.path / "sources", range(5))
        await elsewhere.ask(lambda node: node.add_dataset(described))
    other = Folder(bank_b, short, coordinator="127.0.0.1:1")
    other.write(setting(place))
    assert "bank_a" in (await refusal(BadSetting, other)).what


async def test_a_node_whose_state_another_process_has_taken_ends(
    elsewhere: Folder,
    place: Place,
    state_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daemon, "_LOOKING_SECONDS", 0.05)
    elsewhere.write(setting(place))

    def take() -> None:
        cut_off(state_database, place)
        Store(tmp_path, place).close()

    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises((AlreadyThere, StateAbsent)):
            await serve(elsewhere.home(), stop, lambda _: take())


# ── asking ──────────────────────────────────────────────────────────────────────────────────────


async def test_questions_that_have_no_answer_get_an_error_of_the_tree(
    alone: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(alone):
        assert (await alone.ask(NodeClient.jobs)).jobs == ()
        for prefix in ("", "abc", "00000000", "../../etc"):
            for question in (
                lambda node, job=prefix: node.show(job),
                lambda node, job=prefix: node.abort(job),
                lambda node, job=prefix: list(node.watch(job)),
                lambda node, job=prefix: list(node.result(job)),
            ):
                with pytest.raises(UnknownJob):
                    await alone.ask(question)
        nowhere = alone.path / "nowhere.toml"
        with pytest.raises((UnreadableSource, BadSetting)):
            await alone.ask(lambda node: node.add_dataset(nowhere))
        monkeypatch.setattr("node.admin.version", None)  # a defect, wherever it may be
        with pytest.raises(OurError) as defect:
            await alone.ask(NodeClient.status)
        assert "NoneType" not in str(defect.value)


@asynccontextmanager
async def attached(
    consortium: Consortium,
    members: Sequence[Member],
    parent: Path,
    places: Callable[[], Place | None] = lambda: None,
) -> AsyncIterator[tuple[Folder, ...]]:
    """Two nodes with their loans, attached to a coordinator; `places` says where states lie."""
    home, place = parent / "coordinator", places()
    config = configure(home, consortium.coordinator, listen="127.0.0.1:0", state=place)
    async with AsyncExitStack() as stack:
        coordinator = await stack.enter_async_context(serving(config, home))
        address = f"127.0.0.1:{coordinator.port}"
        folders = tuple(Folder(member, parent, coordinator=address) for member in members)
        for folder, numbers in zip(folders, (range(20), range(15, 60)), strict=True):
            if (place := places()) is not None:
                folder.write(setting(place))
            await stack.enter_async_context(running(folder))
            await folder.until(lambda node: node.status().attached)
            described = write_dataset(folder.path / "sources", numbers)
            await folder.ask(partial(NodeClient.add_dataset, description=described))
        await folders[0].until(lambda node: len(offered(node)) == 2)
        yield folders


@pytest.fixture
async def both(
    consortium: Consortium, bank_a: Member, bank_b: Member, short: Path
) -> AsyncIterator[tuple[Folder, ...]]:
    async with attached(consortium, (bank_a, bank_b), short) as folders:
        yield folders


async def test_a_server_that_restarts_between_two_jobs_is_not_noticed(
    consortium: Consortium, bank_a: Member, bank_b: Member, short: Path, tmp_path: Path
) -> None:
    with postgres_running() as server:
        database = server.database()
        members, places = (bank_a, bank_b), partial(place_on, database, tmp_path)
        async with attached(consortium, members, short, places) as (a, b):
            await _a_job(a, b)
            server.kill()
            server.start()
            await _a_job(a, b)
            assert len((await b.ask(NodeClient.jobs)).jobs) == 2


async def _a_job(a: Folder, b: Folder) -> None:
    job = (await a.ask(lambda node: node.propose(WISH))).job
    *_, last = await a.ask(lambda node: list(node.watch(job)))
    assert last.result is not None
    assert last.result.count == 5
    await b.until(lambda node: node.show(job).state is State.DONE)


def offered(node: NodeClient) -> list[str]:
    catalogue = node.catalogue().organisations
    return [f"{one.org}.{entry.name}" for one in catalogue for entry in one.entries]


async def test_a_job_from_the_wish_to_its_rows(both: tuple[Folder, ...]) -> None:
    a, b = both
    assert await a.ask(offered) == ["bank_a.loans", "bank_b.loans"]
    planned = await a.ask(lambda node: node.plan(WISH))
    assert [line.split(":")[0] for line in planned.streams] == [
        "bank_a → bank_b",
        "bank_b → bank_a",
    ]
    assert planned.bytes_on_the_wire > 2 * 256 * 32
    assert (await b.ask(NodeClient.jobs)).jobs == ()  # a plan is nobody else's business
    job = (await a.ask(lambda node: node.propose(WISH, shown=planned))).job
    views = await a.ask(lambda node: list(node.watch(job)))
    states = [view.state for view in views]
    assert states[-1] is State.DONE
    assert State.DONE not in states[:-1]
    assert all(view.result is None for view in views[:-1])
    assert views[-1].result is not None
    assert (views[-1].result.count, views[-1].result.rows) == (5, 5)
    assert [(one.name, one.type) for one in views[-1].result.columns] == [
        ("uscc", ColumnType.KEY),
        ("balance", ColumnType.DECIMAL),
    ]
    rows = b"".join(await a.ask(lambda node: list(node.result(job)))).decode()
    assert [row["uscc"] for row in csv.DictReader(io.StringIO(rows))] == [
        uscc(number) for number in range(15, 20)
    ]
    await b.until(lambda node: node.show(job[:8]).state is State.DONE)
    assert (await b.ask(lambda node: node.show(job[:8]))).result is None
    with pytest.raises(UnknownJob):
        await b.ask(lambda node: list(node.result(job)))
    for folder in both:
        (line,) = (await folder.ask(NodeClient.jobs)).jobs
        assert (line.job, line.state, line.code) == (job, State.DONE, None)
        with pytest.raises(JobFinished):
            await folder.ask(lambda node: node.abort(job))


async def test_what_has_changed_since_it_was_shown_is_not_proposed(
    both: tuple[Folder, ...],
) -> None:
    a, b = both
    shown = await a.ask(lambda node: node.plan(WISH))
    described = write_dataset(b.path / "sources", range(300))
    await b.ask(partial(NodeClient.add_dataset, description=described))
    await a.until(lambda node: node.plan(WISH).contract.party("bank_b").size == 320)
    with pytest.raises(BadRequest, match="no longer what was shown"):
        await a.ask(lambda node: node.propose(WISH, shown=shown))
    assert (await a.ask(NodeClient.jobs)).jobs == ()


async def test_a_wish_that_fails_at_home_is_not_heard_elsewhere(
    both: tuple[Folder, ...],
) -> None:
    a, b = both
    a.allow("")
    with pytest.raises(Refused):
        await a.ask(lambda node: node.propose(WISH))
    unknown = replace(WISH, datasets=("bank_a.loan", "bank_b.loans"))
    with pytest.raises(UnknownDataset):
        await b.ask(lambda node: node.propose(unknown))
    for folder in both:
        assert (await folder.ask(NodeClient.jobs)).jobs == ()


async def test_a_refusal_elsewhere_is_shown_with_its_cause(both: tuple[Folder, ...]) -> None:
    a, b = both
    b.allow("")
    job = (await a.ask(lambda node: node.propose(WISH))).job
    views = await a.ask(lambda node: list(node.watch(job)))
    assert views[-1].state is State.REFUSED
    cause = views[-1].cause
    assert cause is not None
    assert (cause.code, cause.party, cause.rule) == ("REFUSED", "bank_b", "policy.toml: unlisted")
    await b.until(lambda node: node.show(job).cause == cause)
