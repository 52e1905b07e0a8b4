"""An organisation's own part of a sum over UNION ALL: its SQL on its snapshot → words, by cells.

Implements  federated/SPEC.md §5.5; DESIGN §6, as node/local.py says of a join's
Checks      every label is one of the plan's, every value within the plan's bounds, and there are
            fewer than 2^40 rows: what the proof rests on that no total wraps
Learns      the organisation alone: its own totals in clear. No error here says how many.
Not for     sending: what leaves is masked first
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import BadValue, MiheError
from federated.query.plan import SNAPSHOT
from federated.query.union_plan import ROWS_BITS, Dimension, UnionPart, UnionPlan
from federated.words import Words, of_integers
from node import duck, rows
from node.local import SECONDS, limited
from node.scratch import scratch


@dataclass(frozen=True, slots=True, repr=False)
class OwnTotals:
    """An organisation's part, not masked."""

    words: Words
    """Subjects of every cell, then column after column."""
    cells: frozenset[int]
    """Where it has a row at all."""


def run_union(
    plan: UnionPlan, org: str, parquet: Path, *, receives: bool, seconds: float = SECONDS
) -> OwnTotals:
    """What `org` adds to every cell, zeros included: subjects first, then column after column.

    The receiver's own subjects are no part of what the thresholds count: it knows them. Blocking.
    Raises BadValue, QueryTooLong, SnapshotChanged, StorageFull.
    """
    part = plan.part(org)
    with scratch(parquet.parent) as work, duck.locked([parquet], spill=work) as connection:
        reader = rows.reader(connection, parquet)
        connection.execute(f"CREATE VIEW {SNAPSHOT} AS FROM {reader}")
        with limited(connection, seconds):
            # Compiled here from checked parts, never taken from the wire. A row is a cell.
            found = connection.execute(part.sql).fetchall()
    columns, cells = [[0] * plan.cells for _ in range(1 + len(plan.added))], set[int]()
    for row in found:
        cell, totals = _read(plan, part, row)
        cells.add(cell)
        if receives:
            totals[0] = 0
        for column, value in zip(columns, totals, strict=True):
            column[cell] = value
    words = of_integers([value for column in columns for value in column])
    return OwnTotals(words, frozenset(cells))


def _read(plan: UnionPlan, part: UnionPart, row: Sequence[Any]) -> tuple[int, list[int]]:
    """The cell of a row, and what it adds: subjects, then every column."""
    labels = len(plan.dimensions)
    cell = 0
    for dimension, label in zip(plan.dimensions, row[:labels], strict=True):
        cell = cell * dimension.size + _place(part, dimension, label)
    subjects, counted, *numbers = row[labels:]
    totals, bounds = numbers[: len(plan.added)], numbers[len(plan.added) :]
    if counted >> ROWS_BITS:
        raise _outside(part, "it has more rows than can be added up")
    sums = [one for one in plan.added if one.kind == "sum"]
    for place, one in enumerate(sums):
        least, most = bounds[2 * place : 2 * place + 2]
        if least is not None and not one.least <= least <= most <= one.most:
            raise _outside(part, "a value is outside of the bounds that its catalogue declares")
    return cell, [int(subjects), *map(int, totals)]


def _place(part: UnionPart, dimension: Dimension, label: str | None) -> int:
    if label is None and dimension.nullable:
        return len(dimension.values)
    if label is None or label not in dimension.values:
        raise _outside(part, f"'{dimension.name}' has a value that its catalogue does not declare")
    return dimension.values.index(label)


def _outside(part: UnionPart, what: str) -> MiheError:
    return BadValue(
        f"{part.org}.{part.dataset} can't be added up: {what}",
        fix="Import the dataset again, and propose the job anew.",
        rule="values are within their declared bounds",
    )
