"""A member's part: words under the receiver's Paillier key.

Implements  federated/SPEC.md §5.8; encryption by phe (the extra `mihe[paillier]`), whose random
            numbers below N come from the operating system, by rejection
Learns      nobody anything but who has the key
Needs       phe, imported when something is encrypted. Without GMP it computes with Python's own
            integers and holds Python's lock, so a node calls this in a process of its own.
"""

from importlib.util import find_spec

from federated.paillier.packing import packed
from federated.paillier.wire import read_key, write_ciphertexts
from federated.words import of_bytes


def is_installed() -> bool:
    """Whether this machine has what encrypts and decrypts."""
    return find_spec("phe") is not None


def encrypted(key: bytes, receiver: str, words: bytes) -> bytes:
    """Words, as they travel without encryption, under a key. BadMessage if the key is none."""
    from phe.paillier import PaillierPublicKey

    public = PaillierPublicKey(read_key(key, receiver))
    # Slots fill less than N, and of a plaintext this small phe takes no shortcut.
    return write_ciphertexts([public.raw_encrypt(one) for one in packed(of_bytes(words))])
