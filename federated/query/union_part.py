"""What an organisation computes for a sum over UNION ALL: SQL, and the uses of its columns.

Implements  federated/SPEC.md §5.5: its own SELECT of the bracket; of what that gives, rows by
            labels, each value of them added up, which is the same for all
Learns      nobody: built from checked parts, never from text
"""

from collections.abc import Iterable, Sequence, Set
from fractions import Fraction
from typing import Final

from pydantic import Field
from sqlglot import exp

from contract.canonical import Frozen, Name, OrgId
from contract.dataset import CatalogueColumn, CatalogueKey
from contract.keys import KeyKind
from contract.policy import Use
from federated.query.owner_sql import alias, in_duckdb, named, names_in
from federated.query.part import WHOLE, Part, padded_size
from federated.query.plan import SNAPSHOT
from federated.query.union import Branch
from federated.query.values import Column, Linear, cast, number

BRACKET: Final = "bracket"
"""What the SQL of everybody calls the rows that an organisation's own SELECT gives."""

_KEY: Final = "#key"
"""What the key is called beside the columns of the bracket; nobody can type it."""
_ROW: Final = "#row"
"""What the number of a row is called."""
_NUMBERS: Final = 1 << 64


class UnionPart(Frozen):
    """What one organisation computes on its own snapshot."""

    org: OrgId
    dataset: Name
    key_column: Name = Field(description="whose distinct values are a cell's subjects")
    key_kind: KeyKind
    size: int = Field(description="subjects, padding included")
    sql: str = Field(
        description="for DuckDB: its rows of the bracket, and their keys, of the table `snapshot`"
    )
    sql_of_rows: str = Field(
        description="the same, with a number for each row by what tells it from others"
    )
    uses: dict[Name, tuple[Use, ...]] = Field(description="what is done with each column")

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the key."""
        return (self.key_column,)

    @property
    def beside(self) -> None:
        """A sum joins nothing, so its key is of one column."""

    @property
    def datasets(self) -> str:
        """Whose rows these are, in words."""
        return f"{self.org}.{self.dataset}"

    @property
    def joined(self) -> None:
        """Nor are several datasets of one owner joined."""


def part_of(branch: Branch, kind: KeyKind, drafted: Part, needed: Set[str]) -> UnionPart:
    """The organisation's part; `drafted` says what everybody adds up, of the names in `needed`."""
    entry = branch.entry
    return UnionPart(
        org=entry.org,
        dataset=entry.name,
        key_column=branch.key,
        key_kind=kind,
        size=padded_size(entry, (branch.key,)),
        sql=in_duckdb(_given(branch, needed)),
        sql_of_rows=in_duckdb(_given(branch, needed).select(named(_row(branch), _ROW))),
        uses=_uses(branch, drafted),
    )


# ── SQL ─────────────────────────────────────────────────────────────────────────────────────────


def _given(branch: Branch, needed: Set[str]) -> exp.Select:
    """The rows that an organisation's SELECT gives, of which only some columns are needed."""
    key = exp.column(branch.key, table=branch.alias, quoted=True)
    items = [named(branch.items[name], name) for name in branch.items if name in needed]
    table = exp.Table(this=exp.to_identifier(SNAPSHOT), alias=alias(branch.alias))
    select = exp.select(named(key, _KEY), *items).from_(table)
    conditions = [condition.sql for condition in branch.conditions]
    return select.where(*conditions) if conditions else select


def _row(branch: Branch) -> exp.Expr:
    """The number of a row: by a key of which it is the only row, or else by all its columns."""
    entry = branch.entry
    single = [(branch.key,), *(one.columns for one in entry.keys or ())]
    told = [key for key in single if branch.key in key and _is_one_row(entry.key_of(key))]
    names = told[0] if told else tuple(column.name for column in entry.columns)
    columns = [exp.column(name, table=branch.alias, quoted=True) for name in names]
    return exp.Anonymous(this="hash", expressions=columns)


def _is_one_row(key: CatalogueColumn | CatalogueKey | None) -> bool:
    return key is not None and key.rows_per_key == 1


