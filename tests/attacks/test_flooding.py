"""What the receiver learns of a mask together with the owner that encrypted the rows.

The coalition holds the decryption key and the author's ciphertexts. It reads the noise of both
exactly: noise(sum) = noise(column) · mask + noise(fresh zero), as polynomials, and divides. From a
sum that is not flooded it recovers whose rows are in it, all 8192 of them, blinding or not. From
ours it learns nothing, which is tested with the same attack and with a finer one.
"""

from math import prod
from typing import NamedTuple

import numpy as np
import pytest
import tenseal.sealapi as seal
from numpy.typing import NDArray

from federated.aggregate import bfv
from federated.aggregate.add import Adder, MaskedCell, mask_coefficients
from federated.aggregate.encrypt import encrypt_column
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    FRESH_NOISE,
    MODULUS,
    PLAIN,
    BfvParameters,
    Term,
)
from federated.aggregate.secret import ReceiverKey
from federated.aggregate.wire import Residues, key_id, read_ciphertext, read_key, read_result

PARAMETERS = BfvParameters(sums=((Term(rows=DEGREE, largest=10**12),),), cells=40)
BOUNDS = PARAMETERS.prove()

CRT = [
    (MODULUS // prime) * pow(MODULUS // prime, -1, prime) for prime in DATA_PRIMES
]  # residues → the integer below q


class Coalition(NamedTuple):
    """The receiver's key as a polynomial, and what the author sent."""

    key: ReceiverKey
    public: bytes
    s: seal.Plaintext
    chunk: bytes

    def noise(self, polynomials: Residues) -> NDArray[np.float64]:
        """The difference of the phase c0 + c1·s and q/t times the plaintext, exact until rounded.

        t · phase = t · noise mod q, whatever the plaintext: no message need be known.
        """
        twice = bfv.ciphertext(np.stack([polynomials[1], polynomials[1]]))
        bfv.evaluator().multiply_plain_inplace(twice, self.s)
        phase = (bfv.residues(twice, first=1)[0] + polynomials[0]).astype(object)
        scaled = sum(phase[at] * basis for at, basis in enumerate(CRT)) * PLAIN
        centred = (scaled + MODULUS // 2) % MODULUS - MODULUS // 2
        return np.array(centred / PLAIN, dtype=np.float64)

    def own_noise(self) -> NDArray[np.float64]:
        return self.noise(read_ciphertext(key_id(self.public), self.chunk))

    def recovered(self, polynomials: Residues) -> NDArray[np.bool_]:
        """The mask, row by row, by division in R[X]/(X^N + 1)."""
        quotient = transformed(self.noise(polynomials)) / transformed(self.own_noise())
        mask = np.fft.ifft(quotient) * np.conj(TWIST)
        # Row i stands at X^-i = -X^(N-i).
        rows: NDArray[np.float64] = -np.roll(mask.real[::-1], 1)
        rows[0] = -rows[0]
        return np.greater(rows, 0.5)


TWIST = np.exp(1j * np.pi * np.arange(DEGREE) / DEGREE)


def transformed(polynomial: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Its values at the roots of X^N + 1."""
    return np.fft.fft(polynomial * TWIST)


def secret_polynomial(key: ReceiverKey) -> seal.Plaintext:
    """s, by decrypting the ciphertext (0, q/t), whose phase is q/t · s."""
    polynomials = np.zeros((2, len(DATA_PRIMES), DEGREE), dtype=np.uint64)
    polynomials[1, :, 0] = [(MODULUS // PLAIN) % prime for prime in DATA_PRIMES]
    s = seal.Plaintext()
    key._decryptor.decrypt(bfv.ciphertext(polynomials), s)
    return s


@pytest.fixture(scope="module")
def coalition() -> Coalition:
    key, public = ReceiverKey.generate()
    values = np.random.default_rng(3).integers(-(10**12), 10**12, DEGREE)
    [chunk] = encrypt_column(public, values, largest=10**12)
    return Coalition(key, public, secret_polynomial(key), chunk)


def drawn_mask(seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).integers(0, 2, DEGREE).astype(bool)


def unflooded(coalition: Coalition, rows: NDArray[np.int64]) -> seal.Ciphertext:
    """The chunk times the mask and a fresh zero, by SEAL alone; every coefficient of it."""
    total, chunk = seal.Ciphertext(), read_ciphertext(key_id(coalition.public), coalition.chunk)
    bfv.encryptor(read_key(coalition.public)).encrypt_zero(total)
    if rows.size:
        masked = bfv.ciphertext(chunk)
        bfv.evaluator().multiply_plain_inplace(masked, bfv.plaintext(mask_coefficients(rows)))
        bfv.evaluator().add_inplace(total, masked)
    return total


def flooded(coalition: Coalition, rows: NDArray[np.int64]) -> Residues:
    cell = MaskedCell((rows,), 123)
    [made] = Adder(coalition.public, PARAMETERS).sums([[coalition.chunk]], [cell])
    return read_result(key_id(coalition.public), made, [0])


def test_the_key_is_read_right(coalition: Coalition) -> None:
    coefficients = [coalition.s[at] for at in range(coalition.s.coeff_count())]
    assert set(coefficients) == {0, 1, PLAIN - 1}
    assert prod(DATA_PRIMES) == MODULUS


def test_an_unflooded_sum_gives_the_whole_mask_away(coalition: Coalition) -> None:
    mask = drawn_mask(1)
    total = unflooded(coalition, np.flatnonzero(mask))
    assert np.array_equal(coalition.recovered(bfv.residues(total)), mask)


def test_a_uniform_plaintext_over_it_changes_nothing(coalition: Coalition) -> None:
    """Blinding hides values; what gives the rows away is noise."""
    mask = drawn_mask(2)
    total = unflooded(coalition, np.flatnonzero(mask))
    blinding = np.random.default_rng(4).integers(0, PLAIN, DEGREE, dtype=np.uint64)
    bfv.evaluator().add_plain_inplace(total, bfv.plaintext(blinding))
    assert np.array_equal(coalition.recovered(bfv.residues(total)), mask)


def test_ours_gives_away_no_more_than_a_guess(coalition: Coalition) -> None:
    mask = drawn_mask(5)
    result = flooded(coalition, np.flatnonzero(mask))
    right = np.mean(coalition.recovered(result) == mask)
    # Nine standard deviations of guessing about 8192 rows.
    assert abs(right - 0.5) < 0.05


def test_of_c0_one_coefficient_leaves(coalition: Coalition) -> None:
    result = flooded(coalition, np.flatnonzero(drawn_mask(6)))
    assert result[0, :, 0].all()
    assert not result[0, :, 1:].any()


def correlation(expected: list[float], seen: list[float]) -> float:
    return float(np.corrcoef(expected, seen)[0, 1])


def test_the_one_coefficient_tells_nothing_either(coalition: Coalition) -> None:
    """Of a guessed mask the coalition knows the noise: unflooded, a right guess would show."""
    own, random = coalition.own_noise(), np.random.default_rng(8)
    masks = [random.permutation(DEGREE)[:30] for _ in range(PARAMETERS.cells)]
    expected = [float(own[rows].sum()) for rows in masks]
    totals = [bfv.residues(unflooded(coalition, rows)) for rows in masks]
    open_noise = [float(coalition.noise(total)[0]) for total in totals]
    assert correlation(expected, open_noise) > 0.9
    ours = [float(coalition.noise(flooded(coalition, rows))[0]) for rows in masks]
    assert abs(correlation(expected, ours)) < 0.8
    # The flood is there to its full width, and every guess fits under it.
    assert max(map(abs, ours)) > 2 ** (BOUNDS.flood_bits - 4)
    assert max(map(abs, ours)) + max(map(abs, expected)) < 2 ** (BOUNDS.flood_bits - 1)


def test_every_row_is_as_likely_as_any_other_to_be_the_only_one(coalition: Coalition) -> None:
    own = coalition.own_noise()
    [seen] = coalition.noise(flooded(coalition, np.array([4711])))[:1]
    # Each candidate leaves a remainder inside the flood's range, where all are equally probable.
    assert (np.abs(seen - own) + FRESH_NOISE < 2.0 ** (BOUNDS.flood_bits - 1)).all()
    assert np.ptp(own) * 2**40 < 2.0**BOUNDS.flood_bits


def test_honest_noise_keeps_below_its_bound(coalition: Coalition) -> None:
    fresh = np.abs(coalition.own_noise()).max()
    total = unflooded(coalition, np.arange(DEGREE))
    added = np.abs(coalition.noise(bfv.residues(total))).max()
    # Larger than rounding alone, or it was not noise that was measured; and far below the bound.
    assert 8 < fresh < FRESH_NOISE / 16
    assert 100 < added < 2.0 ** (BOUNDS.noise_bits - 6)


def test_decryption_keeps_a_budget(coalition: Coalition) -> None:
    """SEAL's own measure, with the flood of the proof added to a sum over all rows."""
    total = unflooded(coalition, np.arange(DEGREE))
    before = coalition.key._decryptor.invariant_noise_budget(total)
    flood = np.zeros((2, len(DATA_PRIMES), DEGREE), dtype=np.uint64)
    flood[0, :, 0] = [(1 << BOUNDS.flood_bits - 1) % prime for prime in DATA_PRIMES]
    bfv.evaluator().add_inplace(total, bfv.ciphertext(flood))
    after = coalition.key._decryptor.invariant_noise_budget(total)
    assert before > BOUNDS.room_bits - BOUNDS.noise_bits
    # Rounded to the safe side three times: b, log2(q/2t), and the flood's sign.
    assert BOUNDS.spare_bits <= after <= BOUNDS.spare_bits + 3
