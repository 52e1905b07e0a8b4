"""The language of queries: what may stand in a statement at all, and what is said of the rest.

Implements  federated/SPEC.md §3.1; DESIGN §6: exactly one SELECT, every node of its tree on a
            written list, nothing read before it has been bounded
Order       length, tokens and their number → keys among them → words outside the language →
            depth of brackets → parse → each node and each argument of it on the list → names
Learns      nobody
Not for     meaning: which column is whose, and what may be done with it, is `statement`'s

The words come first because they know where they stand and what to write instead. The list decides:
a construct that no word gives away, or that a later parser brings, is not on it.
"""

from collections.abc import Sequence, Set
from re import compile as pattern

import sqlglot
from sqlglot import Token, exp
from sqlglot import TokenType as Word
from sqlglot.dialects import DuckDB
from sqlglot.errors import ParseError, TokenError

from contract import names
from contract.errors import BadQuery, KeyInQuery, MiheError
from contract.job import MOST_SQL_CHARACTERS
from contract.keys import looks_like_key
from federated.query.text import Text

LONGEST = MOST_SQL_CHARACTERS
MOST_TOKENS = 2_000
DEEPEST = 12
_DEEPEST_TREE = 48

SHAPE = (
    "SELECT dimensions, COUNT(*), SUM(…), AVG(…) FROM org.dataset AS a JOIN org.dataset AS b"
    " USING (key) … WHERE conditions GROUP BY dimensions HAVING … ORDER BY … LIMIT …"
)
_NO_OTHER_JOIN = "only JOIN … USING (key) is there: every row of the result is in all the datasets"
_OTHER_JOINS = (
    *(Word.LEFT, Word.RIGHT, Word.FULL, Word.OUTER, Word.CROSS, Word.NATURAL, Word.SEMI),
    *(Word.ANTI, Word.ASOF, Word.POSITIONAL, Word.LATERAL, Word.STRAIGHT_JOIN, Word.APPLY),
)
_ONE_SELECT = "a query is exactly one SELECT statement"
CASTS = ("casts are not in the language", "Columns have the types of their dataset.")
_ALTERNATIVES: dict[Word, tuple[str, str]] = {
    **dict.fromkeys(
        _OTHER_JOINS,
        (_NO_OTHER_JOIN, "Write JOIN org.dataset AS b USING (key)."),
    ),
    Word.ON: (_NO_OTHER_JOIN, "Write USING (key); a column may be renamed in a sub-query."),
    Word.DISTINCT: (
        "DISTINCT is not in the language",
        "COUNT(DISTINCT key) counts entities; GROUP BY lists the distinct dimensions.",
    ),
    Word.FETCH: ("FETCH is not in the language", "Write LIMIT 10."),
    Word.QUALIFY: ("QUALIFY is not in the language", "HAVING leaves out rows of the result."),
    Word.OVER: (
        "window functions are not in the language",
        "Use GROUP BY, or prepare the column in the dataset.",
    ),
    Word.WITH: (
        "WITH is not in the language",
        "Write an owner's sub-query where its dataset would stand: FROM (SELECT …) AS a.",
    ),
    Word.UNION: (
        "UNION ALL stands between the SELECTs of one bracket after FROM, and nowhere else",
        "Write SELECT … FROM (SELECT … FROM org.dataset UNION ALL SELECT … FROM …) GROUP BY ….",
    ),
    **dict.fromkeys(
        (Word.INTERSECT, Word.EXCEPT, Word.SEMICOLON),
        (_ONE_SELECT, "Propose each SELECT as a query of its own."),
    ),
    Word.EXISTS: (
        "EXISTS is not in the language",
        "JOIN … USING (key) keeps what is in both datasets.",
    ),
    **dict.fromkeys(
        (Word.ILIKE, Word.RLIKE, Word.GLOB, Word.SIMILAR_TO, Word.TILDE),
        ("this kind of matching is not in the language", "Use LIKE, IN or =."),
    ),
    **dict.fromkeys(
        (Word.DIV, Word.MOD),
        (
            "whole division and its rest are not in the language",
            "Write / between aggregates, and ROUND(…) around it.",
        ),
    ),
    Word.DCOLON: CASTS,
    Word.TABLE_SAMPLE: ("sampling is not in the language", "Every row of a dataset counts."),
    **dict.fromkeys(
        (Word.PLACEHOLDER, Word.PARAMETER, Word.COLON),
        ("parameters are not in the language", "Write the value itself."),
    ),
    **dict.fromkeys(
        (Word.ROLLUP, Word.CUBE, Word.GROUPING_SETS),
        ("grouping sets are not in the language", "Propose one query for each grouping."),
    ),
}
_BEFORE_BRACKET = frozenset(
    {"COUNT", "SUM", "AVG", "MIN", "MAX", "SELECT", "FROM", "JOIN", "USING", "WHERE", "BY"}
    | {"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "CAST", "HAVING", "ROUND"}
    | {"VAR_POP", "VAR_SAMP", "VARIANCE", "STDDEV", "STDDEV_POP", "STDDEV_SAMP"}
    | {"CASE", "WHEN", "THEN", "ELSE", "COALESCE", "IFNULL", "NULLIF", "ABS", "LEAST", "GREATEST"}
    | {"YEAR", "QUARTER", "MONTH", "EXTRACT", "SUBSTR", "SUBSTRING", "LEFT", "RIGHT"}
    | {"MEDIAN", "QUANTILE", "QUANTILE_CONT", "QUANTILE_DISC"}
)
_FUNCTIONS: dict[str, str] = {
    "DATE": "Write DATE '2026-01-31'.",
    "IF": "Write CASE WHEN condition THEN value ELSE value END.",
    **dict.fromkeys(
        ("DATE_PART", "DATE_TRUNC", "DATEPART", "DAY", "STRFTIME"),
        "Take YEAR(column), QUARTER(column) or MONTH(column), several where one is not enough.",
    ),
    **dict.fromkeys(
        ("FLOOR", "CEIL", "CEILING", "TRUNC", "WIDTH_BUCKET"),
        "Write bands: CASE WHEN column < 1000 THEN 'below 1000' ELSE 'others' END.",
    ),
    **dict.fromkeys(
        ("MODE", "PERCENTILE_CONT", "PERCENTILE_DISC", "APPROX_QUANTILE"),
        "Write MEDIAN(column), QUANTILE_CONT(column, 0.9) or QUANTILE_DISC(column, 0.9).",
    ),
}
_OTHER_FUNCTION = (
    "There are COUNT, SUM, AVG, VAR_SAMP, STDDEV_SAMP, ROUND, MIN, MAX, MEDIAN,"
    " QUANTILE_CONT; CASE, COALESCE, NULLIF, ABS, LEAST, GREATEST, YEAR, QUARTER, MONTH, SUBSTRING,"
    " LEFT and RIGHT; prepare other values as a column of the dataset."
)

# Every kind of node a statement may consist of, and the arguments that it may have.
_NODES: dict[type[exp.Expr], frozenset[str]] = {
    kind: frozenset(arguments.split())
    for kind, arguments in {
        exp.Select: "expressions from_ joins where group having order limit offset",
        exp.From: "this",
        exp.Join: "this using kind",
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
        exp.Like: "this expression",
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
_WORD = pattern(r"[^\W\d]\w*")
_FULL_WIDTH = pattern("[，（）；。、：“”‘’＂＇．＝＜＞＊＋－]")
_LITERALS = (Word.STRING, Word.NUMBER)


def read(text: Text) -> exp.Select:
    """The tree of a statement of the language, names in lower case; raises BadQuery, KeyInQuery."""
    tokens = _tokens(text, MOST_TOKENS)
    _refuse_keys(text, tokens)
    _refuse_full_width(text, tokens)
    _refuse_words(text, tokens)
    _refuse_depth(text, tokens)
    tree = _parse(text, tokens)
    _note_places(tree, tokens)
    _refuse_nodes(text, tree)
    _settle_names(text, tree, {one.start for one in tokens if one.token_type is Word.STRING})
    return tree


def tokens(text: Text, most: int) -> list[Token]:
    """The words and signs of a statement, at most so many; raises BadQuery, KeyInQuery."""
    found = _tokens(text, most)
    _refuse_keys(text, found)
    return found


def canonical(text: Text, tree: exp.Expr) -> str:
    """The one way to write a tree; everybody must be able to read it again."""
    written: str = tree.sql(dialect="duckdb", comments=False)
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


def name(text: str) -> exp.Identifier:
    """An identifier, in quotes where SQL has another use for the word."""
    return exp.to_identifier(text, quoted=text.upper() in DuckDB.tokenizer_class.KEYWORDS)


def _tokens(text: Text, most: int) -> list[Token]:
    if len(text.sql) > LONGEST:
        raise text.refuse(
            LONGEST, f"a query has at most {LONGEST} characters", "Shorten it, or prepare columns."
        )
    try:
        tokens: list[Token] = DuckDB().tokenize(text.sql)
    except TokenError:
        raise text.refuse(
            _open_quote(text.sql),
            "a quote, or a comment, is not closed",
            "Close it; a quote inside a text is doubled: 'it''s'.",
        ) from None
    while tokens and tokens[-1].token_type is Word.SEMICOLON:
        tokens = tokens[:-1]
    if len(tokens) > most:
        raise text.refuse(
            tokens[most].start,
            f"a query has at most {most} words, numbers and signs",
            "Shorten it: prepare a column in the dataset instead of a long list.",
        )
    if not tokens or tokens[0].token_type is not Word.SELECT:
        raise text.refuse(tokens[0].start if tokens else 0, _ONE_SELECT, f"Write {SHAPE}.")
    return tokens


def _open_quote(sql: str) -> int:
    opened, quote = 0, ""
    for offset, letter in enumerate(sql):
        if not quote and letter in "'\"":
            opened, quote = offset, letter
        elif letter == quote:
            quote = ""
    return opened


def _refuse_keys(text: Text, tokens: Sequence[Token]) -> None:
    for token in tokens:
        if looks_like_key(token.text):
            raise key_in_query(text, token.start, "what stands here validates as a key")


def key_in_query(text: Text, at: exp.Expr | int, what: str) -> MiheError:
    """The refusal of what would put an identifier into a contract."""
    return text.refuse(
        at,
        what,
        "Leave it out: a contract holds no identifier. To ask about chosen subjects, put their"
        " keys into a dataset of your own and JOIN it.",
        error=KeyInQuery,
        rule="no literal that is a key, or is compared with one",
    )


def _refuse_full_width(text: Text, tokens: Sequence[Token]) -> None:
    # To the parser they are letters of the name beside them.
    for token in tokens:
        wide = _FULL_WIDTH.search(token.text)
        if wide and token.token_type not in (*_LITERALS, Word.IDENTIFIER):
            raise text.refuse(
                token.start + wide.start(),
                "a full-width sign stands here",
                "Write signs as on an English keyboard; in a text in quotes every sign may stand.",
            )


def _refuse_words(text: Text, tokens: Sequence[Token]) -> None:
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else None
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.token_type is Word.DISTINCT and _is_counted(tokens[max(at - 2, 0) : at]):
            continue
        calls = after is not None and after.token_type is Word.L_PAREN
        previous = None if before is None else before.token_type
        if token.token_type in (*_LITERALS, Word.IDENTIFIER) or previous is Word.DOT:
            continue
        named = token.token_type in (Word.LEFT, Word.RIGHT) and calls
        if token.token_type in _ALTERNATIVES and previous is not Word.ALIAS and not named:
            raise text.refuse(token.start, *_ALTERNATIVES[token.token_type])
        word = token.text.upper()
        if calls and _WORD.fullmatch(token.text) and word not in _BEFORE_BRACKET:
            raise text.refuse(
                token.start,
                f"there is no function {word}"
                if word in _FUNCTIONS
                else "there is no such function",
                _FUNCTIONS.get(word, _OTHER_FUNCTION),
            )
        if token.token_type is Word.STAR and previous in (Word.SELECT, Word.COMMA):
            raise text.refuse(
                token.start,
                "* is not in the language: a result is made of dimensions and aggregates",
                "Name the dimensions, and aggregates such as COUNT(*) or SUM(column).",
            )


def _is_counted(before: Sequence[Token]) -> bool:
    return [one.text.upper() for one in before] == ["COUNT", "("]


def _refuse_depth(text: Text, tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type is Word.L_PAREN) - (token.token_type is Word.R_PAREN)
        if depth > DEEPEST:
            raise _too_deep(text, token.start)


def _too_deep(text: Text, at: int) -> MiheError:
    return text.refuse(
        at,
        f"more than {DEEPEST} brackets, or too many operators, inside each other",
        "Write conditions one after the other with AND.",
    )


def _parse(text: Text, tokens: Sequence[Token]) -> exp.Select:
    try:
        (tree,) = sqlglot.parse(text.sql[: tokens[-1].end + 1], dialect="duckdb")
    except ParseError as found:
        at = _fault(text, found)
    except RecursionError:
        raise _too_deep(text, tokens[0].start) from None
    else:
        if isinstance(tree, exp.Select):
            return tree
        at = tokens[0].start
    raise text.refuse(at, "what stands here is not SQL of the language", f"Write {SHAPE}.")


def _note_places(tree: exp.Select, tokens: Sequence[Token]) -> None:
    """The parser notes where names, texts and numbers stand; other words come here."""
    words: tuple[tuple[tuple[Word, ...], tuple[type[exp.Expr], ...]], ...] = (
        ((Word.TRUE, Word.FALSE, Word.NULL), (exp.Boolean, exp.Null)),
        ((Word.CASE,), (exp.Case,)),
    )
    for written, kinds in words:
        starts = [token.start for token in tokens if token.token_type in written]
        nodes = [node for node in tree.dfs() if isinstance(node, kinds)]
        if len(starts) == len(nodes):
            for node, start in zip(nodes, starts, strict=True):
                node.meta["start"] = start


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
        # The parser notes the type of a cast it has made itself.
        if allowed is None or present - allowed - {"_type"}:
            raise text.refuse(
                node, "what stands here is not in the language of queries", f"Write {SHAPE}."
            )
        if isinstance(node, exp.In) and not node.expressions:
            raise text.refuse(node, "IN takes a list of values", "Write column IN ('A', 'B').")
        if depth > _DEEPEST_TREE:
            raise _too_deep(text, text.start(node))
        for child in node.iter_expressions():
            flat = isinstance(node, exp.And | exp.Or) and type(child) is type(node)
            ahead.append((child, depth if flat else depth + 1))


def _settle_names(text: Text, tree: exp.Select, texts: Set[int]) -> None:
    for found in list(tree.find_all(exp.Identifier)):
        lowered = names.typed(str(found.this)).lower()
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
