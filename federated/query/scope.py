"""What may be named: the columns of the sources that stand after FROM.

Implements  federated/SPEC.md §3.1: every name is looked up in the schemas; a key stands nowhere but
            in USING
Learns      nobody
Side effect a column's name gets its source's alias in the tree, which is how it becomes canonical
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError, UnknownColumn, nearest
from federated.query.language import name
from federated.query.parameters import Parameters
from federated.query.text import Text
from federated.query.values import Column
from federated.query.words import key_in_query


@dataclass(frozen=True, slots=True)
class Names:
    """What one source is called, and what columns it offers."""

    alias: str
    org: str
    dataset: str
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True, repr=False)
class Scope:
    """The sources whose columns may be named somewhere."""

    text: Text
    sources: Sequence[Names]
    parameters: Parameters = field(default_factory=Parameters)
    joined: frozenset[str] = frozenset()
    """What USING names: such a column is the same in every source."""
    known: dict[int, tuple[exp.Expr, Column]] = field(default_factory=dict)
    """What was computed, by the node that says so: nothing is read twice."""

    def column(self, node: exp.Column) -> Column:
        """The column that `node` names."""
        if not isinstance(node.this, exp.Identifier):
            raise self.text.refuse(
                node,
                "* is not in the language: a result is made of dimensions and aggregates",
                "Name the dimensions, and aggregates such as COUNT(*) or SUM(column).",
            )
        wanted = node.name
        among = [source for source in self.sources if _is_called(source, node)]
        if not among:
            aliases = [source.alias for source in self.sources]
            raise self.text.refuse(
                node,
                f"nothing after FROM is called '{node.table}'.{nearest(node.table, aliases)}",
                f"There {'is' if len(aliases) == 1 else 'are'} {', '.join(aliases)}.",
                error=UnknownColumn,
                rule="a column is of something after FROM",
            )
        found = [source for source in among if wanted in source.columns]
        if not found:
            raise self._unknown(node, among)
        if len(found) > 1 and wanted not in self.joined:
            raise self.text.refuse(
                node,
                f"'{wanted}' is a column of {' and of '.join(one.alias for one in found)}",
                f"Write {found[0].alias}.{wanted}.",
            )
        owner = name(found[0].alias)
        owner.meta["start"] = self.text.start(node)  # a later refusal must still find the place
        node.set("table", owner)
        node.set("db", None)
        return found[0].columns[wanted]

    def _unknown(self, node: exp.Column, among: Sequence[Names]) -> MiheError:
        known = [column for source in among for column in source.columns]
        where = among[0].alias if len(among) == 1 else "what stands after FROM"
        return self.text.refuse(
            node,
            f"'{node.name}' is no column of {where}.{nearest(node.name, known)}",
            f"There {'is' if len(known) == 1 else 'are'} {', '.join(known)}."[:600],
            error=UnknownColumn,
            rule="columns are those of the catalogue, or those that a sub-query names",
        )

    def value(self, node: exp.Column) -> Column:
        """The column that `node` names, which may not be a key."""
        column = self.column(node)
        if column.key is not None:
            raise key_in_query(
                self.text, node, f"'{column.name}' is a key: it joins, and stands nowhere else"
            )
        return column

    def computed(self, node: exp.Expr) -> Column | None:
        """What one owner computes of its own columns; None if `node` is no such expression."""
        raise NotImplementedError

    def constant(self, node: exp.Expr, type_: ColumnType, beside: Column | None = None) -> exp.Expr:
        """`node`, or the value of the parameter that it is, as a literal of a type."""
        inner = node.unnest()
        if isinstance(inner, exp.Placeholder):
            return self.parameters.literal(self.text, inner, type_, beside)
        return node

    def of_one_owner(self, node: exp.Expr, columns: Iterable[Column], what: str, fix: str) -> None:
        """Refuse what names the columns of two sources."""
        sources = sorted({column.source for column in columns})
        if len(sources) > 1:
            raise self.text.refuse(node, f"{what}{' and '.join(sources)}", fix)


def _is_called(source: Names, node: exp.Column) -> bool:
    if node.args.get("db"):
        # org.dataset.column, where the dataset has no alias of its own.
        return (node.text("db"), node.table, source.alias) == (
            source.org,
            source.dataset,
            source.dataset,
        )
    return not node.table or node.table == source.alias
