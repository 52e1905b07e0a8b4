"""Random queries over random worlds: plan, owners' parts, joined in clear, equal the SQL oracle.

Keys are matched in clear, in dictionaries; everything else is what runs: statement and plan, the
owners' SQL on snapshots, codes, the rules of the release, the arithmetic of the result. Worlds have
dirty keys, NULLs, negative numbers, empty groups, keys that only some hold, a key column of another
name, and keys of two and three columns.

The long form: make queries QUERIES=5000
"""

# Queries are made up here, out of the lists below.
# ruff: noqa: S608

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from math import isclose
from os import environ
from pathlib import Path
from random import Random
from re import compile as pattern
from re import search
from typing import cast

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from contract.dataset import CatalogueEntry
from contract.errors import SmallBranch
from contract.job import keys_for
from federated.join.cells import cells as divide
from federated.join.codes import Encoded, encode
from federated.join.matching import Matched, Positions
from federated.query.outer import MARK
from federated.query.plan import LocalPart, QueryPlan
from federated.query.planning import compile_statement
from federated.query.result import Cell, Result, result_of
from federated.query.statement import parse
from node import snapshot
from node.local import LocalRows, run_left, run_local
from scenarios.sql_oracle import Answer, Clear
from scenarios.synthetic.identifiers import wrong_check

Labels = tuple[str | None, ...]

TODAY = date(2026, 11, 1)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
KEY = 'type = "key"\nkey = "uscc"\nlevel = 2'

DATASETS = {
    "bank.loans": f"""
[[column]]
name = "uscc"
{KEY}
rows_per_key = 1
[[column]]
name = "balance"
type = "decimal"
decimals = 2
level = 3
nullable = true
minimum = "-5000"
maximum = "5000.00"
[[column]]
name = "class"
type = "text"
level = 3
nullable = true
[[column]]
name = "days"
type = "integer"
level = 3
minimum = -40
maximum = 400
[[column]]
name = "open"
type = "boolean"
level = 3
nullable = true
[[column]]
name = "since"
type = "date"
level = 3
[[column]]
name = "huge"
type = "decimal"
decimals = 4
level = 3
minimum = "-900000000000000"
maximum = "900000000000000"
""",
    "tax.returns": f"""
[[column]]
name = "uscc"
{KEY}
rows_per_key = 6
[[column]]
name = "period"
type = "period"
level = 1
[[column]]
name = "vat"
type = "decimal"
decimals = 2
level = 3
minimum = "-1000"
maximum = "90000000000000"
[[column]]
name = "late"
type = "integer"
level = 3
nullable = true
minimum = 0
maximum = 9
[[column]]
name = "grade"
type = "text"
level = 2
codes = ["A", "B", "M"]
[[key]]
columns = ["uscc", "period"]
rows_per_key = 1
[[key]]
columns = ["period", "uscc", "grade"]
""",
    "power.meters": f"""
[[column]]
name = "uscc"
{KEY}
rows_per_key = 6
[[column]]
name = "period"
type = "period"
level = 1
[[column]]
name = "kwh"
source = "电量"
type = "decimal"
decimals = 3
level = 3
nullable = true
minimum = "-1"
maximum = "99999.999"
[[column]]
name = "free"
type = "decimal"
decimals = 1
level = 3
nullable = true
[[key]]
columns = ["uscc", "period"]
""",
    "registry.firms": f"""
[[column]]
name = "code"
{KEY}
rows_per_key = 1
[[column]]
name = "industry"
type = "text"
level = 1
[[column]]
name = "capital"
type = "decimal"
decimals = 0
level = 1
nullable = true
minimum = 0
maximum = 3
[[column]]
name = "listed"
type = "boolean"
level = 1
""",
    "customs.flows": f"""
[[column]]
name = "code"
{KEY}
[[column]]
name = "month"
type = "period"
level = 1
nullable = true
[[column]]
name = "lane"
type = "text"
level = 2
nullable = true
[[column]]
name = "amount"
type = "decimal"
decimals = 2
level = 3
nullable = true
minimum = "-50"
maximum = "999999.99"
[[key]]
columns = ["code", "month"]
rows_per_key = 3
[[key]]
columns = ["code", "month", "lane"]
rows_per_key = 3
""",
}


# ── worlds ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class World:
    clear: Clear
    entries: Mapping[str, Mapping[str, CatalogueEntry]]
    parquet: Mapping[str, Path]


def key(chance: Random) -> str:
    body = "9133" + "".join(chance.choice("0123456789") for _ in range(4))
    body += "".join(chance.choice(ALPHABET) for _ in range(9))
    total = sum(ALPHABET.index(one) * pow(3, i, 31) for i, one in enumerate(body))
    return body + ALPHABET[-total % 31]


