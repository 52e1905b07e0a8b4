"""Sums over many organisations' own rows: hostile text in; whose rows, what of them, out.

    SELECT … FROM (SELECT … FROM org.dataset UNION ALL …) WHERE … GROUP BY … HAVING … ORDER BY …
    WITH a AS (SELECT … FROM org.dataset UNION ALL …) SELECT … FROM a …

Implements  federated/SPEC.md §5.5: the bracket is cut out by its words and signs; each SELECT in it
            (`union_select`), and what is left, is read by `language` as a statement of its own, in
            its old place. What is left is then read as that of a join is, over one source: the rows
            of everybody
Learns      nobody: a pure function of text and schemas, the same at every node
Not for     permission. What an owner lets be done with a column is its policy's, at its node.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from sqlglot import Token, exp
from sqlglot import TokenType as Word

from contract.dataset import CatalogueEntry
from contract.errors import KeyKindMismatch, MiheError
from contract.job import FEWEST_CONTRIBUTORS, MOST_CONTRIBUTORS, Parameter
from contract.keys import KeyKind
from contract.statements import MOST_CELLS
from federated.query import asked, language, words
from federated.query.asked import Answer
from federated.query.conditions import Condition
from federated.query.expressions import Expressions
from federated.query.parameters import Given, Parameters
from federated.query.scope import Names
from federated.query.statement import Entries, groups_of
from federated.query.subquery import grouped, parts
from federated.query.text import Text
from federated.query.union_alike import first_unlike
from federated.query.union_columns import Items, offered, public_values
from federated.query.union_select import RULE, SHAPE, InBracket, blank, refuse_more
from federated.query.values import Column

ALIAS: Final = "everybody"
"""What the bracket is called if it has no name."""

MOST_TOKENS: Final = 8_000
"""Of all SELECTs together; each of them is bounded as a statement of its own, too."""

ROWS_BITS: Final = 40
"""An organisation has fewer than 2^40 rows; its node checks that."""

_PLACE: Final = "o.d"
_CLAUSES: Final = frozenset(
    {"expressions", "from_", "where", "group", "having", "order", "limit", "offset"}
)


@dataclass(frozen=True, slots=True)
class Branch:
    """One organisation's rows: where they are, which count, and what is taken of them."""

    entry: CatalogueEntry
    alias: str
    key: str
    """Whose distinct values are subjects."""
    conditions: tuple[Condition, ...]
    fields: Mapping[str, Column]
    """Of each column of the bracket, what it is here."""
    items: Items


@dataclass(frozen=True, slots=True)
class Group:
    """A column that the result is grouped by, and every value that everybody knows it may have."""

    column: Column
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """A statement of the language, understood."""

    sql: str
    """The one way to write it: what a contract carries."""
    alias: str
    """What the bracket is called."""
    kind: KeyKind
    """What subjects are counted by."""
    branches: tuple[Branch, ...]
    conditions: tuple[Condition, ...]
    """On the rows of everybody."""
    groups: tuple[Group, ...]
    answer: Answer
    parameters: tuple[Parameter, ...]
    """What the parameters in it are worth, by name."""
    unlike: str | None
    """Where, and in what, the first SELECT differs that does not read as SELECT 1; None: none."""
    cells_at: str
    """Where what its cells are stands in the text."""

    @property
    def most_rows(self) -> int:
        """There are never so many rows in all."""
        return most_rows(len(self.branches))


def most_rows(organisations: int) -> int:
    """So many organisations never have so many rows together."""
    return organisations << ROWS_BITS


def is_union(sql: str) -> bool:
    """Whether a statement is to be read here; raises BadQuery, KeyInQuery for what is no SQL."""
    return any(token.token_type is Word.UNION for token in words.tokens(Text(sql), MOST_TOKENS))


