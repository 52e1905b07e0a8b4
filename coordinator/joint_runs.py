"""The runs whose parts their parties hand in to the coordinator: who drives which, and until when.

Joins (coordinator/joins.py) and sums without one (coordinator/unions.py) differ in what they make
of the parts, not in how parts come, go and are forgotten. Both are level-triggered, so that a
restart changes nothing: whenever a part arrives or a statement is logged, the run is looked at
anew. Everything of a run is removed when its job ends.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from contract.errors import FrameTooLarge, UnknownJob
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Statement
from contract.suites import COLLECTED, Family
from coordinator.collection import Collection, Opening, foreign
from coordinator.joins import Joins
from coordinator.journal import note, short
from coordinator.lifecycle import Lifecycle
from coordinator.unions import Unions

_UNDER_WAY = (State.RUNNING, State.RELEASING)
_PHASE = "collect"


class Driver(Protocol):
    """Makes of the parts of a run what its parties may fetch, and says so."""

    def most_bytes(self, ledger: Ledger, org: str, opening: Opening) -> int | None:
        """How large a part may be; None if it comes too late; raises if `org` has none to give."""

    def file_for(self, ledger: Ledger, org: str, part: str) -> Path:
        """The file of a part that `org` may fetch; raises while it is not there."""

    def consider(self, ledger: Ledger) -> None:
        """Take the step that is due, if one is."""

    def forget(self, run: bytes) -> None:
        """A run is over: stop what is done for it."""

    async def close(self) -> None:
        """Stop whatever is done, for all runs."""


class JointRuns:
    """All of them that are under way."""

    def __init__(self, lifecycle: Lifecycle, collection: Collection) -> None:
        self._lifecycle = lifecycle
        self._collection = collection
        self._joins: Driver = Joins(lifecycle, collection)
        self._unions: Driver = Unions(lifecycle, collection)
        lifecycle.changed = self._on_change

    async def resume(self) -> None:
        """After a start: forget runs that are over, go on with those that are not."""
        ledgers = {ledger.run: ledger for ledger in self._lifecycle.open_joint() if ledger.run}
        self._collection.drop_all_but(set(ledgers))
        for ledger in ledgers.values():
            self._driver(ledger).consider(ledger)

    async def close(self) -> None:
        """Stop computing."""
        await self._unions.close()
        await self._joins.close()

    async def take(
        self, org: str, opening: Opening, pieces: AsyncIterator[bytes | Statement]
    ) -> None:
        """Receive a part of a run from one of its parties.

        What comes too late is read and forgotten: its sender may not have heard yet that the run
        goes on without it.
        """
        ledger = self._under_way(opening.run, org)
        driver = self._driver(ledger)
        # In a thread: to read a long statement takes milliseconds.
        limit = await asyncio.to_thread(driver.most_bytes, ledger, org, opening)
        self._under_way(opening.run, org)  # or what it hands in would outlast the run
        if limit is None:
            await _read_and_forget(org, opening, pieces)
            return
        await self._collection.take(org, opening, pieces, limit)
        note("collected", org=org, run=short(opening.run), part=opening.part)
        driver.consider(self._lifecycle.ledger_of_run(opening.run) or ledger)

    def file_for(self, org: str, run: bytes, part: str) -> Path:
        """The file of a part that `org` may fetch; raises while it is not there."""
        ledger = self._under_way(run, org)
        return self._driver(ledger).file_for(ledger, org, part)

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _driver(self, ledger: Ledger) -> Driver:
        return self._unions if ledger.contract.family is Family.UNION else self._joins

    def _under_way(self, run: bytes, org: str) -> Ledger:
        ledger = self._lifecycle.ledger_of_run(run)
        if ledger is None or not _is_joint(ledger) or ledger.state not in _UNDER_WAY:
            raise UnknownJob(
                "no query with this run is under way",
                party=org,
                phase=_PHASE,
                fix="see `mihe show` for how the job stands",
            )
        if org not in ledger.contract.orgs:
            raise foreign(org, "query")
        return ledger

    def _on_change(self, ledger: Ledger) -> None:
        if not _is_joint(ledger) or ledger.run is None:
            return
        if ledger.ended:
            self._driver(ledger).forget(ledger.run)
            self._collection.drop(ledger.run)
        else:
            self._driver(ledger).consider(ledger)


def _is_joint(ledger: Ledger) -> bool:
    return ledger.contract.family in COLLECTED


async def _read_and_forget(
    org: str, opening: Opening, pieces: AsyncIterator[bytes | Statement]
) -> None:
    left = opening.size
    async for piece in pieces:
        left -= 0 if isinstance(piece, Statement) else len(piece)
        if left < 0:
            raise FrameTooLarge(
                f"the part '{opening.part}' is larger than it was said to be",
                party=org,
                phase=_PHASE,
                fix="that node is not following the protocol: compare versions",
            )
