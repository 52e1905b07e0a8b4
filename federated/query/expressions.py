"""What one owner computes of its own columns: CASE, COALESCE, parts of dates and of texts.

Implements  federated/SPEC.md §3.1, §3.3: of one source; all values of one type; bounds and scale of
            a number follow from its branches
Learns      nobody. A key is never a part: what stands in one is a part of an identifier.
Not for     hiding: a CASE that is added up may choose few. Its owner counts, on its own list, how
            many keys take each branch (node/local.py); a group is counted by the coordinator.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from sqlglot import exp

from contract.dataset import ColumnType
from contract.errors import MiheError
from federated.query.conditions import PLAIN, Conditions
from federated.query.owner_sql import in_duckdb
from federated.query.text import Text
from federated.query.values import (
    Column,
    Linear,
    Range,
    all_texts,
    largest_scale,
    number,
    type_at,
    whole,
)

MOST_BRANCHES = 62
"""A branch is a bit of an integer."""
DIFFERENT = (
    "the values that stand here are of different types",
    "Give all of them one type: all numbers, all texts, all dates, or all TRUE or FALSE.",
)
_MOST_COMPARED = 8
_LONGEST_FORMULA = 8_192
_LONGEST_PART = 64
_YEARS = Range(1, 9999)
_DATE_PARTS: dict[type[exp.Expr], Range] = {
    exp.Year: _YEARS,
    exp.Quarter: Range(1, 4),
    exp.Month: Range(1, 12),
}
_EXTRACTED = {kind.__name__.upper(): kind for kind in _DATE_PARTS}
_ENDS: dict[type[exp.Expr], str] = {exp.Left: "LEFT", exp.Right: "RIGHT"}


@dataclass(frozen=True, slots=True)
class _Choice:
    """Values of one type, of which one comes out."""

    type: ColumnType
    scale: int
    range: Range | None
    domain: tuple[str, ...] | None
    """The only texts there may be, if that is known."""
    sql: list[exp.Expr]
    """NULL stays NULL; numbers are integers at the scale."""
    nullable: list[bool]


@dataclass(frozen=True, slots=True, repr=False)
class Expressions(Conditions):
    """Reads what may stand where a value of one owner is expected."""

    def expression(self, node: exp.Expr) -> Column:
        """The value that `node` names or computes; a key only where it is named as it is."""
        inner = node.unnest()
        if isinstance(inner, exp.Column):
            return self.column(inner)
        computed = self.computed(inner)
        return self._calculated(inner) if computed is None else computed

    def counted(self, node: exp.Expr) -> Column:
        """What COUNT counts where it is not NULL."""
        inner = node.unnest()
        return self.value(inner) if isinstance(inner, exp.Column) else self.expression(inner)

    def computed(self, node: exp.Expr) -> Column | None:
        """What a CASE or a function gives; None if `node` is neither."""
        if id(node) in self.known:
            return self.known[id(node)][1]
        column = self._computed(node)
        if column is not None:
            if len(column.formula) > _LONGEST_FORMULA:
                raise self.text.refuse(
                    node,
                    "with everything written out, what is computed here is too long",
                    "Prepare it as a column of a sub-query, or of the dataset.",
                )
            self.known[id(node)] = (node, column)
        return column

    def _computed(self, node: exp.Expr) -> Column | None:
        match node:
            case exp.Case():
                return self._case(node)
            case exp.Coalesce():
                return self._first_known(node)
            case exp.Nullif():
                return self._null_if(node)
            case exp.Abs():
                return self._absolute(node)
            case exp.Least() | exp.Greatest():
                return self._extreme(node)
            case exp.Extract():
                return self._date_part(self._extracted(node), node.expression)
            case exp.Year() | exp.Quarter() | exp.Month():
                return self._date_part(node, node.this)
            case exp.Substring() | exp.Left() | exp.Right():
                return self._text_part(node)
        return None

    def _calculated(self, node: exp.Expr) -> Column:
        """A number of one owner: +, − and × by a constant."""
        linear = self.linear(node)
        if not linear.terms:
            raise _constant(self.text, node)
        self.prove(node, linear, linear.scale)
        choice = self._numbers_of(node, [linear])
        return self._made(node, "number", choice, choice.sql[0], linear.columns)

    # ── one of several values ───────────────────────────────────────────────────────────────────

    def _case(self, node: exp.Case) -> Column:
        branches: list[exp.If] = node.args["ifs"]
        if len(branches) >= MOST_BRANCHES:
            raise self.text.refuse(
                node,
                f"a CASE has at most {MOST_BRANCHES - 1} WHEN",
                "Prepare a column that says which of them applies in the dataset.",
            )
        seen: set[Column] = set()
        conditions = self._whens(node, branches, seen)
        shown: set[Column] = set()
        results = [branch.args["true"] for branch in branches]
        otherwise = node.args.get("default")
        choice = self._choice(node, [*results, otherwise or exp.Null()], shown)
        sql = _cases(conditions, choice.sql)
        taken = (_taken(conditions),)
        return self._made(node, "case", choice, sql, shown, chosen_by=seen, picks=taken)

    def _whens(
        self, node: exp.Case, branches: Sequence[exp.If], seen: set[Column]
    ) -> list[exp.Expr]:
        if node.this is None:
            return [self.truth(branch.this, seen) for branch in branches]
        self.refuse_repeated(node, node.this, len(branches))
        return [self.compare(node, exp.EQ, node.this, branch.this, seen) for branch in branches]

    def _first_known(self, node: exp.Coalesce) -> Column:
        shown: set[Column] = set()
        choice = self._choice(node, [node.this, *node.expressions], shown)
        sql = exp.Coalesce(this=choice.sql[0], expressions=choice.sql[1:])
        nullable = all(choice.nullable)
        return self._made(node, "coalesce", choice, sql, shown, nullable=nullable)

    def _extreme(self, node: exp.Expr) -> Column:
        shown: set[Column] = set()
        values = [node.this, *node.expressions]
        choice = self._choice(node, values, shown)
        if choice.type in PLAIN or len(values) > _MOST_COMPARED:
            raise self.text.refuse(
                node,
                f"LEAST and GREATEST compare at most {_MOST_COMPARED} numbers",
                "Use CASE WHEN to compare others.",
            )
        # As in DuckDB, NULL is left out.
        sql = type(node)(this=choice.sql[0], expressions=choice.sql[1:], ignore_nulls=True)
        which = [exp.EQ(this=sql.copy(), expression=one.copy()) for one in choice.sql]
        taken = _taken(which)
        nullable = all(choice.nullable)
        return self._made(node, node.key, choice, sql, shown, nullable=nullable, picks=(taken,))

    def _null_if(self, node: exp.Nullif) -> Column:
        seen: set[Column] = set()
        shown: set[Column] = set()
        same = self.compare(node, exp.EQ, node.this, node.expression, seen)
        choice = self._choice(node, [node.this, exp.Null()], shown)
        sql = _cases([same], [exp.Null(), choice.sql[0]])
        taken = (_taken([same]),)
        return self._made(node, "nullif", choice, sql, shown, chosen_by=seen, picks=taken)

    def _absolute(self, node: exp.Abs) -> Column:
        shown: set[Column] = set()
        choice = self._choice(node, [node.this], shown)
        if choice.range is None:
            raise self.text.refuse(node, "ABS is of a number", "Name a column of numbers.")
        least = max(choice.range.least, -choice.range.most, 0)
        positive = replace(choice, range=Range(least, choice.range.magnitude))
        taken = _taken([exp.LT(this=exp.Paren(this=choice.sql[0]), expression=number(0))])
        sql = exp.Abs(this=choice.sql[0].copy())
        return self._made(node, "abs", positive, sql, shown, picks=(taken,))

    def _choice(self, node: exp.Expr, values: Sequence[exp.Expr], shown: set[Column]) -> _Choice:
        """`values` as SQL of one type; the columns in them are added to `shown`."""
        type_ = self._plain_type([value for value in values if not _is_null(value)])
        values = [self.constant(value, type_ or ColumnType.DECIMAL) for value in values]
        if type_ is None:
            linears = [None if _is_null(one) else self.linear(one) for one in values]
            for linear in linears:
                shown.update(linear.columns if linear is not None else ())
            return self._numbers_of(node, linears)
        sql, nullable, domains = [], [], []
        for value in values:
            found: set[Column] = set()
            one = exp.Null() if _is_null(value) else self.plain(value, type_, found)
            if one is None:
                raise self.text.refuse(value, *DIFFERENT)
            shown |= found
            sql.append(one)
            nullable.append(_is_null(value) or any(column.nullable for column in found))
            domains.append(_texts(value, found) if type_ is ColumnType.TEXT else None)
        return _Choice(type_, 0, None, all_texts(domains), sql, nullable)

    def _plain_type(self, values: Sequence[exp.Expr]) -> ColumnType | None:
        """The type of values that one doesn't calculate with; None for numbers."""
        found = next(self.plain_operands(*values), None)
        if found is not None:
            return found.type
        inner = [value.unnest() for value in values]
        known = [value for value in inner if not isinstance(value, exp.Placeholder)]
        match next(iter(known or inner), None):
            case exp.Placeholder() as parameter:
                declared = self.parameters.declared(self.text, parameter)
                return declared if declared in PLAIN else None
            case exp.Literal() as literal if literal.is_string:
                return ColumnType.TEXT
            case exp.Boolean():
                return ColumnType.BOOLEAN
            case exp.Cast() as day if day.to.is_type("DATE"):
                return ColumnType.DATE
        return None

    def _numbers_of(self, node: exp.Expr, linears: Sequence[Linear | None]) -> _Choice:
        """Numbers, of which None is NULL, as integers at their largest scale."""
        known = [linear for linear in linears if linear is not None]
        if not known:
            raise self.text.refuse(node, "all values here are NULL", "Write one that is not.")
        scale = largest_scale(known)
        for linear in known:
            for column in linear.columns:
                self.refuse_month(node, column)
            self.prove(node, linear, scale)
        ranges = [linear.range(scale) for linear in known]
        return _Choice(
            type_at(scale),
            scale,
            Range(min(one.least for one in ranges), max(one.most for one in ranges)),
            None,
            [exp.Null() if linear is None else linear.sql(scale) for linear in linears],
            [linear is None or linear.nullable for linear in linears],
        )

    # ── parts of dates and of texts ─────────────────────────────────────────────────────────────

    def _extracted(self, node: exp.Extract) -> exp.Expr:
        """The function that EXTRACT is another way to write."""
        kind = _EXTRACTED.get(node.name.upper())
        if kind is None:
            raise self.text.refuse(
                node, "there is no such part of a date", "Take YEAR, QUARTER or MONTH."
            )
        return kind()

    def _date_part(self, part: exp.Expr, of: exp.Expr) -> Column:
        column = self.operand(of)
        if column is None or column.type not in (ColumnType.DATE, ColumnType.PERIOD):
            raise self.text.refuse(
                of, "a date or a month is expected here", "Name a column of dates or of months."
            )
        whole = column.type is ColumnType.DATE
        sql = type(part)(this=column.sql()) if whole else _month_part(part, column.sql())
        range_ = _DATE_PARTS[type(part)]
        choice = _Choice(ColumnType.INTEGER, 0, range_, None, [sql], [column.nullable])
        return self._made(of, part.key, choice, sql, [column])

    def _text_part(self, node: exp.Expr) -> Column:
        column = self.operand(node.this)
        if column is None or column.type is not ColumnType.TEXT:
            raise self.text.refuse(
                node.this, "a text is expected here", "Name a text column that is no key."
            )
        if isinstance(node, exp.Substring):
            called, given = "SUBSTRING", [node.args.get("start"), node.args.get("length")]
        else:
            called, given = _ENDS[type(node)], [node.expression]
        places = [self._place(node, one) for one in given if one is not None]
        sql = exp.Anonymous(this=called, expressions=[column.sql(), *map(number, places)])
        domain = _parts_of(column.domain, called, places)
        choice = _Choice(ColumnType.TEXT, 0, None, domain, [sql], [column.nullable])
        return self._made(node, called.lower(), choice, sql, [column])

    def _place(self, node: exp.Expr, written: exp.Expr) -> int:
        place = whole(written)
        if place is None or not 1 <= place <= _LONGEST_PART:
            raise self.text.refuse(
                node,
                f"a part of a text begins, and is long, at whole numbers from 1 to {_LONGEST_PART}",
                "Write SUBSTRING(column, 1, 2) or LEFT(column, 2).",
            )
        return place

    # ── what comes out ──────────────────────────────────────────────────────────────────────────

    def _made(
        self,
        node: exp.Expr,
        name: str,
        choice: _Choice,
        sql: exp.Expr,
        shown: Iterable[Column],
        *,
        chosen_by: Iterable[Column] = (),
        picks: tuple[exp.Expr, ...] = (),
        nullable: bool | None = None,
    ) -> Column:
        """The column that `sql` is, made of those that are `shown` and `chosen_by`."""
        shown, chosen_by = _in_order(shown), _in_order(chosen_by)
        columns = [*shown, *chosen_by]
        if not columns:
            raise _constant(self.text, node)
        self.of_one_owner(
            node,
            columns,
            "one value is computed of the columns of ",
            "Each owner computes with its own columns: write one CASE or function for each, or"
            " prepare a column.",
        )
        return Column(
            source=columns[0].source,
            name=name,
            type=choice.type,
            scale=choice.scale,
            nullable=any(choice.nullable) if nullable is None else nullable,
            range=choice.range,
            domain=choice.domain,
            scaled=True,
            origins=_joined(column.origins for column in shown),
            chosen=_joined(
                [
                    *(column.chosen for column in columns),
                    *(column.origins for column in chosen_by),
                ]
            ),
            formula=in_duckdb(sql),
            computed=sql,
            picks=(*picks, *(pick for column in shown for pick in column.picks)),
        )