def dirty(one: str, chance: Random) -> str:
    kind = chance.random()
    if kind < 0.05:
        return wrong_check(one, 5)
    if kind < 0.10:
        return one.lower()
    if kind < 0.15:
        return "".join(chr(ord(letter) + 0xFEE0) for letter in one)
    return f" {one}  " if kind < 0.20 else one


def decimal(chance: Random, least: int, most: int, places: int) -> str:
    value = chance.randint(least * 10**places, most * 10**places)
    sign, digits = "-" * (value < 0), f"{abs(value):0{places + 1}d}"
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def maybe(text: str, chance: Random) -> str:
    return "" if chance.random() < 0.25 else text


def boolean(chance: Random) -> str:
    return chance.choice(["true", "false"])


def rows_of(dataset: str, one: str, chance: Random) -> list[list[str]]:
    if dataset == "bank.loans":
        since = date(2020, 1, 1) + timedelta(days=chance.randint(0, 900))
        return [
            [
                one,
                maybe(decimal(chance, -5000, 5000, 2), chance),
                maybe(chance.choice(["正常", "关注", "it's"]), chance),
                str(chance.randint(-40, 400)),
                maybe(boolean(chance), chance),
                since.isoformat(),
                decimal(chance, -9 * 10**14, 9 * 10**14, 4),
            ]
        ]
    if dataset == "registry.firms":
        industry = chance.choices(["C17", "C34", "F51", "L72"], [9, 6, 3, 1])[0]
        return [[one, industry, maybe(str(chance.randint(0, 3)), chance), boolean(chance)]]
    if dataset == "customs.flows":
        return [
            [
                one,
                maybe(str(month), chance),
                maybe(chance.choice("ABM"), chance),
                maybe(decimal(chance, -50, 999999, 2), chance),
            ]
            for month in range(202501, 202507)
            for _ in range(chance.randint(0, 3))
        ]
    months = chance.sample(range(202501, 202507), chance.randint(1, 6))
    if dataset == "tax.returns":
        return [
            [
                one,
                str(month),
                decimal(chance, -1000, 9 * 10**13, 2),
                maybe(str(chance.randint(0, 9)), chance),
                chance.choice("ABM"),
            ]
            for month in months
        ]
    return [
        [
            one,
            str(month),
            maybe(decimal(chance, -1, 99999, 3), chance),
            maybe(decimal(chance, -9, 9, 1), chance),
        ]
        for month in months
    ]


