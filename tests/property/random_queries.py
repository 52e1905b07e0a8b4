"""Random queries of everything in the language, over the datasets of query_worlds.py."""

# Queries are made up here, out of the lists below.
# ruff: noqa: S608

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from re import compile as pattern
from re import search

from hypothesis import strategies as st

BAND = pattern(r"(?:MEDIAN|QUANTILE\w+|MIN|MAX)\([^()]*\) AS (c[0-9]+)")
"""What is known to a band, and the column that it is called."""

PERIODS = st.sampled_from(
    ["period BETWEEN 202501 AND 202503", "period = 202502", "period > 202504"]
)
# The oracle puts MIN and MAX into bands of the declared range: what has a column's name has that.
SOURCES: dict[str, list[str]] = {
    "b": [
        "bank.loans AS b",
        "(SELECT uscc, balance, class, open, days, huge, since FROM bank.loans WHERE days < 300)"
        " AS b",
        "(SELECT uscc, CASE WHEN days < 200 THEN balance ELSE -1 END AS balance, LEFT(class, 1) AS"
        " class, open, CASE WHEN days > 0 THEN days ELSE -40 END AS days, huge, since"
        " FROM bank.loans) AS b",
    ],
    "t": [
        "(SELECT uscc, SUM(vat) AS vat, SUM(late) AS late, COUNT(late) AS n, MAX(grade) AS grade"
        " FROM tax.returns{} GROUP BY uscc) AS t",
        "(SELECT uscc, vat, late, days_of.period AS n, grade FROM tax.returns AS days_of"
        " WHERE period = 202503) AS t",
        "(SELECT uscc, SUM(CASE WHEN grade = 'A' THEN vat WHEN late > 3 THEN 0.5 ELSE 0 END)"
        " AS vat,"
        " SUM(CASE QUARTER(period) WHEN 1 THEN COALESCE(late, 0) ELSE 1 END) AS late,"
        " COUNT(NULLIF(grade, 'B')) AS n, MIN(LEFT(grade, 1)) AS grade FROM tax.returns{}"
        " GROUP BY uscc) AS t",
    ],
    "p": [
        "(SELECT uscc, SUM(kwh * 0.50 - 1) AS kwh, MIN(free) AS free, COUNT(*) AS n"
        " FROM power.meters{} GROUP BY uscc) AS p",
    ],
    "r": [
        "(SELECT code AS uscc, industry, capital, listed FROM registry.firms) AS r",
    ],
}
NUMBERS = {
    "b": [
        *("b.balance", "b.days", "b.huge", "balance * 2.5 - b.days", "-(b.days) + 1"),
        "b.days * 0.50 + 0.1 * b.days",
        "CASE WHEN b.open THEN b.balance WHEN days > 200 THEN 0.125 ELSE -b.days END",
        "CASE b.class WHEN '正常' THEN b.huge ELSE 0 END + 1",
        "COALESCE(b.balance, b.days * 0.5) - YEAR(b.since)",
        "2 * GREATEST(b.balance, b.days, 10) - LEAST(b.days, 3.25)",
        "ABS(b.balance - 100)",
        "- b.huge",
        "CASE WHEN b.class LIKE '正%' THEN CASE WHEN b.open THEN 1.005 ELSE b.balance END END",
        "NULLIF(b.balance, b.days) - COALESCE(NULLIF(b.days, 3), -7.5)",
        "0 * b.days + 0.000001",
    ],
    "t": ["t.vat", "t.late", "0.001 * t.vat", "CASE WHEN t.vat > 1000 THEN t.late ELSE 1 END"],
    "p": ["p.kwh", "p.kwh - 0.5", "NULLIF(p.n, 2)"],
    "r": ["r.capital", "capital * -3", "CASE WHEN r.listed THEN 1 END"],
}
BARE = {
    "b": ["b.balance", "b.class", "CASE WHEN b.open THEN b.class END", "NULLIF(b.days, 3)"],
    "t": ["t.late"],
    "p": ["p.free", "COALESCE(p.kwh, NULL)"],
    "r": ["r.capital", "CASE WHEN LEFT(r.industry, 1) = 'C' THEN r.listed END"],
}
BANDED = ["MEDIAN(b.days)", "QUANTILE_CONT(b.balance, 0.9)", "QUANTILE_DISC(b.days, 0.25)"]
BANDED += ["MIN(b.days)", "MAX(b.balance)", "MIN(b.huge)", "QUANTILE_DISC(b.huge, 1)"]
BANDED += ["QUANTILE_CONT(b.days, 0)", "QUANTILE_DISC(b.balance, 0.5)"]
QUANTILES = {
    "b": BANDED,
    "r": ["MEDIAN(r.capital)", "MIN(r.capital)", "QUANTILE_DISC(capital, 0.5)"],
    "t": [],
    "p": [],
}
DIMENSIONS = {
    "b": [
        *("b.class", "b.open", "b.days", "b.since", "YEAR(b.since)", "EXTRACT(MONTH FROM since)"),
        "CASE WHEN b.balance < 0 THEN 'owed' WHEN balance IS NULL THEN NULL ELSE '其他' END",
        "CASE WHEN b.days > 200 THEN 1.50 ELSE b.days * 0.1 END",
        "COALESCE(b.open, FALSE)",
        "CASE WHEN b.open THEN b.since ELSE DATE '2021-01-01' END",
        "b.days + 1 - 0.5",
        "QUARTER(b.since)",
        "SUBSTRING(b.class FROM 2 FOR 1)",
        "CASE WHEN b.class IS NULL THEN 0.5 WHEN MONTH(b.since) > 6 THEN -1 END",
        "NULLIF(b.open, TRUE)",
        "- b.days",
    ],
    "t": ["t.grade", "t.n"],
    "p": ["p.n", "p.free", "CASE p.n WHEN 1 THEN 'one' WHEN 2 THEN 'two' END"],
    "r": [
        *("r.industry", "r.capital", "r.listed", "LEFT(r.industry, 1)", "SUBSTR(industry, 2, 1)"),
        "RIGHT(CASE WHEN r.listed THEN r.industry ELSE 'none' END, 2)",
    ],
}
CONDITIONS = {
    "b": [
        *("b.class <> '正常'", "class = 'it''s'", "b.balance > 0", "NOT b.open", "open = TRUE"),
        *("b.since >= DATE '2021-01-01'", "b.since < '2021-06-30'", "b.balance IS NULL"),
        *("days BETWEEN 0 AND 100.5", "b.class IN ('正常', '关注') OR b.days > 200"),
        *("NOT (b.balance > 10.005 OR b.days = 3)", "b.balance + days * 0.5 >= -12.25"),
        *(
            "b.class LIKE '正%'",
            "b.class NOT IN ('正常')",
            "b.balance <> b.days",
            "huge < -0.00005",
            "YEAR(b.since) = 2020",
            "CASE WHEN b.open THEN b.days ELSE 0 END BETWEEN -5 AND 300",
            "COALESCE(b.class, 'it''s') LIKE 'it%'",
            "NULLIF(b.class, '正常') IS NOT NULL",
            "b.class NOT LIKE '_常' AND b.days NOT BETWEEN 10 AND 20.5",
            "b.balance IN (0, -5000, 5000.00) OR NOT b.class NOT IN ('关注')",
            "b.days > 1000",
            "b.huge >= -900000000000000 AND b.balance >= -5000",
            "QUARTER(b.since) IN (1, 4) AND MONTH(b.since) <> 2",
            "- b.days < - - 3 OR ABS(b.balance) = b.days",
            "GREATEST(b.days, b.balance, 0) > LEAST(3, b.days)",
            "CASE b.class WHEN '正常' THEN b.open WHEN 'it''s' THEN FALSE END = TRUE",
        ),
    ],
    "t": ["t.vat > 100000000000.01", "t.n >= 1", "t.late IS NOT NULL", "t.grade <= 'B'"],
    "p": ["p.kwh < 60000.5555", "p.n <> 2", "p.free > -1.0", "p.kwh * 2 > 1"],
    "r": ["r.listed", "r.industry IN ('C17', 'F51')", "r.capital = 1.5 OR r.capital < 3"],
}


