"""The result of a sum over UNION ALL: from opened totals, cell by cell, to exact rows.

Implements  federated/SPEC.md §5.5: as federated/query/result.py says of every result
Learns      the receiver: exactly this
Checks      totals come of what others masked: each must be one that the plan allows
"""

from collections.abc import Sequence
from fractions import Fraction

from contract.dataset import ColumnType, ResultColumn
from contract.errors import BadMessage
from federated.query.formula import DIVISION_DECIMALS, shown_decimal
from federated.query.result import CellValue, Result, Row
from federated.query.union_plan import Dimension, UnionOutput, UnionPlan

Totals = tuple[int, ...]
"""Of one row of the result, in the plan's order."""


def result_of_union(
    plan: UnionPlan, passing: Sequence[int], shown: Sequence[Totals], rest: Totals | None
) -> Result:
    """Rows in the order of the cells, the remainder last. BadMessage for what can't be."""
    rows = [_row(plan, _labels(plan, cell), one) for cell, one in zip(passing, shown, strict=True)]
    made = [Row(values, remainder=False) for values in rows]
    if rest is not None:
        nothing: list[CellValue] = [None] * len(plan.dimensions)
        made.append(Row(_row(plan, nothing, rest), remainder=True))
    columns = tuple(_column(plan, one) for one in plan.outputs)
    return Result(columns, tuple(made), left_out=0)


def _labels(plan: UnionPlan, cell: int) -> list[CellValue]:
    """The values of a cell: the last dimension counts fastest, NULL comes last."""
    labels: list[CellValue] = []
    for dimension in reversed(plan.dimensions):
        cell, place = divmod(cell, dimension.size)
        labels.append(_label(dimension, place))
    return labels[::-1]


def _label(dimension: Dimension, place: int) -> CellValue:
    if place == len(dimension.values):
        return None
    text = dimension.values[place]
    match dimension.type:
        case ColumnType.BOOLEAN:
            return text == "true"
        case ColumnType.INTEGER:
            return int(text)
        case _:
            return text


def _row(plan: UnionPlan, labels: Sequence[CellValue], totals: Totals) -> tuple[CellValue, ...]:
    _check(plan, totals)
    return tuple(_value(plan, output, labels, totals) for output in plan.outputs)


def _check(plan: UnionPlan, totals: Totals) -> None:
    rows = plan.most_rows
    for one, value in zip(plan.added, totals, strict=True):
        if one.kind == "rows":
            rows = min(rows, value)
    for one, value in zip(plan.added, totals, strict=True):
        # Where a value is NULL a row adds nothing.
        if not min(one.least, 0) * rows <= value <= max(one.most, 0) * rows:
            raise BadMessage(
                "a total is not one that the plan allows: a member's words, or what opens them,"
                " are wrong",
                fix="Propose the job again; if it happens again, compare the versions of all"
                " parties.",
                phase="release",
                rule="what is released fits the plan",
            )


def _value(
    plan: UnionPlan, output: UnionOutput, labels: Sequence[CellValue], totals: Totals
) -> CellValue:
    if output.dimension is not None:
        return labels[output.dimension]
    assert output.added is not None
    total, scale = totals[output.added], plan.added[output.added].scale
    if output.kind == "count":
        return total
    present = None if output.present is None else totals[output.present]
    if present == 0:
        return None
    if output.kind == "sum":
        return shown_decimal(Fraction(total, 10**scale), scale) if scale else total
    assert present is not None, "a mean has a divisor"
    return shown_decimal(Fraction(total, present * 10**scale), scale + DIVISION_DECIMALS)


def _column(plan: UnionPlan, output: UnionOutput) -> ResultColumn:
    if output.dimension is not None:
        return ResultColumn(name=output.name, type=plan.dimensions[output.dimension].type)
    assert output.added is not None
    one = plan.added[output.added]
    if output.kind == "count":
        return ResultColumn(name=output.name, type=ColumnType.INTEGER)
    more = DIVISION_DECIMALS if output.kind == "avg" else 0
    most, scale = max(abs(one.least), abs(one.most)) * plan.most_rows, one.scale + more
    whole = scale == 0
    return ResultColumn(
        name=output.name,
        type=ColumnType.INTEGER if whole else ColumnType.DECIMAL,
        decimals=scale,
        digits=None if whole and most < 1 << 63 else len(str(most)) + more,
    )