HEADERS = {
    "bank.loans": "uscc,balance,class,days,open,since,huge",
    "tax.returns": "uscc,period,vat,late,grade",
    "power.meters": "uscc,period,电量,free",
    "registry.firms": "code,industry,capital,listed",
    "customs.flows": "code,month,lane,amount",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    return cache(lambda seed: written(tmp_path_factory.mktemp("world"), Random(seed)))


def written(folder: Path, chance: Random) -> World:
    keys = [key(chance) for _ in range(chance.choice([3, 40, 120]))]
    entries: dict[str, dict[str, CatalogueEntry]] = {}
    parquet = {}
    for reference, columns in DATASETS.items():
        org, name = reference.split(".")
        (folder / org).mkdir()
        held = [one for one in keys if chance.random() < 0.85]
        rows = [
            [dirty(row[0], chance), *row[1:]]
            for one in held
            for row in rows_of(reference, one, chance)
        ]
        rows += rows[:2]  # whole-row duplicates
        lines = "\n".join(",".join(row) for row in rows)
        (folder / org / f"{name}.csv").write_text(f"{HEADERS[reference]}\n{lines}\n", "utf-8")
        description = folder / org / f"{name}.toml"
        head = f'name = "{name}"\nsource = "{name}.csv"\n'
        head += 'invalid_keys = "warn"\nduplicates = "first"\n'
        description.write_text(head + columns, "utf-8")
        added = snapshot.add(description, folder / "data" / org, org=org, today=TODAY)
        entries.setdefault(org, {})[name] = added.entry
        parquet[reference] = snapshot.files(folder / "data" / org, name, added.root).parquet
    return World(Clear(folder), entries, parquet)


# ── the join, in clear ──────────────────────────────────────────────────────────────────────────


def positions_of(parts: list[LocalRows]) -> Positions:
    """Where each entity of the join stands in every owner's list."""
    places = [{one: i for i, one in enumerate(part.keys)} for part in parts]
    common = sorted(set.intersection(*map(set, places)))
    found = [[place[one] for place in places] for one in common]
    return np.array(found, dtype=np.int32).reshape(len(common), len(parts))


def coded(part: LocalPart, rows: LocalRows, k: int) -> Encoded:
    """The codes of an owner's list, its dummies included; one code where it has no groups."""
    order = [*range(len(rows.keys)), *[-1] * (part.size - len(rows.keys))]
    assert len(order) == part.size
    return encode(rows.groups, order, k if part.groups else 0, bytes(32))


def added(plan: QueryPlan, parts: list[LocalRows], at: Positions) -> tuple[int, ...]:
    """The sums over the entities that stand at these places."""
    return tuple(
        sum(int(parts[t.owner].values[t.column][at[:, t.owner]].sum()) for t in summand.terms)
        for summand in plan.summands
    )


def released(plan: QueryPlan, parts: list[LocalRows], public: bool) -> tuple[list[Cell], int, int]:
    """What the coordinator's rules let pass, the rest in one; cells that are folded, or dropped."""
    owners = [
        (part, coded(part, rows, plan.k)) for part, rows in zip(plan.owners, parts, strict=True)
    ]
    matched = Matched(
        tuple(part.org for part, _ in owners),
        tuple(part.size for part, _ in owners),
        positions_of(parts),
    )
    assert matched.count <= plan.rows
    found = divide(
        matched,
        [np.frombuffer(one.message.codes, "<u4") for _, one in owners],
        [{one.message.other} if part.groups else set() for part, one in owners],
        [one.message.sizes for _, one in owners],
        plan.k,
        keys_for(2, plan.per_subject),
        [public] * len(owners),
    )
    shown = [
        Cell(
            tuple(
                cast(Labels, one.labels[code])
                for code, (_, one) in zip(cell.codes, owners, strict=True)
            ),
            cell.count,
            added(plan, parts, cell.positions),
        )
        for cell in found.passing
    ]
    if found.remainder is None:
        return shown, 0, found.dropped
    rest = found.remainder
    if {one.count for one in rest.cells} & {one.count for one in found.passing}:
        reject()  # which of two cells of one size is folded depends on the codes
    total = Cell(None, rest.count, added(plan, parts, rest.positions))
    return [*shown, total], found.folded, found.dropped


def local_rows(plan: QueryPlan, here: World) -> list[LocalRows]:
    try:
        return [
            run_local(part, here.parquet[f"{part.org}.{part.dataset}"], k=plan.k)
            for part in plan.owners
        ]
    except SmallBranch:
        assert plan.k > 1
        reject()


# ── queries ─────────────────────────────────────────────────────────────────────────────────────

PERIODS = st.sampled_from(
    ["period BETWEEN 202501 AND 202503", "period = 202502", "period > 202504"]
)
SOURCES: dict[str, list[str]] = {
    "b": [
        "bank.loans AS b",
        "(SELECT uscc, balance, class, open, days, huge, since FROM bank.loans WHERE days < 300)"
        " AS b",
        "(SELECT uscc, CASE WHEN days < 200 THEN balance ELSE -1 END AS balance, LEFT(class, 1) AS"
        " class, open, ABS(days) AS days, huge, since FROM bank.loans) AS b",
    ],
    "t": [
        "(SELECT uscc, SUM(vat) AS vat, SUM(late) AS late, COUNT(late) AS n, MAX(grade) AS grade"
        " FROM tax.returns{} GROUP BY uscc) AS t",
        "(SELECT uscc, vat, late, days_of.period AS n, grade FROM tax.returns AS days_of"
        " WHERE period = 202503) AS t",
        "(SELECT uscc, SUM(CASE WHEN grade = 'A' THEN vat WHEN late > 3 THEN 0.5 ELSE 0 END)"
        " AS vat,"
        " SUM(CASE QUARTER(period) WHEN 1 THEN COALESCE(late, 0) ELSE 1 END) AS late,"
        " COUNT(NULLIF(grade, 'B')) AS n, MIN(LEFT(grade, 1)) AS grade FROM tax.returns{}"
        " GROUP BY uscc) AS t",
    ],
    "p": [
        "(SELECT uscc, SUM(kwh * 0.50 - 1) AS kwh, MIN(free) AS free, COUNT(*) AS n"
        " FROM power.meters{} GROUP BY uscc) AS p",
    ],
    "r": [
        "(SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r",
    ],
}
NUMBERS = {
    "b": [
        *("b.balance", "b.days", "b.huge", "balance * 2.5 - b.days", "-(b.days) + 1"),
        "b.days * 0.50 + 0.1 * b.days",
        "CASE WHEN b.open THEN b.balance WHEN days > 200 THEN 0.125 ELSE -b.days END",
        "CASE b.class WHEN '正常' THEN b.huge ELSE 0 END + 1",
        "COALESCE(b.balance, b.days * 0.5) - YEAR(b.since)",
        "2 * GREATEST(b.balance, b.days, 10) - LEAST(b.days, 3.25)",
        "ABS(b.balance - 100)",
        "- b.huge",
        "CASE WHEN b.class LIKE '正%' THEN CASE WHEN b.open THEN 1.005 ELSE b.balance END END",
        "NULLIF(b.balance, b.days) - COALESCE(NULLIF(b.days, 3), -7.5)",
        "0 * b.days + 0.000001",
    ],
    "t": ["t.vat", "t.late", "0.001 * t.vat", "CASE WHEN t.vat > 1000 THEN t.late ELSE 1 END"],
    "p": ["p.kwh", "p.kwh - 0.5", "NULLIF(p.n, 2)"],
    "r": ["r.capital", "capital * -3", "CASE WHEN r.listed THEN 1 END"],
}
BARE = {
    "b": ["b.balance", "b.class", "CASE WHEN b.open THEN b.class END", "NULLIF(b.days, 3)"],
    "t": ["t.late"],
    "p": ["p.free", "COALESCE(p.kwh, NULL)"],
    "r": ["r.capital", "CASE WHEN LEFT(r.industry, 1) = 'C' THEN r.listed END"],
}
BANDED = ["MEDIAN(b.days)", "QUANTILE_CONT(b.balance, 0.9)", "QUANTILE_DISC(b.days, 0.25)"]
BANDED += ["MIN(b.days)", "MAX(b.balance)", "MIN(b.huge)", "QUANTILE_DISC(b.huge, 1)"]
BANDED += ["QUANTILE_CONT(b.days, 0)", "QUANTILE_DISC(b.balance, 0.5)"]
QUANTILES = {
    "b": BANDED,
    "r": ["MEDIAN(r.capital)", "MIN(r.capital)", "QUANTILE_DISC(capital, 0.5)"],
    "t": [],
    "p": [],
}
DIMENSIONS = {
    "b": [
        *("b.class", "b.open", "b.days", "b.since", "YEAR(b.since)", "EXTRACT(MONTH FROM since)"),
        "CASE WHEN b.balance < 0 THEN 'owed' WHEN balance IS NULL THEN NULL ELSE '其他' END",
        "CASE WHEN b.days > 200 THEN 1.50 ELSE b.days * 0.1 END",
        "COALESCE(b.open, FALSE)",
        "CASE WHEN b.open THEN b.since ELSE DATE '2021-01-01' END",
        "b.days + 1 - 0.5",
        "QUARTER(b.since)",
        "SUBSTRING(b.class FROM 2 FOR 1)",
        "CASE WHEN b.class IS NULL THEN 0.5 WHEN MONTH(b.since) > 6 THEN -1 END",
        "NULLIF(b.open, TRUE)",
        "- b.days",
    ],
    "t": ["t.grade", "t.n"],
    "p": ["p.n", "p.free", "CASE p.n WHEN 1 THEN 'one' WHEN 2 THEN 'two' END"],
    "r": [
        *("r.industry", "r.capital", "r.listed", "LEFT(r.industry, 1)", "SUBSTR(industry, 2, 1)"),
        "RIGHT(CASE WHEN r.listed THEN r.industry ELSE 'none' END, 2)",
    ],
}
CONDITIONS = {
    "b": [
        *("b.class <> '正常'", "class = 'it''s'", "b.balance > 0", "NOT b.open", "open = TRUE"),
        *("b.since >= DATE '2021-01-01'", "b.since < '2021-06-30'", "b.balance IS NULL"),
        *("days BETWEEN 0 AND 100.5", "b.class IN ('正常', '关注') OR b.days > 200"),
        *("NOT (b.balance > 10.005 OR b.days = 3)", "b.balance + days * 0.5 >= -12.25"),
        *(
            "b.class LIKE '正%'",
            "b.class NOT IN ('正常')",
            "b.balance <> b.days",
            "huge < -0.00005",
            "YEAR(b.since) = 2020",
            "CASE WHEN b.open THEN b.days ELSE 0 END BETWEEN -5 AND 300",
            "COALESCE(b.class, 'it''s') LIKE 'it%'",
            "NULLIF(b.class, '正常') IS NOT NULL",
            "b.class NOT LIKE '_常' AND b.days NOT BETWEEN 10 AND 20.5",
            "b.balance IN (0, -5000, 5000.00) OR NOT b.class NOT IN ('关注')",
            "b.days > 1000",
            "b.huge >= -900000000000000 AND b.balance >= -5000",
            "QUARTER(b.since) IN (1, 4) AND MONTH(b.since) <> 2",
            "- b.days < - - 3 OR ABS(b.balance) = b.days",
            "GREATEST(b.days, b.balance, 0) > LEAST(3, b.days)",
            "CASE b.class WHEN '正常' THEN b.open WHEN 'it''s' THEN FALSE END = TRUE",
        ),
    ],
    "t": ["t.vat > 100000000000.01", "t.n >= 1", "t.late IS NOT NULL", "t.grade <= 'B'"],
    "p": ["p.kwh < 60000.5555", "p.n <> 2", "p.free > -1.0", "p.kwh * 2 > 1"],
    "r": ["r.listed", "r.industry IN ('C17', 'F51')", "r.capital = 1.5 OR r.capital < 3"],
}


SPREADS = ["VAR_SAMP", "VAR_POP", "VARIANCE", "STDDEV", "STDDEV_SAMP", "STDDEV_POP"]
CONSTANTS = st.sampled_from(["2", "0.5", "100.0", "-3", "1000", "0"])


@dataclass(frozen=True)
class Pieces:
    """What may stand in a statement about these owners, drawn from."""

    draw: st.DrawFn
    owners: list[str]

    def some(self, offered: Mapping[str, list[str]], most: int) -> list[str]:
        if not any(offered[owner] for owner in self.owners):
            return []
        return self.draw(st.lists(self._one_of(offered), max_size=most, unique=True))

    def one(self, offered: Mapping[str, list[str]]) -> str:
        return self.draw(self._one_of(offered))

    def _one_of(self, offered: Mapping[str, list[str]]) -> st.SearchStrategy[str]:
        return st.sampled_from([one for owner in self.owners for one in offered[owner]])

    def aggregate(self) -> str:
        kind = self.draw(st.sampled_from(["COUNT(*)", "COUNT", "SUM", "SUM", "AVG", *SPREADS]))
        if kind == "COUNT(*)":
            distinct = f"COUNT(DISTINCT {self.owners[-1]}.uscc)"
            return self.draw(st.sampled_from([kind, distinct, "COUNT(1)"]))
        return f"{kind}({self.one(BARE if kind == 'COUNT' else NUMBERS)})"

    def value(self, depth: int = 2) -> str:
        """Aggregates and constants, combined: a number."""
        shape = self.draw(st.sampled_from(["plain", "constant", "+-", "*/", "*/", "round", "neg"]))
        if depth == 0 or shape == "plain":
            return self.aggregate()
        if shape == "constant":
            sign = self.draw(st.sampled_from("+-*/"))
            return f"({self.draw(CONSTANTS)} {sign} {self.value(depth - 1)})"
        if shape == "round":
            return (
                f"ROUND({self.value(depth - 1)}{self.draw(st.sampled_from(['', ', 1', ', -3']))})"
            )
        if shape == "neg":
            return f"-({self.value(depth - 1)})"
        return f"({self.value(depth - 1)} {self.draw(st.sampled_from(shape))} {self.aggregate()})"

    def truth(self) -> str:
        """A condition above the aggregates."""
        kinds = ["COUNT(*) >= 2", "{} > {}", "{} <= {}", "{} IS NULL", "{} BETWEEN -10 AND {}"]
        kinds += ["{} <> {} OR COUNT(*) IN (2, 3)", "NOT ({} < {})"]
        kind = self.draw(st.sampled_from(kinds))
        return kind.format(*(self.value(1) for _ in range(kind.count("{}"))))


@st.composite
def queries(draw: st.DrawFn) -> str:
    owners = draw(st.permutations(list(SOURCES)))[: draw(st.integers(2, 4))]
    pieces = Pieces(draw, owners)
    sources = []
    for owner in owners:
        where = draw(st.one_of(st.just(""), PERIODS.map(lambda text: f" WHERE {text}")))
        sources.append(draw(st.sampled_from(SOURCES[owner])).format(where))
    joins = " ".join(f"JOIN {source} USING (uscc)" for source in sources[1:])
    dimensions = pieces.some(DIMENSIONS, 2)
    items = [*dimensions, "COUNT(*)"]
    items += [f"SUM({one})" for one in pieces.some(NUMBERS, 2)]
    items += [f"AVG({one})" for one in pieces.some(NUMBERS, 2)]
    items += [f"COUNT({one})" for one in pieces.some(BARE, 1)]
    items += pieces.some(QUANTILES, 2)
    items += [pieces.value() for _ in range(draw(st.integers(0, 2)))]
    items += [pieces.truth() for _ in range(draw(st.integers(0, 1)))]
    if "b" in owners and "t" in owners:
        items += draw(st.sampled_from([[], ["SUM(t.vat - b.days * 0.5 + 1)"], ["AVG(huge + vat)"]]))
    items = draw(st.permutations(items))
    named = ", ".join(f"{item} AS c{i}" for i, item in enumerate(items))
    if draw(st.booleans()):
        places = [items.index(dimension) for dimension in dimensions]
        way = draw(st.sampled_from(["{}", "c{}"]))
        dimensions = [way.format(place + (way == "{}")) for place in places]
    conditions = pieces.some(CONDITIONS, 3)
    where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    having = f" HAVING {pieces.truth()}" if draw(st.integers(0, 2)) == 0 else ""
    order = ordered(pieces, dimensions, items) if draw(st.booleans()) else ""
    return f"SELECT {named} FROM {sources[0]} {joins}{where}{group}{having}{order}"


ROWS = {"t": "tax.returns AS t", "p": "power.meters AS p"}
"""Of many rows per key."""
ROW_CONDITIONS = {
    "t": ["t.vat > 100000000000.01", "t.late IS NOT NULL", "t.grade <= 'B'", "period > 202502"],
    "p": ["p.kwh < 60000.5555", "p.period IN (202501, 202504)", "p.free IS NOT NULL"],
}
ROW_NUMBERS = {
    "t": ["t.vat", "t.late", "0.001 * t.vat - 1", "CASE WHEN t.late > 3 THEN t.vat ELSE 1 END"],
    "p": ["p.kwh", "p.kwh - 0.5", "COALESCE(p.kwh, 1)", "MONTH(p.period)"],
}
ROW_VALUES = {
    "t": ["t.late", "t.grade", "CASE WHEN period > 202503 THEN t.late END"],
    "p": ["p.free", "p.kwh", "p.period"],
}


@st.composite
def queries_over_rows(draw: st.DrawFn) -> str:
    """One owner has many rows per key, which are counted and added up; others group and filter."""
    many = draw(st.sampled_from(sorted(ROWS)))
    others = [one for one in draw(st.permutations(list(SOURCES))) if one != many]
    others = others[: draw(st.integers(1, 3))]
    sources = [draw(st.sampled_from(SOURCES[owner])).format("") for owner in others]
    sources.insert(draw(st.integers(0, len(sources))), ROWS[many])
    joins = " ".join(f"JOIN {source} USING (uscc)" for source in sources[1:])
    dimensions = Pieces(draw, others).some(DIMENSIONS, 2)
    rows = Pieces(draw, [many])
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {draw(st.sampled_from(others))}.uscc)"]
    items += [f"SUM({one})" for one in rows.some(ROW_NUMBERS, 2)]
    items += [f"AVG({one})" for one in rows.some(ROW_NUMBERS, 2)]
    items += [f"COUNT({one})" for one in rows.some(ROW_VALUES, 2)]
    items += [f"ROUND(SUM({one}) / COUNT(*), 2)" for one in rows.some(ROW_NUMBERS, 1)]
    named = ", ".join(f"{item} AS c{i}" for i, item in enumerate(draw(st.permutations(items))))
    conditions = [*rows.some(ROW_CONDITIONS, 2), *Pieces(draw, others).some(CONDITIONS, 1)]
    where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    return f"SELECT {named} FROM {sources[0]} {joins}{where}{group}"


