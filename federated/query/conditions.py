"""Conditions: checked against the schemas, and turned into an owner's SQL.

Implements  federated/SPEC.md §3.1: a condition is of one owner's columns; values are compared with
            values of their own type; numbers are compared exactly, whatever their scales
Learns      nobody. What comes back is SQL of our own: built node by node from checked parts, every
            name in quotes, every literal written anew. No part of the statement is passed through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from re import compile as pattern

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError
from federated.query.arithmetic import Arithmetic
from federated.query.values import Column, Linear, cast, decimal_text, largest_scale, number

PLAIN = (ColumnType.TEXT, ColumnType.DATE, ColumnType.BOOLEAN)
"""The types that one doesn't calculate with."""
_DECIMAL_DIGITS = 38
_CONSTANT_DIGITS = 36
_DAY = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_MOST_REPEATED = 1 << 16
_IN_WORDS = {
    ColumnType.TEXT: "a text: compare it with a text, such as 'A'",
    ColumnType.DATE: "a date: compare it with a date, such as DATE '2026-01-31'",
    ColumnType.BOOLEAN: "a yes or no: compare it with TRUE or FALSE, by = or <>",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the conditions that AND holds together."""

    sql: exp.Expr
    source: str
    columns: frozenset[Column]


@dataclass(frozen=True, slots=True, repr=False)
class Conditions(Arithmetic):
    """Reads conditions."""

    def conditions(self, where: exp.Where | None) -> tuple[Condition, ...]:
        """The conditions after WHERE, each of one source's columns."""
        return tuple(self._condition(node) for node in _conjuncts(where.this)) if where else ()

    def _condition(self, node: exp.Expr) -> Condition:
        seen: set[Column] = set()
        sql = self.truth(node, seen)
        self.of_one_owner(
            node,
            seen,
            "one condition is about the columns of ",
            "Hold conditions on different owners' columns together with AND alone: each owner"
            " applies its own.",
        )
        return Condition(sql, next(iter(seen)).source, frozenset(seen))

    def truth(self, node: exp.Expr, seen: set[Column]) -> exp.Expr:
        match node:
            case exp.Paren():
                return self.truth(node.this, seen)
            case exp.And():
                return exp.and_(*(self.truth(part, seen) for part in node.flatten()))
            case exp.Or():
                return exp.or_(*(self.truth(part, seen) for part in node.flatten()))
            case exp.Not():
                return exp.not_(self.truth(node.this, seen))
            case exp.Between():
                low = self.compare(node, exp.GTE, node.this, node.args["low"], seen)
                high = self.compare(node, exp.LTE, node.this, node.args["high"], seen)
                return exp.and_(low, high)
            case exp.In():
                choices = node.expressions
                self.refuse_repeated(node, node.this, len(choices))
                return exp.or_(
                    *(self.compare(node, exp.EQ, node.this, one, seen) for one in choices)
                )
            case exp.Is():
                return self._is_null(node, seen)
            case exp.Like():
                return self._like(node, seen)
            case exp.Column():
                return self._flag(node, seen)
        if isinstance(node, _COMPARISONS):
            return self.compare(node, type(node), node.this, node.expression, seen)
        raise self.text.refuse(
            node,
            "a condition is expected here",
            "Compare a column: =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL, IS NOT NULL.",
        )

    def _is_null(self, node: exp.Is, seen: set[Column]) -> exp.Expr:
        column = self.operand(node.this)
        if column is None or not isinstance(node.expression, exp.Null):
            raise self.text.refuse(
                node,
                "IS compares a column with NULL",
                "Write column IS NULL; of what is true or false, column = TRUE.",
            )
        seen.add(column)
        return exp.Is(this=column.sql(), expression=exp.Null())

    def _like(self, node: exp.Like, seen: set[Column]) -> exp.Expr:
        column = self.operand(node.this)
        shape = self.constant(node.expression, ColumnType.TEXT)
        if column is not None and column.type is ColumnType.TEXT and shape.is_string:
            seen.add(column)
            found = exp.Like(this=column.sql(), expression=exp.Literal.string(shape.name))
            return exp.not_(found) if node.args.get("negate") else found
        raise self.text.refuse(
            node, "LIKE compares a text column with a pattern", "Write column LIKE 'C%'."
        )

    def _flag(self, node: exp.Column, seen: set[Column]) -> exp.Expr:
        column = self.value(node)
        if column.type is not ColumnType.BOOLEAN:
            raise self.text.refuse(
                node,
                f"'{column.name}' is no condition",
                "Compare it, or name a column that is true or false.",
            )
        seen.add(column)
        return column.sql()

    def compare(
        self,
        node: exp.Expr,
        comparison: type[exp.Expr],
        left: exp.Expr,
        right: exp.Expr,
        seen: set[Column],
    ) -> exp.Expr:
        for side in (left, right):
            if isinstance(side.unnest(), exp.Null):
                raise self.text.refuse(
                    side, "what is compared with NULL is never true", "Write column IS NULL."
                )
        left, right = self._given(left, right), self._given(right, left)
        plain = next(self.plain_operands(left, right), None)
        sides = (
            self._numbers(node, left, right, seen)
            if plain is None
            else [self._plain(side, plain, node, seen) for side in (left, right)]
        )
        if plain and plain.type is ColumnType.BOOLEAN and comparison not in (exp.EQ, exp.NEQ):
            raise self._unlike(node, plain)
        return comparison(this=sides[0], expression=sides[1])

    def _given(self, side: exp.Expr, beside: exp.Expr) -> exp.Expr:
        """`side`, or the value of the parameter that it is, typed by what it is compared with."""
        if not isinstance(side.unnest(), exp.Placeholder) or isinstance(
            beside.unnest(), exp.Placeholder
        ):
            return side
        column = self.operand(beside)
        return self.constant(side, ColumnType.DECIMAL if column is None else column.type, column)

    def operand(self, node: exp.Expr) -> Column | None:
        """The column that `node` names or computes, if that is what it does."""
        inner = node.unnest()
        return self.value(inner) if isinstance(inner, exp.Column) else self.computed(inner)

    def plain_operands(self, *sides: exp.Expr) -> Iterator[Column]:
        """The sides that are of a type that one doesn't calculate with."""
        for side in sides:
            column = self.operand(side)
            if column is not None and column.type in PLAIN:
                yield column

    def plain(self, side: exp.Expr, type_: ColumnType, seen: set[Column]) -> exp.Expr | None:
        """A column, or a literal, of a type that one doesn't calculate with; None if it is not."""
        inner = side.unnest()
        column = self.operand(inner)
        if column is not None:
            seen.add(column)
            return column.sql() if column.type is type_ else None
        match type_, inner:
            case ColumnType.TEXT, exp.Literal() if inner.is_string:
                return exp.Literal.string(inner.name)
            case ColumnType.BOOLEAN, exp.Boolean():
                return exp.Boolean(this=bool(inner.this))
            case ColumnType.DATE, exp.Literal() | exp.Cast():
                written = day(inner)
                return None if written is None else cast(exp.Literal.string(written), "DATE")
        return None

    def refuse_repeated(self, node: exp.Expr, repeated: exp.Expr, times: int) -> None:
        """Refuse what would be written out too often in what an owner runs."""
        column = self.computed(repeated.unnest())
        if column is not None and times * len(column.formula) > _MOST_REPEATED:
            raise self.text.refuse(
                node,
                "what is computed here would be compared too often",
                "Prepare it as a column of a sub-query, or of the dataset.",
            )

    def _plain(self, side: exp.Expr, like: Column, node: exp.Expr, seen: set[Column]) -> exp.Expr:
        found: set[Column] = set()
        sql = self.plain(side, like.type, found)
        if sql is None:
            raise self._no_day(side) if _is_written_as_day(side, like) else self._unlike(side, like)
        self._compared_by_one(node, [like, *found])
        seen |= found
        return sql

    def _unlike(self, at: exp.Expr, column: Column) -> MiheError:
        return self.text.refuse(
            at,
            f"'{column.name}' is compared with something of another kind",
            f"It is {_IN_WORDS[column.type]}.",
        )

    def _no_day(self, at: exp.Expr) -> MiheError:
        return self.text.refuse(
            at, "there is no such day", "Write one as DATE '2026-01-31', the year first."
        )

    def _numbers(
        self, node: exp.Expr, left: exp.Expr, right: exp.Expr, seen: set[Column]
    ) -> list[exp.Expr]:
        """Both sides of a comparison, as integers of one scale or as they are."""
        sides = [self.linear(left), self.linear(right)]
        columns = [column for side in sides for column in side.columns]
        if not columns:
            raise self.text.refuse(
                node, "two constants are compared", "Compare a column, or leave it out."
            )
        self._compared_by_one(node, columns)
        seen.update(columns)
        if alike := _as_they_are(*sides):
            return alike
        scale = largest_scale(sides)
        for side in sides:
            self.prove(node, side, scale)
        return [side.sql(scale) for side in sides]

    def _compared_by_one(self, node: exp.Expr, columns: Sequence[Column]) -> None:
        self.of_one_owner(
            node,
            columns,
            "columns of two owners are compared: ",
            "There is no protocol for it yet: compare each with a constant, or GROUP BY both and"
            " look at the rows in which they differ.",
        )


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    inner = node.unnest()
    if isinstance(inner, exp.And):
        return [part for side in inner.flatten() for part in _conjuncts(side)]
    return [node]


def _as_they_are(left: Linear, right: Linear) -> list[exp.Expr] | None:
    """The sides where a column is compared with a constant, or a like column: no bounds needed."""
    a, b = left.bare, right.bare
    if a and b:
        same = (a.type, a.scale, a.scaled) == (b.type, b.scale, b.scaled)
        return [a.sql(), b.sql()] if same else None
    if a and not right.terms and _can_be(a, right.constant):
        return [a.sql(), _constant_like(a, right.constant)]
    if b and not left.terms and _can_be(b, left.constant):
        return [_constant_like(b, left.constant), b.sql()]
    return None


def _can_be(column: Column, constant: Fraction) -> bool:
    """Whether a constant can be written at the scale of a column."""
    scaled: Fraction = constant * 10**column.scale
    return scaled.denominator == 1 and abs(scaled.numerator) < 10**_CONSTANT_DIGITS


def _constant_like(column: Column, constant: Fraction) -> exp.Expr:
    value = int(constant * 10**column.scale)
    if column.scaled or column.scale == 0:
        return number(value)
    text = exp.Literal.string(decimal_text(value, column.scale))
    return cast(text, f"DECIMAL({_DECIMAL_DIGITS}, {column.scale})")


def _is_written_as_day(side: exp.Expr, like: Column) -> bool:
    inner = side.unnest()
    text = inner.this if isinstance(inner, exp.Cast) and inner.to.is_type("DATE") else inner
    return like.type is ColumnType.DATE and isinstance(text, exp.Literal) and text.is_string


def day(node: exp.Expr) -> str | None:
    """The day that a literal means, written YYYY-MM-DD."""
    inner = node.this if isinstance(node, exp.Cast) else node
    if isinstance(node, exp.Cast) and not node.to.is_type("DATE"):
        return None
    if not isinstance(inner, exp.Literal) or not inner.is_string or not _DAY.fullmatch(inner.name):
        return None
    try:
        return date.fromisoformat(inner.name).isoformat()
    except ValueError:
        return None
