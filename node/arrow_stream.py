"""Columns of texts handed to DuckDB by Arrow's C stream interface: node/arrow.py the other way.

Implements  Arrow C data and C stream interfaces (node/arrow_structures.py), of which the formats
            `+s` (a batch) and `u` (texts with 32-bit offsets)
Learns      the owner alone
"""

from collections.abc import Callable, Iterator, Sequence
from ctypes import (
    POINTER,
    addressof,
    byref,
    c_char_p,
    c_void_p,
    cast,
    memmove,
    pointer,
    py_object,
    pythonapi,
    sizeof,
)
from errno import EIO
from itertools import count
from typing import Any

import numpy as np

from node.arrow import Texts
from node.arrow_structures import (
    BATCH,
    STREAM,
    TEXTS,
    Array,
    GetLastError,
    GetNext,
    GetSchema,
    ReleaseArray,
    ReleaseSchema,
    ReleaseStream,
    Schema,
    Stream,
)

_capsule_of = pythonapi.PyCapsule_New
_capsule_of.restype = py_object
_capsule_of.argtypes = [c_void_p, c_char_p, c_void_p]

_NULLABLE = 2
_BUFFERS = 3

_kept: dict[int, object] = {}
"""What a structure that somebody else holds points to, until it is released."""
_numbers = count(1)


class TextStream:
    """Batches that DuckDB asks for, from threads of its own, each once.

    It is registered in a connection, and must live until it is unregistered.
    """

    def __init__(self, names: Sequence[str], batches: Iterator[list[Texts]]) -> None:
        """Each batch has a column for each of the names."""
        self._names = [name.encode() for name in names]
        self._batches = batches
        self._stream = Stream(
            get_schema=GetSchema(self._schema),
            get_next=GetNext(self._next),
            get_last_error=GetLastError(_no_words),
            release=_release_stream,
        )
        self.error: BaseException | None = None
        """What the batches raised: DuckDB then says that a stream failed, and nothing more."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream itself, in a capsule that does not own it."""
        return _capsule_of(addressof(self._stream), STREAM, None)

    def _schema(self, _: object, into: Any) -> int:
        children = [Schema() for _ in self._names]
        for child, name in zip(children, self._names, strict=True):
            _fill(child, _release_schema, name, format=TEXTS, name=name, flags=_NULLABLE)
        _fill_parent(into.contents, _release_schema, children, format=BATCH, name=b"")
        return 0

    def _next(self, _: object, into: Any) -> int:
        try:
            batch = next(self._batches, None)
            if batch is None:
                into.contents.release = ReleaseArray()
                return 0
            _fill_batch(into.contents, batch)
        # None can pass through DuckDB, and one that was swallowed would make the rows fewer.
        except BaseException as error:  # noqa: BLE001
            self.error = error
            return EIO
        return 0


def _fill_batch(into: Array, batch: Sequence[Texts]) -> None:
    children = [Array() for _ in batch]
    for child, texts in zip(children, batch, strict=True):
        offsets = np.zeros(len(texts) + 1, dtype=np.int32)
        offsets[1:] = texts.texts.ends
        nulls = texts.nulls
        valid = None if nulls is None else np.packbits(~nulls, bitorder="little")
        buffers = (c_void_p * _BUFFERS)(
            None if valid is None else valid.ctypes.data,
            offsets.ctypes.data,
            cast(c_char_p(texts.texts.joined), c_void_p).value,
        )
        _fill(
            child,
            _release_array,
            (valid, offsets, texts.texts.joined, buffers),
            length=len(texts),
            null_count=0 if nulls is None else int(np.count_nonzero(nulls)),
            n_buffers=_BUFFERS,
            buffers=buffers,
        )
    none = (c_void_p * 1)(None)
    rows = len(batch[0])
    _fill_parent(into, _release_array, children, none, length=rows, n_buffers=1, buffers=none)


def _fill_parent(
    into: Schema | Array,
    release: Callable[[Any], None],
    children: Sequence[Schema | Array],
    *kept: object,
    **fields: object,
) -> None:
    pointers = (POINTER(type(into)) * len(children))(*map(pointer, children))
    held = (children, pointers, *kept)
    _fill(into, release, held, n_children=len(children), children=pointers, **fields)


def _fill(
    into: Schema | Array, release: Callable[[Any], None], kept: object, **fields: object
) -> None:
    """Make a structure that its holder releases; until then, `kept` is."""
    number = next(_numbers)
    _kept[number] = (kept, fields)
    made = type(into)(release=release, private_data=number, **fields)
    # Field by field, texts would be copied, and the copies lost.
    memmove(byref(into), byref(made), sizeof(made))


def _released(held: Any) -> None:
    structure = held.contents
    for place in range(structure.n_children):
        child = structure.children[place]
        if child.contents.release:
            child.contents.release(child)
    structure.release = type(structure.release)()
    del _kept[structure.private_data]


def _stream_released(held: Any) -> None:
    """Its owner drops it: here is nothing to do."""
    held.contents.release = ReleaseStream()


def _no_words(_: object) -> None:
    """Why it failed is in `TextStream.error`."""


_release_schema = ReleaseSchema(_released)
_release_array = ReleaseArray(_released)
_release_stream = ReleaseStream(_stream_released)
