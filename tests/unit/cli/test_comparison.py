"""Equal is said only of what is equal: every key, and every cell of every row."""

import pytest

from cli.comparison import (
    REMAINDER,
    Table,
    clear_table,
    compare,
    compare_keys,
    compare_tables,
    released_table,
    tables_shown,
)
from cli.terminal import out

A, B, C = b"uscc:A", b"uscc:B", b"uscc:C"


@pytest.mark.parametrize(
    ("counted", "ours", "clear", "equal"),
    [
        (2, {A, B}, {A, B}, True),
        (0, set(), set(), True),
        (3, {A, B}, {A, B}, False),
        (2, {A, C}, {A, B}, False),
        (1, {A}, {A, B}, False),
        (2, {A, B}, {A}, False),
        (2, {A}, {A, B}, False),
    ],
    ids=["equal", "both empty", "count", "same number", "missing", "too many", "rows missing"],
)
def test_equal_means_count_and_every_key(
    counted: int, ours: set[bytes], clear: set[bytes], equal: bool
) -> None:
    comparison = compare_keys(counted, ours, clear)
    assert comparison.equal is equal
    assert comparison.only_through_mihe == len(ours - clear)
    assert comparison.only_in_the_clear == len(clear - ours)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────

LABELS = ("industry", "region")
COLUMNS = ("industry", "region", "firms", "kwh")
C17, C18, NULL = ("C17", "3301", "72", "1.50"), ("C18", "3301", "12", ""), ("", "", "10", "-0.10")
REST = ("", "", "10", "0.0000000")
CLEAR = Table(columns=COLUMNS, rows=(C17, C18, NULL), remainder=REST)


def _with(**changed: object) -> Table:
    return CLEAR.model_copy(update=changed)


@pytest.mark.parametrize(
    "ours",
    [CLEAR, _with(rows=(NULL, C17, C18))],
    ids=["the same", "rows have no order of their own"],
)
def test_equal_tables(ours: Table) -> None:
    compared = compare_tables(ours, CLEAR, LABELS)
    assert compared.equal
    assert [row.equal for row in compared.rows] == [True] * 4


WRONG = {
    "a count": _with(rows=(("C17", "3301", "73", "1.50"), C18, NULL)),
    "the last digit": _with(rows=(("C17", "3301", "72", "1.51"), C18, NULL)),
    "a decimal too few": _with(rows=(("C17", "3301", "72", "1.5"), C18, NULL)),
    "zero for NULL": _with(rows=(C17, ("C18", "3301", "12", "0"), NULL)),
    "a label": _with(rows=(("C19", "3301", "72", "1.50"), C18, NULL)),
    "the second label": _with(rows=(("C17", "3302", "72", "1.50"), C18, NULL)),
    "a row missing": _with(rows=(C17, NULL)),
    "a row too many": _with(rows=(C17, C18, NULL, ("C20", "3301", "11", "1.00"))),
    "a row twice": _with(rows=(C17, C17, C18, NULL)),
    "no rows": _with(rows=()),
    "the remainder": _with(remainder=("", "", "11", "0.0000000")),
    "no remainder": _with(remainder=None),
    "the remainder as a group": _with(rows=(C17, C18, NULL, REST), remainder=None),
}


@pytest.mark.parametrize("ours", WRONG.values(), ids=WRONG.keys())
def test_one_wrong_cell_is_not_equal(ours: Table) -> None:
    for one, other in ((ours, CLEAR), (CLEAR, ours)):
        compared = compare_tables(one, other, LABELS)
        assert not compared.equal
        assert any(not row.equal for row in compared.rows)


def test_another_name_of_a_column_is_not_equal() -> None:
    ours = _with(columns=("industry", "region", "firms", "kw"))
    assert not compare_tables(ours, CLEAR, LABELS).equal


def test_only_both_equal_is_equal() -> None:
    keys = {True: compare_keys(1, {A}, {A}), False: compare_keys(1, {A}, {B})}
    tables = {
        True: compare_tables(CLEAR, CLEAR, LABELS),
        False: compare_tables(WRONG["a count"], CLEAR, LABELS),
    }
    for left, intersection in keys.items():
        for right, query in tables.items():
            assert compare(intersection, query).equal is (left and right)


def test_what_a_node_writes_and_what_the_oracle_prints_are_read_alike() -> None:
    released = (
        "industry,region,firms,kwh,remainder\n"
        "C17,3301,72,1.50,false\nC18,3301,12,,false\n,,10,-0.10,false\n,,10,0.0000000,true\n"
    )
    clear = (
        '{"columns": ["industry", "region", "firms", "kwh"], "rows": [["C17", 3301, 72, "1.50"],'
        ' ["C18", 3301, 12, null], [null, null, 10, "-0.10"]],'
        ' "remainder": [null, null, 10, "0.0000000"], "folded": 3}\n'
    )
    assert released_table(released) == clear_table(clear) == CLEAR


def test_labels_with_commas_quotes_and_lines_are_read_as_written() -> None:
    released = 'name,n,remainder\n"a, ""b""\n\u2028c",10,false\n'
    assert released_table(released).rows == (('a, "b"\n\u2028c', "10"),)


def test_both_answers_are_shown_and_which_rows_differ(capsys: pytest.CaptureFixture[str]) -> None:
    ours = _with(rows=(("C17", "3301", "73", "1.50"), C18))
    out().print(tables_shown(compare_tables(ours, CLEAR, LABELS), LABELS))
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if "clear" in line]
    assert [line[-1] for line in lines] == ["no", "yes", "no", "yes"]
    assert lines[-1][: len(REMAINDER.split())] == REMAINDER.split()
