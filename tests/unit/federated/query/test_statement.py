"""What a statement of the language means, and the one way to write it."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable
from fractions import Fraction

import pytest
from sqlglot.dialects import DuckDB

from contract.dataset import CatalogueColumn, ColumnType
from federated.query.above import Count, Dimension, Sum
from federated.query.statement import Statement, parse
from federated.query.values import Range
from tests.unit.federated.query.catalogue import Catalogue, entry, key

Understood = Callable[[str], Statement]

TAX = "(SELECT uscc, SUM(vat) AS vat, COUNT(*) AS n FROM tax.returns GROUP BY uscc) AS t"


def test_the_same_statement_written_differently_is_the_same_text(understood: Understood) -> None:
    first = understood(
        "select B.Class, count(*) -- how many\n , sum(VAT) as total from bank.loans b inner join"
        f" {TAX} using(uscc) where days>3 /* late */ group by b.CLASS;"
    )
    second = understood(
        f"SELECT class, COUNT(*) AS count, SUM(t.vat) AS total FROM bank.loans AS b JOIN {TAX}"
        ' USING ("uscc") WHERE b.days > 3 GROUP BY class'
    )
    assert first.sql == second.sql
    assert first.sql == (
        "SELECT b.class AS class, COUNT(*) AS count, SUM(t.vat) AS total FROM bank.loans AS b JOIN"
        " (SELECT returns.uscc AS uscc, SUM(returns.vat) AS vat, COUNT(*) AS n FROM tax.returns AS"
        " returns GROUP BY returns.uscc) AS t USING (uscc) WHERE b.days > 3 GROUP BY b.class"
    )
    assert understood(first.sql) == first


def test_items_conditions_and_groups(understood: Understood) -> None:
    found = understood(
        "SELECT b.class AS grp, COUNT(*), COUNT(note), AVG(days),"
        f" SUM(t.vat - 2 * b.balance + 0.5) AS net FROM bank.loans AS b JOIN {TAX} USING (uscc)"
        " WHERE (b.open AND b.days BETWEEN 1 AND 9) AND t.vat > 0 GROUP BY grp"
    )
    assert [item.name for item in found.answer.items] == [
        *("grp", "count", "count_note", "avg_days", "net"),
    ]
    assert [group.name for group in found.groups] == ["class"]
    dimension, count, notes, days, net = found.answer.figures
    assert (dimension, count) == (Dimension(0), Count())
    assert isinstance(notes, Count)
    assert [column.name for column in notes.columns] == ["note"]
    assert isinstance(days, Sum)
    assert days.of.scale == 0
    assert isinstance(net, Sum)
    assert {(c.source, c.name): f for c, f in net.of.terms} == {
        ("t", "vat"): Fraction(1),
        ("b", "balance"): Fraction(-2),
    }
    assert (net.of.constant, net.of.scale) == (Fraction(1, 2), 2)
    assert [condition.source for condition in found.conditions] == ["b", "b", "t"]


def test_keys_that_are_joined_are_counted_by_any_of_their_names(understood: Understood) -> None:
    counted = [
        understood(f"SELECT COUNT(DISTINCT {key}) FROM bank.loans AS b JOIN {TAX} USING (uscc)")
        for key in ("uscc", "b.uscc", "t.uscc")
    ]
    assert {one.answer.figures for one in counted} == {(Count(),)}
    assert counted[0].sql == counted[1].sql
    assert "COUNT(DISTINCT b.uscc) AS count" in counted[0].sql


def test_a_sub_query_bounds_what_it_adds_up(understood: Understood) -> None:
    source = understood(f"SELECT COUNT(*) FROM bank.loans JOIN {TAX} USING (uscc)").sources[1]
    assert source.columns["vat"].range == Range(-24 * 10**8, 24 * 10**8)
    assert source.columns["vat"].origins == {"vat"}
    assert source.columns["n"].range == Range(0, 24)
    assert source.key.origins == {"uscc"}


def test_a_dataset_may_be_named_in_full(understood: Understood) -> None:
    found = understood("SELECT SUM(bank.loans.days) FROM bank.loans JOIN power.meters USING (uscc)")
    assert "SUM(loans.days) AS sum_days" in found.sql


def test_a_key_column_may_be_renamed(understood: Understood) -> None:
    found = understood(
        "SELECT f.industry, COUNT(*) FROM bank.loans JOIN"
        " (SELECT code AS uscc, industry FROM registry.firms) AS f USING (uscc) GROUP BY f.industry"
    )
    assert found.sources[1].key.origins == {"code"}


WORDS = sorted(
    word.lower()
    for word in (*DuckDB.tokenizer_class.KEYWORDS, "count", "sum", "key", "v0", "snapshot", "if")
    if word.replace("_", "").isalpha()
)


@pytest.mark.parametrize("chunk", range(8))
def test_any_word_may_be_a_name(chunk: int) -> None:
    for word in WORDS[chunk::8]:
        column = CatalogueColumn(name=word, type=ColumnType.TEXT, level=1)
        org, dataset = entry(f"{word}.{word}", key("uscc"), column), entry("b.b", key("uscc"))
        here: Catalogue = {word: {word: org}, "b": {"b": dataset}}
        source = f'(SELECT uscc, "{word}" AS "{word}" FROM "{word}"."{word}" AS "{word}")'
        sql = (
            f'SELECT "{word}"."{word}" AS "{word}" FROM {source} AS "{word}" JOIN b.b USING (uscc)'
            f' GROUP BY "{word}"."{word}"'
        )
        if word == "b":
            continue
        canonical = parse(sql, here).sql
        assert parse(canonical, here).sql == canonical
