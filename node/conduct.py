"""What this node does next about a job, read off the job's ledger.

One rule per state, and every rule is safe to apply again: after a restart the node looks at its
open ledgers and goes on. A node answers proposals by its owner's policy (node/gate.py), prepares
its share of the start record, signs the record when it is whole, runs (node/runs.py), and tidies
up when the job has ended.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from contract import evidence_file
from contract.canonical import Frozen
from contract.cause import cause_of
from contract.credentials import Credentials
from contract.errors import BadMessage, MiheError, PartyRestarted, StateAbsent, StorageFull
from contract.job import PROTOCOL_VERSION, Contract
from contract.ledger import Ledger, role_of
from contract.lifecycle import TERMINAL, State
from contract.policy import Policy
from contract.signing import Kind, Statement
from contract.standing import objection_to
from contract.statements import (
    Approval,
    Dead,
    Decision,
    PartyStart,
    Prepare,
)
from contract.views import PolicyLine
from node.budget import require_left
from node.catalogue import Datasets
from node.docket import Docket
from node.gate import Consent, decide, policy_lines, readable
from node.load import require_counted
from node.outlook import digest_of
from node.plan import is_resumable
from node.results import Results
from node.runs import Runs
from node.scratch import create, scratch, settle
from node.store import Store

_log = logging.getLogger("mihe.conduct")
_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Owner:
    """The organisation this node stands for: its identity, its policy, its data."""

    credentials: Credentials
    policy: Callable[[], Policy]
    datasets: Datasets
    address: str | None

    @property
    def org(self) -> str:
        """The organisation's id."""
        return self.credentials.org

    def decide(
        self, contract: Contract, snapshots: Sequence[str] = (), *, approved: bool = False
    ) -> Consent:
        """Consent on the given snapshots, or on the present ones; raises what refuses.

        What is `approved` already may go on under the certificate that it names, while its key is
        held (docs/decisions/0012); anything else has to name the present one.
        """
        party = contract.party(self.org)
        pair = self.credentials.pair_for(party.fingerprint) if approved else None
        present = [self.datasets.current_root(one.dataset) for one in party.datasets]
        return decide(
            contract,
            org=self.org,
            fingerprint=(pair or self.credentials.pair).fingerprint,
            policy=readable(self.policy, self.org),
            entries=self.datasets.entries(),
            snapshots=snapshots or present,
        )

    def require_left(self, store: Store, contract: Contract) -> None:
        """Raise BudgetExhausted if the own policy's budget has too little left for this answer."""
        require_left(store, contract, self.org, readable(self.policy, self.org))

    def policy_lines(self, contract: Contract) -> tuple[PolicyLine, ...]:
        """What a query asks of each owner's policy, and what the own one answers."""
        policy = readable(self.policy, self.org)
        return policy_lines(contract, self.org, policy, datetime.now(UTC).date())


