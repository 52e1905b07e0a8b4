"""LEFT JOIN: what the receiver makes of an inner join's answer and its own rows; refusals."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable
from decimal import Decimal

import pytest

from contract.errors import BadMessage, BadQuery, MiheError
from federated.query.plan import QueryPlan
from federated.query.planning import compile_statement
from federated.query.result import Cell, Result, result_of
from federated.query.statement import Statement

Understood = Callable[[str], Statement]
Planned = Callable[[str], QueryPlan]
Refusal = Callable[[str, type[MiheError]], MiheError]

TAX = "(SELECT uscc, SUM(vat) AS vat, SUM(late) AS late FROM tax.returns GROUP BY uscc) AS t"
FROM = f"FROM bank.loans AS b LEFT JOIN {TAX} USING (uscc)"
ASKED = (
    f"SELECT note, COUNT(*) AS firms, SUM(balance) AS loans, COUNT(t.vat) AS filed,"
    f" SUM(t.vat) AS vat, COUNT(*) - COUNT(t.vat) AS others {FROM} GROUP BY note"
)


def cell(label: str | None, count: int, *sums: int) -> Cell:
    return Cell(((label,), ()), count, sums)


OWN = [cell("A", 100, 5_00), cell("B", 40, -7_25), cell("C", 3, 0), cell(None, 20, 1)]
"""What the bank adds up by itself: its loans."""
OPENED = [cell("A", 60, 900), cell(None, 10, -50)]
"""What is released of those that match: their VAT."""
REST = Cell(None, 12, (77,))


def shown(result: Result) -> list[tuple[object, ...]]:
    return [(*row.values, row.remainder) for row in result.rows]


# ── what is planned ─────────────────────────────────────────────────────────────────────────────


def test_the_receivers_own_sums_are_not_sent(planned: Planned) -> None:
    plan = planned(ASKED)
    bank, tax = plan.owners
    assert bank.values == ()
    assert [value.kind for value in tax.values] == ["value"]
    assert len(plan.summands) == 1
    assert plan.left is not None
    assert (plan.left.owner, plan.left.sums) == (0, 1)
    assert 'SUM("v0")' in plan.left.sql
    assert '"t"' not in plan.left.sql
    inner = planned(ASKED.replace("LEFT JOIN", "JOIN"))
    assert inner.left is None
    assert len(inner.summands) == 2
    assert {use: set(done) for use, done in bank.uses.items()} == {
        use: set(done) for use, done in inner.owners[0].uses.items()
    }


def test_the_receiver_may_join_datasets_of_its_own_before(planned: Planned) -> None:
    joined = FROM.replace("LEFT JOIN", "JOIN bank.limits AS g USING (uscc) LEFT JOIN")
    plan = planned(
        "SELECT g.branch, COUNT(*) AS n, COUNT(DISTINCT g.uscc) AS firms,"
        f" SUM(g.granted - b.balance) AS free, SUM(t.vat) AS vat {joined} GROUP BY g.branch"
    )
    assert [part.names for part in plan.owners] == [("loans", "limits"), ("returns",)]
    assert plan.owners[0].values == ()
    assert plan.left is not None
    assert '"snapshot_1" AS "g"' in plan.left.sql
    assert len(plan.summands) == 1


def test_rows_without_a_part_of_the_key_are_kept(understood: Understood) -> None:
    """They match nobody: they are in no list, and in the receiver's own sums."""
    statement = understood(
        "SELECT COUNT(*) AS n, SUM(g.kwh) AS kwh, SUM(t.vat) AS vat FROM (SELECT uscc, period,"
        " SUM(kwh) AS kwh FROM grid.usage GROUP BY uscc, period) AS g LEFT JOIN tax.returns AS t"
        " USING (uscc, period)"
    )
    plan = compile_statement(statement, receivers=["grid"], k=10)
    assert 'NOT "g"."period" IS NULL' in plan.owners[0].sql
    assert plan.left is not None
    assert "IS NULL" not in plan.left.sql
    assert plan.k == 9 * plan.per_subject + 1


def test_outer_is_a_word_that_says_nothing(understood: Understood) -> None:
    first, second = understood(ASKED), understood(ASKED.replace("LEFT JOIN", "left outer join"))
    assert first == second
    assert " LEFT JOIN " in first.sql
    assert understood(first.sql) == first
    assert first != understood(ASKED.replace("LEFT JOIN", "JOIN"))


