"""The files that `source` names: one, or all those of a folder and of the folders in it.

Implements  folders as Hive, Spark and DuckDB write them: `period=202510/part-0.parquet` gives each
            row of the file the column `period`; names that begin with a dot or an underscore are
            not data. Files are read in the order of their names, so the same files give the same
            rows whatever order the disk lists them in.
Errors      UnreadableSource: nothing there; two formats side by side, which are often the same rows
            twice; a link inside the folder, which may lead out of it or to a file that is read
            already; anything that changed, came or went while it was read
Learns      the owner alone. A file's name is said in errors unless it looks like a key.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TypeAlias
from urllib.parse import unquote

from contract.dataset import Description
from contract.errors import BadSetting
from contract.keys import looks_like_key
from contract.sources import Encoding
from node.sources.files import CsvFile, ParquetFile, absent
from node.sources.part import Part, unreadable

_MOST_FILES = 10_000
_LONGEST_NAME = 200
_FORMATS = (".csv", ".parquet")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"

State: TypeAlias = tuple[int, int, int, int]
"""What a file is: device, inode, bytes, nanoseconds of its last change."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a source, as they were when they were listed."""

    title: str
    place: Path
    listed: Mapping[Path, State]
    parts: Sequence[Part]
    reads: Sequence[Path]
    """What DuckDB must be able to open."""

    @contextmanager
    def opened(self) -> Iterator[Sequence[Part]]:
        """The parts, to be read inside the block; they stayed what they were all the while."""
        yield self.parts
        if _listing(self.title, self.place) != self.listed:
            raise unreadable(
                self.title,
                "changed while it was read",
                "Write new files elsewhere and rename them when they are complete, then repeat.",
                rule="a snapshot is of one moment",
            )


def files_of(description: Description, beside: Path, scratch: Path) -> Files:
    """The files that the description in the folder `beside` names; copies go to `scratch`."""
    assert description.source is not None
    title = f"the source of {description.name}"
    try:
        place = (beside / description.source).resolve()
        listed = _listing(title, place)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that can't be one
        raise absent(title) from None
    formats = {_format(title, file) for file in listed}
    if len(formats) > 1:
        raise unreadable(
            title,
            "holds both .csv and .parquet files",
            "Leave one of them in the folder, so that no row is read twice.",
        )
    if not formats:
        raise unreadable(
            title, "is a folder without a .csv or .parquet file", "Name the folder of the files."
        )
    if formats == {".parquet"} and description.encoding is not Encoding.UTF_8:
        raise BadSetting(
            f"{description.name}: `encoding` stands with CSV files only",
            fix="Remove it: Parquet says itself how its texts are written.",
        )
    parts: list[CsvFile | ParquetFile] = []
    for number, file in enumerate(listed, 1):
        inside = file.relative_to(place)
        name = title if file == place else _name(description.name, inside, number)
        if file.suffix.lower() == ".csv":
            parts.append(
                CsvFile(name, file, description.encoding, scratch, _partition(inside.parent))
            )
        else:
            parts.append(ParquetFile(name, file, _partition(inside.parent)))
    reads = [part.copy if isinstance(part, CsvFile) else part.file for part in parts]
    return Files(title, place, listed, parts, list(dict.fromkeys(reads)))


def _listing(title: str, place: Path) -> dict[Path, State]:
    """Every file of data at `place`, in the order of names."""
    found = place.lstat()
    if not S_ISDIR(found.st_mode):
        return {place: _state(title, found)}
    ahead = [place]
    listed: dict[Path, State] = {}
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                here = entry.stat(follow_symlinks=False)
                if _is_no_data(entry.name):
                    continue
                if S_ISDIR(here.st_mode):
                    ahead.append(Path(entry.path))
                else:
                    listed[Path(entry.path)] = _state(title, here)
        if len(listed) + len(ahead) > _MOST_FILES:
            raise unreadable(
                title, f"holds more than {_MOST_FILES} files", "Write fewer and larger files."
            )
    return {file: listed[file] for file in sorted(listed, key=lambda file: file.parts)}


def _state(title: str, found: os.stat_result) -> State:
    if S_ISLNK(found.st_mode):
        raise unreadable(
            title,
            "holds a symbolic link",
            "Put the file itself into the folder: a link may lead out of it, or to a file that is"
            " read already.",
        )
    if not S_ISREG(found.st_mode):
        raise unreadable(title, "is not a file, or holds what is not one", "Name a file or folder.")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_no_data(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _format(title: str, file: Path) -> str:
    if file.suffix.lower() in _FORMATS:
        return file.suffix.lower()
    raise unreadable(
        title,
        "is neither a .csv nor a .parquet file, or holds one that is not",
        "Name a file with one of these endings as `source` in the description, or a folder of them"
        " and of nothing else.",
    )


def _name(dataset: str, inside: Path, number: int) -> str:
    shown = inside.as_posix()
    if looks_like_key(shown) or len(shown) > _LONGEST_NAME:
        return f"file {number} of {dataset}"
    return f"file {shown!r} of {dataset}"


def _partition(folder: Path) -> dict[str, str | None]:
    """The columns that the folders' names give to every row."""
    pairs = (part.partition("=") for part in folder.parts)
    return {
        unquote(name): None if value == _NO_VALUE else unquote(value)
        for name, equals, value in pairs
        if equals
    }
