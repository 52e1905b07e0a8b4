"""Arithmetic: numbers that are added up or compared, each an integer at a scale, proven to fit.

Implements  federated/SPEC.md §3.1, §3.3: columns, constants, +, −, and × by a constant; what one
            owner computes otherwise stands in it like a column
Learns      nobody
"""

from dataclasses import dataclass
from fractions import Fraction
from re import compile as pattern

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import UnprovenSum
from federated.query.scope import Scope
from federated.query.values import SENT_BITS, Column, Linear, decimal_text
from federated.query.words import CASTS

_LITERAL = pattern(r"[0-9]{1,18}\.?|[0-9]{0,18}\.[0-9]{1,18}")


@dataclass(frozen=True, slots=True, repr=False)
class Arithmetic(Scope):
    """Reads numbers."""

    def sum_of(self, node: exp.Expr) -> Linear:
        """What SUM or AVG adds up; every owner's part of it is proven to fit in 64 bits."""
        linear = self.linear(node)
        if not linear.terms:
            raise self.text.refuse(
                node, "a constant is added up", "COUNT(*) counts; multiply it in the result."
            )
        for column in linear.columns:
            self.refuse_month(node, column)
        self.prove_sent(node, linear)
        return linear

    def prove_sent(self, node: exp.Expr, linear: Linear) -> None:
        """Refuse what an owner can't be shown to send in 64 bits for each key."""
        self.prove(node, linear, linear.scale)
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
            case exp.Placeholder():
                return self.linear(self.constant(node, ColumnType.DECIMAL))
            case exp.Column():
                column = self.value(node)
                if column.type.is_number or column.type is ColumnType.PERIOD:
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
            case _:
                computed = self.computed(node)
                if computed is not None and computed.type.is_number:
                    return Linear(((computed, Fraction(1)),), scale=computed.scale)
        raise self.text.refuse(
            node,
            "a number is expected here",
            "Use integer and decimal columns, decimal constants, +, - and *.",
        )

    def _arithmetic(self, node: exp.Expr, left: Linear, right: Linear) -> Linear:
        for column in (*left.columns, *right.columns):
            self.refuse_month(node, column)
        return left + right

    def _product(self, node: exp.Expr, left: Linear, right: Linear) -> Linear:
        for column in (*left.columns, *right.columns):
            self.refuse_month(node, column)
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

    def refuse_month(self, node: exp.Expr, column: Column) -> None:
        if column.type is ColumnType.PERIOD:
            raise self.text.refuse(
                node,
                f"'{column.name}' is a month, not a number",
                "Compare months, such as period BETWEEN 202510 AND 202609, or group by them.",
            )

    def prove(self, node: exp.Expr, linear: Linear, scale: int) -> None:
        """Refuse what can't be shown to be computed exactly."""
        for column in linear.columns:
            if column.range is None:
                raise self.text.refuse(
                    node,
                    f"{_called(column)} of {column.alias} has no declared bounds, so nothing shows"
                    " that adding it up is exact",
                    f"Have its owner declare {column.lacks} in the description of the dataset.",
                    error=UnprovenSum,
                    rule="rows × bound × 10^scale is proven to be exact",
                )
            if column.range.magnitude >= 1 << SENT_BITS:
                raise self.text.refuse(
                    node,
                    f"{_called(column)} of {column.alias} may reach"
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


def _called(column: Column) -> str:
    """A column by its name; what many rows are added up to has one that nobody could type."""
    return "what is added up" if column.called.startswith("#") else f"'{column.called}'"
