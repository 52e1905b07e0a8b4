"""The ledger, walked through completely: from every state that can be reached, every statement.

Two parties and the coordinator have a vocabulary of well-formed statements. All ledgers that any
order of them leads to are visited once; what each step does is compared with a table of who may say
what when, which is written here by hand and not taken from the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from contract.canonical import Frozen, canonical_bytes
from contract.cause import Cause
from contract.errors import MiheError
from contract.fold import hear, open_job
from contract.identity import Identity, Role
from contract.job import Basis, Contract, JobKind, Party
from contract.keys import KeyKind
from contract.ledger import Ledger, role_of
from contract.lifecycle import State
from contract.signing import Kind, Statement
from contract.statements import (
    Approval,
    Dead,
    Decision,
    Evidence,
    Gate,
    PartyStart,
    Prepare,
    RunRole,
    StartRecord,
    Verdict,
)

A, B = "bank_a", "bank_b"
PLAN, OTHER_PLAN = "01" * 32, "02" * 32
RECEIPTS, OTHER_RECEIPTS = ("03" * 32,), ("04" * 32,)
HEARD = "09" * 32
KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def identity(org: str, role: Role = Role.NODE, *, renewed: bool = False) -> Identity:
    fingerprint = sha256(f"{org} {role} {renewed}".encode()).hexdigest()
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    return Identity(
        org, role, "91110000600037341L", fingerprint, expires, expires, b"", KEY, 1, "ca"
    )


WHO = {A: identity(A), B: identity(B), "coordinator": identity("coordinator", Role.COORDINATOR)}

CONTRACT = Contract(
    kind=JobKind.PSI,
    initiator=A,
    parties=tuple(
        Party(
            org=org,
            fingerprint=WHO[org].fingerprint,
            dataset="loans",
            key_column="uscc",
            key_kind=KeyKind.USCC,
            schema_digest="05" * 32,
            size=256,
        )
        for org in (A, B)
    ),
    receivers=(B,),
    purpose="CREDIT_MICRO",
    basis=Basis.SYNTHETIC_TEST,
    created=datetime(2026, 3, 1, tzinfo=UTC),
    expires=datetime(2026, 3, 2, tzinfo=UTC),
    nonce="06" * 32,
)
JOB = CONTRACT.job_id


def statement(kind: Kind, org: str, subject: bytes, body: Frozen) -> Statement:
    """What `hear` sees of a statement; that the signature holds was checked before."""
    return Statement(kind, org, subject, canonical_bytes(body), b"", b"")


def cause(code: str) -> Cause:
    return Cause(code=code, what="what happened", fix="what to do")


def share(org: str) -> PartyStart:
    role = {A: RunRole.SENDER, B: RunRole.RECEIVER}[org]
    return PartyStart(
        org=org,
        fingerprint=WHO[org].fingerprint,
        role=role,
        protocol=1,
        snapshot_root="07" * 32,
        nonce=sha256(org.encode()).hexdigest(),
    )


RECORD = StartRecord(
    job=JOB.hex(), run=1, attempt=1, plan_digest=PLAN, parties=(share(A), share(B))
)
RUN = RECORD.run_id


def prepare(org: str, plan: str = PLAN) -> Prepare:
    return Prepare(job=JOB.hex(), run=1, attempt=1, plan_digest=plan, party=share(org))


@dataclass(frozen=True)
class Word:
    """One entry of the vocabulary: its name, who says it, and what."""

    name: str
    org: str
    statement: Statement

    def __str__(self) -> str:
        return f"{self.org}-{self.name}"


DEATHS = ("ABORTED", "CONTRACT_EXPIRED", "REFUSED", "WITHHELD", "PARTY_LOST", "STORAGE_FULL")


def vocabulary() -> Iterator[Word]:
    job, run = JOB.hex(), RUN.hex()
    for org in (A, B):
        bodies: dict[str, tuple[Kind, bytes, Frozen]] = {
            "approve": (Kind.APPROVAL, JOB, Approval(job=job, decision=Decision.APPROVED)),
            "refuse": (
                Kind.APPROVAL,
                JOB,
                Approval(job=job, decision=Decision.REFUSED, cause=cause("REFUSED")),
            ),
            "prepare": (Kind.PREPARE, JOB, prepare(org)),
            "prepare otherwise": (Kind.PREPARE, JOB, prepare(org, OTHER_PLAN)),
            "start": (Kind.START, RUN, RECORD),
            "release": (Kind.GATE, RUN, Gate(run=run, verdict=Verdict.RELEASE)),
            "withhold": (
                Kind.GATE,
                RUN,
                Gate(run=run, verdict=Verdict.WITHHOLD, cause=cause("WITHHELD")),
            ),
            "evidence": (
                Kind.EVIDENCE,
                RUN,
                Evidence(job=job, run=run, heard=HEARD, receipts=RECEIPTS),
            ),
            "other evidence": (
                Kind.EVIDENCE,
                RUN,
                Evidence(job=job, run=run, heard=HEARD, receipts=OTHER_RECEIPTS),
            ),
        }
        for name, (kind, subject, body) in bodies.items():
            yield Word(name, org, statement(kind, org, subject, body))
    for org in WHO:
        for code in DEATHS:
            body = Dead(job=job, cause=cause(code))
            yield Word(code, org, statement(Kind.DEAD, org, JOB, body))


WORDS = list(vocabulary())


def opened() -> Ledger:
    return open_job(statement(Kind.CONTRACT, A, JOB, CONTRACT), WHO[A])


def fold(words: list[Word]) -> tuple[Ledger, list[Word]]:
    """The ledger after the words, and those of them that changed it."""
    ledger, changing = opened(), []
    for word in words:
        try:
            after = hear(ledger, word.statement, WHO[word.org])
        except MiheError:
            continue
        if after is not ledger:
            changing.append(word)
        ledger = after
    return ledger, changing


# ── the whole space ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Step:
    """From `before`, `word` leads to `after`, or is rejected with a code."""

    before: Ledger
    word: Word
    after: Ledger | str


def key(ledger: Ledger) -> object:
    return ledger.state, frozenset(ledger.bodies.items()), ledger.cause


@cache
def everything() -> tuple[Step, ...]:
    ahead, seen, steps = [opened()], {key(opened())}, []
    while ahead:
        before = ahead.pop()
        for word in WORDS:
            after: Ledger | str
            try:
                after = hear(before, word.statement, WHO[word.org])
            except MiheError as error:
                after = error.code
            else:
                if key(after) not in seen:
                    seen.add(key(after))
                    ahead.append(after)
            steps.append(Step(before, word, after))
    return tuple(steps)


WHEN = {
    Kind.APPROVAL: {State.PROPOSED},
    Kind.PREPARE: {State.APPROVED},
    Kind.START: {State.READY},
    Kind.GATE: {State.RUNNING},
    Kind.EVIDENCE: {State.RUNNING, State.RELEASING},
}
ENDED = {
    State.DONE, State.REFUSED, State.EXPIRED, State.WITHHELD, State.ABORTED, State.FAILED,
}  # fmt: skip
NOT_RUNNING = {State.PROPOSED, State.APPROVED, State.READY}
DEATH_STATES = {
    "ABORTED": (NOT_RUNNING | {State.RUNNING}, State.ABORTED),
    "CONTRACT_EXPIRED": (NOT_RUNNING, State.EXPIRED),
    "REFUSED": (NOT_RUNNING, State.REFUSED),
    "WITHHELD": ({State.RUNNING}, State.WITHHELD),
    "PARTY_LOST": (set(), State.FAILED),
    "STORAGE_FULL": (set(), State.FAILED),
}


def expected(before: Ledger, word: Word) -> State | str:
    """The state after `word`, or the code of its rejection, by the table above."""
    said = {(kind, org) for kind, org in before.bodies}
    kind, org = word.statement.kind, word.org
    other = {A: B, B: A}.get(org, "")
    if kind is Kind.DEAD:
        return expected_death(before, word)
    if before.state in ENDED or before.bodies.get((kind, org)) == word.statement.body:
        return before.state
    if (kind, org) in said or before.state not in WHEN[kind]:
        return "BAD_MESSAGE"
    if kind is Kind.EVIDENCE and (Kind.GATE, org) not in said:
        return "BAD_MESSAGE"
    if kind is Kind.START and before.run != RUN:
        return "FOREIGN_START"  # both compiled the other plan, so that is another run
    match word.name:
        case "refuse":
            return State.REFUSED
        case "withhold":
            return State.WITHHELD
    if (kind, other) not in said:
        return before.state
    theirs = before.bodies[kind, other]
    match word.name:
        case "approve":
            return State.APPROVED
        case "start":
            return State.RUNNING
        case "release":
            return State.RELEASING
        case "prepare" | "prepare otherwise":
            plan = PLAN if word.name == "prepare" else OTHER_PLAN
            same = theirs == canonical_bytes(prepare(other, plan))
            return State.READY if same else State.FAILED
        case _:
            return State.DONE if theirs == word.statement.body else State.FAILED


def expected_death(before: Ledger, word: Word) -> State | str:
    if before.state in ENDED:
        return before.state
    if word.org == "coordinator" and word.name not in {"CONTRACT_EXPIRED", "PARTY_LOST"}:
        return "BAD_MESSAGE"
    named, state = DEATH_STATES[word.name]
    return state if before.state in named else State.FAILED


def test_every_statement_in_every_state_does_what_the_table_says() -> None:
    for step in everything():
        outcome = step.after if isinstance(step.after, str) else step.after.state
        wanted = expected(step.before, step.word)
        assert outcome == wanted, (step.before.state, str(step.word), outcome)


def test_the_space_is_whole() -> None:
    reached = {step.before.state for step in everything()}
    assert reached == set(State)
    accepted = {step.word for step in everything() if step.after is not step.before}
    assert accepted == set(WORDS)


def test_what_is_unchanged_is_the_same_object() -> None:
    for step in everything():
        if isinstance(step.after, Ledger) and key(step.after) == key(step.before):
            assert step.after is step.before


def test_what_has_ended_stays_as_it_is() -> None:
    for step in everything():
        if step.before.ended and not isinstance(step.after, str):
            assert step.after is step.before


def test_a_cause_stands_where_a_job_ended_without_being_done_and_only_there() -> None:
    for step in everything():
        ended_badly = step.before.ended and step.before.state is not State.DONE
        assert (step.before.cause is not None) == ended_badly


def test_a_state_implies_that_everybody_said_what_leads_to_it() -> None:
    needed = {
        State.APPROVED: (Kind.APPROVAL,),
        State.READY: (Kind.APPROVAL, Kind.PREPARE),
        State.RUNNING: (Kind.APPROVAL, Kind.PREPARE, Kind.START),
        State.RELEASING: (Kind.APPROVAL, Kind.PREPARE, Kind.START, Kind.GATE),
        State.DONE: (Kind.APPROVAL, Kind.PREPARE, Kind.START, Kind.GATE, Kind.EVIDENCE),
    }
    for step in everything():
        for kind in needed.get(step.before.state, ()):
            assert step.before.all_said(kind), (step.before.state, kind)
        has_run = step.before.all_said(Kind.PREPARE) and step.before.start is not None
        assert (step.before.run is not None) == has_run


def test_nothing_is_released_before_every_gate_said_yes() -> None:
    for step in everything():
        if step.before.state in {State.RELEASING, State.DONE}:
            for org in (A, B):
                released = Gate(run=RUN.hex(), verdict=Verdict.RELEASE)
                assert step.before.bodies[Kind.GATE, org] == canonical_bytes(released)


def test_a_step_leaves_the_ledger_before_it_as_it_was() -> None:
    fresh = opened()
    kept = replace(fresh, bodies=dict(fresh.bodies), prepared=dict(fresh.prepared))
    for word in WORDS:
        try:
            hear(fresh, word.statement, WHO[word.org])
        except MiheError:
            continue
    assert fresh == kept


ROUNDS = ("approve", "prepare", "start", "release", "evidence")
BY_NAME = {(word.org, word.name): word for word in WORDS}


def test_within_a_round_the_order_of_the_parties_does_not_matter() -> None:
    orders: set[tuple[tuple[str, str], ...]] = {()}
    for name in ROUNDS:
        orders = {
            (*before, *((org, name) for org in order))
            for before in orders
            for order in permutations((A, B))
        }
    ends = {fold([BY_NAME[one] for one in order])[0].state for order in orders}
    assert len(orders) == 2 ** len(ROUNDS)
    assert ends == {State.DONE}


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_a_log_of_what_changed_something_folds_to_the_same_ledger(words: list[Word]) -> None:
    """The coordinator logs only what changes a job; a node folds only what is logged."""
    ledger, changing = fold(words)
    again, still_changing = fold(changing)
    assert again == ledger
    assert still_changing == changing


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_saying_everything_twice_changes_nothing(words: list[Word]) -> None:
    once, changing = fold(words)
    assert fold([word for word in words for _ in range(2)]) == (once, changing)


# ── contracts ───────────────────────────────────────────────────────────────────────────────────


def rejected(ledger: Ledger, word: Statement, who: Identity) -> tuple[str, str | None]:
    with pytest.raises(MiheError) as rejection:
        hear(ledger, word, who)
    return rejection.value.code, rejection.value.party


def unopened(word: Statement, who: Identity) -> str:
    with pytest.raises(MiheError) as rejection:
        open_job(word, who)
    return rejection.value.code


def test_a_contract_opens_a_job() -> None:
    ledger = opened()
    assert (ledger.job, ledger.contract, ledger.state) == (JOB, CONTRACT, State.PROPOSED)
    assert ledger.run is None
    assert not ledger.ended


def test_a_contract_that_was_altered_opens_no_job() -> None:
    altered = CONTRACT.model_copy(update={"expires": CONTRACT.expires + timedelta(days=1)})
    assert unopened(statement(Kind.CONTRACT, A, JOB, altered), WHO[A]) == "CONTRACT_ALTERED"
    spaced = canonical_bytes(CONTRACT).replace(b":", b": ", 1)
    assert (
        unopened(Statement(Kind.CONTRACT, A, sha256(spaced).digest(), spaced, b"", b""), WHO[A])
        == "CONTRACT_ALTERED"
    )


def test_only_the_initiator_proposes() -> None:
    assert unopened(statement(Kind.CONTRACT, B, JOB, CONTRACT), WHO[B]) == "CONTRACT_ALTERED"


def test_the_initiators_certificate_is_the_one_that_the_contract_names() -> None:
    proposal = statement(Kind.CONTRACT, A, JOB, CONTRACT)
    assert unopened(proposal, identity(A, renewed=True)) == "FINGERPRINT_CHANGED"
    posing = replace(WHO[A], role=Role.COORDINATOR)
    assert unopened(proposal, posing) == "UNKNOWN_ORGANISATION"


def test_the_first_receiver_is_the_receiver_of_the_run() -> None:
    assert role_of(CONTRACT, B) is RunRole.RECEIVER
    assert role_of(CONTRACT, A) is RunRole.SENDER


# ── who may speak, and about what ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", WORDS, ids=str)
def test_a_stranger_says_nothing_about_a_job(word: Word) -> None:
    stranger = identity("tax")
    assert rejected(opened(), word.statement, stranger) == ("UNKNOWN_ORGANISATION", "tax")


@pytest.mark.parametrize("word", [w for w in WORDS if w.org == A], ids=str)
def test_a_party_with_another_certificate_says_nothing(word: Word) -> None:
    renewed = identity(A, renewed=True)
    assert rejected(opened(), word.statement, renewed) == ("FINGERPRINT_CHANGED", A)


@pytest.mark.parametrize(
    "word", [w for w in WORDS if w.org == A and w.statement.kind is not Kind.DEAD], ids=str
)
def test_the_coordinator_states_nothing_but_deaths(word: Word) -> None:
    assert rejected(opened(), word.statement, WHO["coordinator"])[0] == "UNKNOWN_ORGANISATION"


@pytest.mark.parametrize("kind", [Kind.CONTRACT, Kind.RECEIPT, Kind.CATALOGUE])
def test_other_kinds_have_no_place_in_a_ledger(kind: Kind) -> None:
    assert rejected(opened(), statement(kind, A, JOB, CONTRACT), WHO[A]) == ("BAD_MESSAGE", A)


def at(state: State) -> Ledger:
    """The ledger that the shortest honest way to `state` leads to."""
    words = [BY_NAME[org, name] for name in ROUNDS for org in (A, B)]
    for count in range(len(words) + 1):
        ledger, _ = fold(words[:count])
        if ledger.state is state:
            return ledger
    raise AssertionError(state)


TIMELY = {
    "approve": State.PROPOSED,
    "prepare": State.APPROVED,
    "start": State.READY,
    "release": State.RUNNING,
    "evidence": State.RELEASING,
    "PARTY_LOST": State.PROPOSED,
}


@pytest.mark.parametrize("name", TIMELY)
def test_a_statement_under_another_subject_is_foreign(name: str) -> None:
    word = replace(BY_NAME[A, name].statement, subject=bytes(32))
    assert rejected(at(TIMELY[name]), word, WHO[A]) == ("FOREIGN_START", A)


@pytest.mark.parametrize("name", TIMELY)
def test_a_body_that_is_malformed_is_rejected(name: str) -> None:
    honest = BY_NAME[A, name].statement
    for body in (b"", b"{}", b"[]", b"\xff", honest.body + b" ", honest.body[:-1]):
        word = replace(honest, body=body)
        assert rejected(at(TIMELY[name]), word, WHO[A]) == ("BAD_MESSAGE", A)


@pytest.mark.parametrize("name", [name for name in TIMELY if name != "start"])
def test_a_body_about_another_job_is_foreign(name: str) -> None:
    honest = BY_NAME[A, name].statement
    other = honest.body.replace(JOB.hex().encode(), b"ff" * 32)
    if name == "release":
        other = honest.body.replace(RUN.hex().encode(), b"ff" * 32)
    assert other != honest.body
    assert rejected(at(TIMELY[name]), replace(honest, body=other), WHO[A]) == ("FOREIGN_START", A)


@pytest.mark.parametrize(
    "change",
    [
        {"run": 2},
        {"attempt": 2},
        {"party": share(B)},
        {"party": share(A).model_copy(update={"role": RunRole.RECEIVER})},
        {"party": share(A).model_copy(update={"fingerprint": "ff" * 32})},
    ],
    ids=["run", "attempt", "another party's", "role", "fingerprint"],
)
def test_a_share_that_does_not_fit_the_contract_is_foreign(change: dict[str, object]) -> None:
    word = statement(Kind.PREPARE, A, JOB, prepare(A).model_copy(update=change))
    assert rejected(at(State.APPROVED), word, WHO[A]) == ("FOREIGN_START", A)


def records() -> Iterator[StartRecord]:
    yield RECORD.model_copy(update={"run": 2})
    yield RECORD.model_copy(update={"attempt": 2})
    yield RECORD.model_copy(update={"plan_digest": OTHER_PLAN})
    yield RECORD.model_copy(update={"parties": RECORD.parties[::-1]})
    for change in ({"nonce": "ff" * 32}, {"snapshot_root": "ff" * 32}, {"address": "host:1"}):
        altered = share(B).model_copy(update=change)
        yield RECORD.model_copy(update={"parties": (share(A), altered)})


@pytest.mark.parametrize("record", list(records()), ids=lambda record: record.run_id.hex()[:6])
def test_a_start_record_that_differs_anywhere_is_foreign(record: StartRecord) -> None:
    ready = at(State.READY)
    own_subject = statement(Kind.START, A, record.run_id, record)
    this_subject = statement(Kind.START, A, RUN, record)
    for word in (own_subject, this_subject):
        assert rejected(ready, word, WHO[A]) == ("FOREIGN_START", A)


def test_every_party_finds_the_same_run() -> None:
    assert at(State.READY).start == RECORD
    assert at(State.READY).run == RUN


def test_a_cause_travels_as_it_was_stated() -> None:
    word = BY_NAME[B, "STORAGE_FULL"]
    ledger = hear(at(State.RUNNING), word.statement, WHO[B])
    assert ledger.cause == cause("STORAGE_FULL")
