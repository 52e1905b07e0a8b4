"""Receiver's side of an ECDH intersection: Fresh → AwaitEvaluated → Finished.

Implements  psi/SPEC.md §3
Learns      mode "intersection": which of its own items the sender has too; "cardinality": how many
Sees        the sender's points, which say nothing without the sender's scalar
Secrets     one scalar and one order per attempt, inside the core; never serialised
Not safe    against a party that deviates: SPEC §6
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.ecdh.parameters import Parameters
from psi.ecdh.secret import Blinding, blind, match
from psi.step import Finished


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Has its items: canonical keys, distinct; at most `parameters.receiver_size`."""

    parameters: Parameters
    items: Sequence[bytes]

    def begin(self) -> tuple["AwaitEvaluated", BlindedSet]:
        """Blind the set. Raises DatasetOutgrown."""
        blinding, points = blind(self.parameters, "receiver", self.items)
        return AwaitEvaluated(self.parameters, blinding), BlindedSet(points)


@dataclass(frozen=True, slots=True, repr=False)
class AwaitEvaluated:
    """Its set is out."""

    awaits: ClassVar[type[Evaluated]] = Evaluated

    parameters: Parameters
    blinding: Blinding

    def advance(self, message: Evaluated) -> tuple[Finished, Matched | None]:
        """Match. Raises BadPoint, BadMessage."""
        result, matched = match(self.parameters, self.blinding, message.points, message.tags)
        return Finished(result), Matched(matched) if self.parameters.both else None
