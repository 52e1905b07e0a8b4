"""What a statement of the language means, and the one way to write it."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable
from fractions import Fraction

import pytest
from sqlglot.dialects import DuckDB

from contract.dataset import CatalogueColumn, ColumnType
from contract.errors import BadQuery
from federated.query.figures import Count, Dimension, Sum
from federated.query.join_key import columns_of
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
    assert source.first.columns["vat"].range == Range(-24 * 10**8, 24 * 10**8)
    assert source.first.columns["vat"].origins == {"vat"}
    assert source.first.columns["n"].range == Range(0, 24)
    assert columns_of(source.key) == ("uscc",)


EXPRESSIONS = {
    "CASE WHEN b.open THEN b.balance WHEN days > 3 THEN -7 END": (2, -(10**8), 10**8, True),
    "CASE b.days WHEN 1 THEN 0.25 ELSE 2 END": (2, 25, 200, False),
    "COALESCE(b.limit_left, b.days, 0.001)": (3, -(10**9), 10**9, False),
    "COALESCE(limit_left, NULL)": (2, -(10**8), 10**8, True),
    "NULLIF(b.days, 3.5)": (0, -3650, 3650, True),
    "ABS(b.days - 5000)": (0, 1350, 8650, False),
    "ABS(b.days)": (0, 0, 3650, False),
    "LEAST(b.days, 10)": (0, -3650, 3650, False),
    "YEAR(b.since)": (0, 1, 9999, False),
    "EXTRACT(QUARTER FROM since)": (0, 1, 4, False),
}


@pytest.mark.parametrize(("sql", "worth"), EXPRESSIONS.items(), ids=EXPRESSIONS)
def test_bounds_follow_from_the_branches(
    sql: str, worth: tuple[int, int, int, bool], understood: Understood
) -> None:
    found = understood(f"SELECT SUM({sql}) AS x FROM bank.loans AS b JOIN {TAX} USING (uscc)")
    (figure,) = found.answer.figures
    assert isinstance(figure, Sum)
    bounds = figure.of.range(figure.of.scale)
    assert (figure.of.scale, bounds.least, bounds.most, figure.of.nullable) == worth
    assert understood(found.sql) == found


def test_groups_by_name_position_and_value_are_one(understood: Understood) -> None:
    band = "CASE WHEN b.days < 9 THEN 'few' ELSE 'many' END"
    select = f"SELECT b.class AS class, {band} AS band, COUNT(*) AS n FROM bank.loans AS b JOIN"
    select += f" {TAX} USING (uscc) GROUP BY"
    written = understood(f"{select} b.class, {band}")
    assert [group.name for group in written.groups] == ["class", "case"]
    assert understood(f"{select} class, band").sql == written.sql
    assert understood(f"{select} 1, 2").sql == written.sql
    assert understood(written.sql) == written


def test_a_column_hides_a_selected_name(understood: Understood) -> None:
    # As in DuckDB: GROUP BY means the column, and what is selected under its name is another one.
    with pytest.raises(BadQuery, match="neither grouped by"):
        understood(
            f"SELECT YEAR(b.since) AS since, COUNT(*) FROM bank.loans AS b JOIN {TAX} USING (uscc)"
            " GROUP BY since"
        )


def test_a_dataset_may_be_named_in_full(understood: Understood) -> None:
    found = understood("SELECT SUM(bank.loans.days) FROM bank.loans JOIN power.meters USING (uscc)")
    assert "SUM(loans.days) AS sum_days" in found.sql


def test_a_key_column_may_be_renamed(understood: Understood) -> None:
    found = understood(
        "SELECT f.industry, COUNT(*) FROM bank.loans JOIN"
        " (SELECT code AS uscc, industry FROM registry.firms) AS f USING (uscc) GROUP BY f.industry"
    )
    assert columns_of(found.sources[1].key) == ("code",)


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
