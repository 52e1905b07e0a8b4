"""Import of datasets: every rule of a source, and what each error may say."""

import csv
import json
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.dataset import KeyFound, Snapshot
from contract.errors import (
    BadSetting,
    BadValue,
    DuplicateRows,
    InvalidKey,
    MiheError,
    MissingColumn,
    UnknownSetting,
    UnreadableSource,
)
from contract.keys import LENGTH
from node import snapshot
from tests.unit.node.importing import (
    BALANCE,
    EVERY_ROW,
    EVERY_TYPE,
    KEY,
    TODAY,
    WRONG_CHECK,
    A,
    B,
    C,
    Owner,
    one_column,
    quality,
)


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


# ── what an import gives ────────────────────────────────────────────────────────────────────────


def test_each_type_is_read_as_declared(owner: Owner) -> None:
    added = owner.add_csv(
        "月份,uscc,贷款余额,count,状态,note,since,month,open\n"
        f'x,{A},-12.5,-7,正常,"a, ""b""\nc",2024-02-29,202510,true\n'
        f'x,{B},,{2**63 - 1},关注,"",0001-01-01,199912,false\n',
        *EVERY_TYPE,
    )
    assert owner.rows(added) == list(EVERY_ROW)
    assert added.report.rows_read == added.report.rows_kept == 2
    assert quality(added, "balance").nulls == 1
    assert quality(added, "uscc").distinct_keys == 2
    assert snapshot.current(owner.snapshots, "loans") == added
    assert snapshot.datasets(owner.snapshots) == (added,)


def test_csv_and_parquet_give_the_same_rows(owner: Owner) -> None:
    rows = (
        f"('{A}', CAST(-12.5 AS DECIMAL(18, 4)), CAST(-7 AS BIGINT), '正常', 'a, \"b\"\nc', "
        "DATE '2024-02-29', CAST(202510 AS INTEGER), true), "
        f"('{B}', NULL, 9223372036854775807, '关注', '', DATE '0001-01-01', 199912, false)"
    )
    owner.write_parquet(
        f'FROM (VALUES {rows}) t(uscc, "贷款余额", "count", "状态", note, since, "month", "open")'
    )
    added = owner.add(*EVERY_TYPE, source="loans.parquet")
    assert owner.rows(added) == list(EVERY_ROW)


def test_the_catalogue_entry_says_a_padded_size_and_no_count(owner: Owner) -> None:
    many = "".join(f"{A},{n}.00\n" for n in range(300))
    added = owner.add_csv(f"uscc,balance\n{many}{B},1.00\n", KEY, BALANCE, top='title = "Loans"')
    entry = added.entry
    assert (entry.org, entry.name, entry.title, entry.refreshed) == (
        "bank_a",
        "loans",
        "Loans",
        TODAY,
    )
    assert [column.size for column in entry.columns] == [256, None]
    assert entry.columns[1].decimals == 2


def test_a_column_is_padded_to_what_its_owner_says(owner: Owner) -> None:
    padded = f"{KEY}\npadded_to = 10_000"
    added = owner.add_csv(f"uscc,balance\n{A},1.00\n", padded, BALANCE)
    assert [column.size for column in added.entry.columns] == [10_240, None]


def test_more_keys_than_a_column_is_padded_to_are_refused(owner: Owner) -> None:
    padded = f"{KEY}\npadded_to = 1"
    owner.add_csv(f"uscc,balance\n{A},1.00\n", padded, BALANCE)
    with pytest.raises(BadValue, match="2 different keys, and is to be padded to 1"):
        owner.add_csv(f"uscc,balance\n{A},1.00\n{B},1.00\n", padded, BALANCE)


def test_only_a_key_column_is_padded(owner: Owner) -> None:
    with pytest.raises(BadSetting, match="`padded_to` stands with type = 'key' only"):
        owner.add_csv(f"uscc,balance\n{A},1.00\n", KEY, f"{BALANCE}\npadded_to = 300")


MONTH = 'name = "month"\ntype = "period"\nlevel = 1\nnullable = true'
MONTHLY = '[[key]]\ncolumns = ["uscc", "month"]\n'
MONTHS = f"uscc,month\n{A},202401\n{A},202402\n{A},202402\n{B},202401\n{B},\n{B},\n"
KEPT_TWICE = 'duplicates = "keep"'


