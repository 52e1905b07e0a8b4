"""The coordinator's part: adds the matched rows of each cell under encryption, blinds and floods.

Implements  federated/SPEC.md §2.2 (add), §2.3 (flooding)
Learns      the coordinator: nothing it did not know (it has no key); the receiver: one blinded sum
            for each result, and nothing of whose rows are in it, even together with the owners that
            encrypted them
Not safe    against an owner that encrypts with oversized noise, nor if coordinator and receiver
            pool what they have: SPEC §2.5

A cell's mask is m(X) = Σ X^-i over its rows i, so that the constant coefficient of v(X)·m(X) is the
cell's sum. Where there are groups, packing.py puts many such coefficients into one ciphertext. Of
c0 only the coefficients that are sums leave.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from contract.errors import OurError
from federated.aggregate import bfv
from federated.aggregate.packing import Merger, halved, places
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    MODULUS,
    PLAIN,
    BfvParameters,
    Bounds,
)
from federated.aggregate.wire import (
    Residues,
    key_id,
    read_ciphertext,
    read_key,
    read_merging_keys,
    write_result,
)

Positions = NDArray[np.integer]

_STARTS: Final = range(0, len(DATA_PRIMES) * DEGREE, DEGREE)
"""Where c0 begins in SEAL's array, prime after prime."""

_PRIMES: Final = np.array(DATA_PRIMES, dtype=np.uint64)

MOST_SHIFTS: Final = 128
"""Rows of a chunk up to which shifts are cheaper than transforming a mask and multiplying by it."""


@dataclass(frozen=True, slots=True, repr=False)
class MaskedCell:
    """One result to make."""

    positions: tuple[Positions, ...]
    """For each term, the cell's rows as places in that owner's list; distinct, any order."""
    blinding: int
    """Σ b over the owners, each under the name of this row."""


class Adder:
    """Makes the sums of one query, all under the receiver's keys, which are read once.

    Raises BadMessage, ForeignCiphertext, ForeignEncryptionKey, here and below.
    """

    def __init__(
        self, public_key: bytes, parameters: BfvParameters, merging_keys: bytes | None = None
    ) -> None:
        self._bounds, self._merges = parameters.prove(), parameters.merges
        self._encryptor, self._key = bfv.encryptor(read_key(public_key)), key_id(public_key)
        keys = None if merging_keys is None else read_merging_keys(self._key, merging_keys)
        self._merger = Merger(keys, self._merges)

    def sums(self, columns: Sequence[Sequence[bytes]], cells: Sequence[MaskedCell]) -> list[bytes]:
        """One sum over all `cells`, 2^merges in a result; `columns` are its terms' chunks."""
        bounds, merges = self._bounds, self._merges
        for cell in cells:
            _require_covered(cell, columns, bounds)
        terms = [
            [_Chunk(halved(read_ciphertext(self._key, chunk), merges)) for chunk in chunks]
            for chunks in columns
        ]
        packs = self._merger.packs(_added(terms, cell) for cell in cells)
        together = 1 << merges
        of_packs = [cells[start : start + together] for start in range(0, len(cells), together)]
        return [
            self._finished(pack, inside, places(merges, len(inside)))
            for pack, inside in zip(packs, of_packs, strict=True)
        ]

    def _finished(
        self, pack: seal.Ciphertext, cells: Sequence[MaskedCell], at: Sequence[int]
    ) -> bytes:
        """A pack as it leaves: of c0 each sum's coefficient, blinded and flooded, and no other."""
        zero = seal.Ciphertext()
        self._encryptor.encrypt_zero(zero)
        bfv.evaluator().add_inplace(pack, zero)
        flood_bits = self._bounds.flood_bits
        shifts = [_scaled(cell.blinding) + _flood(flood_bits) for cell in cells]
        c0 = [
            [(pack[start + place] + shift) % prime for place, shift in zip(at, shifts, strict=True)]
            for start, prime in zip(_STARTS, DATA_PRIMES, strict=True)
        ]
        return write_result(self._key, np.array(c0, dtype=np.uint64), bfv.residues(pack, first=1))


