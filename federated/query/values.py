"""What a column or an expression is worth: its type, its scale, its bounds, and its SQL.

Implements  federated/SPEC.md §3.3: every number is an integer at a known scale, and no arithmetic
            is done that could leave 64 bits in what is sent, or 126 in what an owner computes
Scale       as SQL has it: a product's is the sum of its factors', a sum's the largest; literals
            count as they are written, so 0.50 has two
Learns      nobody
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce

from sqlglot import exp

from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.keys import BesideKind, KeyKind, PartKind

SENT_BITS = 63
_LOCAL_BITS = 126
_MONTHS = (100001, 999912)
_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest value there may be, as scaled integers."""

    least: int
    most: int

    @property
    def values(self) -> int:
        """How many values there may be."""
        return self.most - self.least + 1

    @property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(abs(self.least), abs(self.most))

    def __add__(self, other: "Range") -> "Range":
        return Range(self.least + other.least, self.most + other.most)

    def times(self, factor: int) -> "Range":
        """The range of `factor` times a value."""
        ends = (self.least * factor, self.most * factor)
        return Range(min(ends), max(ends))

    def summed(self, rows: int) -> "Range":
        """The range of the sum of 1 to `rows` values."""
        return Range(min(self.least, rows * self.least), max(self.most, rows * self.most))


@dataclass(frozen=True, slots=True)
class Column:
    """A column that one source offers to the expressions above it."""

    source: str  # the alias of its source
    name: str
    type: ColumnType
    scale: int
    nullable: bool
    key: KeyKind | None = None
    range: Range | None = None
    domain: tuple[str, ...] | None = None  # the only texts there may be
    lacks: str = ""  # what its owner would have to declare to give it a range
    scaled: bool = False  # whether its SQL is already an integer at its scale
    origins: frozenset[str] = frozenset()  # the columns of the dataset that it is made of
    chosen: frozenset[str] = frozenset()  # those whose values choose a branch of a CASE in it
    formula: str = ""  # how it is computed of what its source offers, if it is
    computed: exp.Expr | None = field(default=None, compare=False)  # the same, as a tree
    beside: BesideKind | None = None  # of a column of the dataset as it stands, in a key of several
    picks: tuple[exp.Expr, ...] = field(default=(), compare=False)
    """Of each CASE in it, the branches that a key's rows took: a bit for each."""

    @property
    def called(self) -> str:
        """Its name in the dataset or sub-query that it is of."""
        return self.name.rpartition(".")[2]

    @property
    def alias(self) -> str:
        """What a statement calls that dataset: one of several of its source, or its source."""
        return self.name.rpartition(".")[0] or self.source

    @property
    def seen(self) -> frozenset[str]:
        """The columns of the dataset whose values show in it, or choose what shows."""
        return self.origins | self.chosen

    @property
    def written(self) -> tuple[str, str, str]:
        """What columns are put in order by."""
        return self.source, self.name, self.formula

    @property
    def part_kind(self) -> PartKind | None:
        """What it holds as a part of a key; None if it can be none."""
        return self.beside if self.key is None else self.key

    def is_null(self) -> exp.Expr:
        """Whether it has no value."""
        return exp.Is(this=self.sql(), expression=exp.Null())

    def sql(self) -> exp.Expr:
        """The column as it is."""
        if self.computed is not None:
            return exp.Paren(this=self.computed.copy())
        return exp.column(self.name, table=self.source, quoted=True)

    def integer(self) -> exp.Expr:
        """The column as an integer at its scale; exact if its range is within 63 bits."""
        if self.scaled or self.scale == 0:
            return cast(self.sql(), "HUGEINT")
        return cast(exp.Mul(this=self.sql(), expression=number(10**self.scale)), "HUGEINT")

    def label(self) -> exp.Expr:
        """The column as a text that means the same everywhere."""
        value = self.sql()
        if self.scaled and self.scale:
            unit = exp.Literal.number(decimal_text(1, self.scale))
            value = exp.Mul(this=value, expression=unit)
        return cast(value, "VARCHAR")


def offered_by(entry: CatalogueEntry, alias: str) -> dict[str, Column]:
    """The columns of a dataset, by name, under the alias that the dataset has."""
    return {one.name: _column_of(one, alias, entry.full_name) for one in entry.columns}


def _column_of(declared: CatalogueColumn, source: str, dataset: str) -> Column:
    if declared.type is ColumnType.PERIOD:
        bounds: tuple[int, int] | None = _MONTHS
    else:
        bounds = declared.bounds
    kind = declared.part_kind
    return Column(
        source=source,
        name=declared.name,
        type=declared.type,
        scale=declared.places,
        nullable=declared.nullable,
        key=declared.key,
        beside=kind if isinstance(kind, BesideKind) else None,
        range=None if bounds is None else Range(*bounds),
        domain=declared.domain,
        lacks=f"minimum and maximum of column {declared.name} of {dataset}",
        origins=frozenset({declared.name}),
    )