SPREADS = ["VAR_SAMP", "VAR_POP", "VARIANCE", "STDDEV", "STDDEV_SAMP", "STDDEV_POP"]
CONSTANTS = st.sampled_from(["2", "0.5", "100.0", "-3", "1000", "0"])


@dataclass(frozen=True)
class Pieces:
    """What may stand in a statement about these owners, drawn from."""

    draw: st.DrawFn
    owners: list[str]
    numbers: Mapping[str, list[str]] = field(default_factory=lambda: NUMBERS)
    bare: Mapping[str, list[str]] = field(default_factory=lambda: BARE)
    counts: Sequence[str] = ()
    """Ways to count without a column, beside COUNT(*)."""

    def some(self, offered: Mapping[str, list[str]], most: int) -> list[str]:
        if not any(offered[owner] for owner in self.owners):
            return []
        return self.draw(st.lists(self._one_of(offered), max_size=most, unique=True))

    def one(self, offered: Mapping[str, list[str]]) -> str:
        return self.draw(self._one_of(offered))

    def _one_of(self, offered: Mapping[str, list[str]]) -> st.SearchStrategy[str]:
        return st.sampled_from([one for owner in self.owners for one in offered[owner]])

    def aggregate(self) -> str:
        kind = self.draw(st.sampled_from(["COUNT(*)", "COUNT", "SUM", "SUM", "AVG", *SPREADS]))
        if kind == "COUNT(*)":
            return self.draw(st.sampled_from([kind, "COUNT(1)", *self.counts]))
        return f"{kind}({self.one(self.bare if kind == 'COUNT' else self.numbers)})"

    def value(self, depth: int = 2) -> str:
        """Aggregates and constants, combined: a number."""
        shapes = ["plain", "constant", "+-", "*/", "*/", "round", "neg", "known", "chosen"]
        shape = self.draw(st.sampled_from(shapes))
        if depth == 0 or shape == "plain":
            return self.aggregate()
        if shape == "constant":
            sign = self.draw(st.sampled_from("+-*/"))
            return f"({self.draw(CONSTANTS)} {sign} {self.value(depth - 1)})"
        if shape == "round":
            return (
                f"ROUND({self.value(depth - 1)}{self.draw(st.sampled_from(['', ', 1', ', -3']))})"
            )
        if shape == "neg":
            return f"{self.draw(st.sampled_from(['-', 'ABS']))}({self.value(depth - 1)})"
        if shape == "known":
            called = self.draw(st.sampled_from(["COALESCE", "NULLIF"]))
            other = self.draw(st.one_of(CONSTANTS, st.builds(self.aggregate)))
            return f"{called}({self.value(depth - 1)}, {other})"
        if shape == "chosen":
            least, otherwise = self.draw(CONSTANTS), self.draw(CONSTANTS)
            case = f"CASE WHEN {self.value(0)} > {least} THEN {self.value(depth - 1)}"
            return f"{case} WHEN COUNT(*) > 3 THEN NULL ELSE {otherwise} END"
        return f"({self.value(depth - 1)} {self.draw(st.sampled_from(shape))} {self.aggregate()})"

    def truth(self) -> str:
        """A condition above the aggregates."""
        kinds = ["COUNT(*) >= 2", "{} > {}", "{} <= {}", "{} IS NULL", "{} BETWEEN -10 AND {}"]
        kinds += ["{} <> {} OR COUNT(*) IN (2, 3)", "NOT ({} < {})"]
        kind = self.draw(st.sampled_from(kinds))
        return kind.format(*(self.value(1) for _ in range(kind.count("{}"))))


