"""Receiver's side of one bucket of an RR22 intersection.

Fresh → AwaitBasePoints → AwaitTrees (→ AwaitAnswer) → MayMask → AwaitTags

Implements  psi/rr22/SPEC.md §4, and §10 where checks are agreed on
Learns      which of its own items the sender has too
Sees        the sender's tags; those of items that it does not have are random to it
Secrets     the pad of its store and the noise that it comes from, inside the core; never serialised
Not safe    against a sender that deviates, without checks. With or without, its store has room for
            more than the agreed size: SPEC §7
"""

from dataclasses import dataclass
from typing import ClassVar

from psi.rr22.messages import Answer, BasePoints, Challenge, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.rr22.secret import (
    Checking,
    Finishing,
    Items,
    Masking,
    Matching,
    Replying,
    await_points,
    faults,
    rows,
)
from psi.step import Finished, Ready


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """One bucket; its items are not needed yet."""

    parameters: Parameters
    bucket: int

    def begin(self) -> tuple["AwaitBasePoints", None]:
        """The sender begins."""
        return AwaitBasePoints(self.parameters, await_points(self.parameters, self.bucket)), None


@dataclass(frozen=True, slots=True, repr=False)
class AwaitBasePoints:
    """Has sent nothing yet."""

    awaits: ClassVar[type[BasePoints]] = BasePoints

    parameters: Parameters
    replying: Replying

    def advance(self, message: BasePoints) -> tuple["AwaitTrees", Reply]:
        """Its part of the VOLE; nothing of the set is in it. Raises BadPoint, BadMessage."""
        with faults():
            finishing, reply = self.replying.reply(message.content)
        return AwaitTrees(self.parameters, finishing), Reply(reply)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitTrees:
    """In the middle of the VOLE."""

    awaits: ClassVar[type[Trees]] = Trees

    parameters: Parameters
    finishing: Finishing

    def advance(self, message: Trees) -> tuple["MayMask | AwaitAnswer", Challenge | None]:
        """End the VOLE, or ask the sender to show that it is one. Raises BadMessage."""
        with faults():
            if self.parameters.active:
                checking, challenge = self.finishing.challenge(message.content)
                return AwaitAnswer(self.parameters, checking), Challenge(challenge)
            return MayMask(self.parameters, self.finishing.finish(message.content)), None


@dataclass(frozen=True, slots=True, repr=False)
class AwaitAnswer:
    """Does not trust its vectors yet; nothing of the set has left."""

    awaits: ClassVar[type[Answer]] = Answer

    parameters: Parameters
    checking: Checking

    def advance(self, message: Answer) -> tuple["MayMask", None]:
        """End the VOLE. Raises BadMessage if the sender's trees were none of one VOLE."""
        with faults():
            return MayMask(self.parameters, self.checking.check(message.content)), None


@dataclass(frozen=True, slots=True, repr=False)
class MayMask(Ready):
    """Has what masks its items: from here on they are needed."""

    parameters: Parameters
    masking: Masking

    def take(self, items: Items) -> tuple["AwaitTags", Masked]:
        """Encode the items of the bucket, and mask them. Raises OurError."""
        with faults():
            matching, masked = self.masking.mask(items)
        return AwaitTags(self.parameters, matching), Masked(masked)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitTags:
    """Its masked store is out."""

    awaits: ClassVar[type[Tags]] = Tags

    parameters: Parameters
    matching: Matching

    def advance(self, message: Tags) -> tuple[Finished, Common | None]:
        """Match. Raises BadMessage."""
        with faults():
            found, common = self.matching.common(message.content)
        told = Common(common) if self.parameters.both else None
        return Finished(rows(*found)), told