def keyed(owner: Owner, key: str, rows: str = MONTHS) -> Snapshot:
    return owner.add_csv(rows, KEY, f"{MONTH}\n{key}", top=KEPT_TWICE)


def test_a_key_of_several_columns_is_counted_where_no_part_is_missing(owner: Owner) -> None:
    added = keyed(owner, f"{MONTHLY}rows_per_key = 2")
    length = len(b"tuple:23:uscc:,13:period:202401,") + LENGTH
    found = KeyFound(columns=("uscc", "month"), distinct_keys=3, key_bytes=4 * length)
    assert added.report.keys == (found,)
    assert added.report.key_bytes(["month", "uscc"]) == 4 * length
    assert added.report.key_bytes(["uscc"]) is None
    (told,) = added.entry.keys or ()
    assert (told.columns, told.size, told.rows_per_key) == (("uscc", "month"), 256, 2)
    assert added.entry.key_of(["month", "uscc"]) == told
    assert keyed(owner, "").entry.schema_digest != added.entry.schema_digest


def test_the_size_of_such_a_key_is_no_part_of_the_schema(owner: Owner) -> None:
    small, large = keyed(owner, MONTHLY), keyed(owner, f"{MONTHLY}padded_to = 300")
    assert [one.size for snap in (small, large) for one in snap.entry.keys or ()] == [256, 320]
    assert small.entry.schema_digest == large.entry.schema_digest


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("rows_per_key = 1", "'uscc', 'month' of loans: 1 key with more rows than rows_per_key"),
        ("padded_to = 2", "key uscc, month has 3 different keys, and is to be padded to 2"),
    ],
)
def test_such_a_key_is_held_to_what_its_owner_declares(owner: Owner, more: str, what: str) -> None:
    with pytest.raises(BadValue, match=what) as refused:
        keyed(owner, f"{MONTHLY}{more}")
    assert A not in str(refused.value)


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        (["uscc", "monht"], "names columns of the dataset, each once"),
        (["uscc", "uscc"], "names columns of the dataset, each once"),
        (["balance", "uscc"], "a decimal is no part of a key"),
        (["month", "note"], "at least one with type = 'key'"),
    ],
)
def test_which_columns_are_a_key_together(owner: Owner, columns: list[str], what: str) -> None:
    key = f"[[key]]\ncolumns = {json.dumps(columns)}"
    note = 'name = "note"\ntype = "text"\nlevel = 1'
    with pytest.raises(BadSetting, match=what):
        owner.add_csv("uscc,month,note,balance\n", KEY, MONTH, note, f"{BALANCE}\n{key}")


def test_two_keys_are_of_different_columns(owner: Owner) -> None:
    with pytest.raises(BadSetting, match="two keys are of the same columns"):
        keyed(owner, f'{MONTHLY}[[key]]\ncolumns = ["month", "uscc"]')


@pytest.mark.parametrize(
    "raw",
    [
        "".join(chr(ord(letter) + 0xFEE0) for letter in A),
        "91110000600037341l",
        " 911100006000 37341L  ",
        "9111-0000-6000-3734-1L",
        "\u200b91110000600037341L",
    ],
    ids=["full width", "lower case", "blanks", "dashes", "zero width"],
)
def test_dirty_keys_are_canonical_in_the_snapshot(owner: Owner, raw: str) -> None:
    added = owner.add_csv(f"uscc,balance\n{raw},1.00\n{A},2.00\n", KEY, BALANCE)
    assert [row[0] for row in owner.rows(added)] == [A, A]
    assert quality(added, "uscc").distinct_keys == 1


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeffuscc,balance\n{A},1.00\n",
        f'\ufeff"uscc","balance"\r\n"{A}","1.00"\r\n',
        f"balance,extra,uscc\n1.00,ignored,{A}",
        f"uscc,balance\n\n{A},1.00\n\n",
        f'"uscc",balance,"two\nlines"\n{A},1.00,\n',
    ],
    ids=["BOM", "BOM, quotes and CRLF", "another order", "blank lines", "line break in header"],
)
def test_csv_as_it_comes(owner: Owner, content: str) -> None:
    assert owner.rows(owner.add_csv(content, KEY, BALANCE)) == [(A, Decimal("1.00"))]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk"])