def _is_null(value: exp.Expr) -> bool:
    return isinstance(value.unnest(), exp.Null)


def _texts(value: exp.Expr, found: set[Column]) -> tuple[str, ...] | None:
    """The only texts that a column or a constant may be, if that is known."""
    if _is_null(value):
        return ()
    for column in found:
        return column.domain
    return (value.unnest().name,)


def _parts_of(
    domain: tuple[str, ...] | None, called: str, places: Sequence[int]
) -> tuple[str, ...] | None:
    """The same part of every text."""
    match called, places:
        case _ if domain is None:
            return None
        case "LEFT", [length]:
            found = (text[:length] for text in domain)
        case "RIGHT", [length]:
            found = (text[-length:] for text in domain)
        case _, [start]:
            found = (text[start - 1 :] for text in domain)
        case _, [start, length]:
            found = (text[start - 1 : start - 1 + length] for text in domain)
    return tuple(dict.fromkeys(found))


def _in_order(columns: Iterable[Column]) -> list[Column]:
    return sorted(set(columns), key=lambda one: one.written)


def _joined(names: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*names)


def _cases(conditions: Sequence[exp.Expr], values: Sequence[exp.Expr]) -> exp.Expr:
    """CASE, with one value more than there are conditions."""
    pairs = zip(conditions, values[:-1], strict=True)
    start = exp.Case(default=values[-1])
    return reduce(lambda case, pair: case.when(pair[0].copy(), pair[1]), pairs, start)


def _taken(conditions: Sequence[exp.Expr]) -> exp.Expr:
    """The bit of the branch that is taken."""
    return _cases(conditions, [number(1 << i) for i in range(len(conditions) + 1)])


def _month_part(part: exp.Expr, month: exp.Expr) -> exp.Expr:
    """Of a month written 202601: its year, its quarter, or its place in the year."""
    year = exp.IntDiv(this=month, expression=number(100))
    place = exp.Mod(this=month.copy(), expression=number(100))
    match part:
        case exp.Year():
            return year
        case exp.Quarter():
            third = exp.Add(this=place, expression=number(2))
            return exp.IntDiv(this=exp.Paren(this=third), expression=number(3))
    return place


def _constant(text: Text, node: exp.Expr) -> MiheError:
    return text.refuse(
        node, "a constant is computed here", "Name a column, or compute it in the result."
    )
