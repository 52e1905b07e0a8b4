"""A run over a set in buckets: what is done at once, and what waits for what.

Three things go side by side: the owner's blocks are filled into their buckets; of one bucket, what
needs no items is prepared; another one, with its items, is matched. At most two buckets are in
flight, so that memory does not grow with the set, and the first is prepared while keys are read.
What is done is filed bucket by bucket, if it is (node/filing.py), and a further attempt of the run
begins at the first one that is not filed on both sides.

Order     nothing that depends on the own set leaves before all of it is in its buckets; a bucket is
          filed before anything of the next one leaves that depends on the own set
Learns    as the protocol says (psi/rr22/SPEC.md): sizes of messages and buckets are the contract's
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from node.filing import Filing
from node.partition import Partition
from node.rows import Batch
from node.session import Session
from node.stage import together
from psi.keys import Keys
from psi.refusals import require_room
from psi.rr22.items import Scattering
from psi.rr22.resumption import Agreed
from psi.rr22.secret import gather
from psi.step import Finished, Marked, Nothing, Ready, Result, Rows
from psi.two_party import Bucketed

_BATCH = 1 << 18


class Own(Protocol):
    """The own set."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def keys(self) -> int:
        """How many distinct keys."""

    def batches(self) -> AbstractContextManager[Iterator[Batch]]:
        """The keys of all rows, in order. Each step blocks."""


@dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """An own set that is in memory: distinct keys, whose places are its rows."""

    held: Keys

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.held)

    @property
    def keys(self) -> int:
        """As many."""
        return len(self.held)

    @contextmanager
    def batches(self) -> Iterator[Iterator[Batch]]:
        """Some of them at a time."""
        yield (
            Batch.of(self.held.part(first, first + _BATCH), first)
            for first in range(0, len(self.held), _BATCH)
        )


async def play_buckets(
    session: Session,
    part: Bucketed,
    own: Own,
    partition: Partition,
    filing: Filing | None = None,
    *,
    again: bool = False,
) -> Result:
    """Play a role over the own set; the result, or the MiheError that ended it.

    What is done goes to `filing`; `again`: this is a further attempt, which finds there what the
    earlier ones have done.
    """
    run = _Run(session, part, own, partition, filing, again=again)
    tasks = [asyncio.create_task(one) for one in (run.fill(), run.prepare(), run.match())]
    await together(*tasks)
    return run.result()


@dataclass(slots=True, repr=False)
class _Common:
    """What was found so far."""

    rows: NDArray[np.bool_]
    items: int = 0
    learns: bool = False

    def add(self, found: Rows) -> None:
        self.learns = True
        self.items += found.items
        self.rows[found.numbers] = True


class _Run:
    def __init__(
        self,
        session: Session,
        part: Bucketed,
        own: Own,
        partition: Partition,
        filing: Filing | None,
        *,
        again: bool,
    ) -> None:
        self._session, self._part, self._own, self._partition = session, part, own, partition
        self._filing = filing
        self._again = again
        self._first = 0
        self._agreed = asyncio.Event()
        self._filled = asyncio.Event()
        self._room = asyncio.Semaphore(1)
        self._prepared: asyncio.Queue[Ready] = asyncio.Queue()
        self._common = _Common(np.zeros(0, dtype=np.bool_))

    async def fill(self) -> None:
        """Agree on the key of the items, and scatter the own set."""
        work, own = self._session.work, self._own
        scattering = await self._agree()
        require_room(own.keys, self._part.size, "psi/rr22/SPEC.md §2")
        self._common.rows = np.zeros(own.rows, dtype=np.bool_)
        done = 0
        self._session.progress("load", 0, own.rows)
        with own.batches() as batches:
            while (rows := await work(self._scatter, scattering, batches)) is not None:
                done += rows
                self._session.progress("load", done, own.rows)
        self._filled.set()

    async def _agree(self) -> Scattering:
        """The key of the items, and where the run begins: an earlier attempt's, or anew."""
        work, filing = self._session.work, self._filing
        if self._again:
            assert filing is not None
            filed = await work(filing.filed)
            agreed = await self._session.begin(self._part.resuming(filed))
            assert isinstance(agreed, Agreed)
            self._first = agreed.first
            self._agreed.set()
            if agreed.scattering is not None:
                await work(filing.go_on, self._first)
                return agreed.scattering
        scattering = await self._session.begin(self._part.sharing())
        assert isinstance(scattering, Scattering)
        if filing is not None:
            await work(filing.begin, scattering.halves)
        return scattering

    def _scatter(self, scattering: Scattering, batches: Iterator[Batch]) -> int | None:
        """The next batch into its buckets; how many rows it had, None if there was none."""
        batch = next(batches, None)
        if batch is None:
            return None
        self._partition.add(scattering.scatter(batch.keys, batch.rows))
        return len(batch.keys)

    async def prepare(self) -> None:
        """Play every bucket up to where it needs its items, one ahead of the matching."""
        if self._again:
            await self._agreed.wait()
        for bucket in range(self._first, self._part.buckets):
            await self._room.acquire()
            ready = await self._session.begin(self._part.bucket(bucket), bucket)
            assert isinstance(ready, Ready)
            self._prepared.put_nowait(ready)

    async def match(self) -> None:
        """Play every bucket to its end."""
        await self._filled.wait()
        buckets = self._part.buckets
        for bucket in range(self._first):
            assert self._filing is not None
            filed = await self._session.work(self._filing.found, bucket)
            self._take(filed.result)
        for bucket in range(self._first, buckets):
            self._session.progress("buckets", bucket, buckets)
            ready = await self._prepared.get()
            self._room.release()
            items = await self._session.work(self._items, bucket)
            ended = await self._session.go_on(ready, items, bucket)
            assert isinstance(ended, Finished)
            if self._filing is not None:
                await self._session.work(self._filing.add, bucket, ended.result)
            self._take(ended.result)
        self._session.release()
        self._session.progress("buckets", buckets, buckets)

    def _take(self, result: Result) -> None:
        if isinstance(result, Rows):
            self._common.add(result)

    def _items(self, bucket: int) -> object:
        distinct = self._own.keys == self._own.rows
        return gather(self._partition.parts(bucket), distinct=distinct)

    def result(self) -> Result:
        """What was learned of all buckets."""
        common = self._common
        return Marked(common.items, common.rows) if common.learns else Nothing()
