"""What a daemon on stage is told to do, and where: files in a folder.

A point is the name of a file. When the daemon gets there it does once what the file says and
removes it; with `wait` it says that it is there (POINT.reached) and goes on when the file is gone;
with `hold` only the first to get there waits, and others pass.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

WAIT = "wait"
HOLD = "hold"
_POLL_SECONDS = 0.02


class Orders:
    """The folder that tells this process what to do where."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def at(self, point: str) -> str | None:
        """The misdeed ordered at a point; it is ordered once."""
        deed = self._read(point)
        if deed is None or deed in (WAIT, HOLD):
            return None
        (self._folder / point).unlink()
        return deed

    def standing(self, point: str) -> str | None:
        """What is ordered at a point until it is taken back."""
        return self._read(point)

    def _waits(self, point: str) -> bool:
        if self._read(point) != WAIT:
            return False
        (self._folder / f"{point}.reached").touch()
        return True

    def _held(self, point: str) -> Path | None:
        """What is there as long as this first one to come must wait."""
        if self._read(point) != HOLD:
            return None
        held = self._folder / f"{point}.held"
        (self._folder / point).rename(held)
        (self._folder / f"{point}.reached").touch()
        return held

    def _read(self, point: str) -> str | None:
        try:
            return (self._folder / point).read_text("ascii")
        except FileNotFoundError:
            return None

    async def pass_by(self, point: str) -> None:
        """Wait if that is ordered; the rest of the node goes on."""
        held = self._held(point)
        while held is not None and held.exists():  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(_POLL_SECONDS)
        while self._waits(point):  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(_POLL_SECONDS)

    def halt_at(self, point: str) -> bool:
        """Wait if that is ordered, and the whole node with it; whether it was."""
        halted = False
        while self._waits(point):
            halted = True
            time.sleep(_POLL_SECONDS)
        return halted

    def note(self, what: str) -> None:
        """Let the test know of something."""
        (self._folder / what).touch()


def defect(content: object) -> Any:
    """A mistake such as this project may have made, whose text quotes what it was about."""
    raise RuntimeError(f"unforeseen: {content!r}")
