"""What stands after FROM: of each owner one source, of one dataset or of several that it joins.

Implements  federated/SPEC.md §3.1, §3.10: several datasets of one owner are an inner join on its
            side, by the key that joins the owners, too; its rows are then the owner's rows
Learns      nobody: a pure function of text and schemas
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from contract.dataset import CatalogueEntry
from federated.query.subquery import Inner
from federated.query.values import Column


@dataclass(frozen=True, slots=True)
class Relation:
    """One dataset of an owner, or its sub-query over one."""

    alias: str
    entry: CatalogueEntry
    columns: Mapping[str, Column]
    inner: Inner | None
    key: tuple[Column, ...]
    """The columns that join it, in one order for all, one that holds keys first."""


@dataclass(frozen=True, slots=True)
class Source:
    """One owner's part of what stands after FROM, called as the first of its datasets is."""

    relations: tuple[Relation, ...]
    added_up: Inner | None = None
    """How its rows are added up by key, if a key may have several."""

    @property
    def first(self) -> Relation:
        """That which stands first."""
        return self.relations[0]

    @property
    def alias(self) -> str:
        """What it is called."""
        return self.first.alias

    @property
    def org(self) -> str:
        """Whose it is."""
        return self.first.entry.org

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns that join it, as the first of its datasets has them."""
        return self.first.key

    @property
    def common_key(self) -> tuple[Column, ...]:
        """The same columns, each made of that of every dataset: in their join they are equal."""
        keys = [
            [_moved(column, one, self.alias) if place else column for column in one.key]
            for place, one in enumerate(self.relations)
        ]
        return tuple(
            replace(own, origins=frozenset().union(*(column.origins for column in same)))
            for own, same in zip(self.key, zip(*keys, strict=True), strict=True)
        )

    @property
    def offered(self) -> Iterator[Relation]:
        """What it is made of, with columns as the join of all offers them: of the first one's name.

        A column of another one has its alias in front of its name, and its dataset's name in front
        of those of the columns that it is made of: nobody can type either.
        """
        common = {column.name: column for column in self.common_key}
        for place, one in enumerate(self.relations):
            columns = {
                name: _moved(column, one, self.alias) if place else column
                for name, column in one.columns.items()
            }
            yield replace(one, columns=columns | common)


def by_owner(relations: Sequence[Relation]) -> tuple[Source, ...]:
    """The sources of a statement, in the order in which their owners are named."""
    owners = dict.fromkeys(one.entry.org for one in relations)
    return tuple(
        Source(tuple(one for one in relations if one.entry.org == owner)) for owner in owners
    )


def within(alias: str, name: str) -> str:
    """What a join calls a column of what is not the first in it."""
    return f"{alias}.{name}"


def _moved(column: Column, of: Relation, to: str) -> Column:
    return replace(
        column,
        source=to,
        name=within(of.alias, column.name),
        origins=_of_dataset(of, column.origins),
        chosen=_of_dataset(of, column.chosen),
        picks=tuple(
            exp.column(within(of.alias, pick.name), table=to, quoted=True) for pick in column.picks
        ),
    )


def _of_dataset(of: Relation, names: frozenset[str]) -> frozenset[str]:
    return frozenset(within(of.entry.name, name) for name in names)