@dataclass(frozen=True, slots=True)
class Linear:
    """A sum of columns with constant coefficients, and a constant; exact."""

    terms: tuple[tuple[Column, Fraction], ...] = ()
    constant: Fraction = Fraction(0)
    scale: int = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that stand in it."""
        return tuple(column for column, _ in self.terms)

    @property
    def sources(self) -> frozenset[str]:
        """The aliases of the sources that its columns are of."""
        return frozenset(column.source for column in self.columns)

    @property
    def nullable(self) -> bool:
        """Whether it may be NULL."""
        return any(column.nullable for column in self.columns)

    @property
    def bare(self) -> Column | None:
        """The column that this is, if it is nothing more than a column."""
        match self.terms:
            case ((column, factor),) if factor == 1 and not self.constant:
                return column if column.scale == self.scale else None
        return None

    def __add__(self, other: "Linear") -> "Linear":
        factors = dict(self.terms)
        for column, factor in other.terms:
            factors[column] = factors.get(column, Fraction(0)) + factor
        constant = self.constant + other.constant
        return Linear(tuple(factors.items()), constant, max(self.scale, other.scale))

    def times(self, factor: Fraction, places: int = 0) -> "Linear":
        """The product with a constant that is written with `places` decimals."""
        terms = tuple((column, own * factor) for column, own in self.terms)
        return Linear(terms, self.constant * factor, self.scale + places)

    def of(self, source: str, *, constant: bool) -> "Linear":
        """The terms of one source alone, with or without the constant."""
        terms = tuple(term for term in self.terms if term[0].source == source)
        return Linear(terms, self.constant if constant else Fraction(0), self.scale)

    def range(self, scale: int) -> Range:
        """Its range as integers at `scale`; every column must have a range."""
        constant = _exact(self.constant, scale)
        start = Range(constant, constant)
        return sum(
            (
                column.range.times(_exact(factor, scale - column.scale))
                for column, factor in self.terms
                if column.range is not None
            ),
            start=start,
        )

    def fits(self, scale: int) -> bool:
        """Whether an owner can compute it at `scale` without leaving its integers."""
        parts = [
            max(abs(_exact(factor, scale - column.scale)), 1) * max(column.range.magnitude, 1)
            for column, factor in self.terms
            if column.range is not None
        ]
        return sum(parts) + abs(_exact(self.constant, scale)) < 1 << _LOCAL_BITS

    def sql(self, scale: int) -> exp.Expr:
        """It as an integer at `scale`, which is at least its own."""
        parts = [
            _product(column.integer(), _exact(factor, scale - column.scale))
            for column, factor in self.terms
        ]
        if self.constant or not parts:
            parts.append(number(_exact(self.constant, scale)))
        return reduce(lambda left, right: exp.Add(this=left, expression=right), parts)


def type_at(scale: int) -> ColumnType:
    """The type of numbers at a scale."""
    return ColumnType.DECIMAL if scale else ColumnType.INTEGER


def all_texts(domains: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """The only texts there may be where any of several may stand; None: nobody knows of one."""
    known = [domain for domain in domains if domain is not None]
    if len(known) < len(domains):
        return None
    return tuple(dict.fromkeys(text for domain in known for text in domain))


def largest_scale(values: Iterable[Linear]) -> int:
    """The scale at which all of them are integers."""
    return max(value.scale for value in values)


def number(value: int) -> exp.Expr:
    """An integer in SQL."""
    literal = exp.Literal.number(str(abs(value)))
    return exp.Paren(this=exp.Neg(this=literal)) if value < 0 else literal


def whole(node: exp.Expr | None) -> int | None:
    """The integer from 0 on that a literal writes; None for what is none, or too long for one."""
    if not isinstance(node, exp.Literal) or node.is_string:
        return None
    written = str(node.this)
    return int(written) if written.isdecimal() and len(written) <= _MOST_DIGITS else None


def cast(value: exp.Expr, type_: str) -> exp.Expr:
    """`value` as another type, in SQL."""
    return exp.Cast(this=value, to=exp.DataType.build(type_, dialect="duckdb"))


def squared(value: exp.Expr, limb: int, limbs: int, bits: int) -> exp.Expr:
    """A limb of the square of an integer, 0 for NULL: 64 bits do not hold the whole."""
    square = exp.Mul(this=exp.Paren(this=value), expression=exp.Paren(this=value.copy()))
    rest: exp.Expr = exp.Paren(this=exp.Coalesce(this=square, expressions=[number(0)]))
    if limb:
        rest = exp.IntDiv(this=rest, expression=number(1 << bits * limb))
    if limb < limbs - 1:
        rest = exp.Mod(this=exp.Paren(this=rest), expression=number(1 << bits))
    return cast(rest, "BIGINT")


def decimal_text(value: int, scale: int) -> str:
    """A scaled integer as a decimal number with all its places."""
    if scale == 0:
        return str(value)
    digits = f"{abs(value):0{scale + 1}d}"
    return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _exact(value: Fraction, scale: int) -> int:
    scaled: Fraction = value * 10**scale
    assert scaled.denominator == 1, "a scale is never below that of what it scales"
    return int(scaled.numerator)


def _product(value: exp.Expr, factor: int) -> exp.Expr:
    return value if factor == 1 else exp.Mul(this=value, expression=number(factor))
