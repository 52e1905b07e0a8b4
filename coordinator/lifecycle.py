"""Drives every job: hears a statement, decides by the shared ledger, logs it, and lets it be told.

The decision and the log are one step that nothing else comes between, so the order of the log is
the order of the decisions; a node that folds the log through contract/fold.py arrives at the same
states. What the coordinator says itself is one thing only: that a job is dead, because its contract
expired before it ran or because a party was lost.

Learns      who computes what with whom, when, why, and padded sizes: what contracts and statements
            say. No identifier, no value and no result is in any of them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from contract.canonical import Frozen, canonical_bytes
from contract.cause import cause_of, to_json
from contract.credentials import Credentials
from contract.errors import (
    BadSignature,
    ForeignStart,
    JobFinished,
    MiheError,
    PartyRestarted,
    StateAbsent,
    StorageFull,
    UnknownJob,
    UnknownOrganisation,
)
from contract.fold import hear, open_job
from contract.identity import Identity, Role, require_role
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, Statement, verify
from contract.standing import objection_to
from contract.statements import Dead
from contract.suites import COLLECTED
from coordinator import endings
from coordinator.admission import Offers, changed, require_timely
from coordinator.clock import Clock
from coordinator.journal import note, short
from coordinator.relay import Relay
from coordinator.roster import Roster, Session
from coordinator.store import Saying, Standing, Store
from coordinator.wire import Hello

_SWEEP_SECONDS = 0.5
_NOT_YET_RUNNING = {State.PROPOSED, State.APPROVED, State.READY}
_NEEDS_ALL_THERE = {State.READY, State.RUNNING, State.RELEASING}
_RELAYED = {State.RUNNING, State.RELEASING}
_FIRST_PHASES = {Kind.CONTRACT: "propose", Kind.CATALOGUE: "catalogue"}
_ABOUT_RUNS = {Kind.START, Kind.GATE, Kind.EVIDENCE, Kind.RECEIPT}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attached:
    """A session, and the number up to which its node has nothing left to say again."""

    session: Session
    taken: int


class Lifecycle:
    """All jobs that have not ended, and the one place where they change."""

    def __init__(
        self,
        credentials: Credentials,
        store: Store,
        roster: Roster,
        relay: Relay,
        grace: timedelta,
        clock: Clock,
    ):
        self._credentials = credentials
        self._store = store
        self._roster = roster
        self._relay = relay
        self._grace = grace
        self._clock = clock
        self._offers = Offers([])
        self._jobs: dict[bytes, Ledger] = {}
        self._runs: dict[bytes, bytes] = {}
        self._going_on: dict[bytes, tuple[object, float]] = {}
        self.changed: Callable[[Ledger], None] = lambda _: None
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()

    # ── from the outside ────────────────────────────────────────────────────────────────────────

    async def resume(self) -> None:
        """Fold every open job from the log again."""
        self._offers = Offers(await self._store.catalogues())
        for catalogue in self._offers.all():
            self._credentials.authority.recall(catalogue.certificate)
        for entries in (await self._store.open_jobs()).values():
            ledger: Ledger | None = None
            for entry in entries:
                signer = self._credentials.authority.recall(entry.statement.certificate)
                if ledger is None:
                    ledger = open_job(entry.statement, signer)
                else:
                    ledger = hear(ledger, entry.statement, signer)
            assert ledger is not None
            self._remember(ledger)
        note("resumed", jobs=len(self._jobs))

    async def attach(self, identity: Identity, hello: Hello) -> Attached:
        """Let a node's stream begin where the node stands."""
        return await self._alone(self._attach(identity, hello))

    async def said(self, session: Session, number: int, offered: Statement | MiheError) -> str:
        """Settle one saying of a node: an empty text, or the cause for which it is not logged."""
        saying = Saying(session.org, session.store, number)
        return await self._alone(self._said(session, saying, offered)) or ""

    async def watch(self) -> None:
        """Sweep for ever; raises when the state is not this process's any more."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self._store.require_held()
                await self.sweep()
            except StorageFull as fault:  # there may be room again next time
                note("sweep_failed", level=logging.ERROR, code=fault.code)

    async def revoked(self) -> None:
        """A revocation list is in force: shut out whom it names, and show it to everybody."""
        for session in self._roster.sessions():
            session.show_lists()
        await self.sweep()

    async def sweep(self) -> None:
        """End what can't go on: for lack of time, of a party, or of a certificate that counts."""
        await self._alone(self._sweep())

    async def say(self, ledger: Ledger, kind: Kind, body: Frozen) -> None:
        """Tell the parties of a job that hands in parts what is ready."""
        await self._alone(self._say(ledger.job, kind, body))

    async def end(self, ledger: Ledger, reason: MiheError) -> None:
        """End a job for a reason that the coordinator itself met."""
        await self._alone(self._end_if_open(ledger.job, reason))

    async def turn(self) -> None:
        """Return when whatever was being decided or logged before is through."""
        await self._alone(asyncio.sleep(0))

    def open_joint(self) -> list[Ledger]:
        """Every job that hands parts to the coordinator and has not ended."""
        return [one for one in self._jobs.values() if one.contract.family in COLLECTED]

    def away(self, ledger: Ledger) -> frozenset[str]:
        """Which parties of a job have been away for longer than the grace."""
        grace = self._grace.total_seconds()
        orgs = ledger.contract.orgs
        return frozenset(org for org in orgs if self._roster.seconds_away(org) > grace)

    def ledger_of_run(self, run: bytes) -> Ledger | None:
        """The open job that a run belongs to."""
        return self._jobs.get(self._runs.get(run, b""))

    async def settled(self) -> None:
        """Wait until nothing is being decided or logged."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def offers(self) -> list[Statement]:
        """The newest catalogue of every organisation."""
        return self._offers.all()

    def others(self, job: bytes, org: str) -> tuple[str, ...]:
        """The other parties of an open job of `org`; none if it is not one."""
        ledger = self._jobs.get(job)
        if ledger is None or org not in ledger.contract.orgs:
            return ()
        return ledger.contract.others(org)

    async def require_line(self, run: bytes, org: str, to: str) -> None:
        """Raises unless `org` and `to` are the parties of `run` and the run is under way."""
        ledger = self._jobs.get(self._runs.get(run, b""))
        if ledger is None:
            raise await self._unknown(run, org, "run")
        if {org, to} - set(ledger.contract.orgs) or org == to:
            raise UnknownOrganisation(
                "a relayed stream runs between two parties of a run",
                party=org,
                phase="relay",
                fix="open it to the other party that the contract names",
            )
        if run in ledger.over:
            raise endings.over(run)
        if ledger.state not in _RELAYED:
            raise UnknownJob(
                f"the job is {ledger.state.value}: nothing is relayed before it runs",
                party=org,
                phase="relay",
                fix="wait until every party has signed the start record",
            )

    # ── one at a time ───────────────────────────────────────────────────────────────────────────

    async def _alone(self, work: Coroutine[Any, Any, T]) -> T:
        async def alone() -> T:
            async with self._one_at_a_time:
                return await work

        # A stream that breaks cancels its handler; what is being logged must not stop half-way.
        task = asyncio.ensure_future(alone())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _attach(self, identity: Identity, hello: Hello) -> Attached:
        org = identity.org
        known = await self._store.node(org)
        if known is not None and known.store != hello.store:
            await self._end_all_of(org)
            self._offers.drop(org)
        if known is None or known.store != hello.store:
            await self._store.begin(org, hello.store)
        await self._end_all_without_a_key(identity, hello.earlier)
        same_log = hello.log == self._store.log_id and hello.heard <= await self._store.head()
        session = Session(identity, hello.store, hello.heard if same_log else 0)
        self._roster.enter(session)
        note("attached", org=org)
        return Attached(session, await self._settled_up_to(org))

    async def _settled_up_to(self, org: str) -> int:
        # A node forgets what Welcome counts as taken, so a rejection that it may not have read yet
        # is left out of the count: it says that statement again and reads the cause then.
        node = await self._store.node(org)
        rejected = await self._store.rejections(org)
        return min([node.taken if node else 0, *(number - 1 for number in rejected)])

    async def _end_all_of(self, org: str) -> None:
        for ledger in list(self._jobs.values()):
            if org in ledger.contract.orgs:
                await self._end(ledger, endings.lost_its_state(ledger, org))

    async def _end_all_without_a_key(self, identity: Identity, earlier: Sequence[str]) -> None:
        # Nothing that the node says under its new certificate can move them any more.
        held, org = {identity.fingerprint, *earlier}, identity.org
        for ledger in list(self._jobs.values()):
            contract = ledger.contract
            if org in contract.orgs and contract.party(org).fingerprint not in held:
                await self._end(ledger, endings.changed_its_certificate(ledger, org))

    async def _said(
        self, session: Session, saying: Saying, offered: Statement | MiheError
    ) -> str | None:
        node = await self._store.node(saying.org)
        if node is None or node.store != saying.store or not self._roster.holds(session):
            raise PartyRestarted(
                "the node has attached anew since",
                party=saying.org,
                fix="none needed: the newer stream goes on",
            )
        if saying.number <= node.taken:
            return (await self._store.rejections(saying.org)).get(saying.number)
        try:
            if isinstance(offered, MiheError):
                raise offered
            await self._hear(saying, offered)
        except (StorageFull, StateAbsent):
            raise
        except MiheError as fault:
            cause = to_json(fault.at(party=saying.org, phase=self._phase_of(offered)))
            await self._store.settle(saying, cause)
            note("rejected", org=saying.org, code=fault.code)
            return cause
        return None

    def _phase_of(self, offered: Statement | MiheError) -> str | None:
        if isinstance(offered, MiheError):
            return None
        ledger = self._jobs.get(self._runs.get(offered.subject, offered.subject))
        return _FIRST_PHASES.get(offered.kind) if ledger is None else ledger.state.value

    async def _hear(self, saying: Saying, statement: Statement) -> None:
        signer = require_role(
            verify(statement, self._credentials.authority, now=self._clock.now()), Role.NODE
        )
        if signer.org != saying.org:
            raise BadSignature(
                "a node may say only what its own organisation states",
                party=saying.org,
                fix="that node is not following the protocol: compare versions",
            )
        match statement.kind:
            case Kind.CATALOGUE:
                await self._hear_catalogue(saying, statement, signer)
            case Kind.CONTRACT:
                await self._hear_contract(saying, statement, signer)
            case _:
                await self._hear_about_job(saying, statement, signer)

    async def _hear_catalogue(self, saying: Saying, statement: Statement, signer: Identity) -> None:
        if not self._offers.replaces(statement, signer):
            await self._store.settle(saying)
            return
        await self._store.offer(statement, saying)
        self._offers.put(statement)
        note("catalogue", org=signer.org)

    async def _hear_contract(self, saying: Saying, statement: Statement, signer: Identity) -> None:
        ledger = open_job(statement, signer)
        if await self._store.knows(ledger.job):
            await self._store.settle(saying)
            return
        require_timely(ledger.contract, self._clock.now())
        if objection := self._objection_to(ledger):
            raise objection.at(phase="propose")
        self._offers.require_parties(ledger.contract)
        # A node that has just renewed may not have offered its catalogue anew yet.
        for party in ledger.contract.parties:
            if self._roster.fingerprint(party.org) not in (None, party.fingerprint):
                raise changed(party.org)
        await self._log(ledger, statement, saying, opens=True)

    async def _hear_about_job(self, saying: Saying, statement: Statement, signer: Identity) -> None:
        job = self._runs.get(statement.subject, statement.subject)
        ledger = self._jobs.get(job)
        if ledger is None:
            fault = await self._unknown(statement.subject, signer.org, statement.kind.value)
            if not isinstance(fault, JobFinished):
                raise fault
            await self._store.settle(saying)  # a word that crossed with the job's end
            return
        if self._expired(ledger):
            ledger = await self._end(ledger, endings.expired(ledger))
        after = hear(ledger, statement, signer)
        if after is ledger:
            await self._store.settle(saying)
        else:
            await self._log(after, statement, saying)

    async def _sweep(self) -> None:
        for ledger in list(self._jobs.values()):
            if objection := self._objection_to(ledger):
                await self._end(ledger, objection.at(phase=ledger.state.value))
            elif self._expired(ledger):
                await self._end(ledger, endings.expired(ledger))
            elif ledger.attempts is not None:
                self.changed(ledger)  # who is gone, and whether that ends it, is not the end here
            elif ledger.state in _NEEDS_ALL_THERE:
                await self._end_if_lost(ledger)
        # After the jobs, so that whoever is shut out has its own jobs' end in the log.
        for session in self._roster.sessions():
            now = self._clock.now()
            if objection := self._credentials.authority.objection(session.identity, now=now):
                session.close(objection.at(phase="attach"))

    def _objection_to(self, ledger: Ledger) -> MiheError | None:
        return objection_to(ledger.contract, self._credentials.authority, self._clock.now())

    def _expired(self, ledger: Ledger) -> bool:
        return ledger.state in _NOT_YET_RUNNING and ledger.contract.expires <= self._clock.now()

    async def _end_if_lost(self, ledger: Ledger) -> None:
        away = {org: self._roster.seconds_away(org) for org in ledger.needed}
        longest = max(away, key=lambda org: away[org])
        if away[longest] > self._grace.total_seconds():
            await self._end(ledger, endings.away_too_long(ledger, longest, self._grace))
        elif ledger.to_go_on and self._waited_for(ledger) > self._grace.total_seconds():
            await self._end(ledger, endings.does_not_go_on(ledger, self._grace))

    def _waited_for(self, ledger: Ledger) -> float:
        """For how many seconds the words that a further attempt lacks have been these."""
        lacking, now = (ledger.attempt, ledger.to_go_on), self._clock.elapsed()
        before, since = self._going_on.get(ledger.job, (lacking, now))
        self._going_on[ledger.job] = (lacking, since if before == lacking else now)
        return now - self._going_on[ledger.job][1]

    async def _say(self, job: bytes, kind: Kind, body: Frozen) -> None:
        ledger = self._jobs.get(job)
        if ledger is None or ledger.run is None:
            return
        signer = self._credentials.signer
        statement = signer.sign(kind, ledger.run, canonical_bytes(body))
        await self._log(hear(ledger, statement, signer.identity), statement, None)

    async def _end_if_open(self, job: bytes, reason: MiheError) -> None:
        if (ledger := self._jobs.get(job)) is not None:
            await self._end(ledger, reason)

    async def _end(self, ledger: Ledger, reason: MiheError) -> Ledger:
        """Say that a job is dead; the coordinator's only statement."""
        dead = Dead(job=ledger.job.hex(), cause=cause_of(reason))
        signer = self._credentials.signer
        statement = signer.sign(Kind.DEAD, ledger.job, canonical_bytes(dead))
        after = hear(ledger, statement, signer.identity)
        await self._log(after, statement, None)
        return after

    async def _log(
        self, ledger: Ledger, statement: Statement, saying: Saying | None, *, opens: bool = False
    ) -> None:
        orgs = ledger.contract.orgs
        standing = Standing(ledger.job, ledger.run, ledger.ended, orgs if opens else ())
        number = await self._store.append(statement, standing, saying, self._clock.now())
        self._remember(ledger)
        note(
            "logged",
            number=number,
            org=statement.org,
            job=short(ledger.job),
            kind=statement.kind.value,
            state=ledger.state.value,
            code=ledger.cause.code if ledger.cause else None,
        )
        self._roster.stir(orgs)
        self.changed(ledger)

    def _remember(self, ledger: Ledger) -> None:
        if not ledger.ended:
            self._jobs[ledger.job] = ledger
            self._runs |= dict.fromkeys(ledger.subjects, ledger.job)
            for run in ledger.over:
                self._relay.close(run, endings.over(run))
            return
        self._jobs.pop(ledger.job, None)
        self._going_on.pop(ledger.job, None)
        for subject in ledger.subjects:
            self._runs.pop(subject, None)
        if ledger.run is not None:
            self._relay.close(ledger.run, endings.over(ledger.run))

    async def _unknown(self, subject: bytes, org: str, what: str) -> MiheError:
        if await self._store.knows(subject):
            return endings.over(subject)
        if what in _ABOUT_RUNS:
            return ForeignStart(
                f"a {what} statement of a run that does not exist",
                party=org,
                fix="the sender is replaying or altering statements: compare both sides' evidence",
            )
        return UnknownJob(
            f"no job or run {short(subject)} is in the log",
            party=org,
            fix="compare `mihe jobs` at the parties; propose the job again if it is gone",
        )
