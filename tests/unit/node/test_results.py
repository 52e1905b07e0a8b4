"""Results on a disk that takes no more: a coded error, and nothing half-written."""

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
