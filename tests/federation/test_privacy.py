"""Nothing personal leaves its owner: a whole federation is run, and every trace of it searched.

Five organisations import their files, compute together and are refused, all through the command
line, while a tap (tapped.py) writes down every message. Then every file, every tap, what people
were shown and the memory of every process is searched for every key of the world and for the
marked values in confidential columns, in all the forms of traces.py. They are found where their
owner keeps them, or the search is worth nothing; anywhere else, one is too many.
"""

import csv
import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from unicodedata import normalize

import duckdb
import pytest

from cli.authority import COORDINATOR_ORG
from cli.demo import SQL
from contract.keys import KeyKind
from contract.lifecycle import State
from contract.suites import Suite
from contract.views import JobList
from native import _core
from scenarios.oracle import keys_of
from scenarios.world import World, write_world
from tests.federation.federation import Federation, short_folder
from tests.federation.traces import (
    Search,
    Trace,
    add_key,
    add_number,
    files_in,
    memory_of,
    secrets_of,
)

# Another world every time: what somebody else's demonstration or test leaves in /tmp is not ours.
SEED = random.SystemRandom().randrange(1 << 32)
ORGS = ("registry", "tax", "power", "bank_a", "bank_b")
CREDIT = ("--on", "uscc", "--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST")
BANKS = ("bank_a.loans", "bank_b.loans")
HASH_TO_GROUP = {
    Suite.PSI_ECDH: b"mihe-psi-ecdh-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_",
    Suite.BLIND_JOIN: b"mihe-blind-join-V1-CS01-with-ristretto255_XMD:SHA-512_R255MAP_RO_",
}

EVERYBODYS = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108  # read, never written

CONTROL = "the id of a job"
"""No secret: what every party has in its memory, or its memory was not read."""

BROKEN_KEY = "91330000MARKED0000"
BROKEN_CELL = "7731905528463,11"
BROKEN = """
name = "broken"
source = "broken.csv"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2

[[column]]
name = "balance"
type = "decimal"
decimals = 2
level = 3
"""


@dataclass(repr=False)
class Aftermath:
    """What a federation has left behind, and what nobody but its owner may hold."""

    folder: Path
    search: Search
    own: dict[str, set[str]]
    """Each organisation's keys and marked values."""
    intersections: dict[str, set[str]]
    """By the name of the file at bank_a that the rows were written to."""
    canonical: dict[str, set[str]]
    """The keys that an import keeps, by organisation."""
    marked: dict[str, set[str]]
    shown: list[CompletedProcess[str]] = field(default_factory=list)
    in_memory: dict[str, set[Trace]] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def content(self, path: Path) -> bytes:
        """A file's bytes, and behind them, if it is Parquet, its cells as text."""
        raw = path.read_bytes()
        if path.suffix != ".parquet":
            return raw
        rows = duckdb.read_parquet(str(path)).fetchall()
        return raw + "\n".join(str(cell) for row in rows for cell in row).encode()

    def found_in(self, *paths: Path) -> set[str]:
        """The secrets that these files hold."""
        return {s for path in paths for s in secrets_of(self.search.find(self.content(path)))}

    def strays(self, below: str = ".") -> dict[str, list[Trace]]:
        """By file, what it holds and may not."""
        found = {}
        for path in files_in(self.folder / below):
            may = self._may_hold(path.relative_to(self.folder).parts)
            traces = self.search.find(self.content(path))
            if stray := [trace for trace in traces if trace.secret not in {CONTROL, *may}]:
                found[str(path.relative_to(self.folder))] = stray[:5]
        return found

    def _may_hold(self, place: Sequence[str]) -> set[str]:
        match place:
            case [org, "sources", *_] if place[-1].endswith((".csv", ".parquet")):
                return self.own[org]
            case [org, "data", "snapshots", _, name] if name.endswith(".parquet"):
                return self.own[org]
            case [org, "data", "results", name] if name.endswith(".csv"):
                return self.own[org]
            case ["bank_a", name] if name in self.intersections:
                return self.own["bank_a"]
            # A person reads the released rows through the node's own admin socket.
            case ["taps", org, "mihe.v1.Admin.Result.out"]:
                return self.own[org]
        return set()