TUPLES: dict[str, list[str]] = {
    "t": [
        "tax.returns AS t",
        "(SELECT period, uscc, SUM(vat) AS vat, MIN(late) AS late, MAX(grade) AS grade"
        " FROM tax.returns WHERE late > 2 GROUP BY uscc, period) AS t",
    ],
    "p": [
        "power.meters AS p",
        "(SELECT uscc, period, SUM(kwh) AS kwh, MAX(free) AS free FROM power.meters"
        " GROUP BY period, uscc) AS p",
    ],
    "c": [
        "(SELECT month AS period, code AS uscc, SUM(amount) AS amount, COUNT(amount) AS n"
        " FROM customs.flows GROUP BY code, month) AS c",
    ],
}
"""Joined by company and month."""
THRICE = {
    "t": "(SELECT uscc AS firm, period AS month, grade AS lane, vat, late FROM tax.returns) AS t",
    "c": "(SELECT code AS firm, month, lane, SUM(amount) AS amount, COUNT(*) AS n"
    " FROM customs.flows GROUP BY code, lane, month) AS c",
}
"""Joined by company, month and a text that may be missing."""
TUPLE_NUMBERS = {
    "t": ["t.vat", "t.late", "0.001 * t.vat - 1"],
    "p": ["p.kwh", "p.kwh - 0.5", "COALESCE(p.kwh, 1)"],
    "c": ["c.amount", "c.n", "2 * c.amount - c.n"],
}
TUPLE_DIMENSIONS = {
    "t": ["t.{month}", "MONTH(t.{month})", "t.late"],
    "p": ["p.{month}", "QUARTER(p.{month})", "p.free"],
    "c": ["c.{month}", "c.n"],
}
TUPLE_CONDITIONS = {
    "t": ["t.{month} > 202502", "t.late IS NOT NULL", "t.vat > 100000000000.01"],
    "p": ["p.{month} IN (202501, 202504, 202505)", "p.kwh < 60000.5555"],
    "c": ["c.n > 1", "c.amount IS NOT NULL", "c.{month} <> 202503"],
}


