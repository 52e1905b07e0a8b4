"""Words and signs of a statement: bounded, and refused where they can't be of the language.

Implements  federated/SPEC.md §3.1: what is hostile in a text, before anything is made of it
Learns      nobody
Not for     deciding what is in the language: a list of nodes does (`language`)

The words come first because they know where they stand and what to write instead.
"""

from collections.abc import Sequence
from re import compile as pattern

from sqlglot import Token, exp
from sqlglot import TokenType as Word
from sqlglot.dialects import DuckDB
from sqlglot.errors import TokenError

from contract import names
from contract.errors import KeyInQuery, MiheError
from contract.job import MOST_SQL_CHARACTERS
from contract.keys import looks_like_key
from federated.query.text import Text

LONGEST = MOST_SQL_CHARACTERS
MOST_TOKENS = 2_000
DEEPEST = 12

SHAPE = (
    "SELECT dimensions, COUNT(*), SUM(…), AVG(…) FROM org.dataset AS a JOIN org.dataset AS b"
    " USING (key) … WHERE conditions GROUP BY dimensions HAVING … ORDER BY … LIMIT …"
)
_NO_OTHER_JOIN = "only JOIN … USING (key) and LEFT JOIN … USING (key) are there"
_OTHER_JOINS = (
    *(Word.LEFT, Word.FULL, Word.OUTER, Word.CROSS, Word.NATURAL, Word.SEMI),
    *(Word.ANTI, Word.ASOF, Word.POSITIONAL, Word.LATERAL, Word.STRAIGHT_JOIN, Word.APPLY),
)
_ONE_SELECT = "a query is exactly one SELECT statement"
CASTS = ("casts are not in the language", "Columns have the types of their dataset.")
_ALTERNATIVES: dict[Word, tuple[str, str]] = {
    **dict.fromkeys(
        _OTHER_JOINS,
        (_NO_OTHER_JOIN, "Write JOIN org.dataset AS b USING (key)."),
    ),
    Word.RIGHT: (
        _NO_OTHER_JOIN,
        "Write the receiver's dataset first: FROM it LEFT JOIN the other USING (key).",
    ),
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
        "WITH stands before the whole statement, and nowhere else",
        "Write WITH a AS (SELECT … FROM org.dataset …) SELECT … FROM a JOIN ….",
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
        (Word.PLACEHOLDER, Word.PARAMETER),
        ("a parameter has a name", "Write :year, and give its value as --param year=2024."),
    ),
    **dict.fromkeys(
        (Word.ROLLUP, Word.CUBE, Word.GROUPING_SETS),
        ("grouping sets are not in the language", "Propose one query for each grouping."),
    ),
}
_BEFORE_BRACKET = frozenset(
    {"COUNT", "SUM", "AVG", "MIN", "MAX", "SELECT", "FROM", "JOIN", "USING", "WHERE", "BY"}
    | {"ALL", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "CAST", "HAVING", "ROUND"}
    | {"VAR_POP", "VAR_SAMP", "VARIANCE", "STDDEV", "STDDEV_POP", "STDDEV_SAMP"}
    | {"CASE", "WHEN", "THEN", "ELSE", "COALESCE", "IFNULL", "NULLIF", "ABS", "LEAST", "GREATEST"}
    | {"YEAR", "QUARTER", "MONTH", "EXTRACT", "SUBSTR", "SUBSTRING", "LEFT", "RIGHT"}
    | {"MEDIAN", "QUANTILE", "QUANTILE_CONT", "QUANTILE_DISC", "PERCENTILE_CONT", "PERCENTILE_DISC"}
    | {"AS", "FILTER", "GROUP", "IF", "ON"}
)
_FUNCTIONS: dict[str, str] = {
    "DATE": "Write DATE '2026-01-31'.",
    "IIF": "Write IF(condition, value, value).",
    **dict.fromkeys(("COUNT_IF", "COUNTIF"), "Write COUNT(*) FILTER (WHERE condition)."),
    "MATERIALIZED": "Write WITH name AS (SELECT …).",
    **dict.fromkeys(
        ("DATE_PART", "DATE_TRUNC", "DATEPART", "DAY", "STRFTIME"),
        "Take YEAR(column), QUARTER(column) or MONTH(column), several where one is not enough.",
    ),
    **dict.fromkeys(
        ("FLOOR", "CEIL", "CEILING", "TRUNC", "WIDTH_BUCKET"),
        "Write bands: CASE WHEN column < 1000 THEN 'below 1000' ELSE 'others' END.",
    ),
    **dict.fromkeys(
        ("MODE", "APPROX_QUANTILE"),
        "Write MEDIAN(column), QUANTILE_CONT(column, 0.9) or QUANTILE_DISC(column, 0.9).",
    ),
}
_TYPES = frozenset({"DECIMAL", "NUMERIC", "VARCHAR", "CHAR"})
"""What a cast may be to that has brackets behind it."""
_OTHER_FUNCTION = (
    "There are COUNT, SUM, AVG, VAR_SAMP, STDDEV_SAMP, ROUND, MIN, MAX, MEDIAN,"
    " QUANTILE_CONT; CASE, COALESCE, NULLIF, ABS, LEAST, GREATEST, YEAR, QUARTER, MONTH, SUBSTRING,"
    " LEFT and RIGHT; prepare other values as a column of the dataset."
)
_WORD = pattern(r"[^\W\d]\w*")
_FULL_WIDTH = pattern("[，（）；。、：“”‘’＂＇．＝＜＞＊＋－]")
_EMPTY = [Word.L_PAREN, Word.R_PAREN]
_HALF = pattern("[\ud800-\udfff]")
"""Half a character: what Python makes of bytes that are no UTF-8. No digest can be taken of it."""
_LITERALS = (Word.STRING, Word.NUMBER)


