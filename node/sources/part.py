"""What every kind of source is to an import: parts that are read one after the other.

A file is one part, a folder has one for each file, a table or a SELECT in a database is one. A kind
of source is a file of this package with its own `Part`; whatever is common to all (types, names,
row numbers) is `stage`'s, so a part only says what columns it has and where to read them.

Learns      the owner alone
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from duckdb import DuckDBPyConnection

from contract.errors import UnreadableSource

TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True)
class Found:
    """A column that a part has."""

    name: str
    stored: str
    """Its type in DuckDB's words, without parameters; VARCHAR says that it is text."""
    sql: str
    """What gives its values, of the rows that `Part.rows` gives."""


class Part(Protocol):
    """One of the pieces that a source consists of."""

    @property
    def title(self) -> str:
        """What it is called in a message, such as `the source of loans`."""

    def columns(self, connection: DuckDBPyConnection) -> Sequence[Found]:
        """The columns that it has; UnreadableSource if it can't be read."""

    def rows(self, connection: DuckDBPyConnection, wanted: Sequence[Found]) -> str:
        """What to write after FROM to read the `wanted` columns."""

    def fault(self, message: str) -> UnreadableSource:
        """What DuckDB means by `message`, of which nothing but a row number may be used."""


def unreadable(title: str, what: str, fix: str, rule: str | None = None) -> UnreadableSource:
    """The error that says what is wrong with a part."""
    return UnreadableSource(f"{title} {what}", fix=fix, rule=rule)
