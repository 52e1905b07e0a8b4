"""Plans: what each owner computes, what is added up, and that it is always exact."""

# Statements are made up here, and never run.
# ruff: noqa: S608

from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadMessage
from contract.policy import Use
from federated.query.plan import QueryPlan, Term, ValueColumn, uses
from federated.query.planning import SUM_BITS, compile_statement
from federated.query.statement import parse
from federated.query.table import CountFigure, SumFigure
from tests.unit.federated.query.catalogue import Catalogue, entry, key, number

Planned = Callable[[str], QueryPlan]

TAX = (
    "(SELECT uscc, SUM(vat) AS vat, MAX(late) AS late, MAX(grade) AS grade FROM tax.returns"
    " WHERE period > 202501 GROUP BY uscc) AS t"
)
FROM = f"FROM bank.loans AS b JOIN {TAX} USING (uscc)"


def sums_of(plan: QueryPlan) -> list[SumFigure]:
    return [figure for figure in plan.table.figures if isinstance(figure, SumFigure)]


def test_the_join_is_never_larger_than_the_shortest_list(catalogue: Catalogue) -> None:
    small = catalogue["tax"]["returns"]
    columns = tuple(
        column.model_copy(update={"size": 256}) if column.key else column
        for column in small.columns
    )
    catalogue["tax"]["returns"] = small.model_copy(update={"columns": columns})
    plan = compile_statement(parse(f"SELECT COUNT(*) {FROM}", catalogue), receivers=["bank"], k=10)
    assert [part.size for part in plan.owners] == [1024, 256]
    assert plan.rows == 256


