"""What a receiver tries with many rows a subject: AT-05 by keys of two columns, and over UNION ALL;
AT-10 there.

As in attacks_on_answers.py, the attacker has the tables that it gets, and public facts about the
one it is after. Two sums differ by what is left out of the second one; the difference is the
victim's. Or one sum has next to nothing in it but one organisation's rows.
"""

# Statements are made up here, out of constants of this file.
# ruff: noqa: S608

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contract import toml
from contract.dataset import CatalogueEntry
from contract.errors import PolicyError
from contract.job import Contract
from contract.policy import Policy
from federated.query.agreed import plan_of_union
from federated.query.result import Row as Shown
from federated.query.union_result import result_of_union
from federated.union.counts import read_total
from federated.union.tally import tally
from federated.words import to_integers, total
from node.answered import Answer, Answered
from node.gate import check_policy, min_changes
from node.union_rows import rows_brought, run_union
from tests.attacks.attacks_on_answers import PEOPLE, STRANGERS, VICTIM, K, number
from tests.attacks.bench import BANK, BUREAU, MONTHS, TODAY, Bench, Row
from tests.attacks.trial import Guard, Trial
from tests.flow.union_in_process import proposed

FEWER = MONTHS - 1
"""A minimum change that the keys of one firm would pass for, were they taken for subjects."""
BY_MONTH = "FROM bank.loans AS b JOIN bureau.firms AS f USING (uscc, month)"
MONTHLY = f"SELECT COUNT(*) AS n, SUM(f.sales) AS sales {BY_MONTH}"


def _monthly(of: list[str], *values: object) -> list[Row]:
    return [(one, (202501 + month, *values)) for one in of for month in range(MONTHS)]


def firm_of_many_months(folder: Path) -> Iterator[Trial]:
    """A firm has as many keys as there are months: leave it out of a sum by firm and month."""
    for guard, rule in ((Guard.THERE, f"min_change = {FEWER}"), (Guard.TAKEN_AWAY, "")):
        bench = Bench(folder / guard.name, {BUREAU: rule}, monthly=True)
        victim = PEOPLE[60]
        bench.give(BANK, _monthly([*PEOPLE[50:250], *STRANGERS], 1000, 5))
        firms = _monthly([one for one in PEOPLE[:400] if one != victim], 7, "trade", 10)
        bench.give(BUREAU, [*firms, *_monthly([victim], 4321, "trade", VICTIM)])
        asked = (MONTHLY, f"{MONTHLY} WHERE f.staff <> {VICTIM}")
        first, second = (number(bench.told(sql, K), 1) for sql in asked)
        found = first is not None and second is not None and first - second == 4321 * MONTHS
        setting = f"{MONTHS} keys of one firm; the owner has {rule or 'no rule'}"
        yield Trial("AT-05", setting, guard, float(found), 0.0)


# ── over UNION ALL ────────────────────────────────────────────────────────────────────────────────

MEMBERS = (BANK, BUREAU, "customs")
_RULE = f"""
[[allow]]
dataset = "firms"
jobs = ["query"]
on = ["uscc"]
with = ["{BANK}", "customs"]
receivers = ["{BANK}"]
purposes = ["JOINT_STATISTICS"]
bases = ["SYNTHETIC_TEST"]
min_contributors = 3
min_join = 2
approve = "auto"
"""


@dataclass
class Union:
    """Three organisations whose rows are added up; the bank is told, the bureau has the guards."""

    folder: Path
    rule: str
    """More lines for the rule in the bureau's policy.toml: its guards."""
    chosen_by: Sequence[str] = ("month", "industry", "staff")
    """By which columns the bureau lets rows be chosen."""
    entries: dict[str, CatalogueEntry] = field(default_factory=dict)
    parquet: dict[str, Path] = field(default_factory=dict)

    def give(self, rows: dict[str, list[Row]]) -> None:
        """Import everybody's rows: of a firm and a month, as the bureau's are."""
        for org in MEMBERS:
            bench = Bench(self.folder / org, monthly=True)
            bench.give(BUREAU, rows[org])
            entry = bench.entries[BUREAU]["firms"]
            self.entries[org] = entry.model_copy(update={"org": org})
            self.parquet[org] = bench.parquet[BUREAU]

    def told(self, selected: Mapping[str, tuple[str, str]]) -> tuple[Shown, ...]:
        """What the bank gets of what it selects of each one's firms; nothing where that is denied.

        `selected` has of each organisation what stands before FROM, and the condition on its rows.
        """
        with suppress(PolicyError):
            return self._asked(selected)
        return ()

    def _asked(self, selected: Mapping[str, tuple[str, str]]) -> tuple[Shown, ...]:
        contract = self._contract(selected)
        rules = check_policy(contract, BUREAU, self._policy(), TODAY)
        plan = plan_of_union(contract)
        for dataset, fewest in min_changes(rules).items():
            answered = Answered(self.folder / BUREAU / "answered")
            own = rows_brought(plan, BUREAU, self.parquet[BUREAU])
            brought = answered.brought_rows(*own)
            answered.keep([Answer(BANK, dataset, of, one, fewest) for of, one in brought], BUREAU)
        words = [
            run_union(plan, org, self.parquet[org], receives=org == BANK).words for org in MEMBERS
        ]
        count, *sums = to_integers(total(words, 1 + plan.totals))
        found = tally([read_total(count)], k=K, min_join=2)
        shown = [tuple(sums)] if found.passing else []
        return result_of_union(plan, found.passing, shown, None).rows

    def _contract(self, selected: Mapping[str, tuple[str, str]]) -> Contract:
        rows = " UNION ALL ".join(
            f"SELECT {columns} FROM {org}.firms WHERE {condition}"
            for org, (columns, condition) in selected.items()
        )
        sql = f"SELECT COUNT(*) AS n, SUM(sales) AS sales FROM ({rows})"
        return proposed(
            sql,
            self.entries.values(),
            me=BANK,
            purpose="JOINT_STATISTICS",
            min_group=K,
            min_join=2,
        )

    def _policy(self) -> Policy:
        uses = {"sales": ["sum"], **{name: ["filter", "group"] for name in self.chosen_by}}
        columns = ", ".join(f"{name} = {json.dumps(done)}" for name, done in uses.items())
        return toml.parse(Policy, f"{_RULE}columns = {{ {columns} }}\n{self.rule}\n", "policy.toml")


