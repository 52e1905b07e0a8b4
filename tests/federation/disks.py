"""Disks that take no more, for daemons of a test.

full_for(process)     no file of the process may grow (RLIMIT_FSIZE): what a full disk is to it
private_mounts()      a mount namespace of the test's own, in which `small_disk` mounts a tmpfs;
                      it needs the right to mount, so tests that use it are skipped without
"""

import ctypes
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CLONE_NEWNS = 0x00020000


@contextmanager
def full_for(process: int) -> Iterator[None]:
    """Within the block nothing that the process writes to a disk gets there."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def private_mounts() -> bool:
    """Give this thread, and what it starts from now on, mounts of its own; False if it may not."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return False
    return _mount("--make-rprivate", "/")


class SmallDisk:
    """A tmpfs of a few MiB in a folder's place, with what the folder held."""

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.folder = folder
        held = folder.with_name(f"{folder.name}.held")
        folder.rename(held)
        folder.mkdir(mode=0o700)
        assert _mount("-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs", str(folder))
        subprocess.run(["cp", "-a", f"{held}/.", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.folder / "filling").open("ab", buffering=0) as filling, suppress(OSError):
            while filling.write(bytes(4096)):
                pass

    def empty(self) -> None:
        """Make room again."""
        (self.folder / "filling").unlink()

    def set_writable(self, writable: bool) -> None:
        """Mount it anew; no process may have a file of it open for writing."""
        assert _mount("-o", f"remount,{'rw' if writable else 'ro'}", str(self.folder))

    def remove(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


def _mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
