"""The runs in progress: each a link to the peer and a session of the protocol, side by side.

A run's result lies under a provisional name until the job is done, which all parties' signed
evidence decides; any other end deletes it. So nobody ever reads half a result, nor a result of a
job that failed elsewhere.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from contract.canonical import Frozen, canonical_bytes
from contract.cause import cause_of
from contract.config import CertificateFiles
from contract.credentials import Credentials
from contract.errors import MiheError, OurError, Withheld
from contract.ledger import Ledger
from contract.policy import Policy
from contract.signing import Kind
from contract.statements import Gate, StartRecord, Verdict
from contract.views import ResultView
from node import carry, rows
from node.attach import Attachment
from node.catalogue import Datasets
from node.evidence import evidence_of
from node.gate import Consent
from node.link import Ends, Link
from node.load import Loaded, load
from node.plan import Plan, compile_plan
from node.release import may_release, release
from node.seal import Carrier, tls_context
from node.session import run_session
from node.store import Store
from psi.step import Cardinality, Intersection, Result

_log = logging.getLogger("mihe.runs")


class Runs:
    """Everything that computes."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        files: CertificateFiles,
        folder: Path,
        store: Store,
        datasets: Datasets,
        attachment: Attachment,
        exchange: carry.Exchange,
        policy: Callable[[], Policy],
        patience: float,
        results: Path,
    ) -> None:
        self._credentials = credentials
        self._files = files
        self._folder = folder
        self._store = store
        self._datasets = datasets
        self._attachment = attachment
        self._exchange = exchange
        self._policy = policy
        self._patience = patience
        self._results = results
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self.progress: Callable[[bytes, str, str, int, int], None] = lambda *_: None

    # ── for the conductor ───────────────────────────────────────────────────────────────────────

    def active(self, job: bytes) -> bool:
        """Whether this process is running the job."""
        return job in self._tasks

    def begin(
        self, ledger: Ledger, consent: Consent, *, on_error: Callable[[MiheError], None]
    ) -> None:
        """Start a run; `on_error` hears what ended it early."""
        task = asyncio.create_task(self._play_guarded(ledger, consent, on_error))
        self._tasks[ledger.job] = task

    def stop(self, job: bytes) -> None:
        """Let go of a run: its link closes, whatever it was doing ends."""
        if (task := self._tasks.pop(job, None)) is not None:
            task.cancel()

    async def stop_all(self) -> None:
        """Let go of every run."""
        tasks = list(self._tasks.values())
        for job in list(self._tasks):
            self.stop(job)
        await asyncio.gather(*tasks, return_exceptions=True)

    def publish(self, job: bytes) -> None:
        """The job is done: its result, if this node has one, takes its final name."""
        partial = self._partial(job)
        if partial.exists():
            partial.replace(self.result_file(job))

    def discard(self, job: bytes) -> None:
        """The job is not done and never will be: nothing of its result remains."""
        self._partial(job).unlink(missing_ok=True)

    def unsettled(self, job: bytes) -> bool:
        """Whether a result still lies under its provisional name."""
        return self._partial(job).exists()

    def result_file(self, job: bytes) -> Path:
        """Where the rows of a finished job's result lie."""
        return self._results / f"{job.hex()}.csv"

    def _partial(self, job: bytes) -> Path:
        return self._results / f"{job.hex()}.partial"

    # ── one run ─────────────────────────────────────────────────────────────────────────────────

    async def _play_guarded(
        self, ledger: Ledger, consent: Consent, on_error: Callable[[MiheError], None]
    ) -> None:
        try:
            await self._play(ledger, consent)
        except asyncio.CancelledError:
            raise
        except Withheld:
            return
        except MiheError as error:
            on_error(error)
        except Exception as error:  # noqa: BLE001  # its text may quote anything
            _log.error("defect type=%s job=%s", type(error).__name__, ledger.job.hex()[:12])
            _log.debug("defect", exc_info=error)
            on_error(
                OurError(
                    "the node met a defect of its own while the job ran",
                    party=consent.org,
                    phase="running",
                    fix="report it with the node's log; other jobs are not affected",
                )
            )

    async def _play(self, ledger: Ledger, consent: Consent) -> None:
        start, plan, me = ledger.start, compile_plan(ledger.contract), consent.org
        assert start is not None
        (peer,) = ledger.contract.others(me)
        step = self._reporter(ledger.job)
        step("load", 0, 1)
        loaded = await asyncio.to_thread(load, consent, self._datasets)
        step("load", 1, 1)
        link = self._link(ledger.job, start, plan, me, peer)
        connected = asyncio.create_task(link.run())
        session = asyncio.create_task(
            run_session(
                plan,
                run=start.run_id,
                org=me,
                peer=peer,
                keys=loaded.keys,
                link=link,
                gate=lambda: self._gate(start.run_id, consent),
                progress=lambda phase: step(phase, 0, 1),
            )
        )
        try:
            await asyncio.wait((connected, session), return_when=asyncio.FIRST_COMPLETED)
            if connected.done():
                await connected
            result = await session
            await self._keep(ledger.job, result, loaded, consent)
            receipts = self._store.receipts(start.run_id)
            evidence = evidence_of(ledger.job, start.run_id, receipts)
            self._say(Kind.EVIDENCE, start.run_id, evidence)
            step("done", 1, 1)
            # The peer may still need what this end has sent: stay until the job has ended.
            with suppress(MiheError):
                await connected
        finally:
            for task in (connected, session):
                task.cancel()
            await asyncio.gather(connected, session, return_exceptions=True)
            self._exchange.forget(start.run_id, peer)

    def _gate(self, run: bytes, consent: Consent) -> None:
        try:
            may_release(consent, self._policy, datetime.now(UTC).date())
        except Withheld as withheld:
            gate = Gate(run=run.hex(), verdict=Verdict.WITHHOLD, cause=cause_of(withheld))
            self._say(Kind.GATE, run, gate)
            raise
        self._say(Kind.GATE, run, Gate(run=run.hex(), verdict=Verdict.RELEASE))

    async def _keep(self, job: bytes, result: Result, loaded: Loaded, consent: Consent) -> None:
        if isinstance(result, Intersection):
            wanted = [loaded.keys[position] for position in result.positions]
            written = await self._write(job, wanted, loaded, consent)
            view = ResultView(count=len(wanted), rows=written, file=str(self.result_file(job)))
        elif isinstance(result, Cardinality):
            view = ResultView(count=result.count)
        else:
            return
        released = release(view, consent)
        self._store.set_result(job, canonical_bytes(released.view).decode())

    async def _write(
        self, job: bytes, wanted: list[bytes], loaded: Loaded, consent: Consent
    ) -> int:
        """Write the rows with these keys under the provisional name; how many there are."""
        self._results.mkdir(parents=True, exist_ok=True, mode=0o700)
        entry = self._datasets.entry(consent.dataset, consent.snapshot)
        partial, column = self._partial(job), consent.column
        writing = asyncio.ensure_future(
            asyncio.to_thread(rows.rows_of, loaded.snapshot, entry, column, wanted, partial)
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread can't be stopped: what it writes yet is removed once it has written it.
            writing.add_done_callback(lambda _: self.discard(job))
            raise

    # ── the link of a run ───────────────────────────────────────────────────────────────────────

    def _link(self, job: bytes, start: StartRecord, plan: Plan, me: str, peer: str) -> Link:
        files, folder = self._files, self._folder
        ends = Ends(
            run=start.run_id,
            signer=self._credentials.signer,
            authority=self._credentials.authority,
            peer=start.party(peer),
            tls=tls_context(
                folder / files.certificate,
                folder / files.key,
                folder / files.authority,
                client=me < peer,
            ),
        )
        return Link(
            ends,
            connect=self._route(start, me, peer),
            awaited=plan.incoming(me),
            patience=self._patience,
            keep=lambda stream, salt, receipt: self._store.keep_receipt(
                start.run_id, stream, salt, receipt
            ),
            progress=self._reporter(job),
        )

    def _route(self, start: StartRecord, me: str, peer: str) -> Callable[[], Awaitable[Carrier]]:
        run, route = start.run_id, carry.Route.between(start.party(me), start.party(peer))
        if route.listens:
            self._exchange.expect(run, peer)
            return lambda: self._exchange.accept(run, peer)
        if route.direct is None:
            return lambda: carry.dial(self._attachment.channel, run, peer, relay=True)
        channel = carry.open_channel(route.direct, self._credentials, carry.peer_name(peer))
        return lambda: carry.dial(channel, run, peer, relay=False)

    def _reporter(self, job: bytes) -> Callable[[str, int, int], None]:
        def report(phase: str, done: int, total: int) -> None:
            self._attachment.report(job, phase, done, total)
            self.progress(job, self._credentials.org, phase, done, total)

        return report

    def _say(self, kind: Kind, subject: bytes, body: Frozen) -> None:
        self._attachment.say(kind, subject, body)
