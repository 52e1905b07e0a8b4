"""The result: from the integers that were released, cell by cell, to exact rows.

Implements  federated/SPEC.md §3.3: sums as decimals of their scale, means rounded half-even to four
            decimals more, NULL where no entity has a value; the remainder is one row, marked
Learns      the receiver: exactly this
Checks      labels and sums come from other parties: each must be one that the plan allows
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from re import fullmatch

from contract.dataset import MOST_DIGITS, ColumnType, ResultColumn
from contract.errors import BadMessage, MiheError
from federated.query.plan import (
    CountColumn,
    DimensionColumn,
    GroupColumn,
    NumberColumn,
    Output,
    QueryPlan,
)
from federated.query.values import decimal_text

MEAN_DECIMALS = 4

CellValue = str | int | bool | Decimal | date | None
"""A value of the result."""


@dataclass(frozen=True, slots=True, repr=False)
class Cell:
    """What was released of one cell: every owner's labels, the count, the sums in plan order."""

    labels: tuple[tuple[str | None, ...], ...] | None
    """By owner, then by group column; None for the remainder."""
    count: int
    sums: tuple[int, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """A row of the result; the remainder's dimensions are None."""

    values: tuple[CellValue, ...]
    remainder: bool


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A result: rows in the order of their dimensions, the remainder last."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[Row, ...]


def result_of(plan: QueryPlan, cells: Sequence[Cell]) -> Result:
    """The rows that `cells` make; BadMessage for what the plan does not allow."""
    shown = [_row(plan, cell) for cell in cells if cell.labels is not None]
    rest = [_row(plan, cell) for cell in cells if cell.labels is None]
    if len(rest) > 1:
        raise _not_allowed("there is more than one remainder")
    dimensions = [i for i, one in enumerate(plan.outputs) if isinstance(one, DimensionColumn)]
    shown.sort(key=lambda row: [_order(row.values[i]) for i in dimensions])
    return Result(tuple(_column(plan, one) for one in plan.outputs), (*shown, *rest))


def _order(value: CellValue) -> tuple[bool, CellValue]:
    # A constant stands in for NULL, which compares with nothing and comes last.
    return (value is None, False if value is None else value)


def _column(plan: QueryPlan, output: Output) -> ResultColumn:
    match output:
        case DimensionColumn():
            group = _group(plan, output)
            digits = MOST_DIGITS if group.type is ColumnType.DECIMAL else None
            return ResultColumn(
                name=output.name, type=group.type, decimals=group.decimals, digits=digits
            )
        case CountColumn():
            return ResultColumn(name=output.name, type=ColumnType.INTEGER)
        case NumberColumn():
            return _number_column(plan, output)


def _number_column(plan: QueryPlan, output: NumberColumn) -> ResultColumn:
    """Wide enough for every value that the plan's bounds allow: not for those that came out."""
    more = MEAN_DECIMALS if output.kind == "avg" else 0
    limbs = (plan.summands[place] for place in output.summands)
    most = sum(
        max(abs(limb.least), abs(limb.most)) << output.limb_bits * at
        for at, limb in enumerate(limbs)
    )
    scale = output.scale + more
    whole = scale == 0
    return ResultColumn(
        name=output.name,
        type=ColumnType.INTEGER if whole else ColumnType.DECIMAL,
        decimals=scale,
        digits=None if whole and most < 1 << 63 else len(str(most)) + more,
    )


def _group(plan: QueryPlan, output: DimensionColumn) -> GroupColumn:
    return plan.owners[output.owner].groups[output.group]


def _row(plan: QueryPlan, cell: Cell) -> Row:
    _check(plan, cell)
    values = tuple(_value(plan, output, cell) for output in plan.outputs)
    return Row(values, cell.labels is None)


def _check(plan: QueryPlan, cell: Cell) -> None:
    if not plan.k <= cell.count <= plan.rows:
        raise _not_allowed("a count is not one that the plan allows")
    if len(cell.sums) != len(plan.summands):
        raise _not_allowed("there are more or fewer sums than the plan has")
    for value, summand in zip(cell.sums, plan.summands, strict=True):
        # What one entity may add, as many times as there are entities.
        if not summand.least * cell.count <= value * plan.rows <= summand.most * cell.count:
            raise _not_allowed("a sum is not one that the plan allows")
    if cell.labels is not None:
        shape = [len(part.groups) for part in plan.owners]
        if [len(labels) for labels in cell.labels] != shape:
            raise _not_allowed("a label is missing, or one too many is there")


def _value(plan: QueryPlan, output: Output, cell: Cell) -> CellValue:
    match output:
        case DimensionColumn():
            if cell.labels is None:
                return None
            label = cell.labels[output.owner][output.group]
            return _label(_group(plan, output), label, plan.owners[output.owner].org)
        case CountColumn():
            return _counted(output.present, cell)
        case NumberColumn():
            return _number(output, cell)


def _counted(present: int | None, cell: Cell) -> int:
    return cell.count if present is None else cell.sums[present]


def _number(output: NumberColumn, cell: Cell) -> int | Decimal | None:
    entities = _counted(output.present, cell)
    if entities == 0:
        return None
    total = sum(
        cell.sums[place] << output.limb_bits * limb for limb, place in enumerate(output.summands)
    )
    if output.kind == "sum":
        return exact(total, output.scale) if output.scale else total
    # Python rounds a Fraction half to even.
    return exact(round(Fraction(total * 10**MEAN_DECIMALS, entities)), output.scale + MEAN_DECIMALS)


def exact(value: int, scale: int) -> Decimal:
    """A scaled integer as a decimal with all its places; Decimal's own arithmetic would round."""
    return Decimal(decimal_text(value, scale))


def _label(group: GroupColumn, text: str | None, org: str) -> CellValue:
    if text is None:
        if group.nullable:
            return None
        raise _not_allowed("a label is NULL where the dataset has none", org)
    match group.type:
        case ColumnType.TEXT:
            return text
        case ColumnType.INTEGER | ColumnType.PERIOD if fullmatch(r"-?[0-9]{1,39}", text):
            return int(text)
        case ColumnType.DECIMAL if fullmatch(r"-?[0-9]{1,39}(\.[0-9]{1,38})?", text):
            return Decimal(text)
        case ColumnType.BOOLEAN if text in ("true", "false"):
            return text == "true"
        case ColumnType.DATE if fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                pass
    raise _not_allowed("a label is not of its column's type", org)


def _not_allowed(what: str, party: str | None = None) -> MiheError:
    return BadMessage(
        what,
        fix="Propose the job again; if it happens again, ask the named party, or the coordinator.",
        party=party,
        phase="release",
        rule="what is released fits the plan",
    )
