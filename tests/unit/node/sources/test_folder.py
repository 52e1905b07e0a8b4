"""Folders of files: what counts, in which order, and what each refusal names."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from contract.dataset import Description, Snapshot
from contract.errors import BadSetting, BadValue, InvalidKey, MissingColumn, UnreadableSource
from contract.toml import parse
from node.sources import folder
from tests.unit.node.importing import (
    BALANCE,
    EVERY_ROW,
    EVERY_TYPE,
    KEY,
    WRONG_CHECK,
    A,
    B,
    C,
    Owner,
    one_column,
    quality,
)

MONTH = 'name = "month"\ntype = "period"\nlevel = 2'


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    (tmp_path / "loans").mkdir()
    return Owner(tmp_path)


def put(owner: Owner, name: str, content: str) -> Path:
    file = owner.folder / "loans" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, "utf-8")
    return file


def put_parquet(owner: Owner, name: str, query: str) -> Path:
    file = owner.folder / "loans" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
    return file


def add(owner: Owner, *columns: str, top: str = "") -> Snapshot:
    return owner.add(*columns, source="loans", top=top)


# ── what is read ────────────────────────────────────────────────────────────────────────────────


def test_a_folder_of_parquet_is_its_files_one_after_the_other(owner: Owner) -> None:
    put_parquet(owner, "b.parquet", f"SELECT '{B}' AS uscc, 2::DECIMAL(9, 2) AS balance")
    put_parquet(owner, "a.parquet", f"SELECT 1::DECIMAL(18, 2) AS balance, 7 AS x, '{A}' AS uscc")
    put_parquet(owner, "c/d.parquet", f"SELECT '{C}' AS uscc, '3.5' AS balance")
    rows = [(A, Decimal(1)), (B, Decimal(2)), (C, Decimal("3.5"))]
    assert owner.rows(add(owner, KEY, BALANCE)) == rows


def test_a_folder_gives_the_rows_that_one_file_gives(owner: Owner) -> None:
    names = "uscc,贷款余额,count,状态,note,since,month,open"
    lines = [
        f'{A},-12.50,-7,正常,"a, ""b""\nc",2024-02-29,202510,true',
        f"{B},,{2**63 - 1},关注,,0001-01-01,199912,false",
    ]
    for number, line in enumerate(lines):
        put(owner, f"{number}.csv", f"\ufeff{names}\n{line}\n")
    assert owner.rows(add(owner, *EVERY_TYPE)) == list(EVERY_ROW)


def test_the_order_in_which_files_are_made_changes_nothing(owner: Owner) -> None:
    commitments = []
    for names in (("a", "b", "c"), ("c", "a", "b")):
        for name in names:
            rows = f"SELECT '{name}' || range AS x FROM range(5000)"  # noqa: S608
            put_parquet(owner, f"{name}.parquet", rows)
        added = add(owner, one_column("text"))
        commitments.append(owner.files(added).parquet.read_bytes())
        for name in names:
            (owner.folder / "loans" / f"{name}.parquet").unlink()
    assert commitments[0] == commitments[1]


def test_folders_named_after_a_column_give_its_value(owner: Owner) -> None:
    put(owner, "month=202510/部门=%E8%B4%B7%2F1/1.csv", f"uscc\n{A}\n")
    put(owner, "month=202511/部门=__HIVE_DEFAULT_PARTITION__/1.csv", f"uscc\n{B}\n")
    office = 'name = "office"\nsource = "部门"\ntype = "text"\nlevel = 1\nnullable = true'
    assert owner.rows(add(owner, KEY, MONTH, office)) == [(A, 202510, "贷/1"), (B, 202511, None)]


def test_what_spark_leaves_beside_the_data_is_no_data(owner: Owner) -> None:
    put_parquet(owner, "part-0.parquet", f"SELECT '{A}' AS uscc")
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_temporary/x.parquet", ".git/y.parquet"):
        put(owner, name, "x")
    assert owner.rows(add(owner, KEY)) == [(A,)]


def test_the_folder_itself_may_be_a_link(owner: Owner) -> None:
    put(owner, "1.csv", f"uscc\n{A}\n")
    (owner.folder / "newest").symlink_to("loans")
    assert owner.rows(owner.add(KEY, source="newest")) == [(A,)]


def test_copies_for_the_encoding_are_made_file_by_file(owner: Owner) -> None:
    for number, word in enumerate(("正常", "关注")):
        put(owner, f"{number}.csv", "").write_bytes(f"x\n{word}\n".encode("gb18030"))
    added = add(owner, one_column("text"), top='encoding = "gb18030"')
    assert owner.rows(added) == [("正常",), ("关注",)]


# ── what is refused, and by which name ──────────────────────────────────────────────────────────


def test_an_empty_folder_is_refused(owner: Owner) -> None:
    put(owner, "_SUCCESS", "")
    with pytest.raises(UnreadableSource, match=r"without a \.csv or \.parquet file"):
        add(owner, KEY)


def test_other_files_are_not_passed_over(owner: Owner) -> None:
    put(owner, "1.csv", f"uscc\n{A}\n")
    put(owner, "2.csv.gz", "x")
    with pytest.raises(UnreadableSource, match=r"neither a \.csv nor a \.parquet"):
        add(owner, KEY)


def test_two_formats_side_by_side_are_refused(owner: Owner) -> None:
    put(owner, "1.csv", f"uscc\n{A}\n")
    put_parquet(owner, "1.parquet", f"SELECT '{A}' AS uscc")
    with pytest.raises(UnreadableSource, match=r"both \.csv and \.parquet"):
        add(owner, KEY)


@pytest.mark.parametrize("inside", [True, False])
def test_a_link_in_the_folder_is_refused(owner: Owner, tmp_path: Path, inside: bool) -> None:
    file = put(owner, "1.csv", f"uscc\n{A}\n")
    outside = tmp_path / "elsewhere.csv"
    outside.write_text(f"uscc\n{B}\n")
    (owner.folder / "loans" / "2.csv").symlink_to(file if inside else outside)
    with pytest.raises(UnreadableSource, match="holds a symbolic link"):
        add(owner, KEY)


def test_a_pipe_is_refused_and_not_waited_for(owner: Owner) -> None:
    os.mkfifo(owner.folder / "loans" / "1.csv")
    with pytest.raises(UnreadableSource, match="what is not one"):
        add(owner, KEY)


def test_a_file_without_a_column_is_named_with_it(owner: Owner) -> None:
    put_parquet(owner, "a.parquet", f"SELECT '{A}' AS uscc, '1' AS balance")
    put_parquet(owner, "month=1/b.parquet", f"SELECT '{A}' AS uscc, '1' AS balanse")
    with pytest.raises(
        MissingColumn, match=r"file 'month=1/b\.parquet' of loans has no column 'balance'"
    ):
        add(owner, KEY, BALANCE)


def test_a_file_with_another_type_is_named_with_the_column(owner: Owner) -> None:
    put_parquet(owner, "a.parquet", "SELECT '1' AS x")
    put_parquet(owner, "b.parquet", "SELECT 1::DOUBLE AS x")
    with pytest.raises(BadValue, match=r"column 'x'.* stored as DOUBLE.* file 'b\.parquet'"):
        add(owner, one_column("decimal", "decimals = 2"))


def test_a_column_in_a_file_and_in_its_folders_name_is_refused(owner: Owner) -> None:
    put(owner, "month=202510/1.csv", f"uscc,month\n{A},202511\n")
    with pytest.raises(UnreadableSource, match=r"1\.csv' of loans has two columns named 'month'"):
        add(owner, KEY, MONTH)


def test_a_damaged_file_is_named(owner: Owner) -> None:
    put(owner, "a.csv", f"uscc\n{A}\n")
    put(owner, "b.csv", f"uscc\n{A}\n{B},{C}\n")
    with pytest.raises(UnreadableSource, match=r"file 'b\.csv' of loans is .*: data row 2 can't"):
        add(owner, KEY)


def test_bad_rows_are_numbered_within_their_file(owner: Owner) -> None:
    put(owner, "a.csv", f"uscc\n{A}\n{WRONG_CHECK}\n")
    put(owner, "b.csv", "uscc\n")
    put(owner, "c.csv", f"uscc\n{WRONG_CHECK}\n{A}\n")
    where = r"first in data row 2 of file 'a\.csv' of loans, data row 1 of file 'c\.csv' of loans"
    with pytest.raises(InvalidKey, match=where):
        add(owner, KEY)
    added = add(owner, KEY, top='invalid_keys = "warn"\nduplicates = "keep"')
    found = quality(added, "uscc")
    assert found.invalid_rows == (2, 1)
    assert found.invalid_in == ("file 'a.csv' of loans", "file 'c.csv' of loans")


def test_a_name_that_looks_like_a_key_is_not_said(owner: Owner) -> None:
    put(owner, f"企业={A}/1.csv", "x\n")
    with pytest.raises(MissingColumn, match="file 1 of loans") as refused:
        add(owner, KEY)
    assert A not in str(refused.value)


def test_an_encoding_of_parquet_is_refused(owner: Owner) -> None:
    put_parquet(owner, "a.parquet", "SELECT '1' AS x")
    with pytest.raises(BadSetting, match="CSV files only"):
        add(owner, one_column("text"), top='encoding = "gb18030"')


def test_more_files_than_anybody_reads_are_refused(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_MOST_FILES", 3)
    for number in range(4):
        put(owner, f"{number}.csv", f"uscc\n{A}\n")
    with pytest.raises(UnreadableSource, match="more than 3 files"):
        add(owner, KEY)


@pytest.mark.parametrize("change", ["grows", "comes", "goes", "is replaced"])
def test_what_changes_while_it_is_read_is_refused(owner: Owner, change: str) -> None:
    file = put(owner, "1.csv", f"uscc\n{A}\n")
    described = owner.describe(KEY, source="loans")
    description = parse(Description, described.read_text("utf-8"), "loans.toml")
    found = folder.files_of(description, owner.folder, owner.folder)
    changes: dict[str, Callable[[], object]] = {
        "grows": lambda: file.write_text(f"uscc\n{A}\n{B}\n"),
        "comes": lambda: put(owner, "2.csv", f"uscc\n{B}\n"),
        "goes": file.unlink,
        "is replaced": lambda: put(owner, ".new", file.read_text()).replace(file),
    }
    with found.opened():
        pass
    reading = ExitStack()
    reading.enter_context(found.opened())
    changes[change]()
    with pytest.raises(UnreadableSource, match="changed while it was read"):
        reading.close()
