"""The ring is SEAL's, the page's numbers are the code's, and a bound that fails says why."""

import re
from fractions import Fraction
from math import log2
from pathlib import Path

import pytest
import tenseal.sealapi as seal

from contract.errors import BadRequest, TooManyResults, UnprovenSum
from federated.aggregate import bfv
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    DISTANCE_BITS,
    FRESH_NOISE,
    KEY_PRIME,
    KEY_PRIMES,
    MERGES,
    MODULUS,
    PLAIN,
    ROOM_BITS,
    SWITCHING_NOISE,
    BfvParameters,
    Bounds,
    Term,
    signed,
)
from federated.aggregate.wire import (
    CIPHERTEXT_BYTES,
    KEY_BYTES,
    MERGING_BYTES,
    result_bytes,
)


def sums(*terms: tuple[int, int], cells: int = 1, times: int = 1) -> BfvParameters:
    named = tuple(Term(rows=rows, largest=largest) for rows, largest in terms)
    return BfvParameters(sums=(named,) * times, cells=cells)


def test_the_ring_is_seals_default_at_128_bits() -> None:
    default = seal.CoeffModulus.BFVDefault(DEGREE, seal.SEC_LEVEL_TYPE.TC128)
    assert [modulus.value() for modulus in default] == list(KEY_PRIMES)
    assert seal.CoeffModulus.MaxBitCount(DEGREE, seal.SEC_LEVEL_TYPE.TC128) == 218
    data = bfv.context().first_context_data()
    assert data.total_coeff_modulus_bit_count() == MODULUS.bit_length() == 174
    assert data.parms().plain_modulus().value() == PLAIN == 2**59


def test_the_page_gives_the_numbers_that_the_code_computes(root: Path) -> None:
    page = (root / "federated" / "SPEC.md").read_text(encoding="utf-8")
    section = page.partition("## 2. Encrypted sums")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in section.splitlines()]
    stated = {row[0]: row[1] for row in cells if len(row) >= 2}
    example = sums((2**20, 2**37), cells=400, times=3).prove()
    computed = {
        "N": DEGREE,
        "bits of t": PLAIN.bit_length() - 1,
        "bits of q": MODULUS.bit_length(),
        "bits of the key prime": KEY_PRIME.bit_length(),
        "noise of a fresh coefficient": FRESH_NOISE,
        "room": ROOM_BITS,
        "distance": DISTANCE_BITS,
        "rows": example.rows,
        "results": example.ciphertexts,
        "b": example.noise_bits,
        "B": example.flood_bits,
        "left over": example.spare_bits,
        "bytes of a key": KEY_BYTES,
        "bytes of a ciphertext": CIPHERTEXT_BYTES,
        "bytes of a result of one sum": result_bytes(1),
        "bytes of a result of 32 sums": result_bytes(1 << MERGES),
        "bytes of merging keys": MERGING_BYTES,
        "noise of a key switched": SWITCHING_NOISE,
    }
    said = {name: int(re.sub(r"\D", "", stated[name])) for name in computed}
    assert said == computed


def test_fresh_noise_covers_what_seals_encryption_can_add() -> None:
    """SPEC §2.3: rounding of the plaintext, of both polynomials, and the key's error over p."""
    half, widest = Fraction(1, 2), 21
    key_error = Fraction(widest * (2 * DEGREE + 1), KEY_PRIME)
    assert half + half + half * DEGREE + key_error < FRESH_NOISE


@pytest.mark.parametrize(("rows", "cells"), [(0, 1), (1, 1), (256, 20), (2**20, 400), (2**24, 5)])
def test_the_proof_is_that_of_the_page(rows: int, cells: int) -> None:
    bounds = sums((rows, 1), cells=cells, times=3).prove()
    assert bounds.ciphertexts == 3 * cells
    assert (rows + 1) * FRESH_NOISE + 1 < 2**bounds.noise_bits
    wanted = bounds.noise_bits + 41 + log2(DEGREE * bounds.ciphertexts)
    assert wanted <= bounds.flood_bits < wanted + 1
    assert bounds.flood_bits + 1 < ROOM_BITS <= log2(Fraction(MODULUS, 2 * PLAIN))
    assert 2**bounds.noise_bits + 2 ** (bounds.flood_bits - 1) < MODULUS // (2 * PLAIN)
    assert bounds.spare_bits > 0


def test_the_widest_sum_counts_and_every_sum_is_a_result() -> None:
    narrow, wide = Term(rows=10, largest=3), Term(rows=1000, largest=7)
    bounds = BfvParameters(sums=((narrow,), (narrow, wide)), cells=5).prove()
    assert (bounds.rows, bounds.ciphertexts) == (1010, 10)
    assert bounds.largest_sums == (30, 7030)


def test_a_query_without_sums_has_nothing_to_hide() -> None:
    assert BfvParameters(sums=(), cells=7).prove().ciphertexts == 0


def test_the_largest_exact_sum_is_proved_and_one_more_is_not() -> None:
    bounds: Bounds = sums((1, 2**58 - 1)).prove()
    assert bounds.largest_sums == (2**58 - 1,)
    with pytest.raises(UnprovenSum, match=rf"1 rows × {2**58} = {2**58}; .* {2**58 - 1}"):
        sums((1, 2**58)).prove()
    with pytest.raises(UnprovenSum, match=r"20000 rows × 10000000000000 \+ 5 rows × 1 "):
        sums((20_000, 10**13), (5, 1), (20_000, 10**13)).prove()


def test_flooding_without_room_is_refused_with_the_numbers() -> None:
    assert sums((2**30, 1), cells=2**14).prove().spare_bits == 1
    with pytest.raises(TooManyResults, match=r"32768 .* 1073741824 rows need 112 .* room for 111"):
        sums((2**30, 1), cells=2**15).prove()


@pytest.mark.parametrize("bad", [((-1, 5),), ((5, -1),), ()])
def test_what_is_no_sum_is_refused(bad: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(BadRequest):
        sums(*bad)


def test_there_is_at_least_one_cell() -> None:
    with pytest.raises(BadRequest):
        sums((1, 1), cells=0)


@pytest.mark.parametrize("value", [0, 1, -1, 2**58 - 1, -(2**58)])
def test_a_residue_stands_for_one_signed_integer(value: int) -> None:
    assert signed(value % PLAIN) == value


def test_every_data_prime_can_be_transformed() -> None:
    assert all(prime % (2 * DEGREE) == 1 for prime in DATA_PRIMES)
