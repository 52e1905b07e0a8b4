"""The result: from the integers that were released, cell by cell, to exact rows.

Implements  federated/SPEC.md §3.4, §3.6: figures as exact rationals, formulas over them, the rows
            that HAVING keeps in the order asked for; the remainder is one row, marked, always there
Learns      the receiver: exactly this
Checks      labels and sums come from other parties: each must be one that the plan allows
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from re import fullmatch
from typing import Protocol

from contract.dataset import ColumnType, ResultColumn
from contract.errors import BadMessage, MiheError
from federated.query.figures import Rank
from federated.query.formula import (
    SIGNIFICANT_DIGITS,
    WITHHELD,
    Value,
    shown_decimal,
    shown_significant,
    value_of,
)
from federated.query.histogram import continuous, discrete, outermost
from federated.query.outer import MARK
from federated.query.plan import GroupColumn, Summand
from federated.query.table import (
    CountFigure,
    DimensionFigure,
    Output,
    PlannedFigure,
    QuantileFigure,
    SumFigure,
    Table,
)

CellValue = str | int | bool | Decimal | date | None
"""A value of the result."""


class Planned(Protocol):
    """What a result is made by, whichever way its sums come: the plan of a join, or of a union."""

    @property
    def table(self) -> Table:
        """What is made of a cell's figures."""

    @property
    def summands(self) -> tuple[Summand, ...]:
        """What is added up, and between what each sum lies."""

    @property
    def rows(self) -> int:
        """There is never more to add up."""

    @property
    def k(self) -> int:
        """How many values a band must have to be the outermost."""

    @property
    def fewest(self) -> int:
        """What a cell counts, at least."""

    @property
    def groups(self) -> tuple[tuple[GroupColumn, ...], ...]:
        """Every owner's columns that the result is grouped by."""

    def labeller(self, owner: int) -> str | None:
        """Whom to name for a label that can't be; None: nobody."""


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
    """A result: rows in the order asked for, then by their dimensions; the remainder last."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[Row, ...]
    left_out: int
    """Rows that HAVING, LIMIT and OFFSET leave out."""
    withheld: int | None = None
    """Of a LEFT JOIN, rows of which only the receiver's own values are told."""


@dataclass(frozen=True, slots=True, repr=False)
class _Line:
    """What a row is made of."""

    cell: Cell | None
    """What was released; None: nothing was."""
    own: Cell | None = None
    """Of a LEFT JOIN, all the receiver's own rows of the group."""

    def of(self, plan: Planned, place: int) -> Cell | None:
        """Where a figure is taken from."""
        left = plan.table.left
        if left is None:
            return self.cell
        figure = plan.table.figures[place]
        return self.own if place in left or isinstance(figure, DimensionFigure) else self.cell


@dataclass(frozen=True, slots=True, repr=False)
class _Found:
    """A row, and what it is filtered and ordered by."""

    row: Row
    figures: tuple[Value, ...]


def result_of(
    plan: Planned,
    cells: Sequence[Cell],
    own: Sequence[Cell] = (),
    noises: Sequence[str | None] | None = None,
) -> Result:
    """The rows that `cells` make; BadMessage for what the plan does not allow.

    `own`: of a LEFT JOIN, what the receiver added up over all its rows, group by group.
    `noises`: the standard deviation of each column's noise; None: all that was released is exact.
    """
    noisy = noises is not None
    shown = [cell for cell in cells if cell.labels is not None]
    rest = [cell for cell in cells if cell.labels is None]
    if len(rest) > 1:
        raise _not_allowed("there is more than one remainder")
    lines, last = [_Line(cell) for cell in shown], [_Line(cell) for cell in rest]
    if plan.table.left is not None:
        lines, last = _with_own(shown, rest, own, noisy=noisy)
    found = [_found(plan, line, noisy=noisy) for line in lines]
    kept = _kept(plan, found)
    folded = [_found(plan, line, noisy=noisy) for line in last]
    rows = tuple(one.row for one in (*kept, *folded))
    outputs = plan.table.outputs
    columns = tuple(map(_column, outputs, noises or [None] * len(outputs)))
    if plan.table.left is None:
        return Result(columns, rows, len(found) - len(kept))
    withheld = sum(row.values[-1] is not None for row in rows)
    mark = ResultColumn(name=MARK, type=ColumnType.TEXT)
    return Result((*columns, mark), rows, len(found) - len(kept), withheld)


