"""Receiver's side of an RR22 intersection: Fresh → AwaitBasePoints → AwaitTrees → AwaitTags.

Implements  psi/rr22/SPEC.md §3
Learns      which of its own items the sender has too
Sees        the sender's tags; those of items that it does not have are random to it
Secrets     the pad of its store and the noise that it comes from, inside the core; never serialised
Not safe    against a party that deviates: SPEC §6. Its store has room for more than the agreed size
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.rr22.secret import Masking, Matching, Replying, faults, take
from psi.step import Finished, Intersection


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most `parameters.receiver_size`."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> tuple["AwaitBasePoints", None]:
        """Hash the set, while the sender hashes its own. Raises DatasetOutgrown."""
        return AwaitBasePoints(self.parameters, take(self.parameters, self.items)), None


@dataclass(frozen=True, slots=True, repr=False)
class AwaitBasePoints:
    """Has sent nothing yet."""

    awaits: ClassVar[type[BasePoints]] = BasePoints

    parameters: Parameters
    replying: Replying

    def advance(self, message: BasePoints) -> tuple["AwaitTrees", Reply]:
        """Its part of the VOLE; nothing of the set is in it. Raises BadPoint, BadMessage."""
        with faults():
            masking, reply = self.replying.reply(message.content)
        return AwaitTrees(self.parameters, masking), Reply(reply)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitTrees:
    """In the middle of the VOLE."""

    awaits: ClassVar[type[Trees]] = Trees

    parameters: Parameters
    masking: Masking

    def advance(self, message: Trees) -> tuple["AwaitTags", Masked]:
        """End the VOLE, encode the set, mask it. Raises BadMessage."""
        with faults():
            matching, masked = self.masking.mask(message.content)
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
            positions, common = self.matching.positions(message.content)
        told = Common(common) if self.parameters.both else None
        return Finished(Intersection(positions)), told
