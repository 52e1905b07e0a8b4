"""Short forms mean what they are short for: one text in a contract, whichever way it was typed."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest

from contract.errors import BadQuery, MiheError
from federated.query.parameters import Given
from federated.query.statement import Statement, parse
from tests.unit.federated.query.catalogue import Catalogue

Understood = Callable[[str], Statement]
Refusal = Callable[[str, type[MiheError]], MiheError]

SUMMED = "SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc"
TAX = f"({SUMMED}) AS t"
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc)"
METERS = "(SELECT uscc, period, SUM(vat) AS vat FROM tax.returns GROUP BY uscc, period) AS t"


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            f"SELECT COUNT(*) FILTER (WHERE b.open) AS n {FROM}",
            f"SELECT COUNT(CASE WHEN b.open THEN 1 END) AS n {FROM}",
        ),
        (
            f"SELECT SUM(2.5) FILTER (WHERE b.open) AS n, COUNT(7) FILTER (b.open) AS m {FROM}",
            "SELECT SUM(CASE WHEN b.open THEN 2.5 END) AS n, COUNT(CASE WHEN b.open THEN 1 END)"
            f" AS m {FROM}",
        ),
        (
            f"SELECT AVG(b.balance) FILTER (b.days > 3 AND b.open) AS n {FROM}",
            f"SELECT AVG(CASE WHEN b.days > 3 AND b.open THEN b.balance END) AS n {FROM}",
        ),
        (
            f"SELECT SUM(IF(b.open, b.balance, IF(b.days = 1, 0.5))) AS n {FROM}",
            "SELECT SUM(CASE WHEN b.open THEN b.balance ELSE CASE WHEN b.days = 1 THEN 0.5 END END)"
            f" AS n {FROM}",
        ),
        (
            f"SELECT CASE WHEN b.open THEN 1 ELSE IF(b.days = 1, 2, 3) END AS k {FROM} GROUP BY k",
            "SELECT CASE WHEN b.open THEN 1 ELSE CASE WHEN b.days = 1 THEN 2 ELSE 3 END END AS k"
            f" {FROM} GROUP BY k",
        ),
        (
            "SELECT PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY b.days) FILTER (WHERE b.open) AS q"
            f" {FROM}",
            f"SELECT QUANTILE_CONT(CASE WHEN b.open THEN b.days END, 0.9) AS q {FROM}",
        ),
        (
            f"SELECT b.class, YEAR(b.since) AS y, COUNT(*) {FROM} GROUP BY ALL",
            f"SELECT b.class, YEAR(b.since) AS y, COUNT(*) {FROM} GROUP BY b.class, y",
        ),
        (f"SELECT COUNT(*) {FROM} GROUP BY ALL", f"SELECT COUNT(*) {FROM}"),
        (
            f"WITH t AS ({SUMMED}) SELECT SUM(t.vat) FROM bank.loans AS b JOIN t USING (uscc)",
            f"SELECT SUM(t.vat) {FROM}",
        ),
        (
            f'WITH "X" AS ({SUMMED}), y AS (SELECT uscc, days FROM bank.loans)'
            " SELECT SUM(t.vat) FROM y AS b JOIN x AS t ON t.uscc = b.uscc",
            f"SELECT SUM(t.vat) FROM (SELECT uscc, days FROM bank.loans) AS b JOIN {TAX}"
            " USING (uscc)",
        ),
        (
            f"SELECT COUNT(*) FROM bank.loans AS b JOIN {TAX} ON (b.USCC = t.uscc)",
            f"SELECT COUNT(*) {FROM}",
        ),
        (
            "SELECT COUNT(*) FROM grid.usage AS g JOIN"
            f" {METERS} ON t.period = g.period AND g.uscc = t.uscc",
            f"SELECT COUNT(*) FROM grid.usage AS g JOIN {METERS} USING (period, uscc)",
        ),
        (
            f"SELECT COUNT(*) {FROM} WHERE b.since > '2026-01-31'::DATE",
            f"SELECT COUNT(*) {FROM} WHERE b.since > DATE '2026-01-31'",
        ),
    ],
    ids=lambda sql: sql.split(" FROM ")[0][:60],
)
def test_a_short_form_is_written_out(short: str, long: str, understood: Understood) -> None:
    assert understood(short).sql == understood(long).sql
    assert understood(short) == understood(long)


def test_a_parameter_may_stand_in_a_short_form(catalogue: Catalogue) -> None:
    sql = (
        "SELECT SUM(b.days) FILTER (WHERE b.balance > :least) AS n, COALESCE(SUM(b.days), :none)"
        f" AS m, NULLIF(COUNT(*), :one) AS k, CASE COUNT(*) WHEN :one THEN 'x' ELSE :name END AS c"
        f" {FROM}"
    )
    values = {"least": "10.5", "none": "0", "one": "1", "name": "y"}
    found = parse(sql, catalogue, {name: Given(value) for name, value in values.items()})
    assert {one.name: one.value for one in found.parameters} == values
    assert "WHEN b.balance > :least THEN" in found.sql


REFUSED = [
    (f"SELECT ▸COUNT(DISTINCT uscc) FILTER (WHERE b.open) AS n {FROM}", "DISTINCT", "after WHERE"),
    (
        f"SELECT ▸ROUND(SUM(b.days), 1) FILTER (WHERE b.open) AS n {FROM}",
        "behind an",
        "SUM(column)",
    ),
    (
        f"SELECT ▸SUM(b.days) FILTER (WHERE t.vat > 1) AS n {FROM}",
        "columns of b and t",
        "its own columns",
    ),
    (
        f"SELECT ▸PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY b.days DESC) AS n {FROM}",
        "smallest value",
        "1 less",
    ),
    (
        f"SELECT ▸PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY b.days, b.balance) AS n {FROM}",
        "one number",
        "QUANTILE_CONT",
    ),
    (f"SELECT ▸IIF(b.open, 1, 0) AS n {FROM}", "IIF", "IF(condition"),
    (f"SELECT ▸COUNT_IF(b.open) AS n {FROM}", "COUNT_IF", "COUNT(*) FILTER"),
    (
        "WITH ▸t AS (SELECT uscc FROM tax.returns) SELECT COUNT(*) FROM bank.loans",
        "stands nowhere",
        "after FROM",
    ),
    (
        "WITH t AS (SELECT uscc FROM bank.loans) SELECT COUNT(*) FROM t JOIN ▸t AS u USING (uscc)",
        "once",
        "two views",
    ),
    (
        "WITH t AS (SELECT uscc FROM bank.loans), ▸t AS (SELECT uscc FROM tax.returns)"
        " SELECT COUNT(*) FROM t",
        "twice",
        "another name",
    ),
    (
        "WITH RECURSIVE ▸t AS (SELECT uscc FROM bank.loans) SELECT COUNT(*) FROM t",
        "RECURSIVE",
        "WITH name AS",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN (▸WITH t AS (SELECT uscc FROM tax.returns)"
        " SELECT uscc FROM t) AS t USING (uscc)",
        "before the whole statement",
        "WITH a AS",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN power.meters AS p ON b.uscc = p.uscc AND "
        "▸p.kwh > 1",
        "which columns",
        "WHERE",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN power.meters AS p ON ▸b.uscc = b.uscc",
        "which columns",
        "ON b.key = p.key",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN power.meters AS p ON ▸uscc = p.uscc",
        "name of each",
        "USING (key)",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN registry.firms AS r ON ▸b.uscc = r.code",
        "'uscc' and 'code'",
        "(SELECT code AS uscc, column, … FROM registry.firms) AS r USING (uscc)",
    ),
    (f"SELECT SUM(CAST(b.balance AS ▸DECIMAL(9, 1))) AS n {FROM}", "casts", "types"),
    (f"SELECT COUNT(*) {FROM} WHERE b.class NOT IN ('a', ▸NULL)", "never true", "IS NULL"),
    (f"SELECT COUNT(*) {FROM} GROUP BY b.class WITH ▸ROLLUP", "grouping sets", "each grouping"),
    (f"SELECT COALESCE(COUNT(*), ▸'none') AS n {FROM}", "different types", "all numbers"),
    (f"SELECT CASE WHEN COUNT(*) > 1 THEN ▸NULL END AS n {FROM}", "what type", "not NULL"),
    (f"SELECT CASE COUNT(*) WHEN ▸'a' THEN 1 END AS n {FROM}", "can't be compared", "numbers"),
    (f"SELECT ▸NULLIF(MEDIAN(b.days), 0) AS n {FROM}", "known to a band", "from the result"),
    (
        f"SELECT ▸CASE WHEN MEDIAN(b.days) > 3 THEN 1 ELSE 0 END AS n {FROM}",
        "known to a band",
        "from the result",
    ),
]


@pytest.mark.parametrize(
    ("marked_sql", "reason", "fix"), REFUSED, ids=[str(place) for place in range(len(REFUSED))]
)
def test_what_is_no_short_form_is_refused(
    marked_sql: str, reason: str, fix: str, refusal: Refusal
) -> None:
    refused = refusal(marked_sql, BadQuery)
    assert reason in str(refused.what)
    assert fix in str(refused.fix)


def test_what_is_compared_many_times_is_bounded(understood: Understood) -> None:
    once = f"COUNT(*) IN ({', '.join(map(str, range(60)))})"
    for _ in range(4):
        once = f"({once}) IN ({', '.join(['TRUE'] * 60)})"
    with pytest.raises(BadQuery, match="compared too often"):
        understood(f"SELECT {once} AS n {FROM}")
    chosen = f"{'CASE ' * 8}COUNT(*){' WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 END' * 8}"
    with pytest.raises(BadQuery, match="compared too often"):
        understood(f"SELECT {chosen} AS n {FROM}")
