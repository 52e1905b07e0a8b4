"""The runs in progress: each a play on a stage, from the signed start record to signed evidence."""

import asyncio
import logging
from collections.abc import Callable

from contract.canonical import canonical_bytes
from contract.errors import DataError, MiheError, OurError, Withheld
from contract.ledger import Ledger
from contract.signing import Kind
from contract.suites import Family
from node import intersect, meet, query, star, union
from node.evidence import evidence_of
from node.gate import Consent
from node.stage import Services, Stage
from node.turns import Turn, Turns

_log = logging.getLogger("mihe.runs")

_PLAYS = {
    Family.TWO_PARTY: intersect.play,
    Family.STAR: star.play,
    Family.MATCH: meet.play,
    Family.QUERY: query.play,
    Family.UNION: union.play,
}


class Runs:
    """Everything that computes."""

    def __init__(self, services: Services, turns: Turns) -> None:
        self._services = services
        self._turns = turns
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._ending: dict[bytes, asyncio.Task[None]] = {}
        self.progress: Callable[[bytes, str, str, int, int], None] = lambda *_: None

    def active(self, job: bytes) -> bool:
        """Whether this process is running the job."""
        return job in self._tasks

    @property
    def idle(self) -> bool:
        """Whether nothing is running."""
        return all(task.done() for task in self._tasks.values())

    def begin(
        self,
        ledger: Ledger,
        consent: Consent,
        *,
        place: int,
        on_error: Callable[[MiheError], None],
    ) -> None:
        """Start a run that began at `place` in the log; `on_error` hears what ended it early."""
        turn = self._turns.enter(place)
        former = self._ending.pop(ledger.job, None)
        task = asyncio.create_task(self._play_guarded(ledger, consent, turn, on_error, former))
        task.add_done_callback(lambda _: turn.over())
        self._tasks[ledger.job] = task

    def stop(self, job: bytes) -> None:
        """Let go of a run: its links close, whatever it was doing ends."""
        if (task := self._tasks.pop(job, None)) is not None:
            task.cancel()
            self._ending[job] = task
            task.add_done_callback(lambda _: self._ended(job, task))

    def _ended(self, job: bytes, task: "asyncio.Task[None]") -> None:
        if self._ending.get(job) is task:
            del self._ending[job]

    async def stop_all(self) -> None:
        """Let go of every run."""
        tasks = list(self._tasks.values())
        for job in list(self._tasks):
            self.stop(job)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _play_guarded(
        self,
        ledger: Ledger,
        consent: Consent,
        turn: Turn,
        on_error: Callable[[MiheError], None],
        former: "asyncio.Task[None] | None",
    ) -> None:
        try:
            if former is not None:  # the attempt before this one lets go of its files
                await asyncio.wait({former})
            await self._play(ledger, consent, turn)
        except asyncio.CancelledError:
            raise
        except Withheld:
            return
        except DataError as error:
            on_error(error.at(party=consent.org, phase="running"))
        except MiheError as error:
            on_error(error.at(phase="running"))
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

    async def _play(self, ledger: Ledger, consent: Consent, turn: Turn) -> None:
        assert ledger.start is not None
        reporter = self._reporter(ledger.job)
        stage = Stage(self._services, ledger.job, ledger.start, consent, reporter, turn)
        store = self._services.store
        try:
            released = await _PLAYS[ledger.contract.family](stage)
            if released is not None:
                store.set_result(ledger.job, canonical_bytes(released.view).decode())
            receipts = [*store.receipts(stage.run), *stage.earlier]
            stage.say(Kind.EVIDENCE, evidence_of(stage.ledger, stage.run, receipts))
            stage.report("done", 1, 1)
            turn.over()
            await stage.until_over()
        finally:
            await stage.close()

    def _reporter(self, job: bytes) -> Callable[[str, int, int], None]:
        loop = asyncio.get_running_loop()

        def tell(phase: str, done: int, total: int) -> None:
            self._services.attachment.report(job, phase, done, total)
            self.progress(job, self._services.credentials.org, phase, done, total)

        def report(phase: str, done: int, total: int) -> None:
            # Work in a thread says how far it is, too.
            loop.call_soon_threadsafe(tell, phase, done, total)

        return report
