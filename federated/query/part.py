"""An owner's part of a plan while it is put together: its columns, their uses, its SQL.

Implements  federated/SPEC.md §3.2: one SELECT of checked parts, and the uses a policy must list
Learns      nobody
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlglot import exp

from contract.dataset import CatalogueEntry
from contract.errors import BadMessage
from contract.job import KeyPart
from contract.keys import PartKind
from contract.policy import Use
from federated.query.canonical_key import canonical_key
from federated.query.join_key import columns_of
from federated.query.owner_sql import alias, in_duckdb, named, names_in
from federated.query.plan import GroupColumn, LocalDataset, LocalPart, ValueColumn, snapshot_name
from federated.query.source import Relation, Source, within
from federated.query.subquery import Inner
from federated.query.values import Column, cast, number

WHOLE = (Use.JOIN, Use.FILTER, Use.GROUP)
"""What is done with rows as a whole: the coordinator counts what is left, or each group."""


@dataclass(slots=True)
class Part:
    """An owner's part of a plan; everything that is said of it is said before `finish`."""

    source: Source
    size: int
    conditions: list[exp.Expr] = field(default_factory=list)
    groups: list[Column] = field(default_factory=list)
    values: list[tuple[ValueColumn, exp.Expr]] = field(default_factory=list)
    picks: list[exp.Expr] = field(default_factory=list)
    uses: dict[str, set[Use]] = field(default_factory=dict)

    def filter(self, sql: exp.Expr, columns: Iterable[Column]) -> None:
        self.conditions.append(sql)
        self.use(columns, Use.FILTER)

    def group(self, column: Column) -> None:
        self.groups.append(column)
        self.use([column], Use.GROUP)

    def use(self, columns: Iterable[Column], use: Use) -> None:
        for column in columns:
            self._note(column.origins, use)
            if use in WHOLE:
                self._note(column.chosen, use)
                continue
            # A CASE that is added up leaves rows out of one sum and into another, side by side.
            self._note(column.chosen, Use.FILTER)
            self._note(column.chosen, Use.GROUP)
            self.picks += [pick for pick in column.picks if pick not in self.picks]

    def _note(self, origins: Iterable[str], use: Use) -> None:
        for origin in origins:
            self.uses.setdefault(origin, set()).add(use)

    def add(self, value: ValueColumn, sql: exp.Expr) -> int:
        """The number of the first column that is sent for a value."""
        first = sum(before.limbs for before, _ in self.values)
        self.values.append((value, sql))
        return first

    def finish(self) -> LocalPart:
        first, *others = self.source.key
        assert first.key is not None
        self.use(self.source.common_key, Use.JOIN)
        joined = columns_of(self.source.key)
        self.conditions += [exp.not_(one.is_null()) for one in others if one.nullable]
        self._note_inside()
        return LocalPart(
            org=self.source.org,
            dataset=self.source.first.entry.name,
            key_column=joined[0],
            key_kind=first.key,
            beside=tuple(map(_key_part, others)) or None,
            size=self.size,
            sql=in_duckdb(self._select()),
            groups=tuple(
                GroupColumn(
                    name=group.called,
                    type=group.type,
                    decimals=group.scale,
                    nullable=group.nullable,
                )
                for group in self.groups
            ),
            values=tuple(value for value, _ in self.values),
            picks=len(self.picks),
            uses=self._uses_of(""),
            joined=tuple(map(self._joined, self.source.relations[1:])) or None,
        )

    def added_up(self) -> str:
        """SQL that gives, of each group, how many keys it has and the sum of each value."""
        rows = self._select()
        groups = [exp.column(f"g{i}", quoted=True) for i in range(len(self.groups))]
        sums: list[exp.Expr] = [named(exp.Count(this=exp.Star()), "n")]
        for i in range(len(self.values)):
            total = exp.Sum(this=exp.column(f"v{i}", quoted=True))
            sums.append(named(exp.Coalesce(this=total, expressions=[number(0)]), f"v{i}"))
        select = exp.select(*groups, *sums).from_(rows.subquery("own"))
        if groups:
            select = select.group_by(*(one.copy() for one in groups))
        return in_duckdb(select)

    def _note_inside(self) -> None:
        """Note what is done inside of the datasets' own sub-queries."""
        for place, one in enumerate(self.source.relations):
            key, prefix = columns_of(one.key), one.entry.name if place else ""
            for column in one.inner.read if one.inner else ():
                self._note(_qualified(prefix, column.seen), Use.FILTER)
            for column in one.inner.groups if one.inner else ():
                if column.key is None and not column.origins <= set(key):
                    self._note(_qualified(prefix, column.origins), Use.GROUP)
        for column in self.source.added_up.read if self.source.added_up else ():
            self._note(column.seen, Use.FILTER)

    def _joined(self, relation: Relation) -> LocalDataset:
        name = relation.entry.name
        return LocalDataset(dataset=name, key=columns_of(relation.key), uses=self._uses_of(name))

    def _uses_of(self, dataset: str) -> dict[str, tuple[Use, ...]]:
        """What is done with the columns of the first dataset, or of one that is joined with it."""
        found = {
            origin.rpartition(".")[2]: tuple(sorted(done))
            for origin, done in self.uses.items()
            if origin.rpartition(".")[0] == dataset
        }
        return dict(sorted(found.items()))

    def _select(self) -> exp.Select:
        columns = [named(key_sql(self.source.key), "key")]
        columns += [named(group.label(), f"g{i}") for i, group in enumerate(self.groups)]
        columns += [named(sql, f"v{i}") for i, (_, sql) in enumerate(self.values)]
        columns += [named(cast(sql, "BIGINT"), f"p{i}") for i, sql in enumerate(self.picks)]
        names = names_in([*columns, *self.conditions])
        select = exp.select(*columns).from_(self._relation(names))
        return select.where(*self.conditions) if self.conditions else select

    def _relation(self, needed: Set[str]) -> exp.Expr:
        """What the rows are taken of; it offers the names in `needed`."""
        added_up = self.source.added_up
        if added_up is None:
            return self._together(needed)
        # Joined by key first, then added up by key.
        items = {name: sql for name, sql in added_up.items.items() if name in needed}
        select = _grouped(added_up, items).from_(self._together(_read(added_up, items)))
        return exp.Subquery(this=select, alias=alias(self.source.alias))

    def _together(self, needed: Set[str]) -> exp.Expr:
        """The dataset, or all those of the owner, joined by their keys."""
        first, *others = self.source.relations
        if not others:
            return _rows_of(first, 0, needed)
        keys = {column.name for column in first.key}
        own = {name for name in needed if "." not in name}
        shown = [named(exp.column(one, table=first.alias, quoted=True), one) for one in sorted(own)]
        select = exp.Select().from_(_rows_of(first, 0, own | keys))
        for place, one in enumerate(others, start=1):
            prefix = within(one.alias, "")
            names = sorted(name.removeprefix(prefix) for name in needed if name.startswith(prefix))
            shown += [
                named(exp.column(name, table=one.alias, quoted=True), within(one.alias, name))
                for name in names
            ]
            pairs = zip(first.key, one.key, strict=True)
            by_key = exp.and_(*(exp.EQ(this=a.sql(), expression=b.sql()) for a, b in pairs))
            wanted = {*names, *(column.name for column in one.key)}
            select = select.join(_rows_of(one, place, wanted), on=by_key)
        return exp.Subquery(this=select.select(*shown), alias=alias(self.source.alias))


