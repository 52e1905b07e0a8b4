"""A long field of bytes, written and read as protobuf does, but without its copies.

Implements  Protocol Buffers' encoding of a length-delimited field: tag, length as a varint, bytes
            (docs/decisions/0043: the library copies such a field three times each way)
Not for     fields of any other type, nor for bytes that are bounded by nobody: a frame and a
            message have been bounded before they come here
"""

_SEVEN_BITS, _LONGEST_VARINT = 0x7F, 5


def field(tag: bytes, *content: bytes | memoryview) -> tuple[bytes | memoryview, ...]:
    """A field that holds all of `content`, which is not empty, as pieces to be joined."""
    return tag, _varint(sum(map(len, content))), *content


def alone(tag: bytes, raw: bytes) -> bytes | None:
    """The content of a message that is one such field, in the form that everybody writes."""
    for size in range(1, _LONGEST_VARINT + 1):
        head = tag + _varint(max(len(raw) - len(tag) - size, 0))
        if len(head) == len(tag) + size and raw.startswith(head):
            return raw[len(head) :]
    return None


def _varint(number: int) -> bytes:
    """Seven bits a byte, low first; all but the last with the highest bit set."""
    written = bytearray()
    while number > _SEVEN_BITS:
        written.append(number & _SEVEN_BITS | ~_SEVEN_BITS & 0xFF)
        number >>= 7
    return bytes((*written, number))