def test_gb18030_is_read_where_it_is_declared(owner: Owner, encoding: str) -> None:
    columns = ("note = 备注", "状态")
    described = [
        f'name = "c{i}"\nsource = "{name}"\ntype = "text"\nlevel = 2'
        for i, name in enumerate(columns)
    ]
    rows = [(f"第{n}笔，贷款", "正常" * (n % 50)) for n in range(1, 40_000)]
    text = f"{','.join(columns)}\n" + "".join(f'"{note}",{state or "无"}\n' for note, state in rows)
    added = owner.add_csv(text.encode(encoding), *described, top='encoding = "gb18030"')
    assert owner.rows(added) == [(note, state or "无") for note, state in rows]


@pytest.mark.parametrize("raw", [b"x\n\x80\xff\n", b"x\n" + b"a\n" * 10**6 + b"\x81"])
def test_what_is_not_gb18030_is_refused(owner: Owner, raw: bytes) -> None:
    with pytest.raises(UnreadableSource, match=r"is not GB 18030 text .*rule=encoding"):
        owner.add_csv(raw, one_column("text"), top='encoding = "gb18030"')


def test_a_header_alone_is_an_empty_dataset(owner: Owner) -> None:
    added = owner.add_csv("uscc,balance\n", KEY, BALANCE)
    assert owner.rows(added) == []
    assert added.entry.columns[0].size == 256


def test_columns_may_be_named_like_anything_of_ours(owner: Owner) -> None:
    names = ("raw", "text", "found", "select", "texts_uscc", "kept", "row", "file_row_number")
    columns = [f'name = "{name}"\ntype = "text"\nlevel = 1' for name in names]
    added = owner.add_csv(f"uscc,{','.join(names)}\n{A},{','.join(names)}\n", KEY, *columns)
    assert owner.rows(added) == [(A, *names)]


def test_paths_may_hold_what_a_glob_or_sql_would_read(tmp_path: Path) -> None:
    folder = tmp_path / "x=1 [a]*? it's"
    folder.mkdir()
    owner = Owner(folder)
    added = owner.add_csv(f"uscc,balance\n{A},1.00\n", KEY, BALANCE)
    assert owner.rows(added) == [(A, Decimal("1.00"))]


def test_rows_keep_the_order_of_the_file(owner: Owner) -> None:
    lines = "".join(f'{n}.00,"line\n{n}"\n' for n in range(250_000))
    added = owner.add_csv(f"balance,x\n{lines}", BALANCE, one_column("text"))
    expected = [(Decimal(n), f"line\n{n}") for n in range(250_000)]
    assert owner.rows(added) == expected


# ── values ──────────────────────────────────────────────────────────────────────────────────────

LARGEST = "9" * 36 + ".99"


@pytest.mark.parametrize(
    ("type_", "more", "text", "value"),
    [
        ("decimal", "decimals = 2", "100000000000000000.99", Decimal("100000000000000000.99")),
        ("decimal", "decimals = 2", LARGEST, Decimal(LARGEST)),
        ("decimal", "decimals = 2", f"-{LARGEST}", Decimal(f"-{LARGEST}")),
        ("decimal", "decimals = 2", "000012.3", Decimal("12.30")),
        ("decimal", "decimals = 2", "1.230000", Decimal("1.23")),
        ("decimal", "decimals = 0", "5.0", Decimal(5)),
        ("decimal", "decimals = 18", "0.000000000000000001", Decimal("1E-18")),
        ("decimal", "decimals = 2", "-0.01", Decimal("-0.01")),
        ("integer", "", str(-(2**63)), -(2**63)),
        ("integer", "", "007", 7),
        ("text", "", " 007 ", " 007 "),
        ("text", "", "NULL", "NULL"),
        ("text", "", "#1", "#1"),
        ("text", 'codes = ["it\'s", "b"]', "it's", "it's"),
        ("period", "", "202512", 202512),
        ("date", "", "9999-12-31", date(9999, 12, 31)),
    ],
)
def test_values_are_exact(owner: Owner, type_: str, more: str, text: str, value: object) -> None:
    added = owner.add_csv(f"x,y\n{text},\n", one_column(type_, more))
    assert owner.rows(added) == [(value,)]


