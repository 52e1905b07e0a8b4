"""Several datasets of one owner: what it runs, what its policy must list, what is refused."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import pytest

from contract.errors import BadQuery, MiheError, UnknownColumn, UnprovenSum
from contract.policy import Use
from federated.query.plan import LocalDataset, QueryPlan, uses
from federated.query.planning import compile_statement
from federated.query.statement import MOST_DATASETS, Statement, parse
from tests.unit.federated.query.catalogue import Catalogue

Understood = Callable[[str], Statement]
Planned = Callable[[str], QueryPlan]
Refusal = Callable[[str, type[MiheError]], MiheError]

TAX = "(SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS t"
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc) JOIN bank.limits AS g USING (uscc)"


def test_an_owner_joins_its_datasets_before_anything_leaves(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(g.granted - b.balance) AS free {FROM} WHERE g.class <> b.class")
    assert [part.org for part in plan.owners] == ["bank", "tax"]
    bank = plan.owners[0]
    assert (bank.names, bank.key) == (("loans", "limits"), ("uscc",))
    assert bank.joined == (
        LocalDataset(
            dataset="limits",
            key=("uscc",),
            uses={"class": (Use.FILTER,), "granted": (Use.SUM,), "uscc": (Use.JOIN,)},
        ),
    )
    assert uses(plan, "bank") == {
        "balance": {Use.SUM},
        "class": {Use.FILTER},
        "uscc": {Use.JOIN},
    }
    assert uses(plan, "bank", "limits")["granted"] == {Use.SUM}
    assert 'FROM "snapshot" AS "b" JOIN "snapshot_1" AS "g" ON "b"."uscc" = "g"."uscc"' in bank.sql


def test_what_is_done_inside_of_each_sub_query_is_a_use_of_its_dataset(planned: Planned) -> None:
    plan = planned(
        "SELECT COUNT(DISTINCT l.uscc) AS n FROM bank.loans AS b"
        " JOIN (SELECT uscc, SUM(vat) AS vat FROM tax.returns WHERE grade = 'A' GROUP BY uscc) AS t"
        " USING (uscc) JOIN (SELECT uscc, MAX(period) AS last, COUNT(*) AS fined FROM tax.late"
        " WHERE period > 202501 AND fined > 0 GROUP BY uscc) AS l"
        " USING (uscc)"
    )
    assert uses(plan, "tax", "returns") == {"grade": {Use.FILTER}, "uscc": {Use.JOIN}}
    assert uses(plan, "tax", "late") == {
        "period": {Use.FILTER},
        "fined": {Use.FILTER},
        "uscc": {Use.JOIN},
    }


def test_the_key_is_one_column_of_all_its_datasets(planned: Planned) -> None:
    """So grouping by it, of whichever dataset it is written, is a use of each."""
    plan = planned(
        "SELECT l.period, COUNT(*) AS n, SUM(l.fined) AS fined FROM grid.usage AS g"
        " JOIN tax.returns AS t USING (uscc, period) JOIN tax.late AS l USING (uscc, period)"
        " WHERE g.kwh = 0 AND t.period > 202501 GROUP BY l.period"
    )
    for dataset in ("returns", "late"):
        assert uses(plan, "tax", dataset)["period"] == {Use.JOIN, Use.FILTER, Use.GROUP}


def test_rows_of_several_are_multiplied(understood: Understood) -> None:
    """As SQL has it: of a return and three fines of a month there are three rows."""
    found = understood(
        "SELECT COUNT(*) AS n, SUM(t.vat) AS vat FROM grid.usage AS g"
        " JOIN tax.returns AS t USING (uscc, period) JOIN tax.late AS l USING (uscc, period)"
        " WHERE g.kwh = 0"
    )
    assert understood(found.sql) == found
    (tax,) = [one for one in found.sources if one.org == "tax"]
    assert tax.added_up is not None
    ranges = [
        (column.range.least, column.range.most)
        for column, _ in found.answer.uses
        if column.source == "t" and column.range is not None and column.name.startswith("#")
    ]
    assert ranges == [(0, 3), (-3 * 10**8, 3 * 10**8)]


def test_what_has_one_row_a_key_may_be_grouped_by(planned: Planned) -> None:
    """It is alike in all rows that another dataset of the owner has of the key."""
    plan = planned(
        "SELECT QUARTER(f.last) AS late, COUNT(*) AS n, SUM(t.vat - f.number) AS amount FROM"
        " bank.loans AS b JOIN tax.returns AS t USING (uscc) JOIN (SELECT uscc, MAX(period) AS"
        " last, COUNT(*) AS number FROM tax.unpaid GROUP BY uscc) AS f USING (uscc) GROUP BY 1"
    )
    assert 'GROUP BY "t"."uscc", "t"."f.last"' in plan.owners[1].sql


def test_a_list_is_no_longer_than_the_shortest_of_them(catalogue: Catalogue) -> None:
    entry = catalogue["bank"]["limits"]
    small = tuple(one.model_copy(update={"size": one.size and 256}) for one in entry.columns)
    catalogue["bank"]["limits"] = entry.model_copy(update={"columns": small})
    statement = parse(f"SELECT COUNT(*) AS n {FROM}", catalogue)
    plan = compile_statement(statement, receivers=["tax"], k=10)
    assert [part.size for part in plan.owners] == [256, 1024]


def test_it_counts_as_one_owner(understood: Understood) -> None:
    joins = " ".join(
        f"JOIN {one} USING (uscc)"
        for one in ("bank.limits AS g", "(SELECT code AS uscc FROM registry.firms) AS r", TAX)
    )
    found = understood(f"SELECT COUNT(*) AS n FROM bank.loans AS b {joins}")
    assert [source.org for source in found.sources] == ["bank", "registry", "tax"]


REFUSED: list[tuple[str, type[MiheError], str, str]] = [
    (
        "SELECT COUNT(*) FROM bank.loans AS b JOIN ▸bank.limits AS g USING (uscc)",
        BadQuery,
        "2 to 8 owners, not of 1",
        "one's own data alone need no protocol",
    ),
    (
        f"SELECT COUNT(*) {FROM} JOIN ▸bank.loans AS again USING (uscc)",
        BadQuery,
        "bank.loans is there twice",
        "A dataset stands there once",
    ),
    (
        f"SELECT COUNT(*) FROM bank.loans AS b JOIN {TAX} USING (uscc)"
        " JOIN bank.limits AS g USING (▸owner)",
        BadQuery,
        "'owner' is another key than 'uscc'",
        "bank can prepare one dataset out of both",
    ),
    (
        f"SELECT COUNT(*) FROM bank.loans AS b JOIN {TAX} USING (uscc)"
        " JOIN bank.limits AS g USING (▸class)",
        BadQuery,
        "'class' is another key than 'uscc'",
        "bank can prepare one dataset out of both",
    ),
    (
        "SELECT COUNT(*) AS n FROM tax.returns AS t JOIN bank.loans AS b USING (uscc) JOIN"
        " ▸tax.late AS l USING (uscc)",
        BadQuery,
        "tax.returns has up to 24 rows per key, and tax.late does not say how many",
        "FROM tax.returns GROUP BY uscc) AS t",
    ),
    (
        "SELECT COUNT(*) AS n FROM tax.returns AS t JOIN tax.unpaid AS f USING (uscc) JOIN"
        " ▸grid.usage AS g USING (uscc)",
        BadQuery,
        "grid.usage has up to 12 rows per key",
        "FROM grid.usage GROUP BY uscc) AS g",
    ),
    (
        "SELECT SUM(f.number) AS n FROM bank.loans AS b JOIN (SELECT uscc, COUNT(*) AS number FROM"
        " tax.late GROUP BY uscc) AS f USING (uscc) JOIN tax.returns AS t USING (uscc) GROUP BY"
        " ▸t.grade",
        BadQuery,
        "to group by",
        "FROM tax.returns GROUP BY uscc) AS t",
    ),
    (
        f"SELECT ▸g.branch, COUNT(*) AS n {FROM} GROUP BY g.class",
        BadQuery,
        "'branch' is neither grouped by nor added up",
        "GROUP BY g.branch",
    ),
    (
        f"SELECT SUM(▸g.granted + t.vat) AS s {FROM}",
        BadQuery,
        "'granted' of g may be NULL",
        "SUM(…) + SUM(…)",
    ),
    (
        f"SELECT SUM(▸l.vast + g.granted) AS s {FROM.replace(' AS b ', ' AS l ')}",
        UnprovenSum,
        "'vast' of l may reach",
        "tighter minimum",
    ),
    (
        f"SELECT COUNT(*) AS n {FROM} WHERE ▸b.branch = 'x'",
        UnknownColumn,
        "'branch' is no column of b",
        "There are",
    ),
    (
        f"SELECT COUNT(*) AS n {FROM} WHERE ▸class = 'x'",
        BadQuery,
        "'class' is a column of b and of g",
        "Write b.class",
    ),
]


@pytest.mark.parametrize(("sql", "error", "reason", "works"), REFUSED)
def test_what_can_not_be_joined_is_refused(
    sql: str,
    error: type[MiheError],
    reason: str,
    works: str,
    refusal: Refusal,
) -> None:
    refused = refusal(sql, error)
    assert reason in refused.what
    assert works in refused.fix


def test_datasets_are_bounded(catalogue: Catalogue) -> None:
    entry = catalogue["bank"]["limits"]
    names = [f"limits_{n}" for n in range(MOST_DATASETS)]
    catalogue["bank"] |= {one: entry.model_copy(update={"name": one}) for one in names}
    joins = [f" JOIN bank.{one} USING (uscc)" for one in names]
    sql = f"SELECT COUNT(*) AS n FROM {TAX}"
    with pytest.raises(BadQuery, match="at most 16 datasets"):
        parse(sql + "".join(joins), catalogue)
    found = parse(sql + "".join(joins[1:]), catalogue)
    assert len(found.sources[1].relations) == MOST_DATASETS - 1
