"""A result as an Arrow table: the one file that needs pyarrow (the extra `mihe[notebook]`).

What the columns are and the CSV in, a table out, by Arrow's own reader. It is told every type and
guesses none; a value that does not fit is a ValueError, never rounded (mihe/result.py says which
types, and reads the same file into Python's).
"""

from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa
from pyarrow import compute, csv
from pyarrow.parquet import write_table

from contract.dataset import MOST_DIGITS, ColumnType, ResultColumn


def table(columns: Sequence[ResultColumn], rows: BinaryIO) -> pa.Table:
    """The table; each field's metadata says type, kind of key and unit as the owner declared."""
    schema = pa.schema([_field(column) for column in columns])
    found = csv.read_csv(
        rows,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={field.name: _read_as(field.type) for field in schema},
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
        ),
    )
    if found.column_names != schema.names:
        raise ValueError
    cells = [_bare(found[column.name], column) for column in columns]
    return pa.table(
        [read.cast(field.type) for read, field in zip(cells, schema, strict=True)], schema=schema
    )


def parquet(rows: pa.Table) -> bytes:
    """The table as a Parquet file."""
    written = pa.BufferOutputStream()
    write_table(rows, written)
    return bytes(written.getvalue())


def _read_as(type_: pa.DataType) -> pa.DataType:
    # Arrow's reader knows decimals of 38 digits and no wider ones.
    return pa.string() if pa.types.is_decimal256(type_) else type_


def _bare(cells: pa.ChunkedArray, column: ResultColumn) -> pa.ChunkedArray:
    if column.type is not ColumnType.TEXT:
        return cells
    # An apostrophe in front keeps spreadsheets from running a text as a formula.
    return compute.replace_substring_regex(cells, pattern=r"\A'", replacement="")


def _field(column: ResultColumn) -> pa.Field:
    said = {"type": column.type, "key": column.key, "unit": column.unit}
    metadata = {name: str(value) for name, value in said.items() if value is not None}
    return pa.field(column.name, _type(column), metadata=metadata)


def _type(column: ResultColumn) -> pa.DataType:
    match column.type:
        case ColumnType.TEXT | ColumnType.KEY:
            return pa.string()
        case ColumnType.PERIOD:
            return pa.int32()
        case ColumnType.BOOLEAN:
            return pa.bool_()
        case ColumnType.DATE:
            return pa.date32()
        case ColumnType.INTEGER | ColumnType.DECIMAL:
            if column.significant is not None:
                return pa.float64()  # which holds 15
            if column.digits is None:
                return pa.int64()
            if column.digits <= MOST_DIGITS:
                return pa.decimal128(MOST_DIGITS, column.decimals)
            return pa.decimal256(2 * MOST_DIGITS, column.decimals)
