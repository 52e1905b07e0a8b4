"""Datasets: how an owner describes one, what the import found, what others may know of it.

A `Description` is the TOML file beside the owner's source. A `QualityReport` stays at the owner. A
`CatalogueEntry` is what leaves the node: names, types, levels, and a size rounded up to a power of
two; never a value, a count of distinct values, or an exact size.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Self

from pydantic import Field, model_validator

from contract.canonical import Frozen, Hex32, Name, OrgId, Unfit, canonical_bytes, digest
from contract.keys import MOST_PARTS, BesideKind, KeyKind, PartKind, looks_like_key
from contract.sizes import LARGEST_SIZE
from contract.sources import Encoding, Postgres


class ColumnType(StrEnum):
    """How a column is read; nothing is ever guessed from its values."""

    KEY = "key"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    PERIOD = "period"
    BOOLEAN = "boolean"

    @property
    def is_number(self) -> bool:
        """Whether values are calculated with: a month is none."""
        return self in (ColumnType.INTEGER, ColumnType.DECIMAL)


class InvalidKeys(StrEnum):
    """What happens to a file that holds invalid keys."""

    STRICT = "strict"
    WARN = "warn"


class Duplicates(StrEnum):
    """What happens to rows that repeat another row entirely."""

    ERROR = "error"
    KEEP = "keep"
    FIRST = "first"


MOST_DOMAIN = 512
"""Values of a column whose values are all told to everybody."""

MOST_DIGITS = 38
"""Of any number in a dataset."""


class Declared(Frozen):
    """What a column's owner and everybody else know of it alike."""

    name: Name = Field(description="name in contracts and SQL; Chinese characters are letters")
    type: ColumnType = Field(description="key, integer, decimal, text, date, period or boolean")
    key: KeyKind | None = Field(default=None, description="kind of key, with type = 'key'")
    level: int = Field(ge=1, le=5, description="JR/T 0197 level: 1 public … 5 most sensitive")
    decimals: int | None = Field(default=None, ge=0, le=18, description="with type = 'decimal'")
    minimum: Decimal | None = Field(
        default=None, description="smallest value there may be; sums need it"
    )
    maximum: Decimal | None = Field(
        default=None, description="largest value there may be; sums need it"
    )
    rows_per_key: int | None = Field(
        default=None,
        ge=1,
        le=2**31,
        description="most rows that one key may have, with type = 'key'; sums per key need it",
    )
    unit: str | None = Field(default=None, max_length=32, description="CNY, kWh, …")
    nullable: bool = Field(default=False, description="whether empty fields are allowed")
    title: str | None = Field(
        default=None, max_length=200, description="one line for the catalogue"
    )

    domain: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="the only texts allowed, told to everybody, with type = 'text'; sums over UNION"
        " ALL group by such columns",
    )

    @property
    def part_kind(self) -> PartKind | None:
        """What it holds as a part of a key of several columns; None if it can be none."""
        if self.key is not None:
            return self.key
        # A measured amount names nothing, and equal ones meet by chance.
        return None if self.type is ColumnType.DECIMAL else BesideKind(self.type.value)

    @property
    def places(self) -> int:
        """How many decimals its values have; 0 where it has none."""
        return self.decimals or 0

    @property
    def bounds(self) -> tuple[int, int] | None:
        """Smallest and largest value as integers, scaled by its decimals; None if undeclared."""
        if self.minimum is None or self.maximum is None:
            return None
        return _scaled(self.minimum, self.places), _scaled(self.maximum, self.places)

    @model_validator(mode="after")
    def _declared_consistently(self) -> Self:
        if (self.type is ColumnType.KEY) != (self.key is not None):
            raise Unfit("`key` stands with type = 'key', and only there")
        if (self.type is ColumnType.DECIMAL) != (self.decimals is not None):
            raise Unfit("`decimals` stands with type = 'decimal', and only there")
        if self.rows_per_key is not None and self.type is not ColumnType.KEY:
            raise Unfit("`rows_per_key` stands with type = 'key' only")
        if self.type is ColumnType.KEY and self.nullable:
            raise Unfit("a key column is not nullable")
        if self.domain is not None and self.type is not ColumnType.TEXT:
            raise Unfit("`domain` stands with type = 'text' only")
        if self.domain is not None and any(map(looks_like_key, self.domain)):
            raise Unfit("a text in `domain` validates as a key, and everybody would be told")
        _check_bounds(self)
        return self


