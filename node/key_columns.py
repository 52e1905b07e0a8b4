"""The key columns of a source, read by the core: which keys are valid, and how they are written.

A key column passes through this process as bytes, some 10^5 texts at a time. Where some key is
written otherwise than it should be, all canonical ones go to a file of lines of the same length,
which DuckDB reads beside the rows; where none is, the source's own texts are the keys.

Implements  DESIGN §6: canonical keys
Learns      the owner alone: the file is plaintext, in a scratch folder
"""

# Names pass through `quoted` and paths through `literal`; nobody else's SQL comes here.
# ruff: noqa: S608

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from contract.dataset import ColumnQuality, ColumnType, Description
from contract.keys import LENGTH, Reason, Strictness
from node import arrow
from node.duck import literal, quoted
from node.repeats import Repeats
from node.scratch import create
from psi.canonical import PLAIN, CanonicalColumn, canonical_column

KEPT = "_kept"
"""A view, once `read_keys` has made it."""

FIRST_ROWS = 10
"""Rows that a report names of those that something is wrong with."""

_COMMA, _LINE = b",\n"
_NONE = " " * LENGTH


@dataclass(frozen=True, slots=True)
class KeyQuality:
    """What was found in a key column."""

    quality: ColumnQuality
    distinct: bool
    """Whether no valid key repeats another; False says nothing."""


@dataclass(slots=True)
class FoundKeys:
    """What was found in one key column so far."""

    repeats: Repeats
    rows: int = 0
    nulls: int = 0
    invalid_rows: list[int] = field(default_factory=list)
    reasons: dict[Reason, int] = field(default_factory=dict)

    def add(self, texts: arrow.Texts, column: CanonicalColumn) -> None:
        """Some more rows, as they stand and as they are read."""
        first, self.rows = self.rows, self.rows + len(texts)
        self.repeats.add(column.fingerprints())
        if texts.nulls is not None:
            self.nulls += int(np.count_nonzero(texts.nulls))
        for reason, count in column.reasons().items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        left = FIRST_ROWS - len(self.invalid_rows)
        rows = np.flatnonzero(column.invalid)[:left] + first + 1
        self.invalid_rows += rows.tolist()

    def quality(self, name: str) -> KeyQuality:
        """What was found in all of it."""
        by_count = sorted(self.reasons.items(), key=lambda found: (-found[1], found[0]))
        quality = ColumnQuality(
            name=name,
            nulls=self.nulls,
            invalid=sum(self.reasons.values()),
            invalid_rows=tuple(self.invalid_rows),
            reasons={str(reason): count for reason, count in by_count},
        )
        return KeyQuality(quality, distinct=not self.repeats.found())


def read_keys(
    connection: DuckDBPyConnection, description: Description, file: Path
) -> dict[str, KeyQuality]:
    """Make the view KEPT: the rows of `_raw` with valid keys, in canonical form.

    `file`, which `connection` may read, is created if it takes one. What was found, by the column's
    name.
    """
    with ExitStack() as stack:
        columns = description.columns_of(ColumnType.KEY)
        found = {one.name: FoundKeys(Repeats(file.parent, stack)) for one in columns}
        plain = True
        for batch in _read(connection, description):
            for one, (texts, canonical) in zip(found.values(), batch, strict=True):
                one.add(texts, canonical)
                plain = plain and not np.any(canonical.findings != PLAIN)
        kept = {name: one.quality(name) for name, one in found.items()}
    if not plain:
        # Read once more: the file is the exception, and a source without it is not written twice.
        create(file)
        with file.open("wb") as lines:
            for batch in _read(connection, description):
                lines.write(_lines([canonical for _, canonical in batch]))
    _make_view(connection, description, None if plain else file)
    return kept


def _read(
    connection: DuckDBPyConnection, description: Description
) -> Iterator[list[tuple[arrow.Texts, CanonicalColumn]]]:
    """The key columns of some rows at a time, as they stand and as they are read."""
    columns = description.columns_of(ColumnType.KEY)
    if not columns:
        return
    strictness = Strictness(description.invalid_keys)
    names = ", ".join(quoted(column.name) for column in columns)
    for batch in arrow.texts(connection.sql(f"SELECT {names} FROM _read")):
        read = []
        for column, texts in zip(columns, batch, strict=True):
            assert column.key is not None
            canonical = canonical_column(column.key, texts.texts, texts.nulls, strictness)
            read.append((texts, canonical))
        yield read


def _lines(columns: Sequence[CanonicalColumn]) -> bytes:
    """A line of keys for each row, with commas between them and blanks for one that is none."""
    rows = len(columns[0].findings)
    table = np.empty((rows, len(columns), LENGTH + 1), dtype=np.uint8)
    for place, column in enumerate(columns):
        keys: NDArray[np.uint8] = table[:, place, :LENGTH]
        keys[:] = column.keys
        keys[column.invalid] = ord(" ")
    table[:, :, LENGTH] = _COMMA
    table[:, -1, LENGTH] = _LINE
    return table.tobytes()


def _make_view(connection: DuckDBPyConnection, description: Description, file: Path | None) -> None:
    if file is None:
        connection.execute(f"CREATE VIEW {KEPT} AS FROM _raw")
        return
    columns = description.columns_of(ColumnType.KEY)
    read = {column.name: f"_key_{place}" for place, column in enumerate(columns)}
    names = ", ".join(
        f"{read[column.name]} AS {quoted(column.name)}"
        if column.name in read
        else quoted(column.name)
        for column in description.column
    )
    valid = " AND ".join(f"{name} <> {literal(_NONE)}" for name in read.values())
    types = ", ".join(f"{name}: 'VARCHAR'" for name in read.values())
    # By position, so nothing is sorted or held, and the order of the source is kept.
    connection.execute(
        f"CREATE VIEW {KEPT} AS SELECT _row, {names} FROM _raw POSITIONAL JOIN "
        f"read_csv({literal(str(file))}, auto_detect = false, header = false, delim = ',', "
        f"quote = '', escape = '', columns = {{{types}}}) WHERE {valid}"
    )
