"""The estimate against the messages of a real run."""

from dataclasses import replace

import pytest

from psi.ecdh import receiver, sender
from psi.ecdh.cost import Speed, estimate, measure, message_sizes
from psi.ecdh.parameters import Mode, Parameters


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
@pytest.mark.parametrize("sizes", [(256, 256), (256, 1024), (512, 256)])
def test_bytes_are_those_of_a_run(mode: Mode, both: bool, sizes: tuple[int, int]) -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=sizes[0], sender_size=sizes[1], mode=mode, both=both
    )
    awaiting, blinded = receiver.Fresh(parameters, [b"x"]).begin()
    _, evaluated = sender.Fresh(parameters, [b"y"]).begin()[0].advance(blinded)
    _, tags = awaiting.advance(evaluated)
    sent = [len(blinded.points), len(evaluated.tags) + len(evaluated.points)]
    assert list(message_sizes(parameters).values()) == sent + ([len(tags.tags)] if tags else [])
    cost = estimate(parameters, Speed(blind=1.0, evaluate=1.0))
    assert cost.receiver_sends == len(blinded.points) + (len(tags.tags) if tags else 0)
    assert cost.sender_sends == len(evaluated.tags) + len(evaluated.points)


def test_seconds_follow_the_sizes() -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=256, sender_size=1024, mode="intersection", both=False
    )
    speed = Speed(blind=2.0, evaluate=1.0)
    assert estimate(parameters, speed).seconds == 2.0 * 1024 + 256 + 1024
    doubled = replace(parameters, receiver_size=512, sender_size=2048)
    assert estimate(doubled, speed).seconds == 2 * estimate(parameters, speed).seconds


def test_a_measured_speed_is_positive() -> None:
    speed = measure()
    assert speed.blind > 0
    assert speed.evaluate > 0
