"""An owner's own sub-query: `(SELECT key, SUM(column) AS column FROM org.dataset … GROUP BY key)`.

Implements  federated/SPEC.md §3.1: of one dataset, without joins; what makes many rows per key one
Learns      nobody. It runs at its owner alone; nothing of it leaves but what the query above asks.
Bounds      the sum of up to rows_per_key values lies within rows_per_key times their bounds
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from contract.dataset import CatalogueEntry
from contract.errors import MiheError
from federated.query import language
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.parameters import Parameters
from federated.query.scope import Names
from federated.query.text import Text
from federated.query.values import Column, Range, offered_by, type_at


@dataclass(frozen=True, slots=True)
class Inner:
    """An owner's own sub-query."""

    alias: str  # of the dataset inside it
    items: Mapping[str, exp.Expr]
    conditions: tuple[Condition, ...]
    groups: tuple[Column, ...]

    @property
    def read(self) -> frozenset[Column]:
        """The columns that its conditions are about."""
        return frozenset(column for condition in self.conditions for column in condition.columns)


def summed(key: str, dataset: str) -> str:
    """The sub-query that makes one row per key, for a fix."""
    # Words for a person, of names that were checked; it is never run.
    return f"(SELECT {key}, SUM(column) AS column FROM {dataset} GROUP BY {key})"  # noqa: S608


def read(
    text: Text, tree: exp.Select, entry: CatalogueEntry, outer: str, parameters: Parameters
) -> tuple[dict[str, Column], Inner]:
    """The columns that the sub-query called `outer` offers, and what it does."""
    return _Inside(text, tree, entry, outer, parameters).read()


class _Inside:
    """Reads one sub-query."""

    def __init__(
        self,
        text: Text,
        tree: exp.Select,
        entry: CatalogueEntry,
        outer: str,
        parameters: Parameters,
    ) -> None:
        self.text, self.tree, self.entry, self.outer = text, tree, entry, outer
        (table,) = parts(tree)
        self.alias = settle_alias(text, table)
        names = Names(self.alias, entry.org, entry.name, offered_by(entry, self.alias))
        self.scope = Expressions(text, [names], parameters)

    def read(self) -> tuple[dict[str, Column], Inner]:
        self._refuse_shown_alone()
        conditions = self.scope.conditions(self.tree.args.get("where"))
        self.groups = self._groups()
        columns: dict[str, Column] = {}
        items: dict[str, exp.Expr] = {}
        for node in self.tree.expressions:
            column, sql = self._item(node)
            if column.name in columns:
                raise named_twice(self.text, node, column.name)
            columns[column.name], items[column.name] = self._offered(column, items), sql
        return columns, Inner(self.alias, items, conditions, self.groups)

    def _refuse_shown_alone(self) -> None:
        """Refuse what orders or leaves out rows of a result: a sub-query is none."""
        for clause in ("having", "order", "limit", "offset"):
            if (found := self.tree.args.get(clause)) is not None:
                raise self.text.refuse(
                    found,
                    "HAVING, ORDER BY, LIMIT and OFFSET are for the rows of the result",
                    "Leave rows out of a sub-query by WHERE.",
                )

    def _groups(self) -> tuple[Column, ...]:
        group = self.tree.args.get("group")
        groups = tuple(self.scope.column(column_in(self.text, node)) for node in grouped(group))
        aggregates = any(True for _ in self.tree.find_all(exp.AggFunc))
        if aggregates and not any(column.key for column in groups):
            keys = [one.name for one in self.entry.columns if one.key is not None]
            raise self.text.refuse(
                self.tree,
                "a sub-query adds up without its key",
                f"Select {keys[0] if keys else 'the key'} as well, and end it with GROUP BY"
                f" {keys[0] if keys else 'key'}.",
            )
        return groups

    def _item(self, node: exp.Expr) -> tuple[Column, exp.Expr]:
        value = node.unalias()
        column, sql = self._value(value)
        named = node.alias or (value.name if isinstance(value, exp.Column) else "")
        if not named:
            raise unnamed(self.text, node)
        set_alias(node, named)
        return replace(column, name=named), sql

    def _offered(self, column: Column, items: dict[str, exp.Expr]) -> Column:
        """A column as the query above sees it: what it is computed by stays inside."""
        hidden = [f"#{len(items) + i}" for i in range(len(column.picks))]
        for name, pick in zip(hidden, column.picks, strict=True):
            every = exp.Anonymous(this="BIT_OR", expressions=[pick])
            items[name] = every if self.groups else pick
        return replace(
            column,
            source=self.outer,
            formula="",
            computed=None,
            picks=tuple(exp.column(name, table=self.outer, quoted=True) for name in hidden),
        )

    def _value(self, node: exp.Expr) -> tuple[Column, exp.Expr]:
        match node:
            case exp.Column():
                column = self.scope.column(node)
                if self.groups and column not in self.groups:
                    raise not_grouped(self.text, node, column)
                return column, column.sql()
            case exp.Count():
                return self._count(node)
            case exp.Sum():
                return self._sum(node)
            case exp.Min() | exp.Max():
                column = replace(self.scope.counted(node.this), beside=None)
                return column, type(node)(this=column.sql())
            case exp.Avg():
                raise self.text.refuse(
                    node,
                    "AVG inside a sub-query would be rounded, and be averaged again",
                    "Take SUM, and COUNT(*) for the number of rows; AVG works outside.",
                )
        return self._computed(node)

    def _computed(self, node: exp.Expr) -> tuple[Column, exp.Expr]:
        if self.groups:
            raise self.text.refuse(
                node,
                "what is neither grouped nor aggregated stands in a sub-query with GROUP BY",
                "Write SUM(…), COUNT(*), MIN(column) or MAX(column).",
            )
        column = self.scope.expression(node)
        return column, column.sql()

    def _sum(self, node: exp.Sum) -> tuple[Column, exp.Expr]:
        linear = self.scope.sum_of(node.this)
        rows = self._rows_per_key
        bounds = None if rows is None else linear.range(linear.scale).summed(rows)
        column = self._added(linear.columns, bounds, scale=linear.scale, nullable=linear.nullable)
        return column, exp.Sum(this=linear.sql(linear.scale))

    def _count(self, node: exp.Count) -> tuple[Column, exp.Expr]:
        rows = self._rows_per_key
        bounds = None if rows is None else Range(0, rows)
        if isinstance(node.this, exp.Star):
            return self._added((), bounds), exp.Count(this=exp.Star())
        column = self.scope.counted(node.this)
        return self._added((column,), bounds), exp.Count(this=column.sql())

    def _added(
        self,
        columns: Sequence[Column],
        bounds: Range | None,
        *,
        scale: int = 0,
        nullable: bool = False,
    ) -> Column:
        """A number that is made of these columns of all the rows of a key."""
        return Column(
            source=self.outer,
            name="",
            type=type_at(scale),
            scale=scale,
            nullable=nullable,
            range=bounds,
            lacks=self._lacks,
            scaled=True,
            origins=frozenset().union(*(column.origins for column in columns)),
            chosen=frozenset().union(*(column.chosen for column in columns)),
            picks=tuple(pick for column in columns for pick in column.picks),
        )

    @property
    def _rows_per_key(self) -> int | None:
        """Of the keys that it groups by, of one column or of several, the fewest rows of any."""
        names = {name for column in self.groups for name in column.origins}
        keys: list[tuple[str, ...]] = [
            (one.name,) for one in self.entry.columns if one.key is not None
        ]
        keys += [one.columns for one in self.entry.keys or ()]
        declared = [self.entry.key_of(key) for key in keys if names.issuperset(key)]
        rows = [one.rows_per_key for one in declared if one is not None]
        return min((one for one in rows if one is not None), default=None)

    @property
    def _lacks(self) -> str:
        keys = [column.name for column in self.groups if column.key]
        return f"rows_per_key of key column {', '.join(keys)} of {self.entry.full_name}"