@pytest.mark.parametrize(
    ("type_", "more", "text"),
    [
        ("decimal", "decimals = 2", "1.005"),
        ("decimal", "decimals = 2", "1e3"),
        ("decimal", "decimals = 2", "+1.00"),
        ("decimal", "decimals = 2", "1."),
        ("decimal", "decimals = 2", ".5"),
        ("decimal", "decimals = 2", '"1,000.00"'),
        ("decimal", "decimals = 2", " 1.00"),
        ("decimal", "decimals = 2", "１.00"),
        ("decimal", "decimals = 2", f"9{LARGEST}"),
        ("decimal", "decimals = 2", "NaN"),
        ("decimal", "decimals = 2", "Infinity"),
        ("decimal", "decimals = 2", '"1.00\n"'),
        ("decimal", "decimals = 0", "5.1"),
        ("integer", "", str(2**63)),
        ("integer", "", "1.0"),
        ("integer", "", "1_000"),
        ("integer", "", "0x10"),
        ("integer", "", "1E3"),
        ("text", 'codes = ["正常"]', "正常 "),
        ("text", "", ""),
        ("date", "", "2023-02-29"),
        ("date", "", "2023/02/01"),
        ("date", "", "0000-01-01"),
        ("date", "", "infinity"),
        ("date", "", "2023-02-01 00:00:00"),
        ("period", "", "202513"),
        ("period", "", "202500"),
        ("period", "", "2025-10"),
        ("boolean", "", "1"),
        ("boolean", "", "TRUE"),
    ],
)
def test_what_is_not_exactly_the_declared_type_is_refused(
    owner: Owner, type_: str, more: str, text: str
) -> None:
    good = {"decimal": "1.00", "text": "正常", "date": "2025-01-01", "period": "202501"}
    content = f"x,y\n{good.get(type_, 'true' if type_ == 'boolean' else '1')},\n{text},\n"
    if more == "decimals = 0":
        content = content.replace("1.00,", "1,")
    with pytest.raises(BadValue) as refused:
        owner.add_csv(content, one_column(type_, more))
    assert "column 'x' of loans: 1 row without" in refused.value.what
    assert refused.value.what.endswith("first in data rows 2")
    assert refused.value.party == "bank_a"


def test_a_refusal_names_count_rows_and_each_column(owner: Owner) -> None:
    content = "x,y\n" + "1,\n" * 20 + ",a\n" + "b,a\n" * 15
    with pytest.raises(BadValue) as refused:
        owner.add_csv(content, one_column("integer"), one_column("boolean").replace('"x"', '"y"'))
    first, second = refused.value.what.split("; ")
    assert first.startswith("column 'x' of loans: 16 rows without a whole number")
    assert "(1 empty), first in data rows 21, 22, 23, 24, 25, 26, 27, 28, 29, 30" in first
    assert second.startswith("column 'y' of loans: 36 rows without true or false (20 empty)")


@pytest.mark.parametrize("stored", ["DOUBLE", "FLOAT", "TIMESTAMP", "BLOB", "DECIMAL(9, 2)[]"])
def test_a_parquet_type_that_is_not_exact_is_refused(owner: Owner, stored: str) -> None:
    owner.write_parquet(f"SELECT CAST(NULL AS {stored}) AS x")
    with pytest.raises(BadValue, match=f"is stored as {stored[:3]}"):
        owner.add(one_column("decimal", "decimals = 2\nnullable = true"), source="loans.parquet")


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def test_strict_refuses_a_file_with_invalid_keys(owner: Owner) -> None:
    content = f"uscc,balance\n{A},1.00\n{WRONG_CHECK},1.00\n,1.00\n{WRONG_CHECK},1.00\n"
    with pytest.raises(InvalidKey) as refused:
        owner.add_csv(content, KEY, BALANCE)
    assert refused.value.what == (
        "column 'uscc' of loans: 3 rows without a valid key (check character: 2, empty: 1), "
        "first in data rows 2, 3, 4"
    )


def test_warn_leaves_such_rows_out_and_counts_them(owner: Owner) -> None:
    content = f"uscc,balance\n{A},1.00\n{WRONG_CHECK},2.00\nx,3.00\n{B},4.00\n"
    added = owner.add_csv(content, KEY, BALANCE, top='invalid_keys = "warn"')
    assert owner.rows(added) == [(A, Decimal(1)), (B, Decimal(4))]
    found = quality(added, "uscc")
    assert (added.report.rows_read, added.report.rows_kept) == (4, 2)
    assert (found.invalid, found.invalid_rows) == (2, (2, 3))
    assert found.reasons == {"check character": 1, "length": 1}


def test_a_row_needs_every_key(owner: Owner) -> None:
    second = KEY.replace('"uscc"', '"payer"', 1)
    content = f"uscc,payer\n{A},x\n{B},{C}\nx,{A}\n"
    added = owner.add_csv(content, KEY, second, top='invalid_keys = "warn"')
    assert owner.rows(added) == [(B, C)]
    assert quality(added, "payer").distinct_keys == 1


