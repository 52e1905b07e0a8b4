"""An owner's part of a query, run on a real snapshot: what comes out, and what never does."""

# The SQL is made up here.
# ruff: noqa: S608

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from contract.dataset import ColumnType
from contract.errors import (
    BadValue,
    Fault,
    MiheError,
    OurError,
    QueryTooLong,
    SeveralRows,
    SmallBranch,
    SnapshotChanged,
)
from contract.keys import BesideKind, KeyKind, combined
from federated.query.plan import GroupColumn, LocalPart, ValueColumn
from federated.query.planning import compile_statement
from federated.query.statement import by_name, parse
from node import snapshot
from node.local import run_local

TODAY = date(2026, 11, 1)
A, B, C = "91110000101623741K", "911101066976941872", "91110000600037341L"
LOANS = f"""uscc,balance,days,class,since,open
{C},-12.50,3,正常,2020-02-29,true
{A},1000.00,7,关注,2021-01-01,false
{B},,-1,,0001-01-01,true
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
level = 3
nullable = true
[[column]]
name = "days"
type = "integer"
level = 3
[[column]]
name = "class"
type = "text"
level = 3
nullable = true
[[column]]
name = "since"
type = "date"
level = 3
[[column]]
name = "open"
type = "boolean"
level = 3
"""

