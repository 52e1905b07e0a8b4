"""The docket: one order of statements, folded as the coordinator folds it, durably, once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.credentials import Credentials, Pair
from contract.errors import Aborted, ForeignCertificate, MiheError, PartyLost, UnknownJob
from contract.fold import hear, open_job
from contract.identity import pem_to_der
from contract.job import Contract
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.signing import Kind, Signer, Statement, verify
from contract.statements import Dead
from node.docket import Docket
from node.store import Store
from tests.unit.coordinator.consortium import (
    Consortium,
    approval,
    contract_of,
    evidence,
    gate,
    proposal,
    to_running,
)
from tests.unit.node.lines import Member, expired


class Node:
    """bank_a's docket on its store."""

    def __init__(self, owner: Member, folder: Path) -> None:
        self.owner = owner
        self.folder = folder
        self.store = Store(folder)
        self.docket = Docket(self.store, owner.credentials)

    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.folder)
        self.docket = Docket(self.store, self.owner.credentials)

    def hear(self, *statements: Statement) -> Ledger:
        for one in statements:
            ledger = self.docket.hear(self.store.cursor + 1, one)
        return ledger

    def rows(self) -> list[object]:
        return [(row, self.store.heard(row.job)) for row in self.store.jobs()]


@pytest.fixture
def node(bank_a: Member, tmp_path: Path) -> Iterator[Node]:
    node = Node(bank_a, tmp_path / "data")
    yield node
    node.store.close()


@pytest.fixture
def contract(bank_a: Member, bank_b: Member) -> Contract:
    return contract_of(bank_a.credentials, bank_b.credentials)


@pytest.fixture
def whole(contract: Contract, bank_a: Member, bank_b: Member) -> list[Statement]:
    """Everything that is said about a job, from its proposal to its end."""
    parties = bank_a.credentials, bank_b.credentials
    run, said = to_running(contract, *parties)
    return [
        *said,
        *(gate(party, run) for party in parties),
        *(evidence(party, contract, run) for party in parties),
    ]


@pytest.fixture
def folded(bank_a: Member) -> Callable[[list[Statement]], Ledger]:
    """A job as the coordinator folds it."""

    def fold(statements: list[Statement]) -> Ledger:
        heard = [(one, verify(one, bank_a.credentials.authority)) for one in statements]
        return reduce(lambda ledger, each: hear(ledger, *each), heard[1:], open_job(*heard[0]))

    return fold


Folded = Callable[[list[Statement]], Ledger]


def dead(by: Member, contract: Contract) -> Statement:
    cause = cause_of(Aborted("a person stopped the job", fix="none"))
    body = Dead(job=contract.job_id.hex(), cause=cause)
    return by.credentials.signer.sign(Kind.DEAD, contract.job_id, canonical_bytes(body))


# ── the same fold, live and after a restart ─────────────────────────────────────────────────────


def test_after_every_statement_the_ledger_is_the_coordinators_and_a_restart_changes_nothing(
    node: Node, whole: list[Statement], folded: Folded
) -> None:
    for count, one in enumerate(whole, 1):
        ledger = node.hear(one)
        assert ledger == folded(whole[:count])
        assert node.docket.ledger(ledger.job) == ledger
        node.restart()
        assert node.docket.ledger(ledger.job) == ledger
        row = node.docket.row(ledger.job)
        assert row.state == ledger.state.value
        assert [ledger] == node.docket.open_ledgers() or ledger.ended
    assert ledger.state is State.DONE
    assert node.docket.open_ledgers() == []
    assert node.docket.state_and_cause(ledger.job) == (State.DONE, None)


def test_evidence_holds_every_statement_that_was_heard(node: Node, whole: list[Statement]) -> None:
    ledger = node.hear(*whole)
    assert [one for _, one in node.store.heard(ledger.job)] == whole


def test_two_jobs_do_not_touch_each_other(
    node: Node, whole: list[Statement], bank_a: Member, bank_b: Member
) -> None:
    another = contract_of(bank_b.credentials, bank_a.credentials, nonce="cd" * 32)
    node.hear(whole[0], proposal(bank_b.credentials, another))
    node.hear(*whole[1:5])
    assert node.docket.row(another.job_id).state == "proposed"
    node.hear(dead(bank_b, another))
    assert [ledger.state for ledger in node.docket.open_ledgers()] == [State.READY]


