"""An organisation's own part of a sum over UNION ALL: its SQL on its snapshot → words, by cells.

Implements  federated/SPEC.md §5.5; DESIGN §6, as node/local.py says of a join's
Checks      every label is one of the plan's, every value within the plan's bounds, and there are
            fewer than 2^40 rows: what the proof rests on that no total wraps. No branch of a CASE
            that is added up is taken by a few subjects only, unless they are the receiver's own
Learns      the organisation alone: its own totals in clear. No error here says how many.
Not for     sending: what leaves is masked first
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadValue, MiheError
from federated.join.codes import Groups
from federated.query.union import ROWS_BITS
from federated.query.union_part import BRACKET, UnionPart
from federated.query.union_plan import Dimension, UnionPlan
from federated.union.counts import word_of
from federated.words import Words, of_integers
from node.answered import Branches
from node.local import (
    SECONDS,
    check_branches,
    column_of,
    groups_of,
    keys_of,
    limited,
    snapshots,
)
from psi.keys import Keys


@dataclass(frozen=True, slots=True, repr=False)
class OwnTotals:
    """An organisation's part, not masked."""

    words: Words
    """The count of every cell, then its rows, then value after value."""
    cells: frozenset[int]
    """Where it has a row at all."""


def run_union(
    plan: UnionPlan, org: str, parquet: Path, *, receives: bool, seconds: float = SECONDS
) -> OwnTotals:
    """What `org` adds to every cell, zeros included: its count, rows, then value after value.

    The receiver's own subjects are no part of what the thresholds count: it knows them. Blocking.
    Raises BadValue, SmallBranch, QueryTooLong, SnapshotChanged, StorageFull.
    """
    part = plan.part(org)
    with snapshots([parquet]) as connection, limited(connection, seconds):
        # Compiled here from checked parts, never taken from the wire. A row is a cell.
        connection.execute(f"CREATE VIEW {BRACKET} AS {part.sql}")
        found = connection.execute(plan.sql_of_totals).fetchall()
        if plan.sql_of_picks is not None and not receives:
            taken = connection.execute(plan.sql_of_picks).fetchnumpy()
            for place in range(plan.picks):
                check_branches(part, np.ma.getdata(taken[f"p{place}"]).astype(np.int64), plan.k)
    columns, cells = [[0] * plan.cells for _ in range(1 + plan.totals)], set[int]()
    places = [{label: at for at, label in enumerate(_labels(one))} for one in plan.dimensions]
    for row in found:
        labels, numbers = row[: len(places)], row[len(places) :]
        if not any(numbers[:2]):
            continue  # without dimensions there is a row of nobody
        cell = _cell(plan, part, places, labels)
        cells.add(cell)
        subjects, *totals = _added_up(plan, part, numbers)
        count = word_of(0 if receives else subjects)
        for column, value in zip(columns, [count, *totals], strict=True):
            column[cell] = value
    words = of_integers([value for column in columns for value in column])
    return OwnTotals(words, frozenset(cells))


def rows_brought(
    plan: UnionPlan, org: str, parquet: Path, *, seconds: float = SECONDS
) -> tuple[Keys, NDArray[np.uint64], Groups, list[Branches]]:
    """Of rows of a subject of `org` in a cell: the subject, the rows as a number, the cell.

    And of each CASE that is added up the branch that these rows take. Blocking.

    Raises QueryTooLong, SnapshotChanged, StorageFull.
    """
    with snapshots([parquet]) as connection, limited(connection, seconds):
        # As above.
        connection.execute(f"CREATE VIEW {BRACKET} AS {plan.part(org).sql_of_rows}")
        connection.execute(f"CREATE TEMP TABLE own AS {plan.sql_of_brought}")
        subjects = keys_of(connection)
        parts = connection.execute("SELECT part FROM own").fetchnumpy()["part"]
        labels = [f"g{place}" for place in range(len(plan.dimensions))]
        groups = groups_of(connection, labels, len(subjects))
        taken: list[Branches] = [column_of(connection, f"p{i}") for i in range(plan.picks)]
    return subjects, np.ma.getdata(parts).astype(np.uint64), groups, taken


def _labels(dimension: Dimension) -> tuple[str | None, ...]:
    return (*dimension.values, *([None] if dimension.nullable else []))


def _cell(
    plan: UnionPlan,
    part: UnionPart,
    places: Sequence[Mapping[str | None, int]],
    labels: Sequence[str | None],
) -> int:
    cell = 0
    for dimension, known, label in zip(plan.dimensions, places, labels, strict=True):
        if label not in known:
            raise _outside(
                part, f"'{dimension.name}' has a value that its catalogue does not declare"
            )
        cell = cell * dimension.size + known[label]
    return cell


def _added_up(plan: UnionPlan, part: UnionPart, row: Sequence[int]) -> list[int]:
    """Subjects, rows, and the total of every value, which are within their bounds."""
    subjects, rows, *numbers = row
    if rows >> ROWS_BITS:
        raise _outside(part, "it has more rows than can be added up")
    for place, value in enumerate(plan.values):
        least, most = numbers[3 * place + 1 : 3 * place + 3]
        if not value.least <= least <= most <= value.most:
            raise _outside(part, "a value is outside of the bounds that its catalogue declares")
    return [subjects, rows, *map(int, numbers[::3])]


def _outside(part: UnionPart, what: str) -> MiheError:
    return BadValue(
        f"{part.org}.{part.dataset} can't be added up: {what}",
        fix="Import the dataset again, and propose the job anew.",
        rule="values are within their declared bounds",
    )
