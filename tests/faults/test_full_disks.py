"""A disk that takes no more, at a node and at the coordinator, whenever it is met.

The rule: a coded error or patience, nothing half-written, state intact; and when there is room
again things go on by themselves. A disk is full here by a limit on the daemon's files; disks that
are really full or read-only are small ones in a mount namespace of the tests' own.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cli.authority import COORDINATOR_ORG
from contract.errors import DataError
from contract.lifecycle import State
from tests.faults.leftovers import halves_in, nothing_is_left
from tests.federation.banks import BANKS, Banks, End
from tests.federation.disks import SmallDisk, full_for, private_mounts
from tests.federation.federation import Federation, eventually, short_folder
from tests.federation.orders import WAIT
from tests.federation.owners import BY_REGION, RECEIVER, Owners

DONE = End(State.DONE)
MID_RUN = "frame.chunk.evaluated.0"


@pytest.fixture(scope="module")
def banks() -> Iterator[Banks]:
    with short_folder() as folder, Banks(folder) as running:
        yield running


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, "registry", RECEIVER) as running:
        yield running


def said(federation: Federation, name: str, what: str, since: int) -> bool:
    """Whether a daemon's log has `what` in what it wrote after its first `since` bytes."""
    return what in federation.log(name).read_bytes()[since:].decode("utf-8", "replace")


# ── at a node ───────────────────────────────────────────────────────────────────────────────────


def test_an_import(banks: Banks) -> None:
    description = banks.folder / "world" / "bank_b" / "loans.toml"
    with full_for(banks.process_id("bank_b")):
        added = banks.run_cli("bank_b", "dataset", "add", str(description))
        assert added.returncode == DataError.exit_code, added.stderr
        assert "STORAGE_FULL" in added.stderr
    assert not halves_in(banks.folder / "bank_b")
    banks.must_work()


def test_a_statement_that_is_heard(banks: Banks) -> None:
    with full_for(banks.process_id("bank_b")):
        job = banks.propose()
        eventually(lambda: not banks.is_attached("bank_b"))
        assert banks.view("bank_a", job).state is State.PROPOSED
    assert banks.end_of(job) == DONE
    nothing_is_left(banks)


def test_a_proposal(banks: Banks) -> None:
    with full_for(banks.process_id("bank_a")):
        asked = banks.ask()
        assert asked.returncode == DataError.exit_code, asked.stderr
        assert "STORAGE_FULL" in asked.stderr
    banks.must_work()


def test_the_rows_of_a_result(banks: Banks) -> None:
    with ExitStack() as full:
        with banks.halted("bank_a", "rows") as job:
            full.enter_context(full_for(banks.process_id("bank_a")))
        # It can't even write down that it ends the job; it does when there is room.
        eventually(lambda: banks.has_noted("bank_a", "rows.over"))
        eventually(lambda: not banks.result_files("bank_a", job))
        # What it had said before is on its way.
        eventually(lambda: banks.view("bank_b", job).state is State.RELEASING)
    assert banks.end_of(job) == End(State.FAILED, "STORAGE_FULL", "bank_a")
    nothing_is_left(banks)
    banks.must_work()


@pytest.mark.parametrize("point", ["said.gate", "said.evidence", MID_RUN])
def test_the_last_steps_of_a_run(banks: Banks, point: str) -> None:
    with ExitStack() as full:
        with banks.halted("bank_b", point, to=BANKS) as job:
            full.enter_context(full_for(banks.process_id("bank_b")))
        eventually(lambda: not banks.is_attached("bank_b") or banks.ended("bank_a", job))
    assert banks.end_of(job) in {DONE, End(State.FAILED, "STORAGE_FULL", "bank_b")}
    nothing_is_left(banks)
    assert (banks.folder / "bank_b" / "data" / "evidence" / f"{job}.json").exists()
    banks.must_work()


# ── at the coordinator ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", ["contribute.share", "fetch.he_key"])
def test_what_is_handed_in(owners: Owners, point: str) -> None:
    owners.order("registry", point, WAIT)
    job = owners.propose(BY_REGION)
    owners.wait_halted("registry", point)
    with full_for(owners.process_id(COORDINATOR_ORG)):
        owners.go_on("registry", point)
        # What others have handed in stays; of what has no room nothing does.
        runs = owners.folder / COORDINATOR_ORG / "data" / "runs"
        eventually(lambda: not list(runs.rglob("*.arriving")))
    assert owners.end_of(job) == DONE
    assert owners.table(job) == owners.clear(BY_REGION)
    nothing_is_left(owners)


def test_what_the_coordinator_computed(owners: Owners) -> None:
    owners.order(COORDINATOR_ORG, "say.cells", WAIT)
    job = owners.propose(BY_REGION)
    owners.wait_halted(COORDINATOR_ORG, "say.cells")
    with full_for(owners.process_id(COORDINATOR_ORG)):
        owners.dismiss(COORDINATOR_ORG)
        eventually(lambda: not owners.is_halted(COORDINATOR_ORG, "say.cells"))
        assert owners.view(RECEIVER, job).state is State.RUNNING
    assert owners.end_of(job) == DONE
    nothing_is_left(owners)


# ── disks that are really full, or read-only ────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def small(request: pytest.FixtureRequest) -> Iterator[tuple[Banks, dict[str, SmallDisk]]]:
    """Banks of which one, and the coordinator, keep their data on a small disk."""
    if not private_mounts():
        pytest.skip("this user may not mount anything")
    with short_folder() as folder, Banks(folder) as running:
        disks = {}
        try:
            for name in ("bank_a", COORDINATOR_ORG):
                running.stop(name)
                disks[name] = SmallDisk(running.folder / name / "data", mebibytes=8)
                running.start(name)
            running.wait_attached()
            yield running, disks
        finally:
            running.stop_all()
            for disk in disks.values():
                disk.remove()


def test_a_full_disk(small: tuple[Banks, dict[str, SmallDisk]]) -> None:
    banks, disks = small
    banks.must_work()
    with banks.halted("bank_a", "rows") as job:
        disks["bank_a"].fill()
    eventually(lambda: banks.has_noted("bank_a", "rows.over"))
    eventually(lambda: said(banks, "bank_a", "STORAGE_FULL", 0))
    disks["bank_a"].empty()
    assert banks.end_of(job) == End(State.FAILED, "STORAGE_FULL", "bank_a")
    nothing_is_left(banks)
    disks[COORDINATOR_ORG].fill()
    refused = banks.ask("bank_b", "--detach")
    assert refused.returncode == DataError.exit_code, refused.stderr
    disks[COORDINATOR_ORG].empty()
    banks.wait_attached()
    banks.must_work()


@pytest.mark.parametrize("name", ["bank_a", COORDINATOR_ORG])
def test_a_read_only_disk_at_the_start(
    small: tuple[Banks, dict[str, SmallDisk]], name: str
) -> None:
    banks, disks = small
    banks.stop(name)
    disks[name].set_writable(False)
    before = banks.log(name).stat().st_size
    banks.start(name)
    code = banks.wait_ended(name)
    assert code in {DataError.exit_code, 2}
    assert said(banks, name, "can't be", before)
    disks[name].set_writable(True)
    banks.start(name)
    banks.wait_attached()
    banks.must_work()
