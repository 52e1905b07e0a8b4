"""A job's ledger: what has been said about it so far, and the state that follows from it.

The coordinator puts statements in one order, and everybody folds that order (contract/fold.py) into
the same ledger. So all sides agree on a job's state without being told it.

An intersection in buckets may have further attempts (contract/further.py): when a party says
prepare about the run, that run is over, and the job goes on with another when all have said so and
signed its start. It stays in its state meanwhile, for what was released is released.
"""

from dataclasses import dataclass, field
from hashlib import sha256

from contract import further
from contract.attempts import Attempts
from contract.canonical import parse
from contract.cause import Cause
from contract.job import Contract
from contract.lifecycle import TERMINAL, State
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.statements import (
    Approval,
    Cells,
    Evidence,
    Gate,
    HeKey,
    Matched,
    Prepare,
    RunRole,
    StartRecord,
)
from contract.suites import Family

_BEFORE_THE_GATES = {
    Kind.APPROVAL,
    Kind.PREPARE,
    Kind.START,
    Kind.HE_KEY,
    Kind.CELLS,
    Kind.MATCHED,
    Kind.MASK_KEY,
    Kind.ABANDONED,
    Kind.COLLECTED,
    Kind.CONFIRMED,
}
_ONCE_AN_ATTEMPT = {Kind.START, Kind.GATE, Kind.EVIDENCE}


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has been said about a job so far, and the state that follows from it."""

    contract: Contract
    job: bytes
    state: State = State.PROPOSED
    bodies: dict[tuple[Kind, str], bytes] = field(default_factory=dict)
    prepared: dict[str, Prepare] = field(default_factory=dict)
    start: StartRecord | None = None
    run: bytes | None = None
    """The run id, once every party has prepared: of the newest attempt."""
    over: tuple[bytes, ...] = ()
    """The run ids of the attempts before it."""
    again: dict[str, Prepare] = field(default_factory=dict)
    """What has been prepared of the next one, so far not by all."""
    he_key: HeKey | None = None
    cells: Cells | None = None
    matched: Matched | None = None
    attempts: Attempts | None = None
    evidenced: dict[str, Evidence] = field(default_factory=dict)
    cause: Cause | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to the job."""
        return self.state in TERMINAL

    @property
    def subjects(self) -> tuple[bytes, ...]:
        """What statements about the run may be about, besides the job."""
        of_attempts = () if self.attempts is None else self.attempts.subjects
        return (*self.runs, *of_attempts)

    @property
    def runs(self) -> tuple[bytes, ...]:
        """The run ids of all attempts, the newest last."""
        return self.over if self.run is None else (*self.over, self.run)

    @property
    def attempt(self) -> int:
        """The number of the run's newest attempt; 1 before there is a run."""
        return len(self.over) + 1

    @property
    def to_go_on(self) -> tuple[str, ...]:
        """Whose word is missing for a further attempt that was asked for; none if none was."""
        if self.again:
            return tuple(org for org in self.contract.orgs if org not in self.again)
        if not self.over or self.ended:
            return ()
        return tuple(org for org in self.contract.orgs if not self.has_said(Kind.START, org))

    @property
    def may_go_on(self) -> bool:
        """Whether the newest attempt may have another one after it, as far as the contract says."""
        return self.all_said(Kind.START) and further.may_go_on(self.contract, self.attempt)

    @property
    def heard(self) -> str:
        """Hex digest of what the run rests on: every statement before the gates, as it was heard.

        Parties that were told different things sign different digests as evidence.
        """
        digests = sorted(
            f"{kind.value} {org} {sha256(body).hexdigest()}"
            for (kind, org), body in self.bodies.items()
            if kind in _BEFORE_THE_GATES
        )
        return sha256("\n".join(digests).encode()).hexdigest()

    @property
    def present(self) -> tuple[str, ...]:
        """The parties that the run goes on with: all, but in a sum that some have vanished from."""
        return self.contract.orgs if self.attempts is None else self.attempts.present

    @property
    def needed(self) -> tuple[str, ...]:
        """The parties without which the job can't go on: who has signed its evidence is through."""
        if self.to_go_on:
            return self.contract.orgs
        return tuple(org for org in self.contract.orgs if not self.has_said(Kind.EVIDENCE, org))

    @property
    def may_gate(self) -> bool:
        """Whether there is something that an owner could release or withhold."""
        match self.contract.family:
            case Family.QUERY:
                return self.cells is not None
            case Family.MATCH:
                return self.matched is not None
            case Family.UNION:
                return self.attempts is not None and self.attempts.collected is not None
            case Family.TWO_PARTY | Family.STAR:
                return True

    def has_said(self, kind: Kind, org: str) -> bool:
        """Whether `org` has made its statement of this kind, in the newest attempt."""
        return (kind, self._slot(kind, org)) in self.bodies

    def answer(self, kind: Kind, org: str) -> str:
        """How an organisation answered, in a word: the same kind of statement says yes and no."""
        if kind is Kind.DEAD:
            return self.cause.code if self.cause else ""
        body = self.bodies.get((kind, self._slot(kind, org)))
        match kind:
            case Kind.APPROVAL if body is not None:
                return parse(Approval, body, max_bytes=MAX_BODY_BYTES).decision.value
            case Kind.GATE if body is not None:
                return parse(Gate, body, max_bytes=MAX_BODY_BYTES).verdict.value
        return ""

    def all_said(self, kind: Kind) -> bool:
        """Whether every party has made its statement of this kind."""
        return all(self.has_said(kind, org) for org in self.contract.orgs)

    def is_over(self, statement: Statement) -> bool:
        """Whether a word is about an attempt that is over: its signer may not have known that."""
        of_the_last = bool(self.again) and statement.kind in (Kind.GATE, Kind.EVIDENCE)
        return statement.subject in self.over or (of_the_last and statement.subject == self.run)

    def slot(self, statement: Statement) -> str:
        """Under which name a statement is kept: each may be made once, some once an attempt."""
        if statement.kind is Kind.PREPARE and statement.subject == self.run:
            return _numbered(statement.org, self.attempt + 1)
        return self._slot(statement.kind, statement.org)

    def _slot(self, kind: Kind, org: str) -> str:
        return _numbered(org, self.attempt if kind in _ONCE_AN_ATTEMPT else 1)


def _numbered(org: str, attempt: int) -> str:
    return org if attempt == 1 else f"{org} {attempt}"


def role_of(contract: Contract, org: str) -> RunRole:
    """Of two parties the first receiver named speaks first; of more all are owners."""
    if contract.family is not Family.TWO_PARTY:
        return RunRole.OWNER
    return RunRole.RECEIVER if org == contract.receivers[0] else RunRole.SENDER
