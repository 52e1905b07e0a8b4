"""The plan of a sum over UNION ALL: the cells, what each organisation adds up in them, the result.

Implements  federated/SPEC.md §5.5: a pure function of contract data, so that every node compiles it
            itself and compares digests. Figures are drafted as those of a join over one owner
Exactness   a value of one row is below 2^63 (a square, or counts of bands, is cut into several of
            them), an organisation has fewer than 2^40 rows (its node checks both), and there are at
            most 100 of them: every total is below 2^110, and 2^128 never wraps
Learns      nobody. A plan holds names, public values, and those literals that are no keys.
"""

from collections.abc import Sequence
from math import prod
from typing import Annotated, Final, Literal

from pydantic import Field

from contract.canonical import Compiled, OrgId
from contract.errors import BadQuery
from contract.policy import Use
from contract.statements import MOST_CELLS
from federated.paillier.parameters import MOST_CIPHERTEXTS, SLOTS, ciphertexts_of
from federated.query.part import Part
from federated.query.plan import GroupColumn, Summand, Term, ValueColumn
from federated.query.planning import OWN_BITS, Draft
from federated.query.source import Relation, Source
from federated.query.table import Table, table_of
from federated.query.union import Group, Union, most_rows
from federated.query.union_part import (
    UnionPart,
    brought_sql,
    part_of,
    picked_sql,
    read_of_bracket,
    totals_sql,
)
from federated.query.values import decimal_text
from federated.union.parameters import Attempt

TOTAL_BITS: Final = OWN_BITS
"""What a total stays below, in bits: of what DuckDB's integers hold, and 2^128."""


class Dimension(GroupColumn):
    """A column that the result is grouped by, and every value that there can be."""

    values: tuple[str, ...] = Field(
        description="as texts, numbers as integers at their decimals; with `nullable`, NULL comes"
        " after them"
    )

    @property
    def size(self) -> int:
        """How many values there can be."""
        return len(self.values) + self.nullable

    def shown(self, place: int) -> str | None:
        """A value as a label of the result."""
        if place == len(self.values):
            return None
        value = self.values[place]
        return decimal_text(int(value), self.decimals) if self.type.is_number else value


