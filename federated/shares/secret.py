"""An owner's pads: what its values are hidden by until it releases where they come from.

Implements  federated/SPEC.md §6.2
Secrets     a seed of 32 bytes per attempt. It goes, sealed, with the release, to the receiver, the
            receiver's own to its helper; who has it and the coordinator's shares has every value
Not safe    for two attempts with one seed: their difference would be that of the values
"""

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from contract.errors import BadMessage
from federated.stream import stream
from federated.unserialised import Unserialised
from federated.words import Words

SEED_BYTES: Final = 32


class Pads(Unserialised):
    """The pads of one owner's list in one attempt: a ChaCha20 stream for each column."""

    __slots__ = ("_key", "_seed", "_size")

    def __init__(self, seed: bytes, run_id: bytes, size: int) -> None:
        """`size` is that of the list. Raises BadMessage for what is no seed."""
        if len(seed) != SEED_BYTES:
            raise BadMessage(
                f"a seed of pads has {len(seed)} bytes where it has {SEED_BYTES}",
                fix="Ask the peer's operator; an honest node never sends it.",
                rule="federated/SPEC.md §6.2",
            )
        self._seed, self._size = seed, size
        info = b"mihe/pads/v1"
        self._key = HKDF(algorithm=SHA256(), length=32, salt=run_id, info=info).derive(seed)

    def column(self, number: int) -> Words:
        """One pad a place, for the column with this number."""
        return stream(self._key, self._size, nonce=number.to_bytes(4, "little") + bytes(8))

    def reveal(self) -> bytes:
        """The seed itself, for whoever takes the pads off."""
        return self._seed