class Conductor:
    """Hears the coordinator and acts (the listener of node/attach.py)."""

    def __init__(
        self,
        owner: Owner,
        store: Store,
        docket: Docket,
        runs: Runs,
        say: Callable[[Kind, bytes, Frozen], None],
        results: Results,
        evidence_folder: Path,
    ) -> None:
        self._owner = owner
        self._store = store
        self._docket = docket
        self._runs = runs
        self._say = say
        self._results = results
        self._evidence = evidence_folder
        self._caught_up = False
        self._offered = False
        self._unsaid: dict[bytes, MiheError] = {}
        self._untidy = False
        self.outcome_of_proposal: Callable[[bytes, MiheError | None], None] = lambda *_: None
        self.progress: Callable[[bytes, str, str, int, int], None] = lambda *_: None

    def start(self) -> None:
        """Before attaching: see to what an earlier process left behind."""
        self._tidy()

    # ── what the coordinator tells ──────────────────────────────────────────────────────────────

    def welcomed(self, *, new_log: bool) -> None:
        """A greeting; jobs of a log that is gone are over."""
        self._caught_up = False
        if new_log:
            for ledger in self._docket.open_ledgers():
                self._runs.stop(ledger.job)
            self._docket.abandon_open()
            self._tidy()
        if new_log or not self._offered:
            # Since this node last ran its certificate may have been renewed, or its state folder
            # restored: what the coordinator holds of it may be void, and nothing here shows that.
            self.offer_catalogue()

    def told(self, number: int, statement: Statement) -> None:
        """A statement of the log; one that is told again was acted on already."""
        if number <= self._store.cursor:
            return
        try:
            ledger = self._docket.hear(number, statement, missed=not self._caught_up)
        except (
            StorageFull,
            StateAbsent,
        ):  # not the statement's fault: it is told again after the next greeting
            raise
        except MiheError as error:
            self._on_bad_statement(number, statement, error)
            return
        _log.info(
            "heard number=%d kind=%s org=%s job=%s state=%s",
            number, statement.kind.value, statement.org, _short(ledger.job), ledger.state.value,
        )  # fmt: skip
        if self._caught_up or ledger.ended:
            self.act(ledger)

    def caught_up(self) -> None:
        """The backlog is heard: act on everything that is open."""
        self._caught_up = True
        self.recheck(datetime.now(UTC))
        # In the order in which runs began, for that is the order in which they have their turns.
        for ledger in sorted(self._docket.open_ledgers(), key=self._began):
            self.act(ledger)
        self._tidy()

    def accepted(self, statement: Statement) -> None:
        """The coordinator has a statement of ours."""
        if statement.kind is Kind.CONTRACT:
            self.outcome_of_proposal(statement.subject, None)

    def rejected(self, statement: Statement, error: MiheError) -> None:
        """The coordinator did not log a statement of ours."""
        _log.error("rejected kind=%s %s", statement.kind.value, error)
        if statement.kind is Kind.CONTRACT:
            self.outcome_of_proposal(statement.subject, error)
        elif (job := self._docket.job_about(statement)) is not None:
            self.end(job, error)

    def _on_bad_statement(self, number: int, statement: Statement, error: MiheError) -> None:
        _log.error("bad statement number=%d %s", number, error)
        self._store.skip(number)
        if (job := self._docket.job_about(statement)) is not None:
            self.end(job, error)

    # ── what this node does ─────────────────────────────────────────────────────────────────────

    def act(self, ledger: Ledger) -> None:
        """Take the step that the ledger asks of this node, if it has not been taken."""
        match ledger.state:
            case State.PROPOSED:
                self._once(Kind.APPROVAL, ledger.job, lambda: self._answer(ledger))
            case State.APPROVED:
                self._once(Kind.PREPARE, ledger.job, lambda: self._prepare(ledger))
            case State.READY:
                assert ledger.start is not None
                start = ledger.start
                self._once(
                    Kind.START, start.run_id, lambda: self._say(Kind.START, start.run_id, start)
                )
            case State.RUNNING | State.RELEASING:
                self._go_on(ledger)
            case _:
                self._close(ledger, ledger.state)

    def end(self, job: bytes, error: MiheError) -> None:
        """Stop a job here and tell everybody why: what a full disk has kept back comes first."""
        error = self._unsaid.get(job, error)
        self._runs.stop(job)
        cause = cause_of(error)
        _log.error("ending job=%s code=%s party=%s", _short(job), cause.code, cause.party)
        try:
            self._say(Kind.DEAD, job, Dead(job=job.hex(), cause=cause))
        except StorageFull:  # said as soon as there is room; until then the job is not over
            self._unsaid[job] = error
            return
        self._unsaid.pop(job, None)
        self._docket.announce(job)

    async def see_to_the_rest(self) -> None:
        """For ever: do again what a full disk did not let this node do."""
        while True:
            await asyncio.sleep(_AGAIN_SECONDS)
            for job, error in list(self._unsaid.items()):
                if self._docket.state_and_cause(job)[0] in TERMINAL:
                    del self._unsaid[job]
                else:
                    self.end(job, error)
            if self._untidy:
                self._untidy = False
                self._tidy()

    def recheck(self, now: datetime) -> None:
        """End every job of which a party's certificate does not count any more."""
        for ledger in self._docket.open_ledgers():
            objection = objection_to(ledger.contract, self._owner.credentials.authority, now)
            if objection is None:
                continue
            if objection.party == self._owner.org:
                # Nobody would take this node's word for it; the others come to the same end.
                self._runs.stop(ledger.job)
                self._docket.abandon(ledger.job, objection.at(phase=ledger.state.value))
                self._tidy()
            elif not self._store.has_said(Kind.DEAD, ledger.job):
                self.end(ledger.job, objection.at(phase=ledger.state.value))

    def renewed(self) -> None:
        """This node has another certificate: what it offers has to be signed again."""
        self._offered = False

    def offer_catalogue(self) -> None:
        """Tell everybody what datasets there are now."""
        subject, catalogue = self._owner.datasets.catalogue(self._store.next_revision())
        self._say(Kind.CATALOGUE, subject, catalogue)
        self._offered = True

    def evidence_of(self, job: bytes) -> str | None:
        """Where the evidence of a job that has ended lies; None as long as there is none."""
        file = self._evidence_file(job)
        return str(file) if file.exists() else None

    def _once(self, kind: Kind, subject: bytes, step: Callable[[], None]) -> None:
        if not self._store.has_said(kind, subject):
            step()

    def _answer(self, ledger: Ledger) -> None:
        try:
            consent = self._owner.decide(ledger.contract)
            self._owner.require_left(self._store, ledger.contract)
            require_counted(ledger.contract, self._owner.org, self._owner.datasets)
            digest_of(ledger.contract)
        except MiheError as error:
            refusal = cause_of(error.at(party=self._owner.org, phase="approve"))
            answer = Approval(job=ledger.job.hex(), decision=Decision.REFUSED, cause=refusal)
        else:
            self._store.pin(ledger.job, consent.snapshots)
            answer = Approval(job=ledger.job.hex(), decision=Decision.APPROVED)
        self._say(Kind.APPROVAL, ledger.job, answer)

    def _prepare(self, ledger: Ledger) -> None:
        try:
            consent = self._owner.decide(ledger.contract, self._pinned(ledger), approved=True)
        except MiheError as error:
            self.end(ledger.job, error.at(party=self._owner.org, phase="prepare"))
            return
        share = PartyStart(
            org=consent.org,
            fingerprint=ledger.contract.party(consent.org).fingerprint,
            role=role_of(ledger.contract, consent.org),
            protocol=PROTOCOL_VERSION,
            snapshot_root=consent.snapshot,
            joined_roots=consent.snapshots[1:] or None,
            nonce=token_hex(32),
            address=self._owner.address,
        )
        prepare = Prepare(
            job=ledger.job.hex(),
            run=1,
            attempt=1 if ledger.run is None else ledger.attempt + 1,
            plan_digest=digest_of(ledger.contract),
            party=share,
        )
        self._say(Kind.PREPARE, ledger.run or ledger.job, prepare)

    def _go_on(self, ledger: Ledger) -> None:
        """Run, or with the others get ready for a further attempt."""
        run = ledger.run
        assert run is not None
        assert ledger.start is not None
        start = ledger.start
        if not ledger.to_go_on or self._store.has_said(Kind.DEAD, ledger.job):
            self._run(ledger)
            return
        self._runs.stop(ledger.job)
        if ledger.again:
            self._once(Kind.PREPARE, run, lambda: self._prepare_again(ledger))
        elif not self._store.has_said(Kind.START, run):
            self._store.begin_again(ledger.job)
            self._say(Kind.START, run, start)

    def _prepare_again(self, ledger: Ledger) -> None:
        if not is_resumable(ledger.contract):
            (asking, *_) = ledger.again
            self.end(
                ledger.job,
                BadMessage(
                    "a further attempt is asked for of a run that is in one piece",
                    party=asking,
                    phase=ledger.state.value,
                    fix="the sender is not following the protocol: compare versions",
                    rule="psi/rr22/SPEC.md §11",
                ),
            )
            return
        self._prepare(ledger)

    def _run(self, ledger: Ledger) -> None:
        run = ledger.run
        assert run is not None
        said = self._store.has_said
        if self._runs.active(ledger.job) or said(Kind.EVIDENCE, run) or said(Kind.DEAD, ledger.job):
            return
        if self._docket.row(ledger.job).begun:
            if ledger.may_go_on and is_resumable(ledger.contract):
                _log.info("again job=%s attempt=%d", _short(ledger.job), ledger.attempt + 1)
                self._once(Kind.PREPARE, run, lambda: self._prepare(ledger))
                return
            self.end(
                ledger.job,
                PartyRestarted(
                    "the node was restarted in the middle of the run",
                    party=self._owner.org,
                    phase=ledger.state.value,
                    fix="run the job again; what that attempt had exchanged is of no use",
                ),
            )
            return
        try:
            consent = self._owner.decide(ledger.contract, self._pinned(ledger), approved=True)
        except MiheError as error:
            self.end(ledger.job, error.at(party=self._owner.org, phase="running"))
            return
        self._store.begin(ledger.job)
        self._runs.begin(
            ledger,
            consent,
            place=self._began(ledger),
            on_error=lambda error: self.end(ledger.job, error),
        )

    def _began(self, ledger: Ledger) -> int:
        """The number of the log's last start statement for a job; 0 if there is none."""
        heard = self._store.heard(ledger.job)
        return max((number for number, said in heard if said.kind is Kind.START), default=0)

    def _tidy(self) -> None:
        """Close what ended without this process having seen to it."""
        for row in self._store.jobs():
            seen_to = self._evidence_file(row.job).exists() and not self._results.unsettled(row.job)
            if State(row.state) in TERMINAL and not seen_to:
                self._close(self._docket.ledger(row.job), State(row.state))

    def _close(self, ledger: Ledger, state: State) -> None:
        self._runs.stop(ledger.job)
        try:
            self._settle(ledger, state)
        except StorageFull as full:
            _log.error("unsettled job=%s %s", _short(ledger.job), full)
            self._untidy = True

    def _settle(self, ledger: Ledger, state: State) -> None:
        if state is State.DONE:
            self._results.publish(ledger.job)
        else:
            self._results.discard(ledger.job)
            self._store.set_result(ledger.job, None)
        self._file_evidence(ledger)

    def _file_evidence(self, ledger: Ledger) -> None:
        receipts = [one for run in ledger.runs for one in self._store.receipts(run)]
        content = evidence_file.written(self._store.heard(ledger.job), receipts)
        with scratch(self._evidence) as work:
            written = work / "evidence.json"
            create(written, content)
            written.replace(self._evidence_file(ledger.job))
            settle(self._evidence)

    def _evidence_file(self, job: bytes) -> Path:
        return self._evidence / f"{job.hex()}.json"

    def _pinned(self, ledger: Ledger) -> tuple[str, ...]:
        return self._docket.row(ledger.job).snapshots


def _short(job: bytes) -> str:
    return job.hex()[:12]
