"""An error as it is stored and sent: the same words on every side of a job."""

from typing import Annotated

from pydantic import StringConstraints

from contract.canonical import Frozen, canonical_bytes, parse
from contract.errors import BY_CODE, BadMessage, MiheError

MAX_CAUSE_BYTES = 4096


class Cause(Frozen):
    """Code, party, phase, rule and fix of an error; nothing personal, by the rule of errors.py."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{3,40}$")]
    what: Annotated[str, StringConstraints(max_length=600)]
    fix: Annotated[str, StringConstraints(max_length=600)]
    party: Annotated[str, StringConstraints(max_length=64)] | None = None
    phase: Annotated[str, StringConstraints(max_length=40)] | None = None
    rule: Annotated[str, StringConstraints(max_length=200)] | None = None


def cause_of(error: MiheError) -> Cause:
    """The error in the form that is stored and sent."""
    return Cause(
        code=error.code,
        what=error.what[:600],
        fix=error.fix[:600],
        party=error.party,
        phase=error.phase,
        rule=error.rule,
    )


def error_of(cause: Cause) -> MiheError:
    """The error that a stored or received cause describes; an unknown code counts as the peer's."""
    return BY_CODE.get(cause.code, BadMessage)(
        cause.what, fix=cause.fix, party=cause.party, phase=cause.phase, rule=cause.rule
    )


def to_json(error: MiheError) -> str:
    """The error's cause as canonical JSON."""
    return canonical_bytes(cause_of(error)).decode()


def from_json(text: str) -> MiheError:
    """The error that `to_json` wrote; BadMessage if it did not."""
    return error_of(parse(Cause, text.encode(), max_bytes=MAX_CAUSE_BYTES))
