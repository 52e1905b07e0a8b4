"""Drives the coordinator's part of a sum over UNION ALL: what is due, and when.

Whenever a part arrives, a statement is logged or the lifecycle has looked round, take the one step
that is due (coordinator/union_steps.py). A member is waited for while its node is on the line, or
not away for longer than the grace, and no longer than a round may take.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from contract.attempts import Abandoned, Absent, Attempts, Of
from contract.canonical import Frozen
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind
from contract.suites import Aggregation
from coordinator import endings
from coordinator.collection import Collection, Opening, foreign, not_yet, put
from coordinator.he_keys import HE_KEY, file_of
from coordinator.lifecycle import Lifecycle
from coordinator.saying import Saying, carried_out
from coordinator.union_steps import (
    Abandon,
    Collect,
    Count,
    GiveUp,
    HandOver,
    MissOut,
    Step,
    next_step,
    part,
)
from coordinator.union_work import Handed
from federated.paillier.parameters import KEY_BYTES
from federated.query.agreed import plan_of_union
from federated.union.messages import sealed_shares_bytes
from federated.union.parameters import SEED_BYTES, Attempt
from federated.union.shamir import SHARE_BYTES

ROUND_SECONDS: Final = 900.0
"""How long one round may take members that are on the line: an own part of a query has 600 s."""

_PHASE = "union"


class Unions:
    """The sums over many organisations' own rows that are under way."""

    def __init__(self, lifecycle: Lifecycle, collection: Collection) -> None:
        self._lifecycle = lifecycle
        self._collection = collection
        self._working: dict[bytes, asyncio.Task[None]] = {}
        self._rounds: dict[bytes, tuple[object, float]] = {}

    async def close(self) -> None:
        """Stop computing."""
        for task in list(self._working.values()):
            task.cancel()
        await asyncio.gather(*self._working.values(), return_exceptions=True)

    def forget(self, run: bytes) -> None:
        """A run is over."""
        self._rounds.pop(run, None)
        if (task := self._working.pop(run, None)) is not None:
            task.cancel()

    # ── parts ───────────────────────────────────────────────────────────────────────────────────

    def most_bytes(self, ledger: Ledger, org: str, opening: Opening) -> int | None:
        """How large a part may be; None if it comes too late; raises if `org` has none to give."""
        attempts = _attempts(ledger)
        if opening.part == HE_KEY and _is_encrypted(ledger) and org == attempts.receiver:
            return KEY_BYTES
        name, number = _of_attempt(org, opening.part)
        if number > attempts.number:
            raise foreign(org, opening.part)
        if number < attempts.number or org not in attempts.present:
            return None
        absent = attempts.absent
        match name:
            case "masked" if ledger.state is State.RUNNING:
                return _parameters(ledger).masked_bytes
            case "counts" if attempts.all_confirmed:
                return SEED_BYTES
            case "count_shares" if Of.COUNTS in absent:
                return SHARE_BYTES * len(absent[Of.COUNTS])
            case "opening" if attempts.tallied is not None and org != attempts.receiver:
                rows = len(attempts.tallied.passing) + attempts.tallied.remainder
                return _parameters(ledger).opening_bytes(rows)
            case "sum_shares" if Of.SUMS in absent and org != attempts.receiver:
                return sealed_shares_bytes(absent[Of.SUMS])
        raise foreign(org, opening.part)

    def file_for(self, ledger: Ledger, org: str, name: str) -> Path:
        """The file of a part that `org` may fetch; raises while it is not there."""
        run, attempts = _run(ledger), _attempts(ledger)
        if name == HE_KEY and _is_encrypted(ledger):
            return file_of(self._collection, ledger, run, asked_by=org)
        of_all = name == part("shares", attempts) and org in attempts.members
        of_one = name == part("outcome", attempts) and org == attempts.receiver
        if not of_all and not of_one:
            raise foreign(org, name)
        said = attempts.collected if of_all else attempts.opened
        if said is None:
            raise not_yet(org, name)
        return self._collection.whole(run, org, name, asked_by=org)

    # ── steps ───────────────────────────────────────────────────────────────────────────────────

    def consider(self, ledger: Ledger) -> None:
        """Take the step that is due, if one is."""
        run = ledger.run
        if run is None or run in self._working or ledger.attempts is None:
            return
        gone = self._lifecycle.away(ledger) | self._stalled(run, ledger)
        step = next_step(ledger, lambda org, name: self._collection.holds(run, org, name), gone)
        if step is None:
            return
        task = asyncio.create_task(self._take(step, ledger, run))
        self._working[run] = task
        task.add_done_callback(lambda _: self._taken(run, task))

    def _stalled(self, run: bytes, ledger: Ledger) -> frozenset[str]:
        """Everybody, if this round has lasted too long: whoever did its part is not looked at."""
        attempts, now = _attempts(ledger), time.monotonic()
        of = tuple(attempts.absent)
        said = (attempts.collected is None, attempts.all_confirmed, attempts.opening)
        this = (attempts.number, attempts.all_keys is None, of, said)
        last, since = self._rounds.get(run, (None, now))
        if last != this:
            self._rounds[run] = (this, now)
            return frozenset()
        if now - since < ROUND_SECONDS:
            return frozenset()
        return frozenset(attempts.members) - self._done(run, ledger)

    def _done(self, run: bytes, ledger: Ledger) -> frozenset[str]:
        """Who has done its part of the present round."""
        attempts, holds = _attempts(ledger), self._collection.holds
        if attempts.collected is None and attempts.all_keys is None:
            return frozenset(attempts.keys)
        if attempts.collected is not None and not attempts.all_confirmed:
            return attempts.confirmed
        if attempts.collected is None:
            name = part("masked", attempts)
        elif attempts.opening is Of.EVIDENCE:
            return frozenset(ledger.evidenced)
        else:
            counting = attempts.opening is Of.COUNTS
            names = ("counts", "count_shares") if counting else ("opening", "sum_shares")
            name = part(names[attempts.opening in attempts.absent], attempts)
        own = set() if attempts.tallied is None else {attempts.receiver}
        return frozenset({org for org in attempts.members if holds(run, org, name)} | own)

    def _taken(self, run: bytes, task: asyncio.Task[None]) -> None:
        if self._working.get(run) is task:
            del self._working[run]
        ledger = self._lifecycle.ledger_of_run(run)
        if ledger is not None and not task.cancelled():
            self.consider(ledger)

    async def _take(self, step: Step, ledger: Ledger, run: bytes) -> None:
        outcome = self._outcome(step, ledger, run)
        await carried_out(outcome, lambda reason: self._lifecycle.end(ledger, reason), _PHASE)

    async def _outcome(self, step: Step, ledger: Ledger, run: bytes) -> Saying:
        """Compute a step; what is to be said of it."""
        attempts, handed = _attempts(ledger), self._handed(ledger, run)
        number = attempts.number
        match step:
            case Collect():
                collected, shares = await asyncio.to_thread(handed.collected)
                for org, content in shares.items():
                    await self._put(run, org, part("shares", attempts), content)
                return self._saying(ledger, Kind.COLLECTED, collected)
            case Abandon(survivors):
                abandoned = Abandoned(run=attempts.run, attempt=number, members=survivors)
                return self._saying(ledger, Kind.ABANDONED, abandoned)
            case MissOut(of, absent):
                missed = Absent(run=attempts.run, attempt=number, of=of, members=absent)
                return self._saying(ledger, Kind.ABSENT, missed)
            case Count():
                tallied = await asyncio.to_thread(handed.tallied)
                return self._saying(ledger, Kind.TALLIED, tallied)
            case HandOver():
                opened, content = await asyncio.to_thread(handed.opened)
                await self._put(run, attempts.receiver, part("outcome", attempts), content)
                return self._saying(ledger, Kind.OPENED, opened)
            case GiveUp(lost):
                gone = endings.gone_for_good(ledger, lost)
                return lambda: self._lifecycle.end(ledger, gone)

    async def _put(self, run: bytes, org: str, name: str, content: bytes) -> None:
        await asyncio.to_thread(put, self._collection.file(run, org, name), content)

    def _saying(self, ledger: Ledger, kind: Kind, body: Frozen) -> Saying:
        return lambda: self._lifecycle.say(ledger, kind, body)

    def _handed(self, ledger: Ledger, run: bytes) -> Handed:
        collection = self._collection
        return Handed(
            ledger,
            read=lambda org, name: collection.file(run, org, name).read_bytes(),
            receipt=lambda org, name: collection.receipt(run, org, name).digest.hex(),
            holds=lambda org, name: collection.holds(run, org, name),
        )


def _run(ledger: Ledger) -> bytes:
    assert ledger.run is not None, "what has attempts has a run"
    return ledger.run


def _attempts(ledger: Ledger) -> Attempts:
    assert ledger.attempts is not None, "a run of this kind has attempts"
    return ledger.attempts


def _is_encrypted(ledger: Ledger) -> bool:
    return ledger.contract.aggregation is Aggregation.PAILLIER


def _of_attempt(org: str, name: str) -> tuple[str, int]:
    """The name of a part, and the attempt that it is of."""
    head, _, number = name.rpartition("_")
    if not number.isdecimal():
        raise foreign(org, name)
    return head, int(number)


def _parameters(ledger: Ledger) -> Attempt:
    attempts, plan = _attempts(ledger), plan_of_union(ledger.contract)
    return plan.attempt(_run(ledger), attempts.number, attempts.members)
