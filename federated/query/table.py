"""The table of a result as the plan has it: figures of a cell, columns made of them, rows shown.

Implements  federated/SPEC.md §3.6: every party sees what the receiver will make of the sums
Learns      nobody: figures name sums and labels of the plan; formulas hold its constants
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from contract.canonical import Frozen, Name
from contract.dataset import ColumnType
from federated.query.asked import Answer, Item, Order
from federated.query.figures import Rank
from federated.query.formula import Bounds, Formula, bounds_of
from federated.query.histogram import Bands

_WORD_DIGITS: Final = 18
"""64 bits hold every integer of so many digits."""


class DimensionFigure(Frozen):
    """A label."""

    kind: Literal["dimension"] = "dimension"
    owner: int
    group: int


class CountFigure(Frozen):
    """How many entities, or how many of them with a value."""

    kind: Literal["count"] = "count"
    present: int | None = Field(default=None, description="summand; absent: every entity counts")


class SumFigure(Frozen):
    """A sum of those with a value, put together of its limbs."""

    kind: Literal["sum"] = "sum"
    scale: int
    summands: tuple[int, ...] = Field(description="its limbs, the lowest first")
    limb_bits: int
    present: int | None = Field(default=None, description="summand; absent: never NULL")
    rows: bool = Field(default=False, description="a number of rows: 0 of none, and not NULL")
    square_of: int | None = Field(
        default=None, description="figure: this adds up the squares of what that adds up"
    )


class QuantileFigure(Frozen):
    """A value by its rank, known to a band."""

    kind: Literal["quantile"] = "quantile"
    rank: Rank
    share: str = Field(description="between 0 and 1, as a fraction")
    scale: int
    bands: Bands
    summands: tuple[int, ...] = Field(description="each the counts of several bands")
    present: int | None = Field(default=None, description="summand; absent: never NULL")


PlannedFigure = Annotated[
    DimensionFigure | CountFigure | SumFigure | QuantileFigure, Field(discriminator="kind")
]


class Output(Frozen):
    """A column of the result: a formula over the figures, and how it is shown."""

    name: Name
    formula: Formula
    type: ColumnType
    decimals: int | None = Field(default=None, description="absent: significant digits")
    digits: int | None = Field(default=None, description="at most; absent: 64 bits hold it")
    within: str | None = Field(default=None, description="how far it may be from the exact value")


class Table(Frozen):
    """What the receiver makes of the figures of every cell."""

    figures: tuple[PlannedFigure, ...] = Field(description="what is released of each cell")
    outputs: tuple[Output, ...]
    having: Formula | None = Field(default=None, description="which rows are shown")
    order: tuple[Order, ...]
    limit: int | None = Field(default=None, description="most rows that are shown")
    offset: int = Field(description="rows that are left out before")
    left: tuple[int, ...] | None = Field(
        default=None, description="of a LEFT JOIN, figures of all the receiver's rows"
    )


def table_of(
    answer: Answer,
    figures: Sequence[PlannedFigure],
    bounds: Sequence[Bounds],
    left: tuple[int, ...] | None,
) -> Table:
    """The table that answers a statement; `bounds` are those of the figures."""
    return Table(
        figures=tuple(figures),
        outputs=tuple(_output(item, bounds) for item in answer.items),
        having=answer.having,
        order=answer.order,
        limit=answer.limit,
        offset=answer.offset,
        left=left,
    )


def _output(item: Item, bounds: Sequence[Bounds]) -> Output:
    """Wide enough for every value that the bounds allow: not for those that will come out."""
    digits = None
    if item.type.is_number and item.decimals is not None:
        digits = bounds_of(item.formula, bounds).digits(item.decimals)
        if item.type is ColumnType.INTEGER and digits <= _WORD_DIGITS:
            digits = None
    return Output(
        name=item.name,
        formula=item.formula,
        type=item.type,
        decimals=item.decimals,
        digits=digits,
        within=item.within,
    )
