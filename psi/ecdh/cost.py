"""What an ECDH intersection will cost, before anybody consents to it.

Bytes are exact: those of the lists, without the link's frames and seal. Seconds come from a small
batch on this machine, by the processor time that it takes: what else runs here does not count. The
peer is taken to be as fast.
"""

from dataclasses import dataclass
from time import process_time
from typing import Final

from contract.sizes import SMALLEST_SIZE
from native._core import ecdh_message_bytes
from psi.cost import Cost, Sent
from psi.ecdh.messages import FROM_RECEIVER, BlindedSet, Evaluated, Matched
from psi.ecdh.parameters import Curve, Parameters
from psi.ecdh.secret import blind, evaluate

_BATCH: Final = 4 * SMALLEST_SIZE


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds per point on one machine, all cores, if nothing else runs."""

    blind: float
    evaluate: float


def messages(parameters: Parameters) -> tuple[Sent, ...]:
    """What is sent, in order (psi/SPEC.md §3)."""
    blinded, tags, points, matched = ecdh_message_bytes(
        parameters.mode, parameters.receiver_size, parameters.sender_size
    )
    sent = (Sent(BlindedSet, blinded), Sent(Evaluated, tags + points))
    return (*sent, Sent(Matched, matched)) if parameters.both else sent


def measure(curve: Curve, processors: int) -> Speed:
    """Time one small batch of each operation, some 0.1 s in all, of SM2 a second."""
    each = 1 / (_BATCH * processors)
    parameters = Parameters(
        run_id=bytes(32),
        receiver_size=_BATCH,
        sender_size=_BATCH,
        mode="intersection",
        both=False,
        curve=curve,
    )
    started = process_time()
    blinding, points = blind(parameters, "sender", ())
    blinded = process_time()
    evaluate(blinding, points)
    return Speed(blind=(blinded - started) * each, evaluate=(process_time() - blinded) * each)


def estimate(parameters: Parameters, speed: Speed) -> Cost:
    """The cost of one run: both blind at once, then each evaluates the other's list in turn."""
    receiver, sender = parameters.receiver_size, parameters.sender_size
    seconds = speed.blind * max(receiver, sender) + speed.evaluate * (receiver + sender)
    return Cost.of(messages(parameters), FROM_RECEIVER, seconds)
