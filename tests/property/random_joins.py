"""Random queries that join by several columns, or several datasets of one owner; and all there are.

Over the datasets of query_worlds.py, with the pieces of random_queries.py.
"""

from hypothesis import strategies as st

from tests.property.random_queries import (
    CONDITIONS,
    DIMENSIONS,
    NUMBERS,
    SOURCES,
    STRICT_NUMBERS,
    Pieces,
    joined,
    left_joins,
    queries,
    queries_over_rows,
    select,
    select_left,
)

TUPLES: dict[str, list[str]] = {
    "t": [
        "tax.returns AS t",
        "(SELECT period, uscc, SUM(vat) AS vat, MIN(late) AS late, MAX(grade) AS grade"
        " FROM tax.returns WHERE late > 2 GROUP BY uscc, period) AS t",
    ],
    "p": [
        "power.meters AS p",
        "(SELECT uscc, period, SUM(kwh) AS kwh, MAX(free) AS free FROM power.meters"
        " GROUP BY period, uscc) AS p",
    ],
    "c": [
        "(SELECT month AS period, code AS uscc, SUM(amount) AS amount, COUNT(amount) AS n"
        " FROM customs.flows GROUP BY code, month) AS c",
    ],
}
"""Joined by company and month."""
THRICE = {
    "t": "(SELECT uscc AS firm, period AS month, grade AS lane, vat, late FROM tax.returns) AS t",
    "c": "(SELECT code AS firm, month, lane, SUM(amount) AS amount, COUNT(*) AS n"
    " FROM customs.flows GROUP BY code, lane, month) AS c",
}
"""Joined by company, month and a text that may be missing."""
TUPLE_NUMBERS = {
    "t": ["t.vat", "t.late", "0.001 * t.vat - 1"],
    "p": ["p.kwh", "p.kwh - 0.5", "COALESCE(p.kwh, 1)"],
    "c": ["c.amount", "c.n", "2 * c.amount - c.n"],
}
TUPLE_DIMENSIONS = {
    "t": ["t.{month}", "MONTH(t.{month})", "t.late"],
    "p": ["p.{month}", "QUARTER(p.{month})", "p.free"],
    "c": ["c.{month}", "c.n"],
}
TUPLE_CONDITIONS = {
    "t": ["t.{month} > 202502", "t.late IS NOT NULL", "t.vat > 100000000000.01"],
    "p": ["p.{month} IN (202501, 202504, 202505)", "p.kwh < 60000.5555"],
    "c": ["c.n > 1", "c.amount IS NOT NULL", "c.{month} <> 202503"],
}


@st.composite
def queries_by_several_columns(draw: st.DrawFn) -> str:
    """Keys of two columns, or of three; of two, one owner may have many rows for one of them."""
    thrice = draw(st.integers(0, 3)) == 0
    offered = {owner: [one] for owner, one in THRICE.items()} if thrice else TUPLES
    owners = draw(st.permutations(list(offered)))[: draw(st.integers(2, 3))]
    names = draw(st.permutations(["firm", "month", "lane"] if thrice else ["uscc", "period"]))
    month = "month" if thrice else "period"
    sources = [draw(st.sampled_from(offered[owner])) for owner in owners]
    if flows := not thrice and draw(st.booleans()):
        # Its columns have other names, so it stands in the middle of a renaming of all.
        owners = [one for one in owners if one != "c"][:2]
        month, names = "month", draw(st.permutations(["code", "month"]))
        sources = [
            f"(SELECT uscc AS code, period AS month, {RENAMED[one]}) AS {one}" for one in owners
        ]
        sources.insert(draw(st.integers(0, len(sources))), "customs.flows AS c")
    pieces = Pieces(draw, owners)
    numbers = {"c": ["c.amount", "0.5 * c.amount"]} if flows else TUPLE_NUMBERS
    added = Pieces(draw, ["c"]) if flows else pieces
    dimensions = [one.format(month=month) for one in pieces.some(TUPLE_DIMENSIONS, 2)]
    dimensions += draw(st.sampled_from([[], [f"c.{month}"]])) if flows else []
    items = [*dimensions, "COUNT(*)"]
    items += [f"SUM({one})" for one in added.some(numbers, 2)]
    items += [f"AVG({one})" for one in added.some(numbers, 2)]
    items += [f"ROUND(SUM({one}) / COUNT(*), 2)" for one in added.some(numbers, 1)]
    items = draw(st.permutations(items))
    conditions = [one.format(month=month) for one in pieces.some(TUPLE_CONDITIONS, 2)]
    return select(items, joined(sources, ", ".join(names)), conditions, dimensions)