def read(text: Text) -> list[Token]:
    """The words and signs of a statement in which none stands that is refused for itself."""
    found = tokens(text, MOST_TOKENS)
    _refuse_full_width(text, found)
    _refuse_words(text, found)
    _refuse_depth(text, found)
    return found


def tokens(text: Text, most: int) -> list[Token]:
    """The words and signs of a statement, at most so many; raises BadQuery, KeyInQuery."""
    found = _tokens(text, most)
    _refuse_keys(text, found)
    return found


def _tokens(text: Text, most: int) -> list[Token]:
    if len(text.sql) > LONGEST:
        raise text.refuse(
            LONGEST, f"a query has at most {LONGEST} characters", "Shorten it, or prepare columns."
        )
    if half := _HALF.search(text.sql):
        raise text.refuse(
            half.start(),
            "what stands here is no character",
            "Write the statement in UTF-8.",
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
    if not tokens or tokens[0].token_type not in (Word.SELECT, Word.WITH):
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
        if token.token_type is Word.COLON:
            _refuse_nameless(text, token, after)
            continue
        if (
            previous is Word.COLON
            or token.token_type in (*_LITERALS, Word.IDENTIFIER)
            or previous is Word.DOT
        ):
            continue
        named = token.token_type in (Word.LEFT, Word.RIGHT) and calls
        named = named or _is_left_join(tokens[max(at - 1, 0) : at + 3], token)
        named |= previous is Word.ALIAS and bool(_WORD.fullmatch(token.text))
        named |= at == 0  # WITH: nothing else of these begins a statement
        named |= token.token_type is Word.WITH and _is_grouping(after)  # which is refused itself
        named |= token.token_type is Word.DCOLON and _is_day(tokens[max(at - 1, 0) : at + 2])
        if token.token_type in _ALTERNATIVES and not named:
            raise text.refuse(token.start, *_ALTERNATIVES[token.token_type])
        word = token.text.upper()
        if calls and word in _TYPES:
            raise text.refuse(token.start, *CASTS)
        if calls and _WORD.fullmatch(token.text) and word not in _BEFORE_BRACKET:
            raise text.refuse(
                token.start,
                f"there is no function {word}"
                if word in _FUNCTIONS
                else "there is no such function",
                _FUNCTIONS.get(word, _OTHER_FUNCTION),
            )
        if word != "IN" and [one.token_type for one in tokens[at + 1 : at + 3]] == _EMPTY:
            raise text.refuse(
                token.start,
                "nothing stands in these brackets",
                "Name what is meant: COUNT(*), SUM(column).",
            )
        if token.token_type is Word.STAR and previous in (Word.SELECT, Word.COMMA):
            raise text.refuse(
                token.start,
                "* is not in the language: a result is made of dimensions and aggregates",
                "Name the dimensions, and aggregates such as COUNT(*) or SUM(column).",
            )


def _refuse_nameless(text: Text, colon: Token, after: Token | None) -> None:
    """Refuse a colon that no name follows at once."""
    if after is None or after.start != colon.end + 1 or not names.is_name(as_named(after.text)):
        raise text.refuse(
            colon.start,
            f"after a colon stands the name of a parameter: {names.IN_WORDS}",
            "Write :year, and give its value as --param year=2024.",
        )


def as_named(typed: str) -> str:
    """A name, from how it was typed; it need not be one (contract/names.py)."""
    return names.typed(typed).lower()


def _is_left_join(around: Sequence[Token], token: Token) -> bool:
    """Whether a word is LEFT before [OUTER] JOIN, or that OUTER."""
    kinds = [one.token_type for one in around]
    place = around.index(token)
    if token.token_type is Word.OUTER:
        return kinds[:place] == [Word.LEFT] and kinds[place + 1 : place + 2] == [Word.JOIN]
    after = [kind for kind in kinds[place + 1 :] if kind is not Word.OUTER]
    return token.token_type is Word.LEFT and after[:1] == [Word.JOIN]


def _is_day(around: Sequence[Token]) -> bool:
    """Whether `'2026-01-31'::DATE` stands there."""
    return [one.token_type for one in around] == [Word.STRING, Word.DCOLON, Word.DATE]


def _is_grouping(token: Token | None) -> bool:
    return token is not None and token.token_type in (Word.ROLLUP, Word.CUBE)


def _is_counted(before: Sequence[Token]) -> bool:
    return [one.text.upper() for one in before] == ["COUNT", "("]


def _refuse_depth(text: Text, tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.token_type is Word.L_PAREN) - (token.token_type is Word.R_PAREN)
        if depth > DEEPEST:
            raise too_deep(text, token.start)


def too_deep(text: Text, at: int) -> MiheError:
    """The refusal of what is nested too deeply."""
    return text.refuse(
        at,
        f"more than {DEEPEST} brackets, or too many operators, inside each other",
        "Write conditions one after the other with AND.",
    )