def _rows_of(relation: Relation, place: int, needed: Set[str]) -> exp.Expr:
    """A dataset, or its owner's sub-query over it, which offers the names in `needed`."""
    inner, snapshot = relation.inner, exp.to_identifier(snapshot_name(place))
    if inner is None:
        return exp.Table(this=snapshot, alias=alias(relation.alias))
    items = {name: sql for name, sql in inner.items.items() if name in needed}
    dataset = exp.Table(this=snapshot, alias=alias(inner.alias))
    return exp.Subquery(this=_grouped(inner, items).from_(dataset), alias=alias(relation.alias))


def _grouped(inner: Inner, items: Mapping[str, exp.Expr]) -> exp.Select:
    select = exp.select(*(named(sql, name) for name, sql in items.items()))
    if inner.conditions:
        select = select.where(*(condition.sql for condition in inner.conditions))
    if inner.groups:
        select = select.group_by(*(group.sql() for group in inner.groups))
    return select


def _read(inner: Inner, items: Mapping[str, exp.Expr]) -> set[str]:
    """The names of what a sub-query reads."""
    conditions = [condition.sql for condition in inner.conditions]
    return names_in([*items.values(), *conditions, *(group.sql() for group in inner.groups)])


def _qualified(dataset: str, names: Iterable[str]) -> list[str]:
    return [within(dataset, name) if dataset else name for name in names]


def size_of(source: Source) -> int:
    """How many keys an owner sends, padding included."""
    return min(padded_size(one.entry, columns_of(one.key)) for one in source.relations)


def padded_size(entry: CatalogueEntry, key: Sequence[str]) -> int:
    """How many keys of these columns a dataset has, as everybody is told."""
    declared = entry.key_of(key)
    if declared is None or declared.size is None:
        raise BadMessage(
            "a catalogue entry does not say how many keys there are",
            fix="Have its owner import the dataset again.",
            party=entry.org,
            phase="plan",
        )
    return declared.size


def key_sql(key: Sequence[Column]) -> exp.Expr:
    """A key's columns as one text."""
    return canonical_key([(_kind_of(one), one.sql()) for one in key])


def _kind_of(column: Column) -> PartKind:
    assert column.part_kind is not None
    return column.part_kind


def _key_part(column: Column) -> KeyPart:
    (origin,) = column.origins
    return KeyPart(column=origin, kind=_kind_of(column))