RENAMED = {
    "t": "vat, late FROM tax.returns",
    "p": "kwh, free FROM power.meters",
}

JOINED = {
    "t": "(SELECT uscc, SUM(vat) AS vat, COUNT(*) AS n, MAX(grade) AS grade FROM tax.returns"
    " GROUP BY uscc) AS t",
    "m": "tax.marks AS m",
    "s": "(SELECT uscc, SUM(heads) AS heads, SUM(CASE WHEN grade = 'X' THEN 1 ELSE 0 END) AS x"
    " FROM tax.staff GROUP BY uscc) AS s",
}
"""Of one owner, a row a key each."""
ROWS_JOINED = {"t": "tax.returns AS t", "m": "tax.marks AS m", "s": "tax.staff AS s"}
"""Of one owner, of which two have many rows a key."""
JOINED_NUMBERS = {
    "t": ["t.vat", "t.vat - m.late", "CASE WHEN m.late > 0 THEN t.vat ELSE -m.late END"],
    "m": ["m.late", "m.late + 0.5", "ABS(m.late)"],
    "s": ["s.heads", "s.heads * 2 - m.late", "COALESCE(s.heads, m.late)"],
}
JOINED_DIMENSIONS = {
    "t": ["t.grade"],
    "m": ["m.mark", "CASE WHEN m.mark = 'P' THEN m.late END"],
    "s": ["CASE WHEN s.heads > 400 THEN m.mark ELSE 'few' END"],
}
JOINED_CONDITIONS = {
    "t": ["t.vat > m.late", "t.grade <> 'M'"],
    "m": ["m.late BETWEEN -4 AND 4", "m.mark = 'P' OR m.late > 0"],
    "s": ["s.heads IS NOT NULL", "s.heads > 100 * m.late"],
}


@st.composite
def queries_over_joined_datasets(draw: st.DrawFn) -> str:
    """Two or three datasets of one owner, anywhere among those of others."""
    rows = draw(st.booleans())
    own = ["m", *draw(st.permutations(["t", "s"]))[: draw(st.integers(1, 2))]]
    offered = ROWS_JOINED if rows else JOINED
    others = draw(st.permutations(["b", "p", "r"]))[: draw(st.integers(1, 2))]
    sources = [offered[one] for one in own]
    sources += [draw(st.sampled_from(SOURCES[one])).format("") for one in others]
    sources = draw(st.permutations(sources))
    theirs, ours = Pieces(draw, others), Pieces(draw, own)
    dimensions = theirs.some(DIMENSIONS, 1)
    # What has one row a key is alike in all rows of it.
    dimensions += Pieces(draw, ["m"] if rows else own).some(JOINED_DIMENSIONS, 1)
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {draw(st.sampled_from(own + others))}.uscc)"]
    items += [f"SUM({one})" for one in ours.some(JOINED_NUMBERS, 2)]
    items += [f"AVG({one})" for one in ours.some(JOINED_NUMBERS, 2)]
    items += [f"COUNT({one})" for one in ours.some({**JOINED_NUMBERS, "m": ["m.mark"]}, 1)]
    items += [] if rows else [f"SUM({one})" for one in theirs.some(NUMBERS, 1)]
    items = draw(st.permutations(items))
    conditions = [*ours.some(JOINED_CONDITIONS, 2), *theirs.some(CONDITIONS, 1)]
    return select(items, joined(sources), conditions, dimensions)


MONTHLY_STAFF = [
    "tax.staff AS s",
    "(SELECT period, uscc, SUM(heads) AS heads FROM tax.staff GROUP BY uscc, period) AS s",
]
"""By company and month; of the first, two rows a key."""


