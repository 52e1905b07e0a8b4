"""Each role of the core against the other one written from SPEC.md alone, by the real messages.

What agrees here is what the text says: a message that the core made otherwise, in any bit, would
leave the reference with another result than that of sets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest

from psi.keys import Keys
from psi.rr22 import items, parameters, receiver, sender
from psi.rr22.messages import (
    Answer,
    BasePoints,
    Challenge,
    Common,
    Masked,
    ReceiverShare,
    Reply,
    Tags,
    Trees,
)
from psi.rr22.parameters import Parameters
from psi.rr22.secret import gather
from psi.step import Finished, Rows
from tests.vectors.rr22_parameters import Run
from tests.vectors.rr22_reference import (
    ReferenceReceiver,
    ReferenceSender,
    bucket_of,
    item_block,
    item_key,
)

RUN_ID = bytes(range(32))
X = [f"uscc:{number:018}".encode() for number in range(240)]
Y = [f"uscc:{number:018}".encode() for number in range(130, 400)]


@dataclass
class Sides:
    """One run in which the core has one role's set, and the reference the other's."""

    run: Run
    role: parameters.Role
    core_set: Sequence[bytes]
    reference_set: Sequence[bytes]

    def __post_init__(self) -> None:
        self.agreed = Parameters(
            run_id=RUN_ID,
            receiver_size=self.run.receiver_size,
            sender_size=self.run.sender_size,
            both=True,
            active=self.run.active,
        )
        awaits_share, share = items.Fresh(self.agreed, self.role).begin()
        own = bytes([7] * 32)
        shares = (share.content, own) if self.role == "receiver" else (own, share.content)
        answer: Any = awaits_share.awaits(own)
        scattering, _ = awaits_share.advance(answer)
        self.key = item_key(RUN_ID, *shares)
        rows = np.arange(len(self.core_set), dtype=np.uint32)
        self.scattered = scattering.scatter(Keys.of(self.core_set), rows)
        assert isinstance(share, ReceiverShare) == (self.role == "receiver")

    def items(self, bucket: int) -> Any:
        return gather([self.scattered.part(bucket)])

    def blocks(self, of: Sequence[bytes], bucket: int) -> dict[int, bytes]:
        blocks = {item_block(self.key, item): item for item in of}
        return {
            block: item
            for block, item in blocks.items()
            if bucket_of(block, self.run.buckets) == bucket
        }

    def common(self, bucket: int) -> set[bytes]:
        core = self.blocks(self.core_set, bucket).values()
        return set(core) & set(self.blocks(self.reference_set, bucket).values())

    def of_core(self, finished: Any) -> set[bytes]:
        assert isinstance(finished, Finished)
        assert isinstance(finished.result, Rows)
        return {self.core_set[row] for row in finished.result.numbers}

    def reference_receives(self, bucket: int) -> tuple[set[bytes], set[bytes]]:
        """What the core's sender and the reference's receiver learn."""
        reference = ReferenceReceiver(self.run, RUN_ID, bucket, Random(bucket))
        blocks = self.blocks(self.reference_set, bucket)
        awaits_reply, points = sender.Fresh(self.agreed, bucket).begin()
        reply = Reply(reference.reply(points.content))
        may_tag, trees = awaits_reply.advance(reply)
        last = trees.content
        if isinstance(may_tag, sender.AwaitChallenge):
            may_tag, answer = may_tag.advance(Challenge(reference.challenge(last)))
            last = answer.content
        assert isinstance(may_tag, sender.MayTag)
        masked = Masked(reference.masked(last, list(blocks)))
        awaits_masked, _ = may_tag.take(self.items(bucket))
        awaits_common, tags = awaits_masked.advance(masked)
        assert isinstance(awaits_common, sender.AwaitCommon)
        found, told = reference.common(tags.content)
        finished, _ = awaits_common.advance(Common(told))
        return self.of_core(finished), {blocks[block] for block in found}

    def reference_sends(self, bucket: int) -> tuple[set[bytes], set[bytes]]:
        """What the core's receiver and the reference's sender learn."""
        reference = ReferenceSender(self.run, RUN_ID, bucket, Random(bucket))
        blocks = self.blocks(self.reference_set, bucket)
        awaits_points, _ = receiver.Fresh(self.agreed, bucket).begin()
        points = BasePoints(reference.base_points())
        awaits_trees, reply = awaits_points.advance(points)
        may_mask, challenge = awaits_trees.advance(Trees(reference.trees(reply.content)))
        if isinstance(may_mask, receiver.AwaitAnswer):
            assert challenge is not None
            may_mask, _ = may_mask.advance(Answer(reference.answer(challenge.content)))
        assert isinstance(may_mask, receiver.MayMask)
        awaits_tags, masked = may_mask.take(self.items(bucket))
        tags = Tags(reference.tags(masked.content, list(blocks)))
        finished, told = awaits_tags.advance(tags)
        assert told is not None
        told_blocks = reference.common(told.content)
        return self.of_core(finished), {blocks[block] for block in told_blocks}


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("role", ["sender", "receiver"])
def test_a_bucket_of_three_ends_with_the_common_items(
    role: parameters.Role, active: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 128)
    run = Run(256, 320, 128, active)
    sides = Sides(run, role, *((Y, X) if role == "sender" else (X, Y)))
    assert sides.agreed.buckets == sides.run.buckets == 3
    for bucket in range(3):
        assert len(sides.items(bucket)) == len(sides.blocks(sides.core_set, bucket))
    expected = sides.common(1)
    assert expected
    play = sides.reference_receives if role == "sender" else sides.reference_sends
    assert play(1) == (expected, expected)


@pytest.mark.parametrize(
    ("role", "active"),
    [
        ("sender", False),
        pytest.param("receiver", False, marks=pytest.mark.long),
        pytest.param("sender", True, marks=pytest.mark.long),
        pytest.param("receiver", True, marks=pytest.mark.long),
    ],
)
def test_so_does_a_store_of_many_clusters_from_two_pieces(
    role: parameters.Role, active: bool
) -> None:
    run = Run(5 * 2**15, 256, active=active)
    sides = Sides(run, role, *((Y[:250], X) if role == "sender" else (X, Y[:250])))
    assert sides.run.pieces.count == 2
    assert sides.run.store.clusters == 5
    expected = sides.common(0)
    assert expected
    play = sides.reference_receives if role == "sender" else sides.reference_sends
    assert play(0) == (expected, expected)
