"""What a party of a query hands to the coordinator and fetches from it, whole parts at a time.

A part is sent with the signed receipt of its bytes, and sent again until the coordinator has it: a
repetition is the same bytes under the same receipt. What is fetched is checked by its caller
against a digest that somebody signed.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from secrets import token_bytes

import grpc
import grpc.aio

from contract.canonical import canonical_bytes
from contract.errors import CoordinatorAbsent, FrameTooLarge
from contract.signing import Kind, Signer, Statement
from contract.statements import Receipt
from node.probe import refusal_in
from node.wire import CHUNK_BYTES, statement_to_wire
from protos import coordinator_pb2 as wire
from protos import coordinator_pb2_grpc

_log = logging.getLogger("mihe.parts")
_PAUSE = 0.5
_COORDINATOR = "coordinator"
# What means that the coordinator, or the way to it, is away for a while.
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}


class Parts:
    """The parts of one run."""

    def __init__(
        self, channel: grpc.aio.Channel, signer: Signer, run: bytes, *, patience: float
    ) -> None:
        self._stub = coordinator_pb2_grpc.CoordinatorStub(channel)
        self._signer = signer
        self._run = run
        self._patience = patience

    async def contribute(self, part: str, content: bytes) -> tuple[bytes, Statement]:
        """Hand in a part; returns its salt and receipt once the coordinator has it on disk."""
        salt = token_bytes(32)
        receipt = await asyncio.to_thread(self._receipt, part, salt, content)
        gave_up = time.monotonic() + self._patience
        while True:
            try:
                await self._stub.Contribute(self._pieces(part, salt, content, receipt))
                return salt, receipt
            except grpc.aio.AioRpcError as error:
                await self._pause_or_raise(error, gave_up)

    async def fetch(self, part: str, *, limit: int) -> bytes:
        """A part that the coordinator holds for this party; at most `limit` bytes."""
        gave_up = time.monotonic() + self._patience
        while True:
            try:
                return await self._fetched(part, limit)
            except grpc.aio.AioRpcError as error:
                await self._pause_or_raise(error, gave_up)

    async def _fetched(self, part: str, limit: int) -> bytes:
        content = bytearray()
        async for piece in self._stub.Fetch(wire.FetchRequest(run=self._run, part=part)):
            content += piece.content
            if len(content) > limit:
                raise FrameTooLarge(
                    f"the part '{part}' is larger than the {limit} bytes of the plan",
                    party=_COORDINATOR,
                    phase=part,
                    fix="the coordinator is not following the protocol: compare versions",
                )
        return bytes(content)

    async def _pieces(
        self, part: str, salt: bytes, content: bytes, receipt: Statement
    ) -> AsyncIterator[wire.Piece]:
        opening = wire.PartOpen(run=self._run, part=part, size=len(content), salt=salt)
        yield wire.Piece(open=opening)
        for start in range(0, len(content), CHUNK_BYTES):
            yield wire.Piece(content=content[start : start + CHUNK_BYTES])
        yield wire.Piece(receipt=statement_to_wire(receipt))

    def _receipt(self, part: str, salt: bytes, content: bytes) -> Statement:
        body = Receipt(
            run=self._run.hex(),
            stream=part,
            sender=self._signer.identity.org,
            receiver=_COORDINATOR,
            size=len(content),
            salted_digest=sha256(salt + content).hexdigest(),
        )
        return self._signer.sign(Kind.RECEIPT, self._run, canonical_bytes(body))

    async def _pause_or_raise(self, error: grpc.aio.AioRpcError, gave_up: float) -> None:
        refusal = refusal_in(error)
        # Whoever is refused while it still writes may hear INTERNAL, and not why; it asks again.
        cut_off = error.code() is grpc.StatusCode.INTERNAL and refusal is None
        if (cut_off or error.code() in _PASSING) and time.monotonic() <= gave_up:
            await asyncio.sleep(_PAUSE)
            return
        # A full disk passes, too; but if it does not, it is what the people must hear of.
        if refusal is not None:
            raise refusal from None
        raise CoordinatorAbsent(
            "the coordinator was not there to hand a part of the query to or fetch it from",
            phase="query",
            fix="check that it runs and that this machine reaches it, then run the job again",
        ) from None
