"""Sender's side of an RR22 intersection: Fresh → AwaitReply → AwaitMasked (→ AwaitCommon).

Implements  psi/rr22/SPEC.md §3
Learns      nothing, unless the contract names it as a receiver too: then which of its own items the
            receiver says are common, which can be less than the truth
Sees        the receiver's store under a one-time pad
Secrets     Δ, the roots of its trees and the order of its tags, inside the core; never serialised
Not safe    against a party that deviates: SPEC §6
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.rr22.secret import Growing, Tagging, Told, begin, faults
from psi.step import Finished, Intersection, Nothing


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most `parameters.sender_size`."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> tuple["AwaitReply", BasePoints]:
        """Begin the VOLE; nothing of the set is in it. Raises DatasetOutgrown."""
        growing, points = begin(self.parameters, self.items)
        return AwaitReply(self.parameters, growing), BasePoints(points)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitReply:
    """Its base points are out."""

    awaits: ClassVar[type[Reply]] = Reply

    parameters: Parameters
    growing: Growing

    def advance(self, message: Reply) -> tuple["AwaitMasked", Trees]:
        """End the VOLE. Raises BadPoint, BadMessage."""
        with faults():
            tagging, trees = self.growing.trees(message.content)
        return AwaitMasked(self.parameters, tagging), Trees(trees)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitMasked:
    """The VOLE is over."""

    awaits: ClassVar[type[Masked]] = Masked

    parameters: Parameters
    tagging: Tagging

    def advance(self, message: Masked) -> tuple["AwaitCommon | Finished", Tags]:
        """Make the tags of the set: from them the receiver learns. Raises BadMessage."""
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
            positions = self.told.positions(message.content)
        return Finished(Intersection(positions)), None
