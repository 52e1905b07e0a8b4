"""The files of a snapshot: what they bind, what is kept of old ones, and what a crash leaves."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.errors import InvalidKey, SnapshotChanged, StorageFull
from node import snapshot
from node.scratch import scratch
from tests.unit.node.importing import BALANCE, KEY, A, Owner, one_column


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


SMALL = f"uscc,balance\n{A},1.00\n"


def test_a_snapshot_is_three_private_files_and_a_pointer(owner: Owner) -> None:
    added = owner.add_csv(SMALL, KEY, BALANCE)
    names = {f"loans/{added.root}.{ending}" for ending in ("parquet", "json", "salt")}
    assert owner.everything() == {"loans", "loans/current", *names}
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (owner.snapshots / "loans").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((owner.snapshots / "loans").stat().st_mode) == 0o700


def test_the_root_hides_and_binds(owner: Owner) -> None:
    first, second = (owner.add_csv(SMALL, KEY, BALANCE) for _ in range(2))
    assert first.root != second.root
    assert owner.rows(first) == owner.rows(second)
    snapshot.verify(owner.files(first))
    at = owner.files(first)
    raw = bytearray(at.parquet.read_bytes())
    raw[len(raw) // 2] ^= 1
    at.parquet.write_bytes(raw)
    with pytest.raises(SnapshotChanged):
        snapshot.verify(at)
    snapshot.verify(owner.files(second))


@pytest.mark.parametrize("part", ["parquet", "record", "salt"])
def test_a_snapshot_without_one_of_its_files_has_changed(owner: Owner, part: str) -> None:
    at = owner.files(owner.add_csv(SMALL, KEY, BALANCE))
    getattr(at, part).unlink()
    with pytest.raises(SnapshotChanged):
        snapshot.verify(at)


def test_a_record_of_another_snapshot_is_not_this_one(owner: Owner) -> None:
    first, second = (owner.files(owner.add_csv(SMALL, KEY, BALANCE)) for _ in range(2))
    first.record.write_bytes(second.record.read_bytes())
    with pytest.raises(SnapshotChanged):
        snapshot.verify(first)


def test_old_snapshots_stay_until_they_are_pruned(owner: Owner) -> None:
    first, second, third = (owner.add_csv(SMALL, KEY, BALANCE) for _ in range(3))
    snapshot.prune(owner.snapshots, {first.root})
    assert snapshot.load(owner.files(first)) == first
    assert snapshot.current(owner.snapshots, "loans") == third
    assert not any(second.root in name for name in owner.everything())


def test_a_refused_import_changes_nothing(owner: Owner) -> None:
    added = owner.add_csv(SMALL, KEY, BALANCE)
    before = owner.everything()
    with pytest.raises(InvalidKey):
        owner.add_csv(SMALL.replace(A, "x"), KEY, BALANCE)
    assert owner.everything() == before
    assert snapshot.current(owner.snapshots, "loans") == added


def test_an_unknown_dataset_has_no_snapshot(owner: Owner) -> None:
    assert snapshot.current(owner.snapshots, "loans") is None
    assert snapshot.datasets(owner.snapshots) == ()


IMPORT = """
import resource, signal, sys
from datetime import date
from pathlib import Path
from node import snapshot
if sys.argv[3] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    snapshot.add(Path(sys.argv[1]), Path(sys.argv[2]), org="bank_a", today=date(2025, 10, 1))
except Exception as error:
    sys.exit(f"{type(error).__name__} {error}")
"""


def imported_apart(owner: Owner, root: Path, *, most_bytes: int = 0) -> "subprocess.Popen[str]":
    arguments: Sequence[str | Path] = (owner.folder / "loans.toml", owner.snapshots)
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, *arguments, str(most_bytes)],
        cwd=root,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("most_bytes", [1, 1000, 40_000])
def test_a_full_disk_leaves_nothing_half_written(owner: Owner, root: Path, most_bytes: int) -> None:
    """No file may grow beyond a limit, as on a full disk: nothing is opened for that in mihe."""
    added = owner.add_csv(SMALL, KEY, BALANCE)
    before = owner.everything()
    owner.write("x\n" + "".join(f"{os.urandom(16).hex()}\n" for _ in range(20_000)))
    owner.describe(one_column("text"))
    importer = imported_apart(owner, root, most_bytes=most_bytes)
    _, said = importer.communicate(timeout=120)
    assert said.startswith(StorageFull.__name__)
    assert owner.everything() == before
    assert snapshot.current(owner.snapshots, "loans") == added


def test_what_a_crash_left_is_gone_after_the_next_import(owner: Owner, root: Path) -> None:
    added = owner.add_csv(SMALL, KEY, BALANCE)
    before = owner.everything()
    owner.write("x\n" + "".join(f"{n}\n" for n in range(1_000_000)))
    owner.describe(one_column("text"))
    importer = imported_apart(owner, root)
    while owner.everything() == before and importer.poll() is None:
        time.sleep(0.005)
    importer.kill()
    importer.communicate(timeout=120)
    assert owner.everything() > before
    assert snapshot.current(owner.snapshots, "loans") == added

    (owner.snapshots / "loans" / f"{'0' * 64}.parquet").write_bytes(b"between two renames")
    again = owner.add_csv(SMALL, KEY, BALANCE)
    snapshot.prune(owner.snapshots, {added.root})
    names = {name.removeprefix("loans/").partition(".")[0] for name in owner.everything()}
    assert names == {"loans", "current", added.root, again.root}


def test_a_running_import_is_left_alone_by_another(owner: Owner) -> None:
    with scratch(owner.snapshots / "loans") as other:
        (other / "rows").write_text("mine")
        owner.add_csv(SMALL, KEY, BALANCE)
        assert (other / "rows").read_text() == "mine"
    assert not other.exists()
