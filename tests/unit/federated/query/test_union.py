"""Sums over UNION ALL: what a statement means, the one way to write it, what is refused where."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from decimal import Decimal

import pytest

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import (
    BadQuery,
    KeyInQuery,
    KeyKindMismatch,
    MiheError,
    UnknownColumn,
    UnknownDataset,
    UnknownOrganisation,
    UnprovenSum,
)
from contract.keys import KeyKind
from contract.policy import Use
from federated.query.union import Union, is_union, parse
from federated.query.union_plan import UnionPlan, compile_union, uses_of_union
from tests.unit.federated.query.catalogue import entry, key, number


def text(name: str, *domain: str, nullable: bool = False) -> CatalogueColumn:
    values = domain or None
    return CatalogueColumn(
        name=name, type=ColumnType.TEXT, level=2, domain=values, nullable=nullable
    )


def band(least: int = 1, most: int = 5) -> CatalogueColumn:
    return CatalogueColumn(
        name="band",
        type=ColumnType.INTEGER,
        minimum=Decimal(least),
        maximum=Decimal(most),
        level=2,
    )


FREE = number("free", 2, None)
FLAG = CatalogueColumn(name="flag", type=ColumnType.BOOLEAN, level=2)


def bank(org: str, *more: CatalogueColumn) -> CatalogueEntry:
    trade, balance = text("trade", "farming", "retail"), number("balance", 2, "1000000")
    return entry(f"{org}.loans", key("uscc"), trade, balance, *more)


OFFERS = {
    "a": {"loans": bank("a", FLAG, band(), FREE)},
    "b": {"loans": bank("b", FLAG, band(4, 7), FREE)},
    "c": {
        "loans": entry(
            "c.loans",
            key("code"),
            text("sector", "mining", "farming", nullable=True),
            number("euros", 3, "1000000"),
            text("remark"),
            FLAG,
            band(),
        )
    },
    "d": {
        "goods": entry(
            "d.goods",
            key("number", KeyKind.DECLARATION),
            text("trade", "retail"),
            number("balance", 2, "1000"),
        )
    },
    "e": {"keyless": entry("e.keyless", text("trade", "retail"), number("balance", 2, "1000"))},
}
THIRD = "SELECT sector AS trade, euros AS balance FROM c.loans"
BOTH = "SELECT trade, balance FROM a.loans UNION ALL SELECT trade, balance FROM b.loans"
ALL = f"{BOTH} UNION ALL {THIRD}"
CHOSEN = "CASE WHEN flag THEN balance END AS balance FROM a"


def understood(sql: str) -> Union:
    return parse(sql, OFFERS)


def planned(sql: str) -> UnionPlan:
    return compile_union(understood(sql), receivers=("a",), k=10)


def test_the_same_statement_written_differently_is_the_same_text() -> None:
    first = understood(f"select TRADE, count(*) -- rows\n from ({ALL}) group by trade;")
    second = understood(
        f"SELECT everybody.trade AS trade, COUNT(*) AS count FROM ({ALL}) AS everybody"
        " GROUP BY trade"
    )
    assert first.sql == second.sql
    assert first.sql == (
        "SELECT trade AS trade, COUNT(*) AS count FROM (SELECT loans.trade AS trade, loans.balance"
        " AS balance FROM a.loans AS loans UNION ALL SELECT loans.trade AS trade, loans.balance AS"
        " balance FROM b.loans AS loans UNION ALL SELECT loans.sector AS trade, loans.euros AS"
        " balance FROM c.loans AS loans) AS everybody GROUP BY trade"
    )
    assert understood(first.sql) == first


def test_only_a_statement_with_union_is_one() -> None:
    assert is_union(f"SELECT SUM(balance) FROM ({ALL})")
    assert not is_union("SELECT COUNT(*) FROM a.loans AS a JOIN b.loans AS b USING (uscc)")
    assert not is_union("SELECT COUNT(*) AS \"union\" FROM a.loans WHERE trade = 'UNION ALL'")


def test_cells_are_all_there_can_be_at_anybody() -> None:
    plan = planned(f"SELECT trade, SUM(balance) FROM ({ALL}) GROUP BY trade")
    (trade,) = plan.dimensions
    assert trade.values == ("farming", "retail", "mining")
    assert trade.nullable
    assert plan.cells == 4
    bands = " UNION ALL ".join(f"SELECT band, flag FROM {org}.loans" for org in "abc")
    plan = planned(f"SELECT band, flag, COUNT(*) FROM ({bands}) GROUP BY band, flag")
    assert plan.dimensions[0].values == ("1", "2", "3", "4", "5", "6", "7")
    assert plan.cells == 14


def test_numbers_are_added_up_at_the_finest_scale() -> None:
    plan = planned(f"SELECT SUM(balance) AS s, AVG(balance) AS m, COUNT(balance) AS n FROM ({ALL})")
    total, rows = plan.added
    assert (total.scale, total.least, total.most) == (3, -(10**9), 10**9)
    assert rows.kind == "rows"
    assert [output.present for output in plan.outputs] == [None, 1, None]
    assert '"balance" * 1000' not in plan.parts[2].sql


def test_what_a_policy_must_list() -> None:
    plan = planned(
        f"SELECT trade, SUM(balance) FROM ({BOTH} WHERE flag UNION ALL {THIRD}) GROUP BY trade"
    )
    assert uses_of_union(plan, "b") == {
        "balance": {Use.SUM},
        "flag": {Use.FILTER},
        "trade": {Use.GROUP},
    }
    assert uses_of_union(plan, "c") == {"euros": {Use.SUM}, "sector": {Use.GROUP}}
    chosen = "CASE WHEN flag THEN 1 ELSE 2 END = 1"
    plan = planned(f"SELECT SUM(balance) FROM ({BOTH} WHERE {chosen} UNION ALL {THIRD})")
    assert uses_of_union(plan, "b") == {"balance": {Use.SUM}, "flag": {Use.FILTER}}


@pytest.mark.parametrize(
    ("sql", "error", "place"),
    [
        (f"SELECT SUM(balance) FROM ({BOTH})", BadQuery, "line 1, column 26"),
        (f"{ALL}", BadQuery, "line 1, column 36"),
        (f"SELECT SUM(balance) FROM ({ALL}) UNION ALL {THIRD}", BadQuery, "column 172"),
        (f"SELECT SUM(balance) FROM ((({ALL})))", BadQuery, "line 1, column"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION {THIRD})", BadQuery, "column 107"),
        (f"SELECT trade, SUM(balance) FROM ({ALL})", BadQuery, "line 1, column 8"),
        (f"SELECT SUM(balance) FROM ({ALL}) WHERE trade = 'x'", BadQuery, "column 178"),
        (f"SELECT SUM(balance) FROM ({ALL}) AS x JOIN a.loans USING (uscc)", BadQuery, "line 1"),
        (f"SELECT SUM(balance), MIN(balance) FROM ({ALL})", BadQuery, "line 1, column 22"),
        (f"SELECT SUM(balance + 1) FROM ({ALL})", BadQuery, "line 1, column"),
        (f"SELECT SUM(other) FROM ({ALL})", UnknownColumn, "line 1, column 12"),
        (f"SELECT SUM(trade) FROM ({ALL})", BadQuery, "line 1, column"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT trade FROM c.loans)", MiheError, "1"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL {BOTH})", BadQuery, "a is there twice"),
        (f"SELECT SUM(balance) FROM ({BOTH}\nUNION ALL\n{THIRD} GROUP BY 1)", BadQuery, "line 3"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT 1 AS trade, 2 AS balance FROM c.loans)"
         , BadQuery, "line 1"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('c.loans', 'x.loans')})",
         UnknownOrganisation, "line 1"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('c.loans', 'c.nothing')})", UnknownDataset, "1"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('euros', 'code')})", KeyInQuery, "line 1"),
        (f"SELECT SUM(balance) FROM ({ALL} WHERE remark = '91110000600037341L')", KeyInQuery, "1"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('balance FROM a', 'free AS balance FROM a')})",
         UnprovenSum, "line 1"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('balance FROM a', CHOSEN)})",
         BadQuery, "CASE and the like"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT trade, balance FROM e.keyless)",
         UnknownColumn, "no key column"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT trade, balance FROM d.goods)",
         KeyKindMismatch, "no kind of key in common"),
        (f"SELECT trade, COUNT(*) FROM ({ALL.replace('sector', 'remark')}) GROUP BY trade",
         BadQuery, "'remark' of c.loans are not known to everybody"),
        (f"SELECT balance, COUNT(*) FROM ({ALL}) GROUP BY balance",
         BadQuery, "'balance' of a.loans are not known to everybody"),
        (f"SELECT trade, COUNT(*) FROM ({ALL.replace('sector', 'band')}) GROUP BY trade",
         BadQuery, "different types"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_why(sql: str, error: type[MiheError], place: str) -> None:
    with pytest.raises(error) as refused:
        planned(sql)
    assert place in refused.value.what
    assert "91110000600037341L" not in str(refused.value)


def test_a_sum_of_a_hundred_organisations_is_one_statement() -> None:
    offers = {f"bank_{n}": {"loans": bank(f"bank_{n}")} for n in range(101)}
    rows = [f"SELECT trade, balance FROM {org}.loans" for org in offers]
    hundred = parse(f"SELECT SUM(balance) FROM ({' UNION ALL '.join(rows[:100])})", offers)
    assert len(hundred.branches) == 100
    assert parse(hundred.sql, offers) == hundred
    with pytest.raises(BadQuery, match="not of 101"):
        parse(f"SELECT SUM(balance) FROM ({' UNION ALL '.join(rows)})", offers)
