"""Results: exact decimals out of integers, and nothing that the plan does not allow."""

# Statements are made up here, and never run.

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext

import pytest

from contract.dataset import ColumnType
from contract.errors import BadMessage
from federated.query.plan import QueryPlan
from federated.query.result import Cell, Result, result_of
from federated.query.table import QuantileFigure, SumFigure

Planned = Callable[[str], QueryPlan]

TAX = "(SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS t"
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc)"
SUMS = f"SELECT SUM(b.balance), AVG(b.balance), SUM(limit_left), AVG(limit_left), COUNT(*) {FROM}"


def cell(count: int, *sums: int) -> Cell:
    return Cell(((), ()), count, sums)


def values(result: Result) -> list[tuple[object, ...]]:
    return [row.values for row in result.rows]


@pytest.mark.parametrize(
    ("total", "mean"),
    [
        (100, "0.100000"),
        (-100, "-0.100000"),
        # Halves go to the even neighbour: 0.0000125 and 0.0000375 at six decimals.
        (0, "0.000000"),
        (1, "0.001000"),
    ],
)
def test_a_mean_has_four_decimals_more(total: int, mean: str, planned: Planned) -> None:
    plan = planned(f"SELECT AVG(balance) {FROM}")
    ((found,),) = values(result_of(plan, [cell(10, total)]))
    assert str(found) == mean


@pytest.mark.parametrize(("total", "mean"), [(1, "0.000312"), (3, "0.000938"), (-1, "-0.000312")])
def test_halves_go_to_the_even_neighbour(total: int, mean: str, planned: Planned) -> None:
    plan = planned(f"SELECT AVG(balance) {FROM}")
    # 0.01 / 32 = 0.0003125 and 0.03 / 32 = 0.0009375
    ((found,),) = values(result_of(plan, [cell(32, total)]))
    assert str(found) == mean


