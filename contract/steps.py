"""What each kind of statement means for a job: the ledger after it, or why it has no place.

A step is asked once its signer is known to be one who may speak (contract/fold.py); in which state
its kind has a place, and what it must agree with, is checked here and nowhere else, but for the
attempts of a sum over many organisations' own rows, which have a fold of their own
(contract/attempts.py).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from contract import attempts as attempting
from contract import further
from contract.admissible import (
    body_of,
    check_party,
    foreign,
    of_this_run,
    require_running,
    require_state,
    untimely,
)
from contract.attempts import OfAttempt
from contract.cause import cause_of
from contract.errors import (
    BY_CODE,
    Aborted,
    BadReceipt,
    BudgetExhausted,
    CertificateRevoked,
    ContractExpired,
    FingerprintChanged,
    ForeignCertificate,
    ForeignStart,
    PartyLost,
    PartyRestarted,
    Refused,
    Withheld,
)
from contract.identity import Identity, Role
from contract.job import PROTOCOL_VERSION
from contract.ledger import Ledger, role_of
from contract.lifecycle import TRANSITIONS, Event, State, advance
from contract.signing import Kind, Statement
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
    StartRecord,
    Verdict,
)
from contract.suites import COLLECTED, Aggregation

Step = Callable[[Ledger, Statement, Identity], Ledger]


def _approval(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    require_state(ledger, statement, signer, State.PROPOSED)
    approval = body_of(Approval, ledger, statement, signer, ledger.job)
    if approval.job != ledger.job.hex():
        raise foreign(ledger, statement, signer)
    if approval.decision is Decision.REFUSED:
        return replace(ledger, state=advance(ledger.state, Event.REFUSED), cause=approval.cause)
    if ledger.all_said(Kind.APPROVAL):
        return replace(ledger, state=advance(ledger.state, Event.ALL_APPROVED))
    return ledger


def _prepare(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if statement.subject == ledger.run:
        return _prepare_again(ledger, statement, signer)
    require_state(ledger, statement, signer, State.APPROVED)
    prepare = body_of(Prepare, ledger, statement, signer, ledger.job)
    party = prepare.party
    expected = (ledger.job.hex(), 1, 1, signer.org, signer.fingerprint, PROTOCOL_VERSION)
    stated = (
        prepare.job, prepare.run, prepare.attempt, party.org, party.fingerprint, party.protocol,
    )  # fmt: skip
    joined = len(ledger.contract.party(signer.org).joined or ())
    if (
        stated != expected
        or party.role is not role_of(ledger.contract, signer.org)
        or len(party.joined_roots or ()) != joined
    ):
        raise foreign(ledger, statement, signer)
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
    require_running(ledger, statement, signer)
    prepare = of_this_run(ledger, statement, signer, Prepare)
    assert ledger.run is not None
    assert ledger.start is not None
    if not ledger.may_go_on:
        raise untimely(ledger, statement, signer)
    if not further.follows(ledger.start, prepare, signer.org):
        raise foreign(ledger, statement, signer)
    again = {**ledger.again, signer.org: prepare}
    if len(again) < len(ledger.contract.orgs):
        return replace(ledger, again=again)
    start = further.record_of(again, ledger.contract)
    over = (*ledger.over, ledger.run)
    return replace(ledger, again={}, start=start, run=start.run_id, over=over, evidenced={})


def _start(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if ledger.over:
        require_running(ledger, statement, signer)
    else:
        require_state(ledger, statement, signer, State.READY)
    start = of_this_run(ledger, statement, signer, StartRecord)
    if start != ledger.start:
        raise foreign(ledger, statement, signer)
    if ledger.over or not ledger.all_said(Kind.START):
        return ledger
    begun = attempting.begun(ledger.contract, statement.subject)
    return replace(ledger, state=advance(ledger.state, Event.ALL_SIGNED), attempts=begun)


def attempt(ledger: Ledger, said: OfAttempt, statement: Statement, signer: Identity) -> Ledger:
    """One more word about the attempts of a sum over many organisations' own rows."""
    opening = statement.kind in (Kind.ABSENT, Kind.TALLIED, Kind.OPENED)
    require_state(ledger, statement, signer, State.RELEASING if opening else State.RUNNING)
    if ledger.attempts is None:
        raise untimely(ledger, statement, signer)
    after = attempting.hear(ledger.attempts, said, statement, signer)
    state = ledger.state
    if statement.kind is Kind.CONFIRMED:
        # From here on the others can open what its signer has handed in, should it vanish.
        if not ledger.has_said(Kind.GATE, signer.org):
            raise untimely(ledger, statement, signer)
        state = advance(state, Event.ALL_GATED) if after.all_confirmed else state
    return _finished(replace(ledger, attempts=after, state=state))