# ── what changes nothing ────────────────────────────────────────────────────────────────────────


def refused(node: Node, statement: Statement) -> MiheError:
    """The error for a statement, which has changed nothing, now or after a restart."""
    before = node.rows(), node.docket.open_ledgers(), node.store.cursor
    with pytest.raises(MiheError) as error:
        node.hear(statement)
    cause_of(error.value)
    assert (node.rows(), node.docket.open_ledgers(), node.store.cursor) == before
    node.restart()
    assert (node.rows(), node.docket.open_ledgers()) == before[:2]
    return error.value


def test_a_statement_that_may_not_stand_there_changes_nothing(
    node: Node, whole: list[Statement], contract: Contract, bank_b: Member, stranger: Member
) -> None:
    for at, one in enumerate(whole):
        if at:
            refused(node, replace(one, body=one.body + b" "))
            refused(node, replace(one, signature=one.signature[:-1]))
            refused(
                node, replace(one, certificate=stranger.credentials.signer.identity.certificate)
            )
            refused(node, stranger.credentials.signer.sign(one.kind, one.subject, one.body))
        else:
            refused(node, replace(one, body=one.body + b" "))
        node.hear(one)
    assert node.docket.row(contract.job_id).state == "done"


def test_statements_about_nothing_known_change_nothing(node: Node, whole: list[Statement]) -> None:
    for one in whole[1:]:
        assert isinstance(refused(node, one), UnknownJob)


def test_a_contract_of_others_is_not_heard(node: Node, bank_b: Member, tax: Member) -> None:
    theirs = contract_of(bank_b.credentials, tax.credentials)
    error = refused(node, proposal(bank_b.credentials, theirs))
    assert (error.code, error.party) == ("BAD_MESSAGE", "coordinator")


def test_a_statement_told_again_moves_the_cursor_and_nothing_else(
    node: Node, whole: list[Statement], contract: Contract, bank_a: Member
) -> None:
    """The contract above all: a job that starts anew would forget how it ended."""
    for one in whole:
        node.hear(one)
        before, cursor = node.rows(), node.store.cursor
        for again in (whole[0], one):
            if again is whole[-1]:
                assert isinstance(refused(node, again), UnknownJob)  # run ids are not kept so long
            else:
                assert node.hear(again) == node.docket.ledger(contract.job_id)
        assert node.rows() == before
        assert node.store.cursor > cursor
        node.restart()
        assert node.rows() == before


def test_after_the_end_nothing_is_kept_whatever_it_is(
    node: Node, whole: list[Statement], contract: Contract, bank_b: Member
) -> None:
    node.hear(*whole)
    before = node.rows()
    sign = bank_b.credentials.signer.sign
    node.hear(dead(bank_b, contract))
    for body in (b"\xff\xfe", b"{}", b""):
        node.hear(sign(Kind.DEAD, contract.job_id, body))
        node.hear(sign(Kind.APPROVAL, contract.job_id, body))
    assert node.rows() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.data())
def test_no_statement_of_a_party_breaks_the_docket(
    tmp_path_factory: pytest.TempPathFactory,
    bank_a: Member,
    bank_b: Member,
    data: st.DataObject,
) -> None:
    """Genuinely signed, by a party that may say anything about anything."""
    contract = contract_of(bank_a.credentials, bank_b.credentials)
    parties = bank_a.credentials, bank_b.credentials
    run, said = to_running(contract, *parties)
    node = Node(bank_a, tmp_path_factory.mktemp("data"))
    try:
        node.hear(*said[: data.draw(st.integers(1, len(said)))])
        bodies = st.one_of(
            st.binary(max_size=20), st.sampled_from([one.body for one in said]), st.just(b"{}")
        )
        for _ in range(3):
            one = bank_b.credentials.signer.sign(
                data.draw(st.sampled_from(Kind)),
                data.draw(st.sampled_from([contract.job_id, run, bytes(32)])),
                data.draw(bodies),
            )
            with suppress(MiheError):
                node.hear(one)
        live = node.docket.open_ledgers()
        node.restart()
        assert node.docket.open_ledgers() == live
    finally:
        node.store.close()


# ── looking up ──────────────────────────────────────────────────────────────────────────────────


