"""The canonical form of a key (contract/keys.py) in an owner's own SQL, for DuckDB.

Implements  federated/SPEC.md §3.9: of one column its kind and its text, of several the netstrings
            of these; columns are canonical since the import, other types have one text each
Learns      the owner alone
"""

from collections.abc import Sequence

from sqlglot import exp

from contract.keys import PartKind
from federated.query.owner_sql import in_duckdb


def canonical_key(parts: Sequence[tuple[PartKind, exp.Expr]]) -> exp.Expr:
    """Of columns none of which is NULL, a text whose bytes are in UTF-8."""
    tagged = [_concat(_text(f"{kind}:"), value) for kind, value in parts]
    if len(tagged) == 1:
        return tagged[0]
    netstrings = [
        piece
        for part in tagged
        for piece in (_function("strlen", part.copy()), _text(":"), part, _text(","))
    ]
    return _concat(_text("tuple:"), *netstrings)


def key_in_sql(columns: Sequence[tuple[PartKind, str]]) -> str:
    """The same of columns by their names; NULL where one of them is."""
    named = [(kind, exp.column(name, quoted=True)) for kind, name in columns]
    whole = exp.and_(
        *(exp.not_(exp.Is(this=one.copy(), expression=exp.Null())) for _, one in named)
    )
    return in_duckdb(exp.Case().when(whole, canonical_key(named)))


def _concat(*pieces: exp.Expr) -> exp.Expr:
    # Of no piece that may be NULL: concat would pass it over.
    return _function("concat", *pieces)


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)
