"""Sender's side of an ECDH intersection: Fresh → AwaitBlinded → (AwaitMatched →) Finished.

Implements  psi/SPEC.md §3
Learns      nothing, unless the contract names it as a receiver too: then the same as the receiver
Sees        the receiver's points, which say nothing without the receiver's scalar
Secrets     one scalar and one order per attempt, inside the core; never serialised
Not safe    against a party that deviates: SPEC §6
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.ecdh.parameters import Parameters
from psi.ecdh.secret import Blinding, Evaluation, blind, evaluate, told
from psi.step import Finished, Nothing


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most `parameters.sender_size`."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> tuple["AwaitBlinded", None]:
        """Blind the set, while the receiver blinds its own. Raises DatasetOutgrown."""
        blinding, points = blind(self.parameters, "sender", self.items)
        return AwaitBlinded(self.parameters, blinding, points), None


@dataclass(frozen=True, slots=True, repr=False)
class AwaitBlinded:
    """Its set is blinded and not yet sent."""

    awaits: ClassVar[type[BlindedSet]] = BlindedSet

    parameters: Parameters
    blinding: Blinding
    points: bytes

    def advance(self, message: BlindedSet) -> tuple["AwaitMatched | Finished", Evaluated]:
        """Evaluate the receiver's points, send the own. Raises BadPoint, BadMessage."""
        evaluation, tags = evaluate(self.blinding, message.points)
        evaluated = Evaluated(tags=tags, points=self.points)
        if self.parameters.both:
            return AwaitMatched(self.parameters, evaluation), evaluated
        return Finished(Nothing()), evaluated


@dataclass(frozen=True, slots=True, repr=False)
class AwaitMatched:
    """Both learn: the receiver has its result, this party's is awaited."""

    awaits: ClassVar[type[Matched]] = Matched

    parameters: Parameters
    evaluation: Evaluation

    def advance(self, message: Matched) -> tuple[Finished, None]:
        """Take what matched, if it is proven. Raises BadMessage."""
        return Finished(told(self.parameters, self.evaluation, message.matches)), None
