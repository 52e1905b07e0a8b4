"""The two statements of the coordinator in a blind join: who may make them, when, and about what.

The walk through everything that two parties can say is in test_ledger.py; here are the words that
only a blind join has.
"""

from dataclasses import replace

import pytest

from contract.canonical import Frozen
from contract.errors import BadMessage, ForeignStart, MiheError
from contract.fold import hear
from contract.job import Crypto
from contract.ledger import Ledger, role_of
from contract.lifecycle import State
from contract.signing import Kind
from contract.statements import Dead, Evidence, Gate, Matched, MatchFor, RunRole, Verdict
from contract.suites import MATCH_SUITES, Suite
from tests.unit.contract.test_ledger import (
    CONTRACT,
    JOB,
    RECORD,
    RUN,
    WHO,
    A,
    B,
    cause,
    statement,
)

DIGEST = "0a" * 32
MATCHED = Matched(run=RUN.hex(), results=(MatchFor(org=B, digest=DIGEST),), receipts=(DIGEST,))
RELEASE = Gate(run=RUN.hex(), verdict=Verdict.RELEASE)


def running(suite: Suite = Suite.BLIND_MATCH) -> Ledger:
    """A job that runs. Its contract is not checked here: only what is said about it is."""
    contract = CONTRACT.model_copy(update={"crypto": Crypto(suite=suite)})
    return Ledger(contract, JOB, state=State.RUNNING, start=RECORD, run=RECORD.run_id)


def said(ledger: Ledger, kind: Kind, org: str, body: Frozen, subject: bytes = RUN) -> Ledger:
    return hear(ledger, statement(kind, org, subject, body), WHO[org])


def refused(error: type[MiheError], ledger: Ledger, kind: Kind, org: str, body: Frozen) -> None:
    with pytest.raises(error):
        said(ledger, kind, org, body)


def test_everybody_is_an_owner_where_the_coordinator_matches() -> None:
    assert {role_of(running().contract, org) for org in (A, B)} == {RunRole.OWNER}


@pytest.mark.parametrize("suite", MATCH_SUITES.values())
def test_owners_have_nothing_to_release_before_the_lists_are_matched(suite: Suite) -> None:
    ledger = running(suite)
    refused(BadMessage, ledger, Kind.GATE, A, RELEASE)
    ledger = said(ledger, Kind.MATCHED, "coordinator", MATCHED)
    assert (ledger.matched, ledger.state) == (MATCHED, State.RUNNING)
    ledger = said(said(ledger, Kind.GATE, A, RELEASE), Kind.GATE, B, RELEASE)
    assert ledger.state is State.RELEASING


@pytest.mark.parametrize("org", [A, B])
def test_no_party_says_what_matched(org: str) -> None:
    refused(BadMessage, running(), Kind.MATCHED, org, MATCHED)


@pytest.mark.parametrize("suite", [Suite.PSI_ECDH, Suite.BLIND_JOIN, Suite.KEYED_JOIN])
def test_the_coordinator_says_it_in_no_other_kind_of_job(suite: Suite) -> None:
    refused(BadMessage, running(suite), Kind.MATCHED, "coordinator", MATCHED)


@pytest.mark.parametrize(
    "body",
    [
        MATCHED.model_copy(update={"run": "ff" * 32}),
        MATCHED.model_copy(update={"results": (MatchFor(org=A, digest=DIGEST),)}),
        MATCHED.model_copy(update={"results": (*MATCHED.results, MatchFor(org=A, digest=DIGEST))}),
    ],
    ids=["another run", "another receiver", "one receiver too many"],
)
def test_it_is_about_this_run_and_its_receivers(body: Matched) -> None:
    refused(ForeignStart, running(), Kind.MATCHED, "coordinator", body)


def test_it_is_said_once() -> None:
    ledger = said(running(), Kind.MATCHED, "coordinator", MATCHED)
    assert said(ledger, Kind.MATCHED, "coordinator", MATCHED) is ledger
    other = MATCHED.model_copy(update={"receipts": ()})
    refused(BadMessage, ledger, Kind.MATCHED, "coordinator", other)


def test_it_is_not_said_before_the_run_or_after_it() -> None:
    early = replace(running(), state=State.READY)
    refused(BadMessage, early, Kind.MATCHED, "coordinator", MATCHED)
    over = replace(running(), state=State.FAILED)
    assert said(over, Kind.MATCHED, "coordinator", MATCHED) is over


def test_the_coordinator_ends_what_it_could_not_match_but_decides_for_nobody() -> None:
    dead = Dead(job=JOB.hex(), cause=cause("BAD_MESSAGE"))
    ended = said(running(), Kind.DEAD, "coordinator", dead, JOB)
    assert (ended.state, ended.cause) == (State.FAILED, dead.cause)
    for code in ("ABORTED", "REFUSED", "WITHHELD"):
        body = Dead(job=JOB.hex(), cause=cause(code))
        with pytest.raises(BadMessage):
            said(running(), Kind.DEAD, "coordinator", body, JOB)


def test_who_was_told_something_else_signs_other_evidence() -> None:
    """A coordinator that signs two statements of one kind, one for each party, is found out."""
    other = MATCHED.model_copy(update={"receipts": ()})
    told = {
        A: said(running(), Kind.MATCHED, "coordinator", MATCHED),
        B: said(running(), Kind.MATCHED, "coordinator", other),
    }
    assert told[A].heard != told[B].heard
    ledger = said(said(told[A], Kind.GATE, A, RELEASE), Kind.GATE, B, RELEASE)
    assert ledger.heard == told[A].heard
    evidence = Evidence(job=JOB.hex(), run=RUN.hex(), heard=told[A].heard, receipts=())
    ledger = said(ledger, Kind.EVIDENCE, A, evidence)
    theirs = evidence.model_copy(update={"heard": told[B].heard})
    ended = said(ledger, Kind.EVIDENCE, B, theirs)
    assert ended.cause is not None
    assert (ended.state, ended.cause.code) == (State.FAILED, "BAD_RECEIPT")
