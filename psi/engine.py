"""Which protocol an intersection takes: chosen from the sizes, or as asked.

RR22 (psi/rr22) has a fixed cost, some 100 kB and what 2^14 items take, and little for each item
more; ECDH (psi/ecdh) costs two multiplications an item and has none. In time they meet near 2^10
items, in bytes below 2^12.
One thing ECDH alone can do: hold a receiver that deviates to the agreed size (psi/rr22/SPEC.md §7).
RR22 with checks against peers that deviate (§10 there) can't either, so it is experimental, and
taken only when asked for; as is ECDH on SM2's curve, for those bound to national algorithms.

More than two parties take the coordinator's blind matching (federated/SPEC.md §4.6), in which no
two owners together learn anything of a third. The star (psi/star) is many times faster, and gives
that up for the receiver and one other owner: it is taken only if somebody asks for it, who has read
who those two are.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.errors import BadRequest
from contract.job import JobKind, suites_for
from contract.suites import Suite

MEETING_SIZE: Final = 2**12
"""Keys of the larger set from which on RR22 is the faster one."""


class Engine(StrEnum):
    """What may be asked for."""

    AUTO = "auto"
    RR22 = "rr22"
    RR22_ACTIVE = "rr22-active"
    ECDH = "ecdh"
    ECDH_SM2 = "ecdh-sm2"
    STAR = "star"


_SUITES = {
    Engine.RR22: Suite.PSI_RR22,
    Engine.RR22_ACTIVE: Suite.PSI_RR22_ACTIVE,
    Engine.ECDH: Suite.PSI_ECDH,
    Engine.ECDH_SM2: Suite.PSI_ECDH_SM2,
    Engine.STAR: Suite.PSI_STAR,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A suite, and why it is this one, in words for whoever asked."""

    suite: Suite
    why: str


def choose(kind: JobKind, sizes: tuple[int, ...], asked: Engine, receivers: int = 1) -> Choice:
    """The suite of a job over sets of these padded sizes. BadRequest if not by the asked one."""
    possible = suites_for(kind, len(sizes), receivers)
    if asked is not Engine.AUTO:
        if _SUITES[asked] not in possible:
            raise BadRequest(
                f"the engine {asked} does not compute this job",
                fix="leave --engine out; star is for three parties or more, one receiver, and"
                " not for counts, rr22 and rr22-active for two, and ecdh for two and counts",
            )
        return Choice(_SUITES[asked], "asked for")
    if Suite.PSI_STAR in possible:
        return Choice(possible[0], "of two owners together, none learns of a third")
    if Suite.PSI_RR22 not in possible:
        return Choice(possible[0], "the one there is for this kind of job")
    largest = max(sizes)
    if largest < MEETING_SIZE:
        return Choice(Suite.PSI_ECDH, f"faster below {MEETING_SIZE:,} keys")
    return Choice(Suite.PSI_RR22, f"faster from {MEETING_SIZE:,} keys on")


def reason(kind: JobKind, sizes: tuple[int, ...], suite: Suite) -> str:
    """Why a contract has this suite, as far as that shows in it."""
    chosen = choose(kind, sizes, Engine.AUTO)
    return chosen.why if chosen.suite is suite else "asked for"
