"""A rule's guards of queries: which rule's minimum change counts, whose sums it refuses."""

from typing import Any

import pytest

from contract import toml
from contract.errors import BadSetting, Refused
from contract.job import Contract
from contract.policy import Policy
from node.gate import check_policy, min_changes
from tests.attacks.coalitions import ENTRIES
from tests.flow import union_in_process
from tests.flow.federation_in_process import contract_of
from tests.unit.node.contracts import NOW

TODAY = NOW.date()
JOIN = "FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
OWN = f"SELECT COUNT(*) AS n, SUM(a.capital) AS s {JOIN}"
THEIRS = f"SELECT a.industry, COUNT(*) AS n, SUM(b.balance) AS s {JOIN} GROUP BY a.industry"
RULE = """
[[allow]]
dataset = "loans"
jobs = ["query"]
on = ["uscc"]
with = {others}
receivers = ["{receiver}"]
purposes = ["{purpose}"]
bases = ["SYNTHETIC_TEST"]
min_group = 2
min_join = 2
approve = "auto"
columns = {{ uscc = ["join"], balance = ["sum"], trade = ["group"] }}
"""


def asked(sql: str) -> Contract:
    return contract_of(sql, ENTRIES, k=5, min_join=5)


def policy(*guards: str, others: str = '["a"]', receiver: str = "a", purpose: str = "") -> Policy:
    rule = RULE.format(others=others, receiver=receiver, purpose=purpose or "JOINT_STATISTICS")
    return toml.parse(Policy, "".join(f"{rule}{guard}\n" for guard in guards), "policy.toml")


@pytest.mark.parametrize(
    ("guards", "fewest"),
    [
        (("",), None),
        (("min_change = 50",), 50),
        (("min_change = 50", "min_change = 20"), 50),
        (("min_change = 20", "min_change = 50"), 20),
        (("min_change = 50", ""), 50),
        (("", "min_change = 50"), None),
        (("until = 2020-01-01\nmin_change = 9", "min_change = 50"), 50),
        (("min_change = 50", "until = 2020-01-01"), 50),
    ],
    ids=[
        "no guard",
        "one",
        "the stricter first",
        "the laxer first",
        "none behind it",
        "none before it",
        "before it one that does not allow the job",
        "behind it one that does not",
    ],
)
def test_a_job_runs_under_the_first_rule_that_allows_it(
    guards: tuple[str, ...], fewest: int | None
) -> None:
    rules = policy(*guards)
    assert min_changes(check_policy(asked(THEIRS), "b", rules, TODAY)).get("loans") == fewest


def test_limits_of_two_rules_are_never_mixed() -> None:
    """A rule with a share and one with a minimum change: the job has the first one's, not none."""
    contract = asked(THEIRS)
    rules = policy("largest_share = 60", "min_change = 50")
    (rule,) = check_policy(contract, "b", rules, TODAY)
    assert (rule.largest_share, rule.min_change) == (60, None)
    assert min_changes(check_policy(contract, "b", rules, TODAY)) == {}
    (rule,) = check_policy(contract, "b", Policy(allow=rules.allow[::-1]), TODAY)
    assert (rule.largest_share, rule.min_change) == (None, 50)


def test_where_no_rule_allows_a_job_any_longer_that_is_no_rule_without_limits() -> None:
    with pytest.raises(Refused):
        min_changes(check_policy(asked(THEIRS), "b", policy("until = 2020-01-01"), TODAY))


def test_no_sum_of_the_receivers_own_beside_rows_of_an_owner_that_forbids_it() -> None:
    guarded = policy("receivers_own = false")
    check_policy(asked(THEIRS), "b", guarded, TODAY)
    check_policy(asked(OWN), "b", policy(""), TODAY)
    with pytest.raises(Refused) as refused:
        check_policy(asked(OWN), "b", guarded, TODAY)
    assert "sums of a's own columns" in refused.value.what


def test_a_sum_over_many_is_compared_under_its_rule() -> None:
    orgs = union_in_process.orgs_of(3)
    contract, org = union_in_process.contract_of(orgs), orgs[1]
    terms: Any = {
        "others": f'["{orgs[0]}", "{orgs[2]}"]',
        "receiver": orgs[0],
        "purpose": contract.purpose,
    }
    check_policy(contract, org, policy("min_contributors = 3", **terms), TODAY)
    guarded = policy("min_contributors = 3\nmin_change = 9", **terms)
    assert min_changes(check_policy(contract, org, guarded, TODAY)) == {"loans": 9}


@pytest.mark.parametrize("line", ["min_change = 1", "min_change = 0", "receivers_own = 1"])
def test_a_guard_that_guards_nothing_is_an_error(line: str) -> None:
    with pytest.raises(BadSetting):
        policy(line)