@pytest.fixture(scope="module")
def aftermath() -> Iterator[Aftermath]:
    with short_folder() as folder, pytest.MonkeyPatch.context() as patch:
        temporary = folder / "tmp"
        temporary.mkdir()
        patch.setenv("TMPDIR", str(temporary))
        launchers = {
            name: [
                *(sys.executable, "-P", str(Path(__file__).with_name("tapped.py"))),
                *(str(folder / "taps" / name), _module(name)),
            ]
            for name in (COORDINATOR_ORG, *ORGS)
        }
        with Federation(folder, *ORGS, node={"log_level": "debug"}, launchers=launchers) as running:
            left = _aftermath(folder)
            _import_all(running, left)
            _compute(running, left)
            _look_into_memory(running, left)
            yield left


def _module(name: str) -> str:
    return "coordinator" if name == COORDINATOR_ORG else "node"


def _aftermath(folder: Path) -> Aftermath:
    """Give every owner its files of a new world, and learn what to look for."""
    print(f"the world's seed is {SEED}")  # noqa: T201
    world = write_world(folder / "world", size="mini", seed=SEED)
    search = Search()
    own = {org: set[str]() for org in ORGS}
    canonical = {}
    for dataset in world.datasets:
        org = dataset.organisation
        own[org] |= {key for row in world.rows(dataset.reference) if (key := _tidy(row["uscc"]))}
        file = world.path(dataset.reference, "csv")
        canonical[org] = {_bare(key) for key in keys_of(file, "uscc", KeyKind.USCC)}
    with (world.truth / "enterprises.csv").open(encoding="utf-8") as truth:
        everybody = {row["uscc"] for row in csv.DictReader(truth)}
    assert len(everybody) == world.size
    own["bank_a"].add(BROKEN_KEY)
    for key in everybody.union(*own.values()):
        add_key(search, key)
    marked = _mark(world, search)
    search.add(BROKEN_CELL, "text", BROKEN_CELL.encode())
    own["bank_a"].add(BROKEN_CELL)
    for org in ORGS:
        own[org] |= marked[org]
        shutil.copytree(world.folder / org, folder / org / "sources")
        shutil.copy(folder / org / "sources" / "policy.toml", folder / org / "policy.toml")
    shutil.rmtree(world.folder)
    a = canonical["bank_a"]
    wanted = {"banks.csv": a & canonical["bank_b"], "both.csv": a & canonical["bank_b"]}
    wanted |= {"tax.csv": a & canonical["tax"], "power.csv": a & canonical["power"]}
    wanted |= {"registry.csv": a & canonical["registry"]}
    return Aftermath(folder, search, own, wanted, canonical, marked)


def _mark(world: World, search: Search) -> dict[str, set[str]]:
    marked = {org: set[str]() for org in ORGS}
    for canary in world.answers("canaries"):
        add_number(search, canary["text"], canary["scaled"])
        marked[canary["organisation"]].add(canary["text"])
    assert all(marked.values())
    return marked


def _tidy(raw: str) -> str | None:
    """A code as an eye would read it, whether or not it is a valid one."""
    text = "".join(letter for letter in normalize("NFKC", raw) if letter.isalnum()).upper()
    return text if len(text) == 18 and text.isascii() else None


def _bare(key: bytes) -> str:
    return key.removeprefix(b"uscc:").decode()


def _import_all(running: Federation, left: Aftermath) -> None:
    for org in ORGS:
        for description in sorted((left.folder / org / "sources").glob("*.toml")):
            if description.name != "policy.toml":
                added = running.run_cli(org, "dataset", "add", str(description))
                assert added.returncode == 0, added.stderr
                left.shown.append(added)
    sources = left.folder / "bank_a" / "sources"
    (sources / "broken.toml").write_text(BROKEN, encoding="utf-8")
    key = min(left.canonical["bank_a"])
    for cells in (f'{BROKEN_KEY},"1.00"', f'{key},"{BROKEN_CELL}"'):
        (sources / "broken.csv").write_text(f"uscc,balance\n{cells}\n", encoding="utf-8")
        refused = running.run_cli("bank_a", "dataset", "add", str(sources / "broken.toml"))
        assert refused.returncode == 7, refused.stderr
        left.shown.append(refused)


