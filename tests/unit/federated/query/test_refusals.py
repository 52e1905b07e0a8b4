"""Each refusal: the mark ▸ shows where the error must say it is, with its reason and what works."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.cause import from_json, to_json
from contract.errors import (
    BadQuery,
    KeyInQuery,
    KeyKindMismatch,
    MiheError,
    RequestError,
    UnknownColumn,
    UnknownDataset,
    UnknownOrganisation,
    UnprovenSum,
)
from federated.query.statement import Statement, parse
from federated.query.words import LONGEST, MOST_TOKENS
from tests.unit.federated.query.catalogue import Catalogue

Understood = Callable[[str], Statement]
Marked = Callable[[str], tuple[str, str]]
Refusal = Callable[[str, type[MiheError]], MiheError]

TAX = "(SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS t"
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc)"
COUNT = f"SELECT COUNT(*) {FROM}"
USCC = "91110000600037341L"


def where(condition: str) -> str:
    return f"{COUNT} WHERE {condition}"


def select(items: str) -> str:
    return f"SELECT {items} {FROM}"


def inner(sub: str) -> str:
    return f"SELECT COUNT(*) FROM bank.loans AS b JOIN ({sub}) AS t USING (uscc)"


LANGUAGE = [
    ("▸", "exactly one SELECT", "Write SELECT"),
    ("▸SELEC x", "exactly one SELECT", "Write SELECT"),
    ("▸FROM bank.loans SELECT class", "exactly one SELECT", "Write SELECT"),
    ("▸DROP TABLE bank.loans", "exactly one SELECT", "Write SELECT"),
    ("WITH ▸a AS (SELECT 1) SELECT 1", "stands nowhere", "after FROM"),
    (f"{COUNT}▸; DROP TABLE x", "exactly one SELECT", "query of its own"),
    (f"{COUNT} ▸UNION {COUNT}", "one bracket after FROM", "UNION ALL SELECT"),
    (f"SELECT '▸abc {FROM}".replace("'▸", "▸'"), "not closed", "doubled"),
    (f"{COUNT} WHERE b.days ▸> ", "not SQL of the language", "Write SELECT"),
    (select("▸*"), "* is not in the language", "COUNT(*)"),
    (select("COUNT(*), ▸b.*"), "* is not in the language", "COUNT(*)"),
    (select("▸DISTINCT b.class"), "DISTINCT", "GROUP BY"),
    (f"SELECT ▸DISTINCT b.class {FROM}", "DISTINCT", "counts entities"),
    (select("SUM(b.balance) ▸OVER ()"), "window functions", "GROUP BY"),
    (select("SUM(▸b.balance / 2) AS x"), "no exact decimal", "SUM(a) / COUNT(*)"),
    (select("SUM(▸ROUND(b.balance, 1)) AS x"), "no exact decimal", "Divide or round"),
    (where("▸b.balance / 2 > 1"), "no exact decimal", "decimal constant"),
    (select("SUM(b.balance) ▸// 2 AS x"), "whole division", "Write /"),
    (select("SUM(b.balance) ▸% 2 AS x"), "whole division", "ROUND"),
    (where("b.class = '▸\udcff'"), "no character", "UTF-8"),
    (select("▸QUANTILE_CONT(b.days) AS x"), "at a share", "0.9"),
    (f"SELECT COUNT(*) FROM bank.loans AS b JOIN {TAX[:-1]}▸; USING (uscc)", "exactly one", "own"),
    (inner("SELECT uscc, ▸MAX( ) AS g FROM tax.returns GROUP BY uscc"), "nothing", "SUM(column)"),
    (select("▸COUNT( )"), "nothing stands in these", "COUNT(*)"),
    (
        inner("SELECT uscc, ▸COUNT() AS n FROM tax.returns GROUP BY uscc"),
        "nothing stands",
        "COUNT(*)",
    ),
    (select("▸1 AS one"), "a dimension or an aggregate", "COUNT(*)"),
    (select("▸1 + 1 > 2 AS two"), "two constants", "aggregate"),
    (select("▸SUM(b.balance) + 1"), "no name", "AS"),
    (select("COUNT(*) + ▸b.days AS x"), "neither grouped by nor added up", "SUM(b.days)"),
    (select("COUNT(*) + ▸'a' AS x"), "number is expected", "aggregates"),
    (select("COUNT(*) > ▸'a' AS x"), "can't be compared", "numbers with numbers"),
    (select("ROUND(SUM(b.days), ▸COUNT(*)) AS x"), "ROUND takes a number", "ROUND(…, 2)"),
    (select("ROUND(SUM(b.days), ▸19) AS x"), "-18 to 18", "ROUND(…, 2)"),
    (select("ROUND(SUM(b.days), ▸0010000) AS x"), "-18 to 18", "ROUND(…, 2)"),
    (
        select(f"▸{' / '.join(['AVG(b.balance)'] * 9)} AS x"),
        "digits, 38 of them decimals: a table holds 76",
        "ROUND(…, 2)",
    ),
    (f"{COUNT} HAVING ▸COUNT(*)", "condition is expected", "COUNT(*) >= 20"),
    (f"{COUNT} HAVING ▸b.days > 3", "neither grouped", "SUM(b.days)"),
    (
        f"SELECT SUM(b.days) AS balance {FROM} HAVING ▸balance > 3",
        "a column of the result, and one of a dataset",
        "another name",
    ),
    (f"SELECT b.class, COUNT(*) {FROM} GROUP BY b.class HAVING class > ▸3", "text and", "texts"),
    (f"{COUNT} ORDER BY ▸2", "columns 1 to 1", "name"),
    (f"{COUNT} ORDER BY ▸0000000010", "columns 1 to 1", "name"),
    (f"{COUNT} ORDER BY ▸'count'", "constant orders nothing", "number"),
    (f"{COUNT} ORDER BY ▸b.days", "neither grouped", "SUM(b.days)"),
    (f"{COUNT} LIMIT ▸1.5", "LIMIT takes a number of rows", "LIMIT 10"),
    (f"{COUNT} LIMIT ▸'1'", "LIMIT takes a number of rows", "LIMIT 10"),
    (f"{COUNT} LIMIT ▸1 + 1", "LIMIT takes a number of rows", "LIMIT 10"),
    (f"{COUNT} LIMIT 1 OFFSET -▸1", "OFFSET takes a number of rows", "OFFSET 10"),
    (f"{COUNT} ▸FETCH FIRST 3 ROWS ONLY", "FETCH", "LIMIT 10"),
    (f"{COUNT} ▸QUALIFY COUNT(*) > 3", "QUALIFY", "HAVING"),
    (select("SUM(b.balance▸::DOUBLE)"), "casts", "types of their dataset"),
    (select("SUM(▸CAST(b.balance AS DOUBLE))"), "casts", "types of their dataset"),
    (select("▸MODE(b.balance)"), "no function MODE", "MEDIAN"),
    (select("▸APPROX_QUANTILE(b.balance, 0.5)"), "APPROX_QUANTILE", "QUANTILE_CONT"),
    (select("QUANTILE_CONT(b.balance, ▸1.5)"), "from 0 to 1", "0.9"),
    (select("QUANTILE_DISC(b.balance, ▸b.days)"), "from 0 to 1", "0.9"),
    (select("MEDIAN(▸b.days + t.vat) AS x"), "bands of its own", "each owner's own"),
    (select("▸MEDIAN(b.days) / COUNT(*) AS x"), "known to a band", "from the result"),
    (select("MIN(▸b.days) * MAX(b.days) AS x"), "known to a band", "from the result"),
    (select("STDDEV(▸b.days + t.vat) AS x"), "multiply them with each other", "each owner's own"),
    (select("VAR_POP(▸b.class)"), "number is expected", "integer and decimal"),
    (select("▸VAR_POP(b.balance) + 1"), "no name", "AS"),
    (select("SUM(▸DISTINCT b.days)"), "DISTINCT", "COUNT(DISTINCT key)"),
    (select("COUNT(DISTINCT ▸b.class)"), "counts the keys that are joined", "(DISTINCT uscc)"),
    (select("COUNT(DISTINCT ▸b.declaration)"), "keys that are joined", "(DISTINCT uscc)"),
    (select("COUNT(DISTINCT ▸uscc, b.class)"), "keys that are joined", "(DISTINCT uscc)"),
    (select("COUNT(DISTINCT ▸b.days + 1)"), "keys that are joined", "(DISTINCT uscc)"),
    (select("▸shuffle(b.balance)"), "no such function", "COUNT, SUM, AVG"),
    (select("▸b.balance"), "neither grouped by nor added up", "SUM(b.balance)"),
    (select("SUM(▸1)"), "constant is added up", "COUNT(*)"),
    (select("SUM(b.days), ▸SUM(b.days)"), "two columns are called 'sum_days'", "AS"),
    (select("▸SUM(b.days + 1)"), "no name", "AS"),
    (select("SUM(b.days * ▸1e3)"), "no exponent", "1000000"),
    (select("SUM(b.days * ▸9999999999999999999)"), "18 digits", "plain decimal"),
    (select("SUM(▸b.class)"), "number is expected", "integer and decimal"),
    (select("SUM(▸b.days * b.days)"), "multiplied with each other", "Prepare the product"),
    (select("SUM(▸b.days * t.vat)"), "of two owners", "no protocol"),
    (select("SUM(▸b.limit_left + t.vat) AS x"), "may be NULL", "one SUM for each owner"),
    (f"SELECT COUNT(*) FROM bank.loans AS b ▸FULL JOIN {TAX} USING (uscc)", "only JOIN", "USING"),
    (f"SELECT COUNT(*) FROM bank.loans b ▸NATURAL JOIN {TAX}", "only JOIN", "USING"),
    (
        f"SELECT COUNT(*) FROM bank.loans b JOIN {TAX} ON ▸b.days = t.vat",
        "different names",
        "AS days",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans b, ▸power.meters p",
        "one of them a key column",
        "USING (uscc)",
    ),
    ("SELECT COUNT(*) FROM ▸bank.loans AS b", "2 to 8 owners, not of 1", "Add JOIN"),
    (f"{COUNT} JOIN ▸bank.loans AS c USING (uscc)", "bank.loans is there twice", "one dataset"),
    (f"{COUNT} JOIN ▸power.meters AS b USING (uscc)", "two parts are called 'b'", "another name"),
    (f"{COUNT} JOIN power.meters USING (uscc, ▸day)", "another key than (uscc)", "USING (uscc)"),
    (f"SELECT COUNT(*) FROM ▸read_csv('/etc/passwd') JOIN {TAX} USING (uscc)", "function", "COUNT"),
    (f"SELECT COUNT(*) FROM ▸'x.csv' JOIN {TAX} USING (uscc)", "a name is a letter", "catalog"),
    (
        f"SELECT COUNT(*) FROM ▸'secret' JOIN {TAX} USING (uscc)",
        "text stands where a name",
        "double",
    ),
    (select("COUNT(*) AS ▸'secret'"), "text stands where a name", "double"),
    ("SELECT COUNT(*) FROM bank.loans ▸TABLESAMPLE 5", "sampling", "Every row"),
    (f'SELECT COUNT(*) AS ▸"a b" {FROM}', "a name is a letter", "AS"),
    (where("b.days > ▸?"), "a parameter has a name", ":year"),
    (where("b.class ▸ILIKE 'a'"), "kind of matching", "LIKE"),
    (where("b.days = ▸ANY (SELECT 1)"), "no such function", "COUNT"),
    (where("▸EXISTS (SELECT 1)"), "EXISTS", "JOIN"),
    (where("b.days > (SELECT ▸COUNT(*) FROM tax.returns)"), "number is expected", "constants"),
    (where("▸b.days IN ()"), "IN takes a list", "IN ('A', 'B')"),
    (where("▸1 = 1"), "two constants", "Compare a column"),
    (where("▸TRUE"), "condition is expected", "BETWEEN"),
    (where("▸b.days"), "no condition", "Compare it"),
    (where("▸b.days > t.vat"), "columns of two owners", "constant"),
    (
        where("▸b.days > 3 OR t.vat > 3"),
        "one condition is about the columns of b and t",
        "AND alone",
    ),
    (where("NOT (▸b.days > 3 AND t.vat > 3)"), "b and t", "AND alone"),
    (where("b.class > ▸3"), "another kind", "a text"),
    (where("b.days = ▸'3'"), "number is expected", "constants"),
    (where("b.since > ▸'2021-02-30'"), "no such day", "DATE"),
    (where("b.since > ▸20210230"), "another kind", "DATE"),
    (where("▸b.open > TRUE"), "another kind", "TRUE or FALSE"),
    (where("▸b.days LIKE '3%'"), "LIKE compares a text", "'C%'"),
    (where("▸b.open IS TRUE"), "IS compares a column with NULL", "IS NULL"),
    (f"{COUNT} GROUP BY ▸b.declaration", "list who is in the join", "an industry"),
    (f"{COUNT} GROUP BY ▸1", "no dimension is selected", "the position of one"),
    (f"{COUNT} GROUP BY ▸7", "no dimension is selected", "the position of one"),
    (
        f"{COUNT} GROUP BY ▸b.days + t.vat",
        "the columns of b and t",
        "one CASE or function for each",
    ),
    (f"{COUNT} GROUP BY YEAR(b.since), ▸b.uscc", "list who is in the join", "an industry"),
    (f"{COUNT} GROUP BY ▸ROLLUP(b.class)", "grouping sets", "one query for each"),
    (
        f"SELECT COUNT(*) {FROM} JOIN power.meters USING (uscc) WHERE ▸kwh + b.days > 3",
        "columns of two owners",
        "constant",
    ),
]

EXPRESSIONS = [
    (select("▸SUM(CASE WHEN b.open THEN 1 END)"), "no name", "AS"),
    (select("▸COUNT(CASE WHEN b.open THEN 1 END)"), "no name", "AS"),
    (select("▸YEAR(b.since)"), "neither grouped by", "the name that follows its AS"),
    (f"SELECT ▸YEAR(b.since), COUNT(*) {FROM} GROUP BY 1", "no name", "AS"),
    (select("SUM(▸CASE WHEN b.open THEN t.vat END) AS x"), "the columns of b and t", "for each"),
    (select("SUM(▸CASE WHEN b.open AND t.vat > 1 THEN 1 END) AS x"), "of b and t", "for each"),
    (select("SUM(CASE WHEN ▸b.days > t.vat THEN 1 END) AS x"), "columns of two owners", "constant"),
    (select("SUM(▸CASE WHEN b.open THEN b.class END) AS x"), "number is exp", "integer"),
    (
        select("COUNT(CASE WHEN b.open THEN b.class ELSE ▸1 END) AS x"),
        "different types",
        "one type",
    ),
    (select("SUM(▸CASE WHEN b.open THEN NULL END) AS x"), "are NULL", "one that is not"),
    (select("SUM(▸COALESCE(1, 2)) AS x"), "a constant is computed", "Name a column"),
    (select("SUM(▸LEAST(b.since, b.since)) AS x"), "at most 8 numbers", "CASE WHEN"),
    (select("SUM(▸ABS(b.class)) AS x"), "ABS is of a number", "column of numbers"),
    (select("SUM(▸IIF(b.open, 1, 0)) AS x"), "no function IIF", "IF(condition"),
    (select("SUM(▸FLOOR(b.balance)) AS x"), "no function FLOOR", "bands"),
    (where("▸DAY(b.since) = 3"), "no function DAY", "YEAR(column)"),
    (where("EXTRACT(week FROM ▸b.since) = 3"), "no such part of a date", "QUARTER"),
    (where("YEAR(▸b.days) = 3"), "a date or a month", "column of dates"),
    (where("LEFT(▸b.days, 2) = '3'"), "a text is expected", "no key"),
    (where("▸LEFT(b.class, 0) = '3'"), "whole numbers from 1 to 64", "LEFT(column, 2)"),
    (where("▸SUBSTR(b.class, b.days, 2) = '3'"), "whole numbers from 1 to 64", "LEFT(column, 2)"),
    (
        f"{COUNT} GROUP BY ▸CASE b.days {'WHEN 1 THEN 2 ' * 62} END",
        "at most 61 WHEN",
        "which of them applies",
    ),
    (
        where(
            f"▸CASE {'WHEN b.days > 3 THEN b.balance ' * 30} END IN ({', '.join('1' * 300)})",
        ),
        "compared too often",
        "sub-query",
    ),
    (
        where(f"▸CASE WHEN b.days IN ({', '.join('1' * 600)}) THEN 1 END = 1"),
        "too long",
        "sub-query",
    ),
]

SUBQUERIES = [
    (inner("SELECT ▸SUM(vat) AS vat FROM tax.returns"), "without its key", "GROUP BY uscc"),
    (
        inner("SELECT uscc, ▸vat FROM tax.returns GROUP BY uscc"),
        "neither grouped",
        "SUM(returns.vat)",
    ),
    (
        inner("SELECT uscc, SUM(vat) AS v FROM tax.returns GROUP BY uscc HAVING ▸SUM(vat) > 3"),
        "for the rows of the result",
        "WHERE",
    ),
    (inner("SELECT uscc, vat FROM tax.returns LIMIT ▸3"), "rows of the result", "WHERE"),
    (inner("SELECT uscc, vat FROM tax.returns ORDER BY ▸vat"), "rows of the result", "WHERE"),
    (inner("SELECT uscc, ▸AVG(vat) AS v FROM tax.returns GROUP BY uscc"), "rounded", "SUM"),
    (inner("SELECT uscc, ▸SUM(vat) FROM tax.returns GROUP BY uscc"), "no name", "Write AS"),
    (inner("SELECT uscc, ▸vat + 1 AS v FROM tax.returns GROUP BY uscc"), "neither", "SUM"),
    (
        inner("SELECT uscc, vat, ▸late AS vat FROM tax.returns WHERE period = 202501"),
        "two columns are called 'vat'",
        "AS",
    ),
    (
        inner("SELECT uscc FROM tax.returns JOIN ▸power.meters USING (uscc)"),
        "exactly one dataset",
        "outside",
    ),
    (
        inner("SELECT ▸uscc FROM (SELECT uscc FROM tax.returns) AS x"),
        "exactly one dataset",
        "outside",
    ),
    (
        "SELECT COUNT(*) FROM bank.loans JOIN (SELECT ▸uscc FROM tax.returns) USING (uscc)",
        "no name",
        "AS",
    ),
    (
        inner("SELECT uscc, SUM(▸period) AS p FROM tax.returns GROUP BY uscc"),
        "is a month",
        "BETWEEN",
    ),
]

NAMES = [
    (
        "SELECT COUNT(*) FROM ▸bankk.loans JOIN tax.returns USING (uscc)",
        UnknownOrganisation,
        "'bank'?",
    ),
    ("SELECT COUNT(*) FROM ▸bank.lones JOIN tax.returns USING (uscc)", UnknownDataset, "'loans'?"),
    ("SELECT COUNT(*) FROM ▸loans JOIN tax.returns USING (uscc)", UnknownDataset, "bank.loans?"),
    # Tables before columns: the first fault is the dataset's, though a column is wrong as well.
    ("SELECT x.y FROM bank.loans JOIN ▸tax.nothing USING (uscc)", UnknownDataset, "no dataset"),
    (select("SUM(▸b.balanse) AS x"), UnknownColumn, "'balance'?"),
    (select("SUM(▸c.balance) AS x"), UnknownColumn, "nothing after FROM is called 'c'"),
    (f"{COUNT} HAVING COUNT(*) > ▸nothing", UnknownColumn, "no column of what stands after FROM"),
    (where("▸nothing > 3"), UnknownColumn, "no column of what stands after FROM"),
    (inner("SELECT uscc, ▸vatt FROM tax.returns"), UnknownColumn, "'vat'?"),
    (f"SELECT COUNT(*) FROM bank.loans JOIN {TAX} USING (▸usc)", UnknownColumn, "'uscc'?"),
    (f"SELECT COUNT(*) FROM {TAX} JOIN bank.loans USING (▸class)", UnknownColumn, "no key column"),
    ("SELECT COUNT(*) FROM registry.firms JOIN bank.loans USING (▸uscc)", UnknownColumn, "no key"),
    (
        "SELECT COUNT(*) FROM weather.days JOIN bank.loans USING (▸day)",
        UnknownColumn,
        "no key column",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT number AS uscc FROM customs.declared) AS c JOIN bank.loans"
        " USING (▸uscc)",
        KeyKindMismatch,
        "holds uscc keys",
    ),
    (f"{COUNT} JOIN customs.declared USING (▸number)", BadQuery, "another key than 'uscc'"),
    (
        "SELECT COUNT(*) FROM bank.loans b JOIN (SELECT uscc, kwh AS days FROM power.meters) p"
        " USING (uscc) WHERE ▸days > 3",
        BadQuery,
        "a column of b and of p",
    ),
    (f"SELECT b.class▸，COUNT(*) {FROM} GROUP BY b.class", BadQuery, "a full-width sign"),
    (f"SELECT COUNT▸（*） {FROM}", BadQuery, "a full-width sign"),
    (f"SELECT 户数，COUNT(*) {FROM}".replace("，", "▸，"), BadQuery, "a full-width sign"),
    (f"SELECT ▸户数(b.days) {FROM}", BadQuery, "there is no such function"),
    (f"SELECT COUNT(*) AS ▸сount {FROM}", BadQuery, "a name is a letter (a to z"),
    (f"SELECT COUNT(*) {FROM} GROUP BY ▸b.行业", UnknownColumn, "is no column of b"),
]

KEYS = [
    (where(f"b.class = ▸'{USCC}'"), "validates as a key"),
    (where(f"b.class = ▸'{USCC.lower()}'"), "validates as a key"),
    (where("b.class = ▸' 9111-0000-6000 37341L'"), "validates as a key"),
    (where("b.days > ▸310120260000000001"), "validates as a key"),
    (where(f"b.class LIKE ▸'%{USCC}%'"), "validates as a key"),
    (f"SELECT COUNT(*) AS ▸x{USCC} {FROM}", "validates as a key"),
    (f'SELECT COUNT(*) FROM bank.loans AS ▸"{USCC}" JOIN {TAX} USING (uscc)', "validates as a key"),
    (where("▸b.uscc = 'A'"), "is a key"),
    (where("▸b.uscc LIKE '9%'"), "is a key"),
    (where("▸b.uscc IN ('A', 'B')"), "is a key"),
    (where("▸b.uscc IS NOT NULL"), "is a key"),
    (where("b.class = ▸b.uscc"), "is a key"),
    (where("▸b.declaration > '3'"), "is a key"),
    (select("COUNT(▸b.uscc)"), "is a key"),
    (inner("SELECT uscc, MAX(▸uscc) AS x FROM tax.returns GROUP BY uscc"), "is a key"),
    (inner("SELECT uscc FROM tax.returns WHERE ▸uscc < 'A'"), "is a key"),
    (f"{COUNT} GROUP BY SUBSTR(▸b.uscc, 3, 6)", "is a key"),
    (where("LEFT(▸b.uscc, 2) = '91'"), "is a key"),
    (inner("SELECT uscc, SUBSTRING(▸uscc, 3, 6) AS region FROM tax.returns"), "is a key"),
    (select("SUM(CASE WHEN ▸b.uscc > 'A' THEN 1 END) AS x"), "is a key"),
    (select("COUNT(COALESCE(b.note, ▸b.uscc)) AS x"), "is a key"),
]

SUMS = [
    (select("SUM(▸b.loose)"), "no declared bounds", "minimum and maximum of column loose"),
    (where("▸b.loose > 3.001"), "no declared bounds", "minimum and maximum of column loose"),
    (
        "SELECT SUM(▸p.kwh) FROM bank.loans JOIN (SELECT uscc, SUM(kwh) AS kwh FROM power.meters"
        " GROUP BY uscc) AS p USING (uscc)",
        "no declared bounds",
        "rows_per_key of key column uscc of power.meters",
    ),
    (select("SUM(▸b.vast)"), "9999999999999999999900 at scale 2", "tighter"),
    (select("MEDIAN(▸b.loose)"), "no declared bounds", "minimum and maximum of column loose"),
    (select("MAX(▸b.loose)"), "no declared bounds", "minimum and maximum of column loose"),
    (select("VAR_POP(▸b.vast)"), "9999999999999999999900 at scale 2", "tighter"),
    (select("SUM(▸b.balance * 999999999999) AS x"), "99999999999900000000 at scale 2", "smaller"),
]


@pytest.mark.parametrize(("sql", "reason", "works"), [*LANGUAGE, *EXPRESSIONS, *SUBQUERIES])
def test_what_is_outside_of_the_language(
    sql: str, reason: str, works: str, refusal: Refusal
) -> None:
    refused = refusal(sql, RequestError)
    assert reason in refused.what
    assert works in refused.fix
    assert isinstance(refused, BadQuery | UnknownDataset)


@pytest.mark.parametrize(
    "clauses",
    ["GROUP BY {}", "ORDER BY {}", "ORDER BY 000000001{}", "LIMIT {}", "HAVING ROUND(1, {}) > 0"],
)
def test_a_whole_number_is_bounded_before_it_is_read(clauses: str, understood: Understood) -> None:
    with pytest.raises(BadQuery):
        understood(f"{COUNT} {clauses.format('1' * 4301)}")


@pytest.mark.parametrize(("sql", "error", "reason"), NAMES)
def test_names_that_are_not_there(
    sql: str, error: type[MiheError], reason: str, refusal: Refusal
) -> None:
    refused = refusal(sql, error)
    assert reason in refused.what


@pytest.mark.parametrize(("sql", "reason"), KEYS)
def test_no_statement_holds_a_key_or_compares_one(sql: str, reason: str, refusal: Refusal) -> None:
    refused = refusal(sql, KeyInQuery)
    assert reason in refused.what
    assert USCC.lower() not in str(refused).lower()


@pytest.mark.parametrize(("sql", "reason", "works"), SUMS)
def test_sums_that_are_not_proven(sql: str, reason: str, works: str, refusal: Refusal) -> None:
    refused = refusal(sql, UnprovenSum)
    assert reason in refused.what
    assert works in refused.fix


MANY = [
    ("SUM(▸b.days) AS x", "", "added up of b would count once for each"),
    ("COUNT(▸b.note) AS x", "", "added up of b would count once for each"),
    ("SUM(▸t.vat - b.days) AS x", "", "added up of b would count once for each"),
    ("VAR_POP(▸t.vat) AS x", "", "what is asked here takes one from each owner"),
    ("MEDIAN(▸t.vat) AS x", "", "what is asked here takes one from each owner"),
    ("COUNT(*)", " GROUP BY ▸t.grade", "takes one from each owner to group by"),
    ("COUNT(*)", " GROUP BY ▸t.grade, b.class", "takes one from each owner to group by"),
]


@pytest.mark.parametrize(("item", "rest", "reason"), MANY)
def test_what_many_rows_per_key_can_t_be_asked_for(
    item: str, rest: str, reason: str, understood: Understood, marked: Marked
) -> None:
    sql = f"SELECT {item} FROM bank.loans AS b JOIN tax.returns AS t USING (uscc){rest}"
    written, place = marked(sql)
    with pytest.raises(BadQuery) as refused:
        understood(written)
    assert refused.value.what.startswith(f"{place}tax.returns has up to 24 rows per key, and ")
    assert reason in refused.value.what
    works = "(SELECT uscc, SUM(column) AS column FROM tax.returns GROUP BY uscc) AS t"
    assert works in refused.value.fix


def test_rows_of_two_owners_are_not_multiplied(catalogue: Catalogue, marked: Marked) -> None:
    power = catalogue["power"]["meters"]
    columns = tuple(
        column.model_copy(update={"rows_per_key": 12}) if column.key else column
        for column in power.columns
    )
    catalogue["power"]["meters"] = power.model_copy(update={"columns": columns})
    from_ = "FROM tax.returns AS t JOIN ▸power.meters AS p USING (uscc)"
    written, place = marked(f"SELECT COUNT(*) {from_}")
    with pytest.raises(BadQuery) as refused:
        parse(written, catalogue)
    assert refused.value.what.startswith(f"{place}power.meters has up to 12 rows per key")
    assert "rows are multiplied" in refused.value.what
    assert len(parse(f"{written} WHERE t.period = 202601", catalogue).sources) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 13 + "1" + ")" * 13,
        "SELECT " + "NOT " * (MOST_TOKENS - 5) + "1",
        "SELECT " + "- " * (MOST_TOKENS - 5) + "1",
        where("+".join(["b.days"] * 400) + " > 3"),
        where(" OR ".join(["days > 3"] * 480)),
        where("(" * 12 + "b.since > DATE '2026-01-31'" + ")" * 12),
        "SELECT " + "1, " * MOST_TOKENS + "1",
        "SELECT '" + "x" * LONGEST + "'",
    ],
    ids=["brackets", "NOT", "minus", "plus", "in full", "in full, deep", "tokens", "characters"],
)
def test_statements_are_bounded(sql: str, understood: Understood) -> None:
    with pytest.raises(BadQuery, match="line 1, column"):
        understood(sql)


def test_as_many_conditions_as_fit_are_understood(understood: Understood) -> None:
    many = " AND ".join(["b.days > 3"] * 300)
    assert len(understood(where(many)).conditions) == 300
    either = " OR ".join(["b.days > 3"] * 300)
    assert len(understood(where(either)).conditions) == 1


WORDS = st.sampled_from(
    [
        *("SELECT", "FROM", "JOIN", "USING", "WHERE", "GROUP BY", "AS", "AND", "OR", "NOT", "IN"),
        *(
            "BETWEEN",
            "IS",
            "NULL",
            "LIKE",
            "COUNT",
            "SUM",
            "AVG",
            "(",
            ")",
            ",",
            ".",
            "*",
            "+",
            "-",
        ),
        *("=", "<>", ">", "<=", "b", "t", "uscc", "days", "balance", "class", "vat", "bank.loans"),
        *("tax.returns", "period", "3", "0.5", "'secret'", "DATE '2021-01-01'", "TRUE", ";", "/*"),
        *(
            '"',
            "'",
            "--",
            "CASE",
            "WHEN",
            "THEN",
            "ELSE",
            "END",
            "COALESCE",
            "YEAR",
            "LEFT",
            "ABS",
            "b.days",
            "t.vat",
            "INTERVAL",
            "[",
            "]",
            "{",
            ":",
            "::",
        ),
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_written_is_understood_or_refused(
    data: st.DataObject, catalogue: Catalogue
) -> None:
    words = f"{COUNT} WHERE b.days > 3 AND b.class = 'secret' GROUP BY b.class".split()
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(words)))
        cut = data.draw(st.integers(0, 2))
        words[place : place + cut] = data.draw(st.lists(WORDS, max_size=2))
    sql = " ".join(words)
    refusal = refused(sql, catalogue)
    if refusal is None:
        canonical = parse(sql, catalogue).sql
        assert parse(canonical, catalogue).sql == canonical
    else:
        assert "secret" not in str(refusal)
        assert str(from_json(to_json(refusal))) == str(refusal)  # short enough to travel


def refused(sql: str, catalogue: Catalogue) -> RequestError | None:
    try:
        parse(sql, catalogue)
    except RequestError as refusal:
        return refusal
    return None
