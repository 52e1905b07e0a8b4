"""Many rows per key at one owner: added up on its side, so that a join still takes one line a key.

Implements  federated/SPEC.md §3.1: multiplicities as SQL has them. The join has a row for each row
            of that owner: COUNT(*) counts these, sums and means run over them
Learns      nobody: how many rows a key has is sent like every number, encrypted
Not for     what would need products across owners: a value of another owner counts once for each of
            these rows, which neither owner can compute alone
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError
from federated.query.join_key import columns_of
from federated.query.subquery import summed
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
    items: dict[str, exp.Expr] = field(default_factory=dict)
    """What its sub-query selects, beside the key."""

    @property
    def names(self) -> frozenset[str]:
        """The names of its key, which all rows of a key have in common."""
        return frozenset(column.name for column in self.key)

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
            f"Add them up first: {summed(key, self.dataset)} AS {self.source}; or leave one row per"
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
            parts=frozenset(hidden),
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