# ── parts of any SELECT ─────────────────────────────────────────────────────────────────────────


def parts(tree: exp.Select) -> list[exp.Expr]:
    """What stands after FROM and after each JOIN."""
    start = tree.args.get("from_")
    joined = [join.this for join in tree.args.get("joins") or []]
    return [*([start.this] if start else []), *joined]


def settle_alias(text: Text, node: exp.Expr) -> str:
    """What a part of FROM is called; its dataset's name, unless it says otherwise."""
    alias = node.alias
    if not alias and isinstance(node, exp.Subquery):
        raise text.refuse(node, "a sub-query has no name", "Write AS and a name after it.")
    alias = alias or node.name
    node.set("alias", exp.TableAlias(this=language.name(alias)))
    return alias


def grouped(group: exp.Group | None) -> list[exp.Expr]:
    return group.expressions if group else []


def column_in(text: Text, node: exp.Expr) -> exp.Column:
    if isinstance(node, exp.Column):
        return node
    raise text.refuse(
        node,
        "a column is expected here",
        "Name the column; what is computed from columns can be prepared in the dataset.",
    )


def set_alias(node: exp.Expr, alias: str) -> None:
    if isinstance(node, exp.Alias):
        node.set("alias", language.name(alias))
    else:
        node.replace(exp.Alias(this=node.copy(), alias=language.name(alias)))


def unnamed(text: Text, node: exp.Expr) -> MiheError:
    return text.refuse(node, "what is computed has no name", "Write AS and a name after it.")


def named_twice(text: Text, node: exp.Expr, name: str) -> MiheError:
    return text.refuse(node, f"two columns are called '{name}'", "Write AS and another name.")


def not_grouped(text: Text, node: exp.Expr, column: Column) -> MiheError:
    if column.formula:
        return text.refuse(
            node,
            "what is computed here is neither grouped by nor added up",
            "Add GROUP BY and the name that follows its AS, or write SUM(…) around it.",
        )
    return text.refuse(
        node,
        f"'{column.called}' is neither grouped by nor added up",
        f"Add GROUP BY {column.alias}.{column.called}, or write"
        f" SUM({column.alias}.{column.called}).",
    )