@st.composite
def queries_by_several_columns(draw: st.DrawFn) -> str:
    """Keys of two columns, or of three; of two, one owner may have many rows for one of them."""
    thrice = draw(st.integers(0, 3)) == 0
    offered = {owner: [one] for owner, one in THRICE.items()} if thrice else TUPLES
    owners = draw(st.permutations(list(offered)))[: draw(st.integers(2, 3))]
    names = draw(st.permutations(["firm", "month", "lane"] if thrice else ["uscc", "period"]))
    month = "month" if thrice else "period"
    sources = [draw(st.sampled_from(offered[owner])) for owner in owners]
    if flows := not thrice and draw(st.booleans()):
        # Its columns have other names, so it stands in the middle of a renaming of all.
        owners = [one for one in owners if one != "c"][:2]
        month, names = "month", draw(st.permutations(["code", "month"]))
        sources = [
            f"(SELECT uscc AS code, period AS month, {RENAMED[one]}) AS {one}" for one in owners
        ]
        sources.insert(draw(st.integers(0, len(sources))), "customs.flows AS c")
    joins = " ".join(f"JOIN {source} USING ({', '.join(names)})" for source in sources[1:])
    pieces = Pieces(draw, owners)
    numbers = {"c": ["c.amount", "0.5 * c.amount"]} if flows else TUPLE_NUMBERS
    added = Pieces(draw, ["c"]) if flows else pieces
    dimensions = [one.format(month=month) for one in pieces.some(TUPLE_DIMENSIONS, 2)]
    dimensions += draw(st.sampled_from([[], [f"c.{month}"]])) if flows else []
    items = [*dimensions, "COUNT(*)"]
    items += [f"SUM({one})" for one in added.some(numbers, 2)]
    items += [f"AVG({one})" for one in added.some(numbers, 2)]
    items += [f"ROUND(SUM({one}) / COUNT(*), 2)" for one in added.some(numbers, 1)]
    named = ", ".join(f"{item} AS c{i}" for i, item in enumerate(draw(st.permutations(items))))
    conditions = [one.format(month=month) for one in pieces.some(TUPLE_CONDITIONS, 2)]
    where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    return f"SELECT {named} FROM {sources[0]} {joins}{where}{group}"


