"""The result of a sum over UNION ALL: from opened totals, cell by cell, to exact rows.

Implements  federated/SPEC.md §5.5: as federated/query/result.py says of every result
Learns      the receiver: exactly this
Checks      totals come of what others masked: each must be one that the plan allows
"""

from collections.abc import Sequence

from federated.query.result import Cell, Result, result_of
from federated.query.union_plan import UnionPlan

Totals = tuple[int, ...]
"""Of one row of the result: its rows, then its values in the plan's order."""


def result_of_union(
    plan: UnionPlan, passing: Sequence[int], shown: Sequence[Totals], rest: Totals | None
) -> Result:
    """The rows that the cells which pass make, and the remainder. BadMessage for what can't be."""
    cells = [
        Cell((plan.labels(cell),), rows, tuple(sums))
        for cell, (rows, *sums) in zip(passing, shown, strict=True)
    ]
    if rest is not None:
        cells.append(Cell(None, rest[0], rest[1:]))
    return result_of(plan, cells)
