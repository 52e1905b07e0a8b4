"""A run in buckets whose node's process ends: it goes on at the first bucket that is not filed."""

import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.errors import StorageFull
from contract.fold import hear, open_job
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, verify
from contract.statements import Evidence, Receipt
from node.evidence import stream_of
from node.filing import Filing
from node.stage import Stage
from psi.engine import Engine
from psi.rr22 import parameters
from psi.step import Result
from tests.unit.node.lines import Member
from tests.unit.node.stations import Log, Station, two_stations, uscc, with_loans
from tests.unit.node.test_conduct import assert_same_end, read_back, restart

A_ROWS, B_ROWS = range(1, 240), range(180, 420)
COMMON = [uscc(number) for number in range(180, 240)]
BUCKETS = 3
BOTH = ("bank_a", "bank_b")

World = tuple[Log, Station, Station]


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 90)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders in which the loans of both banks are imported already."""
    return with_loans(tmp_path_factory.mktemp("imported"), bank_a=A_ROWS, bank_b=B_ROWS)


@pytest.fixture
async def world(
    bank_a: Member, bank_b: Member, imported: Path, tmp_path: Path
) -> AsyncIterator[World]:
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    async with two_stations(bank_a, bank_b, tmp_path) as (log, a, b):
        log.settle()
        yield log, a, b


def propose(log: Log, by: Station, *to: str, engine: Engine = Engine.RR22) -> bytes:
    return log.propose(by, *(to or BOTH), engine=engine)


class Halts:
    """Where a node is halted: before it files a bucket. A test ends it there."""

    def __init__(self) -> None:
        self.reached = False
        self._go = threading.Event()

    def wait(self) -> None:
        self.reached = True
        assert self._go.wait(20)

    def over(self) -> None:
        self._go.set()


@contextmanager
def halted(monkeypatch: pytest.MonkeyPatch, station: Station, bucket: int) -> Iterator[Halts]:
    """The station halts before it files the bucket, until the block is left."""
    halts, add = Halts(), Filing.add

    def halting(filing: Filing, number: int, result: Result) -> None:
        if number == bucket and filing._folder.is_relative_to(station.folder):
            halts.wait()
        add(filing, number, result)

    with monkeypatch.context() as patched:
        patched.setattr(Filing, "add", halting)
        try:
            yield halts
        finally:
            halts.over()


def done(world: World, job: bytes, attempts: int) -> Ledger:
    """The job is done as it should be; its ledger."""
    log, a, b = world
    assert log.rejected == []
    assert log.state(job) is State.DONE, log.ledgers[job].cause
    ledger = log.ledgers[job]
    assert ledger.attempt == attempts
    for station in (a, b):
        receives = station.org in ledger.contract.receivers
        assert station.result(job) == (COMMON if receives else None)
        left = [file.name for file in station.results.folder.iterdir()]
        assert left == ([f"{job.hex()}.csv"] if receives else [])
        assert station.docket.ledger(job) == ledger
    return ledger


# ── killed once, twice, too often ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("org", "bucket", "to"),
    [
        ("bank_a", 0, BOTH),
        ("bank_a", BUCKETS - 1, ("bank_a",)),
        ("bank_b", BUCKETS - 1, ("bank_a",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
async def test_a_node_that_restarts_in_a_bucket_goes_on_there(
    world: World, monkeypatch: pytest.MonkeyPatch, org: str, bucket: int, to: tuple[str, ...]
) -> None:
    log, a, b = world
    station = a if org == "bank_a" else b
    job = propose(log, b, *to)
    with halted(monkeypatch, station, bucket) as halts:
        await log.until(lambda: halts.reached)
        before = log.ledgers[job].run
        await restart(log, station)
    await log.until_over(job)
    ledger = done(world, job, 2)
    assert ledger.over == (before,)
    assert ledger.run is not None
    for one in (a, b):
        played = {stream_of(receipt) for receipt in one.store.receipts(ledger.run)}
        masked = {name for name in played if name.startswith("masked_")}
        # The other one may have filed one less; what both have filed is not played again.
        assert masked == {f"masked_{number}" for number in range(bucket, BUCKETS)} or masked == {
            f"masked_{number}" for number in range(max(bucket - 1, 0), BUCKETS)
        }


async def test_both_nodes_restart_and_each_again_at_another_bucket(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, a, engine=Engine.RR22_ACTIVE)
    with halted(monkeypatch, a, 1) as halts:
        await log.until(lambda: halts.reached)
        for station in (a, b):
            log.detach(station)
            await station.close()
    for station in (b, a):
        station.open()
        log.attach(station)
    with halted(monkeypatch, b, 2) as halts:
        await log.until(lambda: halts.reached)
        await restart(log, b)
    await log.until_over(job)
    ledger = done(world, job, 3)
    check_evidence(log, a, b, ledger)


async def test_a_third_end_of_a_process_is_the_job_s(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, a)
    for bucket in (0, 1, 2):
        with halted(monkeypatch, b, bucket) as halts:
            await log.until(lambda halts=halts: halts.reached)  # type: ignore[misc]
            await restart(log, b)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "PARTY_RESTARTED")


async def test_a_node_that_restarts_while_an_attempt_is_being_agreed_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, a)
    with halted(monkeypatch, b, 2) as halts:
        await log.until(lambda: halts.reached)
        await restart(log, b)
    await log.until(lambda: bool(log.ledgers[job].again))
    await restart(log, a)
    await restart(log, b)
    await log.until(lambda: log.ledgers[job].attempt == 2)
    await restart(log, b)
    await restart(log, a)
    await log.until_over(job)
    done(world, job, 2)


async def test_what_is_all_filed_is_only_written_and_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, a)
    say, silent = Stage.say, True

    def unsaid(stage: Stage, kind: Kind, *arguments: object) -> None:
        if kind is not Kind.EVIDENCE or not silent:
            say(stage, kind, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Stage, "say", unsaid)
    await log.until(
        lambda: all(station.results.unsettled(job) and written(station, job) for station in (a, b))
    )
    silent = False
    await restart(log, a)
    await log.until_over(job)
    ledger = done(world, job, 2)
    assert ledger.run is not None
    played = {stream_of(receipt) for receipt in a.store.receipts(ledger.run)}
    assert played == {"receiver_filed", "sender_filed"}
    check_evidence(log, a, b, ledger)


def written(station: Station, job: bytes) -> bool:
    return station.docket.row(job).result is not None


async def test_a_run_in_one_piece_begins_no_further_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 2**20)
    log, a, b = world
    job = propose(log, a)
    await log.until(lambda: log.state(job) is State.RUNNING and b.docket.row(job).begun)
    await restart(log, b)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "PARTY_RESTARTED")


async def test_a_peer_that_asks_for_more_of_a_run_in_one_piece_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 2**20)
    log, a, b = world
    job = propose(log, b)
    await log.until(lambda: log.state(job) is State.RUNNING)
    a.conductor._prepare(log.ledgers[job])
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "BAD_MESSAGE")
    cause = log.ledgers[job].cause
    assert cause is not None
    assert cause.party == "bank_a"


# ── evidence ────────────────────────────────────────────────────────────────────────────────────


def check_evidence(log: Log, a: Station, b: Station, ledger: Ledger) -> None:
    """Without a node: statements fold to the end, and the receipts of all buckets are signed."""
    authority = a.member.credentials.authority
    for station in (a, b):
        document = json.loads(station.evidence(ledger.job))
        statements = [read_back(entry) for entry in document["statements"]]
        receipts = {one.digest.hex(): one for one in map(read_back, document["receipts"])}
        first, *further = statements
        folded = open_job(first, verify(first, authority))
        for statement in further:
            folded = hear(folded, statement, verify(statement, authority))
        assert folded == ledger
        signed = [
            Evidence.model_validate_json(one.body)
            for one in statements
            if one.kind is Kind.EVIDENCE and one.subject == ledger.run
        ]
        assert len(signed) == 2
        assert signed[0].receipts == signed[1].receipts
        streams = []
        for digest in signed[0].receipts:
            assert verify(receipts[digest], authority).org in BOTH
            streams.append(Receipt.model_validate_json(receipts[digest].body).stream)
        assert len(streams) == len(set(streams))
        buckets = {
            f"{name}_{number}"
            for name in ("base_points", "reply", "trees", "masked", "item_tags", "common")
            for number in range(BUCKETS)
        }
        assert set(streams) >= buckets | {"receiver_share", "sender_share"}


# ── what stands in the way ──────────────────────────────────────────────────────────────────────


async def test_a_filed_bucket_that_is_damaged_ends_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, b)
    with halted(monkeypatch, a, 2) as halts:
        await log.until(lambda: halts.reached)
        log.detach(a)
        await a.close()
    bucket = a.results.filed(job) / "bucket_0"
    content = bucket.read_bytes()
    bucket.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    a.open()
    log.attach(a)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "OUR_DEFECT")


async def test_buckets_that_are_lost_do_not_begin_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _a, b = world
    job = propose(log, b)
    with halted(monkeypatch, b, 2) as halts:
        await log.until(lambda: halts.reached)
        log.detach(b)
        await b.close()
    for number in (1, 0):
        (b.results.filed(job) / f"bucket_{number}").unlink()
    b.open()
    log.attach(b)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "BAD_MESSAGE")


async def test_a_disk_that_takes_no_bucket_ends_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _a, b = world

    def full(filing: Filing, number: int, result: Result) -> None:
        raise StorageFull("full", fix="none")

    with monkeypatch.context() as patched:
        patched.setattr(Filing, "add", full)
        job = propose(log, b)
        await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "STORAGE_FULL")


async def test_a_permission_withdrawn_between_attempts_ends_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    job = propose(log, b)
    with halted(monkeypatch, a, 2) as halts:
        await log.until(lambda: halts.reached)
        b.allow("")
        await restart(log, a)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "REFUSED")
