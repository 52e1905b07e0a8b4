"""Sums over many organisations' own rows: hostile text in; whose rows, what of them, out.

    SELECT dimensions, COUNT(*), SUM(…) FROM (SELECT … FROM org.dataset UNION ALL …) GROUP BY …

Implements  federated/SPEC.md §5.5: the bracket is cut out by its words and signs; what is left, and
            every SELECT in it, is read by `language` as a statement of its own, in its old place
Learns      nobody: a pure function of text and schemas, the same at every node
Not for     permission. What an owner lets be done with a column is its policy's, at its node.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import sub
from typing import Final, Literal

from sqlglot import Token, exp
from sqlglot import TokenType as Word

from contract.dataset import CatalogueColumn
from contract.errors import MiheError, UnknownColumn, nearest
from contract.job import FEWEST_CONTRIBUTORS, MOST_CONTRIBUTORS, Parameter
from federated.query import language, words
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.parameters import Given, Parameters
from federated.query.scope import Names
from federated.query.statement import Entries, entry_of
from federated.query.subquery import column_in, grouped, named_twice, parts, set_alias, settle_alias
from federated.query.text import Text
from federated.query.values import Column, Linear, column_of

SHAPE: Final = (
    "SELECT dimensions, COUNT(*), SUM(column), AVG(column) FROM (SELECT columns FROM org.dataset"
    " WHERE … UNION ALL SELECT columns FROM other.dataset …) GROUP BY dimensions"
)
ALIAS: Final = "everybody"
"""What the bracket is called if it has no name."""

MOST_TOKENS: Final = 8_000
"""Of all SELECTs together; each of them is bounded as a statement of its own, too."""

_PLACE: Final = "o.d"
_OUTER: Final = frozenset({"expressions", "from_", "group"})
_BRANCH: Final = frozenset({"expressions", "from_", "where"})
_RULE: Final = "the language of sums over UNION ALL"


@dataclass(frozen=True, slots=True)
class Field:
    """A column of one SELECT in the bracket."""

    column: Column | None
    """If it is nothing but a column."""
    number: Linear | None
    sql: exp.Expr
    """What is not NULL where it has a value."""
    nullable: bool
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Branch:
    """One organisation's rows: where they are, which count, and what is taken of them."""

    org: str
    dataset: str
    alias: str
    keys: tuple[CatalogueColumn, ...]
    conditions: tuple[Condition, ...]
    fields: tuple[Field, ...]
    declared: tuple[CatalogueColumn | None, ...]
    """Of each field that is a column, what its owner has declared."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A column of the result: a dimension, a number of rows or of values, a sum, a mean."""

    name: str
    kind: Literal["dimension", "count", "sum", "avg"]
    field: int | None
    """Which column of the bracket; None for COUNT(*)."""


@dataclass(frozen=True, slots=True)
class Union:
    """A statement of the language, understood."""

    sql: str
    """The one way to write it: what a contract carries."""
    branches: tuple[Branch, ...]
    names: tuple[str, ...]
    groups: tuple[int, ...]
    items: tuple[Asked, ...]
    parameters: tuple[Parameter, ...]
    """What the parameters in it are worth, by name."""


def is_union(sql: str) -> bool:
    """Whether a statement is to be read here; raises BadQuery, KeyInQuery for what is no SQL."""
    return any(token.token_type is Word.UNION for token in words.tokens(Text(sql), MOST_TOKENS))


