"""The plan of a sum over UNION ALL: the cells, what each organisation adds up in them, the result.

Implements  federated/SPEC.md §5.5: a pure function of contract data, so that every node compiles it
            itself and compares digests
Exactness   a value of one row is below 2^63, an organisation has fewer than 2^40 rows (its node
            checks both), and there are at most 100 of them: every total is below 2^110, and 2^128
            never wraps
Learns      nobody. A plan holds names, public values, and those literals that are no keys.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field
from sqlglot import exp

from contract.canonical import Compiled, Frozen, Name, OrgId
from contract.dataset import CatalogueColumn, ColumnType
from contract.errors import BadQuery, KeyKindMismatch, MiheError
from contract.keys import KeyKind
from contract.policy import Use
from contract.statements import MOST_CELLS
from federated.paillier.parameters import MOST_CIPHERTEXTS, SLOTS, ciphertexts_of
from federated.query.plan import SNAPSHOT
from federated.query.union import Asked, Branch, Union
from federated.query.values import SENT_BITS, Linear, number
from federated.union.parameters import Attempt

ROWS_BITS: Final = 40
"""An organisation has fewer than 2^40 rows."""

_TOTAL_BITS: Final = 127


class Dimension(Frozen):
    """A column that the result is grouped by, and every value that there can be."""

    name: Name
    type: ColumnType
    values: tuple[str, ...] = Field(description="as texts; with `nullable`, NULL comes after them")
    nullable: bool

    @property
    def size(self) -> int:
        """How many values there can be."""
        return len(self.values) + self.nullable


class Added(Frozen):
    """What is added up in every cell: rows, rows with a value, or values."""

    kind: Literal["rows", "present", "sum"]
    field: int | None = Field(default=None, description="column of the bracket; absent for rows")
    scale: int = 0
    least: int = Field(default=0, description="of one row, at every organisation")
    most: int = Field(default=1)


class UnionPart(Frozen):
    """What one organisation computes on its own snapshot."""

    org: OrgId
    dataset: Name
    key_column: Name = Field(description="whose distinct values are a cell's subjects")
    key_kind: KeyKind
    size: int = Field(description="subjects, padding included")
    sql: str = Field(
        description="for DuckDB: g0, g1, …, subjects, rows, a0, a1, …, and of each a that is a sum"
        " its smallest and largest value, of the table `snapshot`"
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
    def joined(self) -> None:
        """Nor are several datasets of one owner joined."""


class UnionOutput(Frozen):
    """A column of the result."""

    kind: Literal["dimension", "count", "sum", "avg"]
    name: Name
    dimension: int | None = None
    added: int | None = Field(default=None, description="what is shown or divided")
    present: int | None = Field(default=None, description="its divisor, or what says it is NULL")


class UnionPlan(Compiled):
    """A sum over UNION ALL, ready to run; the same at every node."""

    planner: Literal[1] = 1
    sql: str
    receivers: tuple[OrgId, ...]
    k: int = Field(ge=1, description="fewest subjects in a cell, the receiver's not counted")
    encrypted: bool = Field(description="whether masked sums travel under Paillier's encryption")
    dimensions: tuple[Dimension, ...]
    cells: Annotated[int, Field(ge=1, le=MOST_CELLS)]
    added: tuple[Added, ...]
    parts: tuple[UnionPart, ...]
    outputs: tuple[UnionOutput, ...]

    def attempt(self, run: bytes, number: int, members: tuple[str, ...]) -> Attempt:
        """The parameters of one attempt."""
        (receiver,) = self.receivers
        cells, columns = self.cells, len(self.added)
        return Attempt(run, number, members, receiver, cells, columns, self.encrypted)

    def part(self, org: str) -> UnionPart:
        """What `org` computes."""
        return next(part for part in self.parts if part.org == org)

    @property
    def most_rows(self) -> int:
        """There are never so many rows in all."""
        return len(self.parts) << ROWS_BITS

    @property
    def most_subjects(self) -> int:
        """There are never more subjects, however often one is counted."""
        return sum(part.size for part in self.parts)


def compile_union(
    union: Union, *, receivers: Sequence[str], k: int, encrypted: bool = False
) -> UnionPlan:
    """The plan of a statement: who may learn the result, and from how many subjects on.

    `encrypted`: whether sums are encrypted beside being masked.
    """
    dimensions = tuple(_dimension(union, group) for group in union.groups)
    cells = 1
    for dimension in dimensions:
        cells *= dimension.size
    if cells > MOST_CELLS:
        raise BadQuery(
            f"the dimensions have {cells} combinations of values; at most {MOST_CELLS} can be"
            " added up",
            fix="Group by fewer columns, or by coarser ones.",
            phase="plan",
            rule="federated/SPEC.md §5.5",
        )
    draft = _Draft(union)
    outputs = tuple(draft.output(item) for item in union.items)
    added = tuple(draft.added)
    for one in added:
        assert max(abs(one.least), abs(one.most)) < 1 << SENT_BITS
    assert ROWS_BITS + SENT_BITS + (len(union.branches) - 1).bit_length() < _TOTAL_BITS
    if encrypted:
        _require_few(cells * len(added))
    kind = _key_kind(union.branches)
    return UnionPlan(
        sql=union.sql,
        receivers=tuple(receivers),
        k=k,
        encrypted=encrypted,
        dimensions=dimensions,
        cells=cells,
        added=added,
        parts=tuple(_part(union, branch, added, kind) for branch in union.branches),
        outputs=outputs,
    )


def _require_few(sums: int) -> None:
    """BadQuery for more sums than can be encrypted while a round lasts."""
    most = MOST_CIPHERTEXTS * SLOTS
    if sums > most:
        raise BadQuery(
            f"{sums} sums, over all cells, take {ciphertexts_of(sums)} encryptions by Paillier at"
            f" each organisation; at most {MOST_CIPHERTEXTS} are made, of {most} sums",
            fix="Group by fewer columns, add up less, or leave --aggregation out.",
            phase="plan",
            rule="federated/SPEC.md §5.8",
        )


def uses_of_union(plan: UnionPlan, org: str) -> dict[str, frozenset[Use]]:
    """What a sum does with each column of an organisation: what its policy must list."""
    return {name: frozenset(done) for name, done in plan.part(org).uses.items()}


# ── dimensions ──────────────────────────────────────────────────────────────────────────────────


def _dimension(union: Union, group: int) -> Dimension:
    values: dict[str, None] = {}
    types: set[ColumnType] = set()
    for branch in union.branches:
        declared = branch.declared[group]
        public = None if declared is None else declared.public_values
        if declared is None or public is None:
            raise _undeclared(branch, union.names[group], declared)
        types.add(declared.type)
        values |= dict.fromkeys(public)
    if len(types) > 1:
        raise BadQuery(
            f"'{union.names[group]}' is of different types in different SELECTs",
            fix="Select columns of one type: "
            + ", ".join(sorted(kind.value for kind in types))
            + " do not mix.",
            phase="plan",
            rule="federated/SPEC.md §5.5",
        )
    (kind,) = types
    ordered = sorted(values, key=int) if kind is ColumnType.INTEGER else list(values)
    nullable = any(branch.fields[group].nullable for branch in union.branches)
    return Dimension(name=union.names[group], type=kind, values=tuple(ordered), nullable=nullable)


def _undeclared(branch: Branch, name: str, declared: CatalogueColumn | None) -> MiheError:
    owned = f"{branch.org}.{branch.dataset}"
    if declared is None:
        what = f"'{name}' of {owned} is computed, and its values are not known to everybody"
        fix = "Group by a column of the dataset whose values are declared."
    else:
        what = f"the values of '{declared.name}' of {owned} are not known to everybody"
        fix = (
            f"Have {branch.org} declare them in the description of the dataset:"
            f' domain = ["…"] for a text, a minimum and a maximum that are close for an integer;'
            " true or false need nothing."
        )
    return BadQuery(
        f"{what}: every organisation adds up every group there can be, those that it has not"
        " included, so that nobody sees who has which",
        fix=fix,
        phase="plan",
        rule="federated/SPEC.md §5.5",
    )


def _key_kind(branches: Sequence[Branch]) -> KeyKind:
    common = set.intersection(*({key.key for key in branch.keys} for branch in branches))
    for key in branches[0].keys:
        if key.key in common and key.key is not None:
            return key.key
    raise KeyKindMismatch(
        "the datasets have no kind of key in common, so their subjects are of different kinds",
        fix="Add up datasets about subjects of one kind: `mihe catalog` shows their keys.",
        phase="plan",
    )


# ── what is added up ────────────────────────────────────────────────────────────────────────────


class _Draft:
    """What is added up, each thing once, however often it is shown."""

    def __init__(self, union: Union) -> None:
        self.union = union
        self.added: list[Added] = []

    def output(self, item: Asked) -> UnionOutput:
        match item.kind, item.field:
            case "dimension", int(field):
                place = self.union.groups.index(field)
                return UnionOutput(kind="dimension", name=item.name, dimension=place)
            case "count", None:
                return UnionOutput(kind="count", name=item.name, added=self._rows())
            case "count", int(field):
                return UnionOutput(kind="count", name=item.name, added=self._present(field))
            case ("sum" | "avg") as kind, int(field):
                nullable = any(branch.fields[field].nullable for branch in self.union.branches)
                divides = kind == "avg" or nullable
                return UnionOutput(
                    kind=kind,
                    name=item.name,
                    added=self._add(self._sum(field)),
                    present=self._present(field) if divides else None,
                )
        raise AssertionError("a dimension, a sum or a mean is of a column")

    def _rows(self) -> int:
        return self._add(Added(kind="rows"))

    def _present(self, field: int) -> int:
        if any(branch.fields[field].nullable for branch in self.union.branches):
            return self._add(Added(kind="present", field=field))
        return self._rows()

    def _sum(self, field: int) -> Added:
        numbers = [_number(branch, field) for branch in self.union.branches]
        scale = max(one.scale for one in numbers)
        ranges = [one.range(scale) for one in numbers]
        most = max(one.magnitude for one in ranges)
        if most >= 1 << SENT_BITS:
            raise BadQuery(
                f"'{self.union.names[field]}' may reach {most} at the {scale} decimals that the"
                " finest SELECT has, and a value is below 2^63",
                fix="Use fewer decimals, or have an organisation declare tighter bounds.",
                phase="plan",
                rule="federated/SPEC.md §5.5",
            )
        return Added(
            kind="sum",
            field=field,
            scale=scale,
            least=min(one.least for one in ranges),
            most=max(one.most for one in ranges),
        )

    def _add(self, one: Added) -> int:
        if one not in self.added:
            self.added.append(one)
        return self.added.index(one)


def _number(branch: Branch, field: int) -> Linear:
    found = branch.fields[field].number
    assert found is not None, "what is added up was read as a number"
    return found


# ── what an organisation runs ───────────────────────────────────────────────────────────────────


def _part(union: Union, branch: Branch, added: Sequence[Added], kind: KeyKind) -> UnionPart:
    key = next(one for one in branch.keys if one.key is kind)
    if key.size is None:
        raise BadQuery(
            f"the catalogue has no size for {branch.org}.{branch.dataset}.{key.name}",
            fix=f"Ask {branch.org} to add the dataset again.",
            phase="plan",
        )
    return UnionPart(
        org=branch.org,
        dataset=branch.dataset,
        key_column=key.name,
        key_kind=kind,
        size=key.size,
        sql=_select(union, branch, added, key.name).sql(dialect="duckdb", identify=True),
        uses=_uses(union, branch),
    )


def _select(union: Union, branch: Branch, added: Sequence[Added], key: str) -> exp.Select:
    """Rows by labels, each number of them added up: built from checked parts, never from text."""
    inner = [_named(exp.column(key, table=branch.alias, quoted=True), "key")]
    for place, group in enumerate(union.groups):
        column = branch.fields[group].column
        assert column is not None, "a dimension is a column"
        inner.append(_named(column.label(), f"g{place}"))
    for place, one in enumerate(added):
        if one.field is not None:
            inner.append(_named(_value(branch, one), f"v{place}"))
    table = exp.Table(this=exp.to_identifier(SNAPSHOT), alias=_alias(branch.alias))
    rows = exp.select(*inner).from_(table)
    if branch.conditions:
        rows = rows.where(*(condition.sql for condition in branch.conditions))
    labels = [_column(f"g{place}") for place in range(len(union.groups))]
    subjects = exp.Count(this=exp.Distinct(expressions=[_column("key")]))
    outer = [*labels, _named(subjects, "subjects"), _named(exp.Count(this=exp.Star()), "rows")]
    outer += [_named(_total(place, one), f"a{place}") for place, one in enumerate(added)]
    for place, one in enumerate(added):
        if one.kind == "sum":
            outer.append(_named(exp.Min(this=_column(f"v{place}")), f"l{place}"))
            outer.append(_named(exp.Max(this=_column(f"v{place}")), f"m{place}"))
    select = exp.select(*outer).from_(exp.Subquery(this=rows, alias=_alias("r")))
    return select.group_by(*(label.copy() for label in labels)) if labels else select


def _value(branch: Branch, one: Added) -> exp.Expr:
    assert one.field is not None
    field = branch.fields[one.field]
    if one.kind == "sum":
        return _number(branch, one.field).sql(one.scale)
    absent = exp.Is(this=field.sql.copy(), expression=exp.Null())
    return exp.Case().when(absent, exp.Null()).else_(number(1))


def _total(place: int, one: Added) -> exp.Expr:
    match one.kind:
        case "rows":
            return exp.Count(this=exp.Star())
        case "present":
            return exp.Count(this=_column(f"v{place}"))
        case "sum":
            summed = exp.Sum(this=_column(f"v{place}"))
            return exp.Coalesce(this=summed, expressions=[number(0)])


def _uses(union: Union, branch: Branch) -> dict[str, tuple[Use, ...]]:
    found: dict[str, set[Use]] = defaultdict(set)

    def note(origins: Iterable[str], use: Use) -> None:
        for origin in origins:
            found[origin].add(use)

    for condition in branch.conditions:
        for column in condition.columns:
            note(column.seen, Use.FILTER)
    for group in union.groups:
        note(branch.fields[group].origins, Use.GROUP)
    kinds = {"count": Use.COUNT, "sum": Use.SUM, "avg": Use.AVG}
    for item in union.items:
        if item.field is not None and item.kind in kinds:
            note(branch.fields[item.field].origins, kinds[item.kind])
    return {name: tuple(sorted(done)) for name, done in sorted(found.items())}


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _named(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name, quoted=True)


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))
