"""Keys, ciphertexts and results as bytes: fixed sizes, one encoding each, everything checked.

Implements  federated/SPEC.md §2.4

    key         id of the parameters ‖ both polynomials, 5 residues a coefficient
    ciphertext  id of the key ‖ both polynomials, 4 residues a coefficient
    result      id of the key ‖ coefficients of c0, one for each sum ‖ c1, 4 residues a coefficient
    merging     id of the key ‖ of each automorphism and prime two polynomials, 5 residues each

A residue has 44 bits, two of them make 11 bytes. Sizes follow from the kind alone, so they tell
nothing, and SEAL is handed numbers, never bytes that came from outside.

Not safe    as proof of origin: whoever encrypts under another key can write this key's id before
            it. The he-key statement, receipts and the result's range say more (SPEC §2.5).
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import BadMessage, ForeignCiphertext, ForeignEncryptionKey, PeerError
from federated.aggregate.parameters import (
    DATA_PRIMES,
    DEGREE,
    KEY_PRIMES,
    MERGES,
    PARAMETERS_ID,
)

ID_BYTES: Final = 32

Residues = NDArray[np.uint64]
"""Polynomials × primes × coefficients."""


def _packed_size(residues: int) -> int:
    return residues // 2 * 11


KEY_BYTES: Final = ID_BYTES + _packed_size(2 * len(KEY_PRIMES) * DEGREE)
CIPHERTEXT_BYTES: Final = ID_BYTES + _packed_size(2 * len(DATA_PRIMES) * DEGREE)
MERGING_BYTES: Final = ID_BYTES + _packed_size(
    MERGES * len(DATA_PRIMES) * 2 * len(KEY_PRIMES) * DEGREE
)


def result_bytes(sums: int) -> int:
    """Of a result that carries so many sums."""
    return ID_BYTES + _packed_size(len(DATA_PRIMES) * (sums + DEGREE))


def results_bytes(sums: int, merges: int) -> list[int]:
    """Of the results that carry so many sums, 2^merges each and at the end what is left."""
    full, rest = divmod(sums, 1 << merges)
    return [result_bytes(1 << merges)] * full + [result_bytes(rest)] * bool(rest)


_LOW_44: Final = np.uint64((1 << 44) - 1)


def key_id(public_key: bytes) -> bytes:
    """What every ciphertext names its key by, the parameters included."""
    return hashlib.sha256(b"mihe/he-key/v1\0" + public_key).digest()


def write_key(polynomials: Residues) -> bytes:
    return PARAMETERS_ID + _pack(polynomials)


def read_key(public_key: bytes) -> Residues:
    """Raises BadMessage, ForeignEncryptionKey."""
    foreign = ForeignEncryptionKey(
        "an encryption key was made for other parameters than the contract's",
        fix="Run the same version of mihe everywhere.",
        rule="federated/SPEC.md §2.1",
    )
    body = _body(public_key, KEY_BYTES, "an encryption key", PARAMETERS_ID, foreign)
    return _polynomials(body, KEY_PRIMES, "an encryption key")


def write_ciphertext(key: bytes, polynomials: Residues) -> bytes:
    """`key` is its id."""
    return key + _pack(polynomials)


def read_ciphertext(key: bytes, message: bytes) -> Residues:
    """Raises BadMessage, ForeignCiphertext."""
    body = _body(message, CIPHERTEXT_BYTES, "a ciphertext", key, _foreign_ciphertext())
    return _polynomials(body, DATA_PRIMES, "a ciphertext")


def write_result(key: bytes, c0: Residues, c1: Residues) -> bytes:
    """`c0` has of each prime one coefficient a sum."""
    return key + _pack(c0) + _pack(c1)


def read_result(key: bytes, message: bytes, places: Sequence[int]) -> Residues:
    """As a ciphertext whose c0 is zero elsewhere. Raises BadMessage, ForeignCiphertext."""
    size = result_bytes(len(places))
    body = _body(message, size, "a result", key, _foreign_ciphertext())
    c0_bytes = _packed_size(len(DATA_PRIMES) * len(places))
    c0 = _unpack(body[:c0_bytes]).reshape(-1, len(places))
    _require_reduced(c0, DATA_PRIMES, "a result")
    polynomials = np.zeros((2, len(DATA_PRIMES), DEGREE), dtype=np.uint64)
    polynomials[0][:, places] = c0
    polynomials[1:] = _polynomials(body[c0_bytes:], DATA_PRIMES, "a result")
    return polynomials


def write_merging_keys(key: bytes, polynomials: Residues) -> bytes:
    """`key` is the id of the public key that was made with them."""
    return key + _pack(polynomials)


def read_merging_keys(key: bytes, message: bytes) -> Residues:
    """By automorphism, prime and polynomial. Raises BadMessage, ForeignCiphertext."""
    body = _body(message, MERGING_BYTES, "a set of merging keys", key, _foreign_ciphertext())
    polynomials = _polynomials(body, KEY_PRIMES, "a set of merging keys")
    return polynomials.reshape(MERGES, len(DATA_PRIMES), 2, len(KEY_PRIMES), DEGREE)


def _foreign_ciphertext() -> PeerError:
    return ForeignCiphertext(
        "a ciphertext was made under another key, or in another run",
        fix="Start the job again; a ciphertext serves one attempt and no other.",
        rule="federated/SPEC.md §2.4",
    )


def _body(message: bytes, size: int, kind: str, identity: bytes, foreign: PeerError) -> bytes:
    if len(message) != size:
        raise _malformed(f"{kind} of {len(message)} bytes came where it has {size}")
    if message[:ID_BYTES] != identity:
        raise foreign
    return message[ID_BYTES:]


def _polynomials(body: bytes, primes: tuple[int, ...], kind: str) -> Residues:
    polynomials = _unpack(body).reshape(-1, len(primes), DEGREE)
    _require_reduced(polynomials, primes, kind)
    # Nobody's encryption has one, and with c1 = 0 the other polynomial is the plaintext.
    if not polynomials.any(axis=2).all():
        raise _malformed(f"{kind} with a polynomial that is zero")
    return polynomials


def _require_reduced(residues: Residues, primes: tuple[int, ...], kind: str) -> None:
    if not (residues < np.array(primes, dtype=np.uint64)[:, None]).all():
        raise _malformed(f"{kind} with a coefficient that is not reduced")


def _malformed(what: str) -> BadMessage:
    return BadMessage(
        what,
        fix="Ask the peer's operator; an honest node never sends it.",
        rule="federated/SPEC.md §2.4",
    )


def _pack(residues: Residues) -> bytes:
    first, second = residues.reshape(-1, 2).T
    packed = np.empty((len(first), 11), dtype=np.uint8)
    packed[:, :8] = _octets(first | second << np.uint64(44))
    packed[:, 8:] = _octets(second >> np.uint64(20))[:, :3]
    return packed.tobytes()


def _octets(words: Residues) -> NDArray[np.uint8]:
    return words.astype("<u8").view(np.uint8).reshape(-1, 8)


def _unpack(packed: bytes) -> Residues:
    octets = np.frombuffer(packed, dtype=np.uint8).reshape(-1, 11)
    words = np.zeros((len(octets), 16), dtype=np.uint8)
    words[:, :11] = octets
    low, high = words.view("<u8").T
    residues = np.empty((len(octets), 2), dtype=np.uint64)
    residues[:, 0] = low & _LOW_44
    residues[:, 1] = low >> np.uint64(44) | high << np.uint64(20)
    return residues.reshape(-1)
