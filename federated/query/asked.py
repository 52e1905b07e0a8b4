"""What is asked for: the SELECT list, HAVING, ORDER BY, LIMIT; read into figures and formulas.

Implements  federated/SPEC.md §3.1, §3.6: figures are what the parties add up for each cell; all
            that is made of them is made at the receiver, of released numbers
Learns      nobody. HAVING and LIMIT hide rows from a table, not from the receiver's node.
Not for     what stands inside an aggregate: an owner computes it, and `expressions` reads it
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Final

from sqlglot import exp

from contract.canonical import Frozen
from contract.dataset import MOST_DIGITS, ColumnType
from contract.policy import Use
from contract.sizes import LARGEST_SIZE
from federated.query.above import Above
from federated.query.aggregates import Aggregates, Read
from federated.query.expressions import Expressions
from federated.query.figures import (
    Asked,
    Dimension,
    decimals_of_figure,
    error_of_figure,
    widest_bounds,
)
from federated.query.formula import (
    SIGNIFICANT_DIGITS,
    Bounds,
    Figure,
    Formula,
    bounds_of,
    decimals_of,
    error_of,
    figures_in,
)
from federated.query.multiplicity import ManyRows
from federated.query.subquery import named_twice, set_alias, unnamed
from federated.query.values import Column, decimal_text, whole

WIDEST: Final = 2 * MOST_DIGITS
"""Digits of the widest decimal that programs can read (Arrow's decimal256)."""
_CALLED: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Variance: "var_samp",
    exp.VariancePop: "var_pop",
    exp.Stddev: "stddev_samp",
    exp.StddevSamp: "stddev_samp",
    exp.StddevPop: "stddev_pop",
    exp.Min: "min",
    exp.Max: "max",
    exp.Median: "median",
    exp.PercentileCont: "quantile",
    exp.PercentileDisc: "quantile",
    exp.Quantile: "quantile",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A column of the result."""

    name: str
    formula: Formula
    type: ColumnType
    decimals: int | None
    """None: significant digits."""
    within: str | None
    """How far it may be from the exact value; None: nothing."""


class Order(Frozen):
    """What rows are ordered by."""

    formula: Formula
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is asked for."""

    figures: tuple[Asked, ...]
    uses: tuple[tuple[Column, Use], ...]
    """What is done with the columns in the figures."""
    items: tuple[Item, ...]
    having: Formula | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int


def read(
    scope: Expressions,
    tree: exp.Select,
    groups: Sequence[Column],
    keys: Sequence[tuple[Column, ...]],
    many: ManyRows | None,
    kept: str | None,
    rows: int = LARGEST_SIZE,
) -> Answer:
    """What a statement asks for; every refusal says where, why, and what works.

    `rows`: how many may be added up at most.
    """
    aggregates = Aggregates(scope, keys, many, kept)
    return _Reader(Above(scope, groups, aggregates), aggregates, tree, rows).read()


@dataclass(slots=True)
class _Reader:
    above: Above
    aggregates: Aggregates
    tree: exp.Select
    rows: int
    # Of each figure that an item is made of:
    decimals: list[int] = field(default_factory=list)
    limits: list[Bounds] = field(default_factory=list)
    errors: list[Fraction] = field(default_factory=list)

    def read(self) -> Answer:
        nodes = list(self.tree.expressions)
        values = [node.unalias() for node in nodes]
        # Read before any has a name: an item can't be made of another one.
        read = [self.above.value(value) for value in values]
        figures, groups = self.aggregates.figures, self.above.groups
        self.decimals = [decimals_of_figure(one, groups) for one in figures]
        self.limits = [widest_bounds(one, groups, self.rows) for one in figures]
        self.errors = [error_of_figure(one) for one in figures]
        items = tuple(map(self._item, nodes, values, read))
        # Rows alike in all else are ordered by what they are grouped by, shown or not.
        for place in range(len(self.above.groups)):
            self.aggregates.figure(Dimension(place))
        having, order = self.tree.args.get("having"), self.tree.args.get("order")
        return Answer(
            items=items,
            having=self.above.condition(having.this) if having else None,
            order=tuple(self._order(one, items) for one in (order.expressions if order else ())),
            limit=self._rows("limit"),
            offset=self._rows("offset") or 0,
            figures=tuple(self.aggregates.figures),
            uses=tuple(dict.fromkeys(self.aggregates.uses)),
        )

    # ── SELECT ──────────────────────────────────────────────────────────────────────────────────

    def _item(self, node: exp.Expr, value: exp.Expr, found: Read) -> Item:
        if not figures_in(found.formula):
            raise self.above.text.refuse(
                value,
                "a dimension or an aggregate is expected here",
                "Name a column that the result is grouped by, or write COUNT(*), SUM(…), AVG(…);"
                " they may be added, divided, rounded and compared.",
            )
        name = node.alias or self._default_name(value)
        if name in self.above.names:
            raise named_twice(self.above.text, node, name)
        set_alias(node, name)
        self.above.names[name] = (value, found)
        decimals = self._decimals(value, found)
        whole = found.type.is_number and decimals == 0 and not isinstance(found.formula, Figure)
        kind = ColumnType.INTEGER if whole else found.type
        return Item(name, found.formula, kind, decimals, self._within(value, found, decimals))

    def _default_name(self, node: exp.Expr) -> str:
        argument = node.this if isinstance(node, exp.AggFunc) else None
        match node, argument:
            case exp.Column(), _:
                return str(node.name)
            case exp.Count(), exp.Star() | exp.Distinct():
                return "count"
            case exp.AggFunc(), exp.Column() if called := _CALLED.get(type(node)):
                return f"{called}_{argument.name}"[:63]
        raise unnamed(self.above.text, node)

    def _decimals(self, node: exp.Expr, found: Read) -> int | None:
        """How many decimals a column has; refused where no program could read so many digits."""
        if not found.type.is_number:
            return 0
        decimals = decimals_of(found.formula, self.decimals)
        if decimals is None:
            return None
        digits = bounds_of(found.formula, self.limits).digits(decimals)
        if digits > WIDEST:
            raise self.above.text.refuse(
                node,
                f"this may have {digits} digits, {decimals} of them decimals: a table holds"
                f" {WIDEST}",
                "Write ROUND(…, 2) around a part of it, or compute a part of it from the result.",
            )
        return decimals

    def _within(self, node: exp.Expr, found: Read, decimals: int | None) -> str | None:
        if not found.type.is_number:
            return None
        error = error_of(found.formula, self.errors)
        if error is None:
            raise self.above.text.refuse(
                node,
                "a quantile is known to a band, and nobody can say how far this would be off",
                "Add, subtract or round quantiles, or multiply them by a constant; compute the rest"
                " from the result.",
            )
        places = SIGNIFICANT_DIGITS if decimals is None else decimals
        return decimal_text(ceil(error * 10**places), places) if error else None

    # ── HAVING, ORDER BY, LIMIT ─────────────────────────────────────────────────────────────────

    def _order(self, node: exp.Ordered, items: Sequence[Item]) -> Order:
        by = node.this
        node.set("desc", node.args.get("desc") or None)  # ASC is what is meant without it
        if isinstance(by, exp.Literal) and not by.is_string:
            formula = self._position(by, items)
        elif isinstance(by, exp.Column) and not by.table and by.name in self.above.names:
            formula = self.above.names[by.name][1].formula
        else:
            formula = self.above.value(by).formula
            if not figures_in(formula):
                raise self.above.text.refuse(
                    by, "a constant orders nothing", "Write a column's name, its number, or both."
                )
        return Order(
            formula=formula,
            descending=bool(node.args.get("desc")),
            nulls_first=bool(node.args.get("nulls_first")),
        )

    def _position(self, node: exp.Literal, items: Sequence[Item]) -> Formula:
        place = whole(node)
        if place is None or not 1 <= place <= len(items):
            raise self.above.text.refuse(
                node,
                f"the result has columns 1 to {len(items)}",
                "Write one of these numbers, or a column's name.",
            )
        return items[place - 1].formula

    def _rows(self, clause: str) -> int | None:
        node = self.tree.args.get(clause)
        if node is None:
            return None
        count = whole(self.above.scope.constant(node.expression, ColumnType.INTEGER))
        if count is None:
            raise self.above.text.refuse(
                node.expression,
                f"{clause.upper()} takes a number of rows",
                f"Write {clause.upper()} 10.",
            )
        return count