# ── duplicates ──────────────────────────────────────────────────────────────────────────────────

REPEATED = f"uscc,balance\n{A},1.00\n{B},2.00\n{A.lower()},1.0\n{A},1.01\n{B},2.00\n{B},2.00\n"


def test_rows_that_repeat_another_entirely_are_refused(owner: Owner) -> None:
    with pytest.raises(DuplicateRows, match=r"3 rows of loans .* first in data rows 3, 5, 6"):
        owner.add_csv(REPEATED, KEY, BALANCE)


@pytest.mark.parametrize(("mode", "kept"), [("keep", 6), ("first", 3)])
def test_duplicates_are_kept_or_left_out_and_counted(owner: Owner, mode: str, kept: int) -> None:
    added = owner.add_csv(REPEATED, KEY, BALANCE, top=f'duplicates = "{mode}"')
    rows = [(A, "1.00"), (B, "2.00"), (A, "1.00"), (A, "1.01"), (B, "2.00"), (B, "2.00")]
    expected = rows if mode == "keep" else [rows[0], rows[1], rows[3]]
    assert [(key, str(balance)) for key, balance in owner.rows(added)] == expected
    assert (added.report.duplicate_rows, added.report.rows_kept) == (3, kept)


def test_rows_alike_in_their_nulls_are_duplicates(owner: Owner) -> None:
    with pytest.raises(DuplicateRows):
        owner.add_csv("x,y\n,\n,a\n", one_column("text", "nullable = true"))


# ── files that can't be read ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "has no header"),
        (b"\n\nuscc,balance\n", "has no header"),
        (f"uscc,balance\n{A},1.00\n{A}\n".encode(), "data row 2 can't be read"),
        (f"uscc,balance\n{A},1.00,2,3\n".encode(), "data row 1 can't be read"),
        (f'uscc,balance\n{A},"1.00\n'.encode(), "data row 1 can't be read"),
        (f"uscc,balance,x\n{A},1.00,贷款\n".encode("gb18030"), "is not UTF-8"),
        (f"uscc,balance\n{A},1.00\n".encode("utf-16"), "is not UTF-8"),
        (b"uscc,balance\n" + f"{A},1\n".encode() * 100_000 + b"\xff\n", "is not UTF-8"),
        (f"uscc,uscc,balance\n{A},{A},1.00\n".encode(), "has two columns named 'uscc'"),
    ],
)
def test_an_unreadable_csv_is_refused(owner: Owner, content: bytes, what: str) -> None:
    with pytest.raises(UnreadableSource, match=what):
        owner.add_csv(content, KEY, BALANCE)


@pytest.mark.parametrize("source", ["absent.csv", "absent.parquet", "absent", "loop.csv"])
def test_an_absent_source_is_refused(owner: Owner, source: str) -> None:
    (owner.folder / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(UnreadableSource, match="is not there"):
        owner.add(KEY, source=source)


def test_a_source_of_another_format_is_refused(owner: Owner) -> None:
    (owner.folder / "loans.xlsx").touch()
    with pytest.raises(UnreadableSource, match=r"neither a \.csv nor a \.parquet"):
        owner.add(KEY, source="loans.xlsx")


@pytest.mark.parametrize("damage", ["empty", "no Parquet", "footer cut", "a page overwritten"])
def test_a_damaged_parquet_is_refused(owner: Owner, damage: str) -> None:
    owner.write_parquet("SELECT hash(range)::VARCHAR AS x FROM range(9999)")
    file = owner.folder / "loans.parquet"
    whole = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "no Parquet": b"uscc,balance\n" * 9,
            "footer cut": whole[:-99],
            "a page overwritten": whole[:5000] + b"\xff" * 200 + whole[5200:],
        }[damage]
    )
    with pytest.raises(UnreadableSource, match="is not a Parquet file, or is damaged"):
        owner.add(one_column("text"), source="loans.parquet")


def test_a_missing_column_is_named_with_the_nearest(owner: Owner) -> None:
    with pytest.raises(MissingColumn, match=r"no column 'balance'\. Did you mean 'balanse'\?"):
        owner.add_csv(f"uscc,balanse\n{A},1.00\n", KEY, BALANCE)