def joined(sources: Sequence[str], names: str = "uscc") -> str:
    """What stands after FROM: sources, joined by the columns of these names."""
    first, *others = sources
    return " ".join([first, *(f"JOIN {one} USING ({names})" for one in others)])


def select(
    items: Sequence[str], source: str, conditions: Sequence[str], dimensions: Sequence[str]
) -> str:
    """A statement whose columns are called c0, c1, …"""
    named = ", ".join(f"{item} AS c{i}" for i, item in enumerate(items))
    where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
    group = f" GROUP BY {', '.join(dimensions)}" if dimensions else ""
    return f"SELECT {named} FROM {source}{where}{group}"


def select_left(
    items: Sequence[str],
    known: Sequence[str],
    source: str,
    conditions: Sequence[str],
    dimensions: Sequence[str],
) -> tuple[str, list[str]]:
    """A LEFT JOIN, and what the columns are called that tell of the other owner: `known`."""
    others = [f"c{len(items) + i}" for i in range(len(known))]
    return select([*items, *known], source, conditions, dimensions), others


@st.composite
def queries(draw: st.DrawFn) -> str:
    owners = draw(st.permutations(list(SOURCES)))[: draw(st.integers(2, 4))]
    pieces = Pieces(draw, owners, counts=[f"COUNT(DISTINCT {owners[-1]}.uscc)"])
    sources = []
    for owner in owners:
        where = draw(st.one_of(st.just(""), PERIODS.map(lambda text: f" WHERE {text}")))
        sources.append(draw(st.sampled_from(SOURCES[owner])).format(where))
    dimensions = pieces.some(DIMENSIONS, 2)
    items = [*dimensions, "COUNT(*)"]
    items += [f"SUM({one})" for one in pieces.some(NUMBERS, 2)]
    items += [f"AVG({one})" for one in pieces.some(NUMBERS, 2)]
    items += [f"COUNT({one})" for one in pieces.some(BARE, 1)]
    items += pieces.some(QUANTILES, 2)
    items += [pieces.value() for _ in range(draw(st.integers(0, 2)))]
    items += [pieces.truth() for _ in range(draw(st.integers(0, 1)))]
    if "b" in owners and "t" in owners:
        items += draw(st.sampled_from([[], ["SUM(t.vat - b.days * 0.5 + 1)"], ["AVG(huge + vat)"]]))
    items = draw(st.permutations(items))
    if draw(st.booleans()):
        places = [items.index(dimension) for dimension in dimensions]
        way = draw(st.sampled_from(["{}", "c{}"]))
        dimensions = [way.format(place + (way == "{}")) for place in places]
    conditions = pieces.some(CONDITIONS, 3)
    having = f" HAVING {pieces.truth()}" if draw(st.integers(0, 2)) == 0 else ""
    order = ordered(pieces, dimensions, items) if draw(st.booleans()) else ""
    return select(items, joined(sources), conditions, dimensions) + having + order


