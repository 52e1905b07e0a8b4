"""The docket: every job this node knows, folded from the statements it has heard.

Hearing is durable before anybody acts on it: the statement, the cursor and the job's state are one
transaction (node/store.py). Ledgers of open jobs are kept in memory, and of ended jobs those that
ended lately or that somebody has asked about; the others are folded again.
"""

import asyncio
from collections.abc import Iterator

from contract.cause import Cause, to_json
from contract.credentials import Credentials, Pair
from contract.errors import BadMessage, MiheError, PartyLost, UnknownJob
from contract.fold import hear, open_job
from contract.identity import Identity
from contract.job import Contract
from contract.ledger import Ledger
from contract.lifecycle import TERMINAL, State
from contract.signing import Kind, Signer, Statement, verify, verify_origin
from node.store import JobRow, Store

_MOST_ENDED = 1024
"""Ledgers of ended jobs that are kept: a few kilobytes each, a millisecond or more to fold."""


class Docket:
    """Open ledgers, what is stored of ended ones, and who is waiting for news."""

    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store = store
        self._org = credentials.org
        self._credentials = credentials
        self._authority = credentials.authority
        self._open: dict[bytes, Ledger] = {}
        self._ended: dict[bytes, Ledger] = {}
        self._news: dict[bytes, asyncio.Event] = {}
        for row in store.jobs():
            if State(row.state) not in TERMINAL:
                self._open[row.job] = self._fold(row.job)

    # ── hearing ─────────────────────────────────────────────────────────────────────────────────

    def hear(self, number: int, statement: Statement, *, missed: bool = False) -> Ledger:
        """Fold one statement of the coordinator's log, durably; the job's ledger after it.

        One that this node `missed` while it was away was made while its signer's certificate
        counted, as far as anybody can tell now; what it leaves open is looked at again afterwards.

        Raises a MiheError, with nothing changed, for a statement that may not stand there. One that
        changes nothing moves the cursor alone: it is told again, or came after the job's end.
        """
        check = verify_origin if missed else verify
        signer = check(statement, self._authority)
        before, ledger = self._folded(statement, signer)
        if ledger is before:
            self._store.skip(number)
            return ledger
        self._store.hear(number, ledger.job, statement, ledger.state.value)
        self._ended.pop(ledger.job, None)
        if ledger.ended:
            self._open.pop(ledger.job, None)
            self._keep(ledger)
        else:
            self._open[ledger.job] = ledger
        self.announce(ledger.job)
        return ledger

    def _folded(self, statement: Statement, signer: Identity) -> tuple[Ledger | None, Ledger]:
        """The job's ledger before and after a statement."""
        if statement.kind is not Kind.CONTRACT:
            before = self._about(statement)
            return before, hear(before, statement, signer)
        opened = open_job(statement, signer)
        if self._store.job(opened.job) is not None:
            known = self.ledger(opened.job)
            return known, known
        if self._org not in opened.contract.orgs:
            raise BadMessage(
                f"a contract that {self._org} is no party of was told here",
                party="coordinator",
                phase="propose",
                fix="the coordinator is not following the protocol: compare versions",
            )
        return None, opened

    def job_about(self, statement: Statement) -> bytes | None:
        """The open job that a statement's subject, a job or run id, belongs to."""
        return self._job_of(statement.subject)

    def pair_of(self, contract: Contract) -> Pair | None:
        """The own certificate and key that a contract names; None if they are not held any more."""
        return self._credentials.pair_for(contract.party(self._org).fingerprint)

    def signer_about(self, subject: bytes) -> Signer:
        """The key to speak with about a job or run: the one that its contract names."""
        job = self._job_of(subject)
        pair = self.pair_of(self._open[job].contract) if job is not None else None
        return pair.signer if pair is not None else self._credentials.signer

    def _job_of(self, subject: bytes) -> bytes | None:
        if subject in self._open:
            return subject
        for job, ledger in self._open.items():
            if subject in ledger.subjects:
                return job
        return None

    def _about(self, statement: Statement) -> Ledger:
        job = self.job_about(statement)
        if job is None:
            row = self._store.job(statement.subject)
            if row is None:
                raise UnknownJob(
                    f"a {statement.kind.value} statement about a job that is not known here",
                    party=statement.org,
                    fix="compare the coordinator's log with this node's",
                )
            return self._fold(row.job)
        return self._open[job]

    # ── looking up ──────────────────────────────────────────────────────────────────────────────

    def open_ledgers(self) -> list[Ledger]:
        """The ledgers of all jobs that have not ended."""
        return list(self._open.values())

    def pinned(self) -> set[str]:
        """The snapshots that open jobs are bound to."""
        rows = (self.row(job) for job in self._open)
        return {snapshot for row in rows for snapshot in row.snapshots}

    def row(self, job: bytes) -> JobRow:
        """What this node keeps of a job beside its statements."""
        row = self._store.job(job)
        if row is None:
            raise UnknownJob("no such job", fix="see `mihe jobs`")
        return row

    def ledger(self, job: bytes) -> Ledger:
        """The ledger of any job that this node has heard of."""
        known = self._open.get(job) or self._ended.get(job)
        return self._keep(self._fold(self.row(job).job)) if known is None else known

    def find(self, prefix: str) -> bytes:
        """The job whose hex id begins so; UnknownJob if there is none or more than one."""
        matches = [row.job for row in self._store.jobs() if row.job.hex().startswith(prefix)]
        if len(prefix) < 6 or len(matches) != 1:
            what = (
                f"{len(matches)} jobs begin with these digits" if len(prefix) >= 6 else "too short"
            )
            raise UnknownJob(f"no single job is meant: {what}", fix="see `mihe jobs` for the ids")
        return matches[0]

    def state_and_cause(self, job: bytes) -> tuple[State, Cause | None]:
        """Where a job stands, whether a statement or this node's own knowledge ended it."""
        row, ledger = self.row(job), self.ledger(job)
        if row.cause is not None:
            return State(row.state), Cause.model_validate_json(row.cause)
        return ledger.state, ledger.cause

    # ── news ────────────────────────────────────────────────────────────────────────────────────

    def announce(self, job: bytes) -> None:
        """Wake everybody who watches a job."""
        self._news.pop(job, asyncio.Event()).set()

    def news(self, job: bytes) -> asyncio.Event:
        """Set at the next change of a job; take it before looking, so that none is missed."""
        return self._news.setdefault(job, asyncio.Event())

    # ── the coordinator's log is gone ───────────────────────────────────────────────────────────

    def abandon_open(self) -> None:
        """End all open jobs here: the coordinator that ordered their statements lost its log."""
        lost = PartyLost(
            "the coordinator lost its log, and with it this job",
            party="coordinator",
            fix="propose the job again",
        )
        for job in list(self._open):
            self.abandon(job, lost)

    def abandon(self, job: bytes, why: MiheError) -> None:
        """End a job here that no statement can end: this node is not heard any more."""
        self._store.end(job, State.FAILED.value, to_json(why))
        self._open.pop(job)
        self.announce(job)

    def _keep(self, ended: Ledger) -> Ledger:
        self._ended[ended.job] = ended
        if len(self._ended) > _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        return ended

    def _fold(self, job: bytes) -> Ledger:
        statements = self._statements(job)
        first = next(statements)
        ledger = open_job(first, self._authority.recall(first.certificate))
        for statement in statements:
            ledger = hear(ledger, statement, self._authority.recall(statement.certificate))
        return ledger

    def _statements(self, job: bytes) -> Iterator[Statement]:
        return (statement for _, statement in self._store.heard(job))
