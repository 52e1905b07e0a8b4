"""The estimate against the messages of a real run."""

from dataclasses import replace

import pytest

from psi.ecdh import receiver, sender
from psi.ecdh.cost import Speed, estimate, measure, messages
from psi.ecdh.parameters import Curve, Mode, Parameters


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
@pytest.mark.parametrize("sizes", [(256, 256), (256, 1024), (512, 256)])
def test_bytes_are_those_of_a_run(mode: Mode, both: bool, sizes: tuple[int, int]) -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=sizes[0], sender_size=sizes[1], mode=mode, both=both
    )
    awaiting, blinded = receiver.Fresh(parameters, [b"x"]).begin()
    _, evaluated = sender.Fresh(parameters, [b"y"]).begin()[0].advance(blinded)
    _, matched = awaiting.advance(evaluated)
    sent = [len(blinded.points), len(evaluated.tags) + len(evaluated.points)]
    told = [len(matched.matches)] if matched else []
    assert [one.size for one in messages(parameters)] == sent + told
    cost = estimate(parameters, Speed(blind=1.0, evaluate=1.0))
    assert cost.receiver_sends == len(blinded.points) + sum(told)
    assert cost.sender_sends == len(evaluated.tags) + len(evaluated.points)


@pytest.mark.parametrize("mode", ["intersection", "cardinality"])
@pytest.mark.parametrize(
    ("size", "one", "two"), [(2**14, 73, 75), (2**17, 74, 76), (2**20, 75, 77)]
)
def test_an_item_takes_no_more_bytes_than_the_specification_says(
    mode: Mode, size: int, one: int, two: int
) -> None:
    for both, most in ((False, one), (True, two)):
        parameters = Parameters(
            run_id=bytes(32), receiver_size=size, sender_size=size, mode=mode, both=both
        )
        assert sum(one.total for one in messages(parameters)) / size <= most


def test_seconds_follow_the_sizes() -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=256, sender_size=1024, mode="intersection", both=False
    )
    speed = Speed(blind=2.0, evaluate=1.0)
    assert estimate(parameters, speed).seconds == 2.0 * 1024 + 256 + 1024
    doubled = replace(parameters, receiver_size=512, sender_size=2048)
    assert estimate(doubled, speed).seconds == 2 * estimate(parameters, speed).seconds


@pytest.mark.parametrize("curve", ["ristretto255", "sm2"])
def test_a_measured_speed_is_positive(curve: Curve) -> None:
    speed = measure(curve, processors=1)
    assert speed.blind > 0
    assert speed.evaluate > 0
