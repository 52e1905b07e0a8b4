"""A job as a fold over its signed statements: the same state at every node and at the coordinator.

The coordinator puts statements in one order and everybody folds that order through `hear`, so all
sides agree on the state without being told it, and nobody has to trust an instruction. What a
statement may say, when, and by whom is checked here and nowhere else, but for the attempts of a sum
over many organisations' own rows, which have a fold of their own (contract/attempts.py). The caller
has verified the signature (contract/signing.py) and passes the signer's identity.

An intersection in buckets may have further attempts (contract/further.py): when a party says
prepare about the run, that run is over, and the job goes on with another when all have said so and
signed its start. It stays in its state meanwhile, for what was released is released.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TypeVar

from contract import attempts as attempting
from contract import further
from contract.attempts import Attempts, OfAttempt
from contract.canonical import Frozen, parse
from contract.cause import Cause, cause_of
from contract.errors import (
    BY_CODE,
    Aborted,
    BadMessage,
    BadReceipt,
    CertificateRevoked,
    ContractAltered,
    ContractExpired,
    FingerprintChanged,
    ForeignCertificate,
    ForeignStart,
    MiheError,
    PartyLost,
    PartyRestarted,
    Refused,
    UnknownOrganisation,
    Withheld,
)
from contract.identity import Identity, Role
from contract.job import (
    COLLECTED,
    PROTOCOL_VERSION,
    Aggregation,
    Contract,
    Family,
)
from contract.lifecycle import TERMINAL, TRANSITIONS, Event, State, advance
from contract.signing import MAX_BODY_BYTES, Kind, Statement
from contract.statements import (
    Approval,
    Cells,
    Dead,
    Decision,
    Evidence,
    Gate,
    HeKey,
    Matched,
    Prepare,
    RunRole,
    StartRecord,
    Verdict,
)

B = TypeVar("B", bound=Frozen)

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


def open_job(statement: Statement, signer: Identity) -> Ledger:
    """The ledger that a contract statement by its initiator opens."""
    contract = parse(
        Contract,
        statement.body,
        error=ContractAltered,
        max_bytes=MAX_BODY_BYTES,
        party=signer.org,
        phase="propose",
    )
    if statement.subject != contract.job_id:
        raise ContractAltered(
            "the contract's bytes do not have the job id under which they were sent",
            party=signer.org,
            phase="propose",
            fix="propose the job again; if it recurs, compare versions on both sides",
        )
    if signer.org != contract.initiator:
        raise ContractAltered(
            "the contract is signed by an organisation that is not its initiator",
            party=signer.org,
            phase="propose",
            fix="let the initiator's own node propose it",
        )
    ledger = Ledger(contract, contract.job_id)
    _check_party(ledger, signer)
    return ledger


def hear(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    """The ledger after one more statement; the same object if it changes nothing.

    Raises a PeerError leaf for a statement that this signer may not make here.
    """
    if statement.kind is Kind.DEAD:
        return _dead(ledger, statement, signer)
    if statement.kind in (Kind.CELLS, Kind.MATCHED):
        _check_coordinator(ledger, statement, signer)
    elif statement.kind not in attempting.OF_THE_COORDINATOR:
        _check_party(ledger, signer)
    if ledger.is_over(statement):
        return ledger
    said = attempting.read(statement) if statement.kind in attempting.MODELS else None
    name = ledger.slot(statement) if said is None else attempting.slot(signer.org, said)
    slot = (statement.kind, name)
    before = ledger.bodies.get(slot)
    if before == statement.body or ledger.ended:
        return ledger
    if before is not None:
        raise BadMessage(
            f"two different {statement.kind.value} statements were made about one job",
            party=signer.org,
            phase=ledger.state.value,
            fix="restore that node's state folder; two copies of one node must not run",
        )
    after = replace(ledger, bodies={**ledger.bodies, slot: statement.body})
    if said is not None:
        return ledger if _is_late(ledger, said) else _attempt(after, said, statement, signer)
    step = _STEPS.get(statement.kind)
    if step is None:
        raise _untimely(ledger, statement, signer)
    return step(after, statement, signer)


def _check_party(ledger: Ledger, signer: Identity) -> None:
    if signer.role is not Role.NODE or signer.org not in ledger.contract.orgs:
        raise UnknownOrganisation(
            f"'{signer.org}' is not a party of this job",
            party=signer.org,
            fix="only the parties that a contract names can speak about it",
        )
    if signer.fingerprint != ledger.contract.party(signer.org).fingerprint:
        raise FingerprintChanged(
            "the certificate is not the one that the contract names",
            party=signer.org,
            phase=ledger.state.value,
            fix="propose the job again: a changed certificate needs a new contract and approval",
        )


def _check_coordinator(ledger: Ledger, statement: Statement, signer: Identity) -> None:
    stated = Family.QUERY if statement.kind is Kind.CELLS else Family.MATCH
    if signer.role is not Role.COORDINATOR or ledger.contract.family is not stated:
        raise _untimely(ledger, statement, signer)


def _body(
    model: type[B], ledger: Ledger, statement: Statement, signer: Identity, subject: bytes
) -> B:
    if statement.subject != subject:
        raise ForeignStart(
            f"a {statement.kind.value} statement of another job or run",
            party=signer.org,
            phase=ledger.state.value,
            fix="the sender is replaying statements: compare both sides' evidence",
        )
    return parse(
        model,
        statement.body,
        max_bytes=MAX_BODY_BYTES,
        party=signer.org,
        phase=ledger.state.value,
    )


def _untimely(ledger: Ledger, statement: Statement, signer: Identity) -> MiheError:
    return BadMessage(
        f"a {statement.kind.value} statement has no place in state '{ledger.state.value}'",
        party=signer.org,
        phase=ledger.state.value,
        fix="the sender's node is not following the protocol: compare versions",
    )


def _require(ledger: Ledger, statement: Statement, signer: Identity, *states: State) -> None:
    if ledger.state not in states:
        raise _untimely(ledger, statement, signer)


def _approval(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    _require(ledger, statement, signer, State.PROPOSED)
    approval = _body(Approval, ledger, statement, signer, ledger.job)
    if approval.job != ledger.job.hex():
        raise _foreign(ledger, statement, signer)
    if approval.decision is Decision.REFUSED:
        return replace(ledger, state=advance(ledger.state, Event.REFUSED), cause=approval.cause)
    if ledger.all_said(Kind.APPROVAL):
        return replace(ledger, state=advance(ledger.state, Event.ALL_APPROVED))
    return ledger


def _prepare(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if statement.subject == ledger.run:
        return _prepare_again(ledger, statement, signer)
    _require(ledger, statement, signer, State.APPROVED)
    prepare = _body(Prepare, ledger, statement, signer, ledger.job)
    party = prepare.party
    expected = (ledger.job.hex(), 1, 1, signer.org, signer.fingerprint, PROTOCOL_VERSION)
    stated = (
        prepare.job, prepare.run, prepare.attempt, party.org, party.fingerprint, party.protocol,
    )  # fmt: skip
    if stated != expected or party.role is not role_of(ledger.contract, signer.org):
        raise _foreign(ledger, statement, signer)
    prepared = {**ledger.prepared, signer.org: prepare}
    if len(prepared) < len(ledger.contract.orgs):
        return replace(ledger, prepared=prepared)
    if len({share.plan_digest for share in prepared.values()}) != 1:
        cause = cause_of(
            ForeignStart(
                "the parties compiled different plans from the same contract",
                phase="prepare",
                fix="install the same version of mihe at every party",
            )
        )
        return replace(
            ledger, prepared=prepared, state=advance(ledger.state, Event.FAILED), cause=cause
        )
    start = further.record_of(prepared, ledger.contract)
    return replace(
        ledger,
        prepared=prepared,
        start=start,
        run=start.run_id,
        state=advance(ledger.state, Event.ALL_PREPARED),
    )


def _prepare_again(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    """A party wants a further attempt of the run: a process of it has ended."""
    _require_running(ledger, statement, signer)
    prepare = _of_this_run(ledger, statement, signer, Prepare)
    assert ledger.run is not None
    assert ledger.start is not None
    if not ledger.may_go_on:
        raise _untimely(ledger, statement, signer)
    if not further.follows(ledger.start, prepare, signer.org):
        raise _foreign(ledger, statement, signer)
    again = {**ledger.again, signer.org: prepare}
    if len(again) < len(ledger.contract.orgs):
        return replace(ledger, again=again)
    start = further.record_of(again, ledger.contract)
    over = (*ledger.over, ledger.run)
    return replace(ledger, again={}, start=start, run=start.run_id, over=over, evidenced={})


def _start(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if ledger.over:
        _require_running(ledger, statement, signer)
    else:
        _require(ledger, statement, signer, State.READY)
    start = _of_this_run(ledger, statement, signer, StartRecord)
    if start != ledger.start:
        raise _foreign(ledger, statement, signer)
    if ledger.over or not ledger.all_said(Kind.START):
        return ledger
    begun = attempting.begun(ledger.contract, statement.subject)
    return replace(ledger, state=advance(ledger.state, Event.ALL_SIGNED), attempts=begun)


def _is_late(ledger: Ledger, said: OfAttempt) -> bool:
    """Whether a word is about an attempt that is over: its signer may not have heard of that."""
    return ledger.attempts is not None and said.attempt < ledger.attempts.number


def _attempt(ledger: Ledger, said: OfAttempt, statement: Statement, signer: Identity) -> Ledger:
    """One more word about the attempts of a sum over many organisations' own rows."""
    opening = statement.kind in (Kind.ABSENT, Kind.TALLIED, Kind.OPENED)
    _require(ledger, statement, signer, State.RELEASING if opening else State.RUNNING)
    if ledger.attempts is None:
        raise _untimely(ledger, statement, signer)
    after = attempting.hear(ledger.attempts, said, statement, signer)
    state = ledger.state
    if statement.kind is Kind.CONFIRMED:
        # From here on the others can open what its signer has handed in, should it vanish.
        if not ledger.has_said(Kind.GATE, signer.org):
            raise _untimely(ledger, statement, signer)
        state = advance(state, Event.ALL_GATED) if after.all_confirmed else state
    return _finished(replace(ledger, attempts=after, state=state))


