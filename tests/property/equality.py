"""When an answer is the clear one: every cell, in order; what is known to a band, within it."""

from collections.abc import Sequence
from decimal import Decimal
from math import isclose

from federated.query.result import Result
from scenarios.sql_oracle import Answer
from tests.property.random_queries import BAND


def require_equal(sql: str, result: Result, clear: Answer) -> None:
    """Fail unless both hold the same rows, in the same order if there is one."""
    assert [column.name for column in result.columns] == list(clear.columns)
    named = set(BAND.findall(sql))
    banded = [place for place, column in enumerate(result.columns) if column.name in named]
    theirs = [*clear.rows, *([clear.remainder] if clear.remainder else [])]
    ours = [row.values for row in result.rows]
    if " ORDER BY " not in sql:
        ours = sorted(ours, key=lambda row: _known(row, banded))
        theirs = sorted(theirs, key=lambda row: _known(row, banded))
    assert [_known(row, banded) for row in ours] == [_known(row, banded) for row in theirs]
    for row, other in zip(ours, theirs, strict=True):
        for place in banded:
            _require_within(row[place], other[place], result.columns[place].within)
    assert sum(row.remainder for row in result.rows) == (clear.remainder is not None)


def _known(row: Sequence[object], banded: Sequence[int]) -> str:
    """A row as a text without what is known to a band."""
    return str([str(one) for place, one in enumerate(row) if place not in banded])


def _require_within(ours: object, theirs: object, within: str | None) -> None:
    if ours is None or theirs is None:
        assert ours == theirs
        return
    assert isinstance(ours, int | Decimal)
    assert isinstance(theirs, int | Decimal)
    assert abs(Decimal(ours) - Decimal(theirs)) <= Decimal(within or 0) + Decimal("0.0001")


def alike(ours: object, theirs: object) -> bool:
    """Whether an exact value is what DuckDB says, which divides as doubles."""
    if isinstance(theirs, float):
        return isinstance(ours, int | Decimal) and isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-3)
    return ours == theirs
