"""The receiver's one-time Paillier key.

Implements  federated/SPEC.md §5.8: two primes of 1536 bits by OpenSSL's search (FIPS 186-5), as for
            RSA; the rest by phe (the extra `mihe[paillier]`), decryption mod p² and mod q²
Secrets     the key lives in one worker process, is never written, sent or pickled, and ends with
            the run
Time        integers of Python are not constant-time: a clock would have to stand in that process
"""

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from phe.paillier import PaillierPrivateKey, PaillierPublicKey

from federated.paillier.packing import unpacked
from federated.paillier.parameters import MODULUS_BITS, ciphertexts_of
from federated.paillier.wire import read_ciphertexts, write_key
from federated.unserialised import Unserialised
from federated.words import to_bytes


class ReceiverKey(Unserialised):
    """Decrypts what was encrypted under the public key that was made with it."""

    __slots__ = ("_private", "public")

    def __init__(self, private: PaillierPrivateKey) -> None:
        self._private = private
        self.public: bytes = write_key(private.public_key.n)

    @classmethod
    def generate(cls) -> "ReceiverKey":
        """A fresh key."""
        # phe's own search without GMP takes many seconds; both primes have the same length, so N
        # is prime to (p − 1)(q − 1).
        primes = generate_private_key(65537, MODULUS_BITS).private_numbers()
        public = PaillierPublicKey(primes.p * primes.q)
        return cls(PaillierPrivateKey(public, primes.p, primes.q))

    def decrypt(self, total: bytes, count: int) -> bytes:
        """So many words mod 2^128, as they travel in clear. Raises BadMessage."""
        modulus = self._private.public_key.n
        ciphertexts = read_ciphertexts(total, ciphertexts_of(count), modulus, "coordinator")
        plaintexts = [self._private.raw_decrypt(one) for one in ciphertexts]
        return to_bytes(unpacked(plaintexts, count))
