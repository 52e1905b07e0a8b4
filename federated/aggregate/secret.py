"""The secrets of encrypted sums: the receiver's one-time key, and each owner's β.

Implements  federated/SPEC.md §2.2 (key, decrypt), §2.6 (β)
Secrets     the key comes from SEAL's generator, seeded by the operating system; it lives in one
            worker process, is never written, sent or pickled, and ends with the attempt. β comes by
            HKDF from the attempt's secret, so that a resumed attempt repeats it
Not safe    if whoever holds the key also sees the owners' ciphertexts: it opens them all
"""

from collections.abc import Sequence
from itertools import chain, cycle

import numpy as np
import tenseal.sealapi as seal
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.aggregate import bfv
from federated.aggregate.blinding import blind_of, count_blind, share_blind
from federated.aggregate.packing import elements, places
from federated.aggregate.parameters import MERGES, signed
from federated.aggregate.wire import key_id, read_result, write_key, write_merging_keys
from federated.unserialised import Unserialised


class ReceiverKey(Unserialised):
    """Decrypts what was encrypted under the public key that was made with it."""

    __slots__ = ("_decryptor", "_generator", "_id")

    def __init__(self, generator: seal.KeyGenerator, key: bytes) -> None:
        self._generator = generator
        self._decryptor = seal.Decryptor(bfv.context(), generator.secret_key())
        self._id = key

    @classmethod
    def generate(cls) -> tuple["ReceiverKey", bytes]:
        """A fresh key, and its public key as it travels."""
        generator, public = seal.KeyGenerator(bfv.context()), seal.PublicKey()
        generator.create_public_key(public)
        public_key = write_key(bfv.residues(public.data()))
        return cls(generator, key_id(public_key)), public_key

    def merging_keys(self) -> bytes:
        """By which whoever adds puts many sums into one ciphertext; they decrypt nothing."""
        made = seal.GaloisKeys()
        self._generator.create_galois_keys(elements(MERGES), made)
        polynomials = [
            bfv.residues(one.data()) for element in elements(MERGES) for one in made.key(element)
        ]
        return write_merging_keys(self._id, np.stack(polynomials))

    def decrypt(self, result: bytes, sums: int = 1, merges: int = 0) -> list[int]:
        """The blinded sums in a result, in [-2^58, 2^58). Raises BadMessage, ForeignCiphertext."""
        plain, at = seal.Plaintext(), places(merges, sums)
        self._decryptor.decrypt(bfv.ciphertext(read_result(self._id, result, at)), plain)
        # What stands behind the last coefficient that is not zero is cut off.
        written = plain.coeff_count()
        return [signed(plain[place]) if place < written else 0 for place in at]

    def decrypt_all(self, results: Sequence[bytes], sums: int, merges: int) -> list[list[int]]:
        """Of each summand its `sums`, from results that stand summand by summand."""
        numbers = [min(sums - start, 1 << merges) for start in range(0, sums, 1 << merges)]
        found = [
            self.decrypt(result, number, merges)
            for result, number in zip(results, cycle(numbers), strict=False)
        ]
        of_each = range(0, len(found), max(len(numbers), 1))
        return [list(chain(*found[at : at + len(numbers)])) for at in of_each]


class Blinding(Unserialised):
    """One owner's β of one attempt."""

    __slots__ = ("_beta",)

    def __init__(self, secret: bytes, run_id: bytes) -> None:
        """`secret` is the attempt's, from which everything is derived."""
        info = b"mihe/blinding/v1\0" + run_id
        self._beta = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)

    def of_sum(self, cell: tuple[int, ...], column: int) -> int:
        return blind_of(self._beta, cell, column)

    def of_shares(self, cell: tuple[int, ...], column: int) -> int:
        return share_blind(self._beta, cell, column)

    def of_count(self, cell: tuple[int, ...]) -> int:
        return count_blind(self._beta, cell)

    def reveal(self) -> bytes:
        """β itself, for the coordinator alone."""
        return self._beta