def parse(sql: str, entries: Entries, parameters: Mapping[str, Given] | None = None) -> Union:
    """The statement that `sql` is, over the datasets in `entries`, with values for its parameters.

    Raises BadQuery, KeyInQuery, UnprovenSum, UnknownOrganisation, UnknownDataset, UnknownColumn;
    each says line and column, the reason, and what works.
    """
    text = Text(sql)
    tokens = words.tokens(text, MOST_TOKENS)
    opens, closes, unions = _bracket(text, tokens)
    outer = _Outer(text, _without(text, opens, closes))
    cuts = [opens.end + 1, *(at.end + 1 for _, at in unions)]
    ends = [*(union.start for union, _ in unions), closes.start]
    if not FEWEST_CONTRIBUTORS <= len(cuts) <= MOST_CONTRIBUTORS:
        raise text.refuse(
            opens.start,
            f"a sum is over the rows of {FEWEST_CONTRIBUTORS} to {MOST_CONTRIBUTORS} organisations,"
            f" not of {len(cuts)}",
            "Of two, each would know the other's part: the total less its own."
            if len(cuts) < FEWEST_CONTRIBUTORS
            else "Propose it in parts.",
            rule=_RULE,
        )
    bound = Parameters(parameters or {})
    places = zip(cuts, ends, strict=True)
    read = [_Inside(text, start, end, entries, bound) for start, end in places]
    names = read[0].names
    outer.read(names)
    branches = tuple(one.branch(names, outer.summed) for one in read)
    _check_owners(text, branches, cuts)
    written = outer.written([one.tree for one in read])
    given = bound.settled(text, [written])
    return Union(_canonical(text, written), branches, names, outer.groups, outer.items, given)


# ── the bracket ─────────────────────────────────────────────────────────────────────────────────


def _bracket(text: Text, tokens: Sequence[Token]) -> tuple[Token, Token, list[tuple[Token, Token]]]:
    """The bracket after FROM, and in it every UNION with its ALL."""
    depth, opened = 0, list[int]()
    pairs: dict[int, int] = {}
    unions: list[tuple[int, int]] = []
    for place, token in enumerate(tokens):
        match token.token_type:
            case Word.L_PAREN:
                opened.append(place)
            case Word.R_PAREN if opened:
                pairs[opened.pop()] = place
            case Word.UNION:
                depth = len(opened)
                unions.append((place, opened[0] if depth == 1 else -1))
    first = unions[0][1]
    for place, bracket in unions:
        if bracket < 1 or bracket != first or bracket not in pairs:
            raise _misplaced(text, tokens[place])
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if after is None or after.token_type is not Word.ALL:
            raise text.refuse(
                tokens[place].start,
                "UNION would leave out rows that are alike, and nobody may see which are",
                "Write UNION ALL: every row counts.",
                rule=_RULE,
            )
    if tokens[first - 1].token_type is not Word.FROM:
        raise _misplaced(text, tokens[unions[0][0]])
    found = [(tokens[place], tokens[place + 1]) for place, _ in unions]
    return tokens[first], tokens[pairs[first]], found


def _misplaced(text: Text, token: Token) -> MiheError:
    return text.refuse(
        token.start,
        "UNION ALL stands between the SELECTs of one bracket after FROM, and nowhere else",
        f"Write {SHAPE}.",
        rule=_RULE,
    )


def _blank(sql: str) -> str:
    return sub(r"[^\n]", " ", sql)


def _without(text: Text, opens: Token, closes: Token) -> Text:
    """The statement with a name where the bracket is; everything else stays in its place."""
    hole = text.sql[opens.start : closes.end + 1]
    filled = _PLACE + _blank(hole)[len(_PLACE) :]
    return Text(text.sql[: opens.start] + filled + text.sql[closes.end + 1 :])


def _refuse_more(text: Text, tree: exp.Select, allowed: frozenset[str], where: str) -> None:
    for name, value in tree.args.items():
        if name not in allowed and value not in (None, False, [], ""):
            at = value[0] if isinstance(value, list) else value
            raise text.refuse(
                at if isinstance(at, exp.Expr) else tree,
                f"this does not stand in {where}",
                f"Write {SHAPE}.",
                rule=_RULE,
            )


# ── one SELECT of the bracket ───────────────────────────────────────────────────────────────────


