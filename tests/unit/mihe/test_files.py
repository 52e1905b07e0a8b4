"""Files that people are given: whole or absent, never over another, and a full disk is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import AlreadyThere, StorageFull
from mihe import files


def test_a_file_is_whole_and_its_owners(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    files.write_whole(rows, [b"a,b\n", b"1,2\n"])
    assert rows.read_bytes() == b"a,b\n1,2\n"
    assert rows.stat().st_mode & 0o777 == files.SECRET
    with pytest.raises(AlreadyThere):
        files.write_whole(rows, [b"others"])


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Iterator[bytes]:
        yield b"a,b\n"
        raise OSError

    with pytest.raises(StorageFull, match=r"rows\.csv"):
        files.write_whole(tmp_path / "rows.csv", rows())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/dev/full/rows.csv", "/proc/rows.csv"])
def test_a_place_where_nothing_can_be_written_is_named(place: str) -> None:
    with pytest.raises(StorageFull, match="can't be written"):
        files.write_whole(Path(place), [b"a,b\n"])
