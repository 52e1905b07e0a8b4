"""Parameters: typed by what they are compared with, checked, and literals in what an owner runs."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from contract.dataset import ColumnType
from contract.errors import BadQuery, KeyInQuery
from contract.job import Parameter
from federated.query import union
from federated.query.parameters import Given, given
from federated.query.planning import compile_statement
from federated.query.statement import Statement, parse
from tests.unit.federated.query.catalogue import Catalogue, entry, key, number, plain

Marked = Callable[[str], tuple[str, str]]

TAX = "(SELECT uscc, SUM(vat) AS vat FROM tax.returns WHERE period >= :from GROUP BY uscc) AS t"
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc)"
MONTH = {"from": "202401"}
USCC = "91110000600037341L"


def read(catalogue: Catalogue, sql: str, **values: str | Given) -> Statement:
    known = {name: Given(one) if isinstance(one, str) else one for name, one in values.items()}
    return parse(sql, catalogue, known)


def where(condition: str) -> str:
    return f"SELECT COUNT(*) AS count {FROM} WHERE {condition}"


TYPED = [
    ("b.days > :x", "007", ColumnType.INTEGER, "7", '"b"."days" > 7'),
    (
        "b.balance <= :x",
        "-10.50",
        ColumnType.DECIMAL,
        "-10.5",
        '"b"."balance" <= CAST(\'-10.50\' AS DECIMAL(38, 2))',
    ),
    (":x <> b.class", "it's", ColumnType.TEXT, "it's", "'it''s' <> \"b\".\"class\""),
    ("b.class LIKE :x", "A%", ColumnType.TEXT, "A%", '"b"."class" LIKE \'A%\''),
    (
        "b.class IN ('B', :x)",
        "' OR 1=1 --",
        ColumnType.TEXT,
        "' OR 1=1 --",
        "\"b\".\"class\" = ''' OR 1=1 --'",
    ),
    (
        "b.since < :x",
        "2024-02-29",
        ColumnType.DATE,
        "2024-02-29",
        '"b"."since" < CAST(\'2024-02-29\' AS DATE)',
    ),
    ("b.open = :x", "TRUE", ColumnType.BOOLEAN, "true", '"b"."open" = TRUE'),
    ("YEAR(b.since) = :x", "2024", ColumnType.INTEGER, "2024", '(YEAR("b"."since")) = 2024'),
    ("b.days BETWEEN :x AND 9", "-3", ColumnType.INTEGER, "-3", '"b"."days" >= (-3)'),
    ("b.days * :x > 9", "0.50", ColumnType.DECIMAL, "0.5", " * 5 > 90"),
    ("COALESCE(b.note, :x) = 'z'", "y", ColumnType.TEXT, "y", 'COALESCE("b"."note", \'y\')'),
]


@pytest.mark.parametrize(("condition", "value", "type_", "kept", "sql"), TYPED)
def test_a_value_has_the_type_of_what_it_is_compared_with(
    catalogue: Catalogue, condition: str, value: str, type_: ColumnType, kept: str, sql: str
) -> None:
    found = read(catalogue, where(condition), x=value, **MONTH)
    assert found.parameters == (
        Parameter(name="from", type=ColumnType.PERIOD, value="202401"),
        Parameter(name="x", type=type_, value=kept),
    )
    assert ":x" in found.sql
    assert "x" not in value or value not in found.sql
    bank, tax = compile_statement(found, receivers=["bank"], k=10).owners
    assert sql in bank.sql
    assert '"returns"."period" >= 202401' in tax.sql
    # What a contract carries means the same to whoever reads it again.
    assert parse(found.sql, catalogue, given(found.parameters)) == found


def test_one_text_whatever_the_values(catalogue: Catalogue) -> None:
    sql = (
        f"SELECT class, SUM(CASE WHEN since < :Day THEN balance ELSE :rest END) AS s,"
        f" QUANTILE_CONT(days, :share) AS q {FROM} GROUP BY class HAVING COUNT(*) >= :n LIMIT :n"
    )
    first = read(catalogue, sql, day="2024-01-31", rest="0", share="0.9", n="20", **MONTH)
    second = read(
        catalogue, sql, day="2023-01-31", rest="-7.25", share="1", n="30", **{"from": "202312"}
    )
    assert first.sql == second.sql
    assert "< :day THEN b.balance ELSE :rest END" in first.sql
    assert [one.value for one in second.parameters] == ["2023-01-31", "202312", "30", "-7.25", "1"]
    plans = [compile_statement(one, receivers=["bank"], k=10) for one in (first, second)]
    assert plans[0].digest != plans[1].digest
    assert (plans[0].table.limit, plans[1].table.limit) == (20, 30)


def test_a_name_may_be_a_word_of_sql_and_a_value_may_say_its_type(catalogue: Catalogue) -> None:
    found = read(
        catalogue,
        where("CASE WHEN b.open THEN :select ELSE :left END = DATE '2024-01-01'"),
        select=Given("2024-01-01", ColumnType.DATE),
        left="2025-01-01",
        **MONTH,
    )
    assert [one.type for one in found.parameters] == [
        *(ColumnType.PERIOD, ColumnType.DATE, ColumnType.DATE),
    ]


REFUSED = [
    (
        "b.days > ▸:x",
        {},
        ":x has no value (given: :from); a whole number is expected for 'days': from -3650",
    ),
    (
        "b.days > ▸:x",
        {"z": "1", "y": "1"},
        ":x has no value (given: :from, :y, :z); a whole number",
    ),
    ("b.days > ▸:x", {"x": "1.5"}, "does not fit; a whole number is expected for 'days'"),
    ("b.days > ▸:x", {"x": "3651"}, "never occurs; a whole number is expected for 'days'"),
    ("b.balance > ▸:x", {"x": "0.005"}, "from -1000000.00 to 1000000.00, with at most 2 decimals"),
    ("b.balance > ▸:x", {"x": "1e3"}, "does not fit; a number is expected"),
    ("b.since > ▸:x", {"x": "2023-02-29"}, "does not fit; a date is expected for 'since'"),
    ("b.open = ▸:x", {"x": "yes"}, "does not fit; true or false is expected"),
    ("b.class = ▸:x", {"x": "a\x00b"}, "does not fit; a text is expected"),
    ("b.days > :x AND b.class = ▸:x", {"x": "1"}, ":x is a whole number elsewhere; a text is exp"),
    (
        "b.days > ▸:x",
        {"x": Given("1", ColumnType.TEXT)},
        ":x is a text elsewhere; a whole number is expected",
    ),
    ("CASE WHEN b.open THEN ▸:x END = 'z'", {"x": "z"}, "nothing that stands here says of what"),
    ("▸:x = :x", {"x": "1"}, "two constants are compared"),
    ("SUBSTRING(b.class, :x, 1) = 'z'", {"x": "1"}, "whole numbers from 1"),
    ("▸:x", {"x": "true"}, "a condition is expected"),
    ("b.days > ▸: x", {"x": "1"}, "after a colon stands the name of a parameter"),
    ("b.days > ▸:1", {}, "after a colon stands the name of a parameter"),
    ("b.days > ▸$x", {"x": "1"}, "a parameter has a name"),
    ("b.days > ▸?", {"x": "1"}, "a parameter has a name"),
]


@pytest.mark.parametrize(("condition", "values", "words"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_where_it_stands(
    catalogue: Catalogue,
    marked: Marked,
    condition: str,
    values: dict[str, str | Given],
    words: str,
) -> None:
    sql, place = marked(where(condition)) if "▸" in condition else (where(condition), "line 1")
    with pytest.raises(BadQuery) as refused:
        read(catalogue, sql, **MONTH, **values)
    assert words in refused.value.what
    assert refused.value.what.startswith(place)
    assert refused.value.fix


def test_a_value_that_nothing_asks_for_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(BadQuery, match=r"no parameter :form\. Did you mean 'from'\?"):
        read(catalogue, f"SELECT COUNT(*) {FROM}", form="202401", **MONTH)


def test_a_value_that_is_a_key_is_refused_and_not_repeated(catalogue: Catalogue) -> None:
    with pytest.raises(KeyInQuery) as refused:
        read(catalogue, where("b.class = :x"), x=USCC, **MONTH)
    assert USCC not in str(refused.value)
    with pytest.raises(KeyInQuery):
        read(catalogue, where("b.uscc = :x"), x="a", **MONTH)


def test_a_text_is_one_of_those_that_its_column_declares(catalogue: Catalogue) -> None:
    zone = plain("zone", ColumnType.TEXT).model_copy(update={"domain": ("east", "west")})
    known = {**catalogue, "grid": {"use": entry("grid.use", key("uscc"), zone)}}
    sql = "SELECT COUNT(*) FROM bank.loans JOIN grid.use AS g USING (uscc) WHERE g.zone = :zone"
    assert read(known, sql, zone="east").parameters[0].value == "east"
    with pytest.raises(BadQuery, match="a text is expected for 'zone': one of east, west"):
        read(known, sql, zone="north")


def test_the_selects_of_a_union_share_their_values() -> None:
    columns = (key("uscc"), number("vat", 2, "100"), plain("period", ColumnType.PERIOD))
    orgs = ("a", "b", "c")
    offered = {org: {"books": entry(f"{org}.books", *columns)} for org in orgs}
    selects = [f"SELECT vat FROM {org}.books WHERE period = :month" for org in orgs]
    sql = f"SELECT SUM(vat) AS vat FROM ({' UNION ALL '.join(selects)})"
    found = union.parse(sql, offered, {"month": Given("202401")})
    assert found.sql.count(":month") == 3
    assert union.parse(found.sql, offered, given(found.parameters)) == found
    assert all(
        '"period" = 202401'
        in one.conditions[0].sql.sql(identify=True).replace(f'"{one.alias}".', "")
        for one in found.branches
    )
    with pytest.raises(BadQuery, match=r":month has no value; a month is expected"):
        union.parse(sql, offered)


@drawn(st.text(max_size=40))
def test_no_text_is_more_than_a_literal(value: str) -> None:
    known = {
        "a": {"x": entry("a.x", key("uscc"), plain("note", ColumnType.TEXT))},
        "b": {"y": entry("b.y", key("uscc"))},
    }
    sql = "SELECT COUNT(*) AS n FROM a.x AS a JOIN b.y AS b USING (uscc) WHERE a.note = :v"
    try:
        found = parse(sql, known, {"v": Given(value)})
    except BadQuery:
        assert not value.isprintable()
        return
    written = value.replace("'", "''")
    part = compile_statement(found, receivers=["a"], k=10).owners[0]
    assert part.sql.endswith(f'WHERE "a"."note" = \'{written}\'')
    assert found.sql == sql
