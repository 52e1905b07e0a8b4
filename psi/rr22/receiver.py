"""Receiver's side of one bucket of an RR22 intersection.

Fresh → AwaitBasePoints → AwaitTrees → MayMask → AwaitTags

Implements  psi/rr22/SPEC.md §4
Learns      which of its own items the sender has too
Sees        the sender's tags; those of items that it does not have are random to it
Secrets     the pad of its store and the noise that it comes from, inside the core; never serialised
Not safe    against a party that deviates: SPEC §7. Its store has room for more than the agreed size
"""

from dataclasses import dataclass
from typing import ClassVar

from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.rr22.secret import (
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

    def advance(self, message: Trees) -> tuple["MayMask", None]:
        """End the VOLE. Raises BadMessage."""
        with faults():
            return MayMask(self.parameters, self.finishing.finish(message.content)), None


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
