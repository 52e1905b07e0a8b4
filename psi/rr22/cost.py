"""What an RR22 intersection will cost, before anybody consents to it.

Bytes are exact: those of the messages, without the link's frames and seal. Seconds come from two
small runs timed on this machine, since a part of a run costs the same for any number of items; the
peer is taken to be as fast.
"""

from typing import Final

import numpy as np

from psi.cost import Cost, Sent, Timer
from psi.keys import Keys
from psi.rr22 import items, receiver, sender
from psi.rr22.messages import (
    FROM_RECEIVER,
    Answer,
    BasePoints,
    Challenge,
    Common,
    Masked,
    ReceiverShare,
    Reply,
    SenderShare,
    Tags,
    Trees,
)
from psi.rr22.parameters import SHARE_BYTES, Parameters
from psi.rr22.secret import gather
from psi.step import Message

BY_BUCKET: Final[tuple[type[Message], ...]] = (
    BasePoints,
    Reply,
    Trees,
    Challenge,
    Answer,
    Masked,
    Tags,
    Common,
)
"""In the order in which they are sent."""

_SMALL, _LARGE = 2**10, 2**16
"""Items of the runs that are timed."""


def messages(parameters: Parameters) -> tuple[Sent, ...]:
    """What is sent, in order; of a bucket's messages as many as there are buckets (SPEC §4)."""
    shares = (Sent(ReceiverShare, SHARE_BYTES), Sent(SenderShare, SHARE_BYTES))
    buckets, sizes = parameters.outline
    # Without a second receiver there is no Common, without checks no Challenge and no Answer.
    by_bucket = zip(BY_BUCKET, sizes, strict=True)
    return (*shares, *(Sent(message, size, buckets) for message, size in by_bucket if size))


def estimate(parameters: Parameters) -> Cost:
    """The cost of one run, by two of up to 2^16 items on either side: some 0.2 s. Blocking."""
    small, large = (_seconds(size, parameters.active) for size in (_SMALL, _LARGE))
    each = max(large - small, 0.0) / (_LARGE - _SMALL)
    items_a_side = (parameters.receiver_size + parameters.sender_size) / 2
    seconds = small + each * max(items_a_side - _SMALL, 0.0)
    return Cost.of(messages(parameters), FROM_RECEIVER, seconds)


def _seconds(size: int, active: bool) -> float:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=size, sender_size=size, both=False, active=active
    )
    keys = Keys.of(b"%018d" % number for number in range(size))
    rows = np.arange(size, dtype=np.uint32)
    timer = Timer()
    awaits_share, _ = items.Fresh(parameters, "receiver").begin()
    _, share = items.Fresh(parameters, "sender").begin()
    assert isinstance(share, SenderShare)
    scattering, _ = awaits_share.advance(share)
    parts = [[scattering.scatter(keys, rows).part(0)] for _ in range(2)]
    awaits_points, _ = receiver.Fresh(parameters, 0).begin()
    awaits_reply, points = sender.Fresh(parameters, 0).begin()
    awaits_trees, reply = awaits_points.advance(points)
    may_tag, trees = awaits_reply.advance(reply)
    may_mask, challenge = awaits_trees.advance(trees)
    if isinstance(may_tag, sender.AwaitChallenge) and challenge is not None:
        may_tag, answer = may_tag.advance(challenge)
        assert isinstance(may_mask, receiver.AwaitAnswer)
        may_mask, _ = may_mask.advance(answer)
    assert isinstance(may_tag, sender.MayTag)
    assert isinstance(may_mask, receiver.MayMask)
    awaits_tags, masked = may_mask.take(gather(parts[0]))
    awaits_masked, _ = may_tag.take(gather(parts[1]))
    _, tags = awaits_masked.advance(masked)
    awaits_tags.advance(tags)
    return timer.seconds
