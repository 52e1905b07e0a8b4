"""Random sums over UNION ALL: plan, members' own totals, added up in clear, equal DuckDB's table.

Masks are left out; everything else is what runs: statement and plan, members' SQL on snapshots, the
tally, the arithmetic of the result. Members' columns differ in decimals, bounds and order. Every
cell is shown that somebody but the receiver has a subject in, since k is 1.

The long form: make queries QUERIES=5000
"""

# Queries are made up here, out of the lists below.
# ruff: noqa: S608

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from math import isclose
from os import environ
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.dataset import CatalogueEntry
from federated.query.union import parse
from federated.query.union_plan import UnionPlan, compile_union
from federated.query.union_result import result_of_union
from federated.union.tally import tally
from federated.words import to_integers, total
from node import snapshot
from node.union_rows import run_union
from scenarios.sql_oracle import Clear
from tests.property.query_worlds import TODAY, boolean, decimal, dirty, key, maybe

BANKS = ("bank_a", "bank_b", "bank_c", "bank_d", "bank_e")
CLASSES = ("正常", "关注", "it's")
DECIMALS = dict(zip(BANKS, (2, 0, 4, 2, 3), strict=True))


def description(bank: str) -> str:
    most = 10**7
    return f"""
name = "loans"
source = "loans.csv"
invalid_keys = "warn"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
[[column]]
name = "amount"
type = "decimal"
decimals = {DECIMALS[bank]}
level = 3
nullable = true
minimum = "-{most}"
maximum = "{most}"
[[column]]
name = "days"
type = "integer"
level = 3
minimum = -3
maximum = 12
[[column]]
name = "class"
type = "text"
level = 3
nullable = true
domain = ["正常", "关注", "it's"]
[[column]]
name = "open"
type = "boolean"
level = 3
[[column]]
name = "period"
type = "period"
level = 1
"""


@dataclass(frozen=True)
class World:
    clear: Clear
    entries: dict[str, dict[str, CatalogueEntry]]
    parquet: dict[str, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("union"), Random(seed)))


def written(folder: Path, chance: Random) -> World:
    keys = [key(chance) for _ in range(40)]
    here = World(Clear(folder), {}, {})
    for bank in BANKS:
        (folder / bank).mkdir()
        rows = [
            [
                dirty(one, chance),
                maybe(decimal(chance, -(10**6), 10**6, DECIMALS[bank]), chance),
                str(chance.randint(-3, 12)),
                maybe(chance.choice(CLASSES), chance),
                boolean(chance),
                str(chance.randint(202501, 202506)),
            ]
            for one in chance.sample(keys, chance.choice([1, 8, 30]))
            for _ in range(chance.randint(1, 3))
        ]
        lines = "\n".join(",".join(row) for row in rows)
        text = f"uscc,amount,days,class,open,period\n{lines}\n"
        (folder / bank / "loans.csv").write_text(text, "utf-8")
        (folder / bank / "loans.toml").write_text(description(bank), "utf-8")
        data = folder / "data" / bank
        added = snapshot.add(folder / bank / "loans.toml", data, org=bank, today=TODAY)
        here.entries[bank] = {"loans": added.entry}
        here.parquet[bank] = snapshot.files(data, "loans", added.root).parquet
    here.clear.load(*(f"{bank}.loans" for bank in BANKS))
    return here


NUMBERS = ["amount", "days", "amount * 2 - days", "0.5 * days + 1", "-amount"]
NUMBERS += ["0.001 * amount", "amount + 0.5 * days - 1", "3 - days"]
CONDITIONS = ["days > 2", "class = '正常' OR open", "amount IS NOT NULL", "class NOT LIKE 'it%'"]
CONDITIONS += ["period BETWEEN 202501 AND 202503", "NOT (days IN (1, 2) AND amount < 10.5)"]
DIMENSIONS = ("class", "open", "days")


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, tuple[str, ...], int]:
    """A statement, its members, and how many dimensions come first in its result."""
    banks = draw(st.permutations(BANKS))[: draw(st.integers(3, 5))]
    dimensions = draw(st.lists(st.sampled_from(DIMENSIONS), max_size=2, unique=True))
    selects = []
    for bank in banks:
        conditions = draw(st.lists(st.sampled_from(CONDITIONS), max_size=2, unique=True))
        where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
        numbers = [f"{draw(st.sampled_from(NUMBERS))} AS x{place}" for place in range(2)]
        selects.append(f"SELECT {', '.join([*dimensions, *numbers])} FROM {bank}.loans{where}")
    offered = ["COUNT(*)", "COUNT(x0)", "SUM(x0)", "SUM(x1)", "AVG(x0)", "AVG(x1)", "COUNT(x1)"]
    items = draw(st.lists(st.sampled_from(offered), min_size=1, unique=True))
    named = ", ".join([*dimensions, *(f"{item} AS c{i}" for i, item in enumerate(items))])
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    sql = f"SELECT {named} FROM ({' UNION ALL '.join(selects)}) AS everybody{group}"
    return sql, tuple(banks), len(dimensions)


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "15")))
@given(asked=queries(), seed=st.integers(0, 3))
def test_every_cell_equals_duckdbs(
    world: Callable[[int], World], asked: tuple[str, tuple[str, ...], int], seed: int
) -> None:
    (sql, banks, dimensions), here = asked, world(seed)
    plan = compile_union(parse(sql, here.entries), receivers=banks[:1], k=1)
    again = compile_union(parse(plan.sql, here.entries), receivers=banks[:1], k=1)
    assert again.digest == plan.digest
    rows = answer(plan, here, banks)
    # A cell in which the receiver alone has rows is its own affair, and in no row of these.
    theirs = {row[:dimensions]: row[dimensions:] for row in here.clear.as_duckdb_says(sql)}
    ours = {tuple(row[:dimensions]): row[dimensions:] for row in rows}
    assert ours.keys() <= theirs.keys()
    assert len(ours) == len(rows)
    for labels, values in ours.items():
        assert all(map(alike, values, theirs[labels])), (sql, values, theirs[labels])
    others = sql.replace(f"FROM {banks[0]}.loans", f"FROM {banks[0]}.loans WHERE FALSE AND TRUE")
    others = others.replace("TRUE WHERE", "TRUE AND")
    seen = [row for row in here.clear.as_duckdb_says(others) if dimensions or ours]
    assert ours.keys() == {row[:dimensions] for row in seen}


def answer(plan: UnionPlan, here: World, banks: tuple[str, ...]) -> list[tuple[object, ...]]:
    """The rows of the receiver, which is the first of the banks."""
    parts = [
        run_union(plan, bank, here.parquet[bank], receives=bank == banks[0]).words for bank in banks
    ]
    words = to_integers(total(parts, plan.cells * (1 + len(plan.added))))
    counts, sums = words[: plan.cells], words[plan.cells :]
    found = tally(counts, k=1, min_join=1)
    assert not found.remainder
    columns = range(len(plan.added))
    shown = [
        tuple(sums[column * plan.cells + cell] for column in columns) for cell in found.passing
    ]
    return [row.values for row in result_of_union(plan, found.passing, shown, None).rows]


def alike(ours: object, theirs: object) -> bool:
    """Whether an exact value is what DuckDB says, which divides as doubles."""
    if isinstance(theirs, float):
        assert isinstance(ours, int | Decimal)
        return isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-4)
    return ours == theirs
