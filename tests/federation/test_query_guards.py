"""An owner's guards across jobs, through real daemons: what is too near to an earlier answer.

What the guards are worth against an attacker is in tests/attacks; here nodes read them from their
policy files, remember, and refuse.
"""

import csv
import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from contract.errors import BudgetExhausted, Refused, Withheld
from contract.lifecycle import State
from contract.views import Spent
from tests.federation.banks import End
from tests.federation.federation import short_folder
from tests.federation.owners import PLAIN, RECEIVER, Owners

GUARDED = "registry"
SHOWN = "min_group ="


@pytest.fixture(scope="module")
def owners() -> Iterator[Owners]:
    with short_folder() as folder, Owners(folder, GUARDED, RECEIVER) as running:
        yield running


def guard(owners: Owners, line: str) -> None:
    """Put a line into every rule of the registry's policy."""
    policy = owners.home(GUARDED).policy
    rules = (owners.world / GUARDED / "policy.toml").read_text("utf-8")
    policy.write_text(rules.replace(SHOWN, f"{line}\n{SHOWN}"), "utf-8")


def end_of(owners: Owners, sql: str) -> End:
    asked = owners.ask(sql)
    return owners.end_of(str(json.loads(asked.stdout)["job"]))


def test_an_answer_that_differs_by_few_is_withheld_and_the_same_one_is_not(owners: Owners) -> None:
    guard(owners, "min_change = 50")
    with (owners.world / GUARDED / "enterprises.csv").open(encoding="utf-8") as file:
        capitals = {Decimal(row["reg_capital"]) for row in csv.DictReader(file)}
    nearly = PLAIN.replace("2000000", str(min(one for one in capitals if one > 2_000_000)))
    assert end_of(owners, PLAIN) == End(State.DONE)
    assert end_of(owners, nearly) == End(State.WITHHELD, Withheld.code, GUARDED)
    assert end_of(owners, PLAIN) == End(State.DONE)


def test_sums_of_the_receivers_own_columns_need_a_rule_that_has_them(owners: Owners) -> None:
    guard(owners, "receivers_own = false")
    asked = owners.ask(PLAIN)
    assert asked.returncode == Refused.exit_code
    assert "own columns" in asked.stdout + asked.stderr
    assert end_of(owners, PLAIN.replace("SUM(b.loan_balance) AS loans,", "")) == End(State.DONE)


def test_a_policy_has_noise_on_every_number_until_its_budget_is_spent(owners: Owners) -> None:
    guard(owners, "max_epsilon = 1\nepsilon_budget = 2\nepsilon_days = 30")
    exact = owners.ask(PLAIN)
    assert exact.returncode == Refused.exit_code
    assert "--noise" in exact.stdout + exact.stderr
    clear = {row[0]: row for row in owners.clear(PLAIN).rows}
    tables = [owners.answer(PLAIN, "--noise", "1") for _ in range(2)]
    for table in tables:
        noisy = {row[0]: row for row in table.rows}
        assert noisy.keys() == clear.keys()
        # Three numbers and the counts share ε = 1; a tail of 40 scales is beyond all chance.
        for region, row in noisy.items():
            assert abs(int(row[1]) - int(clear[region][1])) < 40 * 3
            assert row[2:] != clear[region][2:]
    assert tables[0].rows != tables[1].rows
    with owners.client(GUARDED) as node:
        (own,) = [one for one in node.datasets().datasets if one.spent]
    assert own.spent == (Spent(receiver=RECEIVER, epsilon=Decimal(2)),)
    spent = owners.ask(PLAIN, "--noise", "0.001")
    assert spent.returncode == BudgetExhausted.exit_code
    told = json.loads(spent.stdout)
    assert owners.end_of(str(told["job"])) == End(State.REFUSED, BudgetExhausted.code, GUARDED)
