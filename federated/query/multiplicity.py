"""Many rows per key at one owner: added up on its side, so that a join still takes one line a key.

Implements  federated/SPEC.md §3.1: multiplicities as SQL has them. The join has a row for each row
            of that owner: COUNT(*) counts these, sums and means run over them
Learns      nobody: how many rows a key has is sent like every number, encrypted
Not for     what would need products across owners: a value of another owner counts once for each of
            these rows, which neither owner can compute alone
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.join_key import columns_of
from federated.query.owner_sql import names_in
from federated.query.source import Relation, Source
from federated.query.subquery import Inner, grouped, parts, summed
from federated.query.text import Text
from federated.query.values import Column, Linear, Range, number, type_at


@dataclass(slots=True)
class ManyRows:
    """What one source adds up for each of its keys; filled while a statement is read."""

    text: Text
    source: str
    dataset: str
    key: tuple[Column, ...]
    most: int
    """Rows that one key may have."""
    called: str
    """What of it has them: itself, or a dataset that its owner joins with others."""
    same: frozenset[str]
    """The names of its key, and of columns of what has one row per key: alike in all these rows."""
    items: dict[str, exp.Expr] = field(default_factory=dict)
    """What its sub-query selects, beside the key."""

    def rows(self) -> Linear:
        """How many rows there are."""
        return self._added(exp.Count(this=exp.Star()), self._counted(()))

    def count(self, columns: Sequence[Column]) -> Linear:
        """How many rows have a value in all of some columns."""
        nullable = sorted((one for one in columns if one.nullable), key=lambda one: one.written)
        if not nullable:
            return self.rows()
        known = exp.not_(exp.or_(*(column.is_null() for column in nullable)))
        one = exp.Case().when(known, number(1))
        return self._added(exp.Count(this=one), self._counted(nullable))

    def sum(self, linear: Linear) -> Linear:
        """The sum over the rows."""
        added = replace(
            self._counted(linear.columns),
            type=type_at(linear.scale),
            scale=linear.scale,
            nullable=linear.nullable,
            range=linear.range(linear.scale).summed(self.most),
        )
        return self._added(exp.Sum(this=linear.sql(linear.scale)), added)

    def refuse(self, at: exp.Expr, what: str) -> MiheError:
        """The refusal of what can't be done with many rows, with what works."""
        key = ", ".join(columns_of(self.key))
        return self.text.refuse(
            at,
            f"{self.dataset} has up to {self.most} rows per key, {what}",
            f"Add them up first: {summed(key, self.dataset)} AS {self.called}; or leave one row per"
            " key with WHERE.",
            rule="one row per key, but for one owner whose rows alone are counted and added up",
        )

    def _counted(self, columns: Sequence[Column]) -> Column:
        """A number of rows, made of these columns, whose uses are noted apart."""
        return Column(
            source=self.source,
            name="",
            type=ColumnType.INTEGER,
            scale=0,
            nullable=False,
            range=Range(0, self.most),
            scaled=True,
            picks=tuple(pick for column in columns for pick in column.picks),
        )

    def _added(self, sql: exp.Expr, column: Column) -> Linear:
        hidden = [
            self._named(exp.Anonymous(this="BIT_OR", expressions=[pick])) for pick in column.picks
        ]
        offered = replace(
            column,
            name=self._named(sql),
            picks=tuple(exp.column(one, table=self.source, quoted=True) for one in hidden),
        )
        return Linear(((offered, Fraction(1)),), scale=offered.scale)

    def _named(self, sql: exp.Expr) -> str:
        """The name of what is selected once, however often it is asked for; nobody can type it."""
        for name, known in self.items.items():
            if known == sql:
                return name
        name = f"#{len(self.items)}"
        self.items[name] = sql
        return name


