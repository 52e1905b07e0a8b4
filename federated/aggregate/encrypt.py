"""An owner's part: one column as ciphertexts under the receiver's key.

Implements  federated/SPEC.md §2.2 (encrypt)
Learns      nobody anything but the receiver, and it gets none of these ciphertexts
Not safe    if the coordinator and the receiver pool what they have: SPEC §2.5
"""

from collections.abc import Sequence

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from federated.aggregate import bfv
from federated.aggregate.bounded import require_bounded
from federated.aggregate.parameters import DEGREE, PLAIN
from federated.aggregate.wire import Residues, key_id, read_key, write_ciphertext


def encrypt_columns(
    public_key: bytes, columns: Sequence[NDArray[np.int64]], largest: Sequence[int]
) -> list[list[bytes]]:
    """Several columns, each with the bound of its own: see `encrypt_column`."""
    return [
        encrypt_column(public_key, column, largest=most)
        for column, most in zip(columns, largest, strict=True)
    ]


def encrypt_column(public_key: bytes, values: NDArray[np.int64], *, largest: int) -> list[bytes]:
    """Scaled integers in token order, dummies included as 0 → ⌈n/N⌉ ciphertexts of N values.

    `largest` is the bound that the contract's proof rests on; raises BadValue beyond it, and for a
    malformed key BadMessage or ForeignEncryptionKey.
    """
    require_bounded(values, largest)
    encryptor, key = bfv.encryptor(read_key(public_key)), key_id(public_key)
    chunks = (values[start : start + DEGREE] for start in range(0, len(values), DEGREE))
    return [write_ciphertext(key, _encrypted(encryptor, chunk)) for chunk in chunks]


def _encrypted(encryptor: seal.Encryptor, values: NDArray[np.int64]) -> Residues:
    coefficients = np.zeros(DEGREE, dtype=np.uint64)
    # t divides 2^64, so two's complement cut to its low bits is the value mod t.
    coefficients[: len(values)] = values.view(np.uint64) & np.uint64(PLAIN - 1)
    made = seal.Ciphertext()
    encryptor.encrypt(bfv.plaintext(coefficients), made)
    return bfv.residues(made)
