"""Further attempts in the ledger: who may ask for one, when, what it must be, and what it ends."""

from dataclasses import replace

import pytest

from contract.errors import MiheError
from contract.fold import hear, open_job
from contract.further import MOST_ATTEMPTS, record_of
from contract.job import Contract, Crypto
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, Statement
from contract.statements import Approval, Decision, Evidence, Gate, Prepare, Verdict
from contract.suites import Suite
from tests.unit.contract.test_ledger import CONTRACT, WHO, A, B, cause, share, statement


def contract(suite: Suite = Suite.PSI_RR22) -> Contract:
    return CONTRACT.model_copy(update={"crypto": Crypto(suite=suite)})


def prepared(ledger: Ledger, org: str, **differing: object) -> Prepare:
    """What `org` prepares of the next attempt."""
    number = 1 if ledger.run is None else ledger.attempt + 1
    body = Prepare(
        job=ledger.job.hex(),
        run=1,
        attempt=number,
        plan_digest="01" * 32,
        party=share(org).model_copy(update={"nonce": f"{number:064x}"}),
    )
    return body.model_copy(update=differing)


def prepare(ledger: Ledger, org: str, **differing: object) -> Statement:
    body = prepared(ledger, org, **differing)
    return statement(Kind.PREPARE, org, ledger.run or ledger.job, body)


def start(ledger: Ledger, org: str) -> Statement:
    assert ledger.start is not None
    return statement(Kind.START, org, ledger.start.run_id, ledger.start)


def gate(ledger: Ledger, org: str, verdict: Verdict = Verdict.RELEASE) -> Statement:
    assert ledger.run is not None
    why = cause("WITHHELD") if verdict is Verdict.WITHHOLD else None
    body = Gate(run=ledger.run.hex(), verdict=verdict, cause=why)
    return statement(Kind.GATE, org, ledger.run, body)


def evidence(ledger: Ledger, org: str) -> Statement:
    assert ledger.run is not None
    body = Evidence(
        job=ledger.job.hex(), run=ledger.run.hex(), heard=ledger.heard, receipts=("03" * 32,)
    )
    return statement(Kind.EVIDENCE, org, ledger.run, body)


def told(ledger: Ledger, *words: Statement) -> Ledger:
    for word in words:
        ledger = hear(ledger, word, WHO[word.org])
    return ledger


def running(suite: Suite = Suite.PSI_RR22) -> Ledger:
    agreed = contract(suite)
    ledger = open_job(statement(Kind.CONTRACT, A, agreed.job_id, agreed), WHO[A])
    yes = Approval(job=ledger.job.hex(), decision=Decision.APPROVED)
    ledger = told(ledger, *(statement(Kind.APPROVAL, org, ledger.job, yes) for org in (A, B)))
    ledger = told(ledger, *(prepare(ledger, org) for org in (A, B)))
    return told(ledger, *(start(ledger, org) for org in (A, B)))


def releasing() -> Ledger:
    ledger = running()
    return told(ledger, gate(ledger, A), gate(ledger, B))


def again(ledger: Ledger, first: str = B) -> Ledger:
    """The next attempt, which both have started."""
    second = A if first == B else B
    ledger = told(ledger, prepare(ledger, first), prepare(ledger, second))
    return told(ledger, start(ledger, first), start(ledger, second))


def refused(ledger: Ledger, word: Statement) -> str:
    with pytest.raises(MiheError) as raised:
        hear(ledger, word, WHO[word.org])
    return raised.value.code


@pytest.mark.parametrize("before", [running, releasing])
def test_a_job_goes_on_with_a_run_of_its_own_and_stays_where_it_was(before: object) -> None:
    ledger = running() if before is running else releasing()
    asked = told(ledger, prepare(ledger, A))
    assert (asked.to_go_on, asked.attempt, asked.state) == ((B,), 1, ledger.state)
    both = told(asked, prepare(asked, B))
    assert (both.to_go_on, both.attempt, both.state) == ((A, B), 2, ledger.state)
    assert both.start == record_of({org: prepared(ledger, org) for org in (A, B)}, both.contract)
    assert both.over == (ledger.run,)
    assert both.run != ledger.run
    assert both.runs == (ledger.run, both.run)
    assert set(both.runs) <= set(both.subjects)
    begun = told(both, start(both, A), start(both, B))
    assert (begun.to_go_on, begun.may_go_on) == ((), True)
    gated = told(begun, gate(begun, A), gate(begun, B))
    assert gated.state is State.RELEASING
    end = told(gated, evidence(gated, A), evidence(gated, B))
    assert end.state is State.DONE
    assert end.heard != ledger.heard