def test_sums_are_exact_whatever_the_decimal_context(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(balance), AVG(balance) {FROM}")
    with localcontext(prec=3):
        result = result_of(plan, [cell(1000, 12345678901)])
    assert [str(one) for one in result.rows[0].values] == ["123456789.01", "123456.789010"]


def test_null_where_nobody_has_a_value(planned: Planned) -> None:
    plan = planned(SUMS)
    ((total, mean, none, no_mean, count),) = values(result_of(plan, [cell(10, 50, 0, 0)]))
    assert (total, mean, none, no_mean, count) == (
        Decimal("0.50"),
        Decimal("0.05"),
        None,
        None,
        10,
    )
    ((_, _, some, some_mean, _),) = values(result_of(plan, [cell(10, 50, 99, 3)]))
    assert (str(some), str(some_mean)) == ("0.99", "0.330000")


def test_labels_have_their_types_and_rows_their_order(planned: Planned) -> None:
    names = ("class", "since", "open", "days", "note")
    plan = planned(
        f"SELECT {', '.join(f'b.{one}' for one in names)}, COUNT(*) {FROM}"
        f" GROUP BY {', '.join(f'b.{one}' for one in names)}"
    )
    first = ("甲", "2021-02-03", "true", "-7", None)
    second = ("甲", "2021-02-03", "false", "12", "n")
    cells = [Cell((labels, ()), 10, ()) for labels in (first, second)]
    rest = Cell(None, 40, ())
    result = result_of(plan, [rest, *cells])
    assert values(result) == [
        ("甲", date(2021, 2, 3), False, 12, "n", 10),
        ("甲", date(2021, 2, 3), True, -7, None, 10),
        (None, None, None, None, None, 40),
    ]
    assert [row.remainder for row in result.rows] == [False, False, True]
    assert [column.type for column in result.columns] == [
        ColumnType.TEXT,
        ColumnType.DATE,
        ColumnType.BOOLEAN,
        ColumnType.INTEGER,
        ColumnType.TEXT,
        ColumnType.INTEGER,
    ]


def test_columns_say_how_many_decimals_they_have(planned: Planned) -> None:
    columns = result_of(planned(SUMS), []).columns
    assert [column.decimals for column in columns] == [2, 6, 2, 6, 0]
    assert [column.name for column in columns] == [
        "sum_balance",
        "avg_balance",
        "sum_limit_left",
        "avg_limit_left",
        "count",
    ]


GROUPED = f"SELECT b.days, b.open, SUM(balance) {FROM} GROUP BY b.days, b.open, b.since"
GOOD = Cell((("3", "true", "2021-01-01"), ()), 10, (5,))
BAD = {
    "count below k": replace(GOOD, count=9),
    "count beyond the rows": replace(GOOD, count=1025),
    "sum too large": replace(GOOD, sums=(10 * 10**8 + 1,)),
    "sum too small": replace(GOOD, sums=(-10 * 10**8 - 1,)),
    "no sum": replace(GOOD, sums=()),
    "one sum too many": replace(GOOD, sums=(5, 5)),
    "no labels": replace(GOOD, labels=((), ())),
    "labels of another": replace(GOOD, labels=((), ("3", "true", "2021-01-01"))),
    "number": replace(GOOD, labels=(("3x", "true", "2021-01-01"), ())),
    "boolean": replace(GOOD, labels=(("3", "yes", "2021-01-01"), ())),
    "NULL": replace(GOOD, labels=((None, "true", "2021-01-01"), ())),
}


def test_the_good_cell_is_good(planned: Planned) -> None:
    assert values(result_of(planned(GROUPED), [GOOD])) == [(3, True, Decimal("0.05"))]


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_what_the_plan_does_not_allow_is_refused(bad: Cell, planned: Planned) -> None:
    plan = planned(GROUPED)
    with pytest.raises(BadMessage):
        result_of(plan, [bad])


def test_there_is_one_remainder(planned: Planned) -> None:
    rest = replace(GOOD, labels=None)
    with pytest.raises(BadMessage):
        result_of(planned(GROUPED), [rest, rest])


def test_a_column_is_wide_enough_for_all_that_the_plan_allows(planned: Planned) -> None:
    plan = planned(SUMS)
    total, mean, *_, count = result_of(plan, []).columns
    figure = plan.table.figures[0]
    assert isinstance(figure, SumFigure)
    limbs = [plan.summands[place] for place in figure.summands]
    most = sum(limb.most << figure.limb_bits * at for at, limb in enumerate(limbs))
    assert (count.type, count.digits) == (ColumnType.INTEGER, None)
    for column, decimals in ((total, 2), (mean, 6)):
        assert (column.type, column.decimals) == (ColumnType.DECIMAL, decimals)
        assert column.digits is not None
        assert most * 10 ** (decimals - 2) < 10**column.digits


# ── what is made of the sums ────────────────────────────────────────────────────────────────────

CLASSES = f"SELECT b.class, COUNT(*) AS n, SUM(days) AS d {FROM} GROUP BY b.class"


def of(label: str | None, count: int, *sums: int) -> Cell:
    return Cell(((label,), ()), count, sums)


CELLS = [of("b", 20, 7), of("a", 10, 7), of("d", 30, -1), of("c", 40, 900)]
REST = Cell(None, 11, (5,))


def first(result: Result) -> str:
    """The first column, the remainder's row as a dash."""
    return "".join("-" if row.remainder else str(row.values[0]) for row in result.rows)


@pytest.mark.parametrize(
    ("clauses", "rows", "left_out"),
    [
        ("", "abcd-", 0),
        ("HAVING COUNT(*) > 15", "bcd-", 1),
        ("HAVING n > 15 AND NOT SUM(days) < 0", "bc-", 2),
        ("HAVING SUM(b.balance) > 0", "-", 4),
        ("ORDER BY n DESC", "cdba-", 0),
        ("ORDER BY 3, 1 DESC", "dbac-", 0),
        ("ORDER BY SUM(days) / COUNT(*)", "dbac-", 0),
        ("ORDER BY d DESC LIMIT 2", "ca-", 2),
        ("ORDER BY d LIMIT 2 OFFSET 1", "ab-", 2),
        ("LIMIT 0", "-", 4),
        ("OFFSET 9", "-", 4),
    ],
)
def test_rows_are_kept_and_ordered_and_the_remainder_stays(
    clauses: str, rows: str, left_out: int, planned: Planned
) -> None:
    plan = planned(f"{CLASSES} {clauses}")
    extra = (0,) * (len(plan.summands) - 1)
    cells = [replace(one, sums=(*one.sums, *extra)) for one in (*CELLS, REST)]
    result = result_of(plan, cells)
    assert first(result) == rows
    assert result.left_out == left_out


@pytest.mark.parametrize(
    ("way", "rows"),
    [
        ("", "012N"),
        ("DESC", "210N"),
        ("NULLS FIRST", "N012"),
        ("DESC NULLS FIRST", "N210"),
        ("DESC NULLS LAST", "210N"),
    ],
)
def test_null_comes_last_unless_it_is_said(way: str, rows: str, planned: Planned) -> None:
    plan = planned(f"SELECT note, COUNT(*) AS n {FROM} GROUP BY note ORDER BY note {way}")
    cells = [Cell(((label,), ()), 10, ()) for label in ("1", None, "0", "2")]
    assert first(result_of(plan, cells)).replace("None", "N") == rows


SPREADS = f"SELECT VAR_SAMP(days), VAR_POP(days), STDDEV(days), STDDEV_POP(days) {FROM}"


def test_variances_have_twelve_digits(planned: Planned) -> None:
    plan = planned(SPREADS)
    # Ten entities: 1 to 10.
    (row,) = values(result_of(plan, [cell(10, 55, 385)]))
    assert [str(one) for one in row] == [
        *("9.16666666667", "8.25", "3.0276503541", "2.87228132327"),
    ]
    columns = result_of(plan, []).columns
    assert {(column.type, column.significant) for column in columns} == {(ColumnType.DECIMAL, 12)}


def test_a_variance_needs_values(planned: Planned) -> None:
    plan = planned(f"SELECT VAR_SAMP(limit_left), STDDEV_POP(limit_left) {FROM}")
    assert values(result_of(plan, [cell(10, 0, 0, *[0] * 2)])) == [(None, None)]
    # One value of 0.03: 3² at scale 4.
    ((sample, population),) = values(result_of(plan, [cell(10, 1, 3, 9, 0)]))
    assert (sample, population) == (None, 0)


def test_no_variance_is_negative(planned: Planned) -> None:
    with pytest.raises(BadMessage, match="squares"):
        result_of(planned(SPREADS), [cell(10, 55, 302)])
    ((variance, *_),) = values(result_of(planned(SPREADS), [cell(10, 50, 250)]))
    assert variance == 0


BANDED = f"SELECT MEDIAN(b.days), MIN(b.days), MAX(b.days) * 2 AS twice, COUNT(*) {FROM}"


def counted(plan: QueryPlan, counts: list[int]) -> Cell:
    """A cell with so many values in each band of its histogram."""
    (bands, *_) = [one.bands for one in plan.table.figures if isinstance(one, QuantileFigure)]
    sums = [0] * bands.sums
    for band, count in enumerate(counts):
        sums[band // bands.together] += count << bands.bits * (band % bands.together)
    return cell(sum(counts), *sums)


def test_quantiles_say_how_far_they_may_be_off(planned: Planned) -> None:
    plan = planned(BANDED)
    # -3650 to 3650 in 32 bands of 229 days: right to 114 on either side.
    columns = result_of(plan, []).columns
    assert [column.within for column in columns] == ["114.0000", "114", "228", None]
    assert [column.decimals for column in columns] == [4, 0, 0, 0]
    cells = [counted(plan, [1, 10, 8, 11, 2, *[0] * 27])]
    ((median, lowest, highest, count),) = values(result_of(plan, cells))
    assert (median, count) == (Decimal(-3650 + 2 * 229 + 114), 32)
    # The outermost values are those of fewer than ten.
    assert (lowest, highest) == (-3650 + 229 + 114, 2 * (-3650 + 3 * 229 + 114))


def test_values_are_in_bands_as_often_as_there_are_any(planned: Planned) -> None:
    plan = planned(BANDED)
    good = counted(plan, [0, 10, *[0] * 30])
    assert values(result_of(plan, [good]))
    with pytest.raises(BadMessage, match="in bands"):
        result_of(plan, [replace(good, count=11)])


def test_rows_that_are_alike_are_in_one_order_whatever_the_codes(planned: Planned) -> None:
    plan = planned(f"SELECT COUNT(*) AS n, SUM(days) AS d {FROM} GROUP BY b.class ORDER BY n")
    cells = [of(label, 10, number) for number, label in enumerate("cadb")]
    forth, back = result_of(plan, cells), result_of(plan, cells[::-1])
    assert values(forth) == values(back) == [(10, 1), (10, 3), (10, 0), (10, 2)]
