"""What people ask their own node: the admin service on its Unix socket.

Every handler parses, acts, and converts; what acts is elsewhere. Answers are views
(contract/views.py) as canonical JSON; a result leaves only as `Released` (node/release.py).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contract import cause
from contract.canonical import Frozen, canonical_bytes
from contract.dataset import CatalogueEntry, Snapshot
from contract.errors import Aborted, BadRequest, JobFinished, MiheError, OurError, UnknownJob
from contract.job import DEFAULT_GROUP, DEFAULT_JOIN, DEFAULT_LIFE, Contract, Party
from contract.leakage import leakage_of
from contract.ledger import Ledger
from contract.lifecycle import TERMINAL, State
from contract.signing import Kind
from contract.standing import Notice
from contract.views import (
    Budget,
    CatalogueView,
    JobLine,
    JobList,
    JobView,
    Milestone,
    NodeStatus,
    OrgCatalogue,
    OwnDataset,
    OwnDatasets,
    PhaseProgress,
    PlanView,
)
from node.attach import Attachment
from node.budget import budgets, spent_lately
from node.conduct import Conductor, Owner
from node.docket import Docket
from node.outlook import digest_of, outlook
from node.parties import Offer
from node.planned_on import still_holds
from node.propose import Wish, draft, read_offers
from node.release import Released, released_by
from node.results import Results
from node.snapshot import Terms
from node.store import Store
from protos import admin_pb2, admin_pb2_grpc

_log = logging.getLogger("mihe.admin")
_PROPOSE_SECONDS = 30.0
_CHUNK_BYTES = 1 << 18
_MOST_PHASES = 100
_SHOW_SECONDS = 0.1


class Admin(admin_pb2_grpc.AdminServicer):
    """The handlers."""

    def __init__(
        self,
        owner: Owner,
        store: Store,
        docket: Docket,
        conductor: Conductor,
        attachment: Attachment,
        results: Results,
    ) -> None:
        self._owner = owner
        self._store = store
        self._docket = docket
        self._conductor = conductor
        self._attachment = attachment
        self._results = results
        self._progress: dict[bytes, dict[tuple[str, str], PhaseProgress]] = {}
        self._proposals: dict[bytes, asyncio.Future[None]] = {}
        self._importing = asyncio.Lock()
        self.notices: Callable[[], tuple[Notice, ...]] = tuple
        conductor.outcome_of_proposal = self._on_outcome

    # ── handlers ────────────────────────────────────────────────────────────────────────────────

    async def Status(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Whether this node is up, and whom it reaches."""
        return await _answer(self._status())

    async def Catalogue(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """What every organisation offers."""
        return await _answer(self._catalogue())

    async def AddDataset(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Import a dataset and offer it."""
        return await _answer(self._add_dataset(Path(request.description), accept=request.accept))

    async def RefreshDataset(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Import a dataset anew from the description it has."""
        return await _answer(self._refresh_dataset(request.name, accept=request.accept))

    async def Datasets(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """This node's own datasets."""
        return await _answer(self._datasets())

    async def Plan(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """What a job would do; nothing is sent to anybody."""
        return await _answer(self._plan(_wish(request)))

    async def Propose(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Propose a job to its parties."""
        return await _answer(self._propose(_wish(request), request.shown))

    async def Jobs(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Every job this node has heard of."""
        return await _answer(self._jobs())

    async def Show(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """One job."""
        return await _answer(self._show(request.job))

    async def Watch(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """One job at every change, until it has ended."""
        async for view in self._watch(request.job):
            yield view

    async def Abort(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """Stop a job, on every side."""
        return await _answer(self._abort(request.job))

    async def Result(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        """The released rows of a job, as CSV."""
        try:
            async for chunk in self._result(request.job):
                yield admin_pb2.ResultChunk(content=chunk)
        except MiheError as error:
            yield admin_pb2.ResultChunk(error=cause.to_json(error))

    # ── the node and its data ───────────────────────────────────────────────────────────────────

    async def _status(self) -> NodeStatus:
        identity = self._owner.credentials.signer.identity
        return NodeStatus(
            org=identity.org,
            version=version("mihe"),
            fingerprint=identity.fingerprint,
            certificate_expires=identity.expires,
            coordinator=self._attachment.address,
            attached=self._attachment.attached,
            datasets=len(self._owner.datasets.entries()),
            jobs_open=len(self._docket.open_ledgers()),
            jobs_again=sum(one.attempt > 1 for one in self._docket.open_ledgers()),
            notices=self.notices(),
        )

    async def _catalogue(self) -> CatalogueView:
        offers, attached = await self._offers()
        return CatalogueView(
            organisations=tuple(
                OrgCatalogue(
                    org=org, attached=org in attached, entries=tuple(offer.entries.values())
                )
                for org, offer in sorted(offers.items())
                if offer.objection is None
            )
        )

    async def _offers(self) -> tuple[dict[str, Offer], set[str]]:
        statements, attached = await self._attachment.catalogue()
        return read_offers(statements, self._owner.credentials.authority), attached

    async def _add_dataset(
        self, description: Path, *, accept: bool, name: str | None = None
    ) -> OwnDataset:
        open_jobs = self._open_jobs()

        def refused(entry: CatalogueEntry) -> int:
            then = {**self._owner.datasets.entries(), entry.name: entry}
            return sum(not still_holds(party, then) for party in open_jobs[entry.name])

        terms = Terms(name=name, accept=accept, refused=refused)
        async with self._importing:
            snapshot = await asyncio.to_thread(self._owner.datasets.add, description, terms)
            await asyncio.to_thread(self._owner.datasets.prune, self._docket.pinned())
        self._conductor.offer_catalogue()
        return self._own_dataset(snapshot)

    async def _refresh_dataset(self, name: str, *, accept: bool) -> OwnDataset:
        description = self._owner.datasets.description(name)
        return await self._add_dataset(description, accept=accept, name=name)

    async def _datasets(self) -> OwnDatasets:
        held = self._owner.datasets.current()
        return OwnDatasets(datasets=tuple(self._own_dataset(snapshot) for snapshot in held))

    def _own_dataset(self, snapshot: Snapshot) -> OwnDataset:
        return OwnDataset(
            entry=snapshot.entry,
            root=snapshot.root,
            report=snapshot.report,
            changes=snapshot.changes,
            described=snapshot.described,
            jobs_open=len(self._open_jobs()[snapshot.entry.name]),
            spent=spent_lately(self._store, snapshot.entry.name),
            budgets=self._budgets(snapshot.entry.name),
        )

    def _budgets(self, dataset: str) -> tuple[Budget, ...]:
        try:
            policy = self._owner.policy()
        except MiheError:
            return ()  # `mihe check` says what is wrong with it; until then it allows nothing
        return budgets(self._store, dataset, self._owner.org, policy)

    def _open_jobs(self) -> Mapping[str, list[Party]]:
        """This organisation's part in each job that has not ended, by dataset."""
        parts: dict[str, list[Party]] = defaultdict(list)
        for ledger in self._docket.open_ledgers():
            party = ledger.contract.party(self._owner.org)
            for one in party.datasets:
                parts[one.dataset].append(party)
        return parts

    # ── jobs ────────────────────────────────────────────────────────────────────────────────────

    async def _plan(self, wish: Wish) -> PlanView:
        contract = await (self._unasked(wish) if wish.explain else self._draft(wish))
        view = await asyncio.to_thread(outlook, contract)
        if contract.query is None:
            return view
        lines = self._owner.policy_lines(contract)
        return view.model_copy(update={"policy": lines})

    async def _unasked(self, wish: Wish) -> Contract:
        offers, _ = await self._offers()
        return draft(wish, offers, me=self._owner.org)

    async def _draft(self, wish: Wish) -> Contract:
        contract = await self._unasked(wish)
        # The own policy is asked before anybody else is: a refusal here leaves no trace elsewhere.
        self._owner.decide(contract)
        self._owner.require_left(self._store, contract)
        return contract

    async def _propose(self, wish: Wish, shown: str) -> JobView:
        contract = await self._draft(wish)
        if shown and shown != contract.substance.hex():
            raise BadRequest(
                "the job is no longer what was shown: a dataset or a certificate has changed since",
                phase="propose",
                fix="ask for the plan again, read it, then propose",
            )
        digest_of(contract)
        job = contract.job_id
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._proposals[job] = outcome
        try:
            self._attachment.say(Kind.CONTRACT, job, contract)
            async with asyncio.timeout(_PROPOSE_SECONDS):
                await outcome
                await self._known(job)
        except TimeoutError:
            if self._attachment.refusal is not None:
                raise self._attachment.refusal from None
            self._attachment.require_attached()
            raise OurError(
                "the coordinator did not take the proposal in time",
                phase="propose",
                fix="look at the coordinator's log; `mihe jobs` shows whether it went through",
            ) from None
        finally:
            del self._proposals[job]
        return self._view(job)

    async def _known(self, job: bytes) -> None:
        while self._store.job(job) is None:
            await self._docket.news(job).wait()

    def _on_outcome(self, job: bytes, error: MiheError | None) -> None:
        outcome = self._proposals.get(job)
        if outcome is None or outcome.done():
            return
        if error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)

    async def _jobs(self) -> JobList:
        return JobList(jobs=tuple(self._line(row.job) for row in self._store.jobs()))

    async def _show(self, prefix: str) -> JobView:
        return self._view(self._docket.find(prefix))

    async def _watch(self, prefix: str) -> AsyncIterator[admin_pb2.Answer]:
        try:
            job = self._docket.find(prefix)
            while True:
                changed = self._docket.news(job)
                view = self._view(job)
                yield admin_pb2.Answer(view=canonical_bytes(view).decode())
                if view.state in TERMINAL:
                    return
                await changed.wait()
                await self._gather_news(job)
        except MiheError as error:
            yield admin_pb2.Answer(error=cause.to_json(error))

    async def _gather_news(self, job: bytes) -> None:
        """Let a moment pass, unless the job ends: a view is a whole job, steps are many."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHOW_SECONDS):
                while self._docket.ledger(job).state not in TERMINAL:
                    await self._docket.news(job).wait()

    async def _abort(self, prefix: str) -> JobView:
        job = self._docket.find(prefix)
        state, _ = self._docket.state_and_cause(job)
        if state in TERMINAL or state is State.RELEASING:
            raise JobFinished(
                f"the job is {state.value} and can't be stopped any more", fix="see `mihe show`"
            )
        self._conductor.end(
            job,
            Aborted(
                "a person stopped the job",
                party=self._owner.org,
                phase=state.value,
                fix="propose it again when the reason is gone",
            ),
        )
        return self._view(job)

    async def _result(self, prefix: str) -> AsyncIterator[bytes]:
        job = self._docket.find(prefix)
        released = self._released(job)
        if released is None or released.view.file is None:
            raise UnknownJob(
                "this job has no rows for this organisation",
                party=self._owner.org,
                phase="release",
                fix="`mihe show` says who receives what, and how the job ended",
            )
        with self._results.final(job).open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk

    # ── views ───────────────────────────────────────────────────────────────────────────────────

    def on_progress(self, job: bytes, org: str, phase: str, done: int, total: int) -> None:
        """Note how far a party is, for whoever watches."""
        phases = self._progress.setdefault(job, {})
        if (org, phase) not in phases and len(phases) >= _MOST_PHASES:
            return  # a peer that makes up phases must not fill this node's memory
        phases[org, phase] = PhaseProgress(org=org, phase=phase, done=done, total=total)
        self._docket.announce(job)

    def _released(self, job: bytes) -> Released | None:
        state, _ = self._docket.state_and_cause(job)
        return released_by(state, self._docket.row(job).result)

    def _view(self, job: bytes) -> JobView:
        ledger = self._docket.ledger(job)
        state, why = self._docket.state_and_cause(job)
        released = self._released(job) if state is State.DONE else None
        return JobView(
            job=job.hex(),
            run=ledger.run.hex() if ledger.run else None,
            attempt=ledger.attempt,
            state=state,
            contract=ledger.contract,
            leakage=leakage_of(ledger.contract),
            history=tuple(
                Milestone(number=number, org=org, kind=kind.value, detail=ledger.answer(kind, org))
                for number, org, kind in self._store.milestones(job)
            ),
            progress=tuple(self._progress.get(job, {}).values()),
            cause=why,
            result=released.view if released else None,
            evidence=self._conductor.evidence_of(job),
        )

    def _line(self, job: bytes) -> JobLine:
        ledger: Ledger = self._docket.ledger(job)
        contract = ledger.contract
        state, why = self._docket.state_and_cause(job)
        return JobLine(
            job=job.hex(),
            state=state,
            attempt=ledger.attempt,
            kind=contract.kind.value,
            datasets=tuple(
                f"{party.org}.{one.dataset}" for party in contract.parties for one in party.datasets
            ),
            receivers=contract.receivers,
            purpose=contract.purpose,
            created=contract.created,
            code=why.code if why else None,
        )


def _wish(request: admin_pb2.JobRequest) -> Wish:
    return Wish(
        kind=request.kind,
        datasets=tuple(request.datasets),
        on=tuple(request.on),
        receivers=tuple(request.receivers),
        purpose=request.purpose,
        basis=request.basis,
        lasts_seconds=request.expires_in_seconds or int(DEFAULT_LIFE.total_seconds()),
        statement=request.statement,
        min_group=request.min_group or DEFAULT_GROUP,
        min_join=request.min_join or DEFAULT_JOIN,
        min_contributors=request.min_contributors,
        largest_share=request.largest_share,
        epsilon=request.epsilon,
        engine=request.engine,
        matching=request.matching,
        aggregation=request.aggregation,
        explain=request.explain,
        parameters=tuple((one.name, one.type, one.value) for one in request.parameters),
    )


async def _answer(work: Awaitable[Frozen]) -> admin_pb2.Answer:
    """The view, or the error, of a piece of work; a defect is logged by type only."""
    try:
        view = await work
    except MiheError as error:
        return admin_pb2.Answer(error=cause.to_json(error))
    except Exception as error:  # noqa: BLE001  # its text may quote anything
        _log.error("defect type=%s at=%s", type(error).__name__, datetime.now(UTC).isoformat())
        _log.debug("defect", exc_info=error)
        defect = OurError("the node met a defect of its own", fix="report it with the node's log")
        return admin_pb2.Answer(error=cause.to_json(defect))
    return admin_pb2.Answer(view=canonical_bytes(view).decode())
