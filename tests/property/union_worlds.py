"""Random worlds for sums over UNION ALL: five banks' loans, whose columns differ in decimals.

Dirty keys, NULLs, negative numbers, banks of one firm and of thirty, several rows a firm.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from contract.dataset import CatalogueEntry
from node import snapshot
from scenarios.sql_oracle import Clear
from tests.property.query_worlds import TODAY, boolean, decimal, dirty, key, maybe

BANKS = ("bank_a", "bank_b", "bank_c", "bank_d", "bank_e")
CLASSES = ("正常", "关注", "it's")
DECIMALS = dict(zip(BANKS, (2, 0, 4, 2, 3), strict=True))
HEADER = "uscc,amount,days,class,open,period,since,huge"


def description(bank: str) -> str:
    """What a bank declares of its loans."""
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
"""


@dataclass(frozen=True)
class World:
    """What each bank's node has, and all of it in the clear."""

    clear: Clear
    entries: dict[str, dict[str, CatalogueEntry]]
    parquet: dict[str, Path]


def written(folder: Path, chance: Random) -> World:
    """The loans of each bank as a file, imported as its node does."""
    keys = [key(chance) for _ in range(40)]
    here = World(Clear(folder), {}, {})
    for bank in BANKS:
        (folder / bank).mkdir()
        rows = [
            loan(bank, one, chance)
            for one in chance.sample(keys, chance.choice([1, 8, 30]))
            for _ in range(chance.randint(1, 3))
        ]
        lines = "\n".join(",".join(row) for row in rows)
        (folder / bank / "loans.csv").write_text(f"{HEADER}\n{lines}\n", "utf-8")
        (folder / bank / "loans.toml").write_text(description(bank), "utf-8")
        data = folder / "data" / bank
        added = snapshot.add(folder / bank / "loans.toml", data, org=bank, today=TODAY)
        here.entries[bank] = {"loans": added.entry}
        here.parquet[bank] = snapshot.files(data, "loans", added.root).parquet
    here.clear.load(*(f"{bank}.loans" for bank in BANKS))
    return here


def loan(bank: str, one: str, chance: Random) -> list[str]:
    """A row of a bank's file."""
    return [
        dirty(one, chance),
        maybe(decimal(chance, -(10**6), 10**6, DECIMALS[bank]), chance),
        str(chance.randint(-3, 12)),
        maybe(chance.choice(CLASSES), chance),
        boolean(chance),
        str(chance.randint(202501, 202506)),
        (date(2024, 1, 1) + timedelta(days=chance.randint(0, 700))).isoformat(),
        decimal(chance, -9 * 10**14, 9 * 10**14, 4),
    ]