RENAMED = {
    "t": "vat, late FROM tax.returns",
    "p": "kwh, free FROM power.meters",
}

QUERIES = st.one_of(queries(), queries(), queries_over_rows(), queries_by_several_columns())


STRICT_NUMBERS = {
    one: [number for number in numbers if not search("[A-Z]{3}", number)]
    for one, numbers in NUMBERS.items()
}
"""Without functions, which need not be NULL where their arguments are."""


@st.composite
def left_joins(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A LEFT JOIN of two owners: what it asks of either, and which columns are the other's."""
    kept, other = draw(st.permutations(list(SOURCES)))[:2]
    left, right = (
        draw(st.sampled_from(SOURCES[one]))
        .format(draw(st.sampled_from(["", " WHERE {}"])))
        .format("period > 202502")
        for one in (kept, other)
    )
    own, theirs = Pieces(draw, [kept]), Pieces(draw, [other])
    dimensions = own.some(DIMENSIONS, 2)
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {kept}.uscc)"]
    for number in own.some(NUMBERS, 2):
        items += [f"SUM({number})", f"COUNT({number})"]
    known = [f"COUNT(DISTINCT {other}.uscc)", "SUM(b.days * 0.5 - t.vat)"]
    known = known[: 1 + ({kept, other} == {"b", "t"})]
    for number in theirs.some(STRICT_NUMBERS, 2):
        known += [f"SUM({number})", f"COUNT({number})"]
    conditions = own.some(CONDITIONS, 2)
    where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    named = ", ".join(f"{item} AS c{i}" for i, item in enumerate([*items, *known]))
    others = [f"c{len(items) + i}" for i in range(len(known))]
    return f"SELECT {named} FROM {left} LEFT JOIN {right} USING (uscc){where}{group}", others


