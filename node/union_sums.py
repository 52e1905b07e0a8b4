"""How the masked sums of a sum over UNION ALL travel: as they are, or under the receiver's key.

Implements  federated/SPEC.md §5.3, §5.8
Secrets     the receiver's key is in a process of its own (node/key_process.py)

One `Sums` serves all attempts of a run. Words are masked before they come here, so whoever opens
what this sends sees words under masks.
"""

import asyncio
import os
from typing import Final, Protocol

from contract.suites import Aggregation
from daemon.apart import apart
from federated.paillier.encrypt import encrypted
from federated.paillier.parameters import KEY_BYTES, SLOTS, ciphertexts_of
from federated.words import WORD_BYTES
from node.he_keys import HE_KEY, fetched, signed
from node.key_process import UnionKey
from node.parts import Parts
from node.stage import Stage, together

_WORTH_A_PROCESS: Final = 8
"""Ciphertexts: to start a process takes as long as to make two."""


class Sums(Protocol):
    """What a play does with sums between masking them and opening them."""

    async def begin(self) -> None:
        """Once, before the first attempt."""

    async def hidden(self, words: bytes) -> bytes:
        """Masked words as the coordinator gets them."""

    async def decrypted(self, totals: bytes, words: int) -> bytes | None:
        """At the receiver: so many words of all cells, or None where totals are words already."""

    async def close(self) -> None:
        """Let go of the key."""


def sums_of(stage: Stage, parts: Parts) -> Sums:
    """By the contract's aggregation."""
    if stage.consent.contract.aggregation is Aggregation.PAILLIER:
        return _Encrypted(stage, parts)
    return _Masked()


class _Masked:
    async def begin(self) -> None: ...

    async def hidden(self, words: bytes) -> bytes:
        return words

    async def decrypted(self, totals: bytes, words: int) -> bytes | None:
        return None

    async def close(self) -> None: ...


class _Encrypted:
    def __init__(self, stage: Stage, parts: Parts) -> None:
        (self._receiver,) = stage.consent.contract.receivers
        self._stage, self._parts = stage, parts
        self._key = UnionKey() if stage.me == self._receiver else None
        self._public = b""

    async def begin(self) -> None:
        if self._key is None:
            return
        self._public = await self._stage.activity.working(self._key.public_key())
        # No receipt is kept of it: that it is the receiver's own is what it signs next.
        await self._parts.contribute(HE_KEY, self._public)
        signed(self._stage, self._public)

    async def hidden(self, words: bytes) -> bytes:
        stage, receiver = self._stage, self._receiver
        if not self._public:
            self._public = await fetched(stage, self._parts, receiver, size=KEY_BYTES)
        stage.report("encrypt", 0, 1)
        tasks = [
            asyncio.create_task(apart(encrypted, self._public, receiver, piece))
            for piece in _pieces(words)
        ]
        await stage.activity.working(together(*tasks))
        stage.report("encrypt", 1, 1)
        return b"".join(task.result() for task in tasks)

    async def decrypted(self, totals: bytes, words: int) -> bytes | None:
        assert self._key is not None, "the receiver opens"
        if not totals:
            return None
        self._stage.report("decrypt", 0, 1)
        found = await self._stage.activity.working(self._key.decrypt(totals, words))
        self._stage.report("decrypt", 1, 1)
        return found

    async def close(self) -> None:
        if self._key is not None:
            await self._key.close()


def _pieces(words: bytes) -> list[bytes]:
    """Of whole ciphertexts, for as many processes as there are processors and as pay."""
    number = ciphertexts_of(len(words) // WORD_BYTES)
    processes = max(1, min(os.cpu_count() or 1, number // _WORTH_A_PROCESS))
    size = -(-number // processes) * SLOTS * WORD_BYTES
    return [words[start : start + size] for start in range(0, len(words), size)] if number else []