def test_there_are_so_many_attempts_and_no_more() -> None:
    ledger = running()
    for number in range(2, MOST_ATTEMPTS + 1):
        ledger = again(ledger)
        assert ledger.attempt == number
    assert not ledger.may_go_on
    assert refused(ledger, prepare(ledger, A)) == "BAD_MESSAGE"


@pytest.mark.parametrize("suite", [Suite.PSI_ECDH, Suite.PSI_ECDH_SM2])
def test_what_has_no_buckets_has_no_further_attempt(suite: Suite) -> None:
    ledger = running(suite)
    assert not ledger.may_go_on
    assert refused(ledger, prepare(ledger, A)) == "BAD_MESSAGE"


@pytest.mark.parametrize(
    "differing",
    [
        {"job": "08" * 32},
        {"run": 2},
        {"attempt": 1},
        {"attempt": 3},
        {"plan_digest": "02" * 32},
        {"party": share(A).model_copy(update={"snapshot_root": "08" * 32})},
        {"party": share(A).model_copy(update={"fingerprint": "08" * 32})},
        {"party": share(B)},
    ],
    ids=lambda one: "-".join(one),
)
def test_the_next_attempt_is_of_the_same_sets_and_plan(differing: dict[str, object]) -> None:
    ledger = running()
    assert refused(ledger, prepare(ledger, A, **differing)) == "FOREIGN_START"


def test_a_node_may_be_back_at_another_address() -> None:
    ledger = running()
    moved = share(A).model_copy(update={"address": "10.0.0.1:1", "nonce": "0a" * 32})
    both = told(ledger, prepare(ledger, A, party=moved), prepare(ledger, B))
    assert both.start is not None
    assert both.start.party(A) == moved


def test_two_different_words_for_one_attempt_are_an_offence() -> None:
    ledger = running()
    asked = told(ledger, prepare(ledger, A))
    assert told(asked, prepare(ledger, A)) is asked
    other = share(A).model_copy(update={"nonce": "0b" * 32})
    assert refused(asked, prepare(ledger, A, party=other)) == "BAD_MESSAGE"


def test_words_about_an_attempt_that_is_over_change_nothing() -> None:
    ledger = running()
    late = (gate(ledger, A), gate(ledger, B, Verdict.WITHHOLD), start(ledger, B))
    asked = told(ledger, prepare(ledger, B))
    for word in late[:2]:
        assert told(asked, word) is asked
    both = told(asked, prepare(asked, A))
    for word in (*late, prepare(ledger, A), evidence(ledger, A)):
        assert told(both, word) is both


def test_evidence_of_an_attempt_counts_for_no_other() -> None:
    ledger = releasing()
    one = told(ledger, evidence(ledger, A))
    further = again(one)
    assert not further.has_said(Kind.EVIDENCE, A)
    gated = told(further, gate(further, A), gate(further, B), evidence(further, B))
    assert gated.state is State.RELEASING
    assert told(gated, evidence(gated, A)).state is State.DONE


def test_nobody_releases_or_starts_another_before_all_have_started() -> None:
    ledger = running()
    both = told(ledger, prepare(ledger, A), prepare(ledger, B))
    one = told(both, start(both, A))
    assert refused(one, gate(one, A)) == "BAD_MESSAGE"
    assert refused(one, evidence(one, A)) == "BAD_MESSAGE"
    assert refused(one, prepare(one, A)) == "BAD_MESSAGE"
    assert both.start is not None
    forged = both.start.model_copy(update={"attempt": 1})
    assert refused(one, statement(Kind.START, B, both.start.run_id, forged)) == "FOREIGN_START"


def test_an_owner_can_withhold_until_an_attempt_has_released() -> None:
    further = again(running())
    withheld = told(further, gate(further, A, Verdict.WITHHOLD))
    assert (withheld.state, withheld.cause and withheld.cause.code) == (State.WITHHELD, "WITHHELD")
    further = again(releasing())
    failed = told(further, gate(further, A, Verdict.WITHHOLD))
    assert (failed.state, failed.cause and failed.cause.code) == (State.FAILED, "WITHHELD")


def test_parties_that_heard_different_attempts_do_not_agree() -> None:
    further = again(releasing())
    gated = told(further, gate(further, A), gate(further, B), evidence(further, A))
    unaware = replace(
        gated, bodies={key: body for key, body in gated.bodies.items() if key[1] == B}
    )
    end = told(gated, evidence(unaware, B))
    assert (end.state, end.cause and end.cause.code) == (State.FAILED, "BAD_RECEIPT")