def _with_own(
    shown: Sequence[Cell], rest: Sequence[Cell], own: Sequence[Cell], *, noisy: bool
) -> tuple[list[_Line], list[_Line]]:
    """A row for each group that the receiver has; the remainder is of those not opened alone."""
    opened = {cell.labels: cell for cell in shown}
    lines = [_Line(opened.pop(one.labels, None), one) for one in own]
    if opened:
        raise _not_allowed("a group is opened of which the receiver has no rows")
    together = [one.own for one in lines if one.cell is None and one.own is not None]
    last = [_Line(cell, _together(together)) for cell in rest]
    for line in (*lines, *last):
        if not noisy and line.cell and line.own and line.cell.count > line.own.count:
            raise _not_allowed("more entities match than the receiver has")
    return lines, last


def _together(cells: Sequence[Cell]) -> Cell:
    if not cells:
        raise _not_allowed("there is a remainder of groups that are all opened")
    sums = tuple(map(sum, zip(*(cell.sums for cell in cells), strict=True)))
    return Cell(None, sum(cell.count for cell in cells), sums)


def _kept(plan: Planned, found: list[_Found]) -> list[_Found]:
    """The rows that are shown, in their order."""
    table = plan.table
    if (having := table.having) is not None:
        # What is not told may fulfil it: a row is not left out for that.
        truths = [value_of(having, one.figures) for one in found]
        found = [
            one
            for one, truth in zip(found, truths, strict=True)
            if truth is True or truth is WITHHELD
        ]
    # Rows that are alike in all that was asked for still have one order, whatever the codes were.
    dimensions = [
        place for place, figure in enumerate(table.figures) if isinstance(figure, DimensionFigure)
    ]
    for place in reversed(dimensions):
        found = _sorted(found, [one.figures[place] for one in found])
    for by in reversed(table.order):
        values = [value_of(by.formula, one.figures) for one in found]
        found = _sorted(found, values, by.descending, by.nulls_first)
    end = None if table.limit is None else table.offset + table.limit
    return found[table.offset : end]


def _sorted(
    found: Sequence[_Found],
    values: Sequence[Value],
    descending: bool = False,
    nulls_first: bool = False,
) -> list[_Found]:
    """Rows by a value of each; rows of the same value stay as they are."""
    nulls = [one for one, value in zip(found, values, strict=True) if value is None]
    untold = [one for one, value in zip(found, values, strict=True) if value is WITHHELD]
    pairs = [
        (value, one)
        for one, value in zip(found, values, strict=True)
        if value is not None and value is not WITHHELD
    ]
    pairs.sort(key=itemgetter(0), reverse=descending)
    rest = [one for _, one in pairs]
    return [*(nulls if nulls_first else ()), *rest, *(() if nulls_first else nulls), *untold]


def _column(output: Output, noise: str | None) -> ResultColumn:
    return ResultColumn(
        name=output.name,
        type=output.type,
        decimals=output.decimals or 0,
        digits=output.digits,
        within=output.within,
        noise=noise,
        significant=SIGNIFICANT_DIGITS if _is_inexact(output) else None,
    )


def _is_inexact(output: Output) -> bool:
    return output.type is ColumnType.DECIMAL and output.decimals is None


def _group(plan: Planned, figure: DimensionFigure) -> GroupColumn:
    return plan.groups[figure.owner][figure.group]


def _found(plan: Planned, line: _Line, *, noisy: bool) -> _Found:
    if line.cell is not None:
        _check(plan, line.cell, noisy=noisy)
    sources = [line.of(plan, place) for place in range(len(plan.table.figures))]
    figures = tuple(
        WITHHELD if cell is None else _figure(plan, figure, cell)
        for figure, cell in zip(plan.table.figures, sources, strict=True)
    )
    if not noisy:
        _check_squares(plan, sources, figures)
    made = [value_of(output.formula, figures) for output in plan.table.outputs]
    values = [_shown(output, one) for output, one in zip(plan.table.outputs, made, strict=True)]
    if plan.table.left is not None:
        pairs = zip(plan.table.outputs, made, strict=True)
        values.append(" ".join(one.name for one, value in pairs if value is WITHHELD) or None)
    label = line.cell if line.own is None else line.own
    return _Found(Row(tuple(values), label is not None and label.labels is None), figures)