def brought_sql(part: Part) -> str:
    """Of every subject with some labels, and branches that rows take, the rows of these.

    They are one number: the rows' own, added up modulo 2^64.
    """
    apart = [*_label_names(part), *(_column(f"p{place}") for place in range(len(part.picks)))]
    total = exp.Mod(this=exp.Sum(this=_column(_ROW)), expression=number(_NUMBERS))
    made = [named(_column(_KEY), "key"), named(cast(total, "UBIGINT"), "part"), *apart]
    rows = _rows(part, [_column(_ROW), *_labels(part), *_taken(part)])
    select = exp.select(*made).from_(rows)
    return in_duckdb(select.group_by(_column(_KEY), *(one.copy() for one in apart)))


def read_of_bracket(part: Part) -> set[str]:
    """The names of the bracket that everybody's SQL reads."""
    return names_in([*_labels_and_values(part), *part.picks, *part.conditions])


def _labels_and_values(part: Part) -> list[exp.Expr]:
    values = [named(sql, f"v{place}") for place, (_, sql) in enumerate(part.values)]
    return _labels(part) + values


def _labels(part: Part) -> list[exp.Expr]:
    return [named(_label(group), f"g{place}") for place, group in enumerate(part.groups)]


def _label_names(part: Part) -> list[exp.Column]:
    return [_column(f"g{place}") for place in range(len(part.groups))]


def totals_sql(part: Part) -> str:
    """Rows by labels: subjects, rows, and of every value its total and between what it lies."""
    columns, labels = _labels_and_values(part), _label_names(part)
    subjects = exp.Count(this=exp.Distinct(expressions=[_column(_KEY)]))
    made = [*labels, named(subjects, "subjects"), named(exp.Count(this=exp.Star()), "rows")]
    for place in range(len(part.values)):
        of = _column(f"v{place}")
        made.append(named(exp.Sum(this=of), f"v{place}"))
        made.append(named(exp.Min(this=of.copy()), f"least{place}"))
        made.append(named(exp.Max(this=of.copy()), f"most{place}"))
    select = exp.select(*made).from_(_rows(part, columns))
    return in_duckdb(select.group_by(*(label.copy() for label in labels)) if labels else select)


def picked_sql(part: Part) -> str | None:
    """Of every subject the branches that its rows take; None if no CASE is added up."""
    if not part.picks:
        return None
    every = [
        named(exp.Anonymous(this="BIT_OR", expressions=[_column(f"p{place}")]), f"p{place}")
        for place in range(len(part.picks))
    ]
    return in_duckdb(exp.select(*every).from_(_rows(part, _taken(part))).group_by(_column(_KEY)))


def _taken(part: Part) -> list[exp.Expr]:
    """Of each CASE that is added up the branch that a row takes."""
    return [named(cast(sql, "BIGINT"), f"p{place}") for place, sql in enumerate(part.picks)]


def _rows(part: Part, columns: Sequence[exp.Expr]) -> exp.Subquery:
    """The rows of the bracket that count, with these columns."""
    table = exp.Table(this=exp.to_identifier(BRACKET), alias=alias(part.source.alias))
    rows = exp.select(_column(_KEY), *columns).from_(table)
    if part.conditions:
        rows = rows.where(*part.conditions)
    return exp.Subquery(this=rows, alias=alias("r"))


def _label(column: Column) -> exp.Expr:
    """A label as the plan's dimension writes it."""
    if not column.type.is_number:
        return column.label()
    integer = Linear(((column, Fraction(1)),), scale=column.scale).sql(column.scale)
    return cast(integer, "VARCHAR")


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


# ── the uses of its columns ─────────────────────────────────────────────────────────────────────


def _uses(branch: Branch, drafted: Part) -> dict[str, tuple[Use, ...]]:
    """What is done with each column of the dataset, of which columns of the bracket are made."""
    found: dict[str, set[Use]] = {}

    def note(origins: Iterable[str], *uses: Use) -> None:
        for origin in origins:
            found.setdefault(origin, set()).update(uses)

    for condition in branch.conditions:
        for column in condition.columns:
            note(column.seen, Use.FILTER)
    for name, uses in drafted.uses.items():
        for use in uses:
            note(branch.fields[name].origins, use)
            chosen = (use,) if use in WHOLE else (Use.FILTER, Use.GROUP)
            note(branch.fields[name].chosen, *chosen)
    return {name: tuple(sorted(done)) for name, done in sorted(found.items())}