class _Inside:
    """Reads one SELECT of the bracket."""

    def __init__(
        self, text: Text, start: int, end: int, entries: Entries, parameters: Parameters
    ) -> None:
        self.text = Text(_blank(text.sql[:start]) + text.sql[start:end])
        self.tree = language.read(self.text)
        _refuse_more(self.text, self.tree, _BRANCH, "a SELECT that UNION ALL holds together")
        table = self._table()
        self.entry = entry_of(self.text, table, entries)
        self.alias = settle_alias(self.text, table)
        dataset = f"{self.entry.org}.{self.entry.name}"
        offered = {one.name: column_of(one, self.alias, dataset) for one in self.entry.columns}
        names = Names(self.alias, self.entry.org, self.entry.name, offered)
        self.scope = Expressions(self.text, [names], parameters)
        self.names = self._names()

    def _table(self) -> exp.Table:
        nodes = parts(self.tree)
        match nodes:
            case [exp.Table() as table] if isinstance(table.this, exp.Identifier):
                return table
        raise self.text.refuse(
            nodes[-1] if nodes else self.tree,
            "each SELECT of the bracket reads exactly one dataset",
            f"Write {SHAPE}.",
            rule=_RULE,
        )

    def _names(self) -> tuple[str, ...]:
        names: list[str] = []
        for node in list(self.tree.expressions):
            value = node.this if isinstance(node, exp.Alias) else node
            name = node.alias or (value.name if isinstance(value, exp.Column) else "")
            if not name:
                raise self.text.refuse(
                    node, "what is computed here has no name", "Write AS name.", rule=_RULE
                )
            if name in names:
                raise named_twice(self.text, node, name)
            set_alias(node, name)
            names.append(name)
        return tuple(names)

    def branch(self, names: tuple[str, ...], summed: frozenset[int]) -> Branch:
        """The organisation's part, of columns that must be called as in the first SELECT."""
        if self.names != names:
            raise self.text.refuse(
                self.tree.expressions[0],
                f"this SELECT gives {', '.join(self.names)}; the first one gives"
                f" {', '.join(names)}",
                "Give every SELECT the same columns in the same order; AS renames one.",
                rule=_RULE,
            )
        keys = tuple(one for one in self.entry.columns if one.key is not None)
        if not keys:
            raise self.text.refuse(
                self.tree,
                f"{self.entry.org}.{self.entry.name} has no key column, so nobody can tell how many"
                " subjects a group has",
                "Have its owner declare the column that names its subjects as a key.",
                error=UnknownColumn,
                rule="groups have a smallest number of subjects",
            )
        conditions = self.scope.conditions(self.tree.args.get("where"))
        fields = [
            self._field(node.this, summed=place in summed)
            for place, node in enumerate(self.tree.expressions)
        ]
        declared = [
            self.entry.column(one.column.name) if one.column is not None else None for one in fields
        ]
        return Branch(
            self.entry.org,
            self.entry.name,
            self.alias,
            keys,
            conditions,
            tuple(fields),
            tuple(declared),
        )

    def _field(self, node: exp.Expr, *, summed: bool) -> Field:
        if isinstance(node, exp.Column):
            column = self.scope.value(node)
            number = self.scope.sum_of(node) if summed else None
            return Field(column, number, column.sql(), column.nullable, column.origins)
        linear = self.scope.sum_of(node)
        if any(column.picks or column.chosen for column in linear.columns):
            raise self.text.refuse(
                node,
                "CASE and the like choose rows, and nobody counts of how many subjects those are",
                "Leave rows out with WHERE: they don't count then; or group by the column.",
                rule=_RULE,
            )
        origins = frozenset[str]().union(*(column.origins for column in linear.columns))
        return Field(None, linear, linear.sql(linear.scale), linear.nullable, origins)


def _check_owners(text: Text, branches: Sequence[Branch], starts: Sequence[int]) -> None:
    orgs = [branch.org for branch in branches]
    for place, start in enumerate(starts):
        if orgs[place] in orgs[:place]:
            raise text.refuse(
                start,
                f"{orgs[place]} is there twice",
                "Each organisation stands there once: let it prepare one dataset out of both.",
                rule=_RULE,
            )


# ── what stands around it ───────────────────────────────────────────────────────────────────────


