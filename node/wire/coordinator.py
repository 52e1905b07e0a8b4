"""What the coordinator says: on the line to it, and when it is looked at."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from re import fullmatch

from contract.errors import BadMessage
from contract.revocation import MAX_LIST_BYTES
from node.wire.bounded import NAME, require
from protos import coordinator_pb2

_PHASE = r"[a-z][a-z0-9_ .:-]{0,39}"
_LOG_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MILLISECONDS = 1 << 47  # far from the last year that a datetime has
_LARGEST = 2**63 - 1  # what a database counts to


def from_coordinator(message: coordinator_pb2.FromCoordinator) -> coordinator_pb2.FromCoordinator:
    """The message itself, or BadMessage if a number, id or name in it is out of bounds.

    Statements in it are read by `statement_from_wire`.
    """
    within = True
    match message.WhichOneof("what"):
        case "welcome":
            welcome = message.welcome
            within = len(welcome.log) == _LOG_BYTES and welcome.taken <= _LARGEST
        case "revocations":
            within = 0 < len(message.revocations.crl) <= MAX_LIST_BYTES
        case "told":
            within = 1 <= message.told.number <= _LARGEST
        case "taken":
            within = 1 <= message.taken.number <= _LARGEST
        case "progress":
            step = message.progress
            names = fullmatch(NAME, step.org) and fullmatch(_PHASE, step.phase)
            within = len(step.job) == 32 and names is not None
            within = within and max(step.done, step.total) <= _LARGEST
    if not within:
        raise BadMessage(
            "a message of the coordinator is malformed",
            party="coordinator",
            phase="attach",
            fix="the coordinator is not following the protocol: compare versions",
        )
    return message


@dataclass(frozen=True, slots=True)
class Looked:
    """What the coordinator says of itself, and whether it met this node at its address."""

    protocol: int
    version: str
    at: datetime
    reached: bool


def looked_from(answer: coordinator_pb2.LookAnswer) -> Looked:
    """The coordinator's answer to a preflight."""
    require(fullmatch(r"[0-9A-Za-z.+-]{1,32}", answer.version) is not None, "coordinator")
    require(answer.milliseconds < _LATEST_MILLISECONDS, "coordinator")
    at = _EPOCH + timedelta(milliseconds=answer.milliseconds)
    return Looked(answer.protocol, answer.version, at, answer.reached)
