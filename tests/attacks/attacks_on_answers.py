"""What a receiver tries with its own questions and data: AT-04, AT-05, AT-06, AT-09, AT-11.

Each attacker is given what a bank has: its own list, public facts about the one it is after, and
the tables that it gets. It wins by the tables alone.
"""

# Statements are made up here, out of constants of this file.

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

from contract.suites import Aggregation
from federated.join import cells as gate
from tests.attacks.bench import BANK, BUREAU, JOIN, Bench, Row, keys
from tests.attacks.trial import Guard, Trial, over_a_guess

K = 10
CHANGE = "min_change = 50"
VICTIM = 500
"""What is public of the firm that the bank is after: how many people it employs."""
COUNT = f"SELECT COUNT(*) AS n {JOIN}"
SALES = f"SELECT COUNT(*) AS n, SUM(f.sales) AS sales {JOIN}"
PEOPLE = keys(400)
STRANGERS = keys(40)
"""Whom the bank alone has: a list of which everybody matched would say who is in the other one."""


def loans(of: Sequence[str]) -> list[Row]:
    return [(one, (1000 + place, place % 30)) for place, one in enumerate([*of, *STRANGERS])]


def firms(of: Sequence[str], victim: str | None = None) -> list[Row]:
    """Firms with staff that only the victim's number stands out of."""
    staff = [VICTIM if one == victim else 10 + place % 90 for place, one in enumerate(of)]
    return [(one, (7 * place + 100, "trade", staff[place])) for place, one in enumerate(of)]


def number(rows: Sequence[object], column: int) -> int | None:
    """The number that the first row of a table holds; None if there is none."""
    values = getattr(rows[0], "values", ()) if rows else ()
    return int(str(values[column])) if values else None


def counts_differ(bench: Bench, org: str, lists: Sequence[list[Row]]) -> bool:
    """Whether it is told two counts, one for each list that `org` has, and they differ."""
    counts = []
    for rows in lists:
        bench.give(org, rows)
        counts.append(number(bench.told(COUNT, K), 0))
    return None not in counts and counts[0] != counts[1]


# ── AT-04: is this one in the owner's list? ───────────────────────────────────────────────────────


def one_more(folder: Path) -> Iterator[Trial]:
    """Ask with a list, and with one more in it: the count says whether the owner has that one."""
    for guard, rule in ((Guard.THERE, CHANGE), (Guard.TAKEN_AWAY, "")):
        right = 0
        for there in (False, True):
            bench = Bench(folder / f"{guard.name}_{there}", {BANK: rule})
            bench.give(BUREAU, firms(PEOPLE[50:300] if there else PEOPLE[51:300]))
            lists = [loans(mine) for mine in (PEOPLE[51:250], PEOPLE[50:250])]
            right += counts_differ(bench, BANK, lists) == there
        setting = "the receiver's list, and with one more; its own node has min_change"
        yield Trial("AT-04", setting, guard, over_a_guess(right, 2), 0.0)


def one_less(folder: Path) -> Iterator[Trial]:
    """Ask on a snapshot of the owner's, and on the next one, in which somebody is new."""
    for guard, rule in ((Guard.THERE, CHANGE), (Guard.TAKEN_AWAY, "")):
        right = 0
        for joined in (False, True):
            bench = Bench(folder / f"{guard.name}_{joined}", {BUREAU: rule})
            bench.give(BANK, loans(PEOPLE[100:300] if joined else PEOPLE[101:300]))
            lists = [firms(theirs) for theirs in (PEOPLE[101:400], PEOPLE[100:400])]
            right += counts_differ(bench, BUREAU, lists) == joined
        setting = "the owner's snapshots, one firm apart; the owner has min_change"
        yield Trial("AT-04", setting, guard, over_a_guess(right, 2), 0.0)


# ── AT-05: what does this one sell? ───────────────────────────────────────────────────────────────


def _banded(edge: int) -> str:
    band = f"CASE WHEN f.staff < {edge} THEN 'few' ELSE 'many' END AS band"
    return f"SELECT {band}, SUM(f.sales) AS s {JOIN} GROUP BY band"