@st.composite
def queries_over_datasets_joined_by_month(draw: st.DrawFn) -> str:
    """Two datasets of one owner and one of another, by company and month."""
    staff, other = draw(st.sampled_from(MONTHLY_STAFF)), draw(st.sampled_from("pc"))
    sources = [draw(st.sampled_from(TUPLES["t"])), staff, draw(st.sampled_from(TUPLES[other]))]
    sources = draw(st.permutations(sources))
    names = ", ".join(draw(st.permutations(["uscc", "period"])))
    dimensions = draw(st.lists(st.sampled_from(["s.period", "t.period"]), max_size=1))
    numbers = st.sampled_from(["s.heads", "t.vat - s.heads", "COALESCE(s.heads, t.late, 1)"])
    items = [*dimensions, "COUNT(*)", f"SUM({draw(numbers)})", f"AVG({draw(numbers)})"]
    items += (
        [] if staff in MONTHLY_STAFF[:1] else [f"SUM({other}.{'n' if other == 'c' else 'kwh'})"]
    )
    conditions = draw(st.sampled_from([[], ["s.heads > t.late"], ["s.period > 202501"]]))
    return select(items, joined(sources, names), conditions, dimensions)


@st.composite
def left_joins_of_datasets(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A LEFT JOIN behind several datasets of the receiver; and which columns are the other's.

    Where the receiver has many rows a key, the other owner's values would count once for each.
    """
    rows = draw(st.booleans())
    own = ["m", *draw(st.permutations(["t", "s"]))[: draw(st.integers(1, 2))]]
    other = draw(st.sampled_from("bpr"))
    offered = ROWS_JOINED if rows else JOINED
    source = joined(draw(st.permutations([offered[one] for one in own])))
    ours, theirs = Pieces(draw, own), Pieces(draw, [other])
    dimensions = Pieces(draw, ["m"] if rows else own).some(JOINED_DIMENSIONS, 1)
    items = [*dimensions, "COUNT(*)", f"COUNT(DISTINCT {draw(st.sampled_from(own))}.uscc)"]
    for number in ours.some(JOINED_NUMBERS, 2):
        items += [f"SUM({number})", f"COUNT({number})"]
    known = [f"COUNT(DISTINCT {other}.uscc)"]
    for number in [] if rows else theirs.some(STRICT_NUMBERS, 2):
        known += [f"SUM({number})", f"COUNT({number})"]
    source += f" LEFT JOIN {draw(st.sampled_from(SOURCES[other])).format('')} USING (uscc)"
    return select_left(items, known, source, ours.some(JOINED_CONDITIONS, 2), dimensions)


@st.composite
def left_joins_by_month(draw: st.DrawFn) -> tuple[str, list[str]]:
    """The same by company and month, of which some rows of the receiver have none."""
    kept, other = draw(st.permutations("tpc"))[:2]
    own, theirs = Pieces(draw, [kept]), Pieces(draw, [other])
    dimensions = [one.format(month="period") for one in own.some(TUPLE_DIMENSIONS, 1)]
    items, known = [*dimensions, "COUNT(*)"], []
    for number in own.some(TUPLE_NUMBERS, 2):
        items += [f"SUM({number})", f"COUNT({number})"]
    for number in ["1 * " + theirs.one(TUPLE_BARE), *theirs.some(TUPLE_BARE, 1)]:
        known += [f"SUM({number})", f"COUNT({number})"]
    names = ", ".join(draw(st.permutations(["uscc", "period"])))
    right = draw(st.sampled_from(TUPLES[other]))
    conditions = [one.format(month="period") for one in own.some(TUPLE_CONDITIONS, 1)]
    source = f"{draw(st.sampled_from(TUPLES[kept]))} LEFT JOIN {right} USING ({names})"
    return select_left(items, known, source, conditions, dimensions)


TUPLE_BARE = {"t": ["t.vat", "t.late"], "p": ["p.kwh"], "c": ["c.amount", "c.n"]}
"""Numbers that are NULL where their columns are."""


LEFT_JOINS = st.one_of(left_joins(), left_joins_of_datasets(), left_joins_by_month())
QUERIES = st.one_of(
    queries(),
    queries(),
    queries_over_rows(),
    queries_by_several_columns(),
    queries_over_joined_datasets(),
    queries_over_datasets_joined_by_month(),
)
