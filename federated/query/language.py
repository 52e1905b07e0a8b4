"""The language of queries: what may stand in a statement at all.

Implements  federated/SPEC.md §3.1; DESIGN §6: exactly one SELECT, every node of its tree on a
            written list, nothing read before it has been bounded
Order       length, tokens and their number → keys among them → words outside the language →
            depth of brackets (all of these: `words`) → parse → short forms written out → each node
            and each argument of it on the list → names
Learns      nobody
Not for     meaning: which column is whose, and what may be done with it, is `statement`'s

The list decides: a construct that no word gives away, or that a later parser brings, is not on it.
"""

from collections.abc import Sequence, Set
from itertools import pairwise

from sqlglot import Token, exp
from sqlglot import TokenType as Word
from sqlglot.dialects import DuckDB
from sqlglot.errors import ParseError

from contract import names
from contract.errors import BadQuery
from federated.query import short_forms, words
from federated.query.text import Text
from federated.query.words import CASTS, SHAPE, too_deep

_DEEPEST_TREE = 48

# Every kind of node a statement may consist of, and the arguments that it may have.
_NODES: dict[type[exp.Expr], frozenset[str]] = {
    kind: frozenset(arguments.split())
    for kind, arguments in {
        exp.Select: "expressions from_ joins where group having order limit offset",
        exp.From: "this",
        exp.Join: "this using on kind side",
        exp.Where: "this",
        exp.Group: "expressions",
        exp.Having: "this",
        exp.Order: "expressions",
        exp.Ordered: "this desc nulls_first",
        exp.Limit: "expression",
        exp.Offset: "expression",
        exp.Subquery: "this alias",
        exp.Table: "this db alias",
        exp.TableAlias: "this",
        exp.Alias: "this alias",
        exp.Column: "this table db",
        exp.Identifier: "this quoted",
        exp.Star: "",
        exp.Count: "this big_int",
        exp.Sum: "this",
        exp.Avg: "this",
        exp.Distinct: "expressions",
        exp.Variance: "this",
        exp.VariancePop: "this",
        exp.Stddev: "this",
        exp.StddevSamp: "this",
        exp.StddevPop: "this",
        exp.Median: "this",
        exp.Quantile: "this quantile",
        exp.PercentileCont: "this expression",
        exp.PercentileDisc: "this expression",
        exp.Min: "this",
        exp.Max: "this",
        exp.Add: "this expression",
        exp.Sub: "this expression",
        exp.Mul: "this expression",
        exp.Div: "this expression",
        exp.Round: "this decimals",
        exp.Neg: "this",
        exp.Paren: "this",
        exp.Literal: "this is_string",
        exp.Placeholder: "this",
        exp.Boolean: "this",
        exp.Null: "",
        exp.And: "this expression",
        exp.Or: "this expression",
        exp.Not: "this",
        exp.EQ: "this expression",
        exp.NEQ: "this expression",
        exp.LT: "this expression",
        exp.LTE: "this expression",
        exp.GT: "this expression",
        exp.GTE: "this expression",
        exp.Between: "this low high",
        exp.In: "this expressions",
        exp.Is: "this expression",
        exp.Like: "this expression negate",
        exp.Case: "this ifs default",
        exp.If: "this true",
        exp.Coalesce: "this expressions",
        exp.Nullif: "this expression",
        exp.Abs: "this",
        exp.Least: "this expressions ignore_nulls",
        exp.Greatest: "this expressions ignore_nulls",
        exp.Year: "this",
        exp.Quarter: "this",
        exp.Month: "this",
        exp.Extract: "this expression",
        exp.Var: "this",
        exp.Substring: "this start length",
        exp.Left: "this expression",
        exp.Right: "this expression",
        exp.Cast: "this to",
        exp.DataType: "this nested",
    }.items()
}


class _Written(DuckDB):  # type: ignore[misc]  # sqlglot's dialects are not typed
    """DuckDB's SQL, but for how it writes parameters: as they were typed."""

    class Generator(DuckDB.Generator):  # type: ignore[misc]  # the same
        NAMED_PLACEHOLDER_TOKEN = ":"  # noqa: S105  # a sign, no password


def read(text: Text) -> exp.Select:
    """The tree of a statement of the language, names in lower case; raises BadQuery, KeyInQuery."""
    tokens = words.read(text)
    tree = _parse(text, tokens)
    _note_places(tree, tokens)
    _settle_parameters(text, tree, tokens)
    short_forms.write_out(text, tree)
    _refuse_nodes(text, tree)
    _settle_names(text, tree, {one.start for one in tokens if one.token_type is Word.STRING})
    _settle_counts(tree)
    return tree


def canonical(text: Text, tree: exp.Expr) -> str:
    """The one way to write a tree; everybody must be able to read it again."""
    written = in_words(tree)
    if written != text.sql:
        try:
            read(Text(written))
        except BadQuery:
            raise text.refuse(
                0,
                "with every name written out in full, the query is too long or too deep",
                "Shorten it: prepare a column in the dataset instead of a long list.",
            ) from None
    return written


def in_words(tree: exp.Expr) -> str:
    """A tree as SQL, without comments."""
    written: str = tree.sql(dialect=_Written, comments=False)
    return written


