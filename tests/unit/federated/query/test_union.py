"""Sums over UNION ALL: what a statement means, the one way to write it, what is refused where."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable
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
from federated.query.parameters import Given
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
OF_A = "SELECT trade, {} FROM a.loans UNION ALL " + ALL.partition(" UNION ALL ")[2]
BANDS = " UNION ALL ".join(f"SELECT band, flag FROM {org}.loans" for org in "abc")
WIDE = BANDS.replace("band, flag", "band * 50 AS wide, band, flag")
CHOSEN = "CASE WHEN flag THEN balance END AS balance"


def understood(sql: str) -> Union:
    return parse(sql, OFFERS)


def planned(sql: str) -> UnionPlan:
    return compile_union(understood(sql), receivers=("a",), k=10)


def test_the_same_statement_written_differently_is_the_same_text() -> None:
    first = understood(f"select TRADE, count(*) -- rows\n from ({ALL}) group by trade;")
    second = understood(
        f"SELECT everybody.trade AS trade, COUNT(*) AS count FROM ({ALL}) AS everybody GROUP BY 1"
    )
    assert first.sql == second.sql
    assert first.sql == (
        "SELECT everybody.trade AS trade, COUNT(*) AS count FROM (SELECT loans.trade AS trade,"
        " loans.balance AS balance FROM a.loans AS loans UNION ALL SELECT loans.trade AS trade,"
        " loans.balance AS balance FROM b.loans AS loans UNION ALL SELECT loans.sector AS trade,"
        " loans.euros AS balance FROM c.loans AS loans) AS everybody GROUP BY everybody.trade"
    )
    assert understood(first.sql).sql == first.sql
    assert planned(first.sql).digest == planned(second.sql).digest


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            f"WITH x AS ({ALL}) SELECT trade, COUNT(*) FROM X GROUP BY ALL",
            f"SELECT trade, COUNT(*) FROM ({ALL}) AS x GROUP BY trade",
        ),
        (
            f"WITH \"x\" AS ({ALL}) SELECT SUM(y.balance) FILTER (WHERE trade = 'retail') AS s"
            " FROM x AS y",
            f"SELECT SUM(CASE WHEN trade = 'retail' THEN balance END) AS s FROM ({ALL}) AS y",
        ),
    ],
    ids=["named", "named again"],
)
def test_with_gives_the_bracket_its_name(short: str, long: str) -> None:
    assert understood(short).sql == understood(long).sql


@pytest.mark.parametrize(
    ("rest", "what"),
    [
        ("SELECT COUNT(*) FROM ▸y", "not what stands after FROM"),
        ("SELECT COUNT(*) FROM ▸a.x", "not what stands after FROM"),
        ("SELECT ▸COUNT(*)", "one bracket stands after FROM"),
        ("▸, y AS (SELECT 1) SELECT COUNT(*) FROM x", "exactly one SELECT"),
    ],
)
def test_what_with_has_named_is_what_is_asked_about(
    rest: str, what: str, marked: Callable[[str], tuple[str, str]]
) -> None:
    written, place = marked(f"WITH x AS ({ALL}) {rest}")
    with pytest.raises(BadQuery) as refused:
        understood(written)
    assert refused.value.what.startswith(place)
    assert what in refused.value.what


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
    plan = planned(f"SELECT band, flag, COUNT(*) FROM ({BANDS}) GROUP BY band, flag")
    assert plan.dimensions[0].values == ("1", "2", "3", "4", "5", "6", "7")
    assert plan.cells == 14


@pytest.mark.parametrize(
    ("group", "values", "nullable"),
    [
        ("CASE WHEN band > 3 THEN 'high' WHEN flag THEN 'low' END", ("high", "low"), True),
        ("CASE WHEN band > 3 THEN 'high' ELSE 'low' END", ("high", "low"), False),
        ("CASE WHEN flag THEN 1.50 ELSE 2 END", ("1.50",), False),
        ("COALESCE(NULLIF(flag, TRUE), TRUE)", ("false", "true"), False),
        ("LEFT(trade, 1)", ("f", "r", "m"), True),
        ("COALESCE(trade, 'none')", ("farming", "retail", "mining", "none"), False),
        ("SUBSTRING(trade, 2, 2)", ("ar", "et", "in"), True),
        ("band * 0.5", ("0.5", "3.5"), False),
    ],
)
def test_what_is_computed_has_values_that_everybody_knows(
    group: str, values: tuple[str, ...], nullable: bool
) -> None:
    rows = BANDS.replace("band, flag", "band, flag, trade").replace(
        "trade FROM c", "sector AS trade FROM c"
    )
    plan = planned(f"SELECT {group} AS g, COUNT(*) FROM ({rows}) GROUP BY g")
    (dimension,) = plan.dimensions
    labels = [dimension.shown(place) for place in range(dimension.size)]
    assert (labels[-1] is None) == nullable == dimension.nullable
    assert set(values) <= set(labels)
    if not dimension.type.is_number:
        assert tuple(one for one in labels if one is not None) == values


def test_numbers_are_added_up_at_the_finest_scale() -> None:
    plan = planned(f"SELECT SUM(balance) AS s, AVG(balance) AS m, COUNT(balance) AS n FROM ({ALL})")
    (total,) = plan.values
    assert (total.scale, total.least, total.most) == (3, -(10**9), 10**9)
    assert [output.decimals for output in plan.table.outputs] == [3, 7, 0]
    assert plan.totals == 2


def test_no_total_can_wrap() -> None:
    """Squares are cut into words; each is below 2^63, of 2^40 rows at each organisation."""
    largest = number("balance", 2, str(2**63 // 100))
    offers = {org: {"loans": entry(f"{org}.loans", key("uscc"), largest)} for org in "abc"}
    rows = " UNION ALL ".join(f"SELECT balance FROM {org}.loans" for org in offers)
    union = parse(f"SELECT STDDEV(balance), MEDIAN(balance) FROM ({rows})", offers)
    plan = compile_union(union, receivers=("a",), k=10)
    assert plan.rows == 3 << 40
    assert {value.kind for value in plan.values} == {"value", "square", "counted"}
    for value, summand in zip(plan.values, plan.summands, strict=True):
        assert max(abs(value.least), abs(value.most)) < 1 << 63
        assert -(1 << 126) <= summand.least <= summand.most < 1 << 126
    squares = [value for value in plan.values if value.kind == "square"]
    assert len(squares) == 3
    assert sum(value.most << 62 * place for place, value in enumerate(squares)) >= (2**63 - 8) ** 2


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


def test_what_is_computed_uses_what_it_is_made_of() -> None:
    rows = ALL.replace("trade, balance FROM a", f"trade, {CHOSEN} FROM a")
    plan = planned(
        f"SELECT COUNT(*), STDDEV(balance), SUM(CASE WHEN trade = 'mining' THEN balance END) AS s"
        f" FROM ({rows}) WHERE trade IS NOT NULL HAVING MEDIAN(balance) > 0"
    )
    of_balance = {Use.SUM, Use.VARIANCE, Use.QUANTILE}
    assert uses_of_union(plan, "a") == {
        "balance": of_balance,
        "flag": {Use.FILTER, Use.GROUP},
        "trade": {Use.FILTER, Use.GROUP},
    }
    assert uses_of_union(plan, "c") == {"euros": of_balance, "sector": {Use.FILTER, Use.GROUP}}
    assert plan.picks == 2
    assert '"flag"' in plan.part("a").sql
    assert '"flag"' not in plan.part("b").sql


@pytest.mark.parametrize(
    ("sql", "error", "what"),
    [
        (f"SELECT SUM(balance) FROM ▸({BOTH})", BadQuery, "3 to 100"),
        (f"SELECT trade, balance FROM a.loans ▸{ALL[35:]}", BadQuery, "one bracket"),
        (f"SELECT SUM(balance) FROM ({ALL}) ▸UNION ALL {THIRD}", BadQuery, "one bracket"),
        (f"SELECT SUM(balance) FROM (({BOTH} UNION ALL {THIRD}))".replace(
            "loans UNION", "loans ▸UNION", 1), BadQuery, "one bracket"),
        (f"SELECT SUM(balance) FROM ({BOTH} ▸UNION {THIRD})", BadQuery, "alike"),
        (f"SELECT ▸trade, SUM(balance) FROM ({ALL})", BadQuery, "neither grouped"),
        (f"SELECT SUM(balance) FROM ({ALL}) AS x JOIN ▸a.loans USING (uscc)", BadQuery,
         "does not stand"),
        (f"SELECT SUM(▸other) FROM ({ALL})", UnknownColumn, "no column of everybody"),
        (f"SELECT SUM(▸trade) FROM ({ALL})", BadQuery, "a number is expected"),
        (f"SELECT SUM(▸balance * balance) FROM ({ALL})", BadQuery, "multiplied"),
        (f"SELECT COUNT(DISTINCT ▸uscc) FROM ({ALL})", BadQuery, "without a join"),
        (f"SELECT COUNT(DISTINCT ▸trade) FROM ({ALL})", BadQuery, "without a join"),
        (f"SELECT SUM(balance) FROM ({ALL}) WHERE trade = ▸3", BadQuery, "another kind"),
        (f"SELECT SUM(balance) FROM ({ALL}) HAVING ▸balance > 3", BadQuery, "neither grouped"),
        (f"SELECT SUM(balance) AS s FROM ({ALL}) ORDER BY ▸2", BadQuery, "columns 1 to 1"),
        (f"SELECT SUM(balance) FROM ({ALL}) LIMIT ▸'2'", BadQuery, "number of rows"),
        (f"SELECT SUM(balance) FROM ({ALL}) WHERE balance > ▸:least", BadQuery, "no value"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT ▸sector FROM c.loans)", BadQuery,
         "the first one gives"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL▸ {BOTH})", BadQuery, "a is there twice"),
        (f"SELECT SUM(balance) FROM ({BOTH}\nUNION ALL\n{THIRD} GROUP BY ▸sector)", BadQuery,
         "does not stand"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT sector AS trade, ▸2 AS balance FROM"
         " c.loans)", BadQuery, "a constant"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('c.loans', '▸x.loans')})",
         UnknownOrganisation, "no organisation 'x'"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('c.loans', '▸c.nothing')})", UnknownDataset,
         "no dataset"),
        (f"SELECT SUM(balance) FROM ({ALL.replace('euros', '▸code')})", KeyInQuery, "is a key"),
        (f"SELECT SUM(balance) FROM ({ALL} WHERE remark = ▸'91110000600037341L')", KeyInQuery, ""),
        (f"SELECT SUM(balance) FROM ({OF_A.format('▸free AS balance')})", UnprovenSum,
         "no declared bounds"),
        (f"SELECT SUM(balance) FROM ({OF_A.format('▸balance * 10000000000000 AS balance')})",
         UnprovenSum, "may reach"),
        (f"SELECT SUM(▸balance * 10000000000000) FROM ({ALL})", UnprovenSum, "may reach"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL SELECT ▸trade, balance FROM e.keyless)",
         UnknownColumn, "no key column"),
        (f"SELECT SUM(balance) FROM ({BOTH} UNION ALL▸ SELECT trade, balance FROM d.goods)",
         KeyKindMismatch, "no kind of key in common"),
        (f"SELECT trade, COUNT(*) FROM ({ALL.replace('sector', 'remark')}) GROUP BY ▸trade",
         BadQuery, "'remark' of c.loans are not known to everybody"),
        (f"SELECT balance, COUNT(*) FROM ({ALL}) GROUP BY ▸balance",
         BadQuery, "'balance' of a.loans are not known to everybody"),
        (f"SELECT COUNT(*) FROM ({ALL}) GROUP BY ▸balance * 2", BadQuery, "computed here"),
        (f"SELECT trade, COUNT(*) FROM ({ALL.replace('sector', '▸band')}) GROUP BY trade",
         BadQuery, "different types"),
        (f"SELECT COUNT(*) FROM ({WIDE}) GROUP BY ▸wide, band, flag", BadQuery, "combinations"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_why(
    sql: str, error: type[MiheError], what: str, marked: Callable[[str], tuple[str, str]]
) -> None:
    sql, place = marked(sql)
    with pytest.raises(error) as refused:
        planned(sql)
    assert refused.value.what.startswith(place)
    assert what in refused.value.what
    assert "91110000600037341L" not in str(refused.value)


def test_a_parameter_is_typed_inside_and_around() -> None:
    rows = ALL.replace("c.loans", "c.loans WHERE band > :least")
    given = {"least": Given("2"), "most": Given("1000.5"), "few": Given("3")}
    union = parse(
        f"SELECT COUNT(*) FROM ({rows}) WHERE balance < :most HAVING COUNT(*) > :few", OFFERS, given
    )
    assert [(one.name, one.type, one.value) for one in union.parameters] == [
        ("few", ColumnType.INTEGER, "3"),
        ("least", ColumnType.INTEGER, "2"),
        ("most", ColumnType.DECIMAL, "1000.5"),
    ]


def test_a_sum_of_a_hundred_organisations_is_one_statement() -> None:
    offers = {f"bank_{n}": {"loans": bank(f"bank_{n}")} for n in range(101)}
    rows = [f"SELECT trade, balance FROM {org}.loans" for org in offers]
    hundred = parse(f"SELECT SUM(balance) FROM ({' UNION ALL '.join(rows[:100])})", offers)
    assert len(hundred.branches) == 100
    assert parse(hundred.sql, offers).sql == hundred.sql
    with pytest.raises(BadQuery, match="not of 101"):
        parse(f"SELECT SUM(balance) FROM ({' UNION ALL '.join(rows)})", offers)
