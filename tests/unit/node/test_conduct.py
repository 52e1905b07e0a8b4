"""What a node does about a job, from its proposal to every end, with restarts in between."""

import asyncio
import json
import shutil
import threading
from base64 import b64decode
from collections.abc import AsyncIterator
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from contract.cause import cause_of
from contract.errors import Aborted, BadMessage, MiheError, PartyRestarted, StorageFull
from contract.identity import Authority
from contract.job import JobKind
from contract.lifecycle import State
from contract.signing import Kind, Statement, verify
from contract.statements import Evidence, Gate, Receipt, Verdict
from contract.views import ResultView
from node import conduct, rows
from node.scratch import create
from tests.unit.node.lines import PATIENCE, Member
from tests.unit.node.stations import (
    DESCRIPTION,
    POLICY,
    Log,
    Station,
    limited,
    two_stations,
    uscc,
    with_loans,
)

A_ROWS, B_ROWS = range(1, 40), range(30, 300)
COMMON = [uscc(number) for number in range(30, 40)]

World = tuple[Log, Station, Station]


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


def aborted() -> MiheError:
    return Aborted("a person stopped the job", party="bank_a", fix="propose it again")


def assert_same_end(world: World, job: bytes, state: State, code: str | None) -> None:
    """Both nodes and the coordinator tell the same end, and no result is left unless it is done."""
    log, a, b = world
    ledger = log.ledgers[job]
    assert (ledger.state, ledger.cause and ledger.cause.code) == (state, code)
    for station in (a, b):
        assert station.state(job) == (state, code)
        assert not station.runs.active(job)
        if state is not State.DONE:
            assert station.result(job) is None
            assert station.docket.row(job).result is None
            assert not list((station.folder / "results").glob("*"))
    statements = [json.loads(station.evidence(job))["statements"] for station in (a, b)]
    assert statements[0] == statements[1]
    assert [entry["number"] for entry in statements[0]] == [
        number for number, about, _ in log.entries if about == job
    ]
    if state is State.DONE:
        assert a.evidence(job) == b.evidence(job)


# ── done ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_job_that_everybody_agrees_to_is_done_and_the_receiver_has_its_rows(
    world: World,
) -> None:
    log, a, b = world
    job = log.propose(b, "bank_a")
    await log.until_over(job)
    assert_same_end(world, job, State.DONE, None)
    assert a.result(job) == COMMON
    view = ResultView.model_validate_json(a.docket.row(job).result or "")
    assert (view.count, view.rows) == (10, 10)
    assert view.file == str(a.results.final(job))
    assert b.result(job) is None
    assert b.docket.row(job).result is None
    assert log.rejected == []


