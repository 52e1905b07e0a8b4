"""Drives the coordinator's part of a query: collect, match and add, say which cells pass.

Level-triggered, so that a restart changes nothing: whenever a part arrives or a statement is
logged, look at what is there; when the receiver's key and every owner's share are, compute once,
in a process of its own (TenSEAL holds Python's lock), and say the cells. Everything of a run is
removed when its job ends.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

from contract.errors import (
    BadMessage,
    ForeignFrame,
    MiheError,
    OurError,
    UnknownJob,
)
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Statement
from contract.statements import Cells
from coordinator import compute
from coordinator.apart import apart
from coordinator.collection import COORDINATOR, Collection, Opening
from coordinator.journal import defect, note, short
from coordinator.lifecycle import Lifecycle

_UNDER_WAY = (State.RUNNING, State.RELEASING)
_MOST_PART_BYTES = 1 << 31


class Queries:
    """The queries that are under way."""

    def __init__(self, lifecycle: Lifecycle, collection: Collection) -> None:
        self._lifecycle = lifecycle
        self._collection = collection
        self._computing: dict[bytes, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        lifecycle.changed = self._on_change

    async def resume(self) -> None:
        """After a start: forget runs that are over, go on with those that are not."""
        ledgers = {ledger.run: ledger for ledger in self._lifecycle.open_queries() if ledger.run}
        self._collection.drop_all_but(set(ledgers))
        for ledger in ledgers.values():
            self._consider(ledger)

    async def close(self) -> None:
        """Stop computing."""
        for task in list(self._computing.values()):
            task.cancel()
        await asyncio.gather(*self._computing.values(), return_exceptions=True)

    async def take(
        self, org: str, opening: Opening, pieces: AsyncIterator[bytes | Statement]
    ) -> None:
        """Receive a part of a run from one of its parties."""
        ledger = self._under_way(opening.run, org)
        if opening.part == "he_key" and org not in ledger.contract.receivers:
            raise _not_yours(org, opening.part)
        await self._collection.take(org, opening, pieces, _MOST_PART_BYTES)
        note("collected", org=org, run=short(opening.run), part=opening.part)
        self._consider(self._lifecycle.ledger_of_run(opening.run) or ledger)

    def file_for(self, org: str, run: bytes, part: str) -> Path:
        """The file of a part that `org` may fetch; raises while it is not there."""
        ledger = self._under_way(run, org)
        (receiver,) = ledger.contract.receivers
        if part == "sums" and org != receiver:
            raise _not_yours(org, part)
        owner = COORDINATOR if part == "sums" else receiver
        if not self._collection.holds(run, owner, part):
            raise UnknownJob(
                f"the part '{part}' of this run is not here yet",
                party=org,
                phase="query",
                fix="ask for it after the statement that announces it",
            )
        return self._collection.file(run, owner, part)

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _under_way(self, run: bytes, org: str) -> Ledger:
        ledger = self._lifecycle.ledger_of_run(run)
        if ledger is None or ledger.contract.query is None or ledger.state not in _UNDER_WAY:
            raise UnknownJob(
                "no query with this run is under way",
                party=org,
                phase="query",
                fix="see `mihe show` for how the job stands",
            )
        if org not in ledger.contract.orgs:
            raise _not_yours(org, "query")
        return ledger

    def _on_change(self, ledger: Ledger) -> None:
        if ledger.contract.query is None or ledger.run is None:
            return
        if ledger.ended:
            if (task := self._computing.pop(ledger.run, None)) is not None:
                task.cancel()
            self._collection.drop(ledger.run)
        else:
            self._consider(ledger)

    def _consider(self, ledger: Ledger) -> None:
        run = ledger.run
        if run is None or run in self._computing or ledger.state is not State.RUNNING:
            return
        if ledger.cells is not None or ledger.he_key is None:
            return
        (receiver,) = ledger.contract.receivers
        there = self._collection.holds(run, receiver, "he_key") and all(
            self._collection.holds(run, org, "share") for org in ledger.contract.orgs
        )
        if there:
            self._computing[run] = asyncio.create_task(self._compute(ledger, run, receiver))

    async def _compute(self, ledger: Ledger, run: bytes, receiver: str) -> None:
        try:
            cells = await self._computed(ledger, run, receiver)
            await self._lifecycle.say_cells(ledger, cells)
        except MiheError as error:
            await self._lifecycle.end(ledger, error)
        except Exception as found:  # noqa: BLE001  # its text may quote what came in
            defect(found)
            await self._lifecycle.end(ledger, _lost_process())

    async def _computed(self, ledger: Ledger, run: bytes, receiver: str) -> Cells:
        assert ledger.he_key is not None
        key_file = self._collection.file(run, receiver, "he_key")
        key = await asyncio.to_thread(key_file.read_bytes)
        if sha256(key).hexdigest() != ledger.he_key.key:
            raise BadMessage(
                "the encryption key is not the one that its owner signed",
                party=receiver,
                phase="query",
                fix="that node is not following the protocol: compare versions",
            )
        order = compute.Order(
            run=run,
            contract=ledger.contract,
            key_file=key_file,
            share_files=tuple(
                self._collection.file(run, org, "share") for org in ledger.contract.orgs
            ),
            sums_file=self._collection.file(run, COORDINATOR, "sums"),
        )
        async with self._one_at_a_time:
            outcome = await apart(compute.match_and_add, order)
        if isinstance(outcome, compute.Failed):
            raise outcome.error()
        receipts = [self._collection.receipt(run, receiver, "he_key")]
        receipts += [self._collection.receipt(run, org, "share") for org in ledger.contract.orgs]
        return Cells(
            run=run.hex(),
            passing=outcome.passing,
            remainder=outcome.remainder,
            result=outcome.sums_digest,
            receipts=tuple(sorted(receipt.digest.hex() for receipt in receipts)),
        )


def _not_yours(org: str, part: str) -> MiheError:
    return ForeignFrame(
        f"'{part}' of this run is not {org}'s to give or take",
        party=org,
        phase="query",
        fix="that node is not following the protocol: compare versions",
    )


def _lost_process() -> MiheError:
    return OurError(
        "the coordinator's computation stopped with a defect",
        party=COORDINATOR,
        phase="match",
        fix="report it with the coordinator's journal; run the job again",
    )