def _check_bounds(column: Declared) -> None:
    given = [bound for bound in (column.minimum, column.maximum) if bound is not None]
    if not given:
        return
    if not column.type.is_number:
        raise Unfit("`minimum` and `maximum` stand with type = 'integer' or 'decimal' only")
    if len(given) == 1:
        raise Unfit("`minimum` and `maximum` stand together")
    if any(not _fits(bound, column.places) for bound in given):
        raise Unfit(
            f"`minimum` and `maximum` have at most {column.places} decimals here, and"
            f" {MOST_DIGITS} digits"
        )
    if given[0] > given[1]:
        raise Unfit("`minimum` is not above `maximum`")


def _fits(bound: Decimal, places: int) -> bool:
    if abs(bound.adjusted()) > MOST_DIGITS:  # written out, its zeros would fill the memory
        return False
    scaled: Fraction = Fraction(bound) * 10**places
    return scaled.denominator == 1 and abs(scaled.numerator) < 10**MOST_DIGITS


def _scaled(bound: Decimal, places: int) -> int:
    # Not by Decimal's own arithmetic, which rounds to 28 digits.
    return int(Fraction(bound) * 10**places)


class Column(Declared):
    """One declared column of a dataset."""

    source: str | None = Field(
        default=None, max_length=128, description="column name in the file, if it differs"
    )
    padded_to: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_SIZE,
        description="with type = 'key': the size that others see is that of so many keys; more are"
        " refused",
    )
    codes: tuple[str, ...] | None = Field(
        default=None, max_length=2000, description="the only texts allowed, with type = 'text'"
    )

    @property
    def allowed(self) -> tuple[str, ...] | None:
        """The only texts that it may hold, if that is declared."""
        return self.codes if self.codes is not None else self.domain

    @model_validator(mode="after")
    def _stands_with_its_type(self) -> Self:
        if self.codes is not None and self.type is not ColumnType.TEXT:
            raise Unfit("`codes` stands with type = 'text' only")
        if self.codes is not None and self.domain is not None:
            raise Unfit("`codes` are the owner's own, `domain` is told to everybody: give one")
        if self.padded_to is not None and self.type is not ColumnType.KEY:
            raise Unfit("`padded_to` stands with type = 'key' only")
        return self


class Combined(Frozen):
    """Columns whose values are a key together, as its owner and everybody else know of it alike."""

    columns: Annotated[tuple[Name, ...], Field(min_length=2, max_length=MOST_PARTS)] = Field(
        description="two columns or more, at least one with type = 'key' and none a decimal; a row"
        " with an empty one has no such key"
    )
    rows_per_key: int | None = Field(
        default=None,
        ge=1,
        le=2**31,
        description="most rows that one such key may have; sums per key need it",
    )


class DeclaredKey(Combined):
    """A key of several columns in a description."""

    padded_to: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_SIZE,
        description="the size that others see is that of so many keys; more are refused",
    )


class CatalogueKey(Combined):
    """A key of several columns as the other organisations see it."""

    size: int | None = Field(default=None, description="distinct keys, rounded up")


def _check_combined(keys: Iterable[Combined], columns: Iterable[Declared]) -> None:
    known = {column.name: column for column in columns}
    seen = set()
    for key in keys:
        parts = [known[name] for name in dict.fromkeys(key.columns) if name in known]
        if len(parts) != len(key.columns):
            raise Unfit("a key of several columns names columns of the dataset, each once")
        if any(part.part_kind is None for part in parts):
            raise Unfit("a decimal is no part of a key")
        if all(part.key is None for part in parts):
            raise Unfit("a key of several columns has at least one with type = 'key'")
        if (which := frozenset(key.columns)) in seen:
            raise Unfit("two keys are of the same columns")
        seen.add(which)


