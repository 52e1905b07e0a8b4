"""The processes in which a daemon has something computed, found in /proc."""

from contextlib import suppress
from pathlib import Path


def offspring_of(parent: int) -> set[int]:
    """The computing processes whose parent is `parent`."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = process.joinpath("cmdline").read_bytes()
            status = process.joinpath("stat").read_text("ascii").rpartition(")")[2].split()
            if b"spawn_main" in words and int(status[1]) == parent:
                found.add(int(process.name))
    return found


def is_alive(process: int) -> bool:
    """Whether a process is there and not a zombie."""
    with suppress(OSError):
        stat = Path(f"/proc/{process}/stat").read_text("ascii")
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False
