"""An owner's part of a plan while it is put together: its columns, their uses, its SQL.

Implements  federated/SPEC.md §3.2: one SELECT of checked parts, and the uses a policy must list
Learns      nobody
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from contract.errors import BadMessage
from contract.job import KeyPart
from contract.policy import Use
from federated.query.join_key import columns_of
from federated.query.plan import SNAPSHOT, GroupColumn, LocalPart, ValueColumn
from federated.query.statement import Source
from federated.query.values import Column, cast, number

_WHOLE = (Use.JOIN, Use.FILTER, Use.GROUP)
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
    needed: set[str] = field(default_factory=set)
    uses: dict[str, set[Use]] = field(default_factory=dict)

    def filter(self, sql: exp.Expr, columns: Iterable[Column]) -> None:
        self.conditions.append(sql)
        self.use(columns, Use.FILTER)

    def group(self, column: Column) -> None:
        self.groups.append(column)
        self.use([column], Use.GROUP)

    def use(self, columns: Iterable[Column], use: Use) -> None:
        for column in columns:
            self.needed |= column.needed
            self._note(column.origins, use)
            if use in _WHOLE:
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
        self.use(self.source.key, Use.JOIN)
        joined = columns_of(self.source.key)
        self.conditions += [exp.not_(one.is_null()) for one in others if one.nullable]
        if inner := self.source.inner:
            for condition in inner.conditions:
                for column in condition.columns:
                    self._note(column.origins, Use.FILTER)
            for column in inner.groups:
                if column.key is None and not column.origins <= set(joined):
                    self._note(column.origins, Use.GROUP)
        return LocalPart(
            org=self.source.entry.org,
            dataset=self.source.entry.name,
            key_column=joined[0],
            key_kind=first.key,
            beside=tuple(map(_key_part, others)) or None,
            size=self.size,
            sql=self._select().sql(dialect="duckdb", identify=True),
            groups=tuple(
                GroupColumn(
                    name=group.name,
                    type=group.type,
                    decimals=group.scale,
                    nullable=group.nullable,
                )
                for group in self.groups
            ),
            values=tuple(value for value, _ in self.values),
            picks=len(self.picks),
            uses={name: tuple(sorted(done)) for name, done in sorted(self.uses.items())},
        )

    def added_up(self) -> str:
        """SQL that gives, of each group, how many keys it has and the sum of each value."""
        self.use(self.source.key, Use.JOIN)
        rows = self._select()
        rows.set("order", None)
        groups = [exp.column(f"g{i}", quoted=True) for i in range(len(self.groups))]
        sums: list[exp.Expr] = [exp.alias_(exp.Count(this=exp.Star()), "n", quoted=True)]
        for i in range(len(self.values)):
            total = exp.Sum(this=exp.column(f"v{i}", quoted=True))
            sums.append(exp.alias_(exp.Coalesce(this=total, expressions=[number(0)]), f"v{i}"))
        select = exp.select(*groups, *sums).from_(rows.subquery("own"))
        if groups:
            select = select.group_by(*(one.copy() for one in groups))
        written: str = select.sql(dialect="duckdb", identify=True)
        return written

    def _select(self) -> exp.Select:
        columns = [_named(key_sql(self.source.key), "key")]
        columns += [_named(group.label(), f"g{i}") for i, group in enumerate(self.groups)]
        columns += [_named(sql, f"v{i}") for i, (_, sql) in enumerate(self.values)]
        columns += [_named(cast(sql, "BIGINT"), f"p{i}") for i, sql in enumerate(self.picks)]
        select = exp.select(*columns).from_(self._relation()).order_by(number(1))
        return select.where(*self.conditions) if self.conditions else select

    def _relation(self) -> exp.Expr:
        inner, alias = self.source.inner, _alias(self.source.alias)
        if inner is None:
            return exp.Table(this=exp.to_identifier(SNAPSHOT), alias=alias)
        items = [_named(sql, name) for name, sql in inner.items.items() if name in self.needed]
        dataset = exp.Table(this=exp.to_identifier(SNAPSHOT), alias=_alias(inner.alias))
        select = exp.select(*items).from_(dataset)
        if inner.conditions:
            select = select.where(*(condition.sql for condition in inner.conditions))
        if inner.groups:
            select = select.group_by(*(group.sql() for group in inner.groups))
        return exp.Subquery(this=select, alias=alias)


def size_of(source: Source) -> int:
    """How many keys an owner sends, padding included."""
    declared = source.entry.key_of(columns_of(source.key))
    if declared is None or declared.size is None:
        raise BadMessage(
            "a catalogue entry does not say how many keys there are",
            fix="Have its owner import the dataset again.",
            party=source.entry.org,
            phase="plan",
        )
    return declared.size


def key_sql(key: Sequence[Column]) -> exp.Expr:
    """The canonical form of a key (contract/keys.py), as a text whose bytes are in UTF-8."""
    tagged = [_concat(_text(f"{one.part_kind}:"), one.sql()) for one in key]
    if len(tagged) == 1:
        return tagged[0]
    netstrings = [
        piece
        for part in tagged
        for piece in (_function("strlen", part.copy()), _text(":"), part, _text(","))
    ]
    return _concat(_text("tuple:"), *netstrings)


def _concat(*pieces: exp.Expr) -> exp.Expr:
    # Of no piece that may be NULL: concat would pass it over.
    return _function("concat", *pieces)


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _key_part(column: Column) -> KeyPart:
    (origin,) = column.origins
    assert column.part_kind is not None
    return KeyPart(column=origin, kind=column.part_kind)


def _named(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name, quoted=True)


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))
