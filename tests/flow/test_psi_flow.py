"""Intersections from two owners' files to the result, whole jobs in one process.

Everything is real but the coordinator, which is a log in memory: import, policies, contract, start
record, the sealed link, the protocol, release and evidence.
"""

import csv
import shutil
from collections.abc import AsyncIterator, Collection
from itertools import product
from pathlib import Path
from random import Random

import pytest

from contract.job import JobKind
from contract.keys import KeyKind
from contract.lifecycle import State
from contract.signing import Kind
from contract.statements import Receipt
from contract.suites import Suite
from contract.views import ResultView
from node import partition
from node.catalogue import Datasets
from psi.engine import Engine
from psi.rr22 import parameters
from scenarios.oracle import keys_of
from scenarios.world import World, write_world
from tests.unit.coordinator.consortium import Consortium
from tests.unit.node.lines import Member, enrol
from tests.unit.node.stations import DESCRIPTION, Log, Station, two_stations, uscc

LOANS = ("bank_a.loans", "bank_b.loans")
RECEIVERS = (("bank_a",), ("bank_b",), ("bank_a", "bank_b"), ("bank_b", "bank_a"))
PLAYS = [
    (JobKind.PSI, Engine.RR22),
    (JobKind.PSI, Engine.RR22_ACTIVE),
    (JobKind.PSI, Engine.ECDH),
    (JobKind.PSI_CARDINALITY, Engine.ECDH),
]
"""What is played with every choice of receivers. ECDH on SM2 differs in nothing but its group."""
Two = tuple[Log, Station, Station]
VOLE = {"receiver_share", "sender_share", "base_points_0", "reply_0", "trees_0"}
"""The streams of RR22 in which nothing of a set is."""
CHECKS = {"challenge_0", "answer_0"}
"""Those which are there where peers may deviate."""


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Member, Member]:
    consortium, folder = Consortium("Test consortium"), tmp_path_factory.mktemp("members")
    one, other = (enrol(consortium.issue(org), folder / org) for org in ("bank_a", "bank_b"))
    return one, other


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two banks' files about 2 000 enterprises, dirt included."""
    folder = tmp_path_factory.mktemp("world")
    return write_world(folder, "mini", organisations=("bank_a", "bank_b"), formats=("csv",))