OWN = "a condition on the owner's column"
EDGE = "the edge of the owner's bands"
CHOSEN = "the edge of a CASE inside of the sum"
MINE = "a condition on the receiver's column"
TRACKERS = {
    OWN: (SALES, f"{SALES} WHERE f.staff <> {VICTIM}"),
    EDGE: (_banded(VICTIM), _banded(VICTIM + 1)),
    CHOSEN: tuple(
        f"SELECT COUNT(*) AS n, SUM(CASE WHEN f.staff < {edge} THEN f.sales ELSE 0 END) AS s {JOIN}"
        for edge in (VICTIM, VICTIM + 1)
    ),
    MINE: (SALES, f"{SALES} WHERE b.days <> 77"),
}
"""Two statements of which the second leaves out the victim, or puts it elsewhere."""


def tracker(folder: Path) -> Iterator[Trial]:
    """Two sums that differ by one firm's: the difference is what it sells."""
    for place, (setting, guard, org, rule) in enumerate(
        (
            (OWN, Guard.THERE, BUREAU, CHANGE),
            (OWN, Guard.TAKEN_AWAY, BUREAU, ""),
            (EDGE, Guard.THERE, BUREAU, CHANGE),
            (EDGE, Guard.TAKEN_AWAY, BUREAU, ""),
            (CHOSEN, Guard.THERE, BUREAU, CHANGE),
            (CHOSEN, Guard.TAKEN_AWAY, BUREAU, ""),
            (MINE, Guard.THERE, BANK, CHANGE),
            (MINE, Guard.NONE_YET, BUREAU, CHANGE),
        )
    ):
        bench = Bench(folder / str(place), {org: rule})
        victim = PEOPLE[60]
        customers = loans([*PEOPLE[50:250], *PEOPLE[350:380]])
        bench.give(BANK, [(one, (v[0], 77 if one == victim else v[1])) for one, v in customers])
        theirs = firms(PEOPLE[:350], victim)
        theirs += [(one, (5, "trade", 900)) for one in PEOPLE[350:]]  # no band is small
        bench.give(BUREAU, theirs)
        truth = int(str(dict(theirs)[victim][0]))
        first, second = (number(bench.told(sql, K), 1) for sql in TRACKERS[setting])
        found = first is not None and second is not None and abs(first - second) == truth
        yield Trial("AT-05", f"{setting}; {org} has {rule or 'no rule'}", guard, float(found), 0.0)


def tracker_of_noise(folder: Path) -> Iterator[Trial]:
    """The same where the owner's policy asks for noise: the difference is how far two draws are."""
    for guard, epsilon in ((Guard.THERE, Decimal("0.5")), (Guard.TAKEN_AWAY, None)):
        rule = "" if epsilon is None else f"max_epsilon = {epsilon}"
        bench = Bench(folder / guard.name, {BUREAU: rule})
        theirs = firms(PEOPLE[:350], PEOPLE[60])
        bench.give(BANK, loans(PEOPLE[50:250]))
        bench.give(BUREAU, theirs)
        adding = Aggregation.ENCRYPTED
        first, second = (number(bench.ask(sql, K, adding, epsilon), 1) for sql in TRACKERS[OWN])
        assert first is not None
        assert second is not None
        found = first - second == dict(theirs)[PEOPLE[60]][0]
        setting = f"{OWN}; {BUREAU} has {rule or 'no rule'}"
        yield Trial("AT-05", setting, guard, float(found), 0.0)


# ── AT-06: which of mine are in it? ───────────────────────────────────────────────────────────────


def powers_of_two(folder: Path) -> Iterator[Trial]:
    """The receiver's own values are powers of two: their sum is the list of those in the join."""
    for guard, rule in ((Guard.THERE, "receivers_own = false"), (Guard.TAKEN_AWAY, "")):
        bench = Bench(folder / guard.name, {BUREAU: rule})
        mine, theirs = PEOPLE[:60], PEOPLE[1:60:2] + PEOPLE[100:200]
        bench.give(BANK, [(one, (2**place, 1)) for place, one in enumerate(mine)])
        bench.give(BUREAU, firms(theirs))
        total = number(bench.told(f"SELECT SUM(b.balance) AS s {JOIN}", K), 0)
        guessed = {one for place, one in enumerate(mine) if (total or 0) >> place & 1}
        right = sum((one in guessed) == (one in theirs) for one in mine)
        yield Trial("AT-06", "60 balances of 2^i", guard, over_a_guess(right, len(mine)), 0.0)


