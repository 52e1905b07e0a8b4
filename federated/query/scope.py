"""Columns, arithmetic and conditions: checked against the schemas, and turned into an owner's SQL.

Implements  federated/SPEC.md §3.1: a condition is of one owner's columns; values are compared with
            values of their own type; numbers are compared exactly, whatever their scales
Learns      nobody. What comes back is SQL of our own: built node by node from checked parts, every
            name in quotes, every literal written anew. No part of the statement is passed through.
Side effect a column's name gets its source's alias in the tree, which is how it becomes canonical
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from re import compile as pattern

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError, UnknownColumn, UnprovenSum, nearest
from federated.query.language import CASTS, key_in_query, name
from federated.query.text import Text
from federated.query.values import (
    SENT_BITS,
    Column,
    Linear,
    cast,
    decimal_text,
    largest_scale,
    number,
)

_DECIMAL_DIGITS = 38
_CONSTANT_DIGITS = 36
_LITERAL = pattern(r"[0-9]{1,18}\.?|[0-9]{0,18}\.[0-9]{1,18}")
_DAY = pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_PLAIN = (ColumnType.TEXT, ColumnType.DATE, ColumnType.BOOLEAN)
_IN_WORDS = {
    ColumnType.TEXT: "a text: compare it with a text, such as 'A'",
    ColumnType.DATE: "a date: compare it with a date, such as DATE '2026-01-31'",
    ColumnType.BOOLEAN: "a yes or no: compare it with TRUE or FALSE, by = or <>",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What one source is called, and what columns it offers."""

    alias: str
    org: str
    dataset: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the conditions that AND holds together."""

    sql: exp.Expr
    source: str
    columns: frozenset[Column]


@dataclass(frozen=True, slots=True, repr=False)
class Scope:
    """The sources whose columns may be named somewhere."""

    text: Text
    sources: Sequence[Names]

    # ── columns ─────────────────────────────────────────────────────────────────────────────────

    def column(self, node: exp.Column) -> Column:
        """The column that `node` names."""
        if not isinstance(node.this, exp.Identifier):
            raise self.text.refuse(
                node,
                "* is not in the language: a result is made of dimensions and aggregates",
                "Name the dimensions, and aggregates such as COUNT(*) or SUM(column).",
            )
        wanted = node.name
        among = [source for source in self.sources if _is_called(source, node)]
        if not among:
            aliases = [source.alias for source in self.sources]
            raise self.text.refuse(
                node,
                f"nothing after FROM is called '{node.table}'.{nearest(node.table, aliases)}",
                f"There {'is' if len(aliases) == 1 else 'are'} {', '.join(aliases)}.",
                error=UnknownColumn,
                rule="a column is of something after FROM",
            )
        found = [source for source in among if wanted in source.columns]
        if not found:
            raise self._unknown(node, among)
        if len(found) > 1:
            raise self.text.refuse(
                node,
                f"'{wanted}' is a column of {' and of '.join(one.alias for one in found)}",
                f"Write {found[0].alias}.{wanted}.",
            )
        owner = name(found[0].alias)
        owner.meta["start"] = self.text.start(node)  # a later refusal must still find the place
        node.set("table", owner)
        node.set("db", None)
        return found[0].columns[wanted]

    def _unknown(self, node: exp.Column, among: Sequence[Names]) -> MiheError:
        known = [column for source in among for column in source.columns]
        where = among[0].alias if len(among) == 1 else "what stands after FROM"
        return self.text.refuse(
            node,
            f"'{node.name}' is no column of {where}.{nearest(node.name, known)}",
            f"There {'is' if len(known) == 1 else 'are'} {', '.join(known)}."[:600],
            error=UnknownColumn,
            rule="columns are those of the catalogue, or those that a sub-query names",
        )

    def value(self, node: exp.Column) -> Column:
        """The column that `node` names, which may not be a key."""
        column = self.column(node)
        if column.key is not None:
            raise key_in_query(
                self.text, node, f"'{column.name}' is a key: it joins, and stands nowhere else"
            )
        return column

    # ── arithmetic ──────────────────────────────────────────────────────────────────────────────

    def sum_of(self, node: exp.Expr) -> Linear:
        """What SUM or AVG adds up; every owner's part of it is proven to fit in 64 bits."""
        linear = self.linear(node)
        if not linear.terms:
            raise self.text.refuse(
                node, "a constant is added up", "COUNT(*) counts; multiply it in the result."
            )
        for column in linear.columns:
            self._refuse_month(node, column)
        self._prove(node, linear, linear.scale)
        first = linear.terms[0][0].source
        for source in linear.sources:
            part = linear.of(source, constant=source == first)
            most = part.range(linear.scale).magnitude
            if most >= 1 << SENT_BITS:
                raise self.text.refuse(
                    node,
                    f"one key's value may reach {decimal_text(most, linear.scale)}, which is {most}"
                    f" at scale {linear.scale}: at most {(1 << SENT_BITS) - 1} can be sent and"
                    " added up exactly",
                    "Use a smaller factor or fewer decimals, or have the owner declare a tighter"
                    " minimum, maximum or rows_per_key.",
                    error=UnprovenSum,
                    rule="rows × bound × 10^scale is proven to be exact",
                )
        return linear

    def linear(self, node: exp.Expr) -> Linear:
        """A number: columns, constants, +, −, and × by a constant."""
        match node:
            case exp.Paren():
                return self.linear(node.this)
            case exp.Neg():
                return self.linear(node.this).times(Fraction(-1))
            case exp.Add():
                return self._arithmetic(node, self.linear(node.this), self.linear(node.expression))
            case exp.Sub():
                right = self.linear(node.expression).times(Fraction(-1))
                return self._arithmetic(node, self.linear(node.this), right)
            case exp.Mul():
                return self._product(node, self.linear(node.this), self.linear(node.expression))
            case exp.Literal() if not node.is_string:
                return self._constant(node)
            case exp.Column():
                column = self.value(node)
                if column.is_number or column.type is ColumnType.PERIOD:
                    return Linear(((column, Fraction(1)),), scale=column.scale)
            case exp.Cast():
                raise self.text.refuse(node, *CASTS)
            case exp.Div() | exp.Round():
                raise self.text.refuse(
                    node,
                    "what is divided or rounded is no exact decimal, and can't be added up",
                    "Divide or round what was added up, such as SUM(a) / COUNT(*); or multiply by"
                    " a decimal constant, such as 0.0001.",
                )
        raise self.text.refuse(
            node,
            "a number is expected here",
            "Use integer and decimal columns, decimal constants, +, - and *.",
        )

    def _arithmetic(self, node: exp.Expr, left: Linear, right: Linear) -> Linear:
        for column in (*left.columns, *right.columns):
            self._refuse_month(node, column)
        return left + right

    def _product(self, node: exp.Expr, left: Linear, right: Linear) -> Linear:
        for column in (*left.columns, *right.columns):
            self._refuse_month(node, column)
        if left.terms and right.terms:
            same = left.sources == right.sources and len(left.sources) == 1
            raise self.text.refuse(
                node,
                "columns are multiplied with each other" + ("" if same else ", of two owners"),
                "Prepare the product as a column of the dataset."
                if same
                else "There is no protocol for it yet: a column may be multiplied by a constant.",
            )
        if left.terms:
            return left.times(right.constant, right.scale)
        return right.times(left.constant, left.scale)

    def _constant(self, node: exp.Literal) -> Linear:
        written = str(node.this)
        if not _LITERAL.fullmatch(written):
            raise self.text.refuse(
                node,
                "a number has at most 18 digits before and 18 after the point, and no exponent",
                "Write it as a plain decimal number, such as 1000000 or 0.25.",
            )
        return Linear((), Fraction(written.rstrip(".")), len(written.partition(".")[2]))

    def _refuse_month(self, node: exp.Expr, column: Column) -> None:
        if column.type is ColumnType.PERIOD:
            raise self.text.refuse(
                node,
                f"'{column.name}' is a month, not a number",
                "Compare months, such as period BETWEEN 202510 AND 202609, or group by them.",
            )

    def _prove(self, node: exp.Expr, linear: Linear, scale: int) -> None:
        """Refuse what can't be shown to be computed exactly."""
        for column in linear.columns:
            if column.range is None:
                raise self.text.refuse(
                    node,
                    f"'{column.name}' of {column.source} has no declared bounds, so nothing shows"
                    " that adding it up is exact",
                    f"Have its owner declare {column.lacks} in the description of the dataset.",
                    error=UnprovenSum,
                    rule="rows × bound × 10^scale is proven to be exact",
                )
            if column.range.magnitude >= 1 << SENT_BITS:
                raise self.text.refuse(
                    node,
                    f"'{column.name}' of {column.source} may reach"
                    f" {decimal_text(column.range.magnitude, column.scale)}, which is"
                    f" {column.range.magnitude} at scale {column.scale}: at most"
                    f" {(1 << SENT_BITS) - 1} can be added up exactly",
                    "Have its owner declare a tighter minimum, maximum or rows_per_key.",
                    error=UnprovenSum,
                    rule="rows × bound × 10^scale is proven to be exact",
                )
        if not linear.fits(scale):
            raise self.text.refuse(
                node,
                "the constants are too large to compute with exactly",
                "Use smaller constants, with fewer decimals.",
                error=UnprovenSum,
                rule="rows × bound × 10^scale is proven to be exact",
            )

    # ── conditions ──────────────────────────────────────────────────────────────────────────────

    def conditions(self, where: exp.Where | None) -> tuple[Condition, ...]:
        """The conditions after WHERE, each of one source's columns."""
        return tuple(self._condition(node) for node in _conjuncts(where.this)) if where else ()

    def _condition(self, node: exp.Expr) -> Condition:
        seen: set[Column] = set()
        sql = self._truth(node, seen)
        sources = {column.source for column in seen}
        if len(sources) > 1:
            raise self.text.refuse(
                node,
                f"one condition is about {' and '.join(sorted(sources))} together",
                "Hold conditions on different owners' columns together with AND alone: each owner"
                " applies its own.",
            )
        return Condition(sql, sources.pop(), frozenset(seen))

    def _truth(self, node: exp.Expr, seen: set[Column]) -> exp.Expr:
        match node:
            case exp.Paren():
                return self._truth(node.this, seen)
            case exp.And():
                return exp.and_(*(self._truth(part, seen) for part in node.flatten()))
            case exp.Or():
                return exp.or_(*(self._truth(part, seen) for part in node.flatten()))
            case exp.Not():
                return exp.not_(self._truth(node.this, seen))
            case exp.Between():
                low = self._compare(node, exp.GTE, node.this, node.args["low"], seen)
                high = self._compare(node, exp.LTE, node.this, node.args["high"], seen)
                return exp.and_(low, high)
            case exp.In():
                choices = node.expressions
                return exp.or_(
                    *(self._compare(node, exp.EQ, node.this, one, seen) for one in choices)
                )
            case exp.Is():
                return self._is_null(node, seen)
            case exp.Like():
                return self._like(node, seen)
            case exp.Column():
                return self._flag(node, seen)
        if isinstance(node, _COMPARISONS):
            return self._compare(node, type(node), node.this, node.expression, seen)
        raise self.text.refuse(
            node,
            "a condition is expected here",
            "Compare a column: =, <>, <, <=, >, >=, BETWEEN, IN, LIKE, IS NULL, IS NOT NULL.",
        )

    def _is_null(self, node: exp.Is, seen: set[Column]) -> exp.Expr:
        if not isinstance(node.this, exp.Column) or not isinstance(node.expression, exp.Null):
            raise self.text.refuse(node, "IS compares a column with NULL", "Write column IS NULL.")
        column = self.value(node.this)
        seen.add(column)
        return exp.Is(this=column.sql(), expression=exp.Null())

    def _like(self, node: exp.Like, seen: set[Column]) -> exp.Expr:
        if isinstance(node.this, exp.Column) and node.expression.is_string:
            column = self.value(node.this)
            if column.type is ColumnType.TEXT:
                seen.add(column)
                shape = exp.Literal.string(node.expression.name)
                return exp.Like(this=column.sql(), expression=shape)
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

    def _compare(
        self,
        node: exp.Expr,
        comparison: type[exp.Expr],
        left: exp.Expr,
        right: exp.Expr,
        seen: set[Column],
    ) -> exp.Expr:
        plain = next(self._plain_columns(left, right), None)
        sides = (
            self._numbers(node, left, right, seen)
            if plain is None
            else [self._plain(side, plain, node, seen) for side in (left, right)]
        )
        if plain and plain.type is ColumnType.BOOLEAN and comparison not in (exp.EQ, exp.NEQ):
            raise self._unlike(node, plain)
        return comparison(this=sides[0], expression=sides[1])

    def _plain_columns(self, *sides: exp.Expr) -> Iterator[Column]:
        """The sides that are columns of a type that one doesn't calculate with."""
        for side in sides:
            inner = side.unnest()
            if isinstance(inner, exp.Column):
                column = self.value(inner)
                if column.type in _PLAIN:
                    yield column

    def _plain(self, side: exp.Expr, like: Column, node: exp.Expr, seen: set[Column]) -> exp.Expr:
        inner = side.unnest()
        match like.type, inner:
            case _, exp.Column():
                column = self.value(inner)
                if column.type is like.type:
                    self._refuse_foreign(node, [like, column])
                    seen.add(column)
                    return column.sql()
            case ColumnType.TEXT, exp.Literal() if inner.is_string:
                return exp.Literal.string(inner.name)
            case ColumnType.BOOLEAN, exp.Boolean():
                return exp.Boolean(this=bool(inner.this))
            case ColumnType.DATE, exp.Literal() | exp.Cast():
                written = day(inner)
                if written is not None:
                    return cast(exp.Literal.string(written), "DATE")
        raise self._unlike(side, like)

    def _unlike(self, at: exp.Expr, column: Column) -> MiheError:
        return self.text.refuse(
            at,
            f"'{column.name}' is compared with something of another kind",
            f"It is {_IN_WORDS[column.type]}.",
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
        self._refuse_foreign(node, columns)
        seen.update(columns)
        if alike := _as_they_are(*sides):
            return alike
        scale = largest_scale(sides)
        for side in sides:
            self._prove(node, side, scale)
        return [side.sql(scale) for side in sides]

    def _refuse_foreign(self, node: exp.Expr, columns: Sequence[Column]) -> None:
        sources = {column.source for column in columns}
        if len(sources) > 1:
            raise self.text.refuse(
                node,
                f"columns of two owners are compared: {' and '.join(sorted(sources))}",
                "There is no protocol for it yet: compare each with a constant.",
            )


def _is_called(source: Names, node: exp.Column) -> bool:
    if node.args.get("db"):
        # org.dataset.column, where the dataset has no alias of its own.
        return (node.text("db"), node.table, source.alias) == (
            source.org,
            source.dataset,
            source.dataset,
        )
    return not node.table or node.table == source.alias


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
