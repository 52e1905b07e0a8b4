"""Blocks by buckets: the same from memory and from disk, and a disk that keeps nothing readable."""

import os
from collections import Counter
from pathlib import Path

import pytest

from contract.errors import OurError, StorageFull
from node.partition import BUCKETS_IN_FLIGHT_BYTES, Partition, partition
from psi.rr22.items import Scattered

MEMORY = BUCKETS_IN_FLIGHT_BYTES


def scattered(number: int) -> Scattered:
    """Three buckets with `number`, no and two entries."""
    count = number + 2
    blocks = b"".join(b"block %04d %05d" % (number, place) for place in range(count))
    rows = b"".join((100 * number + place).to_bytes(4, "little") for place in range(count))
    return Scattered([0, number, number, count], blocks, rows)


ALL = [scattered(number) for number in range(1, 6)]


@pytest.mark.parametrize("room", [0, 60, 200, 10**6])
def test_every_entry_comes_back_from_its_bucket(tmp_path: Path, room: int) -> None:
    with partition(tmp_path, MEMORY + room) as held:
        for one in ALL:
            held.add(one)
        for bucket in range(3):
            parts = held.parts(bucket)
            assert Counter(parts) == Counter(one.part(bucket) for one in ALL)
        assert (held.on_disk > 0) == (room < 10**6)
    assert list(tmp_path.iterdir()) == []


def test_what_fits_leaves_the_disk_alone(tmp_path: Path) -> None:
    with partition(tmp_path, MEMORY + 10**6) as held:
        for one in ALL:
            held.add(one)
        assert list(tmp_path.iterdir()) == []


def on_disk(held: Partition) -> int:
    """The descriptor of its file, which has no name."""
    assert held._spill is not None
    return held._spill._file.fileno()


def test_the_disk_has_no_name_and_no_block(tmp_path: Path) -> None:
    with partition(tmp_path, MEMORY) as held:
        for one in ALL:
            held.add(one)
        (folder,) = tmp_path.iterdir()
        assert list(folder.iterdir()) == []
        file = on_disk(held)
        assert os.fstat(file).st_nlink == 0
        content = os.pread(file, held.on_disk + 1, 0)
        assert len(content) == held.on_disk
        assert b"block" not in content
        # The same again is sealed otherwise.
        held.add(ALL[0])
        assert content[:20] not in os.pread(file, held.on_disk, len(content))


def test_what_was_altered_is_noticed(tmp_path: Path) -> None:
    with partition(tmp_path, MEMORY) as held:
        held.add(ALL[0])
        os.pwrite(on_disk(held), b"\0\0\0", 20)
        with pytest.raises(OurError):
            held.parts(0)
        assert held.parts(2) == [ALL[0].part(2)]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with partition(tmp_path, MEMORY) as held:
            held.add(ALL[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "")

    with partition(tmp_path, MEMORY) as held:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            held.add(ALL[0])