def _shown(output: Output, value: Value) -> CellValue:
    if value is WITHHELD:
        return None  # and named in the column that says so
    if isinstance(value, bool) or not isinstance(value, Fraction):
        return value
    if output.type in (ColumnType.INTEGER, ColumnType.PERIOD):
        return round(value)
    if output.decimals is None:
        return shown_significant(value)
    return shown_decimal(value, output.decimals)


def _check(plan: Planned, cell: Cell, *, noisy: bool) -> None:
    if len(cell.sums) != len(plan.summands):
        raise _not_allowed("there are more or fewer sums than the plan has")
    if not noisy:  # with noise, all that holds are the bounds by which cells were opened
        _check_exact(plan, cell)
    if cell.labels is not None:
        shape = [len(groups) for groups in plan.groups]
        if [len(labels) for labels in cell.labels] != shape:
            raise _not_allowed("a label is missing, or one too many is there")


def _check_exact(plan: Planned, cell: Cell) -> None:
    if not plan.fewest <= cell.count <= plan.rows:
        raise _not_allowed("a count is not one that the plan allows")
    for value, summand in zip(cell.sums, plan.summands, strict=True):
        # What one entity may add, as many times as there are entities.
        if not summand.least * cell.count <= value * plan.rows <= summand.most * cell.count:
            raise _not_allowed("a sum is not one that the plan allows")


def _check_squares(plan: Planned, sources: Sequence[Cell | None], figures: Sequence[Value]) -> None:
    """By Cauchy and Schwarz: no variance is negative."""
    for figure, cell, squares in zip(plan.table.figures, sources, figures, strict=True):
        if isinstance(figure, SumFigure) and figure.square_of is not None and cell is not None:
            total, entities = figures[figure.square_of], _counted(figure.present, cell)
            if not isinstance(total, Fraction) or not isinstance(squares, Fraction):
                continue  # NULL, both of them
            if total * total > squares * entities:
                raise _not_allowed("a sum of squares is smaller than its sum allows")


def _figure(plan: Planned, figure: PlannedFigure, cell: Cell) -> Value:
    match figure:
        case DimensionFigure():
            if cell.labels is None:
                return None
            label = cell.labels[figure.owner][figure.group]
            return _label(_group(plan, figure), label, plan.labeller(figure.owner))
        case CountFigure():
            return Fraction(_counted(figure.present, cell))
        case SumFigure():
            if _counted(figure.present, cell) == 0:
                return Fraction(0) if figure.rows else None
            limbs = enumerate(figure.summands)
            total = sum(cell.sums[place] << figure.limb_bits * limb for limb, place in limbs)
            return Fraction(total, 10**figure.scale)
        case QuantileFigure():
            return _quantile(plan, figure, cell)


def _quantile(plan: Planned, figure: QuantileFigure, cell: Cell) -> Fraction | None:
    bands, share = figure.bands, Fraction(figure.share)
    counts = bands.counts([cell.sums[place] for place in figure.summands])
    if sum(counts) != _counted(figure.present, cell):
        raise _not_allowed("there are more or fewer values in bands than there are values")
    match figure.rank:
        case Rank.CONTINUOUS:
            found = continuous(bands, counts, share)
        case Rank.DISCRETE:
            found = discrete(bands, counts, share)
        case Rank.LOWEST | Rank.HIGHEST:
            found = outermost(bands, counts, plan.k, highest=figure.rank is Rank.HIGHEST)
    return None if found is None else found / 10**figure.scale


def _counted(present: int | None, cell: Cell) -> int:
    return cell.count if present is None else cell.sums[present]


def _label(group: GroupColumn, text: str | None, org: str | None) -> Value:
    if text is None:
        if group.nullable:
            return None
        raise _not_allowed("a label is NULL where the dataset has none", org)
    match group.type:
        case ColumnType.TEXT:
            return text
        case ColumnType.INTEGER | ColumnType.PERIOD if fullmatch(r"-?[0-9]{1,39}", text):
            return Fraction(text)
        case ColumnType.DECIMAL if fullmatch(r"-?[0-9]{1,39}(\.[0-9]{1,38})?", text):
            return Fraction(text)
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