def _compute(running: Federation, left: Aftermath) -> None:
    folder = left.folder / "bank_a"
    for name, datasets, to in (
        ("banks.csv", BANKS, ("bank_a",)),
        ("both.csv", BANKS, ("bank_a", "bank_b")),
        ("tax.csv", ("bank_a.loans", "tax.returns"), ("bank_a",)),
        ("power.csv", ("power.meters", "bank_a.loans"), ("bank_a",)),
        ("registry.csv", ("bank_a.loans", "registry.enterprises"), ("bank_a",)),
    ):
        receivers = [word for org in to for word in ("--to", org)]
        words = ("psi", *datasets, *CREDIT, *receivers, "--out", str(folder / name))
        done = running.run_cli("bank_a", *words)
        assert done.returncode == 0, done.stderr
        left.shown.append(done)
    counted = running.run_cli("bank_b", "psi", *BANKS, *CREDIT, "--to", "bank_a", "--cardinality")
    assert counted.returncode == 0, counted.stderr
    asked = running.run_cli("bank_a", "query", SQL, *CREDIT[2:], "--to", "bank_a")
    assert asked.returncode == 0, asked.stderr
    running.allow("bank_b", "")
    refused = running.run_cli("bank_a", "psi", *BANKS, *CREDIT, "--to", "bank_a")
    assert refused.returncode == 3, refused.stderr
    left.shown += [counted, asked, refused]
    for org in ORGS:
        for command in ("status", "catalog", "jobs"):
            left.shown.append(running.run_cli(org, command))
    _add_what_runs_make(running, left)


def _add_what_runs_make(running: Federation, left: Aftermath) -> None:
    """The curve point of a key, not blinded, is a digest like any other once the run is known."""
    with running.client("bank_a") as node:
        lines: JobList = node.jobs()
        views = [node.show(line.job) for line in lines.jobs]
    assert [view.state for view in views] == [State.REFUSED, *[State.DONE] * 7]
    for view in views:
        left.search.add(CONTROL, "32 bytes", bytes.fromhex(view.job))
        if view.run is None:
            continue
        for org in view.contract.orgs:
            for key in left.canonical[org]:
                message = bytes.fromhex(view.run) + f"uscc:{key}".encode()
                hashed = HASH_TO_GROUP[view.contract.crypto.suite]
                point = _core.hazmat_hash_to_group(hashed, message)
                left.search.add(key, "curve point", point)


def _look_into_memory(running: Federation, left: Aftermath) -> None:
    for name in running.running:
        pieces = memory_of(running.process_id(name))
        left.in_memory[name] = {trace for piece in pieces for trace in left.search.find(piece)}


# ── found where they belong ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("org", ORGS)
def test_the_search_finds_the_keys_and_marked_values_at_their_owner(
    aftermath: Aftermath, org: str
) -> None:
    home = aftermath.folder / org
    snapshots = list(home.glob("data/snapshots/*/*.parquet"))
    expected = aftermath.canonical[org] | aftermath.marked[org]
    assert snapshots
    assert aftermath.found_in(*snapshots) == expected
    assert aftermath.marked[org] <= aftermath.found_in(*home.glob("sources/*.csv"))


def test_the_search_finds_the_released_rows_at_their_receiver(aftermath: Aftermath) -> None:
    home = aftermath.folder / "bank_a"
    released = set[str]()
    for name, expected in aftermath.intersections.items():
        found = aftermath.found_in(home / name)
        assert found - aftermath.marked["bank_a"] == expected
        released |= found
    assert aftermath.found_in(*home.glob("data/results/*.csv")) == released
    through_the_socket = aftermath.folder / "taps" / "bank_a" / "mihe.v1.Admin.Result.out"
    assert aftermath.found_in(through_the_socket) == released
    # The other receiver of one of the jobs.
    theirs = aftermath.found_in(*(aftermath.folder / "bank_b").glob("data/results/*.csv"))
    assert theirs - aftermath.marked["bank_b"] == aftermath.intersections["both.csv"]


