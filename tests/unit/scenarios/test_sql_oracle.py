"""The clear answer of a query, against sums made by hand, and the product against it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contract.dataset import CatalogueEntry
from federated.query.plan import QueryPlan
from federated.query.planning import compile_statement
from federated.query.result import Cell, result_of
from federated.query.statement import parse
from node import snapshot
from node.local import LocalRows, run_local
from scenarios.sql_oracle import Clear
from scenarios.world import World

KEYS = ("91110000101623741K", "911101066976941872", "91110000600037341L", "91350100M000100Y43")
WRONG = "911101066976941873"

LEFT = 'name = "l"\nsource = "l.csv"\nduplicates = "first"\n'
RIGHT = 'name = "r"\nsource = "r.csv"\n'
KEY = '[[column]]\nname = "uscc"\ntype = "key"\nkey = "uscc"\nlevel = 2\n'
AMOUNT = '[[column]]\nname = "x"\ntype = "decimal"\ndecimals = 2\nlevel = 3\nnullable = true\n'
LABEL = '[[column]]\nname = "g"\nsource = "组"\ntype = "text"\nlevel = 1\nnullable = true\n'

DEMO = """
SELECT r.industry, COUNT(*) AS firms, SUM(t.vat_paid) AS vat_paid, AVG(p.kwh_total) AS kwh,
    SUM(b.loan_balance) AS loans
FROM bank_a.loans AS b
JOIN (SELECT uscc, SUM(vat_paid) AS vat_paid FROM tax.returns
    WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS t USING (uscc)
JOIN (SELECT uscc, SUM(kwh_total) AS kwh_total FROM power.meters
    WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS p USING (uscc)
JOIN registry.enterprises AS r USING (uscc)
WHERE b.five_class <> '损失' GROUP BY r.industry
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Three keys in common, one of them dirty, of three groups; a wrong key and a repeated row."""
    a, b, c, d = KEYS
    left = f"uscc,x\n{a},0.10\n{b},\n{c.lower()},0.20\n{c.lower()},0.20\n{WRONG},9.00\n{d},-5.00\n"
    right = f"uscc,组\n{a},one\n {b} ,\n{c},one\n{WRONG},one\n"
    for org, head, columns, rows in (
        ("left", LEFT, KEY + AMOUNT, left),
        ("right", RIGHT, KEY + LABEL, right),
    ):
        (tmp_path / org).mkdir()
        (tmp_path / org / f"{org[0]}.toml").write_text(head + columns, "utf-8")
        (tmp_path / org / f"{org[0]}.csv").write_text(rows, "utf-8")
    return tmp_path


PUBLIC = ("left.l", "right.r")
TINY = (
    "SELECT r.g, COUNT(*) AS n, COUNT(l.x) AS present, SUM(l.x) AS s, AVG(l.x * 0.50) AS m"
    " FROM left.l AS l JOIN right.r AS r USING (uscc) GROUP BY r.g"
)


def test_sums_and_means_are_exact_and_null_is_a_group(tiny: Path) -> None:
    answer = Clear(tiny).answer(TINY, k=1, public=PUBLIC)
    assert answer.columns == ("g", "n", "present", "s", "m")
    assert answer.rows == (
        ("one", 2, 2, Decimal("0.30"), Decimal("0.07500000")),
        (None, 1, 0, None, None),
    )
    assert [str(value) for value in answer.rows[0][3:]] == ["0.30", "0.07500000"]
    assert (answer.remainder, answer.folded, answer.dropped) == (None, 0, 0)


def test_small_groups_are_folded(tiny: Path) -> None:
    answer = Clear(tiny).answer(TINY, k=2, public=PUBLIC)
    # A remainder of one cell would be that cell: the smallest shown one joins it.
    assert answer.rows == ()
    assert answer.remainder == (None, 3, 2, Decimal("0.30"), Decimal("0.07500000"))
    assert (answer.folded, answer.dropped) == (2, 0)


def test_a_full_group_is_not_shown(tiny: Path) -> None:
    # The group `one` of the right is whole in the join: its owner would know its members' sum.
    answer = Clear(tiny).answer(TINY, k=1)
    assert (answer.rows, answer.remainder, answer.dropped) == ((), None, 2)
    # Where everybody knows who is on the left, that says nothing of the right; but of the left.
    assert Clear(tiny).answer(TINY, k=1, public=["left.l"]).dropped == 0
    assert Clear(tiny).answer(TINY, k=1, public=["right.r"]).dropped == 2


def test_a_small_join_gives_nothing(tiny: Path) -> None:
    answer = Clear(tiny).answer(TINY, k=1, min_join=4, public=PUBLIC)
    assert (answer.rows, answer.remainder, answer.dropped) == ((), None, 2)


def imported(world: World, folder: Path) -> tuple[dict[str, dict[str, CatalogueEntry]], list[Path]]:
    entries: dict[str, dict[str, CatalogueEntry]] = {}
    for dataset in world.datasets:
        added = snapshot.add(
            dataset.description,
            folder / dataset.organisation,
            org=dataset.organisation,
            today=date(2026, 11, 1),
        )
        entries.setdefault(dataset.organisation, {})[dataset.name] = added.entry
    return entries, sorted(folder.rglob("*.parquet"))


def joined(plan: QueryPlan, parts: Sequence[LocalRows]) -> list[Cell]:
    """Every cell of the join, matched in clear."""
    places = [{one: i for i, one in enumerate(part.keys)} for part in parts]
    members: dict[Any, list[list[int]]] = {}
    for one in set.intersection(*map(set, places)):
        at = [place[one] for place in places]
        labels = tuple(part.groups[i] for part, i in zip(parts, at, strict=True))
        members.setdefault(labels, []).append(at)
    return [
        Cell(
            labels,
            len(rows),
            tuple(
                sum(
                    int(parts[term.owner].values[term.column][row[term.owner]])
                    for row in rows
                    for term in summand.terms
                )
                for summand in plan.summands
            ),
        )
        for labels, rows in members.items()
    ]


def test_the_demonstrations_query_equals_the_answer_of_another_process(
    mini: World, tmp_path: Path
) -> None:
    entries, parquet = imported(mini, tmp_path)
    plan = compile_statement(parse(DEMO, entries), receivers=["bank_a"], k=10)
    parts = [
        run_local(part, next(file for file in parquet if file.parts[-3] == part.org), k=1)
        for part in plan.owners
    ]
    result = result_of(plan, joined(plan, parts))

    command = [sys.executable, "-P", "-m", "scenarios.sql_oracle", str(mini.folder)]
    command += ["--k", "10", "--public", "registry.enterprises"]
    printed = subprocess.run(command, input=DEMO, capture_output=True, text=True, check=True)
    clear = json.loads(printed.stdout)

    assert clear["columns"] == [column.name for column in result.columns]
    assert clear["rows"] == [[str_or_int(value) for value in row.values] for row in result.rows]
    assert len(clear["rows"]) == 12


def str_or_int(value: object) -> object:
    return value if isinstance(value, int) else str(value)