class _Chunk:
    """A ciphertext of a column, as masks of few and of many rows need it."""

    def __init__(self, polynomials: Residues) -> None:
        self._polynomials = polynomials
        self._shifts = shifts_of(polynomials[1])
        self._transformed: seal.Ciphertext | None = None

    def add(self, rows: NDArray[np.int64], total: "_Total") -> None:
        """Add these rows to the total of a cell."""
        # A chunk without a hit adds nothing, and SEAL refuses to multiply by zero.
        if rows.size > MOST_SHIFTS:
            total.multiplied(self._multiplied(rows))
        elif rows.size:
            total.shifted(self._polynomials[0][:, rows], self._shifts, rows)

    def _multiplied(self, rows: NDArray[np.int64]) -> seal.Ciphertext:
        if self._transformed is None:
            self._transformed = bfv.ciphertext(self._polynomials)
            bfv.evaluator().transform_to_ntt_inplace(self._transformed)
        mask = bfv.plaintext(mask_coefficients(rows))
        bfv.evaluator().transform_to_ntt_inplace(mask, bfv.context().first_parms_id())
        product = seal.Ciphertext()
        bfv.evaluator().multiply_plain(self._transformed, mask, product)
        return product


class _Total:
    """What is added up of a cell, without anything that hides it: it must not leave as it is.

    A mask of few rows is multiplied by adding up c1 shifted to each of them, and of c0 only the
    coefficients that come to stand first: what many rows cost, whatever the number of cells. A
    mask of many rows is transformed and multiplied, which costs the same however many there are.
    """

    def __init__(self) -> None:
        self._product: seal.Ciphertext | None = None
        self._shifted = np.zeros((2, len(DATA_PRIMES), DEGREE), dtype=np.uint64)

    def multiplied(self, product: seal.Ciphertext) -> None:
        """Add a chunk times a mask."""
        if self._product is None:
            self._product = product
        else:
            bfv.evaluator().add_inplace(self._product, product)

    def shifted(self, first: Residues, shifts: Residues, rows: NDArray[np.int64]) -> None:
        """Add c0's coefficients and c1's shifts of a few rows of a chunk."""
        c0, c1 = self._shifted
        c0[:, 0] += first.sum(axis=1)
        for row in rows.tolist():
            c1 += shifts[:, row : row + DEGREE]
        # A residue has 44 bits, and of a chunk there are few: nothing has reached 64 bits.
        self._shifted %= _PRIMES[:, None]

    def ciphertext(self) -> seal.Ciphertext:
        """Of which the constant coefficient is the sum, and the others are of no use."""
        total = bfv.ciphertext(self._shifted)
        if self._product is not None:
            bfv.evaluator().transform_from_ntt_inplace(self._product)
            bfv.evaluator().add_inplace(total, self._product)
        return total


def shifts_of(polynomial: Residues) -> Residues:
    """Of which N coefficients from the i-th on are those of X^-i times the polynomial."""
    return np.concatenate([polynomial, _PRIMES[:, None] - polynomial], axis=1)


def _added(terms: Sequence[Sequence[_Chunk]], cell: MaskedCell) -> seal.Ciphertext:
    """The masked rows of every term."""
    total = _Total()
    for chunks, positions in zip(terms, cell.positions, strict=True):
        rows = np.sort(positions.astype(np.int64))
        starts = np.searchsorted(rows, np.arange(1, len(chunks)) * DEGREE)
        for number, inside in enumerate(np.split(rows, starts)):
            chunks[number].add(inside - number * DEGREE, total)
    return total.ciphertext()


def mask_coefficients(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Σ X^-i mod X^N + 1, mod t: X^-i = -X^(N-i), and X^0 = 1."""
    coefficients = np.zeros(DEGREE, dtype=np.uint64)
    coefficients[-rows % DEGREE] = PLAIN - 1
    coefficients[0] = 1 if 0 in rows else 0
    return coefficients


def _scaled(blinding: int) -> int:
    """The nearest integer to q/t times it: how BFV carries a plaintext."""
    return (MODULUS * (blinding % PLAIN) + PLAIN // 2) // PLAIN


def _flood(bits: int) -> int:
    """Uniform, centred, independent of everything else."""
    return secrets.randbits(bits) - (1 << (bits - 1))


def _require_covered(cell: MaskedCell, columns: Sequence[Sequence[bytes]], bounds: Bounds) -> None:
    """The proof of `bounds` speaks of distinct rows, and of no more than these."""
    rows = sum(positions.size for positions in cell.positions)
    inside = all(
        positions.size == np.unique(positions).size
        and (not positions.size or 0 <= positions.min() <= positions.max() < len(chunks) * DEGREE)
        for positions, chunks in zip(cell.positions, columns, strict=True)
    )
    if rows > bounds.rows or not inside:
        raise OurError(
            "the matching names rows that the proven bounds do not cover", fix="Report this."
        )
