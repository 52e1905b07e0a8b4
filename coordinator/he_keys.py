"""The receiver's one-time encryption key as it passes: what lies here is what the receiver signed.

Implements  federated/SPEC.md §2.2, §5.8
Learns      nothing: it is a public key
"""

from hashlib import sha256
from pathlib import Path

from contract.errors import ForeignEncryptionKey
from contract.ledger import Ledger
from coordinator.collection import Collection

HE_KEY = "he_key"
"""What the part is called."""


def require_signed(collection: Collection, ledger: Ledger, run: bytes) -> None:
    """ForeignEncryptionKey if the receiver handed in another key than it has signed."""
    (receiver,) = ledger.contract.receivers
    if ledger.he_key is None or not collection.holds(run, receiver, HE_KEY):
        return
    key = collection.file(run, receiver, HE_KEY).read_bytes()
    if sha256(key).hexdigest() != ledger.he_key.key:
        raise ForeignEncryptionKey(
            "the encryption key that was handed in is not the one that its owner signed",
            party=receiver,
            phase="query",
            fix="that node is not following the protocol: compare versions",
        )


def file_of(collection: Collection, ledger: Ledger, run: bytes, asked_by: str) -> Path:
    """The key's file, for `asked_by` to fetch; raises while it is not there, or is another one."""
    require_signed(collection, ledger, run)
    (receiver,) = ledger.contract.receivers
    return collection.whole(run, receiver, HE_KEY, asked_by=asked_by)
