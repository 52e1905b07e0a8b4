"""What a party of a query hands to the coordinator and fetches from it, whole parts at a time.

A part is sent with the signed receipt of its bytes, and sent again until the coordinator has it: a
repetition is the same bytes under the same receipt. What is fetched is checked by its caller
against a digest that somebody signed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from hashlib import sha256
from secrets import token_bytes
from typing import Any, TypeVar

import grpc
import grpc.aio

from contract.canonical import canonical_bytes
from contract.errors import BadMessage, CoordinatorAbsent, FrameTooLarge, MiheError
from contract.signing import Kind, Signer, Statement
from contract.statements import Receipt
from node.probe import refusal_in
from node.pulse import BEAT_SECONDS, COORDINATOR, Activity
from node.wire.frames import CHUNK_BYTES
from node.wire.statements import statement_to_wire
from protos import coordinator_pb2 as wire
from protos import coordinator_pb2_grpc

T = TypeVar("T")

_PAUSE = 0.5
# What means that the coordinator, or the way to it, is away for a while.
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}


class Parts:
    """The parts of one run."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        signer: Signer,
        run: bytes,
        *,
        patience: float,
        is_there: Callable[[], bool],
        activity: Activity,
    ) -> None:
        """`patience`: seconds for which the coordinator may be away; `is_there`: is it now?"""
        self._stub = coordinator_pb2_grpc.CoordinatorStub(channel)
        self._signer = signer
        self._run = run
        self._patience = patience
        self._is_there = is_there
        self._activity = activity

    async def contribute(self, part: str, content: bytes) -> tuple[bytes, Statement]:
        """Hand in a part; returns its salt and receipt once the coordinator has it on disk."""
        salt = token_bytes(32)
        receipt = await asyncio.to_thread(self._receipt, part, salt, content)

        async def hand_in() -> None:
            await self._stub.Contribute(self._pieces(part, salt, content, receipt))

        await self._until_done(hand_in)
        return salt, receipt

    async def fetch(self, part: str, *, limit: int) -> bytes:
        """A part that the coordinator holds for this party; at most `limit` bytes."""
        return await self._until_done(lambda: self._fetched(part, limit))

    async def fetch_stated(self, part: str, digest: str, *, limit: int, phase: str) -> bytes:
        """A part of which the coordinator has signed this digest (hex)."""
        content = await self.fetch(part, limit=limit)
        if sha256(content).hexdigest() != digest:
            raise BadMessage(
                f"the part '{part}' is not the one that the coordinator signed",
                party=COORDINATOR,
                phase=phase,
                fix="run the job again; if it recurs, compare the coordinator's version",
            )
        return content

    async def _until_done(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of a call, made again while the coordinator is away and patience lasts."""
        return await self._activity.awaiting((COORDINATOR,), self._repeated(call))

    async def _repeated(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        failing_since: float | None = None
        while True:
            calling = asyncio.create_task(call())
            try:
                while not (await asyncio.wait((calling,), timeout=BEAT_SECONDS))[0]:
                    # A call to a coordinator that hangs would wait for ever, and say nothing.
                    if not self._is_there():
                        break
                else:
                    return calling.result()
                failure: MiheError = _absent()
            except grpc.aio.AioRpcError as error:
                failure = _failure(error)
            finally:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)
            failing_since = failing_since or time.monotonic()
            if time.monotonic() - failing_since > self._patience:
                raise failure
            await asyncio.sleep(_PAUSE)

    async def _fetched(self, part: str, limit: int) -> bytes:
        content = bytearray()
        async for piece in self._stub.Fetch(wire.FetchRequest(run=self._run, part=part)):
            content += piece.content
            if len(content) > limit:
                raise FrameTooLarge(
                    f"the part '{part}' is larger than the {limit} bytes of the plan",
                    party=COORDINATOR,
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
        digest = sha256(salt)
        digest.update(content)  # no second copy of what may be some hundred megabytes
        body = Receipt(
            run=self._run.hex(),
            stream=part,
            sender=self._signer.identity.org,
            receiver=COORDINATOR,
            size=len(content),
            salted_digest=digest.hexdigest(),
        )
        return self._signer.sign(Kind.RECEIPT, self._run, canonical_bytes(body))


def _failure(error: grpc.aio.AioRpcError) -> MiheError:
    """What to raise if the calls go on failing like this; raises what no repetition will mend."""
    refusal = refusal_in(error)
    # Whoever is refused while it still writes may hear INTERNAL, and not why; it asks again.
    cut_off = error.code() is grpc.StatusCode.INTERNAL and refusal is None
    # A full disk passes, too; but if it does not, it is what the people must hear of.
    failure = refusal or _absent()
    if cut_off or error.code() in _PASSING:
        return failure
    raise failure


def _absent() -> CoordinatorAbsent:
    return CoordinatorAbsent(
        "the coordinator was not there to hand a part of the query to or fetch it from",
        party=COORDINATOR,
        phase="query",
        fix="check that it runs and that this machine reaches it, then run the job again",
    )
