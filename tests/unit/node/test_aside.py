"""Columns set aside: the same from memory and from disk, and a disk that keeps nothing readable."""

import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from contract.errors import OurError, StorageFull
from node.aside import Aside

COLUMNS = [np.arange(first, first + 100, dtype=np.int64) for first in (0, -50, 2**62)]
BYTES = COLUMNS[0].nbytes


@pytest.mark.parametrize("room", [0, BYTES, 3 * BYTES])
def test_columns_come_back_as_often_as_they_are_asked_for(tmp_path: Path, room: int) -> None:
    with ExitStack() as stack:
        held = Aside(tmp_path, room, stack)
        for column in COLUMNS:
            held.append(column)
        for _ in range(2):
            assert len(held) == 3
            assert [one.tolist() for one in held] == [one.tolist() for one in COLUMNS]
            assert [one.tolist() for one in held[1:]] == [one.tolist() for one in COLUMNS[1:]]
            assert held[-1].tolist() == COLUMNS[-1].tolist()
        assert (held.on_disk > 0) == (room < 3 * BYTES)
        with pytest.raises(IndexError):
            held[3]
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_nothing_and_one_in_strides_come_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        held = Aside(tmp_path, 0, stack)
        for column in (COLUMNS[0][:0], COLUMNS[0][::3]):
            held.append(column)
        assert [one.tolist() for one in held] == [[], list(range(0, 100, 3))]


def test_what_lies_on_disk_is_sealed_and_checked(tmp_path: Path) -> None:
    with ExitStack() as stack:
        held = Aside(tmp_path, 0, stack)
        held.append(COLUMNS[1])
        assert held._spill is not None
        file = held._spill._file.fileno()
        assert COLUMNS[1].tobytes()[:16] not in os.pread(file, held.on_disk, 0)
        os.pwrite(file, b"\0\0\0", 20)
        with pytest.raises(OurError):
            held[0]


def test_a_file_that_is_closed_is_not_written_to_by_its_number(tmp_path: Path) -> None:
    """A thread may be at it still when the run has been ended."""
    with ExitStack() as stack:
        held = Aside(tmp_path, 0, stack)
        held.append(COLUMNS[0])
    with (tmp_path / "another").open("wb") as another:
        for use in (lambda: held.append(COLUMNS[1]), lambda: held[0]):
            with pytest.raises(ValueError, match="closed"):
                use()
        assert another.tell() == 0
    assert (tmp_path / "another").read_bytes() == b""


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "")

    with ExitStack() as stack:
        held = Aside(tmp_path, 0, stack)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            held.append(COLUMNS[0])
