"""Random worlds for random queries: seven datasets as files, imported as their owners' nodes do.

Dirty keys, NULLs, negative numbers, empty groups, keys that only some hold, a key column of another
name, keys of two and three columns, and three datasets of one owner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from contract.dataset import CatalogueEntry
from node import snapshot
from scenarios.sql_oracle import Clear
from scenarios.synthetic.identifiers import wrong_check

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
    "tax.staff": f"""
[[column]]
name = "uscc"
{KEY}
rows_per_key = 2
[[column]]
name = "period"
type = "period"
level = 1
nullable = true
[[column]]
name = "heads"
type = "integer"
level = 3
nullable = true
minimum = 0
maximum = 900
[[column]]
name = "grade"
type = "text"
level = 2
[[key]]
columns = ["period", "uscc"]
rows_per_key = 2
""",
    "tax.marks": f"""
[[column]]
name = "uscc"
{KEY}
rows_per_key = 1
[[column]]
name = "mark"
type = "text"
level = 2
[[column]]
name = "late"
type = "integer"
level = 3
minimum = -5
maximum = 5
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
    if dataset == "tax.staff":
        return [
            [
                one,
                maybe(str(chance.randint(202501, 202503)), chance),
                maybe(str(chance.randint(0, 900)), chance),
                chance.choice("XY"),
            ]
            for _ in range(chance.randint(1, 2))
        ]
    if dataset == "tax.marks":
        return [[one, chance.choice("PQ"), str(chance.randint(-5, 5))]]
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
    "tax.staff": "uscc,period,heads,grade",
    "tax.marks": "uscc,mark,late",
    "customs.flows": "code,month,lane,amount",
}


def written(folder: Path, chance: Random) -> World:
    keys = [key(chance) for _ in range(chance.choice([3, 40, 120]))]
    entries: dict[str, dict[str, CatalogueEntry]] = {}
    parquet = {}
    for reference, columns in DATASETS.items():
        org, name = reference.split(".")
        (folder / org).mkdir(exist_ok=True)
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
