"""What the receiver makes of a cell's figures: arithmetic and conditions, in exact rationals.

Implements  federated/SPEC.md §3.6: NULL as SQL has it, and for what is divided by 0; one rounding,
            when a value is shown, and ROUND where the statement says so
Learns      nobody: pure functions of what was released already
Not for     what an owner computes before anything is added up: that is SQL of its own (`values`)
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction
from functools import reduce
from math import floor, isqrt
from typing import Annotated, Final, Literal

from pydantic import Field

from contract.canonical import Frozen
from contract.dataset import ColumnType
from federated.query.values import decimal_text

DIVISION_DECIMALS: Final = 4
"""A quotient, and so a mean, has so many decimals more than what it is made of."""
SIGNIFICANT_DIGITS: Final = 12
"""Of what has no natural number of decimals."""
_ROOT_DIGITS: Final = 40


class Withheld(Enum):
    """What stands for a value that is not told; what it makes is not told either."""

    WITHHELD = "withheld"


WITHHELD: Final = Withheld.WITHHELD

Value = Fraction | str | bool | date | Withheld | None
"""What a formula is worth in one cell."""


class Operator(StrEnum):
    """What is done with values."""

    NEGATE = "negate"
    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    ROUND = "round"
    EQUAL = "equal"
    UNEQUAL = "unequal"
    LESS = "less"
    AT_MOST = "at_most"
    MORE = "more"
    AT_LEAST = "at_least"
    AND = "and"
    OR = "or"
    NOT = "not"
    IS_NULL = "is_null"
    ABSOLUTE = "absolute"
    FIRST_KNOWN = "first_known"
    """the first that is not NULL"""
    NULL_IF = "null_if"
    """the first of two, if they differ"""
    CHOOSE = "choose"
    """of conditions, each before the value that it chooses, and last the value that is left"""
    NOTHING = "nothing"
    """NULL, of nothing"""
    VAR_SAMP = "var_samp"
    """of a count, a sum and a sum of squares"""
    VAR_POP = "var_pop"
    ROOT = "root"


INEXACT: Final = (Operator.VAR_SAMP, Operator.VAR_POP, Operator.ROOT)
"""What is shown with significant digits."""


class Figure(Frozen):
    """One of the plan's figures."""

    kind: Literal["figure"] = "figure"
    place: int


class Constant(Frozen):
    """A constant of the statement; a number is written out."""

    kind: Literal["constant"] = "constant"
    type: ColumnType
    text: str


class Call(Frozen):
    """An operator, and what it is applied to."""

    kind: Literal["call"] = "call"
    operator: Operator
    of: tuple["Formula", ...]
    decimals: int | None = Field(default=None, description="of ROUND")


Formula = Annotated[Figure | Constant | Call, Field(discriminator="kind")]


def numbers_in(formula: "Call") -> tuple["Formula", ...]:
    """What a number is made of, without the conditions that choose it."""
    match formula.operator:
        case Operator.CHOOSE:
            return (*formula.of[1::2], formula.of[-1])
        case Operator.NULL_IF:
            return formula.of[:1]
    return formula.of


def call(what: Operator, *of: "Formula") -> Call:
    """An operator, applied."""
    return Call(operator=what, of=of)


def figures_in(formula: Formula) -> frozenset[int]:
    """The figures that a formula is made of."""
    match formula:
        case Figure():
            return frozenset({formula.place})
        case Call():
            return frozenset[int]().union(*map(figures_in, formula.of))
        case Constant():
            return frozenset()


# ── what it is worth ────────────────────────────────────────────────────────────────────────────

