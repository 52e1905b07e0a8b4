"""Messages of the protocols; their sizes are checked by the protocol that awaits them."""

from federated.join.messages import Blinded, Contribution, Served
from node.wire.bounded import parse
from node.wire.long_field import alone, field
from protos import join_pb2, psi_pb2
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.rr22.messages import Piece
from psi.star.messages import Key, Store
from psi.step import Message

_CONTENT = b"\x0a"  # the tag of the bytes of a piece, a key and a store


def message_to_wire(message: Message) -> bytes:
    """The content of the stream that carries a protocol message."""
    match message:
        case BlindedSet():
            return psi_pb2.EcdhBlinded(points=message.points).SerializeToString()
        case Evaluated():
            return psi_pb2.EcdhEvaluated(
                tags=message.tags, points=message.points
            ).SerializeToString()
        case Matched():
            return psi_pb2.EcdhMatched(matches=message.matches).SerializeToString()
        case Piece():
            return b"".join(field(_CONTENT, message.content))
        case Key() | Store():
            return b"".join(field(_CONTENT, message.content))
        case Blinded() | Served():
            return join_pb2.JoinPoints(points=message.points).SerializeToString()
        case Contribution():
            return join_pb2.JoinContribution(content=message.content).SerializeToString()
    raise TypeError(f"{type(message).__name__} has no form on the wire")


def message_from_wire(awaited: type[Message], raw: bytes, *, party: str) -> Message:
    """The protocol message of the type that is awaited; its sizes are checked by the protocol."""
    if awaited is BlindedSet:
        return BlindedSet(points=parse(psi_pb2.EcdhBlinded, raw, party).points)
    if awaited is Evaluated:
        evaluated = parse(psi_pb2.EcdhEvaluated, raw, party)
        return Evaluated(tags=evaluated.tags, points=evaluated.points)
    if awaited is Blinded:
        return Blinded(points=parse(join_pb2.JoinPoints, raw, party).points)
    if awaited is Served:
        return Served(points=parse(join_pb2.JoinPoints, raw, party).points)
    if awaited is Contribution:
        return Contribution(content=parse(join_pb2.JoinContribution, raw, party).content)
    if awaited is Matched:
        return Matched(matches=parse(psi_pb2.EcdhMatched, raw, party).matches)
    if issubclass(awaited, Piece):
        return awaited(content=_content(psi_pb2.Rr22Message, raw, party))
    for shared in (Key, Store):
        if awaited is shared:
            return shared(content=_content(psi_pb2.StarMessage, raw, party))
    raise TypeError(f"{awaited.__name__} has no form on the wire")


def _content(
    kind: type[psi_pb2.Rr22Message | psi_pb2.StarMessage], raw: bytes, party: str
) -> bytes:
    """Of a message that has bytes and nothing else."""
    content = alone(_CONTENT, raw)
    return parse(kind, raw, party).content if content is None else content
