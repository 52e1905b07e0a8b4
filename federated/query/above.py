"""Values above the aggregates: what a statement makes of them, of dimensions and of constants.

Implements  federated/SPEC.md §3.1, §3.6: one grammar for the SELECT list, HAVING and ORDER BY
Learns      nobody: a figure is added up by the parties, all else is the receiver's arithmetic
Not for     aggregates themselves (`aggregates`), and what stands inside of them: an owner computes
            it, and `expressions` reads it
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import RequestError
from federated.query.aggregates import Aggregates, Read
from federated.query.conditions import day
from federated.query.expressions import DIFFERENT, Expressions
from federated.query.figures import Dimension
from federated.query.formula import Call, Constant, Formula, Operator, call, figures_in
from federated.query.subquery import not_grouped
from federated.query.text import Text
from federated.query.values import Column, decimal_text, whole
from federated.query.words import CASTS

_MOST_PLACES: Final = 18
_MOST_REPEATED: Final = 1 << 13
"""Pieces of a formula, of those that are written out several times."""
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
_CHOICES = (exp.Case, exp.Coalesce, exp.Nullif, exp.Abs)
"""What the receiver can make of dimensions, too, where the result is not grouped by it."""
_CONNECTIVES = {exp.And: Operator.AND, exp.Or: Operator.OR}


@dataclass(slots=True)
class Above:
    """Reads values; an aggregate is one of them."""

    scope: Expressions
    groups: Sequence[Column]
    aggregates: Aggregates
    names: dict[str, tuple[exp.Expr, Read]] = field(default_factory=dict)
    """The columns of the result, once they have names."""

    @property
    def text(self) -> Text:
        """The statement."""
        return self.scope.text

    def value(self, node: exp.Expr) -> Read:
        """A value above the aggregates: of them, of dimensions, of constants."""
        if (dimension := self._computed(node)) is not None:
            return dimension
        match node:
            case exp.Paren():
                return self.value(node.this)
            case exp.AggFunc():
                return self.aggregates.value(node)
            case exp.Column():
                return self._column(node)
            case exp.Literal() | exp.Boolean() | exp.Cast():
                return self._constant(node)
            case exp.Placeholder():
                return self.value(self.scope.constant(node, ColumnType.DECIMAL))
            case exp.Neg():
                return Read(call(Operator.NEGATE, self._number(node.this)), ColumnType.DECIMAL)
            case exp.Abs():
                return Read(call(Operator.ABSOLUTE, self._number(node.this)), ColumnType.DECIMAL)
            case exp.Coalesce():
                values, type_ = self._alike([node.this, *node.expressions])
                return Read(call(Operator.FIRST_KNOWN, *values), type_)
            case exp.Nullif():
                return self._null_if(node)
            case exp.Case():
                return self._case(node)
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
                ends = {Operator.AT_LEAST: node.args["low"], Operator.AT_MOST: node.args["high"]}
                known = self._repeated(node.this, len(ends))
                both = [self._compared(node, *one, known) for one in ends.items()]
                return _true(call(Operator.AND, *both))
            case exp.In():
                known = self._repeated(node.this, len(node.expressions))
                each = [
                    self._compared(node, Operator.EQUAL, one, known) for one in node.expressions
                ]
                return _true(call(Operator.OR, *each))
        if operator := _ARITHMETIC.get(type(node)):
            sides = [self._number(side) for side in (node.this, node.expression)]
            return Read(call(operator, *sides), ColumnType.DECIMAL)
        if operator := _COMPARISONS.get(type(node)):
            return _true(self._compared(node, operator, node.expression))
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
        same = named and isinstance(named[0], exp.Column) and named[0].name == node.name
        if named and not same and self._is_offered(node):
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
        place = self.aggregates.figure(Dimension(self.groups.index(column)))
        return Read(place, column.type)

    def _computed(self, node: exp.Expr) -> Read | None:
        """A dimension that its owner computes; None if `node` is something else."""
        if isinstance(node, exp.Column | exp.Paren | exp.Literal) or self._is_above(node):
            return None
        column = self.scope.computed(node)
        if column is None and isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Neg):
            column = self._calculated(node)
        if column is None:
            return None
        if column not in self.groups:
            if isinstance(node, _CHOICES) and self._is_of_groups(node):
                return None
            raise not_grouped(self.text, node, column)
        return Read(self.aggregates.figure(Dimension(self.groups.index(column))), column.type)

    def _is_of_groups(self, node: exp.Expr) -> bool:
        return all(self.scope.column(one) in self.groups for one in node.find_all(exp.Column))

    def _is_above(self, node: exp.Expr) -> bool:
        """Whether an aggregate is in it, or what only the result has a name for."""
        return any(
            isinstance(one, exp.AggFunc)
            or (isinstance(one, exp.Column) and self._is_of_result(one))
            for one in node.walk()
        )

    def _is_of_result(self, node: exp.Column) -> bool:
        return not node.table and node.name in self.names and not self._is_offered(node)

    def _is_offered(self, node: exp.Column) -> bool:
        return any(node.name in source.columns for source in self.scope.sources)

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

    # ── one of several values ───────────────────────────────────────────────────────────────────

    def _case(self, node: exp.Case) -> Read:
        branches: list[exp.If] = node.args["ifs"]
        known = None if node.this is None else self._repeated(node.this, len(branches))
        conditions = [
            self.condition(branch.this)
            if node.this is None
            else self._compared(node, Operator.EQUAL, branch.this, known)
            for branch in branches
        ]
        results = [branch.args["true"] for branch in branches]
        (*values, otherwise), type_ = self._alike(
            [*results, node.args.get("default") or exp.Null()]
        )
        pairs = chain.from_iterable(zip(conditions, values, strict=True))
        return Read(call(Operator.CHOOSE, *pairs, otherwise), type_)

    def _null_if(self, node: exp.Nullif) -> Read:
        sides = self._sides(node.this, node.expression)
        equal = self._equation(node, Operator.EQUAL, sides, node.expression)
        return Read(call(Operator.NULL_IF, *equal.of), sides[0].type)

    def _alike(self, nodes: Sequence[exp.Expr]) -> tuple[list[Formula], ColumnType]:
        """Values of one type, NULL among them."""
        read = [
            None if isinstance(node.unnest(), exp.Null | exp.Placeholder) else self.value(node)
            for node in nodes
        ]
        types = [one.type for one in read if one]
        if not types:
            raise self.text.refuse(
                nodes[0], "no value here says what type it has", "Write one that is not NULL."
            )
        for node, one in zip(nodes, read, strict=True):
            if one and _kind(one.type) is not _kind(types[0]):
                raise self.text.refuse(node, *DIFFERENT)
        type_ = types[0] if len(set(types)) == 1 else ColumnType.DECIMAL
        values = [
            one.formula if one else self._or_nothing(node, type_)
            for node, one in zip(nodes, read, strict=True)
        ]
        return values, type_

    def _or_nothing(self, node: exp.Expr, type_: ColumnType) -> Formula:
        if isinstance(node.unnest(), exp.Null):
            return call(Operator.NOTHING)
        return self.value(self.scope.constant(node, type_)).formula

    # ── comparisons ─────────────────────────────────────────────────────────────────────────────

    def _repeated(self, node: exp.Expr, times: int) -> Read | None:
        """What is compared several times, read once; None for a parameter."""
        if isinstance(node.unnest(), exp.Placeholder):
            return None
        found = self.value(node)
        if times * _size(found.formula) > _MOST_REPEATED:
            raise self.text.refuse(
                node,
                "what is computed here would be compared too often",
                "Compare something shorter, or with fewer values.",
            )
        return found

    def _sides(self, left: exp.Expr, right: exp.Expr, known: Read | None = None) -> list[Read]:
        """What is compared, the left side known or not; a parameter has the type of the other."""
        read = [
            None if isinstance(side.unnest(), exp.Placeholder) else first or self.value(side)
            for side, first in ((left, known), (right, None))
        ]
        types = [side.type if side else ColumnType.DECIMAL for side in reversed(read)]
        return [
            side or self.value(self.scope.constant(node, type_))
            for node, side, type_ in zip((left, right), read, types, strict=True)
        ]

    def _compared(
        self, node: exp.Expr, operator: Operator, right: exp.Expr, known: Read | None = None
    ) -> Formula:
        return self._equation(node, operator, self._sides(node.this, right, known), right)

    def _equation(
        self, node: exp.Expr, operator: Operator, sides: Sequence[Read], right: exp.Expr
    ) -> Call:
        if not any(figures_in(side.formula) for side in sides):
            raise self.text.refuse(
                node, "two constants are compared", "Compare an aggregate, or leave it out."
            )
        if any(side.type is ColumnType.DATE for side in sides):
            sides = [_dated(side) for side in sides]
        first, second = (_kind(side.type) for side in sides)
        if first is not second or (first is ColumnType.BOOLEAN and operator not in _EQUALITIES):
            raise self.text.refuse(
                right,
                f"a {first.value} and a {second.value} can't be compared like this",
                "Compare numbers with numbers, texts with texts, dates with DATE '2026-01-31',"
                " and what is true or false by = or <>.",
            )
        return call(operator, *(side.formula for side in sides))


def _size(formula: Formula) -> int:
    """How many pieces a formula has."""
    return 1 + sum(map(_size, formula.of)) if isinstance(formula, Call) else 1


def _kind(type_: ColumnType) -> ColumnType:
    return _KINDS.get(type_, type_)


def _true(formula: Formula) -> Read:
    return Read(formula, ColumnType.BOOLEAN)


def _dated(side: Read) -> Read:
    """A text that is compared with a date, as the date that it writes."""
    if isinstance(side.formula, Constant) and side.type is ColumnType.TEXT:
        written = day(exp.Literal.string(side.formula.text))
        if written is not None:
            return Read(Constant(type=ColumnType.DATE, text=written), ColumnType.DATE)
    return side
