"""What a SELECT makes of a cell, in the clear: its aggregates and what is written around them.

A reader of the qualified tree of its own, by which the product's own reading is tested. Numbers
are fractions: DuckDB would divide them as doubles.

Rules   one rounding, when a value is shown: a quotient has four decimals more than what it is made
        of, halves go to the even neighbour. ROUND takes halves away from zero.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

from sqlglot import exp

DIVISION_DECIMALS = 4

_COMPARED: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: lambda a, b: bool(a == b),
    exp.NEQ: lambda a, b: bool(a != b),
    exp.LT: lambda a, b: bool(a < b),
    exp.LTE: lambda a, b: bool(a <= b),
    exp.GT: lambda a, b: bool(a > b),
    exp.GTE: lambda a, b: bool(a >= b),
}
_COMPUTED: dict[type[exp.Expr], Callable[[Fraction, Fraction], Fraction | None]] = {
    exp.Add: lambda a, b: a + b,
    exp.Sub: lambda a, b: a - b,
    exp.Mul: lambda a, b: a * b,
    exp.Div: lambda a, b: a / b if b else None,
}


_SPREADS: dict[type[exp.Expr], tuple[int, bool]] = {
    exp.VariancePop: (0, False),
    exp.Variance: (1, False),
    exp.StddevPop: (0, True),
    exp.Stddev: (1, True),
    exp.StddevSamp: (1, True),
}
"""What is taken off the count, and whether a root is drawn."""
_QUANTILES = (exp.Median, exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.Min, exp.Max)
_BANDS = 32
_QUANTILE_DECIMALS = 20
"""More than are shown: what is compared with it is right to a band."""
_TWELVE = Context(prec=12, rounding=ROUND_HALF_EVEN)
_MANY = Context(prec=80)


def needs_values(node: exp.AggFunc) -> bool:
    """Whether an aggregate is more than a sum and a count."""
    return type(node) in _SPREADS or isinstance(node, _QUANTILES)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum, and how many values are in it."""

    sum: Fraction
    values: int
    each: tuple[Fraction, ...] = ()
    """The values themselves, where more is asked of them."""

    def __add__(self, other: "Total") -> "Total":
        return Total(self.sum + other.sum, self.values + other.values, self.each + other.each)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a SELECT before its cells: where its dimensions and aggregates stand."""

    dimensions: Sequence[exp.Expr]
    label_decimals: Sequence[int]
    aggregates: Sequence[exp.AggFunc]
    sum_decimals: Sequence[int]
    items: Mapping[str, exp.Expr]
    k: int
    bounds: Mapping[str, tuple[Fraction, Fraction, Fraction]]
    """Of a column, what its owner declares: smallest, largest, and the unit between them."""


def aggregates_in(tree: exp.Select) -> list[exp.AggFunc]:
    """The aggregates of the SELECT itself, each once."""
    found: list[exp.AggFunc] = []
    clauses = [*tree.expressions, tree.args.get("having"), tree.args.get("order")]
    for clause in clauses:
        for one in clause.find_all(exp.AggFunc) if clause else ():
            if one not in found:
                found.append(one)
    return found


@dataclass(frozen=True, slots=True)
class CellValues:
    """One cell: its labels, and the total of each aggregate."""

    shape: Shape
    labels: Sequence[Any]
    totals: Sequence[Total]

    def shown(self, node: exp.Expr) -> Any:
        """A column of the result."""
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, Fraction):
            return value
        decimals = self.decimals(node)
        return significant(value) if decimals is None else exact(value, decimals)

    def value(self, node: exp.Expr) -> Any:
        """A value as exactly as it is."""
        if node in self.shape.dimensions:
            return _number(self.labels[self.shape.dimensions.index(node)])
        if isinstance(node, exp.AggFunc):
            return self._aggregate(node)
        match node:
            case exp.Column():
                return self.value(self.shape.items[node.name])
            case exp.Paren():
                return self.value(node.this)
            case exp.Literal():
                return node.name if node.is_string else Fraction(node.name)
            case exp.Boolean():
                return bool(node.this)
            case exp.Null():
                return None
            case exp.Is():
                return self.value(node.this) is None
            case exp.Coalesce():
                values = map(self.value, [node.this, *node.expressions])
                return next((one for one in values if one is not None), None)
            case exp.Nullif():
                first = self.value(node.this)
                return None if first == self.value(node.expression) else first
            case exp.Case():
                return self._chosen(node)
            case exp.And() | exp.Or():
                return _either(isinstance(node, exp.Or), [*map(self.value, node.flatten())])
            case exp.In():
                return self._within(node)
            case exp.Between():
                low = exp.GTE(this=node.this.copy(), expression=node.args["low"].copy())
                high = exp.LTE(this=node.this.copy(), expression=node.args["high"].copy())
                return _either(False, [self.value(low), self.value(high)])
        operands = [self.value(one) for one in node.iter_expressions()]
        return None if None in operands else _applied(node, operands)

    def _chosen(self, node: exp.Case) -> Any:
        this = node.this
        for branch in node.args["ifs"]:
            equal = exp.EQ(this=this.copy(), expression=branch.this.copy()) if this else branch.this
            if self.value(equal) is True:
                return self.value(branch.args["true"])
        otherwise = node.args.get("default")
        return None if otherwise is None else self.value(otherwise)

    def _within(self, node: exp.In) -> bool | None:
        this = self.value(node.this)
        return _either(
            True, [None if this is None else this == self.value(one) for one in node.expressions]
        )

    def _aggregate(self, node: exp.AggFunc) -> Fraction | None:
        total = self.totals[self.shape.aggregates.index(node)]
        match node:
            case exp.Count():
                return Fraction(total.values)
            case exp.Sum():
                return total.sum if total.values else None
            case exp.Avg():
                return total.sum / total.values if total.values else None
        if isinstance(node, exp.Min | exp.Max):
            return self._outermost(node, total.each)
        if isinstance(node, _QUANTILES):
            return _quantile(node, sorted(total.each))
        if spread := _SPREADS.get(type(node)):
            return _spread(total.each, *spread)
        raise NotImplementedError(node.sql())

    def _outermost(self, node: exp.AggFunc, each: Sequence[Fraction]) -> Fraction | None:
        """The middle of the first or last band of a declared range in which k values lie."""
        least, most, unit = self.shape.bounds[node.this.sql()]
        width = ceil(((most - least) / unit + 1) / _BANDS) * unit
        bands = Counter(floor((one - least) / width) for one in each)
        full = [band for band, count in bands.items() if count >= self.shape.k]
        if not full:
            return None
        band = max(full) if isinstance(node, exp.Max) else min(full)
        return least + band * width + (width - unit) / 2

    def decimals(self, node: exp.Expr) -> int | None:
        """How many decimals are shown; None: twelve digits."""
        if node in self.shape.dimensions:
            return self.shape.label_decimals[self.shape.dimensions.index(node)]
        match node:
            case exp.Count():
                return 0
            case exp.Sum():
                return self.shape.sum_decimals[self.shape.aggregates.index(node)]
            case exp.Avg():
                sums = self.shape.sum_decimals[self.shape.aggregates.index(node)]
                return sums + DIVISION_DECIMALS
            case exp.Literal():
                return len(node.name.partition(".")[2])
            case exp.Column():
                return self.decimals(self.shape.items[node.name])
            case exp.Round():
                return max(_places(node), 0)
            case exp.Null():
                return 0
            case exp.Nullif():
                return self.decimals(node.this)
        if type(node) in _SPREADS:
            return None
        if isinstance(node, _QUANTILES):
            return _QUANTILE_DECIMALS
        found = [self.decimals(one) for one in _numbers_in(node)]
        each = [one for one in found if one is not None]
        if len(each) < len(found):
            return None
        match node:
            case exp.Mul():
                return sum(each)
            case exp.Div():
                return max(each) + DIVISION_DECIMALS
        return max(each)


def _numbers_in(node: exp.Expr) -> list[exp.Expr]:
    """What a number is made of, without the conditions that choose it."""
    if isinstance(node, exp.Case):
        otherwise = node.args.get("default") or exp.Null()
        return [*(branch.args["true"] for branch in node.args["ifs"]), otherwise]
    return list(node.iter_expressions())


def exact(value: Fraction, decimals: int) -> int | Decimal:
    """Rounded half-even; a Fraction rounds so, a Decimal would lose digits first."""
    scaled: int = round(value * 10**decimals)
    if decimals == 0:
        return scaled
    digits = tuple(int(digit) for digit in str(abs(scaled)))
    return Decimal((int(scaled < 0), digits, -decimals))


def significant(value: Fraction) -> Decimal:
    """Rounded half-even to twelve digits, written without an exponent."""
    rounded = _TWELVE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return Decimal(f"{rounded.normalize(_TWELVE):f}")


def _spread(values: Sequence[Fraction], less: int, root: bool) -> Fraction | None:
    """By its definition: squares of what is between each value and their mean."""
    if len(values) <= less:
        return None
    mean = sum(values) / Fraction(len(values))
    variance = sum(((one - mean) ** 2 for one in values), Fraction(0)) / (len(values) - less)
    if not root:
        return variance
    quotient = _MANY.divide(Decimal(variance.numerator), Decimal(variance.denominator))
    return Fraction(_MANY.sqrt(quotient))


def _quantile(node: exp.AggFunc, values: Sequence[Fraction]) -> Fraction | None:
    """As DuckDB has it, of the values themselves."""
    if not values:
        return None
    given = node.args.get("quantile") or node.args.get("expression")
    share = Fraction(given.name) if given else Fraction(1, 2)
    if isinstance(node, exp.PercentileDisc | exp.Quantile):
        return values[max(ceil(share * len(values)) - 1, 0)]
    place = share * (len(values) - 1)
    low, high = values[floor(place)], values[ceil(place)]
    return low + (high - low) * (place - floor(place))


def _number(label: Any) -> Any:
    whole = isinstance(label, int | Decimal) and not isinstance(label, bool)
    return Fraction(label) if whole else label


def _either(decides: bool, operands: Sequence[bool | None]) -> bool | None:
    if decides in operands:
        return decides
    return None if None in operands else not decides


def _applied(node: exp.Expr, operands: Sequence[Any]) -> Any:
    if kind := _COMPARED.get(type(node)):
        return kind(*operands)
    if operation := _COMPUTED.get(type(node)):
        return operation(*operands)
    match node:
        case exp.Not():
            return not operands[0]
        case exp.Neg():
            return -operands[0]
        case exp.Abs():
            return abs(operands[0])
        case exp.Round():
            unit = Fraction(10) ** -_places(node)
            size = floor(abs(operands[0]) / unit + Fraction(1, 2)) * unit
            return size if operands[0] > 0 else -size
    raise NotImplementedError(node.sql())


def _places(node: exp.Round) -> int:
    decimals = node.args.get("decimals")
    return int(decimals.sql()) if decimals else 0
