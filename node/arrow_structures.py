"""Arrow's C structures, as ctypes lays them out: a schema, an array, a stream of arrays.

Implements  Arrow C data and C stream interfaces, ArrowSchema, ArrowArray, ArrowArrayStream
            (https://arrow.apache.org/docs/format/CDataInterface, …/CStreamInterface)
Not for     memory that anybody but a driver of this process has filled in
"""

from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p

STREAM = b"arrow_array_stream"
"""The name of a capsule that holds a stream."""

BATCH, TEXTS = b"+s", b"u"
"""The formats of some rows, whose children are columns, and of texts with 32-bit offsets."""


class Schema(Structure):
    """What a result's columns are called and hold."""


class Array(Structure):
    """A column of some rows, or the rows."""


class Stream(Structure):
    """Rows, batch after batch."""


ReleaseSchema = CFUNCTYPE(None, POINTER(Schema))
ReleaseArray = CFUNCTYPE(None, POINTER(Array))
ReleaseStream = CFUNCTYPE(None, POINTER(Stream))
GetSchema = CFUNCTYPE(c_int, POINTER(Stream), POINTER(Schema))
GetNext = CFUNCTYPE(c_int, POINTER(Stream), POINTER(Array))
# The address of a text: ctypes can't return one from a callback.
GetLastError = CFUNCTYPE(c_void_p, POINTER(Stream))

Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(Schema))),
    ("dictionary", POINTER(Schema)),
    ("release", ReleaseSchema),
    ("private_data", c_void_p),
]
Array._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(Array))),
    ("dictionary", POINTER(Array)),
    ("release", ReleaseArray),
    ("private_data", c_void_p),
]
Stream._fields_ = [
    ("get_schema", GetSchema),
    ("get_next", GetNext),
    ("get_last_error", GetLastError),
    ("release", ReleaseStream),
    ("private_data", c_void_p),
]
