"""SELECTs that do not read alike: every node refuses them unless its owner's policy says any."""

# Statements are made up here, and only ever parsed.
# ruff: noqa: S608

from typing import Any

import pytest

from contract import toml
from contract.cause import cause_of
from contract.errors import BadSetting, Refused, Withheld
from contract.job import Contract
from contract.leakage import leakage_of
from contract.policy import Policy, Selects
from mihe import explain
from node.gate import check_policy, decide, policy_lines
from node.outlook import outlook
from node.release import may_release
from tests.flow.union_in_process import entry_of, orgs_of, proposed

ORGS = orgs_of(4)
RULE = """
[[allow]]
dataset = "loans"
jobs = ["query"]
on = ["uscc"]
with = ["bank_0", "bank_1", "bank_2", "bank_3"]
receivers = ["bank_0"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
min_contributors = 3
approve = "auto"
columns = { trade = ["group", "filter"], balance = ["sum"] }
"""


def asked(**of: str) -> Contract:
    """Balances by trade; of some organisations, what is selected instead of their own."""
    usual = "trade, balance FROM {}.loans"
    rows = " UNION ALL ".join(f"SELECT {of.get(org, usual).format(org)}" for org in ORGS)
    sql = f"SELECT trade, SUM(balance) AS s FROM ({rows}) GROUP BY trade"
    return proposed(sql, map(entry_of, ORGS), me=ORGS[0])


ALIKE = asked()
NOTHING = asked(bank_2="trade, 0 * balance AS balance FROM {}.loans")
ONE_TRADE = asked(bank_3="trade, balance FROM {}.loans WHERE trade = 'water'")
TODAY = ALIKE.created.date()


def policy(*lines: str) -> Policy:
    return toml.parse(Policy, "".join(f"{RULE}{line}\n" for line in lines), "policy.toml")


STRICT, ANY = policy(""), policy('selects = "any"')


def consent(contract: Contract, org: str, of: Policy) -> Any:
    return decide(
        contract,
        org=org,
        fingerprint=contract.party(org).fingerprint,
        policy=of,
        entries={"loans": entry_of(org)},
        snapshots=("07" * 32,),
        now=contract.created,
    )


@pytest.mark.parametrize("org", ORGS)
def test_every_node_refuses_unless_its_own_policy_says_any(org: str) -> None:
    """The receiver's too, and that whose own SELECT is the one that differs."""
    assert policy('selects = "alike"') == STRICT
    for contract, what in ((NOTHING, "gives another 'balance'"), (ONE_TRADE, "other conditions")):
        with pytest.raises(Refused) as refused:
            consent(contract, org, STRICT)
        cause = cause_of(refused.value)
        assert (cause.party, cause.rule) == (org, "policy.toml: allow[1]")
        assert contract.query is not None
        differs = "0 * " if contract is NOTHING else "loans.trade = 'water'"
        column = contract.query.statement.index(differs) + 1
        assert f"do not read alike (in the contract, line 1, column {column}: SELECT" in cause.what
        assert what in cause.what
        assert "than SELECT 1, of bank_0.loans" in cause.what
        assert f'ask {org} to write selects = "any"' in cause.fix
        consent(contract, org, ANY)
    consent(ALIKE, org, STRICT)
    consent(ALIKE, org, ANY)


def test_one_rule_of_several_may_allow_it_and_stands_beside_what_else_is_denied() -> None:
    (rule,) = check_policy(NOTHING, ORGS[1], policy("", 'selects = "any"'), TODAY)
    assert rule.selects is Selects.ANY
    stricter = policy("min_group = 11")
    with pytest.raises(Refused) as refused:
        check_policy(NOTHING, ORGS[1], stricter, TODAY)
    assert "groups of fewer than 11 and SELECTs of UNION ALL" in refused.value.what
    assert "list this use in its policy file" in refused.value.fix


def test_a_policy_that_is_made_strict_while_the_job_runs_withholds() -> None:
    given = consent(NOTHING, ORGS[1], ANY)
    may_release(given, lambda: ANY, TODAY)
    with pytest.raises(Withheld) as withheld:
        may_release(given, lambda: STRICT, TODAY)
    assert withheld.value.rule == "policy.toml: allow[1]"
    may_release(consent(ALIKE, ORGS[1], ANY), lambda: STRICT, TODAY)


def test_a_contract_that_somebody_else_wrote_is_read_by_each_node() -> None:
    """Whatever the proposer's node let through: what is signed is what is compared."""
    assert ALIKE.query is not None
    assert NOTHING.query is not None
    forged = ALIKE.model_copy(update={"query": NOTHING.query})
    for org in ORGS:
        with pytest.raises(Refused):
            consent(forged, org, STRICT)


@pytest.mark.parametrize("line", ['selects = "Alike"', 'selects = ["any"]', "selects = false"])
def test_what_is_neither_word_is_an_error(line: str) -> None:
    with pytest.raises(BadSetting):
        policy(line)


# ── what people are told ────────────────────────────────────────────────────────────────────────


def test_explain_shows_it_for_every_owner_and_what_the_own_policy_says() -> None:
    for of, verdict in ((STRICT, False), (ANY, True)):
        lines = policy_lines(NOTHING, ORGS[0], of, TODAY)
        about = [one for one in lines if "do not read alike" in one.what]
        assert [(one.org, one.allowed) for one in about] == [
            (org, verdict if org == ORGS[0] else None) for org in ORGS
        ]
        said = explain.policy_line(about[0])
        assert said.endswith(f"{'allowed' if verdict else 'DENIED'} by policy.toml, allow[1]")
    assert not any("alike" in one.what for one in policy_lines(ALIKE, ORGS[0], STRICT, TODAY))
    assert outlook(ALIKE).steps[0].startswith("the SELECTs read alike")
    (first, *_) = outlook(NOTHING).steps
    assert first.startswith("the SELECTs do not read alike: line 1, column ")
    assert "SELECT 3, of bank_2.loans, gives another 'balance'" in first


def test_the_statement_says_what_each_word_leaves() -> None:
    said = " ".join(leakage_of(ALIKE).not_covered)
    assert 'unless it says selects = "any"' in said
    assert "Alike in words is not alike in effect" in said