def name(text: str) -> exp.Identifier:
    """An identifier, in quotes where SQL has another use for the word."""
    return exp.to_identifier(text, quoted=text.upper() in DuckDB.tokenizer_class.KEYWORDS)


def _parse(text: Text, tokens: Sequence[Token]) -> exp.Select:
    try:
        trees = DuckDB().parser().parse(_without_words(tokens), text.sql[: tokens[-1].end + 1])
    except ParseError as found:
        at = _fault(text, found)
    except RecursionError:
        raise too_deep(text, tokens[0].start) from None
    else:
        if len(trees) == 1 and isinstance(trees[0], exp.Select):
            return trees[0]
        at = tokens[0].start
    raise text.refuse(at, "what stands here is not SQL of the language", f"Write {SHAPE}.")


def _without_words(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, in which what a parameter is called means nothing else: `:from` is a name."""
    for colon, after in pairwise(tokens):
        if colon.token_type is Word.COLON:
            after.token_type = Word.VAR
    return list(tokens)


def _note_places(tree: exp.Select, tokens: Sequence[Token]) -> None:
    """The parser notes where names, texts and numbers stand; other words come here."""
    others: tuple[tuple[tuple[Word, ...], tuple[type[exp.Expr], ...]], ...] = (
        ((Word.TRUE, Word.FALSE, Word.NULL), (exp.Boolean, exp.Null)),
        ((Word.CASE,), (exp.Case,)),
    )
    for written, kinds in others:
        starts = [token.start for token in tokens if token.token_type in written]
        nodes = [node for node in tree.dfs() if isinstance(node, kinds)]
        if len(starts) == len(nodes):
            for node, start in zip(nodes, starts, strict=True):
                node.meta["start"] = start


def _settle_parameters(text: Text, tree: exp.Select, tokens: Sequence[Token]) -> None:
    """Parameters get their places, and names in lower case; every colon must be one's."""
    colons = [
        (words.as_named(after.text), colon)
        for colon, after in pairwise(tokens)
        if colon.token_type is Word.COLON
    ]
    nodes = [node for node in tree.dfs() if isinstance(node, exp.Placeholder)]
    for name, colon in colons:
        node = next((one for one in nodes if words.as_named(str(one.this)) == name), None)
        if node is None:
            raise text.refuse(
                colon.start,
                "no parameter may stand here",
                "Write a parameter where a constant is compared, or computed with.",
            )
        nodes.remove(node)
        node.set("this", name)
        node.meta["start"] = colon.start


def _fault(text: Text, found: ParseError) -> int:
    """Where the parser stopped. Its message quotes the statement and is not used."""
    fault = found.errors[0] if found.errors else {}
    line, column = fault.get("line") or 1, fault.get("col") or 1
    lines = text.sql.splitlines(keepends=True)
    end = sum(map(len, lines[: line - 1])) + column
    return max(end - len(fault.get("highlight") or " "), 0)


def _refuse_nodes(text: Text, tree: exp.Select) -> None:
    ahead: list[tuple[exp.Expr, int]] = [(tree, 0)]
    while ahead:
        node, depth = ahead.pop()
        present = {key for key, value in node.args.items() if value not in (None, False, [], "")}
        allowed = _NODES.get(type(node))
        if isinstance(node, exp.Cast) and not _is_plain(node.to):
            raise text.refuse(node, *CASTS)
        # The parser notes the type of a cast it has made itself.
        if allowed is None or present - allowed - {"_type"}:
            raise text.refuse(
                node, "what stands here is not in the language of queries", f"Write {SHAPE}."
            )
        if isinstance(node, exp.PercentileCont | exp.PercentileDisc) and not node.expression:
            raise text.refuse(
                node,
                "a quantile is of a number, and at a share",
                "Write QUANTILE_CONT(column, 0.9).",
            )
        if isinstance(node, exp.In) and not node.expressions:
            raise text.refuse(node, "IN takes a list of values", "Write column IN ('A', 'B').")
        if depth > _DEEPEST_TREE:
            raise too_deep(text, text.start(node))
        for child in node.iter_expressions():
            flat = isinstance(node, exp.And | exp.Or) and type(child) is type(node)
            ahead.append((child, depth if flat else depth + 1))


def _is_plain(type_: exp.Expr) -> bool:
    """Whether a type is one word, as that of DATE '2026-01-31' is."""
    return isinstance(type_, exp.DataType) and not type_.expressions


def _settle_counts(tree: exp.Select) -> None:
    """COUNT(1) is what many write for COUNT(*); a constant is never NULL."""
    for count in tree.find_all(exp.Count):
        if isinstance(count.this, exp.Literal):
            count.set("this", exp.Star())


def _settle_names(text: Text, tree: exp.Select, texts: Set[int]) -> None:
    for found in list(tree.find_all(exp.Identifier)):
        lowered = words.as_named(str(found.this))
        if not names.is_name(lowered):
            raise text.refuse(
                found,
                f"a name is {names.IN_WORDS}",
                "Use the names that `mihe catalog` shows; choose such a name after AS.",
            )
        if found.meta.get("start") in texts:
            # The parser takes a text for a name in places; a refusal would quote a literal.
            raise text.refuse(
                found,
                "a text stands where a name is expected",
                "Write names without quotes, or in double ones.",
            )
        found.set("this", lowered)
        found.set("quoted", name(lowered).args["quoted"])
