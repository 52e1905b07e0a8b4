"""Where a further attempt of a run in buckets goes on: both roles.

Implements  psi/rr22/SPEC.md §11: Fresh → AwaitFiled → Agreed
Learns      how many buckets the other has filed: one more or one less than oneself, or as many
Secrets     the two owners' halves of the items' key, which an owner keeps sealed for as long as the
            job lasts; no secret of a bucket outlives its attempt
Not safe    against a peer that says that its last bucket is not filed: it plays that one again,
            with other items if it likes
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from contract.errors import BadMessage, MiheError
from psi.refusals import require_length
from psi.rr22.items import Halves, Scattering
from psi.rr22.messages import ReceiverFiled, SenderFiled
from psi.rr22.parameters import Parameters, Role
from psi.step import Ready

_COUNT_BYTES: Final = 8
_DIGEST_BYTES: Final = 32
FILED_BYTES: Final = _COUNT_BYTES + _DIGEST_BYTES
_RULE: Final = "psi/rr22/SPEC.md §11"
_TAG: Final = b"mihe/psi-rr22/filed/v1"
_NOTHING: Final = bytes(FILED_BYTES)

MOST_APART: Final = 1
"""Buckets by which two parties' files may differ: neither begins one before it has filed the last,
and neither ends one without the other."""


@dataclass(frozen=True, slots=True, repr=False)
class Filed:
    """What an owner has on its disk of a job: whose blocks they are, and of how many buckets."""

    halves: Halves
    buckets: int

    @property
    def message(self) -> bytes:
        """How it is told."""
        halves = self.halves
        named = sha256(_TAG + halves.run_id + halves.receivers + halves.senders).digest()
        return self.buckets.to_bytes(_COUNT_BYTES, "little") + named


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has told nothing yet; `filed` is None if nothing was filed."""

    parameters: Parameters
    role: Role
    filed: Filed | None

    def begin(self) -> tuple["AwaitFiled", ReceiverFiled | SenderFiled]:
        """How many buckets are filed here, and under which key."""
        content = _NOTHING if self.filed is None else self.filed.message
        message = ReceiverFiled(content) if self.role == "receiver" else SenderFiled(content)
        return AwaitFiled(self.parameters, self.role, self.filed), message


@dataclass(frozen=True, slots=True, repr=False)
class AwaitFiled:
    """Has told its own."""

    parameters: Parameters
    role: Role
    filed: Filed | None

    @property
    def awaits(self) -> type[ReceiverFiled] | type[SenderFiled]:
        """The other's."""
        return SenderFiled if self.role == "receiver" else ReceiverFiled

    def advance(self, message: ReceiverFiled | SenderFiled) -> tuple["Agreed", None]:
        """Where both go on. Raises BadMessage for what no honest party can have filed."""
        require_length("what is filed", message.content, FILED_BYTES, _RULE)
        theirs = int.from_bytes(message.content[:_COUNT_BYTES], "little")
        ours = 0 if self.filed is None else self.filed.buckets
        if theirs > self.parameters.buckets:
            raise _refused(f"{theirs} buckets, of {self.parameters.buckets} that there are")
        if abs(theirs - ours) > MOST_APART:
            raise _refused(f"{theirs} buckets where {ours} are filed here")
        named = message.content[_COUNT_BYTES:]
        if self.filed is not None and named == self.filed.message[_COUNT_BYTES:]:
            kept = Scattering.again(self.parameters.buckets, self.filed.halves)
            return Agreed(min(ours, theirs), kept), None
        if ours or theirs:
            raise _refused("buckets under another key of the items than is filed here")
        return Agreed(0, None), None


@dataclass(frozen=True, slots=True, repr=False)
class Agreed(Ready):
    """The first bucket to be played; and what scatters the set, unless no key of the items is kept
    by both: then they make another."""

    first: int
    scattering: Scattering | None


def _refused(what: str) -> MiheError:
    return BadMessage(
        f"the peer says that it has filed {what}",
        fix="Ask at both sides whether the data folder was restored; start the job again.",
        rule=_RULE,
    )
