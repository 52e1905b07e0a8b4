"""Noise: how much of it a number gets, and draws that are those of the distribution."""

from decimal import Decimal
from math import exp, log
from typing import Any

import pytest

from contract.statements import MOST_CELLS
from federated.noise.parameters import Noise
from federated.noise.secret import _sampler, draw

DRAWS = 4000
SIGMAS = 7
"""Beyond so many standard deviations honest draws come with less than 10^-11."""


@pytest.mark.parametrize(
    ("epsilon", "draws", "keys", "bound", "scale"),
    [
        ("0.5", 1, 1, 1, 2),
        ("0.5", 4, 1, 100, 800),
        ("1", 3, 12, 7, 252),
        ("0.001", 1, 1, 1, 1000),
    ],
)
def test_the_scale_is_what_a_subject_adds_over_its_part_of_epsilon(
    epsilon: str, draws: int, keys: int, bound: int, scale: int
) -> None:
    assert Noise(epsilon=Decimal(epsilon), draws=draws, keys=keys).scale(bound) == scale


@pytest.mark.parametrize("draws", [1, 7, 400])
def test_no_draw_of_a_run_leaves_its_room_but_with_2_to_the_minus_41(draws: int) -> None:
    noise = Noise(epsilon=Decimal("0.7"), draws=draws, keys=3)
    scale = float(noise.scale(1))
    assert MOST_CELLS * draws * 2 * exp(-noise.spread / scale) < 2**-41
    # And not far more room than that asks for: it costs the sums their digits.
    assert noise.spread / scale < log(2) * 41 + log(MOST_CELLS * draws) + 3


@pytest.mark.parametrize(("bound", "scale"), [(1, 4), (50, 200), (10**12, 4 * 10**12)])
def test_draws_have_the_distribution(bound: int, scale: int) -> None:
    noise = Noise(epsilon=Decimal("0.5"), draws=2, keys=1)
    found = draw(noise, bound, DRAWS)
    # Of the discrete distribution the size is on average scale (a little less for small ones),
    # and half of all draws lie within scale × ln 2, with a grain of one integer.
    grain = 1 / scale
    mean = sum(map(abs, found)) / DRAWS / scale
    assert abs(mean - 1) < SIGMAS / DRAWS**0.5 + grain
    half = SIGMAS * 0.5 / DRAWS**0.5
    assert abs(sum(one > 0 for one in found) / DRAWS - 0.5) < half + grain
    assert abs(sum(abs(one) <= scale * log(2) for one in found) / DRAWS - 0.5) < half + grain
    assert max(map(abs, found)) <= noise.spread * bound


def test_the_library_says_the_same_of_the_scale() -> None:
    noise = Noise(epsilon=Decimal("0.3"), draws=7, keys=5)
    measured: Any = _sampler(noise.scale(1001))
    # Of what one subject changes: `keys` times what one key does.
    assert measured.map(d_in=5 * 1001) == pytest.approx(0.3 / 7, rel=1e-12)


def test_what_nobody_adds_to_has_no_noise() -> None:
    assert draw(Noise(epsilon=Decimal(1), draws=1, keys=1), 0, 20) == [0] * 20
