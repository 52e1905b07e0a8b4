"""What every reader of bytes from outside does: bound, then parse, then check, and name the fault.

Only this folder parses what others send to a node. Signatures are checked by the caller.
"""

from re import fullmatch
from typing import Final, TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from contract.errors import BadMessage, FrameTooLarge

NAME: Final = r"[a-z][a-z0-9_]{0,31}"
"""Of organisations and streams. Errors and logs repeat them before any signature is checked."""

P = TypeVar("P", bound=Protobuf)


def parse(kind: type[P], raw: bytes | bytearray, party: str) -> P:
    """The message, or BadMessage naming `party`; its fields are not bounded yet."""
    try:
        return kind.FromString(raw)  # type: ignore[arg-type]  # it takes any bytes, not its stubs
    except DecodeError:
        raise malformed(party) from None


def name_in(text: str, party: str) -> str:
    """The name of an organisation or a stream, or BadMessage naming `party`."""
    require(fullmatch(NAME, text) is not None, party)
    return text


def require(within: bool, party: str) -> None:
    """Raise BadMessage naming `party`, unless what it sent is within its bounds."""
    if not within:
        raise malformed(party)


def malformed(party: str) -> BadMessage:
    """What is raised for bytes that nobody who follows the protocol writes."""
    return BadMessage(
        "a frame is malformed",
        party=party,
        phase="link",
        fix="the peer's node is not following the protocol: compare versions",
    )


def too_large(party: str) -> FrameTooLarge:
    """What is raised for more bytes than a frame may have."""
    return FrameTooLarge(
        "a frame is larger than 1 MiB",
        party=party,
        phase="link",
        fix="the peer's node is not following the protocol: compare versions",
    )
