"""Arrow without Arrow: a schema's names, and columns of texts, read by the C data interface.

DuckDB and the PostgreSQL driver hand out what they found as Arrow's C structures. Reading these
makes no Python object for each row, and asks for no library.

Implements  Arrow C data and C stream interfaces (node/arrow_structures.py), of which the formats
            `+s` (a batch) and `u` (texts with 32-bit offsets)
Learns      the owner alone
Not for     memory that anybody but a driver of this process has filled in
"""

from collections.abc import Iterator
from ctypes import byref, c_char_p, c_int32, c_void_p, py_object, pythonapi, sizeof, string_at
from dataclasses import dataclass

import duckdb
import numpy as np
from duckdb import DuckDBPyRelation
from numpy.typing import NDArray

from node.arrow_structures import STREAM, TEXTS, Array, Schema, Stream
from psi.keys import Keys

_pointer_in = pythonapi.PyCapsule_GetPointer
_pointer_in.restype = c_void_p
_pointer_in.argtypes = [py_object, c_char_p]

_OUT_OF_MEMORY = "Out of Memory Error"


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result."""

    name: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Texts:
    """A column of some rows."""

    texts: Keys
    """In UTF-8; of a row that is NULL, any."""
    nulls: NDArray[np.bool_] | None
    """Which rows are NULL; None if none is."""

    def __len__(self) -> int:
        return len(self.texts)


def fields_at(address: int) -> list[Field]:
    """The columns of the result whose ArrowSchema lies at `address`, while it is held."""
    schema = Schema.from_address(address)
    children = (schema.children[i].contents for i in range(schema.n_children))
    return [Field((child.name or b"").decode(), dict(_pairs(child.metadata))) for child in children]


def texts(relation: DuckDBPyRelation) -> Iterator[list[Texts]]:
    """Run a query whose columns are all VARCHAR; its columns, some 10^5 rows at a time, in order.

    Raises what `duckdb` raises. The query's connection does nothing else meanwhile.
    """
    capsule = relation.__arrow_c_stream__()  # releases the stream when it goes
    stream = Stream.from_address(_pointer_in(capsule, STREAM))
    _require_texts(stream)
    while True:
        batch = Array()
        _check(stream, stream.get_next(byref(stream), byref(batch)))
        if not batch.release:
            return
        try:
            columns = [_texts(batch.children[i].contents) for i in range(batch.n_children)]
        finally:
            batch.release(byref(batch))
        yield columns


def _require_texts(stream: Stream) -> None:
    schema = Schema()
    _check(stream, stream.get_schema(byref(stream), byref(schema)))
    try:
        formats = {schema.children[i].contents.format for i in range(schema.n_children)}
    finally:
        schema.release(byref(schema))
    assert formats == {TEXTS}, "a query of ours is of texts"


def _check(stream: Stream, code: int) -> None:
    if code == 0:
        return
    at = stream.get_last_error(byref(stream))
    said = string_at(at).decode(errors="replace") if at else ""
    kind = duckdb.OutOfMemoryException if said.startswith(_OUT_OF_MEMORY) else duckdb.Error
    raise kind(said)


def _texts(array: Array) -> Texts:
    validity, offsets, data = (array.buffers[i] for i in range(3))
    begin, ends = 0, np.zeros(0, dtype=np.uint32)
    if array.length:
        size = (array.length + 1) * sizeof(c_int32)
        raw = string_at(offsets + array.offset * sizeof(c_int32), size)
        places = np.frombuffer(raw, dtype=np.uint32)
        begin, ends = int(places[0]), places[1:] - places[0]
    length = int(ends[-1]) if len(ends) else 0
    return Texts(
        texts=Keys(string_at(data + begin, length) if length else b"", ends),
        nulls=_nulls(validity, array) if validity and array.null_count else None,
    )


def _nulls(validity: int, array: Array) -> NDArray[np.bool_]:
    """A bit for each row, the lowest of a byte first, says that the row is not NULL."""
    last = array.offset + array.length
    packed = np.frombuffer(string_at(validity, (last + 7) // 8), dtype=np.uint8)
    bits = np.unpackbits(packed, bitorder="little", count=last)
    nulls: NDArray[np.bool_] = bits[array.offset :] == 0
    return nulls


def _pairs(address: int | None) -> Iterator[tuple[str, str]]:
    """Metadata is a count, then keys and values, each behind its length; all in native order."""
    if not address:
        return
    count = c_int32.from_address(address).value
    at = address + sizeof(c_int32)
    for _ in range(count):
        texts = []
        for _ in range(2):
            length = c_int32.from_address(at).value
            texts.append(string_at(at + sizeof(c_int32), length).decode())
            at += sizeof(c_int32) + length
        yield texts[0], texts[1]
