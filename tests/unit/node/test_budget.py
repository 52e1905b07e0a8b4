"""What answers with noise cost: budgets of rules, charges that last, refusals at their end."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contract import toml
from contract.errors import BadSetting, BudgetExhausted, Refused, Withheld
from contract.job import Contract, KeyedDataset
from contract.policy import Policy
from contract.views import Spent
from federated.noise import secret
from node import gate
from node.budget import _charges, budgets, charge, require_left, spent_lately
from node.gate import Consent, check_policy
from node.store import Charge, Store
from tests.attacks.coalitions import ENTRIES
from tests.flow.federation_in_process import contract_of

TODAY = datetime.now(UTC).date()
SQL = "SELECT COUNT(*) AS n, SUM(b.balance) AS s FROM a.firms AS a JOIN b.loans AS b USING (uscc)"
RULE = """
[[allow]]
dataset = "loans"
jobs = ["query"]
on = ["uscc"]
with = ["a"]
receivers = ["a"]
purposes = ["JOINT_STATISTICS"]
bases = ["SYNTHETIC_TEST"]
min_group = 2
min_join = 2
approve = "auto"
columns = { uscc = ["join"], balance = ["sum"] }
"""


def asked(epsilon: str | None = "0.5") -> Contract:
    given = None if epsilon is None else Decimal(epsilon)
    return contract_of(SQL, ENTRIES, k=5, min_join=5, epsilon=given)


def policy(*budgets: str) -> Policy:
    return toml.parse(Policy, "".join(f"{RULE}{one}\n" for one in budgets), "policy.toml")


def consent_of(contract: Contract) -> Consent:
    only_here: Any = gate._only_here
    return Consent(contract, "b", ("00" * 32,), None, only_here)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Store]:
    return lambda: Store(tmp_path)


@pytest.fixture
def store(opened: Callable[[], Store]) -> Iterator[Store]:
    with closing(opened()) as found:
        yield found


def answer(store: Store, contract: Contract, run: int, rules: Policy) -> None:
    charge(store, consent_of(contract), bytes([run]) * 32, lambda: rules)


# ── what a rule asks for ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "epsilon", "denied"),
    [
        ("", None, ""),
        ("", "9", ""),
        ("max_epsilon = 0.5", "0.5", ""),
        ("max_epsilon = 0.5", "0.501", "an epsilon of 0.5 or less"),
        ("max_epsilon = 0.5", None, "an epsilon of 0.5 or less"),
        ("epsilon_budget = 4", "9", ""),
        ("epsilon_budget = 4", None, "without noise"),
    ],
)
def test_a_rule_may_ask_for_noise(line: str, epsilon: str | None, denied: str) -> None:
    if not denied:
        check_policy(asked(epsilon), "b", policy(line), TODAY)
        return
    with pytest.raises(Refused) as refused:
        check_policy(asked(epsilon), "b", policy(line), TODAY)
    assert denied in refused.value.what
    assert "--noise" in refused.value.what


@pytest.mark.parametrize(
    "line",
    [
        "max_epsilon = 0",
        "max_epsilon = 11",
        "max_epsilon = 0.0001",
        "epsilon_budget = 0",
        "epsilon_days = 7",
        "epsilon_budget = 1\nepsilon_days = 0",
    ],
)
def test_a_limit_that_limits_nothing_is_an_error(line: str) -> None:
    with pytest.raises(BadSetting):
        policy(line)


def test_a_node_that_can_draw_no_noise_says_so_where_it_would_have_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secret, "is_installed", lambda: False)
    gate._require_installed(asked(None), "b")
    gate._require_installed(asked(), "a")  # the receiver draws none
    with pytest.raises(Refused) as refused:
        gate._require_installed(asked(), "b")
    assert refused.value.rule == "extra: noise"
    assert "mihe[noise]" in refused.value.fix


# ── what is left ────────────────────────────────────────────────────────────────────────────────


def test_answers_are_refused_when_the_budget_is_spent(store: Store) -> None:
    rules = policy("epsilon_budget = 1.2")
    for run in range(2):
        require_left(store, asked(), "b", rules)
        answer(store, asked(), run, rules)
    with pytest.raises(BudgetExhausted) as refused:
        require_left(store, asked(), "b", rules)
    assert refused.value.rule == "policy.toml: epsilon_budget = 1.2"
    assert (refused.value.party, refused.value.exit_code) == ("b", 3)
    require_left(store, asked("0.2"), "b", rules)
    # A job runs under the first rule that allows it.
    for first in ("epsilon_budget = 1.5", "", "max_epsilon = 0.5"):
        require_left(store, asked(), "b", policy(first, "epsilon_budget = 1.2"))
        with pytest.raises(BudgetExhausted):
            require_left(store, asked(), "b", policy("epsilon_budget = 1.2", first))
    with pytest.raises(BudgetExhausted):  # a rule that does not allow the job lends it no budget
        require_left(store, asked(), "b", policy("max_epsilon = 0.4", "epsilon_budget = 1.2"))


def test_what_is_left_is_told_of_each_budget_and_receiver(store: Store) -> None:
    plain, own, other = policy("", "epsilon_budget = 1.2", "epsilon_budget = 0.4").allow
    own = own.model_copy(update={"receivers": ("a", "b", "c"), "epsilon_days": 30})
    rules = Policy(allow=(plain, own, other.model_copy(update={"dataset": "deposits"})))
    answer(store, asked(), 1, policy(""))
    told = [
        (one.receiver, one.rule, one.days, one.left) for one in budgets(store, "loans", "b", rules)
    ]
    assert told == [
        ("a", "allow[2]", 30, Decimal("0.7")),
        ("c", "allow[2]", 30, Decimal("1.2")),
    ]
    answer(store, asked("1.5"), 2, policy(""))
    assert budgets(store, "loans", "b", rules)[0].left == 0


def test_what_others_have_spent_since_consent_is_withheld(store: Store) -> None:
    rules = policy("epsilon_budget = 0.7")
    for _ in range(2):
        require_left(store, asked(), "b", rules)
    answer(store, asked(), 1, rules)
    with pytest.raises(Withheld) as withheld:
        answer(store, asked(), 2, rules)
    assert withheld.value.rule == "policy.toml: epsilon_budget = 0.7"
    answer(store, asked("0.2"), 3, rules)


def test_a_run_is_charged_once_and_in_the_next_process_too(opened: Callable[[], Store]) -> None:
    rules = policy("epsilon_budget = 0.7")
    with closing(opened()) as before:
        answer(before, asked(), 1, rules)
        answer(before, asked(), 1, rules)
    with closing(opened()) as after:
        answer(after, asked(), 1, rules)
        assert after.charged("loans", datetime.fromtimestamp(0, UTC)) == {"a": Decimal("0.5")}
        with pytest.raises(BudgetExhausted):
            require_left(after, asked(), "b", rules)


def test_answers_are_charged_where_no_budget_is_set_yet(store: Store) -> None:
    answer(store, asked(), 1, policy(""))
    with pytest.raises(BudgetExhausted):
        require_left(store, asked(), "b", policy("epsilon_budget = 0.9"))


def test_each_receiver_and_dataset_has_a_budget_of_its_own_and_days_pass(store: Store) -> None:
    rules, now = policy("epsilon_budget = 0.9\nepsilon_days = 30"), datetime.now(UTC)
    kept = (
        ("loans", "other", now),
        ("deposits", "a", now),
        ("loans", "a", now - timedelta(days=31)),
    )
    for run, (dataset, receiver, at) in enumerate(kept):
        store.charge(bytes([run]), [Charge(dataset, receiver, Decimal("0.9"), at)])
    require_left(store, asked(), "b", rules)
    store.charge(b"late", [Charge("loans", "a", Decimal("0.9"), now - timedelta(days=29))])
    with pytest.raises(BudgetExhausted):
        require_left(store, asked(), "b", rules)


def test_each_dataset_that_an_owner_joins_is_charged(store: Store) -> None:
    contract = asked()
    party = contract.party("b")
    further = KeyedDataset(dataset="deposits", key=("uscc",), schema_digest=party.schema_digest)
    joined = party.model_copy(update={"joined": (further,)})
    both = contract.model_copy(update={"parties": (contract.parties[0], joined)})
    charges = _charges(both, "b")
    assert [one.dataset for one in charges] == ["loans", "deposits"]
    store.charge(b"run", charges)
    for dataset in ("loans", "deposits"):
        assert spent_lately(store, dataset) == (Spent(receiver="a", epsilon=Decimal("0.5")),)


def test_exact_answers_and_ones_own_cost_nothing(store: Store) -> None:
    rules = policy("epsilon_budget = 0.001")
    require_left(store, asked(None), "b", rules)
    require_left(store, asked(), "a", rules)
    answer(store, asked(None), 1, rules)
    assert not store.is_charged(bytes([1]) * 32)
