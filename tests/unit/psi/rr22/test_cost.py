"""The estimate against the messages of a real run."""

from typing import Any

import pytest

from psi.rr22 import receiver, sender
from psi.rr22.cost import FROM_RECEIVER, MESSAGES, estimate, message_sizes
from psi.rr22.parameters import Parameters


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("sizes", [(256, 256), (256, 1024), (2048, 256)])
def test_bytes_are_those_of_a_run(both: bool, sizes: tuple[int, int]) -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=sizes[0], sender_size=sizes[1], both=both
    )
    awaits_points, _ = receiver.Fresh(parameters, [b"x"]).begin()
    awaits_reply, points = sender.Fresh(parameters, [b"y"]).begin()
    awaits_trees, reply = awaits_points.advance(points)
    awaits_masked, trees = awaits_reply.advance(reply)
    awaits_tags, masked = awaits_trees.advance(trees)
    _, tags = awaits_masked.advance(masked)
    _, common = awaits_tags.advance(tags)
    sent: list[Any] = [points, reply, trees, masked, tags, *([common] if common else [])]
    assert message_sizes(parameters) == {type(one): len(one.content) for one in sent}
    assert list(message_sizes(parameters)) == list(MESSAGES if both else MESSAGES[:-1])
    cost = estimate(parameters)
    by_receiver = [len(one.content) for one in sent if type(one) in FROM_RECEIVER]
    assert cost.receiver_sends == sum(by_receiver)
    assert cost.receiver_sends + cost.sender_sends == sum(len(one.content) for one in sent)
    assert cost.seconds > 0


def test_a_million_items_cost_33_bytes_each() -> None:
    size = 2**20
    parameters = Parameters(run_id=bytes(32), receiver_size=size, sender_size=size, both=False)
    assert 32 * size < sum(message_sizes(parameters).values()) < 33 * size