def test_a_sum_of_both_owners_is_of_those_that_match(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(b.balance - t.vat) AS rest, COUNT(*) AS n {FROM}")
    assert plan.table.left == (1,)
    assert [term.owner for term in plan.summands[0].terms] == [0, 1]


def test_rows_of_which_a_key_has_many_all_count(understood: Understood) -> None:
    sql = (
        "SELECT COUNT(*) AS returns, SUM(t.vat) AS vat, COUNT(DISTINCT uscc) AS firms,"
        " COUNT(DISTINCT b.uscc) AS known FROM tax.returns AS t LEFT JOIN bank.loans AS b"
        " USING (uscc) WHERE t.late > 3"
    )
    plan = compile_statement(understood(sql), receivers=["tax"], k=10)
    assert plan.left is not None
    assert plan.left.sums == 2
    assert 'COUNT(*) AS "#0"' in plan.left.sql
    assert plan.summands == ()
    assert plan.table.left == (0, 1, 2)
    # Of no rows there are none, and their sum is NULL.
    nothing = result_of(plan, [], [Cell(((), ()), 0, (0,) * plan.left.sums)])
    assert shown(nothing) == [(0, None, 0, None, "known", False)]


def test_a_sum_of_all_rows_needs_no_limbs(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(b.balance * 1000000000) AS s, VAR_POP(b.balance) AS v {FROM}")
    assert plan.left is not None
    assert plan.summands == ()
    assert plan.owners[0].sent == 0
    assert plan.left.sums >= 3


# ── what is made of it ──────────────────────────────────────────────────────────────────────────


def test_every_group_of_the_receiver_is_a_row(planned: Planned) -> None:
    result = result_of(planned(ASKED), [*OPENED, REST], OWN)
    assert [column.name for column in result.columns][-2:] == ["others", "withheld"]
    assert shown(result) == [
        ("A", 100, Decimal("5.00"), 60, Decimal("9.00"), 40, None, False),
        ("B", 40, Decimal("-7.25"), None, None, None, "filed vat others", False),
        ("C", 3, Decimal("0.00"), None, None, None, "filed vat others", False),
        (None, 20, Decimal("0.01"), 10, Decimal("-0.50"), 10, None, False),
        (None, 43, Decimal("-7.25"), 12, Decimal("0.77"), 31, None, True),
    ]
    assert result.withheld == 2


def test_nothing_opened_is_withheld_and_never_zero(planned: Planned) -> None:
    result = result_of(
        planned(f"SELECT COUNT(*) AS n, SUM(t.vat) AS vat {FROM}"),
        [],
        [
            Cell(((), ()), 55, ()),
        ],
    )
    assert shown(result) == [(55, None, "vat", False)]


def test_what_is_made_of_a_value_that_is_not_told_is_not_told(planned: Planned) -> None:
    sql = (
        f"SELECT class, SUM(t.vat) IS NULL AS none, SUM(t.vat) > 0 AND COUNT(*) > 30 AS some,"
        f" SUM(t.vat) > 0 AND COUNT(*) > 50 AS few, ROUND(SUM(t.vat) / COUNT(*), 1) AS each"
        f" {FROM} GROUP BY class"
    )
    result = result_of(planned(sql), [], [cell("B", 40)])
    assert shown(result) == [("B", None, None, False, None, "none some each", False)]


def test_having_keeps_what_may_fulfil_it_and_order_puts_it_last(planned: Planned) -> None:
    sql = f"{ASKED} HAVING SUM(t.vat) > 0 ORDER BY vat DESC NULLS FIRST LIMIT 3"
    result = result_of(planned(sql), [*OPENED, REST], OWN)
    assert [row.values[0] for row in result.rows] == ["A", "B", "C", None]
    assert [row.remainder for row in result.rows] == [False, False, False, True]
    assert result.left_out == 1


WRONG = {
    "a group that the receiver has not": [cell("Z", 60, 900)],
    "more than the receiver has": [cell("B", 41, 900)],
    "a remainder of nothing": [*(cell(one, 10, 0) for one in ("A", "B", None)), REST],
    "a remainder of more than is left": [*OPENED, Cell(None, 44, (77,))],
}


@pytest.mark.parametrize("cells", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_the_receivers_rows_is_no_row(
    planned: Planned, cells: list[Cell]
) -> None:
    own = OWN if len(cells) < 4 else [one for one in OWN if one.count > 3]
    with pytest.raises(BadMessage):
        result_of(planned(ASKED), cells, own)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────

COUNT = f"SELECT COUNT(*) AS n {FROM}"
REFUSED = [
    (f"{COUNT} WHERE ▸t.vat > 3", "a condition on t after WHERE", "sub-query"),
    (f"{COUNT} WHERE b.days > 3 AND ▸t.late IS NULL", "a condition on t", "COUNT(t.column)"),
    (f"SELECT t.late, COUNT(*) {FROM} GROUP BY ▸t.late", "have no late", "columns of b"),
    (f"SELECT SUM(▸COALESCE(t.vat, 0)) AS s {FROM}", "may not be NULL", "sub-query"),
    (f"SELECT COUNT(▸CASE WHEN t.vat > 3 THEN 1 END) AS s {FROM}", "may not be NULL", "sub-query"),
    (f"{COUNT} HAVING SUM(▸ABS(t.vat)) > 3", "may not be NULL", "sub-query"),
    (f"SELECT ▸COUNT(*) AS withheld {FROM}", "'withheld' is the column", "another name"),
    (
        "SELECT COUNT(*) AS n FROM bank.loans AS b LEFT JOIN ▸tax.returns AS t USING (uscc)",
        "up to 24 rows per key",
        "FROM tax.returns GROUP BY uscc",
    ),
    (
        f"SELECT COUNT(*) AS n {FROM} JOIN ▸power.meters AS p USING (uscc)",
        "stands between two owners",
        "a query of its own, from b",
    ),
    (
        "SELECT COUNT(*) AS n FROM power.meters AS p JOIN bank.loans AS b USING (uscc) LEFT JOIN"
        f" {TAX.replace('uscc', '▸uscc', 1)} USING (uscc)",
        "stands between two owners",
        "a query of its own, from p",
    ),
    (
        "SELECT COUNT(*) AS n FROM bank.loans AS b LEFT JOIN ▸tax.unpaid AS u USING (uscc) JOIN"
        " bank.limits AS g USING (uscc)",
        "behind all datasets of bank",
        "then LEFT JOIN",
    ),
    (
        "SELECT COUNT(*) AS n FROM bank.loans AS b LEFT JOIN ▸bank.limits AS g USING (uscc) JOIN"
        " tax.unpaid AS u USING (uscc)",
        "behind all datasets of bank",
        "prepare one dataset",
    ),
    (
        "SELECT COUNT(*) AS n FROM bank.loans AS b JOIN tax.unpaid AS u USING (uscc) LEFT JOIN"
        " ▸bank.limits AS g USING (uscc)",
        "behind all datasets of bank",
        "prepare one dataset",
    ),
    (
        f"SELECT COUNT(*) AS n FROM bank.loans AS b JOIN tax.unpaid AS u USING (uscc) LEFT JOIN"
        f" {TAX.replace('uscc', '▸uscc', 1)} USING (uscc)",
        "joins one dataset of the other owner",
        "prepare one dataset",
    ),
    (
        f"SELECT COUNT(*) AS n {FROM} LEFT JOIN tax.unpaid AS u USING (uscc)".replace(
            "(SELECT uscc", "(SELECT ▸uscc"
        ),
        "stands once",
        "prepare one dataset",
    ),
    (f"SELECT COUNT(*) FROM {TAX} ▸RIGHT JOIN bank.loans AS b USING (uscc)", "LEFT JOIN", "first"),
    (
        f"SELECT COUNT(*) FROM bank.loans AS b LEFT JOIN {TAX} ON b.uscc = t.uscc AND ▸t.vat > 3",
        "which columns of both are equal",
        "in a sub-query",
    ),
    (f"SELECT COUNT(*) FROM bank.loans b ▸LEFT SEMI JOIN {TAX} USING (uscc)", "LEFT JOIN", "USING"),
]


@pytest.mark.parametrize(("sql", "what", "fix"), REFUSED)
def test_what_would_tell_more_or_count_otherwise_is_refused(
    refusal: Refusal, sql: str, what: str, fix: str
) -> None:
    refused = refusal(sql, BadQuery)
    assert what in refused.what
    assert fix in refused.fix


def test_only_the_owner_whose_rows_are_kept_receives(understood: Understood) -> None:
    with pytest.raises(BadQuery, match="keeps the rows of bank that match nobody") as refused:
        compile_statement(understood(COUNT), receivers=["tax"], k=10)
    assert refused.value.what.startswith(f"line 1, column {COUNT.index('(SELECT uscc') + 9}: ")
    assert "--to bank" in refused.value.fix