def ordered(pieces: Pieces, dimensions: list[str], items: list[str]) -> str:
    """ORDER BY what leaves no two rows alike, and how many are shown of them."""
    known = [place for place, one in enumerate(items) if not BAND.search(f"{one} AS c0")]
    draw, place = pieces.draw, st.sampled_from(known)
    first = draw(st.sampled_from([f"c{draw(place)}", str(1 + draw(place)), pieces.value(1)]))
    ways = st.sampled_from(["", " ASC", " DESC", " NULLS FIRST", " DESC NULLS FIRST"])
    order = ", ".join(one + draw(ways) for one in [first, *dimensions])
    limit = draw(st.sampled_from(["", "", " LIMIT 2", " LIMIT 3 OFFSET 1", " OFFSET 2"]))
    return f" ORDER BY {order}{limit}"


BAND = pattern(r"(?:MEDIAN|QUANTILE\w+|MIN|MAX)\([^()]*\) AS (c[0-9]+)")
"""What is known to a band, and the column that it is called."""


def require_equal(sql: str, result: Result, clear: Answer) -> None:
    """Fail unless both hold the same rows, in the same order if there is one."""
    assert [column.name for column in result.columns] == list(clear.columns)
    named = set(BAND.findall(sql))
    banded = [place for place, column in enumerate(result.columns) if column.name in named]
    theirs = [*clear.rows, *([clear.remainder] if clear.remainder else [])]
    ours = [row.values for row in result.rows]
    if " ORDER BY " not in sql:
        ours = sorted(ours, key=lambda row: _known(row, banded))
        theirs = sorted(theirs, key=lambda row: _known(row, banded))
    assert [_known(row, banded) for row in ours] == [_known(row, banded) for row in theirs]
    for row, other in zip(ours, theirs, strict=True):
        for place in banded:
            _require_within(row[place], other[place], result.columns[place].within)
    assert sum(row.remainder for row in result.rows) == (clear.remainder is not None)


