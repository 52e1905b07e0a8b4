"""Statements in the shapes of other systems' public tests, over a world of our own.

Each is answered as DuckDB answers it, every row and cell, or refused by a code with line and
column; nothing is wrong, and nothing else is raised. What a file marks `-- answered` must be.
Statements are our own, in the shapes that each file's head names.

Nothing is folded here: k is 1, every list counts as public, and so do the receiver's subjects in a
sum over UNION ALL, so DuckDB's own table is compared whole. Owners' parts run on snapshots, keys
are matched, and totals added up, in clear.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from math import isclose, isfinite
from pathlib import Path
from random import Random
from re import fullmatch

import pytest

from contract.errors import MiheError, RequestError
from federated.query import union
from federated.query.planning import compile_statement
from federated.query.result import Result, result_of
from federated.query.statement import parse
from federated.query.union_plan import compile_union
from tests.property.added_in_clear import added
from tests.property.joined_in_clear import local_rows, released
from tests.property.query_worlds import DATASETS, World, written

SUITES = Path(__file__).parent / "suites"
PLACE = r"line \d+, column \d+: .+"


@dataclass(frozen=True)
class Case:
    """A statement of a file."""

    suite: str
    number: int
    answered: bool
    sql: str


def cases() -> Iterator[Case]:
    """A statement ends with the semicolon at a line's end."""
    for file in sorted(SUITES.glob("*.sql")):
        statements = file.read_text("utf-8").split(";\n")
        for number, lines in enumerate(map(str.strip, statements), 1):
            if lines:
                yield Case(file.stem, number, "-- answered" in lines.splitlines(), lines)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
    def loaded(seed: int) -> World:
        here = written(tmp_path_factory.mktemp("suites"), Random(seed))
        here.clear.load(*DATASETS)
        return here

    return cache(loaded)


def answer(sql: str, here: World) -> Result:
    """What the parties of a query get, in clear; raises what refuses it."""
    if union.is_union(sql):
        return added_up(sql, here)
    plan = compile_statement(parse(sql, here.entries), receivers=["bank"], k=1)
    cells, folded, dropped = released(plan, local_rows(plan, here), public=True)
    assert folded == dropped == 0
    return result_of(plan, cells)


def added_up(sql: str, here: World) -> Result:
    """The same of a sum over UNION ALL."""
    plan = compile_union(union.parse(sql, here.entries), receivers=["bank"], k=1)
    snapshots = {part.org: here.parquet[f"{part.org}.{part.dataset}"] for part in plan.parts}
    result, folded = added(plan, snapshots, min_join=1, receiver=None)
    assert folded == 0
    return result


def refusal(sql: str, here: World) -> MiheError | None:
    """What refuses a statement; None if its answer is DuckDB's. Anything else fails."""
    try:
        ours = answer(sql, here)
    except MiheError as found:
        return found
    require_what_duckdb_says(sql, ours, here)
    return None


def require_what_duckdb_says(sql: str, ours: Result, here: World) -> None:
    theirs = here.clear.as_duckdb_says(sql)
    rows = [row.values for row in ours.rows]
    if not theirs or (len(theirs) == 1 and not rows):
        # Over nobody DuckDB counts to 0 in one row; what nobody is in is no cell here.
        assert not rows, sql
        return
    assert len(rows) == len(theirs), sql
    withins = [Decimal(column.within or 0) for column in ours.columns]
    in_order = "ORDER BY" in sql.upper()
    for row in rows:
        places = range(1 if in_order else len(theirs))
        found = [at for at in places if all(map(_alike, row, theirs[at], withins))]
        assert found, (sql, row, theirs)
        theirs.pop(found[0])


def _alike(ours: object, theirs: object, within: Decimal) -> bool:
    if isinstance(ours, int | Decimal) and isinstance(theirs, int | float | Decimal):
        # DuckDB divides as doubles; ours is rounded to the decimals that the column shows.
        if not isfinite(theirs):
            return False
        near = isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-3)
        return near or (within > 0 and abs(Decimal(ours) - Decimal(theirs)) <= within + 1)
    divided_by_zero = ours is None and isinstance(theirs, float) and not isfinite(theirs)
    return divided_by_zero or ours == theirs


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.suite}-{case.number}")
def test_it_is_answered_as_duckdb_does_or_refused(
    world: Callable[[int], World], case: Case
) -> None:
    found = refusal(case.sql, world(5))
    if found is not None:
        assert not case.answered, found
        assert isinstance(found, RequestError)
        assert fullmatch(PLACE, str(found.what)), found
