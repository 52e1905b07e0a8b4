"""Working folders that die with their process: what is half-written is never met again.

A scratch folder lies beside what it is written for, so a finished file moves into place by a
rename, and is held by a lock (flock) that the kernel drops with the process. A node that starts
removes those that nobody holds, as does whoever opens the next one beside it: after `kill -9` a
plaintext stays no longer than that.

Learns      the owner alone: scratch folders hold plaintext; mode 0700, files 0600.
Not for     folders on a network file system without flock.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from contract.errors import StorageFull

_PREFIX = ".scratch-"
FULL = (ENOSPC, EDQUOT, EFBIG, EROFS, EIO)
"""What the system says when a disk takes no more, for whatever reason."""


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """An empty folder in `parent`, gone with everything in it at the end.

    Raises StorageFull for an OSError of a full disk that leaves the block.
    """
    with disk_refusals():
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(parent):
            _sweep(parent)
            folder = Path(mkdtemp(prefix=_PREFIX, dir=parent))
            held = _lock(folder)
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)
            os.close(held)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else, in any process, is in such a block for the same folder. Not for long work."""
    held = _lock(folder)
    try:
        yield
    finally:
        os.close(held)


def sweep_below(folder: Path) -> None:
    """Remove every scratch folder below `folder` that nobody holds."""
    for parent in {left.parent for left in folder.rglob(f"{_PREFIX}*")}:
        _sweep(parent)


def vanish(folder: Path) -> None:
    """Remove a folder that others may be about to write to: first its name, then what is in it.

    It needs no room, and what a killed process leaves of it is swept as scratch folders are.
    """
    gone = folder.with_name(f"{_PREFIX}{folder.name}")
    folder.rename(gone)
    rmtree(gone, ignore_errors=True)


def create(file: Path, content: bytes = b"") -> None:
    """A new file, mode 0600, with `content` on the disk when this returns."""
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def settle(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_full() -> StorageFull:
    """The error for a disk that takes no more, or memory that is used up."""
    return StorageFull(
        "the disk of the data folder takes no more, or the memory for one query is used up;"
        " nothing was written",
        fix="Free space on the disk of this node's data folder, or make it writable, then repeat.",
    )


@contextmanager
def disk_refusals() -> Iterator[None]:
    """Turn the OSError of a disk that takes no more into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise storage_full() from None
        raise


def _lock(folder: Path, flags: int = LOCK_EX) -> int:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(held, flags)
    except BaseException:
        os.close(held)
        raise
    return held


def _sweep(parent: Path) -> None:
    for left in parent.glob(f"{_PREFIX}*"):
        try:
            os.close(_lock(left, LOCK_EX | LOCK_NB))
        except (BlockingIOError, FileNotFoundError):
            continue
        rmtree(left, ignore_errors=True)
