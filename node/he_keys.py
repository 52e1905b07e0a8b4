"""The receiver's one-time encryption key between nodes: signed by its digest, fetched, compared.

Implements  federated/SPEC.md §2.2, §5.8
Not safe    against a receiver that signs one key and keeps another: it reads what it is sent, or
            nothing
"""

from hashlib import sha256
from typing import Final

from contract.errors import ForeignEncryptionKey
from contract.signing import Kind
from contract.statements import HeKey
from node.parts import Parts
from node.stage import Stage

HE_KEY: Final = "he_key"
"""What the part is called."""


def signed(stage: Stage, key: bytes) -> None:
    """Say that this is the receiver's key for this run."""
    stage.say(Kind.HE_KEY, HeKey(run=stage.run.hex(), key=sha256(key).hexdigest()))


async def fetched(stage: Stage, parts: Parts, receiver: str, *, size: int) -> bytes:
    """The key that the receiver signed, from the coordinator. Raises ForeignEncryptionKey."""
    named = await stage.stated((receiver,), lambda ledger: ledger.he_key)
    content = await parts.fetch(HE_KEY, limit=size)
    if sha256(content).hexdigest() != named.key:
        raise ForeignEncryptionKey(
            "the encryption key is not the one that the receiver signed for this run",
            party="coordinator",
            phase="encrypt",
            fix="run the job again; if it recurs, somebody between exchanges keys",
        )
    return content