def test_the_first_row_of_a_file_without_header_is_not_quoted(owner: Owner) -> None:
    near = 'name = "x"\nsource = "浙江某某有限公司"\ntype = "text"\nlevel = 2'
    with pytest.raises(MissingColumn) as refused:
        owner.add_csv(f"浙江某甲有限公司,{A}\n浙江某乙有限公司,{B}\n", near, KEY)
    assert "某甲" not in str(refused.value)
    with pytest.raises(MissingColumn, match="Did you mean 'USCC'"):
        owner.add_csv(f"USCC\n{A}\n", KEY)


def test_a_key_in_the_header_is_not_suggested(owner: Owner) -> None:
    near = f'name = "x"\nsource = "{A[:-1]}"\ntype = "text"\nlevel = 2'
    with pytest.raises(MissingColumn) as refused:
        owner.add_csv(f"uscc,{A}\n{A},x\n", KEY, near)
    assert A not in str(refused.value)


def test_a_description_is_checked_first(owner: Owner) -> None:
    with pytest.raises(UnknownSetting, match=r"loans\.toml:\d+"):
        owner.add(KEY + "\nlevle = 3")
    with pytest.raises(BadSetting, match=r"absent\.toml"):
        snapshot.add(owner.folder / "absent.toml", owner.snapshots, org="bank_a", today=TODAY)
    for data in (owner.folder / "loans.csv", owner.folder):
        with pytest.raises(BadSetting, match=f"{data.name} is data, and not the description"):
            snapshot.add(data, owner.snapshots, org="bank_a", today=TODAY)


CANARY = "8231907744021"
LEAKS: dict[str, tuple[str | bytes, type[MiheError]]] = {
    "invalid key": (f"uscc,balance\n{CANARY},1.00\n", InvalidKey),
    "bad value": (f"uscc,balance\n{A},{CANARY}.001\n", BadValue),
    "ragged": (f"uscc,balance\n{A},{CANARY},{CANARY}\n", UnreadableSource),
    "open quote": (f'uscc,balance\n{A},"{CANARY}\n', UnreadableSource),
    "not UTF-8": (f"uscc,balance\n{A},{CANARY}".encode() + b"\xff\n", UnreadableSource),
    "no header": (f"{A},{CANARY}\n", MissingColumn),
    "duplicates": (f"uscc,balance\n{A},{CANARY}\n{A},{CANARY}\n", DuplicateRows),
}


@pytest.mark.parametrize("case", LEAKS)
def test_no_error_holds_a_key_or_a_value(owner: Owner, case: str) -> None:
    content, error = LEAKS[case]
    with pytest.raises(error) as refused:
        owner.add_csv(content, KEY, BALANCE)
    said = f"{refused.value} {refused.value.__dict__}"
    assert CANARY not in said
    assert A not in said
    assert str(owner.folder) not in said


# ── any table at all ────────────────────────────────────────────────────────────────────────────

texts = st.text(
    st.characters(codec="utf-8"),
    min_size=1,
    max_size=12,
)
money = st.decimals(
    min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=2
) | st.sampled_from([Decimal(LARGEST), Decimal("-100000000000000000.99"), Decimal("0.00")])
table = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.none() | money,
        st.integers(-(2**63), 2**63 - 1),
        st.none() | texts,
        st.dates(),
        st.booleans(),
    ),
    max_size=30,
)
TABLE_COLUMNS = (
    KEY,
    BALANCE + "\nnullable = true",
    'name = "n"\ntype = "integer"\nlevel = 1',
    'name = "t"\ntype = "text"\nlevel = 1\nnullable = true',
    'name = "d"\ntype = "date"\nlevel = 1',
    'name = "b"\ntype = "boolean"\nlevel = 1',
)


@settings(max_examples=40)
@given(table, st.booleans())
def test_any_table_comes_back_exactly(rows: list[tuple[object, ...]], bare: bool) -> None:
    out = StringIO(newline="")
    # Python leaves a lone CR bare unless it is part of the line end.
    writer = (
        csv.writer(out, lineterminator="\r\n")
        if bare
        else csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    )
    writer.writerow(["uscc", "balance", "n", "t", "d", "b"])
    writer.writerows([*row[:-1], str(row[-1]).lower()] for row in rows)
    with TemporaryDirectory() as folder:
        owner = Owner(Path(folder))
        added = owner.add_csv(out.getvalue(), *TABLE_COLUMNS, top='duplicates = "keep"')
        assert owner.rows(added) == rows