class _Outer:
    """Reads what is asked of all the rows together."""

    def __init__(self, text: Text, holed: Text) -> None:
        self.text = text
        self.tree = language.read(holed)
        _refuse_more(text, self.tree, _OUTER, "a sum over UNION ALL")
        (self.table,) = parts(self.tree)
        if not isinstance(self.table, exp.Table):
            raise text.refuse(self.table, "one bracket stands after FROM", f"Write {SHAPE}.")
        self.alias = self.table.alias or ALIAS
        self.names: tuple[str, ...] = ()
        self.groups: tuple[int, ...] = ()
        self.items: tuple[Asked, ...] = ()

    @property
    def summed(self) -> frozenset[int]:
        """The columns of the bracket that are added up."""
        return frozenset(
            item.field
            for item in self.items
            if item.kind in ("sum", "avg") and item.field is not None
        )

    def read(self, names: tuple[str, ...]) -> None:
        """Find every column among those that the bracket gives."""
        self.names = names
        groups: list[int] = []
        for node in grouped(self.tree.args.get("group")):
            place = self._place(column_in(self.text, node))
            if place not in groups:
                groups.append(place)
        self.groups = tuple(groups)
        items: list[Asked] = []
        for node in list(self.tree.expressions):
            item = self._item(node)
            if any(item.name == other.name for other in items):
                raise named_twice(self.text, node, item.name)
            set_alias(node, item.name)
            items.append(item)
        self.items = tuple(items)

    def _item(self, node: exp.Expr) -> Asked:
        value = node.this if isinstance(node, exp.Alias) else node
        match value:
            case exp.Column():
                place = self._place(value)
                if place not in self.groups:
                    named = self.names[place]
                    raise self.text.refuse(
                        value,
                        f"'{named}' is neither grouped by nor added up",
                        f"Add GROUP BY {named}, or write SUM({named}).",
                        rule=_RULE,
                    )
                return Asked(node.alias or self.names[place], "dimension", place)
            case exp.Count() if isinstance(value.this, exp.Star):
                return Asked(node.alias or "count", "count", None)
            case exp.Count() if isinstance(value.this, exp.Column):
                return self._made(node, value, "count")
            case exp.Sum() if isinstance(value.this, exp.Column):
                return self._made(node, value, "sum")
            case exp.Avg() if isinstance(value.this, exp.Column):
                return self._made(node, value, "avg")
        raise self.text.refuse(
            node,
            "a dimension, COUNT(*), COUNT(column), SUM(column) or AVG(column) is expected here",
            "Compute inside the bracket: SELECT balance * 2 AS twice FROM org.dataset.",
            rule=_RULE,
        )

    def _made(self, node: exp.Expr, value: exp.Expr, kind: Literal["count", "sum", "avg"]) -> Asked:
        place = self._place(value.this)
        return Asked(node.alias or f"{kind}_{self.names[place]}"[:63], kind, place)

    def _place(self, node: exp.Column) -> int:
        named = node.name
        if node.args.get("db") or node.table not in ("", self.alias) or named not in self.names:
            raise self.text.refuse(
                node,
                f"'{named}' is no column of the bracket.{nearest(named, list(self.names))}",
                f"It gives {', '.join(self.names)}.",
                error=UnknownColumn,
                rule=_RULE,
            )
        node.set("table", None)
        return self.names.index(named)

    def written(self, trees: Sequence[exp.Select]) -> exp.Select:
        """The statement again, of trees that were checked."""
        held: exp.Query = trees[0]
        for tree in trees[1:]:
            held = exp.Union(this=held, expression=tree, distinct=False)
        alias = exp.TableAlias(this=language.name(self.alias))
        self.table.replace(exp.Subquery(this=held, alias=alias))
        return self.tree


def _canonical(text: Text, tree: exp.Select) -> str:
    """The one way to write it; everybody must be able to read it again."""
    written = language.in_words(tree)
    if len(written) > words.LONGEST:
        raise text.refuse(
            0,
            "with every name written out in full, the query is too long",
            "Shorten it: prepare a column in the datasets instead of a long list.",
            rule=_RULE,
        )
    return written
