"""The play of a sum over UNION ALL: an organisation's part, and the receiver's opening.

    own totals → a fresh key → sealed shares and masked words, which the contract may have encrypted
    (node/union_sums.py), to the coordinator → the owner's gate and its word for the one set → own
    counts opened → which cells pass → those opened to the receiver; and where somebody is gone by
    then, shares that stand in for it

Nothing goes from node to node: what one member has for another is sealed for it and passes through
the coordinator. What each sees on the way is in federated/SPEC.md §5.
"""

from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from contract.attempts import Attempts, Confirmed, MaskKey, Of
from contract.errors import BadMessage
from contract.job import KeyedDataset
from contract.ledger import Ledger
from contract.signing import Kind, Statement
from contract.views import ResultView
from federated.query.agreed import plan_of_union
from federated.query.result import Result
from federated.query.union_result import Totals, result_of_union
from federated.union import member
from federated.union.messages import outcome_bytes, read_outcome
from federated.words import Words
from node import comparing, tables
from node.answered import Brought
from node.release import Released, release
from node.stage import Stage
from node.union_rows import OwnTotals, rows_brought, run_union
from node.union_sums import Sums, sums_of

T = TypeVar("T")


async def play(stage: Stage) -> Released | None:
    """Run to the end; what this party's people may see of it, None if it is not the receiver."""
    return await _Play(stage).run()