def _of_all(condition: str) -> dict[str, tuple[str, str]]:
    """The same sales of everybody."""
    return dict.fromkeys(MEMBERS, ("sales", condition))


def firm_over_many(folder: Path) -> Iterator[Trial]:
    """Leave a firm out of a sum over UNION ALL, or one of its rows: all others cancel."""
    victim = PEOPLE[60]
    out = {
        "a firm": (f"NOT staff = {VICTIM}", 4321 * MONTHS),
        "a row": (f"NOT (staff = {VICTIM} AND month = 202503)", 4321),
    }
    for what, (condition, sold) in out.items():
        for guard, rule in ((Guard.THERE, "min_change = 50"), (Guard.TAKEN_AWAY, "")):
            union = Union(folder / what / guard.name, rule)
            firms = _monthly([one for one in PEOPLE[:80] if one != victim], 7, "trade", 10)
            mine = [*firms, *_monthly([victim], 4321, "trade", VICTIM)]
            others = _monthly(PEOPLE[80:120], 9, "trade", 10)
            union.give({BUREAU: mine, BANK: others, "customs": others})
            asked = (_of_all("staff < 99999"), _of_all(condition))
            first, second = (number(union.told(one), 1) for one in asked)
            found = first is not None and second is not None and first - second == sold
            setting = f"{what} left out over UNION ALL; {rule or 'no min_change'}"
            yield Trial("AT-05", setting, guard, float(found), 0.0)


ANY = 'selects = "any"'
EVERY = "staff >= 0"
NEXT_TO_NOTHING = {
    "their values times nothing": ("0 * sales AS sales", EVERY),
    "one firm": ("sales", f"staff = {VICTIM}"),
}
NOBODY = ("sales", "staff = 99999")


def part_of_a_sum(folder: Path) -> Iterator[Trial]:
    """Select all of the bureau's firms, and of the others next to nothing: the sum is its part."""
    tried = [
        (what, selected, guard, rule)
        for what, selected in NEXT_TO_NOTHING.items()
        for guard, rule in ((Guard.THERE, ""), (Guard.TAKEN_AWAY, ANY))
    ]
    # That a row is of two organisations at least holds without that rule, too.
    tried.append(("nobody", NOBODY, Guard.THERE, ANY))
    for what, selected, guard, rule in tried:
        union = Union(folder / what / guard.name, rule)
        mine = _give_all_three(union)
        of_others = dict.fromkeys(MEMBERS, selected)
        said = number(union.told({**of_others, BUREAU: ("sales", EVERY)}), 1)
        setting = f"of all but one {what}; {rule or 'SELECTs must read alike'}"
        yield Trial("AT-10", setting, guard, float(_is_nearly(said, mine)), 0.0)


def part_by_a_column_that_tells_whose_rows_they_are(folder: Path) -> Iterator[Trial]:
    """The same in SELECTs that read alike, where rows may be chosen by a column that tells."""
    alike = _of_all(f"industry = '{BUREAU}' OR staff = {VICTIM}")
    told = {Guard.TAKEN_AWAY: ("industry", "staff"), Guard.THERE: ("staff",)}
    for guard, chosen_by in told.items():
        union = Union(folder / guard.name, "", chosen_by)
        mine = _give_all_three(union)
        said = number(union.told(alike), 1)
        setting = f"SELECTs that read alike; rows may be chosen by {' and '.join(chosen_by)}"
        yield Trial("AT-10", setting, guard, float(_is_nearly(said, mine)), 0.0)


def _give_all_three(union: Union) -> int:
    """Rows for everybody, one firm among them that is known by its staff; the bureau's sales."""
    mine = _monthly(PEOPLE[:80], 700, BUREAU, 10)
    others = _monthly(PEOPLE[80:120], 900, "trade", 10)
    known = _monthly(PEOPLE[120:121], 9, "trade", VICTIM)
    union.give({BUREAU: mine, BANK: others, "customs": [*others, *known]})
    return 700 * len(mine)


def _is_nearly(said: int | None, true: int) -> bool:
    return said is not None and abs(said - true) * 100 <= true


ATTACKS = (
    firm_of_many_months,
    firm_over_many,
    part_of_a_sum,
    part_by_a_column_that_tells_whose_rows_they_are,
)