ROWS = {"t": "tax.returns AS t", "p": "power.meters AS p"}
"""Of many rows per key."""
ROW_CONDITIONS = {
    "t": ["t.vat > 100000000000.01", "t.late IS NOT NULL", "t.grade <= 'B'", "period > 202502"],
    "p": ["p.kwh < 60000.5555", "p.period IN (202501, 202504)", "p.free IS NOT NULL"],
}
ROW_NUMBERS = {
    "t": ["t.vat", "t.late", "0.001 * t.vat - 1", "CASE WHEN t.late > 3 THEN t.vat ELSE 1 END"],
    "p": ["p.kwh", "p.kwh - 0.5", "COALESCE(p.kwh, 1)", "MONTH(p.period)"],
}
ROW_VALUES = {
    "t": ["t.late", "t.grade", "CASE WHEN period > 202503 THEN t.late END"],
    "p": ["p.free", "p.kwh", "p.period"],
}


@st.composite
def queries_over_rows(draw: st.DrawFn) -> str:
    """One owner has many rows per key, which are counted and added up; others group and filter."""
    many = draw(st.sampled_from(sorted(ROWS)))
    others = [one for one in draw(st.permutations(list(SOURCES))) if one != many]
    others = others[: draw(st.integers(1, 3))]
    sources = [draw(st.sampled_from(SOURCES[owner])).format("") for owner in others]
    sources.insert(draw(st.integers(0, len(sources))), ROWS[many])
    dimensions = Pieces(draw, others).some(DIMENSIONS, 2)
    rows = Pieces(draw, [many])
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {draw(st.sampled_from(others))}.uscc)"]
    items += [f"SUM({one})" for one in rows.some(ROW_NUMBERS, 2)]
    items += [f"AVG({one})" for one in rows.some(ROW_NUMBERS, 2)]
    items += [f"COUNT({one})" for one in rows.some(ROW_VALUES, 2)]
    items += [f"ROUND(SUM({one}) / COUNT(*), 2)" for one in rows.some(ROW_NUMBERS, 1)]
    items = draw(st.permutations(items))
    conditions = [*rows.some(ROW_CONDITIONS, 2), *Pieces(draw, others).some(CONDITIONS, 1)]
    return select(items, joined(sources), conditions, dimensions)


STRICT_NUMBERS = {
    one: [number for number in numbers if not search("[A-Z]{3}", number)]
    for one, numbers in NUMBERS.items()
}
"""Without functions, which need not be NULL where their arguments are."""


@st.composite
def left_joins(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A LEFT JOIN of two owners: what it asks of either, and which columns are the other's."""
    kept, other = draw(st.permutations(list(SOURCES)))[:2]
    left, right = (
        draw(st.sampled_from(SOURCES[one]))
        .format(draw(st.sampled_from(["", " WHERE {}"])))
        .format("period > 202502")
        for one in (kept, other)
    )
    own, theirs = Pieces(draw, [kept]), Pieces(draw, [other])
    dimensions = own.some(DIMENSIONS, 2)
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {kept}.uscc)"]
    for number in own.some(NUMBERS, 2):
        items += [f"SUM({number})", f"COUNT({number})"]
    known = [f"COUNT(DISTINCT {other}.uscc)", "SUM(b.days * 0.5 - t.vat)"]
    known = known[: 1 + ({kept, other} == {"b", "t"})]
    for number in theirs.some(STRICT_NUMBERS, 2):
        known += [f"SUM({number})", f"COUNT({number})"]
    conditions = own.some(CONDITIONS, 2)
    source = f"{left} LEFT JOIN {right} USING (uscc)"
    return select_left(items, known, source, conditions, dimensions)


def ordered(pieces: Pieces, dimensions: list[str], items: list[str]) -> str:
    """ORDER BY what leaves no two rows alike, and how many are shown of them."""
    known = [place for place, one in enumerate(items) if not BAND.search(f"{one} AS c0")]
    draw, place = pieces.draw, st.sampled_from(known)
    first = draw(st.sampled_from([f"c{draw(place)}", str(1 + draw(place)), pieces.value(1)]))
    ways = st.sampled_from(["", " ASC", " DESC", " NULLS FIRST", " DESC NULLS FIRST"])
    order = ", ".join(one + draw(ways) for one in [first, *dimensions])
    limit = draw(st.sampled_from(["", "", " LIMIT 2", " LIMIT 3 OFFSET 1", " OFFSET 2"]))
    return f" ORDER BY {order}{limit}"
