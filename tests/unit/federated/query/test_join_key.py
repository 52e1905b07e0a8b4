"""Keys of several columns: what joins, what an owner runs for it, and what is refused."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest

from contract.errors import (
    BadQuery,
    BadRequest,
    KeyInQuery,
    KeyKindMismatch,
    MiheError,
    UnknownColumn,
)
from contract.job import KeyPart
from contract.keys import BesideKind, KeyKind
from contract.policy import Use
from federated.query.join_key import columns_of
from federated.query.plan import QueryPlan, uses
from federated.query.planning import compile_statement
from federated.query.statement import Statement
from tests.unit.federated.query.catalogue import Catalogue

Understood = Callable[[str], Statement]
Planned = Callable[[str], QueryPlan]
Refusal = Callable[[str, type[MiheError]], MiheError]

TAX = "(SELECT uscc, period, vat, grade FROM tax.returns) AS t"
GRID = "(SELECT uscc, period, SUM(kwh) AS kwh FROM grid.usage GROUP BY uscc, period) AS g"
WATER = "(SELECT firm AS uscc, month AS period, m3 FROM water.bills) AS w"
FROM = f"FROM {TAX} JOIN {GRID} USING (uscc, period)"


def test_a_key_is_the_columns_that_using_names_identifiers_first(planned: Planned) -> None:
    plan = planned(
        f"SELECT COUNT(*) FROM {TAX} JOIN {WATER} USING (period, uscc)"
        f" JOIN {GRID} USING (uscc, period)"
    )
    assert [part.key for part in plan.owners] == [
        ("uscc", "period"),
        ("firm", "month"),
        ("uscc", "period"),
    ]
    tax = plan.owners[0]
    assert (tax.key_kind, tax.size) == (KeyKind.USCC, 2048)
    assert tax.beside == (KeyPart(column="period", kind=BesideKind.PERIOD),)
    assert uses(plan, "water") == {"firm": {Use.JOIN}, "month": {Use.JOIN}}
    assert uses(plan, "grid") == {"uscc": {Use.JOIN}, "period": {Use.JOIN}}


def test_a_row_without_a_part_of_its_key_stays_at_home(planned: Planned) -> None:
    _, grid = planned(f"SELECT COUNT(*) {FROM}").owners
    assert 'WHERE NOT "g"."period" IS NULL' in grid.sql
    assert "WHERE" not in planned(f"SELECT COUNT(*) {FROM}").owners[0].sql


def test_thresholds_are_of_subjects(planned: Planned) -> None:
    # A company has at most 12 months at the grid, and 24 at the tax bureau.
    plan = planned(f"SELECT COUNT(*) {FROM}")
    assert (plan.per_subject, plan.k) == (12, 9 * 12 + 1)
    assert planned(f"SELECT COUNT(*) FROM {TAX} JOIN {WATER} USING (uscc, period)").k == 9 * 24 + 1
    alone = planned(
        "SELECT COUNT(*) FROM bank.loans JOIN (SELECT code AS uscc FROM registry.firms) AS f"
        " USING (uscc)"
    )
    assert (alone.per_subject, alone.k) == (1, 10)


def test_a_share_of_a_sum_is_of_a_subject_too(understood: Understood) -> None:
    statement = understood(f"SELECT SUM(t.vat) AS vat {FROM}")
    shared = compile_statement(statement, receivers=["tax"], k=10, largest_share=40)
    assert shared.largest_share == 3  # of each of 12 keys
    with pytest.raises(BadRequest, match="one subject may have 12 keys"):
        compile_statement(statement, receivers=["tax"], k=10, largest_share=11)


def test_what_joins_is_the_same_everywhere_so_it_needs_no_owner(understood: Understood) -> None:
    short = understood(f"SELECT period, COUNT(*) AS n {FROM} WHERE period > 202501 GROUP BY period")
    long = understood(
        f"SELECT t.period, COUNT(*) AS n {FROM} WHERE t.period > 202501 GROUP BY t.period"
    )
    assert short.sql == long.sql
    assert understood(short.sql) == short


def test_bounds_of_a_sum_are_those_of_its_key(understood: Understood) -> None:
    # 40 rows for a company and month, but never more than the 12 rows of a company.
    kwh = understood(f"SELECT SUM(g.kwh) AS kwh {FROM}").sources[1].first.columns["kwh"]
    assert kwh.range is not None
    assert kwh.range.most == 12 * 1_000_000


def test_rows_of_one_owner_are_counted_for_a_key_of_several(understood: Understood) -> None:
    found = understood(
        f"SELECT g.period, COUNT(*) AS n, SUM(g.kwh) AS kwh FROM {TAX}"
        " JOIN grid.usage AS g USING (uscc, period) GROUP BY g.period"
    )
    inner = found.sources[1].added_up
    assert inner is not None
    assert columns_of(inner.groups) == ("uscc", "period")


REFUSED = [
    (
        f"SELECT COUNT(*) FROM {TAX} JOIN {GRID} USING (uscc, ▸kwh)",
        UnknownColumn,
        "'kwh' is no column of t",
        "There are uscc, period, vat, grade.",
    ),
    (
        f"SELECT COUNT(*) FROM {TAX} JOIN bank.loans AS b USING (uscc, ▸period)",
        UnknownColumn,
        "'period' is no column of b",
        "There are uscc",
    ),
    (
        "SELECT COUNT(*) FROM tax.returns AS t JOIN grid.usage AS g USING (▸period, grade)",
        UnknownColumn,
        "none of period, grade of t is a key column",
        "Its key columns: uscc",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT uscc, MAX(period) AS period FROM tax.returns GROUP BY uscc)"
        f" AS t JOIN {GRID} USING (uscc, ▸period)",
        BadQuery,
        "'period' of t is computed, or a decimal",
        "prepare such a column",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT uscc, period, vat AS x FROM tax.returns) AS t JOIN"
        " (SELECT uscc, period, kwh AS x FROM grid.usage) AS g USING (uscc, period, ▸x)",
        BadQuery,
        "'x' of t is computed, or a decimal",
        "whole numbers, texts, dates, months",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT uscc, site FROM grid.usage) AS g JOIN"
        " (SELECT firm AS uscc, site FROM water.bills) AS w USING (uscc, ▸site)",
        KeyKindMismatch,
        "'site' of w is of kind integer, that of g of kind text",
        "declare its column so",
    ),
    (
        f"SELECT COUNT(*) FROM {TAX} JOIN (SELECT uscc, period, open FROM grid.usage) AS g"
        " USING (uscc, period) JOIN (SELECT firm AS uscc, month AS period, m3 FROM water.bills)"
        " AS w USING (▸uscc)",
        BadQuery,
        "(uscc) is another key than (uscc, period)",
        "write USING (uscc, period) everywhere",
    ),
    (
        f"SELECT COUNT(*) FROM {TAX} JOIN {GRID} USING (uscc, period, ▸uscc)",
        BadQuery,
        "'uscc' is there twice",
        "Name it once",
    ),
    (
        "SELECT COUNT(*) FROM (SELECT uscc, grade AS site FROM tax.returns) AS t JOIN"
        " (SELECT uscc, site FROM grid.usage) AS g USING (▸uscc, site)",
        UnknownColumn,
        "tax.returns declares no key of uscc, grade. It declares (uscc, period).",
        '[[key]] columns = ["uscc", "grade"]',
    ),
    (
        f"SELECT COUNT(DISTINCT ▸uscc) AS n {FROM}",
        BadQuery,
        "can't be told of lists that are joined by all of them",
        "join by uscc alone",
    ),
]


@pytest.mark.parametrize(
    ("sql", "error", "reason", "works"), REFUSED, ids=[case[2] for case in REFUSED]
)
def test_what_joins_nothing_is_refused(
    sql: str,
    error: type[MiheError],
    reason: str,
    works: str,
    refusal: Refusal,
) -> None:
    refused = refusal(sql, error)
    assert reason in refused.what
    assert works in refused.fix


def test_a_key_stays_one_where_it_is_joined_with_others(understood: Understood) -> None:
    for clause in ("GROUP BY uscc", "WHERE uscc = 'x'"):
        with pytest.raises((BadQuery, KeyInQuery), match="is a key"):
            understood(f"SELECT COUNT(*) AS n {FROM} {clause}")


def test_somebody_says_how_many_keys_a_subject_has(catalogue: Catalogue, refusal: Refusal) -> None:
    entry = catalogue["grid"]["usage"]
    catalogue["grid"]["usage"] = entry.model_copy(
        update={
            "columns": tuple(one.model_copy(update={"rows_per_key": None}) for one in entry.columns)
        }
    )
    sql = (
        "SELECT COUNT(*) AS n FROM (SELECT uscc, period FROM grid.usage) AS g"
        f" JOIN {WATER} USING (▸uscc, period)"
    )
    refused = refusal(sql, BadQuery)
    assert "enough uscc" in refused.what
    assert "rows_per_key at its column uscc" in refused.fix
