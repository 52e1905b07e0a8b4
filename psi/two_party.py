"""An intersection of two parties by the suite that the contract names: one face for all of them.

What drives a run (node/session.py) and what plans one (node/plan.py) knows messages, sizes and
roles from here, and nothing of the protocol behind them. psi/engine.py says which suite is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from contract.job import JobKind, Suite
from psi.cost import Cost
from psi.ecdh import cost as ecdh_cost
from psi.ecdh import parameters as ecdh
from psi.ecdh import receiver as ecdh_receiver
from psi.ecdh import sender as ecdh_sender
from psi.ecdh.messages import BlindedSet, Evaluated, Matched
from psi.rr22 import cost as rr22_cost
from psi.rr22 import parameters as rr22
from psi.rr22 import receiver as rr22_receiver
from psi.rr22 import sender as rr22_sender
from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.step import Fresh, Message

Role = Literal["receiver", "sender"]

FROM_RECEIVER: Final = frozenset({BlindedSet, Matched, Reply, Masked, Common})
"""The messages that the receiver sends; the sender sends all others."""

REVEALING: Final = (Evaluated, Matched, Tags, Common)
"""The messages from which who gets them computes a result."""

STREAMS: Final[dict[type[Message], str]] = {
    BlindedSet: "blinded",
    Evaluated: "evaluated",
    Matched: "matched",
    BasePoints: "base_points",
    Reply: "reply",
    Trees: "trees",
    Masked: "masked",
    Tags: "item_tags",
    Common: "common",
}
"""The stream in which each message travels."""

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
        )

    def message_sizes(self) -> dict[type[Message], int]:
        """Bytes of each message, in the order in which they are sent. Raises BadRequest."""
        if self.suite is Suite.PSI_RR22:
            return rr22_cost.message_sizes(self._rr22())
        return ecdh_cost.message_sizes(self._ecdh())

    def estimate(self) -> Cost:
        """What a run will cost, by a sample on this machine: some 0.2 s. Blocking."""
        if self.suite is Suite.PSI_RR22:
            return rr22_cost.estimate(self._rr22())
        return ecdh_cost.estimate(self._ecdh(), ecdh_cost.measure(CURVES[self.suite]))

    def fresh(self, role: Role, items: Sequence[bytes]) -> Fresh:
        """The role's first state, with its items: canonical keys, distinct."""
        match self.suite, role:
            case Suite.PSI_RR22, "receiver":
                return rr22_receiver.Fresh(self._rr22(), items)
            case Suite.PSI_RR22, "sender":
                return rr22_sender.Fresh(self._rr22(), items)
            case _, "receiver":
                return ecdh_receiver.Fresh(self._ecdh(), items)
            case _:
                return ecdh_sender.Fresh(self._ecdh(), items)