def parse(sql: str, entries: Entries, parameters: Mapping[str, Given] | None = None) -> Union:
    """The statement that `sql` is, over the datasets in `entries`, with values for its parameters.

    Raises BadQuery, KeyInQuery, UnprovenSum, UnknownOrganisation, UnknownDataset, UnknownColumn,
    KeyKindMismatch; each says line and column, the reason, and what works.
    """
    text = Text(sql)
    tokens = words.tokens(text, MOST_TOKENS)
    called, opens, closes, unions = _bracket(text, tokens)
    starts = [opens.end + 1, *(at.end + 1 for _, at in unions)]
    ends = [*(union.start for union, _ in unions), closes.start]
    _check_number(text, opens, len(starts))
    around = language.read(_without(text, opens, closes, called))
    bound = Parameters(parameters or {})
    places = zip(starts, ends, strict=True)
    selects = [InBracket(text, start, end, entries, bound) for start, end in places]
    _check_selects(text, selects)
    kind = _key_kind(text, selects)
    outer = _Around(text, around, selects, bound, called)
    written = outer.written([one.tree for one in selects])
    given = bound.settled(text, [written])
    return Union(
        sql=_canonical(text, written),
        alias=outer.alias,
        kind=kind,
        branches=tuple(
            Branch(
                one.entry,
                one.alias,
                one.key_of(kind).name,
                one.conditions,
                dict(zip(one.names, one.fields, strict=True)),
                items,
            )
            for one, items in zip(selects, outer.items, strict=True)
        ),
        conditions=outer.conditions,
        groups=outer.groups,
        answer=outer.answer,
        parameters=given,
        unlike=first_unlike(selects),
        cells_at=outer.cells_at,
    )


# ── the bracket ─────────────────────────────────────────────────────────────────────────────────


def _bracket(
    text: Text, tokens: Sequence[Token]
) -> tuple[Token | None, Token, Token, list[tuple[Token, Token]]]:
    """The bracket, after FROM or after the name that WITH gives it, and every UNION ALL in it."""
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
                rule=RULE,
            )
    called = _name_before(tokens, first)
    if called is None and tokens[first - 1].token_type is not Word.FROM:
        raise _misplaced(text, tokens[unions[0][0]])
    found = [(tokens[place], tokens[place + 1]) for place, _ in unions]
    return called, tokens[first], tokens[pairs[first]], found


def _name_before(tokens: Sequence[Token], bracket: int) -> Token | None:
    """The name that WITH gives to a bracket, if that is how a statement begins."""
    match tokens[:bracket]:
        case [first, name, last] if (first.token_type, last.token_type) == (Word.WITH, Word.ALIAS):
            return name
    return None


def _misplaced(text: Text, token: Token) -> MiheError:
    return text.refuse(
        token.start,
        "UNION ALL stands between the SELECTs of one bracket after FROM, and nowhere else",
        f"Write {SHAPE}.",
        rule=RULE,
    )


def _check_number(text: Text, opens: Token, number: int) -> None:
    if not FEWEST_CONTRIBUTORS <= number <= MOST_CONTRIBUTORS:
        raise text.refuse(
            opens.start,
            f"a sum is over the rows of {FEWEST_CONTRIBUTORS} to {MOST_CONTRIBUTORS} organisations,"
            f" not of {number}",
            "Of two, each would know the other's part: the total less its own."
            if number < FEWEST_CONTRIBUTORS
            else "Propose it in parts.",
            rule=RULE,
        )


def _without(text: Text, opens: Token, closes: Token, called: Token | None) -> Text:
    """The statement with a name where the bracket is; everything else stays in its place.

    Where WITH has given it one, that stands after FROM already.
    """
    if called is not None:
        return Text(blank(text.sql[: closes.end + 1]) + text.sql[closes.end + 1 :])
    hole = text.sql[opens.start : closes.end + 1]
    filled = _PLACE + blank(hole)[len(_PLACE) :]
    return Text(text.sql[: opens.start] + filled + text.sql[closes.end + 1 :])


def _check_selects(text: Text, selects: Sequence[InBracket]) -> None:
    orgs = [one.entry.org for one in selects]
    for place, one in enumerate(selects):
        one.require_columns(selects[0].names)
        if orgs[place] in orgs[:place]:
            raise text.refuse(
                one.start,
                f"{orgs[place]} is there twice",
                "Each organisation stands there once: let it prepare one dataset out of both.",
                rule=RULE,
            )


