"""The secrets of encrypted sums: the receiver's one-time key, and each owner's β.

Implements  federated/SPEC.md §2.2 (key, decrypt), §2.6 (β)
Secrets     the key comes from SEAL's generator, seeded by the operating system; it lives in one
            worker process, is never written, sent or pickled, and ends with the attempt. β comes by
            HKDF from the attempt's secret, so that a resumed attempt repeats it
Not safe    if whoever holds the key also sees the owners' ciphertexts: it opens them all
"""

import tenseal.sealapi as seal
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.aggregate import bfv
from federated.aggregate.blinding import blind_of, count_blind, share_blind
from federated.aggregate.parameters import signed
from federated.aggregate.wire import key_id, read_result, write_key
from federated.unserialised import Unserialised


class ReceiverKey(Unserialised):
    """Decrypts what was encrypted under the public key that was made with it."""

    __slots__ = ("_decryptor", "_id")

    def __init__(self, decryptor: seal.Decryptor, key: bytes) -> None:
        self._decryptor = decryptor
        self._id = key

    @classmethod
    def generate(cls) -> tuple["ReceiverKey", bytes]:
        """A fresh key, and its public key as it travels."""
        generator, public = seal.KeyGenerator(bfv.context()), seal.PublicKey()
        generator.create_public_key(public)
        public_key = write_key(bfv.residues(public.data()))
        decryptor = seal.Decryptor(bfv.context(), generator.secret_key())
        return cls(decryptor, key_id(public_key)), public_key

    def decrypt(self, result: bytes) -> int:
        """The blinded sum, in [-2^58, 2^58). Raises BadMessage, ForeignCiphertext."""
        plain = seal.Plaintext()
        self._decryptor.decrypt(bfv.ciphertext(read_result(self._id, result)), plain)
        return signed(plain[0])


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
