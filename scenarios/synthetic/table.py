"""One dataset in memory: typed columns of exact integers, texts and flags.

Decimals and dates are integers until they are written: a float never reaches a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from scenarios.synthetic.chance import Flags, Ints, Reals, Texts, scaled

# Declared bounds: no ordinary or marked value reaches them.
MOST_MONEY, MOST_ENERGY, MOST_RATIO = "100000000000", "10000000000", "1000"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Column:
    """A column as it is described and written; `type` is a type of the dataset description."""

    name: str
    type: str
    level: int  # JR/T 0197, 1 to 5
    title: str
    values: Ints | Texts | Flags  # decimals as scaled integers, dates as days since 1970-01-01
    key: str | None = None
    decimals: int | None = None
    unit: str | None = None
    codes: tuple[str, ...] = ()
    null: Flags | None = None  # a text is null where it is None
    bounds: tuple[str, str] | None = None  # declared minimum and maximum
    rows_per_key: int | None = None  # declared, of a key

    @property
    def nullable(self) -> bool:
        """Whether the description allows empty fields."""
        return self.null is not None

    def take(self, rows: Ints) -> "Column":
        """The column of these rows, in this order."""
        null = None if self.null is None else self.null[rows]
        return replace(self, values=self.values[rows], null=null)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Table:
    """A dataset of one organisation; `firm` says which enterprise each row is about."""

    name: str
    title: str
    firm: Ints
    columns: tuple[Column, ...]
    canaries: tuple[str, int]  # confidential column, how many marked values it gets
    monthly: bool = False

    def take(self, rows: Ints) -> "Table":
        """The table of these rows, in this order."""
        columns = tuple(column.take(rows) for column in self.columns)
        return replace(self, firm=self.firm[rows], columns=columns)

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def with_values(self, values: Mapping[str, Ints | Texts]) -> "Table":
        """The table with the values of some columns replaced."""
        columns = tuple(
            replace(column, values=values.get(column.name, column.values))
            for column in self.columns
        )
        return replace(self, columns=columns)


def absent(values: Texts) -> Flags:
    """Where a text is NULL."""
    return np.array([value is None for value in values.tolist()], dtype=np.bool_)


def uscc(codes: Texts, rows_per_key: int) -> Column:
    """The key column that every table has."""
    return Column(
        "uscc", "key", 2, "统一社会信用代码", codes, key="uscc", rows_per_key=rows_per_key
    )


def text(name: str, title: str, values: Texts, level: int = 2, null: bool = False) -> Column:
    """Free text; None is NULL where `null` is allowed."""
    return Column(name, "text", level, title, values, null=absent(values) if null else None)


def coded(name: str, title: str, codes: tuple[str, ...], index: Ints, level: int) -> Column:
    """One of a few known texts, given by its index."""
    return Column(name, "text", level, title, np.array(codes, dtype=object)[index], codes=codes)


def integer(
    name: str, title: str, values: Ints, most: str, level: int = 3, unit: str | None = None
) -> Column:
    """A whole number from 0 to `most`."""
    return Column(name, "integer", level, title, values, unit=unit, bounds=("0", most))


def decimal(
    name: str,
    title: str,
    values: Ints,
    decimals: int,
    most: str,
    level: int = 3,
    unit: str | None = None,
) -> Column:
    """A decimal from 0 to `most`, from its scaled integers."""
    return Column(
        name, "decimal", level, title, values, decimals=decimals, unit=unit, bounds=("0", most)
    )


def money(
    name: str,
    title: str,
    amounts: Reals,
    level: int = 3,
    unit: str = "CNY",
    null: Flags | None = None,
) -> Column:
    """An amount with two decimals."""
    column = decimal(name, title, scaled(amounts, 2), 2, MOST_MONEY, level, unit)
    return replace(column, null=null)


def ratio(name: str, title: str, values: Reals, level: int = 3) -> Column:
    """A share with four decimals."""
    return decimal(name, title, scaled(values, 4), 4, MOST_RATIO, level)


def flag(name: str, title: str, values: Flags, level: int = 2) -> Column:
    """Yes or no."""
    return Column(name, "boolean", level, title, values)


def date(name: str, title: str, days: Ints, level: int = 1) -> Column:
    """A date from its days since 1970-01-01."""
    return Column(name, "date", level, title, days)


def period(values: Ints) -> Column:
    """A month as YYYYMM."""
    return Column("period", "period", 1, "所属期", values)
