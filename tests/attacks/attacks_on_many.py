"""What a receiver tries with many rows a subject: AT-05, by keys of two columns, over UNION ALL.

As in attacks_on_answers.py, the attacker has the tables that it gets, and public facts about the
one it is after. Two sums differ by what is left out of the second one; the difference is the
victim's.
"""

# Statements are made up here, out of constants of this file.
# ruff: noqa: S608

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contract.dataset import CatalogueEntry
from contract.errors import Withheld
from federated.query.result import Row as Shown
from federated.query.union import parse
from federated.query.union_plan import compile_union
from federated.query.union_result import result_of_union
from federated.union.counts import read_total
from federated.union.tally import tally
from federated.words import to_integers, total
from node.answered import Answer, Answered
from node.union_rows import rows_brought, run_union
from tests.attacks.attacks_on_answers import PEOPLE, STRANGERS, VICTIM, K, number
from tests.attacks.bench import BANK, BUREAU, MONTHS, Bench, Row
from tests.attacks.trial import Guard, Trial

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


@dataclass
class Union:
    """Three organisations whose rows are added up; the bank is told, the bureau compares."""

    folder: Path
    fewest: int | None
    entries: dict[str, dict[str, CatalogueEntry]] = field(default_factory=dict)
    parquet: dict[str, Path] = field(default_factory=dict)

    def give(self, rows: dict[str, list[Row]]) -> None:
        """Import everybody's rows: of a firm and a month, as the bureau's are."""
        for org in MEMBERS:
            bench = Bench(self.folder / org, monthly=True)
            bench.give(BUREAU, rows[org])
            entry = bench.entries[BUREAU]["firms"]
            self.entries[org] = {"firms": entry.model_copy(update={"org": org})}
            self.parquet[org] = bench.parquet[BUREAU]

    def told(self, condition: str) -> tuple[Shown, ...]:
        """What the bank gets; nothing where the bureau withholds."""
        with suppress(Withheld):
            return self._asked(condition)
        return ()

    def _asked(self, condition: str) -> tuple[Shown, ...]:
        rows = " UNION ALL ".join(
            f"SELECT sales FROM {org}.firms WHERE {condition}" for org in MEMBERS
        )
        sql = f"SELECT COUNT(*) AS n, SUM(sales) AS sales FROM ({rows})"
        plan = compile_union(parse(sql, self.entries), receivers=[BANK], k=K)
        if self.fewest is not None:
            answered = Answered(self.folder / BUREAU / "answered")
            of, brought = answered.brought_rows(*rows_brought(plan, BUREAU, self.parquet[BUREAU]))
            answered.keep([Answer(BANK, "firms", of, brought, self.fewest)], BUREAU)
        words = [
            run_union(plan, org, self.parquet[org], receives=org == BANK).words for org in MEMBERS
        ]
        count, *sums = to_integers(total(words, 1 + plan.totals))
        found = tally([read_total(count)], k=K, min_join=2)
        return result_of_union(plan, found.passing, [tuple(sums)], None).rows


def firm_over_many(folder: Path) -> Iterator[Trial]:
    """Leave a firm out of a sum over UNION ALL, or one of its rows: all others cancel."""
    victim = PEOPLE[60]
    out = {
        "a firm": (f"NOT staff = {VICTIM}", 4321 * MONTHS),
        "a row": (f"NOT (staff = {VICTIM} AND month = 202503)", 4321),
    }
    for what, (condition, sold) in out.items():
        for guard, fewest in ((Guard.THERE, 50), (Guard.TAKEN_AWAY, None)):
            union = Union(folder / what / guard.name, fewest)
            firms = _monthly([one for one in PEOPLE[:80] if one != victim], 7, "trade", 10)
            mine = [*firms, *_monthly([victim], 4321, "trade", VICTIM)]
            others = _monthly(PEOPLE[80:120], 9, "trade", 10)
            union.give({BUREAU: mine, BANK: others, "customs": others})
            first, second = (number(union.told(one), 1) for one in ("staff < 99999", condition))
            found = first is not None and second is not None and first - second == sold
            setting = f"{what} left out over UNION ALL; min_change {fewest or 'none'}"
            yield Trial("AT-05", setting, guard, float(found), 0.0)


ATTACKS = (firm_of_many_months, firm_over_many)
