"""Values above the aggregates: figures of a cell, and what a statement makes of them.

Implements  federated/SPEC.md §3.1, §3.6: one grammar for the SELECT list, HAVING and ORDER BY
Learns      nobody: a figure is added up by the parties, all else is the receiver's arithmetic
Not for     what stands inside an aggregate: an owner computes it, and `expressions` reads it
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import RequestError
from contract.policy import Use
from federated.query.conditions import day
from federated.query.expressions import Expressions
from federated.query.figures import Asked, Count, Dimension, Quantile, Rank, Squares, Sum
from federated.query.formula import Call, Constant, Figure, Formula, Operator, call, figures_in
from federated.query.language import name
from federated.query.multiplicity import ManyRows
from federated.query.subquery import not_grouped
from federated.query.text import Text
from federated.query.values import Column, Linear, decimal_text, type_at, whole
from federated.query.words import CASTS

_MOST_PLACES: Final = 18
_KINDS = {
    ColumnType.INTEGER: ColumnType.DECIMAL,
    ColumnType.PERIOD: ColumnType.DECIMAL,
}
"""What is compared with what: all numbers with each other."""
_EQUALITIES = (Operator.EQUAL, Operator.UNEQUAL)
_ARITHMETIC: dict[type[exp.Expr], Operator] = {
    exp.Add: Operator.ADD,
    exp.Sub: Operator.SUBTRACT,
    exp.Mul: Operator.MULTIPLY,
    exp.Div: Operator.DIVIDE,
}
_COMPARISONS: dict[type[exp.Expr], Operator] = {
    exp.EQ: Operator.EQUAL,
    exp.NEQ: Operator.UNEQUAL,
    exp.LT: Operator.LESS,
    exp.LTE: Operator.AT_MOST,
    exp.GT: Operator.MORE,
    exp.GTE: Operator.AT_LEAST,
}
_CONNECTIVES = {exp.And: Operator.AND, exp.Or: Operator.OR}
_SPREADS: dict[type[exp.Expr], Operator] = {
    exp.Variance: Operator.VAR_SAMP,
    exp.VariancePop: Operator.VAR_POP,
    exp.Stddev: Operator.VAR_SAMP,
    exp.StddevSamp: Operator.VAR_SAMP,
    exp.StddevPop: Operator.VAR_POP,
}


@dataclass(frozen=True, slots=True)
class Read:
    """A piece of the statement: what it is made of, and what it is."""

    formula: Formula
    type: ColumnType


@dataclass(slots=True)
class Above:
    """Reads values; gathers the figures that they are made of, and the uses of columns."""

    scope: Expressions
    groups: Sequence[Column]
    keys: Sequence[Column]
    """The key column of each source."""
    many: ManyRows | None = None
    """The one source whose rows are counted and added up, of which a key may have several."""
    figures: dict[Asked, int] = field(default_factory=dict)
    """With the place of each."""
    uses: list[tuple[Column, Use]] = field(default_factory=list)
    names: dict[str, tuple[exp.Expr, Read]] = field(default_factory=dict)
    """The columns of the result, once they have names."""

    @property
    def text(self) -> Text:
        """The statement."""
        return self.scope.text

    # ── values ──────────────────────────────────────────────────────────────────────────────────

    def value(self, node: exp.Expr) -> Read:
        """A value above the aggregates: of them, of dimensions, of constants."""
        if (dimension := self._computed(node)) is not None:
            return dimension
        match node:
            case exp.Paren():
                return self.value(node.this)
            case exp.AggFunc():
                return self._aggregate(node)
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Boolean() | exp.Cast():
                return self._constant(node)
            case exp.Neg():
                return Read(call(Operator.NEGATE, self._number(node.this)), ColumnType.DECIMAL)
            case exp.Round():
                return self._round(node)
            case exp.Not():
                return _true(call(Operator.NOT, self.condition(node.this)))
            case exp.And() | exp.Or():
                parts = [self.condition(part) for part in node.flatten()]
                return _true(call(_CONNECTIVES[type(node)], *parts))
            case exp.Is() if isinstance(node.expression, exp.Null):
                return _true(call(Operator.IS_NULL, self.value(node.this).formula))
            case exp.Between():
                low = self._compared(node, Operator.AT_LEAST, node.this, node.args["low"])
                high = self._compared(node, Operator.AT_MOST, node.this, node.args["high"])
                return _true(call(Operator.AND, low, high))
            case exp.In():
                choices = [
                    self._compared(node, Operator.EQUAL, node.this, one) for one in node.expressions
                ]
                return _true(call(Operator.OR, *choices))
        if operator := _ARITHMETIC.get(type(node)):
            sides = [self._number(side) for side in (node.this, node.expression)]
            return Read(call(operator, *sides), ColumnType.DECIMAL)
        if operator := _COMPARISONS.get(type(node)):
            return _true(self._compared(node, operator, node.this, node.expression))
        raise self.text.refuse(
            node,
            "a dimension or an aggregate is expected here",
            "There are COUNT(*), SUM(…), AVG(…); they may be combined by + - * /, ROUND,"
            " comparisons, AND, OR, NOT, IN, BETWEEN, IS NULL.",
        )

    def condition(self, node: exp.Expr) -> Formula:
        """What is true or false, or NULL."""
        found = self.value(node)
        if found.type is not ColumnType.BOOLEAN:
            raise self.text.refuse(
                node,
                "a condition is expected here",
                "Compare aggregates or dimensions: HAVING COUNT(*) >= 20.",
            )
        return found.formula

    def _column(self, node: exp.Column) -> Read:
        """A dimension, or after HAVING and ORDER BY a column of the result by its name."""
        named = None if node.table else self.names.get(node.name)
        offered = any(node.name in source.columns for source in self.scope.sources)
        same = named and isinstance(named[0], exp.Column) and named[0].name == node.name
        if named and offered and not same:
            raise self.text.refuse(
                node,
                f"'{node.name}' is a column of the result, and one of a dataset",
                "Write another name after AS, or what the column is made of.",
            )
        if named:
            return named[1]
        column = self.scope.column(node)
        if column not in self.groups:
            raise not_grouped(self.text, node, column)
        place = self.figure(Dimension(self.groups.index(column)))
        return Read(place, column.type)

    def _computed(self, node: exp.Expr) -> Read | None:
        """A dimension that its owner computes; None if `node` is something else."""
        if isinstance(node, exp.Column | exp.Paren | exp.Literal) or node.find(exp.AggFunc):
            return None
        column = self.scope.computed(node)
        if column is None and isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Neg):
            column = self._calculated(node)
        if column is None:
            return None
        if column not in self.groups:
            raise not_grouped(self.text, node, column)
        return Read(self.figure(Dimension(self.groups.index(column))), column.type)

    def _calculated(self, node: exp.Expr) -> Column | None:
        """A number that the result is grouped by as it is; else its parts may be."""
        if not any(group.formula and group.type.is_number for group in self.groups):
            return None
        try:
            column = self.scope.expression(node)
        except RequestError:
            return None
        return column if column in self.groups else None

    def _constant(self, node: exp.Expr) -> Read:
        written = day(node) if isinstance(node, exp.Cast) else None
        match node:
            case exp.Boolean():
                truth = "true" if node.this else "false"
                return Read(Constant(type=ColumnType.BOOLEAN, text=truth), ColumnType.BOOLEAN)
            case exp.Literal() if node.is_string:
                return Read(Constant(type=ColumnType.TEXT, text=node.name), ColumnType.TEXT)
            case exp.Literal():
                constant = self.scope.linear(node)
                text = decimal_text(int(constant.constant * 10**constant.scale), constant.scale)
                return Read(Constant(type=ColumnType.DECIMAL, text=text), ColumnType.DECIMAL)
        if written is None:
            raise self.text.refuse(node, *CASTS)
        return Read(Constant(type=ColumnType.DATE, text=written), ColumnType.DATE)

    def _number(self, node: exp.Expr) -> Formula:
        found = self.value(node)
        if found.type.is_number:
            return found.formula
        month = found.type is ColumnType.PERIOD
        raise self.text.refuse(
            node,
            "this is a month, not a number" if month else "a number is expected here",
            "Compute with aggregates and with dimensions that are numbers.",
        )

    def _round(self, node: exp.Round) -> Read:
        of, written = self._number(node.this), node.args.get("decimals")
        sign = -1 if isinstance(written, exp.Neg) else 1
        places = whole(written.this if isinstance(written, exp.Neg) else written)
        if written is not None and (places is None or places > _MOST_PLACES):
            raise self.text.refuse(
                written,
                f"ROUND takes a number of decimals, {-_MOST_PLACES} to {_MOST_PLACES}",
                "Write ROUND(…, 2).",
            )
        formula = Call(operator=Operator.ROUND, of=(of,), decimals=sign * (places or 0))
        return Read(formula, ColumnType.DECIMAL)

    def _compared(
        self, node: exp.Expr, operator: Operator, left: exp.Expr, right: exp.Expr
    ) -> Formula:
        sides = [self.value(left), self.value(right)]
        if not any(figures_in(side.formula) for side in sides):
            raise self.text.refuse(
                node, "two constants are compared", "Compare an aggregate, or leave it out."
            )
        if any(side.type is ColumnType.DATE for side in sides):
            sides = [_dated(side) for side in sides]
        first, second = (_KINDS.get(side.type, side.type) for side in sides)
        if first is not second or (first is ColumnType.BOOLEAN and operator not in _EQUALITIES):
            raise self.text.refuse(
                right,
                f"a {first.value} and a {second.value} can't be compared like this",
                "Compare numbers with numbers, texts with texts, dates with DATE '2026-01-31',"
                " and what is true or false by = or <>.",
            )
        return call(operator, *(side.formula for side in sides))

    # ── aggregates ──────────────────────────────────────────────────────────────────────────────

    def _aggregate(self, node: exp.AggFunc) -> Read:
        match node:
            case exp.Count() if isinstance(node.this, exp.Star):
                if self.many:
                    return Read(self._rows(self.many.rows(), Use.COUNT), ColumnType.INTEGER)
                return Read(self.figure(Count()), ColumnType.INTEGER)
            case exp.Count(this=exp.Distinct()):
                return self._entities(node)
            case exp.Count():
                column = self.scope.counted(node.this)
                if self.many:
                    self._inside(node.this, [column], Use.COUNT)
                    rows = self._rows(self.many.count([column]), Use.COUNT)
                    return Read(rows, ColumnType.INTEGER)
                self._use([column], Use.COUNT)
                return Read(self._present([column]), ColumnType.INTEGER)
            case exp.Sum() | exp.Avg():
                return self._sum(node)
            case exp.Min() | exp.Max():
                highest = isinstance(node, exp.Max)
                return self._quantile(
                    node.this, Rank.HIGHEST if highest else Rank.LOWEST, Fraction(highest)
                )
            case exp.Median():
                return self._quantile(node.this, Rank.CONTINUOUS, Fraction(1, 2))
            case exp.PercentileCont():
                share = self._share(node.expression)
                return self._quantile(node.this, Rank.CONTINUOUS, share)
            case exp.PercentileDisc():
                return self._quantile(node.this, Rank.DISCRETE, self._share(node.expression))
            case exp.Quantile():
                return self._quantile(node.this, Rank.DISCRETE, self._share(node.args["quantile"]))
        if operator := _SPREADS.get(type(node)):
            return self._spread(operator, node)
        raise self.text.refuse(
            node,
            "there is no such aggregate",
            "There are COUNT, SUM, AVG, VAR_SAMP, VAR_POP, STDDEV_SAMP, STDDEV_POP, MEDIAN,"
            " QUANTILE_CONT, QUANTILE_DISC, MIN and MAX.",
        )

    def _entities(self, node: exp.Count) -> Read:
        """COUNT(DISTINCT key): how many entities."""
        (named, *others) = node.this.expressions
        key = self.keys[0]
        if isinstance(named, exp.Column) and not named.table and named.name == key.name:
            # After USING, one name stands for the key of every source.
            named.set("table", name(key.source))
        if others or not isinstance(named, exp.Column) or self.scope.column(named) not in self.keys:
            raise self.text.refuse(
                named,
                "DISTINCT counts the keys that are joined, and nothing else",
                f"Write COUNT(DISTINCT {key.name}); GROUP BY lists the distinct values of other"
                " columns.",
            )
        return Read(self.figure(Count()), ColumnType.INTEGER)

    def _spread(self, operator: Operator, node: exp.AggFunc) -> Read:
        linear = self._of_one_owner(
            node.this, "a variance of several owners' columns would multiply them with each other"
        )
        self._use(linear.columns, Use.VARIANCE)
        count = self._present(linear.columns)
        sums = (self.figure(Sum(linear)), self.figure(Squares(linear)))
        variance = call(operator, count, *sums)
        is_root = isinstance(node, exp.Stddev | exp.StddevSamp | exp.StddevPop)
        return Read(call(Operator.ROOT, variance) if is_root else variance, ColumnType.DECIMAL)

    def _sum(self, node: exp.Sum | exp.Avg) -> Read:
        linear = self.scope.sum_of(node.this)
        self._refuse_shared_null(node.this, linear)
        use = Use.SUM if isinstance(node, exp.Sum) else Use.AVG
        count = None
        if self.many:
            self._inside(node.this, linear.columns, use)
            if use is Use.AVG:
                count = self._rows(self.many.count(linear.columns), use)
            linear = self.many.sum(linear)
            self.scope.prove_sent(node.this, linear)
        total = self.figure(Sum(linear))
        self._use(linear.columns, use)
        if use is Use.SUM:
            return Read(total, type_at(linear.scale))
        count = self._present(linear.columns) if count is None else count
        mean = call(Operator.DIVIDE, total, count)
        return Read(mean, ColumnType.DECIMAL)

    def _quantile(self, of: exp.Expr, rank: Rank, share: Fraction) -> Read:
        linear = self._of_one_owner(of, "each owner knows the bands of its own numbers only")
        self._use(linear.columns, Use.QUANTILE)
        self._present(linear.columns)
        return Read(self.figure(Quantile(linear, rank, share)), ColumnType.DECIMAL)

    def _share(self, node: exp.Expr) -> Fraction:
        if isinstance(node, exp.Literal) and not node.is_string:
            share = self.scope.linear(node).constant
            if 0 <= share <= 1:
                return share
        raise self.text.refuse(
            node, "a quantile is at a number from 0 to 1", "Write QUANTILE_CONT(column, 0.9)."
        )

    def _of_one_owner(self, node: exp.Expr, why: str) -> Linear:
        linear = self.scope.sum_of(node)
        if self.many:
            raise self.many.refuse(node, "and what is asked here takes one from each owner")
        if len(linear.sources) > 1:
            raise self.text.refuse(node, why, "Ask for each owner's own numbers.")
        return linear

    def _rows(self, counted: Linear, use: Use) -> Figure:
        """A number of rows of the one source that has many for a key."""
        self._use(counted.columns, use)
        return self.figure(Sum(counted))

    def _inside(self, node: exp.Expr, columns: Sequence[Column], use: Use) -> None:
        """Note the use of what is added up by key; refuse what is another owner's."""
        for column in columns:
            if self.many and column.source != self.many.source:
                raise self.many.refuse(
                    node,
                    f"and what is added up of {column.source} would count once for each of them",
                )
        self._use([replace(column, picks=()) for column in columns], use)

    def _present(self, columns: Sequence[Column]) -> Figure:
        """How many have a value in all of these columns."""
        return self.figure(Count(frozenset(one for one in columns if one.nullable)))

    def figure(self, asked: Asked) -> Figure:
        """One figure, asked for once however often it is used."""
        return Figure(place=self.figures.setdefault(asked, len(self.figures)))

    def _use(self, columns: Sequence[Column], use: Use) -> None:
        self.uses += [(column, use) for column in columns]

    def _refuse_shared_null(self, node: exp.Expr, linear: Linear) -> None:
        # NULL + 1 is NULL: one owner's value would have to vanish where another's is absent.
        if len(linear.sources) > 1 and linear.nullable:
            nullable = next(column for column in linear.columns if column.nullable)
            raise self.text.refuse(
                node,
                f"'{nullable.name}' of {nullable.source} may be NULL, and is added to another"
                " owner's column",
                "Ask for one SUM for each owner, and add them up: SUM(…) + SUM(…).",
            )


def _true(formula: Formula) -> Read:
    return Read(formula, ColumnType.BOOLEAN)


def _dated(side: Read) -> Read:
    """A text that is compared with a date, as the date that it writes."""
    if isinstance(side.formula, Constant) and side.type is ColumnType.TEXT:
        written = day(exp.Literal.string(side.formula.text))
        if written is not None:
            return Read(Constant(type=ColumnType.DATE, text=written), ColumnType.DATE)
    return side
