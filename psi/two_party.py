"""An intersection of two parties by the suite that the contract names: one face for all of them.

What drives a run (node/session.py) and what plans one (node/plan.py) knows messages, sizes and
roles from here, and nothing of the protocol behind them. psi/engine.py says which suite is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contract.job import JobKind
from contract.suites import RR22_SUITES, Suite
from psi.cost import Cost, Sent
from psi.ecdh import cost as ecdh_cost
from psi.ecdh import messages as ecdh_messages
from psi.ecdh import parameters as ecdh
from psi.ecdh import receiver as ecdh_receiver
from psi.ecdh import sender as ecdh_sender
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.rr22 import cost as rr22_cost
from psi.rr22 import items, resumption
from psi.rr22 import messages as rr22_messages
from psi.rr22 import parameters as rr22
from psi.rr22 import receiver as rr22_receiver
from psi.rr22 import sender as rr22_sender
from psi.rr22.messages import (
    Answer,
    BasePoints,
    Challenge,
    Common,
    Masked,
    ReceiverFiled,
    ReceiverShare,
    Reply,
    SenderFiled,
    SenderShare,
    Tags,
    Trees,
)
from psi.step import Fresh, Message

Role = Literal["receiver", "sender"]

FROM_RECEIVER: Final = ecdh_messages.FROM_RECEIVER | rr22_messages.FROM_RECEIVER
"""The messages that the receiver sends; the sender sends all others."""

REVEALING: Final = (Evaluated, Matched, Tags, Common)
"""The messages from which who gets them computes a result."""

STREAMS: Final[dict[type[Message], str]] = {
    BlindedSet: "blinded",
    Evaluated: "evaluated",
    Matched: "matched",
    ReceiverShare: "receiver_share",
    SenderShare: "sender_share",
    ReceiverFiled: "receiver_filed",
    SenderFiled: "sender_filed",
    BasePoints: "base_points",
    Reply: "reply",
    Trees: "trees",
    Challenge: "challenge",
    Answer: "answer",
    Masked: "masked",
    Tags: "item_tags",
    Common: "common",
}
"""The stream in which each message travels; behind it the number of the bucket, if there is one."""

FILED: Final = {
    STREAMS[message]: resumption.FILED_BYTES for message in (ReceiverFiled, SenderFiled)
}
"""The streams that a further attempt begins with, of which no plan knows, and their bytes."""

MODES: Final[dict[JobKind, ecdh.Mode]] = {
    JobKind.PSI: "intersection",
    JobKind.PSI_CARDINALITY: "cardinality",
}
"""The kinds of job that are intersections of two sets, as psi/ecdh calls them."""

CURVES: Final[dict[Suite, ecdh.Curve]] = {
    Suite.PSI_ECDH: "ristretto255",
    Suite.PSI_ECDH_SM2: "sm2",
}
"""The suites of psi/ecdh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What both parties take from the contract and the start record."""

    suite: Suite
    kind: JobKind
    run_id: bytes
    receiver_size: int
    sender_size: int
    both: bool

    def _ecdh(self) -> ecdh.Parameters:
        return ecdh.Parameters(
            run_id=self.run_id,
            receiver_size=self.receiver_size,
            sender_size=self.sender_size,
            mode=MODES[self.kind],
            both=self.both,
            curve=CURVES[self.suite],
        )

    def _rr22(self) -> rr22.Parameters:
        return rr22.Parameters(
            run_id=self.run_id,
            receiver_size=self.receiver_size,
            sender_size=self.sender_size,
            both=self.both,
            active=self.suite is Suite.PSI_RR22_ACTIVE,
        )

    def messages(self) -> tuple[Sent, ...]:
        """What is sent, in order. Raises BadRequest."""
        if self.suite in RR22_SUITES:
            return rr22_cost.messages(self._rr22())
        return ecdh_cost.messages(self._ecdh())

    def estimate(self, processors: int) -> Cost:
        """What a run will cost, by a sample on this machine: some 0.2 s. Blocking."""
        if self.suite in RR22_SUITES:
            return rr22_cost.estimate(self._rr22())
        return ecdh_cost.estimate(self._ecdh(), ecdh_cost.measure(CURVES[self.suite], processors))

    def part(self, role: Role) -> "Whole | Bucketed":
        """The part of one role."""
        if self.suite in RR22_SUITES:
            parameters = self._rr22()
            return Bucketed(parameters, role, parameters.buckets, parameters.size_of(role))
        return Whole(self._ecdh(), role)


@dataclass(frozen=True, slots=True)
class Whole:
    """A role of a protocol that takes the set in one piece."""

    parameters: ecdh.Parameters
    role: Role

    def fresh(self, keys: Sequence[bytes]) -> Fresh:
        """The first state, with its items: canonical keys, distinct."""
        if self.role == "receiver":
            return ecdh_receiver.Fresh(self.parameters, keys)
        return ecdh_sender.Fresh(self.parameters, keys)


@dataclass(frozen=True, slots=True)
class Bucketed:
    """A role of a protocol that cuts the set into buckets, each a chain of states of its own."""

    parameters: rr22.Parameters
    role: Role
    buckets: int
    size: int
    """Distinct items that the role may have in all."""

    def sharing(self) -> items.Fresh:
        """The states at the beginning, which end with what scatters the set into buckets."""
        return items.Fresh(self.parameters, self.role)

    def resuming(self, filed: resumption.Filed | None) -> resumption.Fresh:
        """The states at the beginning of a further attempt, which end with where it goes on."""
        return resumption.Fresh(self.parameters, self.role, filed)

    def bucket(self, number: int) -> Fresh:
        """The first state of one bucket; it takes its items when it is `Ready`."""
        if self.role == "receiver":
            return rr22_receiver.Fresh(self.parameters, number)
        return rr22_sender.Fresh(self.parameters, number)
