"""An import in one pass: rows of plain CSV files become the snapshot, keys are read as they pass.

No table is made of the source, and nothing is read twice. It is for rows with nothing wrong: at the
first sign of anything else (a key that is none, a value that can't be, a file that takes a whole
reader) it gives up, and the import begins anew with node/sources/stage.py and node/key_columns.py.
So there is one judge of what is wrong and where. What is alike in several rows is counted on the
snapshot, as it always is.

Implements  DESIGN §6: canonical keys, declared types
Learns      the owner alone
"""

# No names come in but ours.
# ruff: noqa: S608

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from contract.dataset import Column, ColumnQuality, ColumnType, Description, QualityReport
from contract.errors import MiheError
from contract.keys import LENGTH, Strictness
from node.arrow import Texts
from node.arrow_stream import TextStream
from node.key_columns import KEPT, FoundKeys
from node.quality import (
    WRITTEN,
    Found,
    Outputs,
    report_of,
    value_columns,
    valueless,
    write_rows,
)
from node.repeats import Repeats
from node.sources.files import CsvFile
from node.sources.folder import Files
from node.sources.plain import NotPlainError
from node.sources.stage import Source, Staged, columns_in
from psi.canonical import PLAIN, canonical_column
from psi.keys import Keys

_PASSING = "_passing"


class _SomethingWrongError(Exception):
    """Whatever it is, it is found and said elsewhere."""


def import_in_one_pass(
    connection: DuckDBPyConnection, source: Source, description: Description, outputs: Outputs
) -> tuple[QualityReport, Path] | None:
    """Write a snapshot of the source's rows; where it is. None: it has to be looked at closely.

    Raises what is wrong with rows that are alike in something, and StorageFull.
    """
    if not isinstance(source, Files):
        return None
    files = [part for part in source.parts if isinstance(part, CsvFile)]
    if len(files) < len(source.parts):
        return None
    with ExitStack() as stack:
        passing = _Passing(connection, description, outputs.rows.parent, stack)
        try:
            with source.opened():
                passing.write(files, outputs)
            found = passing.found()
        except _SomethingWrongError:
            connection.execute(f"DROP VIEW IF EXISTS {WRITTEN}")
            outputs.rows.unlink(missing_ok=True)
            return None
    # All rows were kept, so they are numbered as in the source.
    connection.execute(f"CREATE VIEW {KEPT} AS SELECT _at + 1 AS _row, * FROM {WRITTEN}")
    staged = Staged(passing.titles, passing.ends)
    return report_of(connection, description, staged, outputs, found)


class _Passing:
    """The rows on their way, and what was found in them."""

    def __init__(
        self,
        connection: DuckDBPyConnection,
        description: Description,
        folder: Path,
        stack: ExitStack,
    ) -> None:
        self._connection = connection
        self._description = description
        self._keys = {
            column.name: FoundKeys(Repeats(folder, stack))
            for column in description.columns_of(ColumnType.KEY)
        }
        self._nulls = {column.name: 0 for column in value_columns(description)}
        self.titles: list[str] = []
        self.ends: list[int] = []

    def write(self, files: Sequence[CsvFile], outputs: Outputs) -> None:
        """Let all rows pass. Raises _SomethingWrongError."""
        connection, description = self._connection, self._description
        stream = TextStream([column.name for column in description.column], self._rows(files))
        connection.register(_PASSING, stream)
        try:
            write_rows(connection, description, _PASSING, outputs)
        except DuckDBError:
            if isinstance(stream.error, _SomethingWrongError | NotPlainError | MiheError):
                raise _SomethingWrongError from None
            if stream.error is not None:
                raise stream.error from None
            raise
        finally:
            connection.unregister(_PASSING)

    def found(self) -> Found:
        """What there is to say of each column. Raises _SomethingWrongError."""
        columns = value_columns(self._description)
        missing = valueless(self._connection, columns, WRITTEN)
        # A value that can't be is NULL; in the source it was none.
        if missing != tuple(self._nulls.values()):
            raise _SomethingWrongError
        return Found(
            keys={name: found.quality(name) for name, found in self._keys.items()},
            values={
                name: ColumnQuality(name=name, nulls=nulls, invalid=0, invalid_rows=())
                for name, nulls in self._nulls.items()
            },
        )

    def _rows(self, files: Sequence[CsvFile]) -> Iterator[list[Texts]]:
        rows = 0
        for file in files:
            columns = columns_in(self._connection, file, self._description)
            for batch in file.texts(columns):
                rows += len(batch[0])
                read = zip(self._description.column, batch, strict=True)
                yield [self._checked(column, texts) for column, texts in read]
            self.titles.append(file.title)
            self.ends.append(rows)

    def _checked(self, column: Column, texts: Texts) -> Texts:
        """A column of some rows as it goes into the snapshot."""
        if column.key is None:
            nulls = 0 if texts.nulls is None else int(np.count_nonzero(texts.nulls))
            if nulls and not column.nullable:
                raise _SomethingWrongError
            self._nulls[column.name] += nulls
            return texts
        strictness = Strictness(self._description.invalid_keys)
        read = canonical_column(column.key, texts.texts, texts.nulls, strictness)
        if np.any(read.invalid):
            raise _SomethingWrongError
        self._keys[column.name].add(texts, read)
        if not np.any(read.findings != PLAIN):
            return texts
        ends = np.arange(1, len(texts) + 1, dtype=np.uint32) * np.uint32(LENGTH)
        return Texts(Keys(read.keys.tobytes(), ends), None)