class UnionPlan(Compiled):
    """A sum over UNION ALL, ready to run; the same at every node."""

    planner: Literal[3] = 3
    sql: str
    receivers: tuple[OrgId, ...]
    k: int = Field(ge=1, description="fewest subjects in a cell, the receiver's not counted")
    encrypted: bool = Field(description="whether masked sums travel under Paillier's encryption")
    dimensions: tuple[Dimension, ...]
    cells: Annotated[int, Field(ge=1, le=MOST_CELLS)]
    values: tuple[ValueColumn, ...] = Field(
        description="what is added up in every cell, beside its rows"
    )
    summands: tuple[Summand, ...] = Field(description="the totals of these values, in order")
    sql_of_totals: str = Field(
        description="for DuckDB, of the table `bracket`: g0, …, subjects, rows, and of each value"
        " v0, … its total, its smallest and its largest"
    )
    sql_of_picks: str | None = Field(
        default=None,
        description="for DuckDB: of each subject p0, …: the branches of a CASE that its rows take,"
        " a bit for each; absent if none is added up",
    )
    picks: int
    sql_of_brought: str = Field(
        description="for DuckDB, of the table `bracket` with numbers of rows: of each subject with"
        " the labels g0, … and the branches p0, … its `key`, and its rows as one number, `part`"
    )
    parts: tuple[UnionPart, ...]
    table: Table

    def attempt(self, run: bytes, number: int, members: tuple[str, ...]) -> Attempt:
        """The parameters of one attempt."""
        (receiver,) = self.receivers
        cells, totals = self.cells, self.totals
        return Attempt(run, number, members, receiver, cells, totals, self.encrypted)

    def part(self, org: str) -> UnionPart:
        """What `org` computes."""
        return next(part for part in self.parts if part.org == org)

    def labels(self, cell: int) -> tuple[str | None, ...]:
        """What a cell is of: the last dimension counts fastest, NULL comes last."""
        labels: list[str | None] = []
        for dimension in reversed(self.dimensions):
            cell, place = divmod(cell, dimension.size)
            labels.append(dimension.shown(place))
        return tuple(labels[::-1])

    @property
    def totals(self) -> int:
        """How many totals every cell has: rows, then values."""
        return 1 + len(self.values)

    @property
    def rows(self) -> int:
        """There are never so many rows in all."""
        return most_rows(len(self.parts))

    @property
    def fewest(self) -> int:
        """Rows that a row of the result is made of, at least: a receiver may be alone in one."""
        return 1

    @property
    def groups(self) -> tuple[tuple[GroupColumn, ...], ...]:
        """The dimensions, as those of one owner."""
        return (self.dimensions,)

    def labeller(self, owner: int) -> str | None:
        """Whose labels they are: the plan's own."""
        return None

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
    part, draft = _drafted(union)
    wanted, groups = union.answer.figures, [group.column for group in union.groups]
    figures = [draft.figure(one, wanted, groups) for one in wanted]
    bounds = [draft.bounds(figure) for figure in figures]
    values = tuple(value for value, _ in part.values)
    # A value is one word: none of those above is cut, and of a square each piece is a value.
    assert all(value.limbs == 1 for value in values)
    terms = [summand.terms for summand in draft.summands]
    assert terms == [(Term(owner=0, column=place),) for place in range(len(values))]
    dimensions, needed = tuple(map(_dimension, union.groups)), read_of_bracket(part)
    cells = prod(dimension.size for dimension in dimensions)
    if encrypted:
        _require_few(cells * (1 + len(values)), union.cells_at)
    return UnionPlan(
        sql=union.sql,
        receivers=tuple(receivers),
        k=k,
        encrypted=encrypted,
        dimensions=dimensions,
        cells=cells,
        values=values,
        summands=tuple(draft.summands),
        sql_of_totals=totals_sql(part),
        sql_of_picks=picked_sql(part),
        picks=len(part.picks),
        sql_of_brought=brought_sql(part),
        parts=tuple(part_of(branch, union.kind, part, needed) for branch in union.branches),
        table=table_of(union.answer, figures, bounds, None),
    )


def _require_few(sums: int, at: str) -> None:
    """BadQuery for more sums than can be encrypted while a round lasts."""
    most = MOST_CIPHERTEXTS * SLOTS
    if sums > most:
        raise BadQuery(
            f"{at}: {sums} sums, over all cells, take {ciphertexts_of(sums)} encryptions by"
            f" Paillier at each organisation; at most {MOST_CIPHERTEXTS} are made, of {most} sums",
            fix="Group by fewer columns, add up less, or leave --aggregation out.",
            phase="plan",
            rule="federated/SPEC.md §5.8",
        )


def uses_of_union(plan: UnionPlan, org: str) -> dict[str, frozenset[Use]]:
    """What a sum does with each column of an organisation: what its policy must list."""
    return {name: frozenset(done) for name, done in plan.part(org).uses.items()}


def _drafted(union: Union) -> tuple[Part, Draft]:
    """What everybody adds up of what the bracket gives, as over one owner's rows."""
    bracket = Relation(union.alias, union.branches[0].entry, columns={}, inner=None, key=())
    part = Part(Source((bracket,)), size=0)
    draft = Draft({union.alias: 0}, [part], union.most_rows, TOTAL_BITS)
    for condition in union.conditions:
        part.filter(condition.sql, condition.columns)
    for group in union.groups:
        part.group(group.column)
    for column, use in union.answer.uses:
        part.use([column], use)
    return part, draft


def _dimension(group: Group) -> Dimension:
    column = group.column
    return Dimension(
        name=column.name,
        type=column.type,
        decimals=column.scale,
        nullable=column.nullable,
        values=group.values,
    )
