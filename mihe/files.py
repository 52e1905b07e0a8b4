"""Files that people are given: never over another one, secrets for their owner only."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

from contract.errors import AlreadyThere, BadRequest, StorageFull

SECRET = 0o600
PUBLIC = 0o644


def require_absent(*paths: Path) -> None:
    """AlreadyThere if one of these exists, so that a command does all of its work or none."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise AlreadyThere(
                f"{path} is there already", fix="name another place, or move that file away first"
            )


def write_new(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write a file that does not exist yet; the mode holds from its first byte on."""
    require_absent(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError:
        raise _unwritable(path) from None


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a secret file that appears under its name only once it is complete."""
    require_absent(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET), "wb") as file:
            file.writelines(chunks)
        part.replace(path)
    except OSError:
        raise _unwritable(path) from None
    finally:
        with suppress(OSError):  # where nothing could be written, nothing can be removed either
            part.unlink()


def move_over(source: Path, target: Path) -> None:
    """Put a file in the place of another, at once and whole, for the same readers."""
    try:
        if target.exists():
            state = target.stat()
            os.chown(source, state.st_uid, state.st_gid)
            source.chmod(S_IMODE(state.st_mode))
        source.replace(target)
    except OSError:
        raise _unwritable(target) from None


def read(path: Path, what: str) -> bytes:
    """A file's bytes; BadRequest when it can't be read."""
    try:
        return path.read_bytes()
    except OSError:
        raise BadRequest(
            f"{path}: {what} can't be read", fix="check the path and its permissions"
        ) from None


def _unwritable(path: Path) -> StorageFull:
    return StorageFull(
        f"{path} can't be written", fix="check free space and permissions of that folder"
    )