def _he_key(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    require_state(ledger, statement, signer, State.RUNNING)
    key = of_this_run(ledger, statement, signer, HeKey)
    encrypted = ledger.contract.aggregation in (Aggregation.ENCRYPTED, Aggregation.PAILLIER)
    if signer.org not in ledger.contract.receivers or not encrypted:
        raise untimely(ledger, statement, signer)
    if key.run != statement.subject.hex():
        raise foreign(ledger, statement, signer)
    return replace(ledger, he_key=key)


def _cells(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    require_state(ledger, statement, signer, State.RUNNING)
    cells = of_this_run(ledger, statement, signer, Cells)
    shared = ledger.contract.aggregation is Aggregation.SHARED
    if ledger.attempts is not None or (ledger.he_key is None and not shared):
        raise untimely(ledger, statement, signer)
    widths = {len(codes) for codes in cells.passing} | {len(ledger.contract.orgs)}
    distinct = len(set(cells.passing)) == len(cells.passing)
    told = tuple(rows.org for rows in cells.rows or ())
    right = told == ((*ledger.contract.receivers, ledger.contract.helper) if shared else ())
    whole = len(widths) == 1 and distinct and right
    if cells.run != statement.subject.hex() or not whole:
        raise foreign(ledger, statement, signer)
    return replace(ledger, cells=cells)


def _matched(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    require_state(ledger, statement, signer, State.RUNNING)
    matched = of_this_run(ledger, statement, signer, Matched)
    orgs = tuple(result.org for result in matched.results)
    if matched.run != statement.subject.hex() or orgs != ledger.contract.receivers:
        raise foreign(ledger, statement, signer)
    return replace(ledger, matched=matched)


def _gate(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    if ledger.over:
        require_running(ledger, statement, signer)
    else:
        require_state(ledger, statement, signer, State.RUNNING)
    gate = of_this_run(ledger, statement, signer, Gate)
    if not ledger.may_gate or ledger.to_go_on:
        raise untimely(ledger, statement, signer)
    if gate.run != statement.subject.hex():
        raise foreign(ledger, statement, signer)
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
    require_state(ledger, statement, signer, State.RUNNING, State.RELEASING)
    if not ledger.has_said(Kind.GATE, signer.org):
        raise untimely(ledger, statement, signer)
    if signer.org not in ledger.present:
        raise untimely(ledger, statement, signer)
    evidence = of_this_run(ledger, statement, signer, Evidence)
    if (evidence.job, evidence.run) != (ledger.job.hex(), statement.subject.hex()):
        raise foreign(ledger, statement, signer)
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


def dead(ledger: Ledger, statement: Statement, signer: Identity) -> Ledger:
    """What a party, or for some causes the coordinator, says is the end of the job."""
    if signer.role is not Role.COORDINATOR:
        check_party(ledger, signer)
    if ledger.ended:
        return ledger
    dead = body_of(Dead, ledger, statement, signer, ledger.job)
    if dead.job != ledger.job.hex():
        raise foreign(ledger, statement, signer)
    attempts = ledger.attempts
    if attempts and dead.cause.code == PartyRestarted.code and signer.org != attempts.receiver:
        # Of many one may go: the coordinator finds out whether the run can do without it.
        after = attempting.without(attempts, signer.org)
        return ledger if after is attempts else replace(ledger, attempts=after)
    if signer.role is Role.COORDINATOR and dead.cause.code not in _coordinators_causes(ledger):
        raise untimely(ledger, statement, signer)
    event = _DEATHS.get(dead.cause.code, Event.FAILED)
    # A death that has no name of its own in this state must still end the job: the node that says
    # it does nothing more. So what runs no longer expires but fails, with the same cause.
    if (ledger.state, event) not in TRANSITIONS:
        event = Event.FAILED
    return replace(ledger, state=advance(ledger.state, event), cause=dead.cause)


STEPS: Final[dict[Kind, Step]] = {
    Kind.APPROVAL: _approval,
    Kind.PREPARE: _prepare,
    Kind.START: _start,
    Kind.HE_KEY: _he_key,
    Kind.CELLS: _cells,
    Kind.MATCHED: _matched,
    Kind.GATE: _gate,
    Kind.EVIDENCE: _evidence,
}
"""Of the kinds that are neither the end of a job nor about an attempt of a sum."""

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
_NEVER_THE_COORDINATORS = {Aborted.code, BudgetExhausted.code, Refused.code, Withheld.code}


def _coordinators_causes(ledger: Ledger) -> set[str]:
    if ledger.contract.family not in COLLECTED:
        return _COORDINATORS_CAUSES
    return set(BY_CODE) - _NEVER_THE_COORDINATORS
