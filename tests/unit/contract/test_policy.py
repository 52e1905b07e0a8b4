"""The policy file: every key of a rule is there to be read, and no shorthand means everything."""

from datetime import date

import pytest

from contract import toml
from contract.errors import BadSetting, MiheError, UnknownSetting
from contract.job import Basis, JobKind
from contract.policy import Allow, Policy

RULE = """
[[allow]]
dataset = "loans"
jobs = ["psi", "psi_cardinality"]
on = ["uscc"]
with = ["bank_b"]
receivers = ["bank_a", "bank_b"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
until = 2026-12-31
largest_peer_set = 4096
approve = "auto"
"""


def policy(text: str) -> Policy:
    return toml.parse(Policy, text, "policy.toml")


def test_a_rule_is_read_as_it_is_written() -> None:
    (rule,) = policy(RULE).allow
    assert rule.dataset == "loans"
    assert rule.jobs == (JobKind.PSI, JobKind.PSI_CARDINALITY)
    assert (rule.on, rule.others) == (("uscc",), ("bank_b",))
    assert rule.receivers == ("bank_a", "bank_b")
    assert (rule.purposes, rule.bases) == (("CREDIT_MICRO",), (Basis.SYNTHETIC_TEST,))
    assert (rule.until, rule.largest_peer_set) == (date(2026, 12, 31), 4096)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "allow = []\n"])
def test_an_empty_file_allows_nothing(text: str) -> None:
    assert policy(text) == Policy(allow=())


REQUIRED = ("dataset", "jobs", "on", "with", "receivers", "purposes", "bases", "approve")


@pytest.mark.parametrize("key", REQUIRED)
def test_a_rule_that_leaves_something_open_is_no_rule(key: str) -> None:
    kept = "\n".join(line for line in RULE.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(BadSetting) as refused:
        policy(kept)
    assert f"'{key}'" in refused.value.what


def test_only_the_last_day_and_the_size_may_be_left_open() -> None:
    optional = {name for name, field in Allow.model_fields.items() if not field.is_required()}
    rule = policy(RULE.replace("until = 2026-12-31\nlargest_peer_set = 4096\n", "")).allow[0]
    assert (rule.until, rule.largest_peer_set) == (None, None)
    assert {"until", "largest_peer_set"} <= optional
    assert not optional & {"dataset", "jobs", "on", "others", "receivers", "purposes", "bases"}


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"loans"', '"*"'),
        ('"loans"', '""'),
        ('["psi", "psi_cardinality"]', '["*"]'),
        ('["psi", "psi_cardinality"]', "[]"),
        ('["psi", "psi_cardinality"]', '"psi"'),
        ('["psi", "psi_cardinality"]', '["PSI"]'),
        ('["uscc"]', "[]"),
        ('["uscc"]', '["us%"]'),
        ('["bank_b"]', "[]"),
        ('["bank_b"]', '["*"]'),
        ('["bank_b"]', '["bank_*"]'),
        ('["bank_a", "bank_b"]', "[]"),
        ('["CREDIT_MICRO"]', "[]"),
        ('["CREDIT_MICRO"]', '["credit"]'),
        ('["SYNTHETIC_TEST"]', "[]"),
        ('["SYNTHETIC_TEST"]', '["ANY"]'),
        ("2026-12-31", '"tomorrow"'),
        ("4096", "0"),
        ("4096", "-1"),
        ("4096", "4096.0"),
        ('"auto"', '"always"'),
        ('"auto"', "true"),
    ],
)
def test_no_word_stands_for_everything(written: str, instead: str) -> None:
    assert written in RULE
    with pytest.raises(BadSetting) as refused:
        policy(RULE.replace(written, instead, 1))
    assert refused.value.what.startswith("policy.toml:")


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ('receiver = ["bank_b"]', "'receivers'"),
        ('purpose = ["CREDIT_MICRO"]', "'purposes'"),
        ('others = ["bank_b"]', ""),
        ("deny = true", ""),
    ],
)
def test_a_misspelt_key_is_an_error_and_not_a_rule_without_it(line: str, nearest: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        policy(RULE + line)
    assert nearest in refused.value.what


def test_a_deny_table_would_promise_what_is_not_kept() -> None:
    with pytest.raises(MiheError):
        policy(RULE + '\n[[deny]]\ndataset = "loans"\n')