def _known(row: Sequence[object], banded: Sequence[int]) -> str:
    """A row as a text without what is known to a band."""
    return str([str(one) for place, one in enumerate(row) if place not in banded])


def _require_within(ours: object, theirs: object, within: str | None) -> None:
    if ours is None or theirs is None:
        assert ours == theirs
        return
    assert isinstance(ours, int | Decimal)
    assert isinstance(theirs, int | Decimal)
    assert abs(Decimal(ours) - Decimal(theirs)) <= Decimal(within or 0) + Decimal("0.0001")


def alike(ours: object, theirs: object) -> bool:
    """Whether an exact value is what DuckDB says, which divides as doubles."""
    if isinstance(theirs, float):
        return isinstance(ours, int | Decimal) and isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-3)
    return ours == theirs


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "120")))
@given(
    sql=QUERIES,
    seed=st.integers(0, 5),
    k=st.integers(1, 4),
    public=st.booleans(),
)
def test_every_cell_equals_the_clear_answer(
    world: Callable[[int], World], sql: str, seed: int, k: int, public: bool
) -> None:
    here = world(seed)
    statement = parse(sql, here.entries)
    plan = compile_statement(statement, receivers=["bank"], k=k)
    again = compile_statement(parse(statement.sql, here.entries), receivers=["bank"], k=k)
    assert again.digest == plan.digest

    parts = local_rows(plan, here)
    cells, folded, dropped = released(plan, parts, public)
    result = result_of(plan, cells)
    # What one company may have many keys of is shown from so many keys on.
    assert plan.k == keys_for(k, plan.per_subject)
    least = keys_for(2, plan.per_subject)
    clear = here.clear.answer(sql, k=plan.k, min_join=least, public=DATASETS if public else ())

    assert (folded, dropped) == (clear.folded, clear.dropped)
    require_equal(sql, result, clear)
    ours = [row.values for row in result.rows if not row.remainder]
    doubtful = "HAVING" in sql or any(one in sql for one in SPREADS) or BAND.search(sql)
    if ours and folded == dropped == 0 and not doubtful and " ORDER BY " in sql:
        # Where nothing is held back, the table is the one that DuckDB prints.
        theirs = here.clear.as_duckdb_says(sql)
        assert len(ours) == len(theirs)
        for row, other in zip(ours, theirs, strict=True):
            assert all(map(alike, row, other)), (row, other)


@settings(max_examples=int(environ.get("MIHE_RANDOM_QUERIES", "80")))
@given(asked=left_joins(), seed=st.integers(0, 5), k=st.integers(1, 4))
def test_a_left_join_is_what_duckdb_says_where_it_is_told(
    world: Callable[[int], World], asked: tuple[str, list[str]], seed: int, k: int
) -> None:
    """Which groups are told follows from the inner join; what a row says is DuckDB's own answer."""
    here, (sql, others) = world(seed), asked
    plain = parse(sql, here.entries)
    plan = compile_statement(plain, receivers=[plain.sources[0].entry.org], k=k)
    parts = local_rows(plan, here)
    cells, folded, _ = released(plan, parts, public=False)
    own = plan.owners[0]
    result = result_of(plan, cells, run_left(plan, here.parquet[f"{own.org}.{own.dataset}"]))

    inner = here.clear.answer(sql.replace(" LEFT JOIN ", " JOIN "), k=k, min_join=2)
    groups = len(own.groups)
    opened = {row[:groups] for row in inner.rows}
    names = [column.name for column in result.columns]
    assert names == [*(output.name for output in plan.table.outputs), MARK]
    theirs = {row[:groups]: row for row in here.clear.as_duckdb_says(sql)}
    assert len(theirs) == len([row for row in result.rows if not row.remainder])
    for row in result.rows:
        values = dict(zip(names, row.values, strict=True))
        if row.remainder:
            assert inner.remainder is not None
            assert folded > 0
            assert values[MARK] is None
            told = dict(zip(names, inner.remainder, strict=False))
            assert [values[name] for name in others] == [told[name] for name in others]
            continue
        labels = row.values[:groups]
        right = dict(zip(names, theirs.pop(labels), strict=False))
        untold = [] if labels in opened else others
        assert values[MARK] == (" ".join(untold) or None)
        for name in names[:-1]:
            if name in untold:
                assert values[name] is None
            else:
                assert alike(values[name], right[name]), (name, values, right)
    assert result.withheld == sum(row.values[-1] is not None for row in result.rows)
