"""Large computations wait for large ones, small ones for small ones."""

import pytest

from contract.credentials import Credentials
from coordinator.lanes import LARGEST_SMALL, Lanes
from tests.unit.coordinator.consortium import query_of


@pytest.mark.parametrize("size", [256, LARGEST_SMALL // 2])
async def test_a_small_one_does_not_wait_for_a_large_one(
    bank_a: Credentials, bank_b: Credentials, size: int
) -> None:
    lanes = Lanes()
    small, large = (query_of(bank_a, bank_b, size=places) for places in (size, LARGEST_SMALL))
    async with lanes.of(large):
        assert lanes.of(query_of(bank_b, bank_a, size=LARGEST_SMALL)).locked()
        async with lanes.of(small):
            assert lanes.of(query_of(bank_b, bank_a)).locked()
