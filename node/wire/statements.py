"""Statements on the wire; their signatures are checked by the caller."""

from re import fullmatch

from contract.errors import BadMessage
from contract.identity import MAX_CERTIFICATE_BYTES
from contract.signing import MAX_BODY_BYTES, MAX_SIGNATURE_BYTES, Kind, Statement
from node.wire.bounded import NAME
from protos import statement_pb2


def statement_to_wire(statement: Statement) -> statement_pb2.Statement:
    """The protobuf form of a statement."""
    return statement_pb2.Statement(
        kind=statement.kind.value,
        org=statement.org,
        subject=statement.subject,
        body=statement.body,
        signature=statement.signature,
        certificate=statement.certificate,
    )


def statement_from_wire(message: statement_pb2.Statement, *, party: str | None = None) -> Statement:
    """A statement within its bounds, or BadMessage; its signature is not checked here."""
    within = (
        message.kind in {kind.value for kind in Kind}
        and fullmatch(NAME, message.org) is not None
        and len(message.subject) == 32
        and len(message.body) <= MAX_BODY_BYTES
        and 0 < len(message.signature) <= MAX_SIGNATURE_BYTES
        and 0 < len(message.certificate) <= MAX_CERTIFICATE_BYTES
    )
    if not within:
        raise BadMessage(
            "a statement is malformed or larger than allowed",
            party=party,
            fix="the sender's node is not following the protocol: compare versions",
        )
    return Statement(
        Kind(message.kind),
        message.org,
        message.subject,
        message.body,
        message.signature,
        message.certificate,
    )
