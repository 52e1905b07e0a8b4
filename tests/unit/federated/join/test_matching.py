"""Matching tokens: equal to sets, whatever the bytes, and strict about what is no list."""

from random import Random

import numpy as np
import pytest

from contract.errors import BadMessage
from federated.join.matching import match
from federated.join.parameters import JoinParameters

RUN = bytes(32)
AGREED = JoinParameters(RUN, ("a", "b", "c"), (256, 512, 256))
LENGTH = AGREED.token_bytes


def lists(seed: int, tokens: list[bytes]) -> list[list[bytes]]:
    """Every owner's list, drawn from few tokens, so that they meet."""
    random = Random(seed)
    return [random.sample(tokens, size) for size in AGREED.sizes]


def drawn(seed: int, count: int) -> list[bytes]:
    return [token.to_bytes(LENGTH) for token in Random(seed).sample(range(2**60), count)]


# Zeros at either end, and tokens that are numbers of few digits: what a careless comparison merges.
AWKWARD = (
    [bytes(LENGTH)]
    + [bytes([byte]) + bytes(LENGTH - 1) for byte in range(1, 200)]
    + [bytes(LENGTH - 1) + bytes([byte]) for byte in range(1, 200)]
    + [b"\1" + bytes(LENGTH - 2) + bytes([byte]) for byte in range(1, 200)]
    + [b"\xff" * LENGTH]
)


@pytest.mark.parametrize("tokens", [drawn(1, 600), AWKWARD], ids=["random", "awkward"])
@pytest.mark.parametrize("among", [None, ("a", "b"), ("c", "a"), ("b", "c")])
def test_the_positions_are_those_of_pythons_sets(
    tokens: list[bytes], among: tuple[str, ...] | None
) -> None:
    each = lists(2, tokens)
    matched = match(AGREED, [b"".join(one) for one in each], among)
    owners = AGREED.owners if among is None else tuple(sorted(among))
    assert matched.owners == owners
    chosen = [each[AGREED.owners.index(owner)] for owner in owners]
    assert matched.sizes == tuple(len(one) for one in chosen)
    common = set(chosen[0]).intersection(*chosen[1:])
    assert common
    rows = {
        tuple(one[place] for one, place in zip(chosen, row, strict=True))
        for row in matched.positions.tolist()
    }
    assert rows == {(token,) * len(owners) for token in common}
    assert matched.count == len(common) == len(matched.positions)
    assert matched.positions.dtype == np.int32
    for owner, one in zip(owners, chosen, strict=True):
        expected = [place for place, token in enumerate(one) if token in common]
        assert matched.of(owner).tolist() == expected


def test_nothing_in_common_is_no_entity() -> None:
    tokens = drawn(3, 1024)
    parts = [tokens[:256], tokens[256:768], tokens[768:]]
    matched = match(AGREED, [b"".join(part) for part in parts])
    assert matched.count == 0
    assert matched.positions.shape == (0, 3)
    assert matched.of("b").tolist() == []


def test_identical_lists_match_everywhere() -> None:
    parameters = JoinParameters(RUN, ("a", "b"), (256, 256))
    tokens = b"".join(drawn(4, 256))
    matched = match(parameters, [tokens, tokens])
    assert sorted(matched.positions.tolist()) == [[place, place] for place in range(256)]


@pytest.mark.parametrize("places", [(0, 1), (0, 511), (100, 300)])
def test_a_token_twice_in_a_list_is_its_owners_fault(places: tuple[int, int]) -> None:
    each = lists(5, drawn(5, 600))
    each[1][places[1]] = each[1][places[0]]
    with pytest.raises(BadMessage, match="twice") as caught:
        match(AGREED, [b"".join(one) for one in each])
    assert caught.value.party == "b"


class TestTokensThatBeginAlike:
    """Longer than eight bytes, by which lists are put in order."""

    agreed = JoinParameters(RUN, ("a", "b"), (8192, 8192))
    tokens = tuple(token + bytes([1]) for token in drawn(8, 8192))

    def matched(self, *lists: list[bytes]) -> list[list[int]]:
        matched = match(self.agreed, [b"".join(one) for one in lists])
        rows: list[list[int]] = matched.positions.tolist()
        return rows

    def test_their_length_is_more_than_that_of_what_is_looked_at_first(self) -> None:
        assert self.agreed.token_bytes == len(self.tokens[0]) == 9

    def test_are_no_match_between_lists(self) -> None:
        others = [token[:8] + bytes([2]) for token in self.tokens[:8000]]
        one, two = [*self.tokens], [*others, *self.tokens[8000:]]
        assert sorted(self.matched(one, two)) == [[at, at] for at in range(8000, 8192)]

    @pytest.mark.parametrize("second", [2, 0, 255])
    def test_may_stand_in_one_list(self, second: int) -> None:
        close = self.tokens[0][:8] + bytes([second])
        one = [*self.tokens[:8191], close]
        two = [close, *self.tokens[1:]]
        assert sorted(self.matched(one, two)) == [
            *([at, at] for at in range(1, 8191)),
            [8191, 0],
        ]

    def test_twice_in_one_list_are_its_owners_fault(self) -> None:
        with pytest.raises(BadMessage, match="twice") as caught:
            self.matched([*self.tokens], [*self.tokens[:8191], self.tokens[17]])
        assert caught.value.party == "b"


@pytest.mark.parametrize("length", [0, LENGTH, 256 * LENGTH - 1, 256 * LENGTH + 1, 512 * LENGTH])
def test_a_list_of_another_length_is_its_owners_fault(length: int) -> None:
    tokens = [b"".join(one) for one in lists(6, drawn(6, 600))]
    with pytest.raises(BadMessage, match="bytes of tokens") as caught:
        match(AGREED, [*tokens[:2], bytes(length)])
    assert caught.value.party == "c"


def test_no_error_repeats_a_token_and_nothing_is_printed() -> None:
    each = [b"".join(one) for one in lists(7, drawn(7, 600))]
    matched = match(AGREED, each)
    assert repr(matched) == object.__repr__(matched)
    with pytest.raises(BadMessage) as caught:
        match(AGREED, [b"secret--" * 256, *each[1:]])
    assert "secret" not in str(caught.value)
