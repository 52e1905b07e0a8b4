"""Four lenders that add up their own rows: their loans, what they allow, and the right answer.

The answer is made in the clear from the same rows: cells of subjects at organisations other than
the receiver, small ones together in one row, exact decimals.
"""

# Statements are made up here, and run through the language alone.
# ruff: noqa: S608

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from random import Random
from typing import Self

from tests.federation.directed import Directed
from tests.federation.federation import eventually
from tests.unit.node.stations import uscc

LENDERS = ("bank_a", "bank_b", "power", "tax")
RECEIVER = "bank_a"
INDUSTRIES = ("农业", "制造", "零售", "运输", "never")
K = 5

DESCRIPTION = f"""
name = "loans"
source = "loans.csv"
title = "Loans"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = 9
level = 2

[[column]]
name = "balance"
type = "decimal"
decimals = 2
minimum = "-9000000000.00"
maximum = "9000000000.00"
level = 3
nullable = true

[[column]]
name = "industry"
type = "text"
domain = [{", ".join(f'"{name}"' for name in INDUSTRIES)}]
level = 2

[[column]]
name = "overdue"
type = "boolean"
level = 3
"""
POLICY = """
[[allow]]
dataset = "loans"
jobs = ["query"]
on = ["uscc"]
with = ["bank_a", "bank_b", "power", "tax"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
min_group = 5
min_join = 10
min_contributors = 3
approve = "auto"
[allow.columns]
balance = ["sum", "avg", "count", "variance"]
industry = ["group"]
overdue = ["filter", "group"]
"""
TERMS = ("--purpose", "CREDIT_MICRO", "--basis", "SYNTHETIC_TEST", "--yes", "--json")
LIMITS = ("--min-group", str(K), "--min-join", "10")


def statement(orgs: Collection[str] = LENDERS, where: str = "") -> str:
    """Loans by industry, over the rows of all."""
    rows = " UNION ALL ".join(f"SELECT industry, balance FROM {org}.loans {where}" for org in orgs)
    return (
        "SELECT industry, COUNT(*) AS n, COUNT(balance) AS known, SUM(balance) AS total,"
        f" AVG(balance) AS mean FROM ({rows}) GROUP BY industry"
    )


@dataclass(frozen=True)
class Loan:
    """A row of a lender's file."""

    subject: int
    balance: Decimal | None
    industry: str
    overdue: bool


def loans(seed: int, org: str) -> list[Loan]:
    """Rows of one lender: several a subject, some without a balance, one industry hardly there."""
    chance = Random(f"{seed} {org}")
    found = []
    for number in range(60):
        balance = None if chance.random() < 0.1 else Decimal(chance.randrange(-(10**9), 10**11))
        industry = INDUSTRIES[min(int(chance.expovariate(1.0)), 3)]
        found.append(
            Loan(
                number // 2,
                None if balance is None else balance / 100,
                industry,
                chance.random() < 0.3,
            )
        )
    return found


def table(rows: Mapping[str, list[Loan]], *, k: int = K) -> tuple[set[tuple[str, ...]], int]:
    """The rows of the result in the clear, the remainder's label empty; and how many cells fold."""
    cells: dict[str, list[Loan]] = defaultdict(list)
    subjects: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for org, own in rows.items():
        for loan in own:
            cells[loan.industry].append(loan)
            if org != RECEIVER:
                subjects[loan.industry].add((org, loan.subject))
    count = {industry: len(subjects[industry]) for industry in INDUSTRIES}

    def enough(together: list[str]) -> bool:
        of = [{org for org, _ in subjects[industry]} for industry in together]
        return sum(count[industry] for industry in together) >= k and max(map(len, of)) >= 2

    shown = [industry for industry in INDUSTRIES if enough([industry])]
    small = [industry for industry in INDUSTRIES if count[industry] and industry not in shown]
    if small and (len(small) < 2 or not enough(small)):
        joining = min(shown, key=lambda one: (count[one], INDUSTRIES.index(one)))
        shown.remove(joining)
        small.append(joining)
    rest = [loan for industry in INDUSTRIES if industry not in shown for loan in cells[industry]]
    made = {_line(industry, cells[industry]) for industry in shown}
    return made | ({_line("", rest)} if rest else set()), len(small)


def _line(label: str, rows: list[Loan]) -> tuple[str, ...]:
    values = [row.balance for row in rows if row.balance is not None]
    total = sum(values, Decimal(0))
    mean = (total / len(values)).quantize(Decimal("1.000000"), ROUND_HALF_EVEN) if values else None
    return (
        label,
        str(len(rows)),
        str(len(values)),
        f"{total:f}" if values else "",
        f"{mean:f}" if mean is not None else "",
    )


class Lenders(Directed):
    """The four under direction; in a `with` their loans are imported, and sums allowed."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        super().__init__(folder, *LENDERS, coordinator={"node_grace_seconds": 3})
        self.rows = {org: loans(seed, org) for org in LENDERS}

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            for org in LENDERS:
                self.allow(org, POLICY)
                self.add(org, "loans", DESCRIPTION, csv_of(self.rows[org]))
            eventually(self._all_offered)
        except BaseException:
            self.stop_all()
            raise
        return self

    def _all_offered(self) -> bool:
        with self.client(RECEIVER) as node:
            return sum(len(one.entries) for one in node.catalogue().organisations) == len(LENDERS)

    def answer(self, job: str) -> set[tuple[str, ...]]:
        """The result of a job that is done, as it lies at the receiver's node."""
        head, *rows = self.lines(job)
        assert head == ["industry", "n", "known", "total", "mean", "remainder"]
        assert all((row[0] == "") == (row[-1] == "true") for row in rows)
        return {tuple(row[:-1]) for row in rows}

    def lines(self, job: str) -> list[list[str]]:
        """The lines of the file that holds it."""
        file = self.folder / RECEIVER / "data" / "results" / f"{job}.csv"
        with file.open(encoding="utf-8", newline="") as opened:
            return list(csv.reader(opened))


def csv_of(rows: list[Loan]) -> str:
    """A lender's file."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["uscc", "balance", "industry", "overdue"])
    for row in rows:
        balance = "" if row.balance is None else f"{row.balance:.2f}"
        writer.writerow([uscc(row.subject), balance, row.industry, str(row.overdue).lower()])
    return written.getvalue()
