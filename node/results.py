"""Where results lie at a receiver's node: under a provisional name until the job is done.

Whether it is done is decided by all parties' signed evidence; any other end deletes the file. So
nobody ever reads half a result, nor a result of a job that failed elsewhere. Beside it lies what a
run has filed for a further attempt (node/filing.py); that is gone with every end.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from node.scratch import disk_refusals, vanish

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Results:
    """The folder of results, one CSV file a job, mode 0700."""

    folder: Path
    _written: dict[bytes, "asyncio.Future[Any]"] = field(default_factory=dict, repr=False)

    def partial(self, job: bytes) -> Path:
        """Where a result is written while the job runs."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._provisional(job)

    def _provisional(self, job: bytes) -> Path:
        return self.folder / f"{job.hex()}.partial"

    async def write(self, job: bytes, work: Callable[[Path], T]) -> T:
        """What `work` returns, which writes the result under its provisional name, in a thread.

        Raises StorageFull; of a result that could not be written whole nothing stays.
        """
        if (former := self._written.get(job)) is not None:  # of an attempt that was let go of
            await asyncio.wait({former})
        writing = asyncio.ensure_future(asyncio.to_thread(self._write, job, work))
        self._written[job] = writing
        writing.add_done_callback(lambda _: self._written.pop(job, None))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread can't be stopped: what it writes yet is removed once it has written it.
            writing.add_done_callback(lambda _: self._discard_partial(job))
            raise

    def writing(self, job: bytes) -> bool:
        """Whether a thread writes yet; if its run is over, what it writes is removed after that."""
        return job in self._written

    def _write(self, job: bytes, work: Callable[[Path], T]) -> T:
        try:
            with disk_refusals():
                return work(self.partial(job))
        except BaseException:
            with suppress(OSError):
                self._discard_partial(job)
            raise

    def final(self, job: bytes) -> Path:
        """Where the result of a finished job lies."""
        return self.folder / f"{job.hex()}.csv"

    def filed(self, job: bytes) -> Path:
        """The folder of what a run has filed, as long as the job has not ended."""
        return self.folder / f"{job.hex()}.filed"

    def publish(self, job: bytes) -> None:
        """The job is done: its result, if this node has one, takes its final name."""
        with disk_refusals():
            if self._provisional(job).exists():
                self._provisional(job).replace(self.final(job))
        self._discard_filed(job)

    def unsettled(self, job: bytes) -> bool:
        """Whether a result still lies under its provisional name, or something that was filed."""
        return self._provisional(job).exists() or self.filed(job).exists()

    def discard(self, job: bytes) -> None:
        """The job is not done and never will be: nothing of its result remains."""
        self._discard_partial(job)
        self._discard_filed(job)

    def _discard_partial(self, job: bytes) -> None:
        if self._provisional(job).exists():
            with disk_refusals():
                self._provisional(job).unlink(missing_ok=True)

    def _discard_filed(self, job: bytes) -> None:
        if self.filed(job).exists():
            with disk_refusals():
                vanish(self.filed(job))
