"""Aggregates: what a statement counts and adds up, as figures of a cell.

Implements  federated/SPEC.md §3.1, §3.6, §3.7
Learns      nobody: a figure is added up by the parties, all else is the receiver's arithmetic
Not for     what stands inside an aggregate: an owner computes it, and `expressions` reads it
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sqlglot import exp

from contract.dataset import ColumnType
from contract.policy import Use
from federated.query.expressions import Expressions
from federated.query.figures import Asked, Count, Quantile, Rank, Squares, Sum
from federated.query.formula import Figure, Formula, Operator, call
from federated.query.language import name
from federated.query.multiplicity import ManyRows
from federated.query.text import Text
from federated.query.values import Column, Linear, type_at

_SPREADS: dict[type[exp.Expr], Operator] = {
    exp.Variance: Operator.VAR_SAMP,
    exp.VariancePop: Operator.VAR_POP,
    exp.Stddev: Operator.VAR_SAMP,
    exp.StddevSamp: Operator.VAR_SAMP,
    exp.StddevPop: Operator.VAR_POP,
}


@dataclass(frozen=True, slots=True)
class Read:
    """A piece of the statement: what it is made of, and what it is."""

    formula: Formula
    type: ColumnType


@dataclass(slots=True)
class Aggregates:
    """Reads aggregates; gathers figures, dimensions among them, and the uses of columns."""

    scope: Expressions
    keys: Sequence[tuple[Column, ...]]
    """The key of each source that is joined."""
    many: ManyRows | None
    """The one source whose rows are counted and added up, of which a key may have several."""
    kept: str | None = None
    """The source of which a LEFT JOIN keeps every row."""
    figures: dict[Asked, int] = field(default_factory=dict)
    """With the place of each."""
    uses: list[tuple[Column, Use]] = field(default_factory=list)

    @property
    def text(self) -> Text:
        """The statement."""
        return self.scope.text

    def value(self, node: exp.AggFunc) -> Read:
        """What an aggregate is made of."""
        match node:
            case exp.Count() if isinstance(node.this, exp.Star):
                if self.many:
                    return Read(self._rows(self.many.rows(), Use.COUNT), ColumnType.INTEGER)
                everywhere = self.kept is not None
                return Read(self.figure(Count(everywhere=everywhere)), ColumnType.INTEGER)
            case exp.Count(this=exp.Distinct()):
                return self._entities(node)
            case exp.Count():
                column = self.scope.counted(node.this)
                if self.many:
                    self._inside(node.this, [column], Use.COUNT)
                    rows = self._rows(self.many.count([column]), Use.COUNT)
                    return Read(rows, ColumnType.INTEGER)
                self._use([column], Use.COUNT)
                return Read(self._present([column]), ColumnType.INTEGER)
            case exp.Sum() | exp.Avg():
                return self._sum(node)
            case exp.Min() | exp.Max():
                highest = isinstance(node, exp.Max)
                return self._quantile(
                    node.this, Rank.HIGHEST if highest else Rank.LOWEST, Fraction(highest)
                )
            case exp.Median():
                return self._quantile(node.this, Rank.CONTINUOUS, Fraction(1, 2))
            case exp.PercentileCont():
                share = self._share(node.expression)
                return self._quantile(node.this, Rank.CONTINUOUS, share)
            case exp.PercentileDisc():
                return self._quantile(node.this, Rank.DISCRETE, self._share(node.expression))
            case exp.Quantile():
                return self._quantile(node.this, Rank.DISCRETE, self._share(node.args["quantile"]))
        if operator := _SPREADS.get(type(node)):
            return self._spread(operator, node)
        raise self.text.refuse(
            node,
            "there is no such aggregate",
            "There are COUNT, SUM, AVG, VAR_SAMP, VAR_POP, STDDEV_SAMP, STDDEV_POP, MEDIAN,"
            " QUANTILE_CONT, QUANTILE_DISC, MIN and MAX.",
        )

    def _entities(self, node: exp.Count) -> Read:
        """COUNT(DISTINCT key): how many entities."""
        (named, *others) = node.this.expressions
        if not self.keys:
            raise self.text.refuse(
                named,
                "who is at more than one of these organisations can't be told without a join",
                "COUNT(*) counts rows; COUNT(DISTINCT key) counts the entities of a JOIN.",
            )
        first, *rest = self.keys[0]
        if rest:
            listed = ", ".join(column.name for column in self.keys[0])
            raise self.text.refuse(
                named,
                f"how many different values one of {listed} has can't be told of lists that are"
                " joined by all of them",
                f"COUNT(*) counts the rows of ({listed}); join by {first.name} alone to count its"
                " values.",
            )
        if isinstance(named, exp.Column) and not named.table and named.name == first.name:
            # After USING, one name stands for the key of every source.
            named.set("table", name(first.source))
        keys = [column for key in self.keys for column in key]
        column = self.scope.column(named) if isinstance(named, exp.Column) else None
        if others or column is None or column not in keys:
            raise self.text.refuse(
                named,
                "DISTINCT counts the keys that are joined, and nothing else",
                f"Write COUNT(DISTINCT {first.name}); GROUP BY lists the distinct values of other"
                " columns.",
            )
        return Read(self.figure(Count(everywhere=column.source == self.kept)), ColumnType.INTEGER)

    def _spread(self, operator: Operator, node: exp.AggFunc) -> Read:
        linear = self._of_one_owner(
            node.this, "a variance of several owners' columns would multiply them with each other"
        )
        self._use(linear.columns, Use.VARIANCE)
        count = self._present(linear.columns)
        sums = (self.figure(Sum(linear)), self.figure(Squares(linear)))
        variance = call(operator, count, *sums)
        is_root = isinstance(node, exp.Stddev | exp.StddevSamp | exp.StddevPop)
        return Read(call(Operator.ROOT, variance) if is_root else variance, ColumnType.DECIMAL)

    def _sum(self, node: exp.Sum | exp.Avg) -> Read:
        linear = self.scope.sum_of(node.this)
        self._refuse_shared_null(node.this, linear)
        use = Use.SUM if isinstance(node, exp.Sum) else Use.AVG
        count = None
        if self.many:
            self._inside(node.this, linear.columns, use)
            if use is Use.AVG:
                count = self._rows(self.many.count(linear.columns), use)
            linear = self.many.sum(linear)
            self.scope.prove_sent(node.this, linear)
        total = self.figure(Sum(linear))
        self._use(linear.columns, use)
        if use is Use.SUM:
            return Read(total, type_at(linear.scale))
        count = self._present(linear.columns) if count is None else count
        mean = call(Operator.DIVIDE, total, count)
        return Read(mean, ColumnType.DECIMAL)

    def _quantile(self, of: exp.Expr, rank: Rank, share: Fraction) -> Read:
        linear = self._of_one_owner(of, "each owner knows the bands of its own numbers only")
        self._use(linear.columns, Use.QUANTILE)
        self._present(linear.columns)
        return Read(self.figure(Quantile(linear, rank, share)), ColumnType.DECIMAL)

    def _share(self, written: exp.Expr) -> Fraction:
        node = self.scope.constant(written, ColumnType.DECIMAL)
        if isinstance(node, exp.Literal) and not node.is_string:
            share = self.scope.linear(node).constant
            if 0 <= share <= 1:
                return share
        raise self.text.refuse(
            node, "a quantile is at a number from 0 to 1", "Write QUANTILE_CONT(column, 0.9)."
        )

    def _of_one_owner(self, node: exp.Expr, why: str) -> Linear:
        linear = self.scope.sum_of(node)
        if self.many:
            raise self.many.refuse(node, "and what is asked here takes one from each owner")
        if len(linear.sources) > 1:
            raise self.text.refuse(node, why, "Ask for each owner's own numbers.")
        return linear

    def _rows(self, counted: Linear, use: Use) -> Figure:
        """A number of rows of the one source that has many for a key."""
        self._use(counted.columns, use)
        return self.figure(Sum(counted, rows=True))

    def _inside(self, node: exp.Expr, columns: Sequence[Column], use: Use) -> None:
        """Note the use of what is added up by key; refuse what is another owner's."""
        for column in columns:
            if self.many and column.source != self.many.source:
                raise self.many.refuse(
                    node,
                    f"and what is added up of {column.source} would count once for each of them",
                )
        self._use([replace(column, picks=()) for column in columns], use)

    def _present(self, columns: Sequence[Column]) -> Figure:
        """How many have a value in all of these columns."""
        everywhere = self.kept is not None and all(one.source == self.kept for one in columns)
        nullable = frozenset(one for one in columns if one.nullable)
        return self.figure(Count(nullable, everywhere))

    def figure(self, asked: Asked) -> Figure:
        """One figure, asked for once however often it is used."""
        return Figure(place=self.figures.setdefault(asked, len(self.figures)))

    def _use(self, columns: Sequence[Column], use: Use) -> None:
        self.uses += [(column, use) for column in columns]

    def _refuse_shared_null(self, node: exp.Expr, linear: Linear) -> None:
        # NULL + 1 is NULL: one owner's value would have to vanish where another's is absent.
        if len(linear.sources) > 1 and linear.nullable:
            nullable = next(column for column in linear.columns if column.nullable)
            raise self.text.refuse(
                node,
                f"'{nullable.called}' of {nullable.alias} may be NULL, and is added to another"
                " owner's column",
                "Ask for one SUM for each owner, and add them up: SUM(…) + SUM(…).",
            )