class Description(Frozen):
    """The TOML file that declares a dataset; every key unlisted here is an error."""

    name: Name = Field(description="name of the dataset at this node")
    source: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="CSV or Parquet file, or a folder of them, relative to this file",
    )
    encoding: Encoding = Field(
        default=Encoding.UTF_8, description="of CSV files: utf-8, gb18030 (which reads GBK too)"
    )
    postgres: Postgres | None = Field(
        default=None, description="a PostgreSQL database to read instead of `source`"
    )
    title: str = Field(default="", max_length=200, description="one line for the catalogue")
    invalid_keys: InvalidKeys = Field(
        default=InvalidKeys.STRICT, description="strict: refuse the file; warn: leave out and count"
    )
    duplicates: Duplicates = Field(
        default=Duplicates.ERROR,
        description="rows that repeat another entirely: error, keep, first",
    )
    column: Annotated[tuple[Column, ...], Field(min_length=1, max_length=512)] = Field(
        description="one column, in the order of the snapshot"
    )
    key: Annotated[tuple[DeclaredKey, ...], Field(max_length=16)] = Field(
        default=(), description="columns that are a key together, such as a company and a month"
    )

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [column.name for column in self.column]
        if len(set(names)) != len(names):
            raise ValueError("two columns have the same name")
        return self

    @model_validator(mode="after")
    def _keys_of_columns(self) -> Self:
        _check_combined(self.key, self.column)
        return self

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.postgres is None):
            raise Unfit("either `source` or a table [postgres] says where the rows are")
        if self.postgres is not None and self.encoding is not Encoding.UTF_8:
            raise Unfit("`encoding` stands with CSV files only")
        return self

    def columns_of(self, type_: ColumnType) -> tuple[Column, ...]:
        """The declared columns of one type, in file order."""
        return tuple(column for column in self.column if column.type is type_)


class ColumnQuality(Frozen):
    """What the import found in one column: counts and row numbers, never a value."""

    name: Name
    nulls: int
    invalid: int
    invalid_rows: tuple[int, ...] = Field(
        max_length=10, description="row numbers in the file, from 1"
    )
    invalid_in: tuple[str, ...] = Field(
        default=(), max_length=10, description="the file of each, where there are several"
    )
    reasons: dict[str, int] = Field(default_factory=dict, description="invalid keys by reason")
    distinct_keys: int | None = Field(default=None, description="of a key column")


class KeyFound(Frozen):
    """What the import found of a key of several columns."""

    columns: tuple[Name, ...]
    distinct_keys: int
    key_bytes: int | None = Field(default=None, description="of the keys of all rows, together")


class QualityReport(Frozen):
    """What the import of a dataset found; stays at its owner."""

    dataset: Name
    rows_read: int
    rows_kept: int
    duplicate_rows: int
    columns: tuple[ColumnQuality, ...]
    keys: tuple[KeyFound, ...] | None = None

    def distinct_keys(self, key: Sequence[str]) -> int | None:
        """How many keys there are of these columns, in any order; None where they are none."""
        if len(key) == 1:
            found = (one.distinct_keys for one in self.columns if one.name == key[0])
            return next(found, None)
        several = self._of_several(key)
        return None if several is None else several.distinct_keys

    def key_bytes(self, key: Sequence[str]) -> int | None:
        """What the keys of these columns come to, of all rows; None where nobody has counted."""
        several = self._of_several(key)
        return None if several is None else several.key_bytes

    def _of_several(self, key: Sequence[str]) -> KeyFound | None:
        several = (one for one in self.keys or () if sorted(one.columns) == sorted(key))
        return next(several, None)

    @property
    def rows_left_out(self) -> int:
        """Rows without a valid key, and repeated ones where only the first counts."""
        return self.rows_read - self.rows_kept


class CatalogueColumn(Declared):
    """A column as the other organisations see it."""

    size: int | None = Field(default=None, description="of a key column: distinct keys, rounded up")


