"""What the core uses, against the published formulas recomputed in plain Python; and their bounds.

The core's capacities, columns, pieces and tag bits show in the lengths of its messages: one key,
column, level or bit more or less, and a length here is another.
"""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from contract.sizes import padded_size
from native._core import rr22_outline
from psi.rr22.parameters import BUCKET_SIZE, LARGEST_SIZE
from tests.vectors.rr22_parameters import (
    BASE_TRANSFERS,
    NOISE,
    SOFTSPOKEN,
    Run,
    Store,
    capacity,
    exact_tail,
    tail,
)

SIZES = [
    eighths << octave
    for octave in range(26)
    for eighths in range(8, 16)
    if 256 <= eighths << octave <= LARGEST_SIZE
]
LOPSIDED = [(256, 2**20), (2**20, 256), (3 * 2**19, 20_480), (256, 2**28), (2**28, 256)]
PAIRS = [*((size, size) for size in SIZES), *LOPSIDED]
SPEC = Path(__file__).parents[4] / "psi/rr22/SPEC.md"
UNIT = Decimal(2) ** -40


def test_the_grid_is_every_size_that_a_set_can_be_padded_to() -> None:
    assert len(SIZES) == 161
    assert all(padded_size(size) == size for size in SIZES)
    assert (SIZES[0], SIZES[-1], BUCKET_SIZE) == (256, 2**28, 2**20)


@pytest.mark.parametrize(("both", "active"), [(False, False), (True, False), (True, True)])
def test_the_core_has_the_buckets_and_lengths_of_the_formulas(both: bool, active: bool) -> None:
    for receiver_size, sender_size in PAIRS:
        run = Run(receiver_size, sender_size, active=active)
        terms = (bytes(32), receiver_size, sender_size, BUCKET_SIZE, both, active)
        buckets, lengths = rr22_outline(terms)
        derived = (run.buckets, run.message_bytes(both=both))
        assert (buckets, list(lengths)) == derived, (receiver_size, sender_size)


def test_all_ways_to_go_wrong_together_keep_below_2_to_the_minus_40() -> None:
    for receiver_size, sender_size in PAIRS:
        run = Run(receiver_size, sender_size)
        wrong = (run.false_match(), run.bucket_overflow())
        another_seed = run.cluster_overflow() + run.unsolvable()
        assert wrong[0] < UNIT / 4 * (1 + UNIT)
        assert wrong[1] <= UNIT / 4
        # Four seeds are tried.
        assert another_seed <= UNIT / 2
        assert sum(wrong) + another_seed**4 < UNIT / 2
        assert sum(wrong) + another_seed < UNIT, (receiver_size, sender_size)


class TestBinomialTails:
    @pytest.mark.parametrize(
        ("keys", "bins", "bits"), [(40, 3, 10), (300, 2, 43), (256, 7, 43), (1000, 5, 43)]
    )
    def test_small_ones_are_exact_fractions(self, keys: int, bins: int, bits: int) -> None:
        most = capacity(keys, bins, bits)
        bound = Fraction(1, 2**bits)
        assert bins * exact_tail(keys, bins, most) <= bound
        assert bins * exact_tail(keys, bins, most - 1) > bound
        exact = exact_tail(keys, bins, most)
        relative = Fraction(tail(keys, bins, most)) / exact - 1
        assert abs(relative) < Fraction(1, 10**9)

    @pytest.mark.parametrize(("keys", "bins"), [(2**20, 32), (9 * 2**17, 2), (2**28, 256)])
    def test_large_ones_are_the_least(self, keys: int, bins: int) -> None:
        most, bound = capacity(keys, bins, 43), Decimal(2) ** -43
        assert bins * tail(keys, bins, most) <= bound < bins * tail(keys, bins, most - 1)


def test_the_page_has_these_numbers() -> None:
    text = SPEC.read_text()
    store = Store(2**20, 42)
    for number in (store.capacity, store.sparse, store.columns):
        assert f"| {number:,} ".replace(",", " ") in text
    assert (store.dense, round(store.cluster_bits), store.clusters) == (3, 47, 32)
    assert f"t = {NOISE} = ⌊128" in text
    assert f"| {BASE_TRANSFERS}, chosen by the bits of Δ |" in text
    assert f"subspace of dimension {SOFTSPOKEN} |" in text
