"""Shamir's shares, against a reference that solves for the polynomial."""

from random import Random

import pytest

from contract.errors import BadMessage
from federated.union.shamir import PRIME, SHARE_BYTES, joined, split
from tests.vectors import shamir_reference

CHANCE = Random(1979)


def test_the_prime_is_the_one_that_the_specification_names() -> None:
    assert PRIME == 2**521 - 1 == shamir_reference.PRIME
    assert PRIME < 1 << 8 * SHARE_BYTES


@pytest.mark.parametrize(("shares", "threshold"), [(3, 3), (5, 2), (9, 7), (30, 21)])
def test_shares_are_values_of_one_polynomial(shares: int, threshold: int) -> None:
    secret = CHANCE.randbytes(32)
    coefficients = [CHANCE.randrange(PRIME) for _ in range(threshold - 1)]
    made = split(secret, shares, coefficients)
    whole = [int.from_bytes(secret, "big"), *coefficients]
    assert [int.from_bytes(one, "big") for one in made] == [
        shamir_reference.share(whole, x) for x in range(1, shares + 1)
    ]
    chosen = sorted(CHANCE.sample(range(1, shares + 1), threshold))
    points = [(x, int.from_bytes(made[x - 1], "big")) for x in chosen]
    assert shamir_reference.polynomial(points) == whole
    assert joined({x: made[x - 1] for x in chosen}) == secret


def test_one_share_less_fits_every_secret() -> None:
    secret, other = CHANCE.randbytes(32), CHANCE.randbytes(32)
    made = split(secret, 5, [CHANCE.randrange(PRIME) for _ in range(2)])
    known = [(x, int.from_bytes(made[x - 1], "big")) for x in (1, 2)]
    fits = shamir_reference.polynomial([(0, int.from_bytes(other, "big")), *known])
    assert split(other, 2, fits[1:]) == made[:2]


def test_shares_that_do_not_belong_together_are_refused() -> None:
    made = split(bytes(32), 3, [CHANCE.randrange(PRIME) for _ in range(2)])
    others = split(bytes(32), 3, [CHANCE.randrange(PRIME) for _ in range(2)])
    with pytest.raises(BadMessage, match="do not belong together"):
        joined({1: made[0], 2: made[1], 3: others[2]})
    with pytest.raises(BadMessage, match="do not belong together"):
        joined({1: b"\xff" * SHARE_BYTES, 2: made[1], 3: made[2]})
    with pytest.raises(BadMessage, match="do not belong together"):
        joined({0: made[0], 2: made[1], 3: made[2]})