class CatalogueEntry(Frozen):
    """A dataset as the other organisations see it."""

    org: OrgId
    name: Name
    title: str = ""
    columns: tuple[CatalogueColumn, ...]
    keys: Annotated[tuple[CatalogueKey, ...], Field(min_length=1, max_length=16)] | None = Field(
        default=None, description="keys of several columns, where there are any"
    )
    refreshed: date

    @model_validator(mode="after")
    def _keys_of_columns(self) -> Self:
        _check_combined(self.keys or (), self.columns)
        return self

    @property
    def full_name(self) -> str:
        """What everybody calls it: org.dataset."""
        return f"{self.org}.{self.name}"

    @property
    def schema_digest(self) -> str:
        """Identifies what a job was planned on: hex SHA-256 of names and types, not of sizes."""
        bare = tuple(column.model_copy(update={"size": None}) for column in self.columns)
        keys = self.keys and tuple(key.model_copy(update={"size": None}) for key in self.keys)
        fixed = {"columns": bare, "keys": keys, "refreshed": date.min, "title": ""}
        return digest(canonical_bytes(self.model_copy(update=fixed))).hex()

    def column(self, name: str) -> CatalogueColumn | None:
        """The column of that name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)

    def key_of(self, columns: Sequence[str]) -> CatalogueColumn | CatalogueKey | None:
        """What is declared of the key that these columns are, in any order; None if they are none.

        Its `size` and `rows_per_key` are those of the key, of one column or of several.
        """
        if len(columns) == 1:
            column = self.column(columns[0])
            return column if column is not None and column.key is not None else None
        wanted = sorted(columns)
        return next((key for key in self.keys or () if sorted(key.columns) == wanted), None)


def most_keys_per_subject(joined: Sequence[tuple[CatalogueEntry, Sequence[str]]]) -> int | None:
    """Of a key that joins datasets, how many one subject may have in the join at most.

    `joined` has each dataset with the columns of its key, in one order; a subject is a value of one
    of its key columns, such as a company of many months. No subject has more keys in the join than
    rows in any of the datasets. None where no dataset declares how many that are.
    """
    if len(joined[0][1]) == 1:
        return 1
    most = 1
    for names in zip(*(columns for _, columns in joined), strict=True):
        declared = [entry.column(name) for (entry, _), name in zip(joined, names, strict=True)]
        if not any(column is not None and column.key is not None for column in declared):
            continue
        rows = [column.rows_per_key for column in declared if column is not None]
        known = [one for one in rows if one is not None]
        if not known:
            return None
        most = max(most, min(known))
    return most


COMPUTED_NOISE = "computed"
"""Of the noise in a column: it is that of the numbers that the column is made of."""


class ResultColumn(Frozen):
    """A column of a result, as its receiver's programs read it from the CSV."""

    name: Name
    type: ColumnType
    decimals: int = 0
    digits: int | None = Field(
        default=None, description="most digits of a number; absent where 64 bits hold every value"
    )
    significant: int | None = Field(
        default=None, description="digits of a decimal that is rounded to so many, not to decimals"
    )
    within: str | None = Field(
        default=None, description="how far a number may be from the exact value, on either side"
    )
    noise: str | None = Field(
        default=None,
        description="standard deviation of the noise in a count or a sum; `computed` where a value"
        " is made of such",
    )
    key: KeyKind | None = None
    unit: str | None = None

    @staticmethod
    def of(column: CatalogueColumn) -> "ResultColumn":
        """A dataset's own column, in rows that its owner gets back."""
        return ResultColumn(
            name=column.name,
            type=column.type,
            decimals=column.places,
            digits=MOST_DIGITS if column.type is ColumnType.DECIMAL else None,
            key=column.key,
            unit=column.unit,
        )


class KeyChanges(Frozen):
    """The keys of one column, counted."""

    column: Name
    added: int = Field(description="in the new snapshot only")
    removed: int = Field(description="in the old one only")
    changed: int = Field(description="in both, with other rows")


class Changes(Frozen):
    """A snapshot against the one before it, in the columns that both have; stays at its owner."""

    before: QualityReport
    rows_added: int
    rows_removed: int
    keys: tuple[KeyChanges, ...]
    columns_added: tuple[Name, ...] = ()
    columns_removed: tuple[Name, ...] = ()
    columns_altered: tuple[Name, ...] = Field(
        default=(), description="declared otherwise: type, level, bounds, …"
    )
    jobs_refused: int = Field(
        default=0, description="open jobs that were planned on other columns or on fewer keys"
    )

    @property
    def nothing(self) -> bool:
        """Whether both hold the same rows of the same columns."""
        columns = self.columns_added + self.columns_removed + self.columns_altered
        return not (self.rows_added or self.rows_removed or columns)


class Snapshot(Frozen):
    """An imported dataset: what a run is pinned to."""

    root: Hex32 = Field(description="salted commitment to the snapshot's bytes")
    report: QualityReport
    entry: CatalogueEntry
    changes: Changes | None = Field(
        default=None, description="against the snapshot before, if that was there and whole"
    )
    described: str | None = Field(
        default=None, max_length=4096, description="path of the description it was imported from"
    )