def test_a_job_is_found_by_an_unambiguous_beginning(
    node: Node, whole: list[Statement], contract: Contract
) -> None:
    node.hear(whole[0])
    job = contract.job_id
    for length in (6, 7, 63, 64):
        assert node.docket.find(job.hex()[:length]) == job
    for prefix in ("", job.hex()[:5], "000000", job.hex() + "0", "%", "______"):
        with pytest.raises(UnknownJob):
            node.docket.find(prefix)


def test_a_beginning_that_two_jobs_share_finds_none(
    node: Node, bank_a: Member, bank_b: Member
) -> None:
    parties = bank_a.credentials, bank_b.credentials
    node.hear(proposal(parties[0], contract_of(*parties)))
    (row,) = node.store.jobs()
    twin = row.job[:4] + bytes(28)
    node.store.hear(2, twin, approval(parties[0], contract_of(*parties)), "proposed")
    with pytest.raises(UnknownJob) as error:
        node.docket.find(row.job.hex()[:8])
    assert "2 jobs" in error.value.what
    assert node.docket.find(row.job.hex()[:20]) == row.job


async def test_news_wakes_whoever_asked_before_the_change(
    node: Node, whole: list[Statement], contract: Contract
) -> None:
    node.hear(whole[0])
    news = node.docket.news(contract.job_id)
    assert not news.is_set()
    assert node.docket.news(contract.job_id) is news
    node.hear(whole[1])
    assert news.is_set()
    assert not node.docket.news(contract.job_id).is_set()


# ── the log is gone ─────────────────────────────────────────────────────────────────────────────


def test_jobs_of_a_log_that_is_gone_have_failed_and_ended_ones_stay(
    node: Node, whole: list[Statement], contract: Contract, bank_a: Member, bank_b: Member
) -> None:
    node.hear(*whole)
    another = contract_of(bank_a.credentials, bank_b.credentials, nonce="cd" * 32)
    node.hear(proposal(bank_a.credentials, another))
    node.docket.abandon_open()
    for _ in range(2):
        assert node.docket.open_ledgers() == []
        assert node.docket.state_and_cause(contract.job_id) == (State.DONE, None)
        state, cause = node.docket.state_and_cause(another.job_id)
        assert (state, cause and cause.code) == (State.FAILED, PartyLost.code)
        node.restart()


def test_a_statement_stays_valid_here_after_its_certificate_has_expired(
    node: Node, consortium: Consortium, bank_a: Member
) -> None:
    """What was admitted once is read back without looking at the clock."""
    key, pem = expired(consortium, "bank_b")
    private = load_pem_private_key(key, password=None)
    assert isinstance(private, EllipticCurvePrivateKey)
    identity = bank_a.credentials.authority.recall(pem_to_der(pem))
    pair = Pair(Signer(identity, private), pem, key)
    late = Credentials(pair, bank_a.credentials.authority, bank_a.credentials.authority_pem)
    contract = contract_of(late, bank_a.credentials)
    said = proposal(late, contract)
    with pytest.raises(ForeignCertificate):
        node.hear(said)
    node.store.hear(1, contract.job_id, said, "proposed")  # it was heard while it was valid
    node.restart()
    assert node.docket.ledger(contract.job_id).contract == contract


def test_an_ended_job_is_folded_once_however_often_somebody_asks(
    node: Node, whole: list[Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mihe jobs` asks about all of them."""
    ended = node.hear(*whole)
    node.restart()
    read: list[bytes] = []
    heard = node.store.heard

    def noted(job: bytes) -> list[tuple[int, Statement]]:
        read.append(job)
        return heard(job)

    monkeypatch.setattr(node.store, "heard", noted)
    for _ in range(3):
        assert node.docket.ledger(ended.job) == ended
        assert node.docket.state_and_cause(ended.job) == (State.DONE, None)
    assert read == [ended.job]


def test_a_job_that_has_just_ended_is_not_folded_again(
    node: Node, whole: list[Statement], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = node.hear(*whole)
    monkeypatch.setattr(node.store, "heard", pytest.fail)
    assert node.docket.ledger(ended.job) is ended


def test_what_is_heard_of_an_abandoned_job_is_in_its_ledger(
    node: Node, whole: list[Statement], folded: Folded
) -> None:
    job = node.hear(*whole[:3]).job
    node.docket.abandon_open()
    assert node.docket.ledger(job) == folded(whole[:3])
    node.hear(whole[3])
    assert node.docket.ledger(job) == folded(whole[:4])