def many_rows(
    scope: Expressions,
    tree: exp.Select,
    sources: Sequence[Source],
    conditions: Sequence[Condition],
) -> ManyRows | None:
    """The source whose rows are counted and added up; None where each has one row per key.

    A condition may leave one row: such a source is taken for one of many rows only where nothing
    else is asked of the statement, and else its owner checks (SEVERAL_ROWS).
    """
    filtered = {condition.source for condition in conditions}
    nodes = {node.alias: node for node in parts(tree)}
    repeated = [found for one in sources if (found := _repeated(scope, one, nodes)) is not None]
    if unfiltered := [one for one in repeated if one[0].source not in filtered]:
        (many, node), *others = unfiltered
        if isinstance(node, exp.Subquery):
            raise many.refuse(node, "and a join takes one from each owner")
        if others:
            last, at = others[-1]
            raise last.refuse(at, "and another owner's rows are multiplied by them")
        if (grouping := _grouped_by(scope, tree, many)) is not None:
            raise many.refuse(grouping, "and a join takes one from each owner to group by")
        return many
    if len(repeated) != 1 or isinstance(repeated[0][1], exp.Subquery):
        return None
    ((only, _),) = repeated
    alone = _grouped_by(scope, tree, only) is None and _adds_up_alone(scope, tree, only)
    return only if alone else None


def _repeated(
    scope: Expressions, source: Source, nodes: Mapping[str, exp.Expr]
) -> tuple[ManyRows, exp.Expr] | None:
    """A source of many rows per key that no sub-query groups or filters, and what makes it one."""
    known = [(one, _rows_of(one)) for one in source.relations]
    several = [(one, rows) for one, rows in known if rows is not None and rows > 1]
    if not several:
        return None
    first, rows = several[0]
    same = _alike(source)
    many = ManyRows(
        scope.text, source.alias, first.entry.full_name, first.key, rows, first.alias, same
    )
    for one, each in known:
        if each is None:
            # A sub-query's condition, say, may leave one row; here they would multiply.
            raise many.refuse(nodes[one.alias], f"and {one.entry.full_name} does not say how many")
    many.most = prod(rows for _, rows in known if rows is not None)
    return many, nodes[first.alias]


def _alike(source: Source) -> frozenset[str]:
    """The names of columns that all rows of a key have in common."""
    single = [one for one in source.offered if _rows_of(one) == 1]
    names = {column.name for one in single for column in one.columns.values()}
    return frozenset(names | {column.name for column in source.key})


def _rows_of(one: Relation) -> int | None:
    """How many rows one key has at most; None where that is for its owner to check."""
    if one.inner and one.inner.groups:
        grouped_by = {name for column in one.inner.groups for name in column.origins}
        return 1 if grouped_by <= set(columns_of(one.key)) else None
    if one.inner and one.inner.conditions:
        return None
    declared = one.entry.key_of(columns_of(one.key))
    return None if declared is None else declared.rows_per_key


def _grouped_by(scope: Expressions, tree: exp.Select, many: ManyRows) -> exp.Expr | None:
    """Where the result is grouped by a column of many rows, if it is."""

    def varies(node: exp.Expr) -> bool:
        column = scope.expression(node)
        return column.source == many.source and not _read(column) <= many.same

    return next(filter(varies, grouped(tree.args.get("group"))), None)


def _adds_up_alone(scope: Expressions, tree: exp.Select, many: ManyRows) -> bool:
    """Whether sums, means and counts are of one source's columns only."""
    clauses = [*tree.expressions, tree.args.get("having"), tree.args.get("order")]
    asked_for = [one for clause in clauses if clause for one in clause.find_all(exp.AggFunc)]
    return all(
        isinstance(one.this, exp.Distinct)
        or (
            isinstance(one, exp.Count | exp.Sum | exp.Avg)
            and all(scope.column(each).source == many.source for each in one.find_all(exp.Column))
        )
        for one in asked_for
    )


def _read(column: Column) -> set[str]:
    """The names that a column is computed of."""
    return names_in([column.sql()])


def added_up(
    source: Source, many: ManyRows, conditions: Sequence[Condition], groups: Sequence[Column]
) -> Source:
    """The source, its rows added up by key, if it is the one of many rows."""
    if source.alias != many.source:
        return source
    own = tuple(one for one in conditions if one.source == source.alias)
    shown = {name for one in groups if one.source == source.alias for name in _read(one)}
    offered = {column.name: column for one in source.offered for column in one.columns.values()}
    # What the result is grouped by is alike in all rows of a key, so that one line is left of them.
    by = {column.name: column for column in source.key}
    by |= {name: offered[name] for name in sorted(shown - by.keys())}
    items = {**{name: column.sql() for name, column in by.items()}, **many.items}
    return replace(source, added_up=Inner(source.alias, items, own, tuple(by.values())))