async def test_a_count_goes_to_both_and_rows_to_nobody(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_b", "bank_a", kind=JobKind.PSI_CARDINALITY)
    await log.until_over(job)
    assert_same_end(world, job, State.DONE, None)
    for station in (a, b):
        view = ResultView.model_validate_json(station.docket.row(job).result or "")
        assert view == ResultView(count=10)
        assert station.result(job) is None


async def test_jobs_pass_each_other(world: World) -> None:
    log, a, b = world
    jobs = [log.propose(by, to) for by, to in ((a, "bank_a"), (b, "bank_a"), (a, "bank_b"))]
    for job in jobs:
        await log.until_over(job)
        assert_same_end(world, job, State.DONE, None)
    assert [a.result(job) for job in jobs] == [COMMON, COMMON, None]
    assert b.result(jobs[2]) == COMMON


async def test_acting_again_says_nothing_new(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    said: dict[str, int] = {}
    while not log.ledgers.get(job) or not log.ledgers[job].ended:
        await log.until(lambda: log.settle_one() or log.ledgers[job].ended)
        for station in (a, b):
            for ledger in station.docket.open_ledgers():
                for _ in range(3):
                    station.conductor.act(ledger)
    for _, _, statement in log.entries:
        key = f"{statement.kind} {statement.org}"
        said[key] = said.get(key, 0) + 1
    assert set(said.values()) == {1}
    assert len(said) == 11
    assert log.rejected == []
    assert_same_end(world, job, State.DONE, None)


# ── every other end ─────────────────────────────────────────────────────────────────────────────


async def test_an_owner_whose_policy_does_not_list_the_job_refuses(world: World) -> None:
    log, a, b = world
    b.allow(POLICY.replace("CREDIT_MICRO", "CREDIT_LARGE"))
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    assert_same_end(world, job, State.REFUSED, "REFUSED")
    cause = log.ledgers[job].cause
    assert cause is not None
    assert (cause.party, cause.phase, cause.rule) == ("bank_b", "approve", "policy.toml: allow[1]")


async def test_a_policy_file_that_cannot_be_read_refuses_and_tells_the_peer_nothing_of_it(
    world: World,
) -> None:
    log, a, b = world
    b.allow(POLICY + 'receivrs = ["tax"]\n')
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    cause = log.ledgers[job].cause
    assert cause is not None
    assert (cause.code, cause.party) == ("REFUSED", "bank_b")
    for told in (cause.what, cause.fix, cause.rule or ""):
        assert "receivrs" not in told
        assert "toml:" not in told.replace("policy.toml: ", "")


@pytest.mark.parametrize("withdrawn", ["", POLICY.replace('"psi", ', "")])
async def test_a_permission_withdrawn_after_the_approval_prepares_nothing(
    world: World, withdrawn: str
) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until(lambda: b.store.has_said(Kind.APPROVAL, job))
    b.allow(withdrawn)
    await log.until_over(job)
    assert_same_end(world, job, State.REFUSED, "REFUSED")
    assert b.store.receipts(log.ledgers[job].run or b"") == []


async def test_a_permission_withdrawn_while_the_job_runs_withholds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, a, b = world
    whole = b.datasets.files

    def files_then_withdraw(name: str, root: str) -> object:
        b.allow("")  # consent was given; the rows are being read
        return whole(name, root)

    monkeypatch.setattr(b.datasets, "files", files_then_withdraw)
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    assert_same_end(world, job, State.WITHHELD, "WITHHELD")
    run = log.ledgers[job].run
    assert run is not None
    gates = [one for _, _, one in log.entries if one.kind is Kind.GATE]
    assert [Gate.model_validate_json(gate.body).verdict for gate in gates] == [Verdict.WITHHOLD]
    # What would have let anybody compute the result was never sent, not even announced.
    streams = {Receipt.model_validate_json(one.body).stream for one in b.store.receipts(run)}
    assert streams == {"blinded"}


async def test_whatever_state_a_job_is_in_a_person_can_stop_it_before_release(
    world: World,
) -> None:
    log, a, b = world
    for state in (State.PROPOSED, State.APPROVED, State.READY, State.RUNNING):
        job = log.propose(b, "bank_a")
        await log.until_state(job, state)
        a.conductor.end(job, aborted())
        await log.until_over(job)
        assert_same_end(world, job, State.ABORTED, "ABORTED")


async def test_a_dataset_that_has_changed_since_the_approval_ends_the_job(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until(lambda: b.store.has_said(Kind.APPROVAL, job))
    b.add(B_ROWS, description=DESCRIPTION.replace('"balance"', '"amount"\nsource = "balance"'))
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "SNAPSHOT_CHANGED")


async def test_new_rows_after_the_approval_are_not_in_the_result(world: World) -> None:
    """A job runs on the snapshot that was current when its owner approved."""
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until(lambda: b.store.has_said(Kind.APPROVAL, job))
    b.add(range(35, 200))
    await log.until_over(job)
    assert_same_end(world, job, State.DONE, None)
    assert a.result(job) == COMMON


async def test_a_snapshot_that_was_damaged_fails_the_job(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until(lambda: b.store.has_said(Kind.APPROVAL, job))
    for file in (b.folder / "snapshots").rglob("*.parquet"):
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "SNAPSHOT_CHANGED")


async def test_a_peer_that_is_not_on_the_line_fails_the_job(
    bank_a: Member, bank_b: Member, imported: Path, tmp_path: Path
) -> None:
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    async with two_stations(bank_a, bank_b, tmp_path, answers=False) as (log, a, b):
        a.patience = 0.3
        await restart(log, a)
        log.settle()
        job = log.propose(a, "bank_a")
        await log.until_over(job)
        assert_same_end((log, a, b), job, State.FAILED, "PEER_ABSENT")
        cause = log.ledgers[job].cause
        assert cause is not None
        assert cause.party == "bank_b"


async def test_two_nodes_with_one_turn_each_do_not_wait_for_each_other(
    bank_a: Member, bank_b: Member, imported: Path, tmp_path: Path
) -> None:
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    async with two_stations(bank_a, bank_b, tmp_path) as (log, a, b):
        for station in (a, b):
            station.runs_at_once = 1
            await restart(log, station)
        log.settle()
        jobs = [log.propose(by, by.org) for by in (a, b, a, b)]
        for job in jobs:
            await log.until_over(job)
            assert log.state(job) is State.DONE


# ── restarts ────────────────────────────────────────────────────────────────────────────────────


async def restart(log: Log, station: Station) -> None:
    log.detach(station)
    await station.close()
    station.open()
    log.attach(station)


@pytest.mark.parametrize("state", [State.PROPOSED, State.APPROVED, State.READY])
async def test_a_node_that_restarts_before_the_run_goes_on(world: World, state: State) -> None:
    log, a, b = world
    job = log.propose(b, "bank_a")
    await log.until_state(job, state)
    await restart(log, a)
    await restart(log, b)
    await log.until_over(job)
    assert_same_end(world, job, State.DONE, None)
    assert a.result(job) == COMMON


async def test_a_node_that_restarts_in_the_run_ends_it(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until(lambda: log.state(job) is State.RUNNING and b.docket.row(job).begun)
    await restart(log, b)
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "PARTY_RESTARTED")
    cause = log.ledgers[job].cause
    assert cause is not None
    assert (cause.party, cause.phase) == ("bank_b", "running")


async def test_a_node_that_restarts_after_its_evidence_still_publishes(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    log.detach(b)
    log.attach(b)
    await log.until(lambda: said_evidence(log, a, job))
    assert a.result(job) is None  # not before the job is done
    await restart(log, a)
    await log.until_over(job)
    assert_same_end(world, job, State.DONE, None)
    assert a.result(job) == COMMON


async def test_a_node_that_is_gone_once_it_has_signed_its_evidence_is_not_missed(
    bank_a: Member, bank_b: Member, imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver writes its rows for longer than it would wait for a peer."""
    go_on, write = threading.Event(), rows.rows_of

    def slow(*arguments: Any) -> int:
        assert go_on.wait(PATIENCE)
        return write(*arguments)

    monkeypatch.setattr(rows, write.__name__, slow)
    shutil.copytree(imported, tmp_path, dirs_exist_ok=True)
    async with two_stations(bank_a, bank_b, tmp_path) as (log, a, b):
        a.patience = 0.3
        await restart(log, a)
        log.settle()
        job = log.propose(a, "bank_a")
        await log.until(lambda: job in log.ledgers and "bank_b" in log.ledgers[job].evidenced)
        log.detach(b)
        await b.close()
        await asyncio.sleep(3 * a.patience)
        go_on.set()
        await log.until_over(job)
        b.open()
        log.attach(b)
        assert_same_end((log, a, b), job, State.DONE, None)
        assert a.result(job) == COMMON


def said_evidence(log: Log, station: Station, job: bytes) -> bool:
    ledger = log.ledgers.get(job)
    run = ledger.run if ledger else None
    return run is not None and station.store.has_said(Kind.EVIDENCE, run)


async def test_what_ended_while_a_node_was_away_is_tidied_when_it_is_back(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    log.detach(a)
    await a.close()
    b.conductor.end(job, aborted())
    log.settle()
    assert log.state(job) is State.ABORTED
    a.open()
    log.attach(a)
    assert_same_end(world, job, State.ABORTED, "ABORTED")


async def test_a_node_that_died_between_the_end_and_its_tidying_tidies_at_the_start(
    world: World,
) -> None:
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    # The state was durable; the files were not yet moved.
    a.results.final(job).rename(a.results.final(job).with_suffix(".partial"))
    kept = a.evidence(job)
    (a.folder / "evidence" / f"{job.hex()}.json").unlink()
    await a.close()
    log.detach(a)
    a.open()  # before it is attached
    assert a.result(job) == COMMON
    assert a.evidence(job) == kept
    log.attach(a)


async def test_a_coordinator_that_lost_its_log_ends_what_was_open(world: World) -> None:
    log, a, _b = world
    done = log.propose(a, "bank_a")
    await log.until_over(done)
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    offered = len(a.store.unsaid(0))
    a.store.begin_log(bytes([6] * 16), 0)
    a.conductor.welcomed(new_log=True)
    assert a.state(job) == (State.FAILED, "PARTY_LOST")
    assert a.evidence(job)
    assert a.result(done) == COMMON
    assert [one.kind for _, one in a.store.unsaid(0)][offered - 1 :] == [Kind.CATALOGUE]
    log.detach(a)


# ── what others say wrongly ─────────────────────────────────────────────────────────────────────


async def test_a_statement_that_may_not_stand_in_the_log_ends_its_job(
    world: World, bank_b: Member
) -> None:
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    bad = bank_b.credentials.signer.sign(Kind.PREPARE, job, b"{}")
    a.conductor.told(len(log.entries) + 1, bad)
    log.detach(a)
    said = [one for _, one in a.store.unsaid(0) if one.kind is Kind.DEAD]
    assert [one.subject for one in said] == [job]
    assert b'"BAD_MESSAGE"' in said[0].body
    assert b'"party":"bank_b"' in said[0].body


async def test_a_disk_that_is_full_is_no_fault_of_a_statement(world: World) -> None:
    """What can't be kept stays unheard and is told again; its job is not ended for that."""
    log, a, b = world
    log.detach(a)
    jobs = [log.propose(b, "bank_a") for _ in range(4)]
    log.settle()
    a.conductor.welcomed(new_log=False)  # what is told now is heard, and acted on at the end
    with limited(a.store):
        with pytest.raises(StorageFull):
            tell_everything(log, a)
        heard = a.store.cursor
    assert heard < len(log.entries)
    log.attach(a)
    for job in jobs:
        await log.until_over(job)
        assert_same_end(world, job, State.DONE, None)


def refuse(*_: object) -> bool:
    raise StorageFull("no room", fix="none")


async def test_an_end_that_can_not_be_kept_is_said_when_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "_AGAIN_SECONDS", 0.02)
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    with monkeypatch.context() as full:
        full.setattr(a.store, "say", refuse)
        a.conductor.end(job, PartyRestarted("restarted", party="bank_a", fix="none"))
    assert not a.store.has_said(Kind.DEAD, job)
    trying = asyncio.create_task(a.conductor.see_to_the_rest())
    await log.until_over(job)
    trying.cancel()
    assert_same_end(world, job, State.FAILED, "PARTY_RESTARTED")


async def test_what_was_kept_back_is_the_cause_whatever_is_found_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room again just when the node looks at the job, and finds a run that it began."""
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    with monkeypatch.context() as full:
        full.setattr(a.store, "say", refuse)
        a.conductor.end(job, StorageFull("no room", party="bank_a", fix="make room"))
    a.conductor.end(job, PartyRestarted("restarted", party="bank_a", fix="none"))
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "STORAGE_FULL")


async def test_evidence_that_can_not_be_filed_is_filed_when_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "_AGAIN_SECONDS", 0.02)
    log, a, b = world
    full = True

    def created(file: Path, content: bytes) -> None:
        if full and a.folder in file.parents:
            raise OSError(ENOSPC, "a file name that nobody should read")
        create(file, content)

    monkeypatch.setattr(conduct, "create", created)
    job = log.propose(b, "bank_a")
    await log.until_over(job)
    filed = a.folder / "evidence" / f"{job.hex()}.json"
    assert list(filed.parent.iterdir()) == []
    full = False
    trying = asyncio.create_task(a.conductor.see_to_the_rest())
    async with asyncio.timeout(PATIENCE):
        while not filed.exists():  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(0.02)
    trying.cancel()
    assert_same_end(world, job, State.DONE, None)


def tell_everything(log: Log, station: Station) -> None:
    for number, _, statement in log.entries:
        station.conductor.told(number, statement)


async def test_a_statement_that_is_told_again_is_not_acted_on_again(world: World) -> None:
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_over(job)
    before, cursor = a.evidence(job), a.store.cursor
    tell_everything(log, a)
    assert (a.evidence(job), a.store.cursor) == (before, cursor)
    assert_same_end(world, job, State.DONE, None)


async def test_a_statement_of_ours_that_is_rejected_ends_its_job(world: World) -> None:
    log, a, _b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.READY)
    run = log.ledgers[job].run
    assert run is not None
    rejected = Statement(Kind.START, "bank_a", run, b"{}", b"", b"")
    a.conductor.rejected(rejected, BadMessage("not in canonical form", fix="none", party="bank_a"))
    await log.until_over(job)
    assert_same_end(world, job, State.FAILED, "BAD_MESSAGE")


async def test_a_proposal_that_is_not_taken_is_told_to_who_asked(world: World) -> None:
    log, a, _b = world
    heard: list[tuple[bytes, MiheError | None]] = []
    a.conductor.outcome_of_proposal = lambda job, error: heard.append((job, error))
    log.catalogues["bank_b"] = log.catalogues["bank_b"]
    job = log.propose(a, "bank_a")
    log.settle_one()
    assert heard == [(job, None)]
    error = BadMessage("no", fix="none")
    a.conductor.rejected(Statement(Kind.CONTRACT, "bank_a", job, b"", b"", b""), error)
    assert heard[1:] == [(job, error)]


# ── evidence ────────────────────────────────────────────────────────────────────────────────────


async def test_evidence_can_be_checked_without_a_node(world: World, bank_a: Member) -> None:
    log, a, _b = world
    job = log.propose(a, "bank_a", "bank_b")
    await log.until_over(job)
    document = json.loads(a.evidence(job))
    authority = Authority.from_pem((bank_a.folder / "ca.pem").read_bytes())
    statements = [read_back(entry) for entry in document["statements"]]
    receipts = [read_back(entry) for entry in document["receipts"]]
    for statement in (*statements, *receipts):
        assert verify(statement, authority).org == statement.org
    assert statements == [one for _, about, one in log.entries if about == job]
    assert len(statements) == 11
    assert len(receipts) == 3
    digests = tuple(sorted(receipt.digest.hex() for receipt in receipts))
    for statement in statements[-2:]:
        assert Evidence.model_validate_json(statement.body).receipts == digests


def read_back(entry: dict[str, str]) -> Statement:
    return Statement(
        Kind(entry["kind"]),
        entry["org"],
        bytes.fromhex(entry["subject"]),
        entry["body"].encode(),
        b64decode(entry["signature"]),
        b64decode(entry["certificate"]),
    )


async def test_nothing_personal_stands_in_state_evidence_or_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a key, nor a value, nor the exact number of either in anything but the result."""
    log, a, b = world
    caplog.set_level("DEBUG", "mihe")
    done, counted = log.propose(a, "bank_a"), log.propose(a, "bank_a", kind=JobKind.PSI_CARDINALITY)
    for job in (done, counted):
        await log.until_over(job)
    personal = [uscc(number).encode() for number in (*A_ROWS, *B_ROWS)]
    looked_into = 0
    for station in (a, b):
        files = [*station.folder.glob("state.sqlite*"), *(station.folder / "evidence").glob("*")]
        for file in files:
            raw = file.read_bytes()
            looked_into += len(raw)
            assert not [key for key in personal if key in raw]
            assert b".50" not in raw
    assert looked_into > 100_000
    assert not [key for key in personal if key.decode() in caplog.text]
    assert "heard number=" in caplog.text
    (result,) = (a.folder / "results").glob("*")
    assert personal[29] in result.read_bytes()  # it does find them where they may be


async def test_causes_are_the_same_words_on_every_side(world: World) -> None:
    log, a, b = world
    job = log.propose(a, "bank_a")
    await log.until_state(job, State.APPROVED)
    b.conductor.end(job, aborted())
    await log.until_over(job)
    for station in (a, b):
        assert station.docket.state_and_cause(job)[1] == cause_of(aborted())
