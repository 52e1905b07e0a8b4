"""Release: a result leaves only under a policy that still allows it, and only to a receiver."""

from datetime import date
from typing import Any

import pytest

from contract import toml
from contract.canonical import canonical_bytes
from contract.cause import cause_of
from contract.errors import MiheError, Withheld
from contract.job import Basis, JobKind
from contract.lifecycle import State
from contract.policy import Policy
from contract.views import ResultView
from node.gate import Consent, decide
from node.release import Released, may_release, release, released_by
from tests.unit.node.contracts import (
    NOW,
    SNAPSHOT,
    contract_of,
    entry_of,
    party_of,
    policy_of,
    rule,
)
from tests.unit.node.lines import Member

TODAY = NOW.date()
VIEW = ResultView(count=3, rows=4, file="/data/results/x.csv")


def consent_of(owner: Member, *parties: Member) -> Consent:
    return decide(
        contract_of(*(party_of(party) for party in parties)),
        org=owner.org,
        fingerprint=owner.fingerprint,
        policy=policy_of(rule()),
        entries={"loans": entry_of(owner.org)},
        snapshots=(SNAPSHOT,),
        now=NOW,
    )


@pytest.fixture
def consent(bank_a: Member, bank_b: Member) -> Consent:
    return consent_of(bank_b, bank_a, bank_b)


def test_what_is_still_allowed_is_released(consent: Consent) -> None:
    may_release(consent, lambda: policy_of(rule(until=TODAY)), TODAY)
    may_release(consent, lambda: policy_of(rule(dataset="deposits"), rule()), TODAY)


@pytest.mark.parametrize(
    "withdrawn",
    [
        None,
        {"dataset": "deposits"},
        {"jobs": (JobKind.PSI_CARDINALITY,)},
        {"on": ("tax_id",)},
        {"with": ("tax",)},
        {"receivers": ("bank_b",)},
        {"purposes": ("CREDIT_LARGE",)},
        {"bases": (Basis.GOV_SHARING,)},
        {"until": date(2026, 2, 28)},
        {"largest_peer_set": 1},
    ],
)
def test_what_was_withdrawn_meanwhile_is_withheld(
    consent: Consent, withdrawn: dict[str, Any] | None
) -> None:
    policy = Policy() if withdrawn is None else policy_of(rule(**withdrawn))
    with pytest.raises(Withheld) as withheld:
        may_release(consent, lambda: policy, TODAY)
    cause = cause_of(withheld.value)
    assert (cause.party, cause.phase) == ("bank_b", "release")
    assert (cause.rule or "").startswith("policy.toml: ")
    assert withheld.value.exit_code == 4


def test_the_day_after_the_last_withholds(consent: Consent) -> None:
    with pytest.raises(Withheld):
        may_release(consent, lambda: policy_of(rule(until=TODAY)), date(2026, 3, 2))


def test_a_policy_that_cannot_be_read_withholds_and_shows_nothing_of_itself(
    consent: Consent,
) -> None:
    with pytest.raises(Withheld) as withheld:
        may_release(consent, lambda: toml.parse(Policy, "alow = []", "/etc/policy.toml"), TODAY)
    assert withheld.value.rule == "policy.toml: unreadable"
    assert "/etc" not in str(withheld.value)
    assert "alow" not in str(withheld.value)


def test_only_a_receiver_gets_a_result(bank_a: Member, bank_b: Member) -> None:
    assert release(VIEW, consent_of(bank_a, bank_a, bank_b)).view == VIEW
    with pytest.raises(Withheld) as withheld:
        release(VIEW, consent_of(bank_b, bank_a, bank_b))
    assert withheld.value.party == "bank_b"


def test_only_a_job_that_is_done_has_a_result() -> None:
    stored = canonical_bytes(VIEW).decode()
    done = released_by(State.DONE, stored)
    assert done is not None
    assert done.view == VIEW
    for state in set(State) - {State.DONE}:
        assert released_by(state, stored) is None
    assert released_by(State.DONE, None) is None


def test_a_stored_result_that_was_altered_is_an_error() -> None:
    with pytest.raises(MiheError):
        released_by(State.DONE, '{"count":3,"count":4}')


def test_nobody_else_releases() -> None:
    for made_by in (None, object(), "node.release", Released):
        with pytest.raises(TypeError):
            Released(VIEW, made_by)
