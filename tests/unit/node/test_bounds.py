"""Declared bounds: checked when a dataset is imported, and seen by everybody in its catalogue."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from contract.canonical import canonical_bytes, parse
from contract.dataset import CatalogueEntry, Snapshot
from contract.errors import BadSetting, BadValue
from node import snapshot

A, B, C = "91110000600037341L", "91110000101623741K", "911101066976941872"

Add = Callable[..., Snapshot]


@pytest.fixture
def add(tmp_path: Path) -> Add:
    def imported(rows: str, column: str, key: str = "", top: str = "") -> Snapshot:
        (tmp_path / "d.csv").write_text(f"uscc,x\n{rows}", "utf-8")
        description = tmp_path / "d.toml"
        description.write_text(
            f'name = "d"\nsource = "d.csv"\n{top}\n[[column]]\nname = "uscc"\ntype = "key"\n'
            f'key = "uscc"\nlevel = 2\n{key}\n[[column]]\nname = "x"\nlevel = 3\n{column}\n',
            "utf-8",
        )
        return snapshot.add(
            description, tmp_path / "snapshots", org="bank", today=date(2026, 11, 1)
        )

    return imported


MONEY = 'type = "decimal"\ndecimals = 2\n'


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (MONEY + 'minimum = "-0.5"\nmaximum = "99.99"', "99.99"),
        (MONEY + 'minimum = "-0.5"\nmaximum = "99.99"', "-0.50"),
        (MONEY + "minimum = 0\nmaximum = 99", "99"),
        ('type = "integer"\nminimum = -7\nmaximum = "-7"', "-7"),
        ('type = "integer"\nminimum = "-1e20"\nmaximum = "1e20"', f"{2**63 - 1}"),
        (f'type = "integer"\nminimum = "{-(2**63)}"\nmaximum = "{2**63 - 1}"', f"{-(2**63)}"),
        (MONEY + "minimum = 0\nmaximum = 0\nnullable = true", ""),
    ],
)
def test_bounds_are_within(add: Add, column: str, value: str) -> None:
    assert add(f"{A},{value}\n", column).report.rows_kept == 1


@pytest.mark.parametrize(
    ("column", "value", "range_"),
    [
        (MONEY + 'minimum = "-0.5"\nmaximum = "99.99"', "100", "from -0.5 to 99.99"),
        (MONEY + 'minimum = "-0.5"\nmaximum = "99.99"', "-0.51", "from -0.5 to 99.99"),
        ('type = "integer"\nminimum = 0\nmaximum = 9', "10", "from 0 to 9"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_count_and_row(
    add: Add, column: str, value: str, range_: str
) -> None:
    with pytest.raises(BadValue) as refused:
        add(f"{A},0\n{B},{value}\n{C},{value}\n", column)
    assert "2 rows without" in refused.value.what
    assert range_ in refused.value.what
    assert "first in data rows 2, 3" in refused.value.what


def test_rows_per_key_are_counted_without_repeated_rows(add: Add) -> None:
    rows = f"{A},1\n{A.lower()},2\n{B},1\n{A},1\n"
    two = add(rows, 'type = "integer"', "rows_per_key = 2", 'duplicates = "first"')
    assert two.entry.columns[0].rows_per_key == 2
    with pytest.raises(BadValue) as refused:
        add(rows, 'type = "integer"', "rows_per_key = 2", 'duplicates = "keep"')
    assert "1 key with more rows than rows_per_key = 2, first in data rows 1" in refused.value.what
    with pytest.raises(BadValue):
        add(rows, 'type = "integer"', "rows_per_key = 1", 'duplicates = "first"')


def test_others_see_the_bounds_and_a_change_is_another_schema(add: Add) -> None:
    wide = add(f"{A},1\n", MONEY + 'minimum = "0.00"\nmaximum = "1e2"').entry
    assert wide.columns[1].bounds == (0, 10000)
    assert wide.columns[1].maximum == Decimal(100)
    raw = canonical_bytes(wide)
    assert b'"maximum":"100","minimum":"0"' in raw
    assert canonical_bytes(parse(CatalogueEntry, raw)) == raw
    narrow = add(f"{A},1\n", MONEY + "minimum = 0\nmaximum = 99").entry
    assert narrow.schema_digest != wide.schema_digest


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (MONEY + "minimum = 0", "stand together"),
        (MONEY + "minimum = 1\nmaximum = 0", "not above"),
        (MONEY + 'minimum = "0.001"\nmaximum = 1', "at most 2 decimals"),
        (MONEY + 'minimum = 0\nmaximum = "1e36"', "38 digits"),
        (MONEY + 'minimum = 0\nmaximum = "1e999999999"', "38 digits"),
        ('type = "integer"\nminimum = 0\nmaximum = "0.5"', "at most 0 decimals"),
        ('type = "text"\nminimum = 0\nmaximum = 1', "'integer' or 'decimal' only"),
        ('type = "integer"\nrows_per_key = 1', "type = 'key' only"),
    ],
)
def test_bounds_that_say_nothing_are_refused(add: Add, column: str, words: str) -> None:
    with pytest.raises(BadSetting) as refused:
        add(f"{A},1\n", column)
    assert words in refused.value.what
    assert "d.toml:" in refused.value.what
