"""Frames between two nodes: what a link's records hold (node/link.py)."""

from dataclasses import dataclass

from contract.signing import Statement
from node.wire.bounded import malformed, name_in, parse, require, too_large
from node.wire.long_field import field
from node.wire.statements import statement_from_wire, statement_to_wire
from protos import link_pb2

CHUNK_BYTES = 1 << 20
MAX_RECORD_BYTES = CHUNK_BYTES + (64 << 10)
MAX_STREAM_BYTES = 1 << 33
MAX_STREAMS = 2048
# Tags of fields of bytes: of a frame that is a chunk, and of what a chunk holds.
_CHUNK, _CONTENT = b"\x1a", b"\x1a"


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame each way after every handshake: who, which run, and where its streams stand."""

    run: bytes
    org: str
    received: dict[str, "Ack"]


@dataclass(frozen=True, slots=True)
class Open:
    """The beginning of a stream."""

    stream: str
    size: int
    salt: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """A piece of a stream; every one but the last has CHUNK_BYTES."""

    stream: str
    number: int
    content: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Ack:
    """What of a stream has arrived; `receipted` once its receipt was verified and kept."""

    stream: str
    next: int
    receipted: bool


@dataclass(frozen=True, slots=True)
class Receipted:
    """The sender's receipt at the end of a stream."""

    stream: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life of the sender's part of the run (node/pulse.py)."""

    number: int
    step: int
    awaits: int


LinkFrame = Hello | Open | Chunk | Ack | Receipted | Pulse


def frame_to_wire(frame: LinkFrame) -> bytes:
    """The bytes of one frame."""
    match frame:
        case Hello(run, org, received):
            acks = [_ack(ack) for ack in received.values()]
            message = link_pb2.LinkFrame(hello=link_pb2.LinkHello(run=run, org=org, received=acks))
        case Open(stream, size, salt):
            message = link_pb2.LinkFrame(
                open=link_pb2.StreamOpen(stream=stream, size=size, salt=salt)
            )
        case Chunk(stream, number, content):
            head = link_pb2.Chunk(stream=stream, number=number).SerializeToString()
            return b"".join(field(_CHUNK, head, *field(_CONTENT, content)))
        case Ack():
            message = link_pb2.LinkFrame(ack=_ack(frame))
        case Receipted(stream, statement):
            message = link_pb2.LinkFrame(
                receipt=link_pb2.StreamReceipt(
                    stream=stream, statement=statement_to_wire(statement)
                )
            )
        case Pulse(number, step, awaits):
            message = link_pb2.LinkFrame(
                pulse=link_pb2.Pulse(number=number, step=step, awaits=awaits)
            )
    return message.SerializeToString()


def frame_from_wire(raw: bytes | bytearray, *, party: str) -> LinkFrame:
    """One frame within its bounds, or FrameTooLarge or BadMessage naming `party`."""
    if len(raw) > MAX_RECORD_BYTES:
        raise too_large(party)
    message = parse(link_pb2.LinkFrame, raw, party)
    match message.WhichOneof("what"):
        case "hello":
            hello = message.hello
            require(len(hello.run) == 32 and len(hello.received) <= MAX_STREAMS, party)
            acks = [_ack_from(ack, party) for ack in hello.received]
            return Hello(hello.run, name_in(hello.org, party), {ack.stream: ack for ack in acks})
        case "open":
            opened = message.open
            require(len(opened.salt) == 32 and opened.size <= MAX_STREAM_BYTES, party)
            return Open(name_in(opened.stream, party), opened.size, opened.salt)
        case "chunk":
            if len(message.chunk.content) > CHUNK_BYTES:
                raise too_large(party)
            stream = name_in(message.chunk.stream, party)
            return Chunk(stream, message.chunk.number, message.chunk.content)
        case "ack":
            return _ack_from(message.ack, party)
        case "receipt":
            statement = statement_from_wire(message.receipt.statement, party=party)
            return Receipted(name_in(message.receipt.stream, party), statement)
        case "pulse":
            return Pulse(message.pulse.number, message.pulse.step, message.pulse.awaits)
        case _:
            raise malformed(party)


def _ack(ack: Ack) -> link_pb2.Ack:
    return link_pb2.Ack(stream=ack.stream, next=ack.next, receipted=ack.receipted)


def _ack_from(ack: link_pb2.Ack, party: str) -> Ack:
    return Ack(name_in(ack.stream, party), ack.next, ack.receipted)
