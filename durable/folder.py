"""The data folder of a daemon, held by one process at a time.

Snapshots, results and, by default, the state lie in it; a second process on it would say and write
other things in the same name.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import AlreadyThere, BadSetting


@contextmanager
def held_folder(folder: Path, configuration: str) -> Iterator[None]:
    """Make `folder` if need be and hold it; `configuration` is the file that names it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        raise BadSetting(
            f"the data folder can't be made or written: {folder}",
            fix=f"correct `data` in {configuration}, or the folder's owner and mode",
        ) from None
    try:
        _take(lock, folder)
        yield
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise AlreadyThere(
            f"another process runs on the data folder {folder}",
            fix="stop it first, or give this one a data folder of its own",
        ) from None
