"""Pieces of an owner's SQL: names are quoted, and what is written is for its DuckDB.

Implements  federated/SPEC.md §3.2: SQL is built of checked parts, never of text
Learns      nobody
"""

from collections.abc import Iterable

from sqlglot import exp


def named(value: exp.Expr, name: str) -> exp.Expr:
    """A value that is selected under a name."""
    return exp.alias_(value, name, quoted=True)


def alias(name: str) -> exp.TableAlias:
    """What a table, or a sub-query, is called."""
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def names_in(trees: Iterable[exp.Expr]) -> set[str]:
    """The names of the columns that are read."""
    return {column.name for tree in trees for column in tree.find_all(exp.Column)}


def in_duckdb(tree: exp.Expr) -> str:
    """As it is run."""
    written: str = tree.sql(dialect="duckdb", identify=True)
    return written
