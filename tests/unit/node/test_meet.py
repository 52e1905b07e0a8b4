"""What a receiver of an intersection reads off the coordinator's match: its own keys, no dummy."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import BadMessage
from contract.sizes import padded_size
from coordinator.wire import match_to_bytes
from federated.join.keyed import AwaitContributions, Keyed, start_keyed
from federated.join.matching import match
from federated.join.owner import TokenList
from federated.join.parameters import JoinParameters
from node.meet import own_keys
from node.wire.joins import match_from_bytes
from protos.join_pb2 import JoinMatch
from psi.keys import Keys

OWNERS = ("a", "b", "c")


def parameters_of(sizes: tuple[int, ...]) -> JoinParameters:
    return JoinParameters(os.urandom(32), OWNERS, sizes)


def listed(parameters: JoinParameters, sets: list[Keys]) -> list[TokenList]:
    """Every owner's list under the key of all contributions."""
    begun = {me: start_keyed(parameters, me) for me in parameters.owners}
    lists = []
    for (me, (state, _)), keys in zip(begun.items(), sets, strict=True):
        now: AwaitContributions | Keyed = state
        for other in parameters.others(me):
            assert isinstance(now, AwaitContributions)
            now = now.advance(other, begun[other][1])
        assert isinstance(now, Keyed)
        lists.append(now.list(keys))
    return lists


@settings(max_examples=50)
@given(st.lists(st.frozensets(st.binary(max_size=3), max_size=300), min_size=3, max_size=3))
def test_the_keys_are_those_that_all_sets_have(sets: list[frozenset[bytes]]) -> None:
    parameters = parameters_of(tuple(padded_size(len(own)) for own in sets))
    held = [Keys.of(sorted(own)) for own in sets]
    lists = listed(parameters, held)
    matched = match(parameters, [one.tokens for one in lists])
    for me, keys, own in zip(OWNERS, held, lists, strict=True):
        content = match_to_bytes(matched.of(me), matched.count)
        places, _ = match_from_bytes(content, len(own.order))
        found = own_keys(own.order, places)
        assert {keys[int(key)] for key in found} == frozenset.intersection(*sets)
        assert len(found) == matched.count


@pytest.mark.long
def test_lists_of_sixteen_million_places() -> None:
    """Every even number up to 2^25, and every third and fifth: common are the multiples of 30."""
    sets = [np.arange(0, 2**25, step, dtype=np.int64) for step in (2, 3, 5)]
    sizes = tuple(padded_size(len(own)) for own in sets)
    assert max(sizes) == 2**24
    parameters = parameters_of(sizes)
    lists = listed(parameters, [as_keys(own) for own in sets])
    matched = match(parameters, [one.tokens for one in lists])
    for me, numbers, own in zip(OWNERS, sets, lists, strict=True):
        content = match_to_bytes(matched.of(me), matched.count)
        places, _ = match_from_bytes(content, len(own.order))
        found = np.sort(numbers[own_keys(own.order, places)])
        assert np.array_equal(found, np.arange(0, 2**25, 30))


def as_keys(numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Keys:
    """The numbers as keys of one column are written: a name, and 18 digits."""
    table = np.empty((len(numbers), 23), dtype=np.uint8)
    table[:, :5] = np.frombuffer(b"uscc:", dtype=np.uint8)
    for place in range(18):
        table[:, 22 - place] = numbers // 10**place % 10 + ord("0")
    return Keys(table.tobytes(), np.arange(23, table.size + 1, 23).astype(np.uint32))


def places_of(*places: int) -> bytes:
    return JoinMatch(places=np.array(places, dtype="<u4").tobytes()).SerializeToString()


@pytest.mark.parametrize(
    "raw",
    [
        places_of(3, 2),
        places_of(2, 2),
        places_of(0, 256),
        places_of(2**32 - 1),
        JoinMatch(places=b"\0\0\0").SerializeToString(),
        JoinMatch(places=bytes(4 * 257)).SerializeToString(),
        JoinMatch(count=257).SerializeToString(),
        b"\xff",
    ],
    ids=["descending", "twice", "beyond", "far beyond", "cut off", "too many", "a count", "none"],
)
def test_a_match_that_cannot_be_is_the_coordinators_fault(raw: bytes) -> None:
    with pytest.raises(BadMessage) as refused:
        match_from_bytes(raw, 256)
    assert refused.value.party == "coordinator"


def test_a_match_of_every_place_or_of_none_can_be() -> None:
    assert match_from_bytes(places_of(*range(256)), 256)[0].tolist() == list(range(256))
    assert match_from_bytes(b"", 256)[0].tolist() == []


def test_a_dummy_in_the_match_is_the_coordinators_fault() -> None:
    order = np.array([1, -1, 0], dtype=np.int32)
    assert own_keys(order, np.array([0, 2], dtype=np.uint32)).tolist() == [1, 0]
    with pytest.raises(BadMessage, match="dummy") as refused:
        own_keys(order, np.array([0, 1], dtype=np.uint32))
    assert refused.value.party == "coordinator"