Made = Callable[[str], Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(rows: str) -> Path:
        (tmp_path / "loans.csv").write_text(rows, "utf-8")
        (tmp_path / "loans.toml").write_text(DESCRIPTION, "utf-8")
        snapshots = tmp_path / "snapshots"
        added = snapshot.add(tmp_path / "loans.toml", snapshots, org="bank", today=TODAY)
        return snapshot.files(snapshots, "loans", added.root).parquet

    return make


def part(sql: str, *values: ValueColumn, groups: int = 0, picks: int = 0) -> LocalPart:
    return LocalPart(
        org="bank",
        dataset="loans",
        key_column="uscc",
        key_kind=KeyKind.USCC,
        size=256,
        sql=f"SELECT 'uscc:' || uscc AS key{sql} FROM snapshot",
        groups=tuple(
            GroupColumn(name=f"g{i}", type=ColumnType.TEXT, decimals=0, nullable=True)
            for i in range(groups)
        ),
        values=values,
        picks=picks,
        uses={},
    )


def value(least: int, most: int, limbs: int = 1, limb_bits: int = 0) -> ValueColumn:
    return ValueColumn(
        kind="value", scale=0, least=least, most=most, limbs=limbs, limb_bits=limb_bits
    )


def test_keys_labels_and_values_stand_side_by_side(made: Made) -> None:
    sql = ", class AS g0, CAST(since AS TEXT) AS g1, CAST(open AS TEXT) AS g2"
    sql += ", coalesce(CAST(balance * 100 AS BIGINT), 0) AS v0, days AS v1"
    query = part(sql, value(-1250, 100000), value(-1, 7), groups=3)
    found = run_local(query, made(LOANS), k=1)
    assert list(found.keys) == [f"uscc:{key}".encode() for key in (A, C, B)]
    assert list(found.groups) == [
        ("关注", "2021-01-01", "false"),
        ("正常", "2020-02-29", "true"),
        (None, "0001-01-01", "true"),
    ]
    assert [column.tolist() for column in found.values] == [[100000, -1250, 0], [7, 3, -1]]
    assert all(column.dtype == np.int64 for column in found.values)


def test_limbs_add_up_to_the_value(made: Made) -> None:
    query = part(", CAST(days AS BIGINT) * 1000000007 AS v0", value(-(2**62), 2**62, 3, 27))
    found = run_local(query, made(LOANS), k=1)
    assert len(found.values) == 3
    low, middle, high = found.values
    assert (low + (middle << 27) + (high << 54)).tolist() == [7000000049, 3000000021, -1000000007]
    for limb in (low, middle):
        assert limb.min() >= 0
        assert limb.max() < 2**27


def test_no_rows_are_a_part_too(made: Made) -> None:
    found = run_local(
        part(", class AS g0, days AS v0", value(0, 1), groups=1), made(LOANS[:35]), k=1
    )
    assert (list(found.keys), list(found.groups)) == ([], [])
    assert [column.tolist() for column in found.values] == [[]]


def test_one_key_has_one_row(made: Made) -> None:
    rows = LOANS + f"{A.lower()},2.00,1,关注,2021-01-01,false\n"
    with pytest.raises(SeveralRows) as refused:
        run_local(part(""), made(rows), k=1)
    assert "(SELECT uscc, SUM(column) AS column FROM bank.loans GROUP BY uscc)" in refused.value.fix
    assert A not in str(refused.value)


@pytest.mark.parametrize(("least", "most"), [(-1, 6), (0, 7)])
def test_values_are_within_the_bounds_of_the_proof(least: int, most: int, made: Made) -> None:
    with pytest.raises(BadValue) as refused:
        run_local(part(", CAST(days AS BIGINT) AS v0", value(least, most)), made(LOANS), k=1)
    assert "7" not in refused.value.what


def test_what_takes_too_long_is_stopped(made: Made) -> None:
    endless = " FROM range(1000000000000) AS many(one) GROUP BY ALL UNION ALL SELECT uscc"
    query = part("").model_copy(
        update={"sql": f"SELECT CAST(sum(one % 7) AS TEXT) AS key{endless} FROM snapshot"}
    )
    with pytest.raises(QueryTooLong, match="takes too long"):
        run_local(query, made(LOANS), seconds=0.2, k=1)


@pytest.mark.parametrize(
    "reach",
    [
        "FROM read_text('/etc/hostname')",
        "FROM read_csv('{folder}/loans.csv')",
        "FROM glob('/*')",
        "FROM duckdb_secrets()) , (SELECT 1 AS key FROM 'x.parquet'",
    ],
)
def test_nothing_but_the_snapshot_is_reached(reach: str, made: Made) -> None:
    parquet = made(LOANS)
    sql = f"SELECT 'x' AS key FROM (SELECT 1 {reach.format(folder=parquet.parents[2])})"
    with pytest.raises(MiheError) as refused:
        run_local(part("").model_copy(update={"sql": sql}), parquet, k=1)
    assert isinstance(refused.value, OurError)
    assert "etc" not in str(refused.value)


def test_a_snapshot_that_is_gone_is_said_to_be(made: Made) -> None:
    parquet = made(LOANS)
    parquet.unlink()
    with pytest.raises(SnapshotChanged):
        run_local(part(""), parquet, k=1)


def test_what_is_added_up_picks_none_or_enough(made: Made) -> None:
    query = part(", CASE WHEN days > 4 THEN 1 ELSE 2 END AS p0", picks=1)
    assert len(run_local(query, made(LOANS), k=1).keys) == 3
    with pytest.raises(SmallBranch) as refused:
        run_local(query, made(LOANS), k=2)
    assert refused.value.rule == "k = 2"
    assert refused.value.fault is Fault.DATA
    nobody = part(", CASE WHEN days > 99 THEN 1 ELSE 2 END AS p0", picks=1)
    assert len(run_local(nobody, made(LOANS), k=3).keys) == 3


def test_a_key_whose_rows_take_several_branches_counts_in_each(made: Made) -> None:
    query = part(", CASE WHEN days > 4 THEN 3 ELSE 2 END AS p0", picks=1)
    with pytest.raises(SmallBranch):
        run_local(query, made(LOANS), k=2)
    query = part(", 3 AS p0", picks=1)
    assert len(run_local(query, made(LOANS), k=3).keys) == 3


@pytest.mark.parametrize("bit", [0, 7, 8, 61])
def test_the_branches_that_keys_take_come_in_the_order_of_keys(made: Made, bit: int) -> None:
    query = part(f", (days < 7)::BIGINT << {bit} AS p0", picks=1)
    (taken,) = run_local(query, made(LOANS), k=1).taken
    assert taken.tolist() == [0, 1 << bit, 1 << bit]


def test_a_key_of_several_columns_is_written_as_every_owner_writes_it(tmp_path: Path) -> None:
    key = '[[key]]\ncolumns = ["uscc", "days", "class", "since", "open"]\n'
    (tmp_path / "loans.csv").write_text(
        f'{LOANS}{A},0.00,-9,"it\'s, 5:",9999-12-31,false\n', "utf-8"
    )
    description = DESCRIPTION.replace("level = 2", "level = 2\nrows_per_key = 2")
    (tmp_path / "loans.toml").write_text(description + key, "utf-8")
    added = snapshot.add(tmp_path / "loans.toml", tmp_path / "of", org="bank", today=TODAY)
    parquet = snapshot.files(tmp_path / "of", "loans", added.root).parquet
    other = added.entry.model_copy(update={"org": "tax"})
    statement = parse(
        "SELECT COUNT(*) FROM bank.loans AS b JOIN tax.loans AS t"
        " USING (open, uscc, days, class, since)",
        by_name([added.entry, other]),
    )
    bank, _ = compile_statement(statement, receivers=["bank"], k=1).owners
    kinds = [BesideKind.BOOLEAN, BesideKind.INTEGER, BesideKind.TEXT, BesideKind.DATE]
    written = [
        (C, "true", "3", "正常", "2020-02-29"),
        (A, "false", "7", "关注", "2021-01-01"),
        (A, "false", "-9", "it's, 5:", "9999-12-31"),
    ]
    # The row that has no class has no key.
    assert sorted(run_local(bank, parquet, k=1).keys) == sorted(
        combined([(KeyKind.USCC, one), *zip(kinds, rest, strict=True)]) for one, *rest in written
    )