def test_the_tap_hears_every_kind_of_message(aftermath: Aftermath) -> None:
    taps = aftermath.folder / "taps"
    calls = ("Attach", "Carry", "Contribute", "Fetch")
    streams = {f"mihe.v1.Coordinator.{call}.{way}" for call in calls for way in ("in", "out")}
    assert streams <= _names(taps / COORDINATOR_ORG)
    for org in ORGS:
        admin = {f"mihe.v1.Admin.{call}.in" for call in ("Status", "Catalogue", "AddDataset")}
        sealed = {"sealed.in", "sealed.out"}
        heard = _names(taps / org)
        # No query asked bank_b for anything.
        parts = {name for name in streams if "Contribute" in name or "Fetch" in name}
        assert (streams - parts) | sealed | admin <= heard
        assert parts & heard or org == "bank_b"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.stat().st_size}


def test_the_search_reads_the_memory_of_every_process(aftermath: Aftermath) -> None:
    assert set(aftermath.in_memory) == {COORDINATOR_ORG, *ORGS}
    for name, traces in aftermath.in_memory.items():
        assert CONTROL in secrets_of(traces), f"nothing was read from the memory of {name}"


# ── and nowhere else ────────────────────────────────────────────────────────────────────────────


def test_no_file_message_or_log_holds_what_is_not_its_owners(aftermath: Aftermath) -> None:
    assert not aftermath.strays()


def test_no_process_has_another_organisations_secrets_in_memory(aftermath: Aftermath) -> None:
    strays = {
        name: [trace for trace in traces if trace.secret not in {CONTROL, *own}][:5]
        for name, traces in aftermath.in_memory.items()
        for own in [aftermath.own.get(name, set())]
    }
    assert strays == {name: [] for name in (COORDINATOR_ORG, *ORGS)}


def test_nothing_that_people_were_shown_holds_any(aftermath: Aftermath) -> None:
    assert len(aftermath.shown) > 20
    for shown in aftermath.shown:
        assert not aftermath.search.find(f"{shown.stdout}\n{shown.stderr}".encode()), shown.args


def test_nothing_is_left_in_temporary_folders(aftermath: Aftermath) -> None:
    assert not list(files_in(aftermath.folder / "tmp"))
    for path in _left_since(aftermath.started):
        # Others work in these folders, too: their files come and go, and may not be ours to read.
        with suppress(OSError):
            if aftermath.folder not in path.parents and path.stat().st_size < 1 << 26:
                assert not aftermath.search.find(path.read_bytes()), path


def _left_since(moment: float) -> Iterator[Path]:
    for folder in EVERYBODYS:
        for entry in folder.iterdir():
            with suppress(OSError):
                # Under pytest-of-… other tests keep thousands of files; no daemon knows that name.
                if entry.stat().st_ctime >= moment and not entry.name.startswith("pytest-of-"):
                    yield from [entry] if entry.is_file() else files_in(entry)


FORMS: Mapping[str, str] = {
    "text": "ascii upper",
    "small letters": "ascii lower",
    "wide text": "utf-16-le upper",
    "digest": "sha256 kind",
    "digest in hexadecimal": "md5 bare hex",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_one_planted_key_would_be_found(aftermath: Aftermath, form: str) -> None:
    key = min(key for key in aftermath.canonical["tax"] if not key.isdecimal())
    planted = aftermath.folder / "log" / "planted.log"
    content = aftermath.search.content_of(key, form)
    planted.write_bytes(b"INFO job=3f: " + content + b" was refused\n")
    try:
        assert aftermath.strays("log") == {"log/planted.log": [Trace(key, form)]}
    finally:
        planted.unlink()
