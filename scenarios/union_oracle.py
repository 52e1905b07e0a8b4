"""The clear answer of a sum over UNION ALL: the same SQL over all rows together.

As `sql_oracle` for joins, with which it shares what is made of a cell. What is shown and what is
folded follows the rules of the release (federated/SPEC.md §5.4): k subjects of two or more others
than the receiver, a subject being a key at one organisation; all else is one row.
"""

from collections.abc import Iterator
from fractions import Fraction

from sqlglot import exp

from scenarios.sql_oracle import Answer, Clear, Label, Query, order

_SUBJECT, _ORG = "_subject", "_org"


def answer(clear: Clear, sql: str, *, k: int, receiver: str | None, min_join: int = 1) -> Answer:
    """The answer as it is released to one of the organisations; None: to somebody else."""
    return _Union(clear, clear.understood(sql), receiver).released(k, min_join)


class _Union(Query):
    """One qualified SELECT over the rows of everybody."""

    def __init__(self, clear: Clear, tree: exp.Select, receiver: str | None) -> None:
        super().__init__(clear.connection, tree, clear.bounds)
        for select in self._selects():
            table = select.args["from_"].this
            (key, *_) = clear.keys[f"{table.db}.{table.name}"]
            counted = exp.func("concat", exp.Literal.string(table.db), exp.column(key))
            subject = exp.Null() if table.db == receiver else counted
            org = exp.Null() if table.db == receiver else exp.Literal.string(table.db)
            select.select(exp.alias_(subject, _SUBJECT), exp.alias_(org, _ORG), copy=False)

    def _selects(self) -> Iterator[exp.Select]:
        yield from self.tree.args["from_"].this.find_all(exp.Select)

    def released(self, k: int, min_join: int) -> Answer:
        """Cells by the rules; of equal ones the first in order joins what is folded."""
        cells, shape = self.cells(k)
        subjects = self._subjects()
        if sum(each for each, _ in subjects.values()) < min_join:
            return self.table(shape, cells, [], [], (0, 0))

        def enough(*together: Label) -> bool:
            at = [subjects[labels] for labels in together]
            return sum(each for each, _ in at) >= k and max(orgs for _, orgs in at) >= 2

        shown = [labels for labels in cells if enough(labels)]
        small = [labels for labels in cells if subjects[labels][0] and not enough(labels)]
        if small and (len(small) < 2 or not enough(*small)):
            if not shown:
                return self.table(shape, cells, [], [], (0, 0))
            joining = min(shown, key=lambda one: (subjects[one][0], order(one)))
            shown.remove(joining)
            small.append(joining)
        rest = [labels for labels in cells if labels not in shown] if shown or small else []
        return self.table(shape, cells, shown, rest, (len(small), 0))

    def _entities(self, alias: str) -> exp.Expr:
        return exp.Count(this=exp.Star())

    def _subjects(self) -> dict[Label, tuple[int, int]]:
        """How many subjects each cell has at others than the receiver, and at how many others."""
        counted = [
            exp.Count(this=exp.Distinct(expressions=[exp.column(one)])) for one in (_SUBJECT, _ORG)
        ]
        wanted = [*(one.copy() for one in self.dimensions), *counted]
        rows = self._run(self.tree, wanted).fetchall()
        return {tuple(labels): (each, orgs) for *labels, each, orgs in rows}

    def _declared(self, column: exp.Column) -> tuple[Fraction, Fraction, Fraction]:
        """The bounds of all SELECTs, at the finest unit."""
        found = []
        for select in self._selects():
            (of,) = (one.this for one in select.expressions if one.alias == column.name)
            table = select.args["from_"].this
            if isinstance(of, exp.Column):
                found.append(self.bounds.get(f"{table.db}.{table.name}.{of.name}"))
        known = [one for one in found if one is not None]
        if not known:
            return Fraction(0), Fraction(0), Fraction(1)
        least, most, unit = zip(*known, strict=True)
        return min(least), max(most), min(unit)