def _key_kind(text: Text, selects: Sequence[InBracket]) -> KeyKind:
    """The first kind of key of the first dataset that all of them have."""
    kinds = [key.key for key in selects[0].keys if key.key is not None]
    for one in selects[1:]:
        own = {key.key for key in one.keys}
        kinds = [kind for kind in kinds if kind in own]
        if not kinds:
            raise text.refuse(
                one.start,
                f"{one.entry.full_name} has no kind of key in common with those before, so their"
                " subjects are of different kinds",
                "Add up datasets about subjects of one kind: `mihe catalog` shows their keys.",
                error=KeyKindMismatch,
                rule=RULE,
            )
    return kinds[0]


# ── what stands around it ───────────────────────────────────────────────────────────────────────


class _Around:
    """Reads what is asked of all the rows together, as of one source."""

    def __init__(
        self,
        text: Text,
        tree: exp.Select,
        selects: Sequence[InBracket],
        parameters: Parameters,
        called: Token | None,
    ) -> None:
        self.text, self.tree, self.selects = text, tree, selects
        refuse_more(text, tree, _CLAUSES, "a sum over UNION ALL")
        match parts(tree):
            case [exp.Table() as table]:
                self.table = table
            case other:
                raise text.refuse(
                    other[0] if other else tree,
                    "one bracket stands after FROM",
                    f"Write {SHAPE}.",
                    rule=RULE,
                )
        named = self._named(called)
        self.alias = self.table.alias or named or ALIAS
        columns, self.items = offered(selects, self.alias)
        offers = Names(self.alias, org="", dataset="", columns=columns)
        scope = Expressions(text, [offers], parameters)
        self.conditions = scope.conditions(tree.args.get("where"))
        groups = groups_of(scope, tree)
        self.groups = self._known(scope, groups)
        rows = most_rows(len(selects))
        self.answer = asked.read(scope, tree, groups, keys=(), many=None, kept=None, rows=rows)

    def _named(self, called: Token | None) -> str:
        """What WITH calls the bracket, if it does; it must be what stands after FROM."""
        if called is None:
            return ""
        name: str = self.table.name
        if self.table.db or name != words.as_named(called.text):
            raise self.text.refuse(
                self.table,
                "what WITH has named is not what stands after FROM",
                "Write WITH a AS (SELECT … UNION ALL …) SELECT … FROM a.",
                rule=RULE,
            )
        return name

    @property
    def cells_at(self) -> str:
        """Where the dimensions stand, or what is asked for where there are none."""
        nodes = grouped(self.tree.args.get("group")) or self.tree.expressions
        return self.text.place(self.text.start(nodes[0]))

    def _known(self, scope: Expressions, groups: Sequence[Column]) -> tuple[Group, ...]:
        """The groups with all their values, of which there must be few in all."""
        nodes = grouped(self.tree.args.get("group"))
        found: dict[Column, Group] = {}
        for node in nodes:
            column = scope.expression(node)
            values = public_values(column)
            if values is None:
                raise self._undeclared(node, column)
            found[column] = Group(column, values)
        cells = prod(len(group.values) + group.column.nullable for group in found.values())
        if cells > MOST_CELLS:
            raise self.text.refuse(
                nodes[0],
                f"the dimensions have {cells} combinations of values; at most {MOST_CELLS} can be"
                " added up",
                "Group by fewer columns, or by coarser ones.",
                rule=RULE,
            )
        return tuple(found[column] for column in groups)

    def _undeclared(self, node: exp.Expr, column: Column) -> MiheError:
        why = (
            "every organisation adds up every group there can be, those that it has not included,"
            " so that nobody sees who has which"
        )
        fix = (
            "Group by a column whose values are declared, or by a CASE whose values are written"
            " out: CASE WHEN column < 1000 THEN 'below 1000' ELSE 'others' END."
        )
        what = "what is computed here may have values that are not known to everybody"
        if not column.formula:
            place = self.selects[0].names.index(column.name)
            for select in self.selects:
                declared = select.fields[place]
                if public_values(declared) is None and not declared.formula:
                    what = (
                        f"the values of '{declared.name}' of {select.entry.full_name} are not known"
                        " to everybody"
                    )
                    fix = (
                        f"Have {select.entry.org} declare them in the description of the dataset:"
                        ' domain = ["…"] for a text, a minimum and a maximum that are close for a'
                        f" number; true or false need nothing. {fix}"
                    )
                    break
        return self.text.refuse(node, f"{what}: {why}", fix, rule=RULE)

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
            rule=RULE,
        )
    return written
