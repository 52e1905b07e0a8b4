"""Results on a disk that takes no more, or of a run that was let go of: nothing half-written."""

import asyncio
import threading
from errno import ENOSPC
from pathlib import Path

import pytest

from contract.errors import StorageFull
from node.results import Results

JOB = bytes(32)


async def test_a_result_that_can_not_be_written_whole_leaves_nothing(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")

    def write(file: Path) -> None:
        file.write_text("half of it", "utf-8")
        raise OSError(ENOSPC, "a file name that nobody should read")

    with pytest.raises(StorageFull) as caught:
        await results.write(JOB, write)
    assert "file name" not in str(caught.value)
    assert list(results.folder.iterdir()) == []


async def test_another_error_comes_through_and_leaves_nothing_either(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")

    def write(file: Path) -> None:
        file.touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await results.write(JOB, write)
    assert list(results.folder.iterdir()) == []


def test_what_was_never_written_needs_no_disk(tmp_path: Path) -> None:
    results = Results(tmp_path / "results")
    results.discard(JOB)
    results.publish(JOB)
    assert not results.folder.exists()


async def test_the_next_attempt_writes_after_the_thread_of_the_one_before(tmp_path: Path) -> None:
    results, writes, go_on = Results(tmp_path / "results"), threading.Event(), threading.Event()

    def slow(file: Path) -> None:
        writes.set()
        assert go_on.wait(20)
        file.write_text("the one before", "utf-8")

    former = asyncio.create_task(results.write(JOB, slow))
    assert await asyncio.to_thread(writes.wait, 20)
    former.cancel()
    await asyncio.gather(former, return_exceptions=True)
    newer = asyncio.create_task(results.write(JOB, lambda file: file.write_text("newer", "utf-8")))
    await asyncio.sleep(0)
    go_on.set()
    await newer
    results.publish(JOB)
    assert results.final(JOB).read_text("utf-8") == "newer"
    assert list(results.folder.iterdir()) == [results.final(JOB)]
