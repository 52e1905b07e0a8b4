"""A result as an Arrow table: the one file that needs pyarrow (the extra `mihe[notebook]`).

Pure: what the columns are and the cells of the rows in, a table out. Types follow from the columns
alone (mihe/result.py says which); a value that does not fit is a ValueError, never rounded.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import pyarrow as pa

from contract.dataset import MOST_DIGITS, ColumnType, ResultColumn

_ROWS_AT_ONCE = 1 << 16


def table(columns: Sequence[ResultColumn], rows: Iterator[Sequence[object]]) -> pa.Table:
    """The table; each field's metadata says type, kind of key and unit as the owner declared."""
    schema = pa.schema([_field(column) for column in columns])
    batches = []
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        batches.append(_batch(zip(*batch, strict=True), schema))
    return pa.Table.from_batches(batches, schema=schema)


def _batch(columns: Iterable[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(values, type_) for values, type_ in zip(columns, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


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
            if column.digits is None:
                return pa.int64()
            if column.digits <= MOST_DIGITS:
                return pa.decimal128(MOST_DIGITS, column.decimals)
            return pa.decimal256(2 * MOST_DIGITS, column.decimals)
