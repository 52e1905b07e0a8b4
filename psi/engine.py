"""Which protocol a two-party intersection takes: chosen from the sizes, or as asked.

RR22 (psi/rr22) has a fixed cost, some 350 kB and what 2^14 items take, and little for each item
more; ECDH (psi/ecdh) costs two multiplications an item and has none. They meet below 2^14 items.
One thing ECDH alone can do: hold a receiver that deviates to the agreed size (psi/rr22/SPEC.md §6).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.errors import BadRequest
from contract.job import JobKind, Suite, suites_for
from psi.rr22.parameters import LARGEST_SIZE

MEETING_SIZE: Final = 2**14
"""Keys of the larger set from which on RR22 is the faster one."""


class Engine(StrEnum):
    """What may be asked for."""

    AUTO = "auto"
    RR22 = "rr22"
    ECDH = "ecdh"


_SUITES = {Engine.RR22: Suite.PSI_RR22, Engine.ECDH: Suite.PSI_ECDH}


@dataclass(frozen=True, slots=True)
class Choice:
    """A suite, and why it is this one, in words for whoever asked."""

    suite: Suite
    why: str


def choose(kind: JobKind, sizes: tuple[int, ...], asked: Engine) -> Choice:
    """The suite of a job over sets of these padded sizes. BadRequest if not by the asked one."""
    possible = suites_for(kind, len(sizes))
    if asked is not Engine.AUTO:
        if _SUITES[asked] not in possible:
            raise BadRequest(
                f"the engine {asked} does not compute this job",
                fix="leave --engine out: there is one protocol for it",
            )
        return Choice(_SUITES[asked], "asked for")
    if Suite.PSI_RR22 not in possible:
        return Choice(possible[0], "the one there is for this kind of job")
    largest = max(sizes)
    if MEETING_SIZE <= largest <= LARGEST_SIZE:
        return Choice(Suite.PSI_RR22, f"faster from {MEETING_SIZE:,} keys on")
    if largest < MEETING_SIZE:
        return Choice(Suite.PSI_ECDH, f"faster below {MEETING_SIZE:,} keys")
    return Choice(Suite.PSI_ECDH, f"the other takes at most {LARGEST_SIZE:,} keys")


def reason(kind: JobKind, sizes: tuple[int, ...], suite: Suite) -> str:
    """Why a contract has this suite, as far as that shows in it."""
    chosen = choose(kind, sizes, Engine.AUTO)
    return chosen.why if chosen.suite is suite else "asked for"
