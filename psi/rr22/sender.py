"""Sender's side of one bucket of an RR22 intersection.

Fresh → AwaitReply (→ AwaitChallenge) → MayTag → AwaitMasked (→ AwaitCommon)

Implements  psi/rr22/SPEC.md §4, and §10 where checks are agreed on
Learns      nothing, unless the contract names it as a receiver too: then which of its own items the
            receiver says are common, which can be less than the truth
Sees        the receiver's store under a one-time pad
Secrets     Δ, the roots of its trees and the order of its tags, inside the core; never serialised
Not safe    against a receiver that deviates, without checks; and with them only against one that
            keeps to the agreed size: SPEC §7
"""

from dataclasses import dataclass
from typing import ClassVar

from psi.rr22.messages import Answer, BasePoints, Challenge, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.rr22.secret import Answering, Growing, Items, Tagging, Taking, Told, begin, faults, rows
from psi.step import Finished, Nothing, Ready


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """One bucket; its items are not needed yet."""

    parameters: Parameters
    bucket: int

    def begin(self) -> tuple["AwaitReply", BasePoints]:
        """Begin the VOLE; nothing of the set is in it."""
        growing, points = begin(self.parameters, self.bucket)
        return AwaitReply(self.parameters, growing), BasePoints(points)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitReply:
    """Its base points are out."""

    awaits: ClassVar[type[Reply]] = Reply

    parameters: Parameters
    growing: Growing

    def advance(self, message: Reply) -> tuple["MayTag | AwaitChallenge", Trees]:
        """End the VOLE, or go on to be checked. Raises BadPoint, BadMessage."""
        with faults():
            if self.parameters.active:
                answering, trees = self.growing.trees_to_check(message.content)
                return AwaitChallenge(self.parameters, answering), Trees(trees)
            taking, trees = self.growing.trees(message.content)
        return MayTag(self.parameters, taking), Trees(trees)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitChallenge:
    """Its trees are out, and the receiver's transfers have passed the check."""

    awaits: ClassVar[type[Challenge]] = Challenge

    parameters: Parameters
    answering: Answering

    def advance(self, message: Challenge) -> tuple["MayTag", Answer]:
        """Show that the trees are those of one VOLE, and end it. Raises BadMessage."""
        with faults():
            taking, answer = self.answering.answer(message.content)
        return MayTag(self.parameters, taking), Answer(answer)


@dataclass(frozen=True, slots=True, repr=False)
class MayTag(Ready):
    """The VOLE is over: from here on the items are needed."""

    parameters: Parameters
    taking: Taking

    def take(self, items: Items) -> tuple["AwaitMasked", None]:
        """Take the items of the bucket. Raises OurError."""
        with faults():
            return AwaitMasked(self.parameters, self.taking.take(items)), None


@dataclass(frozen=True, slots=True, repr=False)
class AwaitMasked:
    """Has its items."""

    awaits: ClassVar[type[Masked]] = Masked

    parameters: Parameters
    tagging: Tagging

    def advance(self, message: Masked) -> tuple["AwaitCommon | Finished", Tags]:
        """Make the tags of the items: from them the receiver learns. Raises BadMessage."""
        with faults():
            told, tags = self.tagging.tags(message.content)
        if self.parameters.both:
            return AwaitCommon(self.parameters, told), Tags(tags)
        return Finished(Nothing()), Tags(tags)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitCommon:
    """Both learn: the receiver has its result, its word is awaited."""

    awaits: ClassVar[type[Common]] = Common

    parameters: Parameters
    told: Told

    def advance(self, message: Common) -> tuple[Finished, None]:
        """Look up the items behind the tags. Raises BadMessage."""
        with faults():
            return Finished(rows(*self.told.common(message.content))), None
