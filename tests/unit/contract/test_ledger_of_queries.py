"""The ledger of a query between three: the one-time key, the cells, the gates, the evidence.

What a query adds to the walk of test_ledger.py: who may say it, when, about which run, and how
often; and that evidence is agreed on pair by pair.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from contract.canonical import Frozen, canonical_bytes
from contract.cause import Cause
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import BY_CODE, MiheError
from contract.fold import hear, open_job
from contract.identity import Identity, Role
from contract.job import Basis, Contract, Crypto, JobKind, KeyedDataset, Party, Query
from contract.keys import KeyKind
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, Statement
from contract.statements import (
    Approval,
    Cells,
    Dead,
    Decision,
    Evidence,
    Gate,
    HeKey,
    MatchFor,
    PartyStart,
    Prepare,
    RunRole,
    StartRecord,
    Verdict,
)
from contract.suites import Suite

A, B, C, COORDINATOR = "bank_a", "registry", "tax", "coordinator"
ORGS = (A, B, C)
PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key()


def identity(org: str, role: Role = Role.NODE) -> Identity:
    fingerprint = sha256(f"{org} {role}".encode()).hexdigest()
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    return Identity(
        org, role, "91110000600037341L", fingerprint, expires, expires, b"", PUBLIC, 1, "ca"
    )


WHO = {org: identity(org) for org in ORGS} | {COORDINATOR: identity(COORDINATOR, Role.COORDINATOR)}


def entry(org: str) -> CatalogueEntry:
    key = CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256)
    return CatalogueEntry(org=org, name="data", columns=(key,), refreshed=date(2026, 3, 1))


CONTRACT = Contract(
    kind=JobKind.QUERY,
    initiator=A,
    parties=tuple(
        Party(
            org=org,
            fingerprint=WHO[org].fingerprint,
            dataset="data",
            key_column="uscc",
            key_kind=KeyKind.USCC,
            schema_digest=entry(org).schema_digest,
            size=256,
        )
        for org in ORGS
    ),
    receivers=(A,),
    query=Query(statement="SELECT …", min_group=10, min_join=10, entries=tuple(map(entry, ORGS))),
    purpose="CREDIT_MICRO",
    basis=Basis.SYNTHETIC_TEST,
    crypto=Crypto(suite=Suite.BLIND_JOIN),
    created=datetime(2026, 3, 1, tzinfo=UTC),
    expires=datetime(2026, 3, 2, tzinfo=UTC),
    nonce="06" * 32,
)
JOB = CONTRACT.job_id


def share(org: str) -> PartyStart:
    return PartyStart(
        org=org,
        fingerprint=WHO[org].fingerprint,
        role=RunRole.OWNER,
        protocol=1,
        snapshot_root="07" * 32,
        nonce=sha256(org.encode()).hexdigest(),
    )


RECORD = StartRecord(
    job=JOB.hex(), run=1, attempt=1, plan_digest="01" * 32, parties=tuple(map(share, ORGS))
)
RUN = RECORD.run_id


def said(kind: Kind, org: str, body: Frozen, subject: bytes = RUN) -> Statement:
    """What `hear` sees of a statement; that the signature holds was checked before."""
    return Statement(kind, org, subject, canonical_bytes(body), b"", b"")


def of(digest: int) -> str:
    """The digest of a receipt."""
    return f"{digest:02x}" * 32


KEY = HeKey(run=RUN.hex(), key="0a" * 32)
HANDED_IN = {A: of(1), B: of(2), C: of(3)}
CELLS = Cells(
    run=RUN.hex(),
    passing=((0, 1, 0), (0, 2, 0)),
    remainder=True,
    result="0b" * 32,
    receipts=tuple(HANDED_IN.values()),
)
BETWEEN = {(A, B): of(4), (A, C): of(5), (B, C): of(6)}


def receipts(org: str) -> tuple[str, ...]:
    """What an honest party holds: one receipt of each stream, and one of its share."""
    return (HANDED_IN[org], *(one for pair, one in BETWEEN.items() if org in pair))


def key(body: HeKey = KEY, org: str = A, subject: bytes = RUN) -> Statement:
    return said(Kind.HE_KEY, org, body, subject)


def cells(body: Cells = CELLS, org: str = COORDINATOR, subject: bytes = RUN) -> Statement:
    return said(Kind.CELLS, org, body, subject)


def gate(org: str) -> Statement:
    return said(Kind.GATE, org, Gate(run=RUN.hex(), verdict=Verdict.RELEASE))


def evidence(org: str, *held: str) -> Statement:
    body = Evidence(job=JOB.hex(), run=RUN.hex(), heard="09" * 32, receipts=held)
    return said(Kind.EVIDENCE, org, body)


def after(ledger: Ledger, *statements: Statement) -> Ledger:
    for one in statements:
        ledger = hear(ledger, one, WHO[one.org])
    return ledger


def rejected(ledger: Ledger, statement: Statement, signer: Identity | None = None) -> str:
    with pytest.raises(MiheError) as caught:
        hear(ledger, statement, signer or WHO[statement.org])
    assert caught.value.party == (signer.org if signer else statement.org)
    return caught.value.code


def _ready() -> Ledger:
    ledger = open_job(said(Kind.CONTRACT, A, CONTRACT, JOB), WHO[A])
    yes = Approval(job=JOB.hex(), decision=Decision.APPROVED)
    ledger = after(ledger, *(said(Kind.APPROVAL, org, yes, JOB) for org in ORGS))
    prepares = (
        Prepare(job=JOB.hex(), run=1, attempt=1, plan_digest="01" * 32, party=share(org))
        for org in ORGS
    )
    pairs = zip(ORGS, prepares, strict=True)
    return after(ledger, *(said(Kind.PREPARE, org, one, JOB) for org, one in pairs))


READY = _ready()
RUNNING = after(READY, *(said(Kind.START, org, RECORD) for org in ORGS))
KEYED = after(RUNNING, key())
CELLED = after(KEYED, cells())
RELEASING = after(CELLED, *map(gate, ORGS))


def test_the_way_of_a_query() -> None:
    states = [one.state for one in (READY, RUNNING, KEYED, CELLED, RELEASING)]
    assert states == [State.READY, *[State.RUNNING] * 3, State.RELEASING]
    assert (RUNNING.he_key, KEYED.he_key) == (None, KEY)
    assert (KEYED.cells, CELLED.cells) == (None, CELLS)
    done = after(RELEASING, *(evidence(org, *receipts(org)) for org in ORGS))
    assert done.state is State.DONE


def test_a_share_names_a_snapshot_of_each_dataset() -> None:
    """Of an owner that joins two, two; of one that has one, one."""
    more = entry(A).model_copy(update={"name": "more"})
    joined = KeyedDataset(dataset="more", key=("uscc",), schema_digest=more.schema_digest)
    first, *others = CONTRACT.parties
    query = CONTRACT.query
    assert query is not None
    own, *further = query.entries
    contract = CONTRACT.model_copy(
        update={
            "parties": (first.model_copy(update={"joined": (joined,)}), *others),
            "query": query.model_copy(update={"entries": (own, more, *further)}),
        }
    )
    job = contract.job_id
    yes = Approval(job=job.hex(), decision=Decision.APPROVED)
    ledger = open_job(said(Kind.CONTRACT, A, contract, job), WHO[A])
    ledger = after(ledger, *(said(Kind.APPROVAL, org, yes, job) for org in ORGS))

    def prepare(org: str, *roots: str) -> Statement:
        party = share(org).model_copy(update={"joined_roots": roots or None})
        one = Prepare(job=job.hex(), run=1, attempt=1, plan_digest="01" * 32, party=party)
        return said(Kind.PREPARE, org, one, job)

    assert rejected(ledger, prepare(A)) == "FOREIGN_START"
    assert rejected(ledger, prepare(A, of(1), of(2))) == "FOREIGN_START"
    assert rejected(ledger, prepare(B, of(1))) == "FOREIGN_START"
    ready = after(ledger, prepare(A, of(1)), prepare(B), prepare(C))
    assert ready.start is not None
    assert ready.start.party(A).joined_roots == (of(1),)
    assert ready.start.run_id != RECORD.run_id


# ── the one-time key ────────────────────────────────────────────────────────────────────────────


def test_only_the_receiver_names_the_key() -> None:
    assert rejected(RUNNING, key(org=B)) == "BAD_MESSAGE"
    assert rejected(RUNNING, key(org=COORDINATOR)) == "UNKNOWN_ORGANISATION"
    assert rejected(RUNNING, key(), identity("power")) == "UNKNOWN_ORGANISATION"


def test_the_key_is_named_once_the_run_is_on_and_not_before() -> None:
    assert rejected(READY, key()) == "BAD_MESSAGE"
    assert rejected(RELEASING, key(HeKey(run=RUN.hex(), key="0c" * 32))) == "BAD_MESSAGE"


def test_a_second_key_is_refused_and_the_same_again_changes_nothing() -> None:
    assert rejected(KEYED, key(HeKey(run=RUN.hex(), key="0c" * 32))) == "BAD_MESSAGE"
    assert hear(CELLED, key(), WHO[A]) is CELLED


def test_a_key_of_another_run_is_foreign() -> None:
    elsewhere = HeKey(run="ff" * 32, key=KEY.key)
    assert rejected(RUNNING, key(elsewhere)) == "FOREIGN_START"
    assert rejected(RUNNING, key(elsewhere, subject=b"\xff" * 32)) == "FOREIGN_START"


# ── the cells ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("org", ORGS)
def test_only_the_coordinator_names_the_cells(org: str) -> None:
    assert rejected(KEYED, cells(org=org)) == "BAD_MESSAGE"


def test_cells_come_after_the_key_and_before_the_gates() -> None:
    assert rejected(READY, cells()) == "BAD_MESSAGE"
    assert rejected(RUNNING, cells()) == "BAD_MESSAGE"
    other = CELLS.model_copy(update={"remainder": False})
    for ledger in (CELLED, RELEASING):
        assert rejected(ledger, cells(other)) == "BAD_MESSAGE"
        assert hear(ledger, cells(), WHO[COORDINATOR]) is ledger


@pytest.mark.parametrize(
    "change",
    [
        {"run": "ff" * 32},
        {"passing": ((0, 1),)},
        {"passing": ((0, 1, 0, 0),)},
        {"passing": ((0, 1, 0), (0, 1))},
        {"passing": ((0, 1, 0), (0, 1, 0))},
    ],
    ids=["run", "a code missing", "a code too many", "uneven", "a cell twice"],
)
def test_cells_that_do_not_fit_the_contract_are_foreign(change: dict[str, object]) -> None:
    assert rejected(KEYED, cells(CELLS.model_copy(update=change))) == "FOREIGN_START"


def test_cells_of_another_run_are_foreign() -> None:
    assert rejected(KEYED, cells(subject=b"\xff" * 32)) == "FOREIGN_START"


def test_no_cell_at_all_is_an_answer() -> None:
    nothing = CELLS.model_copy(update={"passing": (), "remainder": False})
    assert after(KEYED, cells(nothing)).cells == nothing


# ── gates, deaths, evidence ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("org", ORGS)
def test_nobody_releases_before_it_is_known_which_cells(org: str) -> None:
    assert rejected(RUNNING, gate(org)) == "BAD_MESSAGE"
    assert rejected(KEYED, gate(org)) == "BAD_MESSAGE"
    assert after(CELLED, gate(org)).has_said(Kind.GATE, org)


@pytest.mark.parametrize("code", BY_CODE)
def test_the_coordinator_ends_a_query_but_not_in_a_persons_or_an_owners_name(code: str) -> None:
    body = Dead(job=JOB.hex(), cause=Cause(code=code, what="what happened", fix="what to do"))
    dead = said(Kind.DEAD, COORDINATOR, body, JOB)
    if code in {"ABORTED", "BUDGET_EXHAUSTED", "REFUSED", "WITHHELD"}:
        assert rejected(KEYED, dead) == "BAD_MESSAGE"
    else:
        ended = after(KEYED, dead)
        assert ended.ended
        assert ended.cause == body.cause


@pytest.mark.parametrize("org", ORGS)
@pytest.mark.parametrize("fault", ["one more", "one less", "another", "one twice"])
def test_evidence_is_compared_pair_by_pair(org: str, fault: str) -> None:
    held = receipts(org)
    altered = {
        "one more": (*held, of(9)),
        "one less": held[:-1],
        "another": (*held[:-1], of(9)),
        "one twice": (*held, of(9), of(9)),
    }[fault]
    said_by = {one: altered if one == org else receipts(one) for one in ORGS}
    ended = after(RELEASING, *(evidence(one, *said_by[one]) for one in ORGS))
    assert ended.state is State.FAILED
    assert ended.cause is not None
    assert ended.cause.code == "BAD_RECEIPT"


@pytest.mark.parametrize("org", ORGS)
def test_what_an_owner_handed_in_must_be_what_the_coordinator_worked_on(org: str) -> None:
    swapped = tuple(of(9) if one == HANDED_IN[org] else one for one in CELLS.receipts)
    ledger = after(KEYED, cells(CELLS.model_copy(update={"receipts": swapped})))
    ended = after(ledger, *map(gate, ORGS), *(evidence(one, *receipts(one)) for one in ORGS))
    assert ended.state is State.FAILED


def test_a_contract_altered_in_its_query_is_another_job() -> None:
    assert CONTRACT.query is not None
    wider = CONTRACT.query.model_copy(update={"min_group": 1})
    altered = CONTRACT.model_copy(update={"query": wider})
    assert altered.job_id != JOB
    forged = replace(said(Kind.CONTRACT, A, CONTRACT, JOB), body=canonical_bytes(altered))
    with pytest.raises(MiheError) as caught:
        open_job(forged, WHO[A])
    assert caught.value.code == "CONTRACT_ALTERED"


# ── by shares ───────────────────────────────────────────────────────────────────────────────────


def by_shares(ledger: Ledger) -> Ledger:
    """The same job under another suite; its contract's digest is not looked at again."""
    crypto = Crypto(suite=Suite.BLIND_SHARED)
    return replace(ledger, contract=CONTRACT.model_copy(update={"crypto": crypto}))


def told(*orgs: str) -> Cells:
    return CELLS.model_copy(update={"rows": tuple(MatchFor(org=org, digest=of(8)) for org in orgs)})


def test_by_shares_cells_need_no_key_and_no_key_is_named() -> None:
    ledger = by_shares(RUNNING)
    assert rejected(ledger, key()) == "BAD_MESSAGE"
    assert after(ledger, cells(told(*ORGS[:2]))).cells == told(*ORGS[:2])


@pytest.mark.parametrize(
    "orgs",
    [(), ORGS[:1], ORGS[1:2], ORGS[::2], ORGS[1::-1]],
    ids=["none", "R", "H", "R, another", "H, R"],
)
def test_by_shares_rows_are_for_the_receiver_and_its_helper(orgs: tuple[str, ...]) -> None:
    assert rejected(by_shares(RUNNING), cells(told(*orgs))) == "FOREIGN_START"


def test_of_encrypted_sums_no_rows_are_told() -> None:
    assert rejected(KEYED, cells(told(*ORGS[:2]))) == "FOREIGN_START"
