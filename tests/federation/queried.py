"""What tests of queries ask, and over what beside the synthetic world: awkward amounts, and months.

Owners that are started with `balances` have these datasets, and policies that list their use.
"""

from random import Random

from scenarios.world import World
from tests.federation.owners import Extra, valid_keys

ORGS = ("registry", "tax", "power", "bank_a")

DEMO = """
SELECT r.industry, COUNT(*) AS firms, SUM(t.vat_paid) AS vat_paid, AVG(p.kwh_total) AS kwh,
       SUM(b.loan_balance) AS loans
FROM bank_a.loans AS b
JOIN (SELECT uscc, SUM(vat_paid) AS vat_paid FROM tax.returns
      WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS t USING (uscc)
JOIN (SELECT uscc, SUM(kwh_total) AS kwh_total FROM power.meters
      WHERE period BETWEEN 202510 AND 202609 GROUP BY uscc) AS p USING (uscc)
JOIN registry.enterprises AS r USING (uscc)
WHERE b.five_class <> '损失'
GROUP BY r.industry
"""
"""The demonstration's question, over four owners."""

BALANCES = """
name = "balances"
source = "balances.csv"
title = "Balances"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = 1
level = 2

[[column]]
name = "delta"
type = "decimal"
decimals = 2
minimum = "-9000000.00"
maximum = "9000000.00"
level = 3
nullable = true

[[column]]
name = "zone"
type = "text"
codes = ["east", "west"]
level = 2
nullable = true

[[column]]
name = "rare"
type = "integer"
minimum = 0
maximum = 9999
level = 2

[[column]]
name = "kind"
type = "integer"
minimum = 0
maximum = 6
level = 2

[[column]]
name = "vast"
type = "integer"
minimum = -9000000000000000000
maximum = 9000000000000000000
level = 3
"""

ALLOWED = """
[[allow]]
dataset = "balances"
jobs = ["query"]
on = ["uscc"]
with = ["registry", "tax", "bank_a"]
receivers = ["bank_a"]
purposes = ["CREDIT_MICRO"]
bases = ["SYNTHETIC_TEST"]
min_group = 10
min_join = 10
approve = "auto"

[allow.columns]
uscc = ["join"]
delta = ["sum", "avg", "variance", "count", "filter"]
zone = ["group", "filter"]
rare = ["group", "filter"]
kind = ["quantile"]
vast = ["sum"]
"""


MONTHLY = """
name = "{name}"
source = "{name}.csv"

[[column]]
name = "uscc"
type = "key"
key = "uscc"
rows_per_key = {rows}
level = 2

[[column]]
name = "period"
type = "period"
level = 1
nullable = true

[[column]]
name = "amount"
type = "decimal"
decimals = 2
minimum = "-1000.00"
maximum = "1000.00"
level = 3

[[key]]
columns = ["uscc", "period"]
rows_per_key = {each}
"""
ALLOWED_MONTHLY = """
[allow.columns]
uscc = ["join"]
period = ["join", "group", "filter"]
amount = ["sum", "avg", "count"]
"""


def monthly(world: World) -> dict[str, Extra]:
    """A row of a company and month at the bank, one or two at the tax bureau; some of no month."""
    lines: dict[str, list[str]] = {"repaid": [], "levied": [], "drawn": []}
    for number, key in enumerate(valid_keys(world, "registry.enterprises")[:400]):
        for at, month in enumerate(("202501", "202502", "202503", "")):
            if (number + at) % 5:
                lines["repaid"].append(f"{key},{month},{number % 90 - 7}.25")
            if (number + 3 * at) % 4:
                each = [f"{key},{month},-{number % 50}.{cent}0" for cent in (1, 2)]
                lines["levied"] += each[: 1 + number % 2]
            if (number + 2 * at) % 3:
                lines["drawn"].append(f"{key},{month},{number % 60}.00")
    rule, _, _ = ALLOWED.partition("[allow.columns]")
    rule = rule.replace('"tax"', '"tax", "power"').replace('["uscc"]', '["uscc", "period"]')
    rule = rule.replace('["query"]', '["query", "psi"]')
    return {
        f"{org}.{name}": Extra(
            MONTHLY.format(name=name, rows=rows, each=each),
            "\n".join(["uscc,period,amount", *lines[name]]) + "\n",
            rule.replace('"balances"', f'"{name}"') + ALLOWED_MONTHLY,
        )
        for org, name, rows, each in (
            ("bank_a", "repaid", 4, 1),
            ("tax", "levied", 8, 2),
            ("power", "drawn", 4, 1),
        )
    }


def balances(world: World) -> dict[str, Extra]:
    """Negative and missing amounts, a missing group, a column in which no two are equal."""
    # A cell is shown only if enough of each owner's keys are not in the join.
    banks = set(valid_keys(world, "bank_a.loans"))
    known = valid_keys(world, "registry.enterprises")
    some = [key for at, key in enumerate(known) if at % 4 != (key in banks)]
    chance, lines = Random(2), ["uscc,delta,zone,rare,kind,vast"]
    for number, key in enumerate(some[:2000]):
        delta = "" if number % 7 == 0 else f"{chance.uniform(-8e6, 4e6):.2f}"
        zone = ("east", "west", "")[number % 3]
        lines.append(f"{key},{delta},{zone},{number},{number % 7},0")
    return {
        "power.balances": Extra(BALANCES, "\n".join(lines) + "\n", ALLOWED),
        **monthly(world),
    }