@pytest.fixture(scope="module")
def imported(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of two nodes that have imported these files."""
    folder = tmp_path_factory.mktemp("imported")
    for reference in LOANS:
        org, _ = reference.split(".")
        Datasets(folder / org / "snapshots", org).add(world.path(reference, "toml"))
    return folder


@pytest.fixture
async def nodes(
    banks: tuple[Member, Member], world: World, imported: Path, tmp_path: Path
) -> AsyncIterator[Two]:
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    async with two_stations(*banks, tmp_path) as (log, a, b):
        for station in (a, b):
            policy = world.folder / station.org / "policy.toml"
            station.allow(policy.read_text(encoding="utf-8"))
        log.settle()
        yield log, a, b


def common_keys(world: World) -> set[bytes]:
    """The clear answer, from the files themselves."""
    one, other = (keys_of(world.path(each, "csv"), "uscc", KeyKind.USCC) for each in LOANS)
    return one & other


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


# ── the mini world ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("play", "receivers"), [*product(PLAYS, RECEIVERS)])
async def test_the_result_is_that_of_the_files(
    nodes: Two, world: World, play: tuple[JobKind, Engine], receivers: tuple[str, ...]
) -> None:
    log, a, b = nodes
    kind, engine = play
    job = log.propose(a, *receivers, kind=kind, engine=engine)
    await log.until_over(job)
    expected = common_keys(world)
    assert len(expected) > 50
    for station in (a, b):
        assert station.state(job) == (State.DONE, None)
        stored = station.docket.row(job).result
        if station.org not in receivers:
            assert stored is None
            assert not station.results.final(job).exists()
            continue
        view = ResultView.model_validate_json(stored or "")
        assert view.count == len(expected)
        if kind is JobKind.PSI:
            assert_own_rows(station, job, world, expected, view)
        else:
            assert (view.rows, view.file) == (None, None)
            assert not station.results.final(job).exists()


def assert_own_rows(
    station: Station, job: bytes, world: World, expected: set[bytes], view: ResultView
) -> None:
    """Its own rows with these keys, whole, in the order of its file, no column of another's."""
    released = rows_of(station.results.final(job))
    own = rows_of(world.path(f"{station.org}.loans", "csv"))
    kept = {f"uscc:{row['uscc']}".encode(): row for row in released}
    assert set(kept) == expected
    assert len(released) == view.rows
    assert list(released[0]) == list(own[0])
    amounts = {row["uscc"]: row["loan_balance"] for row in own}
    clean = [row for row in released if row["uscc"] in amounts]
    assert len(clean) > 0.9 * len(released)  # the others were typed differently in the file
    assert all(row["loan_balance"] == amounts[row["uscc"]] for row in clean)
    order = [row["uscc"] for row in own if row["uscc"] in {each["uscc"] for each in clean}]
    assert [row["uscc"] for row in clean] == list(dict.fromkeys(order))


@pytest.mark.parametrize(
    ("engine", "before"),
    [
        (Engine.ECDH, {"blinded"}),
        (Engine.RR22, VOLE | {"masked_0"}),
        (Engine.RR22_ACTIVE, VOLE | CHECKS | {"masked_0"}),
    ],
)
async def test_a_permission_withdrawn_in_the_run_keeps_the_result_from_everybody(
    nodes: Two, monkeypatch: pytest.MonkeyPatch, engine: Engine, before: set[str]
) -> None:
    log, a, b = nodes
    load = b.datasets.files

    def load_and_withdraw(name: str, root: str) -> object:
        b.allow("")
        return load(name, root)

    monkeypatch.setattr(b.datasets, "files", load_and_withdraw)
    job = log.propose(b, "bank_a", "bank_b", engine=engine)
    await log.until_over(job)
    run = log.ledgers[job].run
    assert run is not None
    for station in (a, b):
        assert station.state(job) == (State.WITHHELD, "WITHHELD")
        assert station.docket.row(job).result is None
        assert not list(station.results.folder.glob("*"))
        sent = {Receipt.model_validate_json(one.body).stream for one in station.store.receipts(run)}
        assert sent == before
    said = [one for _, _, one in log.entries if one.kind in {Kind.GATE, Kind.EVIDENCE}]
    assert [one.org for one in said] == ["bank_b"]


# ── sets at the edges ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def empty(banks: tuple[Member, Member], tmp_path: Path) -> AsyncIterator[Two]:
    """Two nodes that have nothing yet, and a policy that allows both to learn."""
    async with two_stations(*banks, tmp_path) as two:
        yield two


MANY = range(1000, 1300)
CASES: dict[str, tuple[Collection[int], Collection[int]]] = {
    "disjoint": (range(1, 30), range(30, 60)),
    "identical": (MANY, MANY),
    "identical in another order": (MANY, [*reversed(MANY)]),
    "one in the other": (range(10, 20), range(1, 400)),
    "one row each, the same": ([7], [7]),
    "one row each, another": ([7], [8]),
    "one row against many": ([1299], MANY),
    "exactly a padded size": (range(256), range(128, 384)),
    "one more than a padded size": (range(257), range(128, 384)),
    "nothing against many": ([], range(5)),
    "nothing at all": ([], []),
}


@pytest.mark.parametrize("engine", [Engine.RR22, Engine.ECDH])
@pytest.mark.parametrize("case", CASES)
async def test_sets_at_the_edges(empty: Two, case: str, engine: Engine) -> None:
    mine, theirs = CASES[case]
    await assert_both_learn_the_intersection(empty, mine, theirs, engine)


@pytest.mark.parametrize("seed", range(3))
async def test_any_two_sets(empty: Two, seed: int) -> None:
    random = Random(seed)
    mine, theirs = (random.sample(range(300), random.randrange(300)) for _ in range(2))
    engine = Engine.RR22 if seed else Engine.ECDH
    await assert_both_learn_the_intersection(empty, mine, theirs, engine)
    log, a, b = empty
    job = log.propose(b, "bank_a", kind=JobKind.PSI_CARDINALITY)
    await log.until_over(job)
    counted = ResultView.model_validate_json(a.docket.row(job).result or "")
    assert counted.count == len(set(mine) & set(theirs))


async def assert_both_learn_the_intersection(
    two: Two, mine: Collection[int], theirs: Collection[int], engine: Engine
) -> None:
    log, a, b = two
    for station, numbers in ((a, mine), (b, theirs)):
        station.add(list(numbers))
        station.conductor.offer_catalogue()
    log.settle()
    job = log.propose(a, "bank_b", "bank_a", engine=engine)
    await log.until_over(job)
    common = set(mine) & set(theirs)
    for station, numbers in ((a, mine), (b, theirs)):
        assert station.state(job) == (State.DONE, None)
        assert station.result(job) == [uscc(number) for number in numbers if number in common]
        view = ResultView.model_validate_json(station.docket.row(job).result or "")
        assert (view.count, view.rows) == (len(common), len(common))


async def test_rows_that_share_a_key_are_all_in_the_result(empty: Two) -> None:
    """Five rows of two enterprises: the set has two keys, the receiver gets its five rows."""
    log, a, b = empty
    a.add([1, 1, 2, 2, 2, 3], description='duplicates = "keep"\n' + DESCRIPTION)
    b.add([1, 2, 4])
    for station in (a, b):
        station.conductor.offer_catalogue()
    log.settle()
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    view = ResultView.model_validate_json(a.docket.row(job).result or "")
    assert (view.count, view.rows) == (2, 5)
    assert a.result(job) == [uscc(number) for number in (1, 1, 2, 2, 2)]


@pytest.mark.parametrize("kind", [JobKind.PSI, JobKind.PSI_CARDINALITY])
async def test_on_sm2_both_learn_when_it_is_asked_for(empty: Two, kind: JobKind) -> None:
    log, a, b = empty
    a.add(range(100))
    b.add(range(70, 200))
    for station in (a, b):
        station.conductor.offer_catalogue()
    log.settle()
    job = log.propose(a, "bank_b", "bank_a", kind=kind, engine=Engine.ECDH_SM2)
    await log.until_over(job)
    assert log.ledgers[job].contract.crypto.suite is Suite.PSI_ECDH_SM2
    for station in (a, b):
        if kind is JobKind.PSI:
            assert station.result(job) == [uscc(number) for number in range(70, 100)]
        else:
            view = ResultView.model_validate_json(station.docket.row(job).result or "")
            assert view.count == 30


# ── what leaves ─────────────────────────────────────────────────────────────────────────────────


SENT = {
    Engine.ECDH: {"blinded", "evaluated"},
    Engine.RR22: VOLE | {"masked_0", "item_tags_0"},
    Engine.RR22_ACTIVE: VOLE | CHECKS | {"masked_0", "item_tags_0"},
}


@pytest.mark.parametrize("engine", SENT)
async def test_two_runs_over_the_same_sets_send_nothing_twice(empty: Two, engine: Engine) -> None:
    """Their receipts differ in size by nothing and in everything else."""
    log, a, b = empty
    for station in (a, b):
        station.add(range(50))
        station.conductor.offer_catalogue()
    log.settle()
    receipts = []
    for _ in range(2):
        job = log.propose(a, "bank_a", engine=engine)
        await log.until_over(job)
        run = log.ledgers[job].run
        assert run is not None
        bodies = [Receipt.model_validate_json(one.body) for one in a.store.receipts(run)]
        receipts.append({body.stream: body for body in bodies})
    one, other = receipts
    assert set(one) == set(other) == SENT[engine]
    for stream in one:
        assert one[stream].size == other[stream].size
        assert one[stream].salted_digest != other[stream].salted_digest


@pytest.mark.parametrize("engine", SENT)
async def test_what_is_sent_does_not_tell_how_many_there_are(empty: Two, engine: Engine) -> None:
    sizes = set()
    log, a, b = empty
    b.add(range(10))
    for count in (1, 200, 256):
        a.add(range(count))
        for station in (a, b):
            station.conductor.offer_catalogue()
        log.settle()
        job = log.propose(a, "bank_a", engine=engine)
        await log.until_over(job)
        run = log.ledgers[job].run
        assert run is not None
        bodies = [Receipt.model_validate_json(one.body) for one in b.store.receipts(run)]
        sizes.add(tuple(sorted((body.stream, body.size) for body in bodies)))
    assert len(sizes) == 1


# ── in buckets ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("in_flight", [0, 1 << 40])
async def test_a_set_in_buckets_gives_what_one_bucket_gives(
    empty: Two, monkeypatch: pytest.MonkeyPatch, in_flight: int
) -> None:
    """Six buckets, kept in memory or all of them on the disk, and rows that share a key."""
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 64)
    monkeypatch.setattr(partition, "BUCKETS_IN_FLIGHT_BYTES", in_flight)
    log, a, b = empty
    mine, theirs = [*range(300), 250, 250, 299], range(250, 550)
    a.add(mine, description='duplicates = "keep"\n' + DESCRIPTION)
    b.add(list(theirs))
    for station in (a, b):
        station.conductor.offer_catalogue()
    log.settle()
    job = log.propose(a, "bank_b", "bank_a", engine=Engine.RR22)
    await log.until_over(job)
    for station, numbers in ((a, mine), (b, theirs)):
        assert station.state(job) == (State.DONE, None)
        assert station.result(job) == [uscc(n) for n in numbers if 250 <= n < 300]
    run = log.ledgers[job].run
    assert run is not None
    streams = {Receipt.model_validate_json(one.body).stream for one in a.store.receipts(run)}
    assert {f"item_tags_{bucket}" for bucket in range(5)} <= streams
    assert [file.name for file in a.results.folder.iterdir()] == [f"{job.hex()}.csv"]
