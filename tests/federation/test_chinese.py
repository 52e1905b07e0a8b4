"""Chinese names from the file to the result, through real daemons: intersection and query.

One owner's file is GB 18030, the other's UTF-8 with a byte order mark, as spreadsheets write them.
What comes out equals what Python computes from the same rows.
"""

# ruff: noqa: S608  # the statements are made of constants of this file

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.federation.federation import Federation, eventually, short_folder
from tests.unit.node.stations import uscc

TERMS = (
    "--to",
    "bank_a",
    "--purpose",
    "CREDIT_MICRO",
    "--basis",
    "SYNTHETIC_TEST",
    "--yes",
    "--json",
)
KEY = """
[[column]]
name = "统一社会信用代码"
type = "key"
key = "uscc"
level = 2
rows_per_key = 1
"""
LOANS = f"""
name = "贷款"
source = "贷款.csv"
encoding = "gb18030"
title = "对公贷款"
{KEY}
[[column]]
name = "行业"
type = "text"
level = 2
title = "国民经济行业"
[[column]]
name = "贷款余额"
source = "贷款余额（元）"
type = "decimal"
decimals = 2
minimum = "0"
maximum = "1000000"
level = 3
"""
RETURNS = f"""
name = "纳税申报"
source = "纳税申报.csv"
{KEY}
[[column]]
name = "税额"
type = "decimal"
decimals = 2
minimum = "0"
maximum = "1000000"
level = 3
"""
POLICY = """
[[allow]]
dataset = "{dataset}"
jobs = ["psi", "query"]
on = ["统一社会信用代码"]
with = ["bank_a", "tax"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
columns = {{ "统一社会信用代码" = ["join"], {columns} }}
approve = "auto"
"""
INDUSTRIES = ("制造业", "批发和零售业", "𠮷祥业")
Loan = tuple[str, str, Decimal]
LENT: list[Loan] = [
    (uscc(n), INDUSTRIES[n % 3], Decimal(n * 7919 % 100_000) / 100) for n in range(240)
]
PAID = {uscc(n): Decimal(n * 104_729 % 1_000_000) / 100 for n in range(80, 300)}


@pytest.fixture(scope="module")
def world() -> Iterator[Federation]:
    with short_folder() as folder, Federation(folder, "bank_a", "tax") as federation:
        loans = [f"{key},{industry},{balance:.2f}" for key, industry, balance in LENT]
        returns = [f'"{key}","{paid:.2f}"' for key, paid in PAID.items()]
        add(
            *(federation, "bank_a", "贷款", LOANS),
            "\n".join(["统一社会信用代码,行业,贷款余额（元）", *loans]).encode("gb18030"),
        )
        add(
            *(federation, "tax", "纳税申报", RETURNS),
            "\r\n".join(['\ufeff"统一社会信用代码","税额"', *returns]).encode(),
        )
        uses = '"行业" = ["group", "filter"], "贷款余额" = ["sum"]'
        federation.allow("bank_a", POLICY.format(dataset="贷款", columns=uses))
        federation.allow(
            "tax", POLICY.format(dataset="纳税申报", columns='"税额" = ["sum", "avg"]')
        )
        eventually(lambda: catalogue(federation) == {"bank_a.贷款", "tax.纳税申报"})
        yield federation


def add(federation: Federation, org: str, name: str, description: str, raw: bytes) -> None:
    """As a person of the organisation does: two files, and a command."""
    folder = federation.folder / org
    (folder / f"{name}.csv").write_bytes(raw)
    described = folder / f"{name}.toml"
    described.write_text(description, "utf-8")
    added = federation.run_cli(org, "dataset", "add", str(described))
    assert added.returncode == 0, added.stderr
    assert "统一社会信用代码" in added.stdout


def catalogue(federation: Federation) -> set[str]:
    with federation.client("bank_a") as node:
        entries = [entry for one in node.catalogue().organisations for entry in one.entries]
    return {f"{entry.org}.{entry.name}" for entry in entries}


def result(federation: Federation, job: str) -> list[list[str]]:
    file = federation.folder / f"{job[:12]}.csv"
    written = federation.run_cli("bank_a", "result", job, "--out", str(file))
    assert written.returncode == 0, written.stderr
    with file.open(encoding="utf-8-sig", newline="") as rows:
        return list(csv.reader(rows))


def test_an_intersection_on_a_chinese_column(world: Federation) -> None:
    # Full-width letters, as an input method writes them.
    datasets = ("bank_a.贷款", "ｔａｘ．纳税申报")
    asked = world.run_cli("bank_a", "psi", *datasets, "--on", "统一社会信用代码", *TERMS)
    assert asked.returncode == 0, asked.stderr
    head, *rows = result(world, json.loads(asked.stdout)["job"])
    assert head == ["统一社会信用代码", "行业", "贷款余额"]
    both = [[key, industry, f"{lent:.2f}"] for key, industry, lent in LENT if key in PAID]
    assert sorted(rows) == sorted(both)
    assert 0 < len(both) < len(LENT)


@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
def test_a_query_with_chinese_names(world: Federation, quote: str) -> None:
    def q(name: str) -> str:
        return f"{quote}{name}{quote}"

    sql = (
        f"SELECT 甲.{q('行业')}, COUNT(*) AS 户数, SUM(甲.{q('贷款余额')}) AS {q('余额')}, "
        f"SUM(乙.{q('税额')}) AS 税额合计 FROM bank_a.{q('贷款')} AS 甲 "
        f"JOIN tax.{q('纳税申报')} AS 乙 USING ({q('统一社会信用代码')}) "
        f"WHERE 甲.{q('行业')} <> '批发和零售业' GROUP BY 甲.{q('行业')}"
    )
    asked = world.run_cli("bank_a", "query", sql, *TERMS)
    assert asked.returncode == 0, asked.stderr
    head, *rows = result(world, json.loads(asked.stdout)["job"])
    assert head == ["行业", "户数", "余额", "税额合计", "remainder"]
    expected: dict[str, tuple[int, Decimal, Decimal]] = defaultdict(
        lambda: (0, Decimal(), Decimal())
    )
    for key, industry, lent in LENT:
        if key in PAID and industry != "批发和零售业":
            count, balance, paid = expected[industry]
            expected[industry] = (count + 1, balance + lent, paid + PAID[key])
    shown = [
        [industry, str(count), f"{balance:.2f}", f"{paid:.2f}", "false"]
        for industry, (count, balance, paid) in expected.items()
    ]
    assert sorted(rows) == sorted(shown)
    assert len(shown) == 2


def test_who_learns_what_and_a_refusal_say_chinese_names(world: Federation) -> None:
    datasets = ("bank_a.贷款", "tax.纳税申报")
    said = world.run_cli(
        "bank_a", "psi", *datasets, "--on", "统一社会信用代码", "--dry-run", *TERMS[:-1]
    )
    assert said.returncode == 0, said.stderr
    assert "which of its own 统一社会信用代码 values tax also has" in said.stdout + said.stderr
    missing = world.run_cli("bank_a", "psi", *datasets, "--on", "统一信用代码", *TERMS)
    assert missing.returncode == 2
    assert "统一社会信用代码" in missing.stderr
    wide = world.run_cli("bank_a", "query", "SELECT 行业，COUNT（*） FROM bank_a.贷款", *TERMS)
    assert wide.returncode == 2
    assert "line 1, column 10: a full-width sign" in wide.stderr