def _he_key(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    _require(ledger, statement, signer, State.RUNNING)
    key = _of_this_run(ledger, statement, signer, HeKey)
    encrypted = ledger.contract.aggregation is Aggregation.ENCRYPTED
    if signer.org not in ledger.contract.receivers or not encrypted:
        raise _untimely(ledger, statement, signer)
    if key.run != statement.subject.hex():
        raise _foreign(ledger, statement, signer)
    return replace(ledger, he_key=key)


def _cells(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    _require(ledger, statement, signer, State.RUNNING)
    cells = _of_this_run(ledger, statement, signer, Cells)
    shared = ledger.contract.aggregation is Aggregation.SHARED
    if ledger.he_key is None and not shared:
        raise _untimely(ledger, statement, signer)
    widths = {len(codes) for codes in cells.passing} | {len(ledger.contract.orgs)}
    distinct = len(set(cells.passing)) == len(cells.passing)
    told = tuple(rows.org for rows in cells.rows or ())
    right = told == ((*ledger.contract.receivers, ledger.contract.helper) if shared else ())
    whole = len(widths) == 1 and distinct and right
    if cells.run != statement.subject.hex() or not whole:
        raise _foreign(ledger, statement, signer)
    return replace(ledger, cells=cells)


def _matched(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    _require(ledger, statement, signer, State.RUNNING)
    matched = _of_this_run(ledger, statement, signer, Matched)
    orgs = tuple(result.org for result in matched.results)
    if matched.run != statement.subject.hex() or orgs != ledger.contract.receivers:
        raise _foreign(ledger, statement, signer)
    return replace(ledger, matched=matched)


def _gate(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if ledger.over:
        _require_running(ledger, statement, signer)
    else:
        _require(ledger, statement, signer, State.RUNNING)
    gate = _of_this_run(ledger, statement, signer, Gate)
    if not ledger.may_gate or ledger.to_go_on:
        raise _untimely(ledger, statement, signer)
    if gate.run != statement.subject.hex():
        raise _foreign(ledger, statement, signer)
    released = ledger.state is State.RELEASING
    if gate.verdict is Verdict.WITHHOLD:
        # What an earlier attempt has released can't be withheld any more.
        event = Event.FAILED if released else Event.WITHHELD
        return replace(ledger, state=advance(ledger.state, event), cause=gate.cause)
    if ledger.attempts is None and ledger.all_said(Kind.GATE) and not released:
        return replace(ledger, state=advance(ledger.state, Event.ALL_GATED))
    return ledger


def _evidence(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    # A sender can be through while the receiver is still matching, hence RUNNING.
    _require(ledger, statement, signer, State.RUNNING, State.RELEASING)
    if not ledger.has_said(Kind.GATE, signer.org):
        raise _untimely(ledger, statement, signer)
    if signer.org not in ledger.present:
        raise _untimely(ledger, statement, signer)
    evidence = _of_this_run(ledger, statement, signer, Evidence)
    if (evidence.job, evidence.run) != (ledger.job.hex(), statement.subject.hex()):
        raise _foreign(ledger, statement, signer)
    return _finished(replace(ledger, evidenced={**ledger.evidenced, signer.org: evidence}))


def _finished(ledger: Ledger) -> Ledger:
    """The ledger, done or failed if the evidence of everybody who is there is in."""
    evidenced = {org: said for org, said in ledger.evidenced.items() if org in ledger.present}
    if len(evidenced) < len(ledger.present):
        return ledger
    agreed = len({share.heard for share in evidenced.values()}) == 1
    if not agreed or not _receipts_agree(ledger, evidenced):
        cause = cause_of(
            BadReceipt(
                "the parties' evidence of the run does not agree",
                phase="evidence",
                fix="compare the evidence files of all sides: receipts, and what each one heard",
            )
        )
        state = advance(ledger.state, Event.FAILED)
        return replace(ledger, state=state, cause=cause)
    return replace(ledger, state=advance(ledger.state, Event.ALL_EVIDENCED))


def _receipts_agree(ledger: Ledger, evidenced: dict[str, Evidence]) -> bool:
    """Whether every receipt of the run is held by exactly its two ends.

    In a sum over UNION ALL the one end is the coordinator: it names what it was handed.
    """
    if ledger.attempts is not None:
        known = ledger.attempts.receipts
        return all(known.issuperset(share.receipts) for share in evidenced.values())
    # As sets: who states a receipt twice is not both of its ends.
    held = Counter(digest for share in evidenced.values() for digest in set(share.receipts))
    held.update(set(ledger.cells.receipts) if ledger.cells else ())
    held.update(set(ledger.matched.receipts) if ledger.matched else ())
    return set(held.values()) <= {2}


def _dead(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if signer.role is not Role.COORDINATOR:
        _check_party(ledger, signer)
    if ledger.ended:
        return ledger
    dead = _body(Dead, ledger, statement, signer, ledger.job)
    if dead.job != ledger.job.hex():
        raise _foreign(ledger, statement, signer)
    attempts = ledger.attempts
    if attempts and dead.cause.code == PartyRestarted.code and signer.org != attempts.receiver:
        # Of many one may go: the coordinator finds out whether the run can do without it.
        after = attempting.without(attempts, signer.org)
        return ledger if after is attempts else replace(ledger, attempts=after)
    if signer.role is Role.COORDINATOR and dead.cause.code not in _coordinators_causes(ledger):
        raise _untimely(ledger, statement, signer)
    event = _DEATHS.get(dead.cause.code, Event.FAILED)
    # A death that has no name of its own in this state must still end the job: the node that says
    # it does nothing more. So what runs no longer expires but fails, with the same cause.
    if (ledger.state, event) not in TRANSITIONS:
        event = Event.FAILED
    return replace(ledger, state=advance(ledger.state, event), cause=dead.cause)


def _require_running(ledger: Ledger, statement: Statement, signer: Identity) -> None:
    _require(ledger, statement, signer, State.RUNNING, State.RELEASING)


def _of_this_run(ledger: Ledger, statement: Statement, signer: Identity, model: type[B]) -> B:
    run = ledger.run
    if run is None:
        raise _untimely(ledger, statement, signer)
    return _body(model, ledger, statement, signer, run)


def _foreign(ledger: Ledger, statement: Statement, signer: Identity) -> MiheError:
    return ForeignStart(
        f"a {statement.kind.value} statement does not belong to this contract and run",
        party=signer.org,
        phase=ledger.state.value,
        fix="the sender is replaying or altering statements: compare both sides' evidence",
    )


_STEPS: dict[Kind, Callable[[Ledger, Statement, Identity], Ledger]] = {
    Kind.APPROVAL: _approval,
    Kind.PREPARE: _prepare,
    Kind.START: _start,
    Kind.HE_KEY: _he_key,
    Kind.CELLS: _cells,
    Kind.MATCHED: _matched,
    Kind.GATE: _gate,
    Kind.EVIDENCE: _evidence,
}
_DEATHS = {
    Aborted.code: Event.ABORTED,
    ContractExpired.code: Event.EXPIRED,
    Refused.code: Event.REFUSED,
    Withheld.code: Event.WITHHELD,
}
_COORDINATORS_CAUSES = {
    CertificateRevoked.code,
    ContractExpired.code,
    FingerprintChanged.code,
    ForeignCertificate.code,
    PartyLost.code,
}
# Of a blind join, whose parts it could not take or match, any cause but a person's or an owner's.
_NEVER_THE_COORDINATORS = {Aborted.code, Refused.code, Withheld.code}


def _coordinators_causes(ledger: Ledger) -> set[str]:
    if ledger.contract.family not in COLLECTED:
        return _COORDINATORS_CAUSES
    return set(BY_CODE) - _NEVER_THE_COORDINATORS
