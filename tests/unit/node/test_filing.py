"""Filed buckets: as a whole or not at all, readable to their owner alone, gone with the job."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import OurError, StorageFull
from node import filing as module
from node.filing import Filing, filing
from node.results import Results
from psi.rr22.items import Halves
from psi.rr22.resumption import Filed
from psi.step import Nothing, Rows

KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
JOB = bytes([1] * 32)
RUN, NEXT_RUN = bytes([2] * 32), bytes([3] * 32)
HALVES = Halves(RUN, bytes([4] * 32), bytes([5] * 32))


def rows(*numbers: int) -> Rows:
    return Rows(len(numbers), np.array(numbers, dtype=np.uint32))


@contextmanager
def opened(
    folder: Path, *, key: ec.EllipticCurvePrivateKey = KEY, job: bytes = JOB, run: bytes = RUN
) -> Iterator[Filing]:
    with filing(folder, key, job=job, run=run) as held:
        yield held


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two filed buckets: the first has rows, the second is just done."""
    folder = tmp_path / "results" / "job.filed"
    with opened(folder) as held:
        held.begin(HALVES)
        held.add(0, rows(7, 70_000))
        held.add(1, Nothing())
    return folder


def test_nothing_is_filed_at_first(tmp_path: Path) -> None:
    with opened(tmp_path / "job.filed") as held:
        assert held.filed() is None


def test_what_was_filed_is_found_by_the_next_attempt(folder: Path) -> None:
    with opened(folder, run=NEXT_RUN) as held:
        assert held.filed() == Filed(HALVES, 2)
        found = held.found(0).result
        assert isinstance(found, Rows)
        assert (found.items, found.numbers.tolist()) == (2, [7, 70_000])
        assert held.found(1).result == Nothing()
        held.go_on(1)
        assert held.filed() == Filed(HALVES, 1)
        held.add(1, rows())
        assert held.runs == {0: RUN, 1: NEXT_RUN}
        assert held.agreed_in == RUN


def test_a_new_key_of_the_items_begins_anew(folder: Path) -> None:
    with opened(folder, run=NEXT_RUN) as held:
        held.begin(Halves(NEXT_RUN, bytes(32), bytes(32)))
        assert held.filed() == Filed(Halves(NEXT_RUN, bytes(32), bytes(32)), 0)


@pytest.mark.parametrize("name", ["halves", "bucket_0", "bucket_1"])
@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "another's"])
def test_what_is_altered_is_never_taken_for_something_else(
    folder: Path, name: str, damage: str
) -> None:
    file = folder / name
    content = file.read_bytes()
    another = next(one for one in folder.iterdir() if one.name != name)
    altered = {
        "bit": content[:-1] + bytes([content[-1] ^ 1]),
        "cut": content[:-1],
        "empty": b"",
        "another's": another.read_bytes(),
    }[damage]
    file.write_bytes(altered)
    with opened(folder) as held:
        reads: dict[str, Callable[[], object]] = {
            "halves": held.filed,
            "bucket_0": partial(held.found, 0),
            "bucket_1": partial(held.found, 1),
        }
        with pytest.raises(OurError):
            reads[name]()


@pytest.mark.parametrize("name", ["bucket_3", "bucket_01", "other"])
def test_a_file_that_does_not_follow_is_an_error(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    with opened(folder) as held, pytest.raises(OurError):
        held.filed()


def test_it_opens_for_its_owner_and_job_alone(folder: Path) -> None:
    with opened(folder, key=OTHER_KEY) as held, pytest.raises(OurError):
        held.filed()
    with opened(folder, job=bytes(32)) as held, pytest.raises(OurError):
        held.filed()


def test_it_holds_nothing_readable_and_is_for_the_owner(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        content = file.read_bytes()
        readable = (HALVES.receivers, HALVES.senders, (70_000).to_bytes(4, "little"))
        assert not any(one in content for one in readable)


def test_two_files_of_the_same_share_no_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.filed"
    with opened(again) as held:
        held.begin(HALVES)
    one, other = ((place / "halves").read_bytes() for place in (folder, again))
    assert not {one[at : at + 8] for at in range(0, len(one), 8)} & {
        other[at : at + 8] for at in range(0, len(other), 8)
    }


def test_a_bucket_gets_its_name_when_its_bytes_are_on_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def syncing(handle: int) -> None:
        steps.append("sync")
        sync(handle)

    def replacing(path: Path, target: Path) -> Path:
        steps.append("name")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing)
    with opened(folder) as held:
        held.add(2, rows(1))
    assert steps == ["sync", "name", "sync"]


def test_a_full_disk_files_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(ENOSPC, "no room")

    with opened(folder) as held:
        with monkeypatch.context() as patched:
            patched.setattr(module, "create", full)
            with pytest.raises(StorageFull):
                held.add(2, rows(1))
        assert held.filed() == Filed(HALVES, 2)
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]


def test_an_attempt_that_is_over_files_nothing_more(folder: Path) -> None:
    with opened(folder) as held:
        pass
    held.add(2, rows(1))
    held.go_on(0)
    held.begin(HALVES)
    with opened(folder) as again:
        assert again.filed() == Filed(HALVES, 2)


@pytest.mark.parametrize("end", ["publish", "discard"])
def test_every_end_of_the_job_removes_it(tmp_path: Path, end: str) -> None:
    results = Results(tmp_path / "results")
    with opened(results.filed(JOB)) as held:
        held.begin(HALVES)
        held.add(0, rows(1))
        assert results.unsettled(JOB)
        getattr(results, end)(JOB)
        assert not results.unsettled(JOB)
        with pytest.raises(FileNotFoundError):  # what a thread would still put there
            held.add(1, rows(1))
    assert list(results.folder.iterdir()) == []
