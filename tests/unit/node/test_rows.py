"""Keys for a run and rows for a result, read back from snapshots made by a real import."""

import csv
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.dataset import Snapshot
from contract.errors import OurError, SnapshotChanged
from contract.keys import BesideKind, KeyKind, combined
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
USCC = ((KeyKind.USCC, "uscc"),)
HEADER = ["note", "uscc", "declaration", "balance", "since", "month", "open"]


@dataclass(frozen=True)
class Loans:
    """An imported dataset with every type, and where a result may go."""

    added: Snapshot
    parquet: Path
    out: Path

    def keys(self, column: str = "uscc", kind: KeyKind = KeyKind.USCC) -> list[bytes]:
        return list(rows.keys(self.parquet, ((kind, column),)).keys)

    def rows_of(self, wanted: Sequence[bytes], kind: KeyKind = KeyKind.USCC) -> list[list[str]]:
        """The rows that have one of the `wanted` keys in the column that is called as its kind."""
        column = rows.keys(self.parquet, ((kind, kind.value),))
        places = column.wanted(
            [column.keys.index(key) for key in wanted], self.added.report.rows_kept
        )
        count = rows.rows_of(self.parquet, self.added.entry, places, self.out)
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
    assert found.rows_of([]) == []


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
    assert found.rows_of(wanted, KeyKind.DECLARATION) == [line(A, "1"), line(B, "2")]


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


def test_a_wish_of_another_length_than_the_snapshot_is_our_defect(tmp_path: Path) -> None:
    found = loans(tmp_path, [(A, ""), (B, "")])
    for length in (0, 1, 3):
        with pytest.raises(OurError):
            rows.rows_of(found.parquet, found.added.entry, np.ones(length, dtype=bool), found.out)
    assert not found.out.exists()


def test_keys_come_in_batches_with_the_row_that_each_stands_in(tmp_path: Path) -> None:
    lines = [((A, B, C)[i % 3], "") for i in range(300_000)]
    found = loans(tmp_path, lines)
    with rows.batches(found.parquet, USCC) as batches:
        held = list(batches)
    assert len(held) > 1
    assert [batch.rows[0] for batch in held] == [
        0,
        *accumulate(len(batch.keys) for batch in held[:-1]),
    ]
    assert np.concatenate([batch.rows for batch in held]).tolist() == [*range(len(lines))]
    assert b"".join(batch.keys.joined for batch in held) == b"".join(
        uscc_key(code) for code, _ in lines
    )
    with rows.batches(found.parquet, USCC) as batches:
        next(batches)  # whoever stops early leaves nothing behind
    assert not [file for file in found.parquet.parent.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("empty", [(), (0,), (2, 3, 5), (6,), tuple(range(7))], ids=str)
def test_a_row_without_a_part_of_its_key_has_none(tmp_path: Path, empty: tuple[int, ...]) -> None:
    notes = [("" if at in empty else "fg"[at % 2] + "，:") for at in range(7)]
    codes = [(A, B, C)[at % 3] for at in range(7)]
    found = loans(tmp_path, list(zip(codes, notes, strict=True)))
    key = (*USCC, (BesideKind.PERIOD, "month"), (BesideKind.TEXT, "note"))
    expected = {
        at: combined([(KeyKind.USCC, code), (BesideKind.PERIOD, "202501"), (BesideKind.TEXT, note)])
        for at, (code, note) in enumerate(zip(codes, notes, strict=True))
        if note
    }
    with rows.batches(found.parquet, key) as batches:
        held = {
            int(row): one
            for batch in batches
            for row, one in zip(batch.rows, batch.keys, strict=True)
        }
    assert held == expected
    distinct = rows.keys(found.parquet, key)
    assert list(distinct.keys) == sorted(set(expected.values()))
    wanted = distinct.wanted(range(len(distinct.keys)), 7)
    assert np.flatnonzero(wanted).tolist() == sorted(expected)
    if expected:
        first = distinct.wanted([0], 7)
        least = min(expected.values())
        assert np.flatnonzero(first).tolist() == [
            at for at in sorted(expected) if expected[at] == least
        ]


def test_rows_without_a_key_do_not_cut_a_batch_into_pieces(tmp_path: Path) -> None:
    found = loans(tmp_path, [(A, "fg"[at % 2] * (at % 3)) for at in range(9000)])
    with rows.batches(found.parquet, (*USCC, (BesideKind.TEXT, "note"))) as batches:
        held = list(batches)
    assert sum(len(batch.keys) for batch in held) == 6000
    assert len(held) < 10


@pytest.mark.parametrize("content", [None, b"", b"PAR1"], ids=["gone", "empty", "cut"])
def test_a_damaged_snapshot_is_not_read(tmp_path: Path, content: bytes | None) -> None:
    found = loans(tmp_path, [(A, "")])
    found.parquet.unlink()
    if content is not None:
        found.parquet.write_bytes(content)
    with pytest.raises(SnapshotChanged):
        found.keys()
    with pytest.raises(SnapshotChanged):
        rows.rows_of(found.parquet, found.added.entry, np.ones(1, dtype=bool), found.out)


@pytest.mark.parametrize("cell", [None, "", A[:-1], A + "0"])
def test_a_snapshot_whose_keys_are_none_is_not_read(tmp_path: Path, cell: str | None) -> None:
    parquet = tmp_path / "snapshots" / "damaged.parquet"
    parquet.parent.mkdir()
    with closing(duckdb.connect()) as connection:
        connection.execute("CREATE TABLE t (uscc VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?)", [[A], [cell], [B]])
        connection.execute(f"COPY t TO '{parquet}'")
    with pytest.raises(SnapshotChanged):
        rows.keys(parquet, USCC)


notes = st.text(st.characters(codec="utf-8", exclude_characters="'=+-@＝＋－＠\t\r\n"), max_size=5)


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
        there = {code for code, _ in lines}
        assert found.rows_of([uscc_key(code) for code in sorted(wanted & there)]) == expected
        assert found.keys() == [uscc_key(code) for code in sorted({code for code, _ in lines})]
