"""What an RR22 intersection will cost, before anybody consents to it.

Bytes are exact: those of the messages, without the link's frames and seal. Seconds come from a
small run timed on this machine; the peer is taken to be as fast.
"""

from time import perf_counter
from typing import Final

from native._core import rr22_message_bytes
from psi.cost import Cost
from psi.rr22 import receiver, sender
from psi.rr22.messages import BasePoints, Common, Masked, Reply, Tags, Trees
from psi.rr22.parameters import Parameters
from psi.step import Message

MESSAGES: Final[tuple[type[Message], ...]] = (BasePoints, Reply, Trees, Masked, Tags, Common)
"""In the order in which they are sent."""

FROM_RECEIVER: Final = frozenset({Reply, Masked, Common})

_SAMPLE: Final = 2**14


def message_sizes(parameters: Parameters) -> dict[type[Message], int]:
    """Bytes of each message, in the order in which they are sent (psi/rr22/SPEC.md §3)."""
    sizes = rr22_message_bytes(parameters.receiver_size, parameters.sender_size, parameters.both)
    named = dict(zip(MESSAGES, sizes, strict=True))
    return named if parameters.both else {m: size for m, size in named.items() if m is not Common}


def estimate(parameters: Parameters) -> Cost:
    """The cost of one run, by a run of 2^14 empty places on either side: some 0.2 s. Blocking."""
    sizes = message_sizes(parameters)
    receiver_sends = sum(size for message, size in sizes.items() if message in FROM_RECEIVER)
    both = parameters.receiver_size + parameters.sender_size
    return Cost(
        receiver_sends=receiver_sends,
        sender_sends=sum(sizes.values()) - receiver_sends,
        seconds=_sample_seconds() * max(1.0, both / (2 * _SAMPLE)),
    )


def _sample_seconds() -> float:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=_SAMPLE, sender_size=_SAMPLE, both=False
    )
    started = perf_counter()
    awaits_points, _ = receiver.Fresh(parameters, ()).begin()
    awaits_reply, points = sender.Fresh(parameters, ()).begin()
    awaits_trees, reply = awaits_points.advance(points)
    awaits_masked, trees = awaits_reply.advance(reply)
    awaits_tags, masked = awaits_trees.advance(trees)
    _, tags = awaits_masked.advance(masked)
    awaits_tags.advance(tags)
    return perf_counter() - started
