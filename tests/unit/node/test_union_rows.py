"""An organisation's own part of a sum over UNION ALL: what it adds to which cell, and what not."""

# The statement is made up here, and runs through the language.
# ruff: noqa: S608

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from contract.dataset import CatalogueEntry
from contract.errors import BadValue, SmallBranch
from federated.query.union import parse
from federated.query.union_plan import UnionPlan, compile_union
from federated.union.counts import Count, read_total
from federated.words import to_integers
from node import snapshot
from node.union_rows import rows_brought, run_union
from tests.unit.node.stations import uscc

A, B = uscc(1), uscc(2)
LOANS = f"""uscc,balance,trade,late
{A},-12.50,retail,true
{A},1000.00,retail,false
{B},0.50,retail,false
{B},,water,false
"""
DESCRIPTION = """
name = "loans"
source = "loans.csv"
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
[[column]]
name = "balance"
type = "decimal"
decimals = 2
minimum = -100
maximum = 1000
level = 3
nullable = true
[[column]]
name = "trade"
type = "text"
domain = ["retail", "mining", "water"]
level = 2
[[column]]
name = "late"
type = "boolean"
level = 3
"""
Made = Callable[[str], tuple[Path, CatalogueEntry]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(rows: str) -> tuple[Path, CatalogueEntry]:
        (tmp_path / "loans.csv").write_text(rows, "utf-8")
        described = tmp_path / "loans.toml"
        described.write_text(DESCRIPTION, "utf-8")
        folder = tmp_path / "snapshots"
        added = snapshot.add(described, folder, org="bank", today=date(2026, 11, 1))
        return snapshot.files(folder, "loans", added.root).parquet, added.entry

    return make


def planned(entry: CatalogueEntry, where: str = "") -> UnionPlan:
    """Loans by trade, over the rows of this bank and two like it."""
    like = {org: entry.model_copy(update={"org": org}) for org in ("bank", "other", "third")}
    rows = " UNION ALL ".join(f"SELECT trade, balance FROM {org}.loans {where}" for org in like)
    sql = f"SELECT trade, COUNT(*), COUNT(balance), SUM(balance) FROM ({rows}) GROUP BY trade"
    union = parse(sql, {org: {"loans": one} for org, one in like.items()})
    return compile_union(union, receivers=("other",), k=10)


def columns_of(plan: UnionPlan, parquet: Path, *, receives: bool = False) -> list[list[int]]:
    own = run_union(plan, "bank", parquet, receives=receives)
    words = to_integers(own.words)
    return [words[at : at + plan.cells] for at in range(0, len(words), plan.cells)]


def test_every_cell_there_can_be_has_its_totals(made: Made) -> None:
    parquet, entry = made(LOANS)
    plan = planned(entry)
    assert [(one.kind, one.scale) for one in plan.values] == [("present", 0), ("value", 2)]
    counts, rows, present, sums = columns_of(plan, parquet)
    assert list(map(read_total, counts)) == [Count(2, 1), Count(0, 0), Count(1, 1)]
    assert rows == [3, 0, 1]
    assert present == [3, 0, 0]
    assert sums == [98800, 0, 0]
    assert run_union(plan, "bank", parquet, receives=False).cells == {0, 2}


def test_the_receivers_own_subjects_do_not_count(made: Made) -> None:
    parquet, entry = made(LOANS)
    counts, rows, *_ = columns_of(planned(entry), parquet, receives=True)
    assert counts == [0, 0, 0]
    assert rows == [3, 0, 1]


def test_conditions_leave_rows_out_before_anything_is_counted(made: Made) -> None:
    parquet, entry = made(LOANS)
    counts, *columns = columns_of(planned(entry, "WHERE NOT late"), parquet)
    assert [read_total(one).subjects for one in counts] == [2, 0, 1]
    assert columns == [[2, 0, 1], [2, 0, 0], [100050, 0, 0]]


@pytest.mark.parametrize("k", [2, 3])
def test_a_branch_that_few_subjects_take_is_not_added_up_but_for_the_receiver(
    made: Made, k: int
) -> None:
    parquet, entry = made(LOANS)
    like = {org: entry.model_copy(update={"org": org}) for org in ("bank", "other", "third")}
    rows = " UNION ALL ".join(f"SELECT balance, late FROM {org}.loans" for org in like)
    sql = f"SELECT SUM(CASE WHEN balance > 0 THEN 1 ELSE 0 END) AS n FROM ({rows}) WHERE NOT late"
    union = parse(sql, {org: {"loans": one} for org, one in like.items()})
    plan = compile_union(union, receivers=("other",), k=k)
    # Of two subjects both take the first branch, and one the second.
    with pytest.raises(SmallBranch):
        run_union(plan, "bank", parquet, receives=False)
    own = run_union(plan, "bank", parquet, receives=True)
    assert to_integers(own.words) == [0, 3, 2]


def parts_of(plan: UnionPlan, parquet: Path) -> dict[tuple[str, object], int]:
    """Of each subject in each cell its rows, as one number."""
    subjects, parts, groups, taken = rows_brought(plan, "bank", parquet)
    assert taken == []
    found = {
        (subject.decode(), *group): int(part)
        for subject, part, group in zip(subjects, parts, groups, strict=True)
        if isinstance(group, tuple)
    }
    assert len(found) == len(subjects)
    return found


def test_what_is_compared_with_earlier_answers_is_every_row_of_a_subject(made: Made) -> None:
    parquet, entry = made(LOANS)
    whole = parts_of(planned(entry), parquet)
    assert whole.keys() == {(A, "retail"), (B, "retail"), (B, "water")}
    early = parts_of(planned(entry, "WHERE NOT late"), parquet)
    late = parts_of(planned(entry, "WHERE late"), parquet)
    assert late.keys() == {(A, "retail")}
    assert early.keys() == whole.keys()
    assert [one for one in whole if whole[one] != early[one]] == [(A, "retail")]
    assert (early[A, "retail"] + late[A, "retail"]) % 2**64 == whole[A, "retail"]


def test_rows_are_told_apart_by_the_branches_that_they_take(made: Made) -> None:
    parquet, entry = made(LOANS)
    like = {org: entry.model_copy(update={"org": org}) for org in ("bank", "other", "third")}
    rows = " UNION ALL ".join(f"SELECT balance, late, trade FROM {org}.loans" for org in like)
    chosen = "SUM(CASE WHEN late THEN balance ELSE 0 END) AS s, SUM(ABS(balance)) AS a"
    sql = f"SELECT trade, {chosen} FROM ({rows}) GROUP BY trade"
    union = parse(sql, {org: {"loans": one} for org, one in like.items()})
    plan = compile_union(union, receivers=("other",), k=2)
    subjects, parts, groups, (taken, signs) = rows_brought(plan, "bank", parquet)
    assert set(signs.tolist()) <= {1, 2}
    found = {
        (subject.decode(), groups[place], int(taken[place]), int(signs[place])): int(parts[place])
        for place, subject in enumerate(subjects)
    }
    assert len(found) == len(subjects)
    late = parts_of(planned(entry, "WHERE late"), parquet)
    whole = parts_of(planned(entry), parquet)
    for (subject, trade), part in whole.items():
        own = dict.fromkeys((1, 2), 0)
        for (who, group, branch, _), one in found.items():
            if (who, group) == (subject, (trade,)):
                own[branch] += one
        assert own[1] % 2**64 == late.get((subject, trade), 0)
        assert sum(own.values()) % 2**64 == part


@pytest.mark.parametrize("declared", [True, False])
def test_a_row_is_what_its_key_says_or_all_of_its_columns(made: Made, declared: bool) -> None:
    rows = f"uscc,balance,trade,late\n{A},1.00,retail,true\n{B},2.00,retail,false\n"
    found = []
    for text in (rows, rows.replace("2.00", "3.00")):
        parquet, entry = made(text)
        if declared:
            key, *others = entry.columns
            single = key.model_copy(update={"rows_per_key": 1})
            entry = entry.model_copy(update={"columns": (single, *others)})
        found.append(parts_of(planned(entry), parquet))
    assert (found[0][B, "retail"] == found[1][B, "retail"]) == declared
    assert found[0][A, "retail"] == found[1][A, "retail"]


def test_what_a_catalogue_does_not_declare_is_refused_at_its_own_node(made: Made) -> None:
    parquet, entry = made(LOANS)
    narrow = tuple(
        one.model_copy(update={"domain": ("retail", "mining")}) if one.name == "trade" else one
        for one in entry.columns
    )
    plan = planned(entry.model_copy(update={"columns": narrow}))
    with pytest.raises(BadValue, match="'trade' has a value that its catalogue does not declare"):
        run_union(plan, "bank", parquet, receives=False)
    tight = tuple(
        one.model_copy(update={"maximum": one.minimum}) if one.name == "balance" else one
        for one in entry.columns
    )
    plan = planned(entry.model_copy(update={"columns": tight}))
    with pytest.raises(BadValue, match="outside of the bounds"):
        run_union(plan, "bank", parquet, receives=False)


def test_an_import_refuses_a_text_outside_of_its_domain(made: Made) -> None:
    with pytest.raises(BadValue):
        made(LOANS.replace("water", "fire"))
