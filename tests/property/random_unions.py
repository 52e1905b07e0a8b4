"""Random sums over UNION ALL of everything in the language, over the loans of union_worlds.py."""

# Queries are made up here, out of the lists below.
# ruff: noqa: S608

from hypothesis import strategies as st

from tests.property.random_queries import Pieces, ordered, select
from tests.property.union_worlds import BANKS

GIVEN = ["class", "open", "days", "period", "since", "huge"]
"""Columns that every SELECT of the bracket gives, beside two numbers of its own."""
INSIDE = ["amount", "days", "amount * 2 - days", "0.5 * days + 1", "-amount", "3 - days"]
INSIDE += ["0.001 * amount", "amount + 0.5 * days - 1", "COALESCE(amount, 0)", "ABS(days - 3)"]
INSIDE += ["CASE WHEN open THEN amount ELSE days END", "GREATEST(days, amount)"]
INSIDE_CONDITIONS = ["days > 2", "class = '正常' OR open", "amount IS NOT NULL", "huge > -0.5"]
INSIDE_CONDITIONS += ["class NOT LIKE 'it%'", "NOT (days IN (1, 2) AND amount < 10.5)"]
INSIDE_CONDITIONS += ["period BETWEEN 202501 AND 202503", "YEAR(since) = 2024"]

EVERYBODY = "everybody"
NUMBERS = {
    EVERYBODY: [
        *("x", "y", "x * 2 - y", "-days + 0.5", "everybody.huge", "COALESCE(x, 0)"),
        "CASE WHEN open THEN x ELSE y END",
        "CASE class WHEN '正常' THEN huge ELSE 0 END",
        "CASE WHEN days > 3 THEN 1 END",
        "NULLIF(days, 0)",
        "ABS(y - 1) + days",
        "LEAST(x, y, 100)",
    ]
}
BARE = {
    EVERYBODY: ["x", "class", "CASE WHEN open THEN class END", "NULLIF(days, 3)", "COALESCE(y, x)"]
}
DIMENSIONS = {
    EVERYBODY: [
        *("class", "open", "days", "MONTH(period)", "QUARTER(since)", "LEFT(class, 1)"),
        "CASE WHEN days > 5 THEN 'late' WHEN x < 0 THEN NULL ELSE '其他' END",
        "COALESCE(class, 'none')",
        "NULLIF(class, '关注')",
        "NULLIF(open, TRUE)",
        "days * 0.5 - 1",
        "CASE WHEN open THEN 1.50 ELSE days * 0.1 END",
        "SUBSTRING(everybody.class, 2, 1)",
        "CASE WHEN class = 'it''s' THEN class ELSE 'another' END",
    ]
}
CONDITIONS = {
    EVERYBODY: [
        *("days > 2", "class = '正常' OR open", "x IS NOT NULL", "x > y", "NOT open"),
        "period BETWEEN 202501 AND 202503",
        "COALESCE(class, 'it''s') LIKE 'it%'",
        "CASE WHEN open THEN x ELSE y END > 0",
        "QUARTER(since) IN (1, 4) AND huge < 0.5",
    ]
}
QUANTILES = {
    EVERYBODY: [
        *("MEDIAN(days)", "QUANTILE_CONT(x, 0.9)", "QUANTILE_DISC(huge, 0.25)", "MIN(days)"),
        *("MAX(huge)", "QUANTILE_DISC(y, 1)", "MEDIAN(y)", "MAX(days)"),
    ]
}


@st.composite
def unions(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    """A statement, and whose rows it is over."""
    banks = draw(st.permutations(BANKS))[: draw(st.integers(3, 5))]
    selects = []
    for bank in banks:
        conditions = draw(st.lists(st.sampled_from(INSIDE_CONDITIONS), max_size=2, unique=True))
        where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
        numbers = [f"{draw(st.sampled_from(INSIDE))} AS {name}" for name in "xy"]
        selects.append(f"SELECT {', '.join([*GIVEN, *numbers])} FROM {bank}.loans{where}")
    pieces = Pieces(draw, [EVERYBODY], NUMBERS, BARE)
    dimensions = pieces.some(DIMENSIONS, 2)
    items = [*dimensions, "COUNT(*)"]
    items += [f"SUM({one})" for one in pieces.some(NUMBERS, 2)]
    items += [f"COUNT({one})" for one in pieces.some(BARE, 1)]
    items += pieces.some(QUANTILES, 2)
    items += [pieces.value() for _ in range(draw(st.integers(0, 2)))]
    items += [pieces.truth() for _ in range(draw(st.integers(0, 1)))]
    items = draw(st.permutations(items))
    conditions = pieces.some(CONDITIONS, 2)
    having = f" HAVING {pieces.truth()}" if draw(st.integers(0, 2)) == 0 else ""
    order = ordered(pieces, dimensions, items) if draw(st.booleans()) else ""
    rows = f"({' UNION ALL '.join(selects)}) AS {EVERYBODY}"
    return select(items, rows, conditions, dimensions) + having + order, tuple(banks)
