"""Names and types out of an Arrow schema, read by the C data interface; Arrow itself isn't needed.

Implements  Arrow C data interface, ArrowSchema (https://arrow.apache.org/docs/format/CDataInterface)
Learns      the owner alone
Not for     memory that anybody but a driver of this process has filled in
"""

from collections.abc import Iterator
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_void_p, sizeof, string_at
from dataclasses import dataclass


class _Schema(Structure):
    pass


_Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(_Schema))),
    ("dictionary", POINTER(_Schema)),
    ("release", c_void_p),
    ("private_data", c_void_p),
]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result."""

    name: str
    metadata: dict[str, str]


def fields_at(address: int) -> list[Field]:
    """The columns of the result whose ArrowSchema lies at `address`, while it is held."""
    schema = _Schema.from_address(address)
    children = (schema.children[i].contents for i in range(schema.n_children))
    return [Field((child.name or b"").decode(), dict(_pairs(child.metadata))) for child in children]


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