def test_a_sum_and_a_mean_of_the_same_are_added_up_once(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(b.days), AVG(days), SUM(days * 2) AS twice {FROM}")
    assert [figure.summands for figure in sums_of(plan)] == [(0,), (1,)]
    assert len(plan.summands) == len(plan.owners[0].values) == 2
    assert plan.owners[1].values == ()


def test_owners_are_added_up_in_one_sum(planned: Planned) -> None:
    plan = planned(f"SELECT SUM(t.vat - b.days) AS x {FROM}")
    (summand,) = plan.summands
    assert summand.terms == (Term(owner=0, column=0), Term(owner=1, column=0))
    vat, days = 24 * 10**8, 3650 * 100
    assert (summand.least, summand.most) == (-1024 * (vat + days), 1024 * (vat + days))


def test_a_nullable_column_is_counted_beside_its_sum(planned: Planned) -> None:
    plan = planned(f"SELECT AVG(limit_left), COUNT(limit_left), COUNT(b.days), SUM(t.late) {FROM}")
    mean, late = sums_of(plan)
    assert [value.kind for value in plan.owners[0].values] == ["value", "present"]
    counts = [figure for figure in plan.table.figures if isinstance(figure, CountFigure)]
    # AVG divides by the count that COUNT(limit_left) shows.
    assert counts == [CountFigure(present=mean.present), CountFigure()]
    assert late.present not in (None, mean.present)
    assert "CASE WHEN" in plan.owners[0].sql


def test_squares_are_cut_by_their_owner(planned: Planned) -> None:
    plan = planned(f"SELECT VAR_SAMP(limit_left), STDDEV_POP(limit_left), SUM(limit_left) {FROM}")
    total, squares = sums_of(plan)
    assert (total.scale, squares.scale, squares.square_of) == (2, 4, 1)
    assert total.present == squares.present
    # (10^8)^2 of up to 1024 entities: two limbs of 47 bits, or what is left of them.
    assert (len(squares.summands), squares.limb_bits) == (2, 47)
    low, high = (plan.summands[place] for place in squares.summands)
    assert (low.least, low.most) == (0, (2**47 - 1) * 1024)
    assert (high.least, high.most) == (0, (10**16 >> 47) * 1024)
    assert uses(plan, "bank")["limit_left"] == {Use.VARIANCE, Use.SUM}


@pytest.mark.parametrize("value", [-(2**62), 2**62 - 1, 3, 0, None])
def test_an_owner_cuts_squares_as_the_plan_says(value: int | None) -> None:
    sized = key("uscc").model_copy(update={"size": 2**20})
    here: Catalogue = {
        org: {"d": entry(f"{org}.d", sized, number("x", None, str(2**62), nullable=True))}
        for org in ("a", "b")
    }
    sql = "SELECT VAR_POP(a.x) AS v FROM a.d AS a JOIN b.d AS b USING (uscc)"
    plan = compile_statement(parse(sql, here), receivers=["a"], k=2)
    _, squares = sums_of(plan)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE snapshot (uscc TEXT, x BIGINT)")
        connection.execute("INSERT INTO snapshot VALUES ('k', ?)", [value])
        row = connection.execute(plan.owners[0].sql).fetchone()
    assert row is not None
    limbs = row[-len(squares.summands) :]
    for limb, column in zip(limbs, plan.owners[0].values[-len(limbs) :], strict=True):
        assert column.least <= limb <= column.most
    found = sum(limb << squares.limb_bits * place for place, limb in enumerate(limbs))
    assert found == (value or 0) ** 2


def test_only_what_is_needed_is_computed(planned: Planned) -> None:
    plan = planned(f"SELECT COUNT(*) {FROM}")
    assert "vat" not in plan.owners[1].sql
    assert "grade" not in plan.owners[1].sql


def test_a_place_is_read_whole_whatever_zeros_are_in_front(planned: Planned) -> None:
    part = f"SELECT COUNT(*) {FROM} GROUP BY LEFT(b.class, "
    assert planned(f"{part}0000000010)").owners == planned(f"{part}10)").owners


def test_uses_are_what_a_policy_must_list(planned: Planned) -> None:
    plan = planned(
        f"SELECT b.class, t.grade, COUNT(note), SUM(t.vat + b.days) AS x, AVG(days) {FROM}"
        " WHERE b.open AND t.late > 3 GROUP BY b.class, t.grade"
    )
    assert uses(plan, "bank") == {
        "uscc": {Use.JOIN},
        "class": {Use.GROUP},
        "note": {Use.COUNT},
        "days": {Use.SUM, Use.AVG},
        "open": {Use.FILTER},
    }
    assert uses(plan, "tax") == {
        "uscc": {Use.JOIN},
        "grade": {Use.GROUP},
        "vat": {Use.SUM},
        "late": {Use.FILTER},
        "period": {Use.FILTER},
    }


def test_what_chooses_a_branch_is_filtered_by_and_grouped_by(planned: Planned) -> None:
    plan = planned(
        "SELECT CASE WHEN b.open THEN b.class END AS c, COUNT(NULLIF(b.note, 'x')) AS n,"
        " SUM(CASE WHEN b.days > 3 THEN b.balance ELSE 0 END) AS s, SUM(t.vat) AS v"
        " FROM bank.loans AS b JOIN (SELECT uscc, SUM(CASE grade WHEN 'A' THEN vat END) AS vat,"
        " MAX(CASE WHEN late > 3 THEN grade END) AS unused FROM tax.returns GROUP BY uscc) AS t"
        " USING (uscc) WHERE YEAR(b.since) = 2020 GROUP BY c"
    )
    assert uses(plan, "bank") == {
        "uscc": {Use.JOIN},
        "open": {Use.GROUP},
        "class": {Use.GROUP},
        "note": {Use.COUNT, Use.FILTER, Use.GROUP},
        "days": {Use.FILTER, Use.GROUP},
        "balance": {Use.SUM},
        "since": {Use.FILTER},
    }
    assert uses(plan, "tax") == {
        "uscc": {Use.JOIN},
        "grade": {Use.FILTER, Use.GROUP},
        "vat": {Use.SUM},
    }
    assert [part.picks for part in plan.owners] == [2, 1]


ROWS = "FROM bank.loans AS b JOIN tax.returns AS t USING (uscc)"
CHOSEN = "CASE WHEN late > 3 THEN 1 ELSE 2 END = 1"


@pytest.mark.parametrize(
    "joined",
    [
        f"{ROWS} WHERE {CHOSEN}",
        f"FROM bank.loans AS b JOIN (SELECT uscc FROM tax.returns WHERE {CHOSEN} GROUP BY uscc)"
        " AS t USING (uscc)",
        "FROM bank.loans AS b JOIN (SELECT uscc, SUM(late) AS late FROM tax.returns GROUP BY uscc)"
        f" AS t USING (uscc) WHERE {CHOSEN}",
    ],
    ids=["many rows", "inside of a sub-query", "outside of it"],
)
def test_what_chooses_a_branch_in_a_condition_leaves_rows_out(
    planned: Planned, joined: str
) -> None:
    plan = planned(f"SELECT COUNT(DISTINCT uscc) AS n {joined}")
    assert uses(plan, "tax")["late"] == {Use.FILTER}


def test_many_rows_are_added_up_by_their_owner(planned: Planned) -> None:
    plan = planned(
        "SELECT COUNT(*), COUNT(DISTINCT uscc) AS firms, COUNT(t.late), SUM(t.vat), AVG(t.vat),"
        f" SUM(CASE WHEN t.grade = 'A' THEN 1 END) AS a {ROWS} WHERE period > 202501"
    )
    assert uses(plan, "tax") == {
        "uscc": {Use.JOIN},
        "period": {Use.FILTER},
        "late": {Use.COUNT},
        "vat": {Use.SUM, Use.AVG},
        "grade": {Use.FILTER, Use.GROUP},
    }
    bank, tax = plan.owners
    assert (bank.values, tax.picks) == ((), 1)
    rows, known, vat, picked, _ = tax.values
    assert (rows.least, rows.most, known.most) == (0, 24, 24)
    assert (vat.least, vat.most, picked.most) == (-24 * 10**8, 24 * 10**8, 24)
    assert "GROUP BY" in tax.sql


def test_a_condition_may_leave_one_row(planned: Planned) -> None:
    # Its owner checks, where more is asked than can be done with many.
    plan = planned(f"SELECT t.grade, SUM(b.days) {ROWS} WHERE period = 202501 GROUP BY t.grade")
    assert "GROUP BY" not in plan.owners[1].sql
    plan = planned(f"SELECT SUM(t.late) {ROWS} WHERE period = 202501")
    assert "GROUP BY" in plan.owners[1].sql


def test_what_a_plan_can_t_know_to_be_one_row_is_checked_by_its_owner(planned: Planned) -> None:
    plan = planned("SELECT SUM(p.kwh) FROM bank.loans JOIN power.meters AS p USING (uscc)")
    assert "GROUP BY" not in plan.owners[1].sql


def test_a_plan_depends_on_what_it_says_and_on_nothing_else(
    planned: Planned, catalogue: Catalogue
) -> None:
    sql = f"SELECT COUNT(*), SUM(days) {FROM}"
    plan = planned(sql)
    assert planned(plan.sql).digest == plan.digest
    statement = parse(sql, catalogue)
    assert compile_statement(statement, receivers=["bank"], k=11).digest != plan.digest
    assert compile_statement(statement, receivers=["tax"], k=10).digest != plan.digest
    catalogue["power"]["meters"] = entry("power.meters", key("uscc"))
    assert compile_statement(parse(sql, catalogue), receivers=["bank"], k=10).digest == plan.digest
    catalogue["bank"]["loans"] = entry("bank.loans", key("uscc"), number("days", None, "365"))
    assert compile_statement(parse(sql, catalogue), receivers=["bank"], k=10).digest != plan.digest


def test_a_catalogue_without_sizes_is_its_owners_fault(catalogue: Catalogue) -> None:
    bare = key("uscc").model_copy(update={"size": None})
    catalogue["bank"]["loans"] = entry("bank.loans", bare)
    with pytest.raises(BadMessage) as refused:
        compile_statement(parse(f"SELECT COUNT(*) {FROM}", catalogue), receivers=["tax"], k=10)
    assert refused.value.party == "bank"


@given(
    bits=st.integers(0, 62),
    rows=st.sampled_from([2**8, 2**13, 2**20, 2**31]),
    owners=st.integers(1, 2),
)
def test_limbs_fit_whatever_the_bound_and_the_rows(bits: int, rows: int, owners: int) -> None:
    most = str(2**bits)
    here: Catalogue = {}
    for org in ("a", "b"):
        sized = key("uscc").model_copy(update={"size": rows})
        here[org] = {"d": entry(f"{org}.d", sized, number("x", None, most))}
    argument = "a.x" if owners == 1 else "a.x + b.x"
    sql = f"SELECT SUM({argument}) AS s FROM a.d AS a JOIN b.d AS b USING (uscc)"
    plan = compile_statement(parse(sql, here), receivers=["a"], k=2)
    for summand in plan.summands:
        assert -(2**SUM_BITS) <= summand.least <= 0 <= summand.most < 2**SUM_BITS
    for part in plan.owners[:owners]:
        (value,) = part.values
        for extreme in (-(2**bits), 2**bits, 0, -1):
            limbs = cut(extreme, value)
            assert sum(one << value.limb_bits * i for i, one in enumerate(limbs)) == extreme
            for limb, (low, high) in zip(limbs, value.ranges, strict=True):
                assert low <= limb <= high
    fewest = 1 if 2**bits * rows * owners < 2**SUM_BITS else 2
    assert len(plan.summands) >= fewest
    assert (fewest == 1) == (len(plan.summands) == 1)


def cut(value: int, column: ValueColumn) -> list[int]:
    limbs = []
    for _ in range(column.limbs - 1):
        limbs.append(value % (1 << column.limb_bits))
        value >>= column.limb_bits
    return [*limbs, value]
