"""BFV as SEAL has it: one context a process; its objects made of numbers and read as numbers.

Implements  Fan, Vercauteren, eprint 2012/144, in SEAL's RNS variant; federated/SPEC.md §2.1
Not safe    by itself: it neither blinds nor floods (`federated/aggregate/add.py` does)

SEAL's Python interface has no way to set a coefficient, so an object is laid out in SEAL's own
format, uncompressed, and loaded (docs/decisions/0006). TenSEAL holds the interpreter's lock: call
this from worker processes.
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from contract.errors import OurError
from federated.aggregate.parameters import DEGREE, KEY_PRIMES, PLAIN
from federated.aggregate.sealfile import read_by
from federated.aggregate.wire import Residues

_HEADER: Final = struct.Struct("<HBBBBHQ")
_MAGIC: Final = 0xA15E
_VERSION: Final = (4, 3)


@cache
def context() -> seal.SEALContext:
    parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.BFV)
    parameters.set_poly_modulus_degree(DEGREE)
    parameters.set_coeff_modulus([seal.Modulus(prime) for prime in KEY_PRIMES])
    parameters.set_plain_modulus(PLAIN)
    made = seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)
    if not made.parameters_set():
        raise OurError("SEAL refuses the ring of encrypted sums", fix="Report this.")
    return made


@cache
def evaluator() -> seal.Evaluator:
    return seal.Evaluator(context())


def encryptor(key: Residues) -> seal.Encryptor:
    public = seal.PublicKey()
    _load(public, _polynomials(context().key_parms_id(), key, ntt=True))
    return seal.Encryptor(context(), public)


def plaintext(coefficients: NDArray[np.uint64]) -> seal.Plaintext:
    """N coefficients below t."""
    made = seal.Plaintext()
    head = struct.pack("<4QQd", 0, 0, 0, 0, len(coefficients), 1.0)
    _load(made, head + _array(coefficients))
    return made


def ciphertext(polynomials: Residues) -> seal.Ciphertext:
    made = seal.Ciphertext()
    _load(made, _polynomials(context().first_parms_id(), polynomials, ntt=False))
    return made


def galois_keys(elements: Sequence[int], keys: Residues) -> seal.GaloisKeys:
    """Of each automorphism X → X^element the keys of every data prime, as `merging_keys` read."""
    of_slot = dict(zip([element >> 1 for element in elements], keys, strict=True))
    parts = [struct.pack("<5Q", *context().key_parms_id(), max(of_slot) + 1)]
    for slot in range(max(of_slot) + 1):
        of_primes = of_slot.get(slot, ())
        parts.append(struct.pack("<Q", len(of_primes)))
        parts += [
            _framed(_polynomials(context().key_parms_id(), one, ntt=True)) for one in of_primes
        ]
    made = seal.GaloisKeys()
    _load(made, b"".join(parts))
    return made


def residues(polynomials: seal.Ciphertext, first: int = 0) -> Residues:
    """The polynomials from `first` on."""
    primes = polynomials.coeff_modulus_size()
    start, stop = first * primes * DEGREE, polynomials.size() * primes * DEGREE
    # One call a coefficient, since SEAL saves compressed only, and by a codec Python has not.
    words = map(polynomials.__getitem__, range(start, stop))
    return np.fromiter(words, np.uint64, stop - start).reshape(-1, primes, DEGREE)


def _polynomials(parms_id: list[int], polynomials: Residues, *, ntt: bool) -> bytes:
    size, primes, degree = polynomials.shape
    head = struct.pack("<4Q?QQQdQ", *parms_id, ntt, size, degree, primes, 1.0, 1)
    return head + _array(polynomials)


def _array(words: Residues) -> bytes:
    return _framed(struct.pack("<Q", words.size) + words.astype("<u8").tobytes())


def _framed(body: bytes) -> bytes:
    """Behind SEAL's header; compression mode 0 is none."""
    return _HEADER.pack(_MAGIC, _HEADER.size, *_VERSION, 0, 0, _HEADER.size + len(body)) + body


def _load(
    target: seal.Ciphertext | seal.Plaintext | seal.PublicKey | seal.GaloisKeys, body: bytes
) -> None:
    try:
        read_by(lambda path: target.load(context(), path), _framed(body))
    except RuntimeError:
        raise OurError("SEAL does not read what was laid out for it", fix="Report this.") from None
