"""The coordinator's part: adds the matched rows of each cell under encryption, blinds and floods.

Implements  federated/SPEC.md §2.2 (add), §2.3 (flooding)
Learns      the coordinator: nothing it did not know (it has no key); the receiver: one blinded sum
            for each result, and nothing of whose rows are in it, even together with the owners that
            encrypted them
Not safe    against an owner that encrypts with oversized noise, nor if coordinator and receiver
            pool what they have: SPEC §2.5

A cell's mask is m(X) = Σ X^-i over its rows i, so that the constant coefficient of v(X)·m(X) is the
cell's sum. Of c0 only that coefficient leaves.
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
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    MODULUS,
    PLAIN,
    BfvParameters,
    Bounds,
)
from federated.aggregate.wire import key_id, read_ciphertext, read_key, write_result

Positions = NDArray[np.integer]

_CONSTANTS: Final = range(0, len(DATA_PRIMES) * DEGREE, DEGREE)
"""Where c0's constant coefficient stands in SEAL's array, prime after prime."""


@dataclass(frozen=True, slots=True, repr=False)
class MaskedCell:
    """One result to make."""

    positions: tuple[Positions, ...]
    """For each term, the cell's rows as places in that owner's list; distinct, any order."""
    blinding: int
    """Σ b over the owners, each under the name of this row."""


def masked_sums(
    public_key: bytes,
    columns: Sequence[Sequence[bytes]],
    cells: Sequence[MaskedCell],
    parameters: BfvParameters,
) -> list[bytes]:
    """One sum over all `cells`; `columns` are the chunks of each of its terms.

    Raises BadMessage, ForeignCiphertext, ForeignEncryptionKey.
    """
    bounds = parameters.prove()
    for cell in cells:
        _require_covered(cell, columns, bounds)
    totals = accumulate(public_key, columns, [cell.positions for cell in cells])
    return [
        _finished(key_id(public_key), total, cell.blinding, bounds.flood_bits)
        for total, cell in zip(totals, cells, strict=True)
    ]


def accumulate(
    public_key: bytes,
    columns: Sequence[Sequence[bytes]],
    masks: Sequence[tuple[Positions, ...]],
) -> list[seal.Ciphertext]:
    """Fresh zero plus the masked rows of every term. Must not leave: not blinded, not flooded."""
    encryptor, key = bfv.encryptor(read_key(public_key)), key_id(public_key)
    totals = [_zero(encryptor) for _ in masks]
    for term, chunks in enumerate(columns):
        for number, chunk in enumerate(chunks):
            values = bfv.ciphertext(read_ciphertext(key, chunk))
            bfv.evaluator().transform_to_ntt_inplace(values)
            for total, positions in zip(totals, masks, strict=True):
                _add_rows(total, values, _rows_of(positions[term], number))
    for total in totals:
        bfv.evaluator().transform_from_ntt_inplace(total)
    return totals


def _zero(encryptor: seal.Encryptor) -> seal.Ciphertext:
    zero = seal.Ciphertext()
    encryptor.encrypt_zero(zero)
    bfv.evaluator().transform_to_ntt_inplace(zero)
    return zero


def _rows_of(positions: Positions, chunk: int) -> NDArray[np.int64]:
    """Those that lie in a chunk, as coefficients of it."""
    rows: NDArray[np.int64] = positions.astype(np.int64) - chunk * DEGREE
    return rows[(rows >= 0) & (rows < DEGREE)]


def _add_rows(total: seal.Ciphertext, values: seal.Ciphertext, rows: NDArray[np.int64]) -> None:
    # A chunk without a hit adds nothing, and SEAL refuses to multiply by zero.
    if not rows.size:
        return
    mask = bfv.plaintext(mask_coefficients(rows))
    bfv.evaluator().transform_to_ntt_inplace(mask, bfv.context().first_parms_id())
    product = seal.Ciphertext()
    bfv.evaluator().multiply_plain(values, mask, product)
    bfv.evaluator().add_inplace(total, product)


def mask_coefficients(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Σ X^-i mod X^N + 1, mod t: X^-i = -X^(N-i), and X^0 = 1."""
    coefficients = np.zeros(DEGREE, dtype=np.uint64)
    coefficients[-rows % DEGREE] = PLAIN - 1
    coefficients[0] = 1 if 0 in rows else 0
    return coefficients


def _finished(key: bytes, total: seal.Ciphertext, blinding: int, flood_bits: int) -> bytes:
    """The constant coefficient of c0 blinded and flooded, beside c1; no other one leaves."""
    shift = _scaled(blinding) + _flood(flood_bits)
    constant = [
        (total[place] + shift) % prime for place, prime in zip(_CONSTANTS, DATA_PRIMES, strict=True)
    ]
    return write_result(key, constant, bfv.residues(total, first=1))


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