_COMPARED: dict[Operator, Callable[..., bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.UNEQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


def value_of(formula: Formula, figures: Sequence[Value]) -> Value:
    """What a formula is worth where the figures are worth that."""
    match formula:
        case Figure():
            return figures[formula.place]
        case Constant():
            return _constant(formula)
        case Call():
            return _applied(formula, [value_of(one, figures) for one in formula.of])


def _constant(constant: Constant) -> Value:
    match constant.type:
        case ColumnType.TEXT:
            return constant.text
        case ColumnType.DATE:
            return date.fromisoformat(constant.text)
        case ColumnType.BOOLEAN:
            return constant.text == "true"
        case _:
            return Fraction(constant.text)


def _applied(formula: Call, values: Sequence[Value]) -> Value:
    match formula.operator:
        case Operator.AND | Operator.OR:
            decides = formula.operator is Operator.OR
            if any(value is decides for value in values):
                return decides
            if WITHHELD in values:
                return WITHHELD
            return None if None in values else not decides
        case Operator.IS_NULL if WITHHELD not in values:
            return values[0] is None
        case Operator.FIRST_KNOWN:
            return next((value for value in values if value is not None), None)
        case Operator.NULL_IF if WITHHELD not in values:
            return None if values[0] == values[1] else values[0]
        case Operator.CHOOSE:
            return _chosen(values)
        case Operator.NOTHING:
            return None
    if WITHHELD in values:
        return WITHHELD
    if None in values:
        return None
    if formula.operator in _COMPARED:
        return _COMPARED[formula.operator](*values)
    if formula.operator is Operator.NOT:
        return not values[0]
    return _computed(formula, [value for value in values if isinstance(value, Fraction)])


def _chosen(values: Sequence[Value]) -> Value:
    """The value behind the first condition that is true, else the last one."""
    for condition, value in zip(values[:-1:2], values[1::2], strict=True):
        if condition is WITHHELD:
            return WITHHELD
        if condition is True:
            return value
    return values[-1]


def _computed(formula: Call, numbers: Sequence[Fraction]) -> Fraction | None:
    match formula.operator, numbers:
        case Operator.NEGATE, [one]:
            return -one
        case Operator.ABSOLUTE, [one]:
            return abs(one)
        case Operator.ROUND, [one]:
            return _rounded(one, formula.decimals or 0)
        case Operator.ADD, _:
            return sum(numbers, start=Fraction(0))
        case Operator.SUBTRACT, [left, right]:
            return left - right
        case Operator.MULTIPLY, _:
            return reduce(operator.mul, numbers)
        case Operator.DIVIDE, [left, right]:
            return left / right if right else None
        case Operator.VAR_POP | Operator.VAR_SAMP, [count, total, squares]:
            over = count - 1 if formula.operator is Operator.VAR_SAMP else count
            # Below 0 by noise alone.
            return max((squares - total * total / count) / over, Fraction(0)) if over else None
        case Operator.ROOT, [one]:
            return _root(one)
    raise AssertionError("every operator is applied to as many numbers as it takes")


def _rounded(value: Fraction, decimals: int) -> Fraction:
    # SQL's ROUND takes halves away from zero.
    unit = Fraction(10) ** -decimals
    size = floor(abs(value) / unit + Fraction(1, 2)) * unit
    return -size if value < 0 else size


def _root(value: Fraction) -> Fraction:
    """The square root: exact where it is rational, else so close that no rounding tells."""
    over = value.denominator
    squared = value.numerator * over
    places = max(_ROOT_DIGITS - len(str(squared)) // 2, 0)
    scaled = squared * 100**places
    root = isqrt(scaled)
    # Half a unit more: so that what lies between two units is never taken for a tie.
    doubled = 2 * root + (root * root < scaled)
    return Fraction(doubled, 2 * over * 10**places)


# ── how it is shown ─────────────────────────────────────────────────────────────────────────────


def decimals_of(formula: Formula, figures: Sequence[int | None]) -> int | None:
    """How many decimals a number has, as SQL counts them; None: it has significant digits."""
    match formula:
        case Figure():
            return figures[formula.place]
        case Constant():
            return len(formula.text.partition(".")[2])
        case Call(operator=Operator.ROUND):
            return max(formula.decimals or 0, 0)
        case Call() if formula.operator in INEXACT:
            return None
        case Call():
            given = [decimals_of(one, figures) for one in numbers_in(formula)]
            each = [one for one in given if one is not None]
            if len(each) < len(given):
                return None
            match formula.operator:
                case Operator.MULTIPLY:
                    return sum(each)
                case Operator.DIVIDE:
                    return max(each) + DIVISION_DECIMALS
            return max(each, default=0)


def shown_decimal(value: Fraction, decimals: int) -> Decimal:
    """A value with so many decimals, halves to the even neighbour."""
    # Decimal's own arithmetic would round to its context.
    return Decimal(decimal_text(round(value * 10**decimals), decimals))


def shown_significant(value: Fraction) -> Decimal:
    """A value with its significant digits, halves to the even neighbour; no zeros at the end."""
    if not value:
        return Decimal(0)
    # Digits before the point, exactly or one too many.
    whole = len(str(abs(value.numerator))) - len(str(value.denominator)) + 1
    if abs(value) < Fraction(10) ** (whole - 1):
        whole -= 1
    decimals = SIGNIFICANT_DIGITS - whole
    digits = round(value * Fraction(10) ** decimals)
    if decimals <= 0:
        return Decimal(digits * 10**-decimals)
    text = decimal_text(digits, decimals)
    return Decimal(text.rstrip("0").rstrip("."))


# ── how large it may be ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number's largest absolute value, and the largest number that it is a fraction over."""

    most: Fraction
    over: int

    def digits(self, decimals: int) -> int:
        """The most digits that it is written with, the 0 before the point included."""
        return max(len(str(round(self.most * 10**decimals))), decimals + 1)


def bounds_of(formula: Formula, figures: Sequence[Bounds]) -> Bounds:
    """The bounds of a number made of figures with these bounds."""
    match formula:
        case Figure():
            return figures[formula.place]
        case Constant():
            value = Fraction(formula.text)
            return Bounds(abs(value), value.denominator)
        case Call(operator=Operator.ROUND):
            (of,) = (bounds_of(one, figures) for one in formula.of)
            unit = Fraction(10) ** -(formula.decimals or 0)
            return Bounds(of.most + unit, unit.denominator)
        case Call(operator=Operator.NOTHING):
            return Bounds(Fraction(0), 1)
        case Call(operator=Operator.VAR_SAMP | Operator.VAR_POP):
            count, _, squares = (bounds_of(one, figures) for one in formula.of)
            return Bounds(squares.most, squares.over * round(count.most) ** 2)
        case Call(operator=Operator.ROOT):
            (of,) = (bounds_of(one, figures) for one in formula.of)
            return Bounds(max(of.most, Fraction(1)), of.over)
        case Call():
            return reduce(
                lambda left, right: _combined(formula.operator, left, right),
                [bounds_of(one, figures) for one in numbers_in(formula)],
            )


def _combined(what: Operator, left: Bounds, right: Bounds) -> Bounds:
    over = left.over * right.over
    match what:
        case Operator.MULTIPLY:
            return Bounds(left.most * right.most, over)
        case Operator.DIVIDE:
            # What is divided by is at least 1 over its own denominator.
            return Bounds(left.most * right.over, max(round(over * right.most), 1))
        case Operator.CHOOSE | Operator.FIRST_KNOWN:
            return Bounds(max(left.most, right.most), max(left.over, right.over))
    return Bounds(left.most + right.most, over)


# ── how far it may be from what it stands for ───────────────────────────────────────────────────


def error_of(formula: Formula, figures: Sequence[Fraction]) -> Fraction | None:
    """How far a number may be off if its figures may be so far off; None: nobody can say."""
    match formula:
        case Figure():
            return figures[formula.place]
        case Constant():
            return Fraction(0)
        case Call():
            each = [error_of(one, figures) for one in formula.of]
            if None in each:
                return None
            return _error(formula, [one for one in each if one is not None])


def _error(formula: Call, each: Sequence[Fraction]) -> Fraction | None:
    if not any(each):
        return Fraction(0)
    sizes = [_size(one) for one in formula.of]
    match formula.operator, sizes:
        case Operator.NEGATE | Operator.ADD | Operator.SUBTRACT, _:
            return sum(each, start=Fraction(0))
        case Operator.ABSOLUTE, _:
            return each[0]
        case Operator.FIRST_KNOWN, _:
            return max(each)
        case Operator.CHOOSE, _ if not any(each[:-1:2]):
            return max(each)
        case Operator.ROUND, _:
            return each[0] + Fraction(10) ** -(formula.decimals or 0) / 2
        case Operator.MULTIPLY, [Fraction() as factor, _] | [_, Fraction() as factor]:
            return sum(each, start=Fraction(0)) * factor
        case Operator.DIVIDE, [_, Fraction() as divisor] if divisor:
            return each[0] / divisor
    return None


def _size(formula: Formula) -> Fraction | None:
    """The size of a constant, whatever its sign; None of anything else."""
    match formula:
        case Constant():
            return abs(Fraction(formula.text))
        case Call(operator=Operator.NEGATE, of=[within]):
            return _size(within)
    return None
