"""Keys for a run and rows for a result, read back from snapshots made by a real import."""

import csv
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.dataset import Snapshot
from contract.errors import OurError, SnapshotChanged
from contract.keys import KeyKind
from node import rows, snapshot

A, B, C = "91110000600037341L", "91110000101623741K", "911101066976941872"
DECLARATION = "421820091012345678"

DESCRIPTION = """
name = "loans"
source = "loans.csv"
duplicates = "keep"
[[column]]
name = "note"
source = "备注"
type = "text"
level = 2
nullable = true
[[column]]
name = "uscc"
type = "key"
key = "uscc"
level = 2
[[column]]
name = "declaration"
type = "key"
key = "declaration"
level = 2
[[column]]
name = "balance"
type = "decimal"
decimals = 2
level = 3
nullable = true
[[column]]
name = "since"
type = "date"
level = 2
[[column]]
name = "month"
type = "period"
level = 1
[[column]]
name = "open"
type = "boolean"
level = 1
"""
HEADER = ["note", "uscc", "declaration", "balance", "since", "month", "open"]


@dataclass(frozen=True)
class Loans:
    """An imported dataset with every type, and where a result may go."""

    added: Snapshot
    parquet: Path
    out: Path

    def keys(self, column: str = "uscc", kind: KeyKind = KeyKind.USCC) -> list[bytes]:
        return list(rows.keys(self.parquet, column, kind))

    def rows_of(self, wanted: Sequence[bytes], column: str = "uscc") -> list[list[str]]:
        count = rows.rows_of(self.parquet, self.added.entry, column, wanted, self.out)
        with self.out.open(encoding="utf-8", newline="") as handle:
            header, *found = csv.reader(handle, strict=True)
        assert header == HEADER
        assert count == len(found)
        return found


def loans(folder: Path, lines: Sequence[tuple[str, str]]) -> Loans:
    """A dataset of (USCC, note) lines; the other columns are alike in each."""
    (folder / "loans.toml").write_text(DESCRIPTION, "utf-8")
    with (folder / "loans.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, quoting=csv.QUOTE_ALL)
        writer.writerow(["uscc", "备注", "declaration", "balance", "since", "month", "open"])
        for uscc, note in lines:
            writer.writerow([uscc, note, DECLARATION, "-1.5", "2025-01-31", "202501", "true"])
    added = snapshot.add(
        folder / "loans.toml", folder / "snapshots", org="bank_a", today=date(2025, 10, 1)
    )
    at = snapshot.files(folder / "snapshots", "loans", added.root)
    return Loans(added, at.parquet, folder / "results" / "run" / "rows.csv")


def line(uscc: str, note: str) -> list[str]:
    return [note, uscc, DECLARATION, "-1.50", "2025-01-31", "202501", "true"]


def uscc_key(code: str) -> bytes:
    return f"uscc:{code}".encode()


def test_keys_are_distinct_canonical_and_ascending(tmp_path: Path) -> None:
    found = loans(tmp_path, [(C, ""), (A.lower(), ""), (B, ""), (f" {A}", "x"), (C, "y")])
    assert found.keys() == [uscc_key(code) for code in sorted([A, B, C])]
    assert found.keys("declaration", KeyKind.DECLARATION) == [
        b"declaration:" + DECLARATION.encode()
    ]


def test_an_empty_dataset_has_no_keys_and_no_rows(tmp_path: Path) -> None:
    found = loans(tmp_path, [])
    assert found.keys() == []
    assert found.rows_of([uscc_key(A)]) == []


def test_rows_come_in_file_order_and_in_the_source_s_format(tmp_path: Path) -> None:
    found = loans(tmp_path, [(C, "1"), (A.lower(), "2"), (B, "3"), (A, "4"), (C, "")])
    assert found.rows_of([uscc_key(A), uscc_key(C), uscc_key(A)]) == [
        line(C, "1"),
        line(A, "2"),
        line(A, "4"),
        line(C, ""),
    ]


def test_an_empty_result_is_a_header(tmp_path: Path) -> None:
    assert loans(tmp_path, [(A, "")]).rows_of([]) == []


def test_rows_may_be_asked_for_by_any_key_column(tmp_path: Path) -> None:
    found = loans(tmp_path, [(A, "1"), (B, "2")])
    wanted = [b"declaration:" + DECLARATION.encode()]
    assert found.rows_of(wanted, "declaration") == [line(A, "1"), line(B, "2")]


@pytest.mark.parametrize(
    "note",
    ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"],
)
def test_no_text_is_run_as_a_formula(tmp_path: Path, note: str) -> None:
    (found,) = loans(tmp_path, [(A, note)]).rows_of([uscc_key(A)])
    assert found == line(A, f"'{note}")


@pytest.mark.parametrize("note", ["'=x", "'tis", "''", "'"])
def test_what_stands_in_front_of_a_formula_can_be_told_from_what_was_there(
    tmp_path: Path, note: str
) -> None:
    (found,) = loans(tmp_path, [(A, note)]).rows_of([uscc_key(A)])
    assert found == line(A, f"'{note}")


@pytest.mark.parametrize("note", ["a=b", "1-1", "it's", " =x", 'a,"b"\r\nc', "NULL", "\\N", "贷款"])
def test_other_texts_are_written_as_they_are(tmp_path: Path, note: str) -> None:
    assert loans(tmp_path, [(A, note)]).rows_of([uscc_key(A)]) == [line(A, note)]


def test_a_result_is_private_and_stands_alone(tmp_path: Path) -> None:
    found = loans(tmp_path, [(A, "1"), (B, "2")])
    assert len(found.rows_of([uscc_key(A), uscc_key(B)])) == 2
    assert len(found.rows_of([uscc_key(B)])) == 1
    assert list(found.out.parent.iterdir()) == [found.out]
    assert stat.S_IMODE(found.out.stat().st_mode) == 0o600
    assert not [file for file in found.parquet.parent.iterdir() if file.name.startswith(".")]


def test_keys_of_another_kind_or_no_key_column_are_our_defect(tmp_path: Path) -> None:
    found = loans(tmp_path, [(A, "")])
    for wanted, column in (([b"declaration:" + A.encode()], "uscc"), ([uscc_key(A)], "balance")):
        with pytest.raises(OurError) as refused:
            found.rows_of(wanted, column)
        assert A not in str(refused.value)
    assert not found.out.exists()


@pytest.mark.parametrize("content", [None, b"", b"PAR1"], ids=["gone", "empty", "cut"])
def test_a_damaged_snapshot_is_not_read(tmp_path: Path, content: bytes | None) -> None:
    found = loans(tmp_path, [(A, "")])
    found.parquet.unlink()
    if content is not None:
        found.parquet.write_bytes(content)
    with pytest.raises(SnapshotChanged):
        found.keys()
    with pytest.raises(SnapshotChanged):
        found.rows_of([uscc_key(A)])


notes = st.text(st.characters(codec="utf-8", exclude_characters="=+-@＝＋－＠\t\r\n"), max_size=5)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from([A, B, C]), notes), max_size=20),
    st.sets(st.sampled_from([A, B, C])),
)
def test_rows_are_those_of_a_filter_in_python(
    lines: list[tuple[str, str]], wanted: set[str]
) -> None:
    with TemporaryDirectory() as folder:
        found = loans(Path(folder), lines)
        expected = [line(code, note) for code, note in lines if code in wanted]
        assert found.rows_of([uscc_key(code) for code in sorted(wanted)]) == expected
        assert found.keys() == [uscc_key(code) for code in sorted({code for code, _ in lines})]
