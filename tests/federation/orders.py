"""What a daemon on stage is told to do, and where: files in a folder.

A point is the name of a file. When the daemon gets there it does once what the file says and
removes it; with `wait` it says that it is there (POINT.reached) and goes on when the file is gone.
"""

import asyncio
import time
from pathlib import Path

WAIT = "wait"
_POLL_SECONDS = 0.02


class Orders:
    """The folder that tells this process what to do where."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def at(self, point: str) -> str | None:
        """The misdeed ordered at a point; it is ordered once."""
        deed = self._read(point)
        if deed is None or deed == WAIT:
            return None
        (self._folder / point).unlink()
        return deed

    def _waits(self, point: str) -> bool:
        if self._read(point) != WAIT:
            return False
        (self._folder / f"{point}.reached").touch()
        return True

    def _read(self, point: str) -> str | None:
        try:
            return (self._folder / point).read_text("ascii")
        except FileNotFoundError:
            return None

    async def pass_by(self, point: str) -> None:
        """Wait if that is ordered; the rest of the node goes on."""
        while self._waits(point):  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(_POLL_SECONDS)

    def halt_at(self, point: str) -> None:
        """Wait if that is ordered, and the whole node with it."""
        while self._waits(point):
            time.sleep(_POLL_SECONDS)