# ── AT-09, AT-11: cells of few ────────────────────────────────────────────────────────────────────

CELLS = {"mining": 9, "trade": 10, "retail": 40, "farming": 60}
BY_INDUSTRY = f"SELECT f.industry, COUNT(*) AS n, SUM(f.sales) AS s {JOIN} GROUP BY f.industry"


def _industries(folder: Path) -> tuple[Bench, dict[str, int]]:
    """So many of each industry in the join, and as many more at the bureau; what mining sells."""
    bench = Bench(folder)
    people = iter(PEOPLE)
    theirs: list[Row] = []
    mine: list[str] = []
    sold: dict[str, int] = {}
    for industry, size in CELLS.items():
        joined = [next(people) for _ in range(size)]
        mine += joined
        for place, one in enumerate(joined + [next(people) for _ in range(20)]):
            sales = 1000 + 13 * place
            sold[industry] = sold.get(industry, 0) + (sales if one in joined else 0)
            theirs.append((one, (sales, industry, 5)))
    bench.give(BANK, loans(mine))
    bench.give(BUREAU, theirs)
    return bench, sold


def small_cell(folder: Path) -> Iterator[Trial]:
    """A cell of 9 and one of 10: which does the table show?"""
    for guard, k in ((Guard.THERE, K), (Guard.TAKEN_AWAY, 2)):
        bench, _ = _industries(folder / guard.name)
        shown = {row.values[0]: row.values[1] for row in bench.told(BY_INDUSTRY, k)}
        assert {"retail", "farming"} <= shown.keys()
        yield Trial("AT-09", f"a cell of 9 entities, k = {k}", guard, float("mining" in shown), 0.0)
    others = f"SELECT f.industry, COUNT(*) AS n {JOIN} WHERE f.industry <> 'mining' GROUP BY 1"
    table = bench.told(others, K)
    assert ("trade", K) in {row.values for row in table}, "a cell of k entities is shown"


TIGHTEST = 0.15
"""p: how near to its true sum, in parts of it, an attacker may bound a cell that isn't shown."""


def missing_cell(folder: Path) -> Iterator[Trial]:
    """Of the total what isn't shown: how near does it bound what mining sells?

    A linear program of one equation, what is missing = the sum of the cells that are, and of one
    bound for each, declared in the catalogue: nothing is below 0. So its answer is an interval.
    """
    alone: AbstractContextManager[object] = patch.object(gate, "_folded", _without_complement)
    for guard, rule in ((Guard.THERE, nullcontext()), (Guard.TAKEN_AWAY, alone)):
        bench, sold = _industries(folder / guard.name)
        with rule:
            table = [row for row in bench.told(BY_INDUSTRY, K) if not row.remainder]
        total = number(bench.told(SALES, K), 1)
        assert total is not None
        left = total - sum(int(str(row.values[2])) for row in table)
        missing = CELLS.keys() - {row.values[0] for row in table}
        least, most = (left if len(missing) == 1 else 0), left
        near = min(sold["mining"] - least, most - sold["mining"]) / sold["mining"]
        setting = f"mining lies within {least:,} to {most:,}; it sells {sold['mining']:,}"
        yield Trial("AT-11", setting, guard, max(0.0, 1 - near / TIGHTEST), 0.0)


def _without_complement(
    _: object, passing: list[gate.Cell], failing: list[gate.Cell]
) -> gate.Cells:
    """What must not be shown is left out, and nothing else."""
    return gate.Cells(passing=tuple(passing), remainder=None, dropped=len(failing))


ATTACKS = (one_more, one_less, tracker, tracker_of_noise, powers_of_two, small_cell, missing_cell)