class _Play:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._plan = plan_of_union(stage.consent.contract)
        (self._receiver,) = stage.consent.contract.receivers
        self._parts = stage.parts()
        self._sums: Sums
        self._receipts: list[tuple[bytes, Statement]] = []

    async def run(self) -> Released | None:
        stage = self._stage
        await stage.queue()
        stage.report("load", 0, 1)
        own = await stage.activity.work(self._load)
        stage.report("load", 1, 1)
        self._sums = sums_of(stage, self._parts)
        try:
            await self._sums.begin()
            gates = await self._collected(own.words)
            tally = await self._counts(gates)
            done = await self._opened(tally)
            return await self._receive(done, own) if stage.me == self._receiver else None
        finally:
            await self._sums.close()

    @property
    def _parquet(self) -> Path:
        consent = self._stage.consent
        return self._stage.services.datasets.files(consent.dataset, consent.snapshot).parquet

    def _load(self) -> OwnTotals:
        me = self._stage.me
        return run_union(self._plan, me, self._parquet, receives=me == self._receiver)

    def _brought(self, _: KeyedDataset) -> Iterable[tuple[str, Brought]]:
        own = rows_brought(self._plan, self._stage.me, self._parquet)
        return self._stage.services.answered.brought_rows(*own)

    # ── attempts, until one is of all its members ───────────────────────────────────────────────

    async def _collected(self, words: Words) -> member.AwaitGates:
        """Take part in attempts until one is complete, and confirm its set."""
        while True:
            attempts = await self._stated(lambda ledger: ledger.attempts)
            gates = await self._attempted(words, attempts)
            if gates is not None:
                return gates

    async def _attempted(self, words: Words, attempts: Attempts) -> member.AwaitGates | None:
        """One attempt; None if it was abandoned."""
        stage, run, number = self._stage, self._stage.run, attempts.number
        attempt = self._plan.attempt(run, number, attempts.members)
        keyless, public = member.Fresh(attempt, stage.me, words).begin()
        said = MaskKey(run=run.hex(), attempt=number, members=attempts.members, key=public.hex())
        stage.say(Kind.MASK_KEY, said, attempts.subject)
        now = await self._in_attempt(number, lambda it: it.all_keys is not None)
        if now is None:
            return None
        keys = {org: bytes.fromhex(key) for org, key in now.keys.items()}
        stage.report("mask", 0, 1)
        masked, sums = await stage.activity.work(keyless.advance, keys)
        alone, content = masked.advance(await self._sums.hidden(sums))
        await self._hand_in(f"masked_{number}", content)
        stage.report("mask", 1, 1)
        now = await self._in_attempt(number, lambda it: it.collected is not None)
        if now is None:
            return None
        assert now.collected is not None
        assert now.collected_digest is not None
        self._keep_receipts([one.receipt for one in now.collected.contributions])
        own = next(one for one in now.collected.contributions if one.org == stage.me)
        boxes = await self._parts.fetch(f"shares_{number}", limit=attempt.shares_bytes)
        gates = alone.advance(own.digest, boxes)
        # From here on the others can open what this member has handed in, should it vanish.
        await comparing.gate(stage, self._receiver, self._brought)
        digest = now.collected_digest
        stage.say(Kind.CONFIRMED, Confirmed(run=run.hex(), attempt=number, collected=digest))
        return gates

    async def _in_attempt(self, number: int, holds: Callable[[Attempts], bool]) -> Attempts | None:
        """The attempts as soon as something is said in this one; None when another has begun."""

        def look(ledger: Ledger) -> Attempts | None:
            attempts = _of(ledger)
            return attempts if attempts.number > number or holds(attempts) else None

        attempts = await self._stated(look)
        return attempts if attempts.number == number else None

    # ── what is opened ──────────────────────────────────────────────────────────────────────────

    async def _counts(self, gates: member.AwaitGates) -> member.AwaitTally:
        """Open the own counts once all have confirmed, and stand in for whoever is gone."""
        await self._stated(lambda ledger: _of(ledger).all_confirmed or None)
        tally, seed = gates.release()
        number = gates.fresh.attempt.number
        await self._hand_in(f"counts_{number}", seed)
        self._stage.report("match", 0, 1)
        absent = await self._stated(
            lambda ledger: () if _of(ledger).tallied else _of(ledger).absent.get(Of.COUNTS)
        )
        if absent:
            tally, shares = tally.stand_in(absent)
            await self._hand_in(f"count_shares_{number}", shares)
        return tally

    async def _opened(self, tally: member.AwaitTally) -> member.Open:
        """Open the rows that pass, to the receiver, and stand in for whoever is gone."""
        stage, number = self._stage, tally.fresh.attempt.number
        tallied = await self._stated(lambda ledger: _of(ledger).tallied)
        self._keep_receipts(tallied.receipts)
        stage.report("match", 1, 1)
        done, opening = tally.advance(tallied.passing, remainder=tallied.remainder)
        if stage.me != self._receiver:
            await self._hand_in(f"opening_{number}", opening)
            absent = await self._stated(
                lambda ledger: () if _of(ledger).opened else _of(ledger).absent.get(Of.SUMS)
            )
            if absent:
                await self._hand_in(f"sum_shares_{number}", done.stand_in(absent))
        opened = await self._stated(lambda ledger: _of(ledger).opened)
        self._keep_receipts(opened.receipts)
        return done

    async def _receive(self, done: member.Open, own: OwnTotals) -> Released:
        stage, attempt = self._stage, done.fresh.attempt
        attempts = _of(stage.ledger)
        absent = attempts.absent.get(Of.SUMS, ())
        limit = outcome_bytes(attempt, done.rows, absent)
        content = await self._parts.fetch(f"outcome_{attempt.number}", limit=limit)
        if attempts.opened is None or sha256(content).hexdigest() != attempts.opened.result:
            raise BadMessage(
                "the sums are not those that the coordinator signed",
                party="coordinator",
                phase="open",
                fix="run the job again; if it recurs, compare the coordinator's version",
            )
        outcome = read_outcome(content, attempt, done.rows, absent)
        decrypted = await self._sums.decrypted(outcome.totals, attempt.sums)
        shown = done.opened(outcome, absent, decrypted)
        rest = shown.pop() if done.remainder else self._own_rest(done, own)
        result = result_of_union(self._plan, done.passing, shown, rest)
        results = stage.services.results
        await results.write(stage.job, lambda file: tables.write(result, file))
        return release(self._view(result, outcome.folded, attempt.members), stage.consent)

    def _own_rest(self, done: member.Open, own: OwnTotals) -> Totals | None:
        """What the receiver itself has in cells in which nobody else has anything."""
        alone = own.cells - set(done.passing)
        return done.own_rest() if done.passing and alone else None

    def _view(self, result: Result, folded: int, members: tuple[str, ...]) -> ResultView:
        return ResultView(
            count=len(result.rows),
            rows=len(result.rows),
            folded=folded,
            left_out=result.left_out,
            file=str(self._stage.services.results.final(self._stage.job)),
            columns=result.columns,
            contributors=members,
        )

    # ── both ────────────────────────────────────────────────────────────────────────────────────

    async def _stated(self, look: Callable[[Ledger], T | None]) -> T:
        """What the ledger says, which the coordinator can say only when it has heard the peers.

        For ever, if the run goes on without this member: it ends with the job.
        """

        def while_present(ledger: Ledger) -> T | None:
            here = ledger.attempts is None or self._stage.me in ledger.attempts.present
            return look(ledger) if here else None

        return await self._stage.stated(self._stage.peers, while_present)

    async def _hand_in(self, part: str, content: bytes) -> None:
        self._receipts.append(await self._parts.contribute(part, content))

    def _keep_receipts(self, named: Collection[str]) -> None:
        """Keep those that the coordinator has named: what came too late proves nothing."""
        for salt, receipt in self._receipts:
            if receipt.digest.hex() in named:
                self._stage.keep_receipt(salt, receipt)
        self._receipts.clear()


def _of(ledger: Ledger) -> Attempts:
    assert ledger.attempts is not None, "a run of this kind has attempts"
    return ledger.attempts
