"""Drives the coordinator's part of a blind join: match, add, say what is ready.

When every owner's share is here (and, of encrypted sums, the receiver's keys), compute once, in a
process of its own (TenSEAL holds Python's lock), and say the outcome.
"""

import asyncio
from pathlib import Path

from contract.job import Contract
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind
from contract.statements import Cells, Matched, MatchFor
from contract.suites import Aggregation
from coordinator import compute
from coordinator.collection import COORDINATOR, Collection, Opening, foreign
from coordinator.he_keys import require_signed
from coordinator.lanes import Lanes
from coordinator.lifecycle import Lifecycle
from coordinator.saying import Saying, carried_out
from daemon.apart import apart
from federated.aggregate.wire import KEY_BYTES, MERGING_BYTES
from federated.join.parameters import JoinParameters
from federated.query.agreed import plan_of, sums_of
from federated.query.shared import lists_of
from federated.query.sizes import cut, further_part, most_further_bytes, most_share_bytes

_ENVELOPE_BYTES = 64
_MATCH, _SHARE = "match", "share"
_KEYS = {"he_key": KEY_BYTES, "merging": MERGING_BYTES}
"""Parts that hold keys which the receiver hands in, and their sizes."""


class Joins:
    """The blind joins that are under way: queries, and intersections of three or more."""

    def __init__(self, lifecycle: Lifecycle, collection: Collection) -> None:
        self._lifecycle = lifecycle
        self._collection = collection
        self._computing: dict[bytes, asyncio.Task[None]] = {}
        self._lanes = Lanes()

    async def close(self) -> None:
        """Stop whatever is computed, for all runs."""
        for task in list(self._computing.values()):
            task.cancel()
        await asyncio.gather(*self._computing.values(), return_exceptions=True)

    def forget(self, run: bytes) -> None:
        """A run is over: stop what is computed for it."""
        if (task := self._computing.pop(run, None)) is not None:
            task.cancel()

    def most_bytes(self, ledger: Ledger, org: str, opening: Opening) -> int:
        """How large a part may be by the contract's plan; raises if `org` has none to give."""
        contract = ledger.contract
        if (size := _KEYS.get(opening.part)) is not None:
            if not (opening.part in _keys_of(ledger) and org in contract.receivers):
                raise foreign(org, opening.part)
            return size
        shares = _shares_of(contract, org)
        if opening.part not in shares:
            raise foreign(org, opening.part)
        owner = contract.orgs.index(org)
        if (adding := contract.aggregation) is None:
            parameters = JoinParameters.of(contract, opening.run)
            return parameters.token_bytes * parameters.sizes[owner] + _ENVELOPE_BYTES
        plan, number = plan_of(contract), shares.index(opening.part)
        if number > 0:
            return most_further_bytes(plan, owner, number)
        return most_share_bytes(plan, owner, adding)

    def file_for(self, ledger: Ledger, org: str, part: str) -> Path:
        """The file of a part that `org` may fetch; raises while it is not there."""
        run = ledger.run
        assert run is not None, "what is under way has a run"
        owner = self._owner_of(ledger, org, part)
        if part == "he_key":
            require_signed(self._collection, ledger, run)
        return self._collection.whole(run, owner, part, asked_by=org)

    def consider(self, ledger: Ledger) -> None:
        """Compute, if everything is here and nobody has begun."""
        run = ledger.run
        if run is None or run in self._computing or ledger.state is not State.RUNNING:
            return
        if ledger.may_gate or not self._all_there(ledger, run):
            return
        self._computing[run] = asyncio.create_task(self._compute(ledger, run))

    # ── within ──────────────────────────────────────────────────────────────────────────────────

    def _all_there(self, ledger: Ledger, run: bytes) -> bool:
        holds = self._collection.holds
        if _is_encrypted(ledger):
            (receiver,) = ledger.contract.receivers
            keys = all(holds(run, receiver, part) for part in _keys_of(ledger))
            if ledger.he_key is None or not keys:
                return False
        return all(
            holds(run, org, part)
            for org in ledger.contract.orgs
            for part in _shares_of(ledger.contract, org)
        )

    async def _compute(self, ledger: Ledger, run: bytes) -> None:
        outcome = self._outcome(ledger, run)
        await carried_out(outcome, lambda reason: self._lifecycle.end(ledger, reason), _MATCH)

    async def _outcome(self, ledger: Ledger, run: bytes) -> Saying:
        if ledger.contract.query is None:
            matched = await self._matched(ledger, run)
            return lambda: self._lifecycle.say(ledger, Kind.MATCHED, matched)
        (receiver,) = ledger.contract.receivers
        cells = await self._computed(ledger, run, receiver)
        return lambda: self._lifecycle.say(ledger, Kind.CELLS, cells)

    async def _computed(self, ledger: Ledger, run: bytes, receiver: str) -> Cells:
        contract, file = ledger.contract, self._collection.file
        encrypted = _is_encrypted(ledger)
        if encrypted:
            require_signed(self._collection, ledger, run)
        order = compute.Order(
            run=run,
            contract=contract,
            key_file=file(run, receiver, "he_key"),
            share_files=tuple(
                tuple(file(run, org, part) for part in _shares_of(contract, org))
                for org in contract.orgs
            ),
            sums_file=file(run, COORDINATOR, "sums"),
            merging_file=file(run, receiver, "merging") if "merging" in _keys_of(ledger) else None,
            told=() if encrypted else self._told(contract, run, receiver),
        )
        async with self._lanes.of(contract):
            outcome = await apart(compute.match_and_add, order)
        receipts = self._receipts(ledger, run)
        keys = _keys_of(ledger)
        receipts += [self._collection.receipt(run, receiver, part).digest.hex() for part in keys]
        rows = tuple(MatchFor(org=org, digest=digest) for org, digest in outcome.rows_digests)
        return Cells(
            run=run.hex(),
            passing=outcome.passing,
            remainder=outcome.remainder,
            result=outcome.sums_digest,
            receipts=tuple(sorted(receipts)),
            rows=rows or None,
        )

    def _told(self, contract: Contract, run: bytes, receiver: str) -> tuple[compute.Told, ...]:
        plan, file = plan_of(contract), self._collection.file
        return tuple(
            compute.Told(org, lists_of(plan, receiver, org), file(run, org, "rows"))
            for org in (receiver, contract.helper)
        )

    async def _matched(self, ledger: Ledger, run: bytes) -> Matched:
        contract, file = ledger.contract, self._collection.file
        order = compute.MatchOrder(
            run=run,
            contract=contract,
            share_files=tuple(file(run, org, _SHARE) for org in contract.orgs),
            match_files=tuple((org, file(run, org, "match")) for org in contract.receivers),
        )
        async with self._lanes.of(ledger.contract):
            outcome = await apart(compute.match_lists, order)
        return Matched(
            run=run.hex(),
            results=tuple(MatchFor(org=org, digest=digest) for org, digest in outcome.digests),
            receipts=tuple(sorted(self._receipts(ledger, run))),
        )

    def _receipts(self, ledger: Ledger, run: bytes) -> list[str]:
        return [
            self._collection.receipt(run, org, part).digest.hex()
            for org in ledger.contract.orgs
            for part in _shares_of(ledger.contract, org)
        ]

    def _owner_of(self, ledger: Ledger, org: str, part: str) -> str:
        """In whose name a part lies that `org` asks for; raises if it is not for it, or not yet."""
        contract, opened = ledger.contract, ledger.state is State.RELEASING
        receivers, is_query = contract.receivers, contract.query is not None
        match part:
            case "he_key" if _is_encrypted(ledger):
                return receivers[0]
            case "sums" if is_query and org in receivers:
                return COORDINATOR
            # Not before every owner's gate has said yes.
            case "match" if org in receivers and opened:
                return org
            case "rows" if is_query and org in (*receivers, contract.helper) and opened:
                return org
        raise foreign(org, part)


def _shares_of(contract: Contract, org: str) -> list[str]:
    """The parts that an owner hands in of its list."""
    if contract.aggregation is not Aggregation.SHARED:
        return [_SHARE]
    further = len(cut(plan_of(contract), contract.orgs.index(org))) - 1
    return [_SHARE, *(further_part(number) for number in range(1, further + 1))]


def _is_encrypted(ledger: Ledger) -> bool:
    return ledger.contract.aggregation is Aggregation.ENCRYPTED


def _keys_of(ledger: Ledger) -> tuple[str, ...]:
    """Those of the keys that this run needs."""
    if not _is_encrypted(ledger):
        return ()
    return ("he_key", "merging") if sums_of(plan_of(ledger.contract)).merges else ("he_key",)
