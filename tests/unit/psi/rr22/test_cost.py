"""The estimate against the messages of a real run."""

import pytest

from contract.job import JobKind
from contract.suites import Suite
from psi.rr22 import parameters as rr22
from psi.rr22.cost import messages
from psi.rr22.messages import FROM_RECEIVER, Piece
from psi.rr22.parameters import Parameters
from psi.two_party import Agreed
from tests.unit.psi.two_roles import TwoRoles


@pytest.mark.parametrize(
    ("both", "active"), [(False, False), (True, False), (False, True), (True, True)]
)
@pytest.mark.parametrize("sizes", [(256, 256), (2048, 256), (288, 1024)])
def test_bytes_are_those_of_a_run(
    both: bool, active: bool, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rr22, "BUCKET_SIZE", 1000)
    agreed = Agreed(
        suite=Suite.PSI_RR22_ACTIVE if active else Suite.PSI_RR22,
        kind=JobKind.PSI,
        run_id=bytes(32),
        receiver_size=sizes[0],
        sender_size=sizes[1],
        both=both,
    )
    roles = TwoRoles(agreed, ([b"x"], [b"y"]))
    roles.results()
    sent = {(bucket, type(one)): one for bucket, one in roles.sent if isinstance(one, Piece)}
    planned = messages(
        Parameters(
            run_id=bytes(32),
            receiver_size=sizes[0],
            sender_size=sizes[1],
            both=both,
            active=active,
        )
    )
    expected = {
        (bucket, one.message): one.size
        for one in planned
        for bucket in (range(one.buckets) if one.buckets else [None])
    }
    assert {key: len(one.content) for key, one in sent.items()} == expected
    cost = agreed.estimate(1)
    by_receiver = [len(one.content) for one in sent.values() if type(one) in FROM_RECEIVER]
    assert cost.receiver_sends == sum(by_receiver)
    assert cost.receiver_sends + cost.sender_sends == sum(expected.values())
    assert cost.seconds > 0


@pytest.mark.parametrize(("keys", "bytes_an_item"), [(2**18, 37.8), (2**20, 37.6)])
def test_with_checks_an_item_costs_what_the_page_says(keys: int, bytes_an_item: float) -> None:
    parameters = Parameters(
        run_id=bytes(32), receiver_size=keys, sender_size=keys, both=False, active=True
    )
    assert round(sum(one.total for one in messages(parameters)) / keys, 1) == bytes_an_item


@pytest.mark.parametrize("keys", [2**20, 5 * 2**21, 2**24, 13 * 2**23])
def test_an_item_costs_32_bytes_and_of_a_very_large_set_one_more(keys: int) -> None:
    parameters = Parameters(run_id=bytes(32), receiver_size=keys, sender_size=keys, both=False)
    sent = sum(one.total for one in messages(parameters))
    assert sent < (32 if keys == 2**20 else 33.1) * keys
