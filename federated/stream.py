"""A key's stream of words: masks and pads, uniform mod 2^128 to whoever does not have the key.

Implements  federated/SPEC.md §5.2 (PRG), §6.2 (pads): ChaCha20 (RFC 8439), from its beginning
Not safe    for two arrays of words under one key and nonce: their difference would be that of the
            words. Who makes keys, and sees to it that none is used twice, is each `secret.py`.
"""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from federated.words import WORD_BYTES, Words, of_bytes

_FIRST_BLOCK: Final = bytes(4)


def stream(key: bytes, words: int, nonce: bytes = bytes(12)) -> Words:
    """The first words of a stream; a key that makes no other needs no nonce to tell them apart."""
    encryptor = Cipher(ChaCha20(key, _FIRST_BLOCK + nonce), mode=None).encryptor()
    return of_bytes(encryptor.update(bytes(WORD_BYTES * words)))
