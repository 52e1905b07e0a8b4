"""What nodes may call: Attach, the control stream, Carry, the relay, and Look, a preflight.

Parse → act → tell.

Who calls is read from the certificate that TLS has verified, never from a message. Every error
crosses as its cause, in the status of the stream.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

from grpc import StatusCode
from grpc.aio import BaseError, ServicerContext

from contract.canonical import canonical_bytes
from contract.cause import to_json
from contract.credentials import Credentials
from contract.errors import (
    BadMessage,
    CertificateRevoked,
    ForeignCertificate,
    JobFinished,
    MiheError,
    NodeAbsent,
    OurError,
    PartyRestarted,
    StorageFull,
    UnknownJob,
    Unreachable,
    WrongRole,
)
from contract.identity import Identity, Role, pem_to_der, require_role
from contract.signing import Kind, Statement
from contract.statements import Greeting
from coordinator import wire
from coordinator.clock import Clock
from coordinator.collection import COORDINATOR, Opening
from coordinator.joint_runs import JointRuns
from coordinator.journal import defect, note, short
from coordinator.lifecycle import Lifecycle
from coordinator.lookout import Lookout
from coordinator.pace import Pace
from coordinator.race import first_of
from coordinator.relay import Relay
from coordinator.roster import Roster, Session
from coordinator.store import Store
from protos.carry_pb2 import CarryFrame
from protos.coordinator_pb2 import (
    Contributed,
    FetchRequest,
    FromCoordinator,
    FromNode,
    LookAnswer,
    LookQuestion,
    Piece,
)
from protos.coordinator_pb2_grpc import CoordinatorServicer

_BATCH = 8
_OPENING_SECONDS = 10
_WRITING_SECONDS = 30
_LAST_SECONDS = 5
_PROGRESS_BURST = 20
_PROGRESS_A_SECOND = 10

M = TypeVar("M")

_STATUS: tuple[tuple[type[MiheError], StatusCode], ...] = (
    (ForeignCertificate, StatusCode.UNAUTHENTICATED),
    (CertificateRevoked, StatusCode.UNAUTHENTICATED),
    (WrongRole, StatusCode.PERMISSION_DENIED),
    (PartyRestarted, StatusCode.ABORTED),
    (JobFinished, StatusCode.FAILED_PRECONDITION),
    (UnknownJob, StatusCode.FAILED_PRECONDITION),
    (Unreachable, StatusCode.UNAVAILABLE),
    (StorageFull, StatusCode.UNAVAILABLE),
    (OurError, StatusCode.INTERNAL),
    (MiheError, StatusCode.INVALID_ARGUMENT),
)


class Service(CoordinatorServicer):
    """The two calls, over one lifecycle, roster, relay and log."""

    def __init__(
        self,
        credentials: Credentials,
        store: Store,
        roster: Roster,
        relay: Relay,
        lifecycle: Lifecycle,
        joint_runs: JointRuns,
        clock: Clock,
        *,
        silence: float,
    ):
        """`silence`: seconds for which a node may be on the line without a sign of life."""
        self._credentials = credentials
        self._store = store
        self._roster = roster
        self._relay = relay
        self._lifecycle = lifecycle
        self._joint_runs = joint_runs
        self._clock = clock
        self._silence = silence
        self._lookout = Lookout(credentials, clock.elapsed)

    async def Look(  # noqa: N802  # the name in the .proto
        self, request: LookQuestion, context: ServicerContext[LookQuestion, LookAnswer]
    ) -> LookAnswer:
        """What a node's preflight asks."""
        return await _answering(context, self._look(request, context))

    # gRPC takes coroutines that write to their context; the generated types know generators only.
    async def Attach(  # type: ignore[override]  # noqa: N802  # the name in the .proto
        self,
        request_iterator: AsyncIterator[FromNode],
        context: ServicerContext[FromNode, FromCoordinator],
    ) -> None:
        """The control stream of one node."""
        await _answering(context, self._attach(request_iterator, context))

    async def Carry(  # type: ignore[override]  # noqa: N802  # as above
        self,
        request_iterator: AsyncIterator[CarryFrame],
        context: ServicerContext[CarryFrame, CarryFrame],
    ) -> None:
        """One party's end of the relay for one run."""
        await _answering(context, self._carry(request_iterator, context))

    async def Contribute(  # noqa: N802  # as above
        self,
        request_iterator: AsyncIterator[Piece],
        context: ServicerContext[Piece, Contributed],
    ) -> Contributed:
        """What a party of a query hands in."""
        return await _answering(context, self._contribute(request_iterator, context))

    async def Fetch(  # type: ignore[override]  # noqa: N802  # as above
        self, request: FetchRequest, context: ServicerContext[FetchRequest, Piece]
    ) -> None:
        """What the coordinator holds for a party of a query."""
        await _answering(context, self._fetch(request, context))

    # ── preflight ───────────────────────────────────────────────────────────────────────────────

    async def _look(
        self, request: LookQuestion, context: ServicerContext[LookQuestion, LookAnswer]
    ) -> LookAnswer:
        identity = self._caller(context)
        address = wire.look_from(request, identity.org)
        reached = bool(address) and await self._lookout.meets(identity, address)
        note("looked", org=identity.org, dialled_back=bool(address), reached=reached)
        return wire.looked(version("mihe"), self._clock.now(), reached=reached)

    # ── the control stream ──────────────────────────────────────────────────────────────────────

    async def _attach(
        self,
        messages: AsyncIterator[FromNode],
        context: ServicerContext[FromNode, FromCoordinator],
    ) -> None:
        try:
            identity = self._caller(context)
        except CertificateRevoked as reason:
            with suppress(NodeAbsent):
                await self._show_lists(context, reason.party or "")
            raise
        hello = wire.hello_from(await _first(messages, identity.org), identity.org)
        attached = await self._lifecycle.attach(identity, hello)
        session = attached.session
        proof = self._credentials.signer.sign(
            Kind.WELCOME, hello.nonce, canonical_bytes(Greeting(node=session.org))
        )
        welcome = wire.welcome(self._store.log_id, attached.taken, proof)
        try:
            await _write(context, welcome, session.org)
            await first_of(
                self._listen(session, messages), self._tell(session, context), _closed(session)
            )
        finally:
            if self._roster.leave(session):
                note("detached", org=session.org)

    async def _listen(self, session: Session, messages: AsyncIterator[FromNode]) -> None:
        pace = Pace(self._clock.elapsed, _PROGRESS_BURST, _PROGRESS_A_SECOND)
        while (message := await self._next(session, messages)) is not None:
            match wire.saying_from(message, session.org):
                case wire.Said(number, offered):
                    rejected = await self._lifecycle.said(session, number, offered)
                    await session.post(wire.taken(number, rejected))
                case wire.CatalogueQuestion(question):
                    offers, attached = self._lifecycle.offers(), self._roster.attached()
                    await session.post(wire.catalogue(question, offers, attached))
                case wire.Knock(number):
                    await self._lifecycle.turn()
                    session.post_fleeting(wire.knock(number))
                case wire.Progress() as progress:
                    if pace.allows():
                        others = self._lifecycle.others(progress.job, session.org)
                        self._roster.post_fleeting(others, wire.progress(progress))

    async def _next(self, session: Session, messages: AsyncIterator[FromNode]) -> FromNode | None:
        try:
            async with asyncio.timeout(self._silence):
                return await anext(messages, None)
        except TimeoutError:
            raise NodeAbsent(
                f"the node, on the line, gave no sign of life for {self._silence:.0f} s",
                party=session.org,
                phase="attach",
                fix="look at that node: is its process stopped, its disk or its machine stuck?",
            ) from None

    async def _tell(
        self, session: Session, context: ServicerContext[FromNode, FromCoordinator]
    ) -> None:
        """Send what the log holds for a node from its cursor on, and whatever else waits."""
        caught_up = False
        while True:
            revoked = isinstance(session.reason, CertificateRevoked)
            if session.lists_due() or revoked:
                await self._show_lists(context, session.org)
            entries = await self._store.concerning(session.org, session.cursor, _BATCH)
            for entry in entries:
                await _write(context, wire.told(entry.number, entry.statement), session.org)
                session.cursor = entry.number
            if not caught_up and len(entries) < _BATCH:
                caught_up = True
                await _write(context, wire.caught_up(), session.org)
            for message in session.waiting():
                await _write(context, message, session.org)
            if len(entries) == _BATCH:
                continue
            if revoked:
                await session.closed()  # it has been told why
            await session.stirred()

    async def _show_lists(
        self, context: ServicerContext[FromNode, FromCoordinator], org: str
    ) -> None:
        for one in self._credentials.authority.lists.values():
            await _write(context, wire.revocations(one.raw), org)

    # ── the relay ───────────────────────────────────────────────────────────────────────────────

    async def _carry(
        self,
        frames: AsyncIterator[CarryFrame],
        context: ServicerContext[CarryFrame, CarryFrame],
    ) -> None:
        org = self._caller(context).org
        opened = wire.open_from(await _first(frames, org), org)
        await self._lifecycle.require_line(opened.run, org, opened.to)

        async def sealed() -> AsyncIterator[bytes]:
            async for frame in frames:
                yield wire.sealed_from(frame, org)

        async def deliver(content: bytes | None) -> None:
            frame = wire.joined() if content is None else wire.sealed(content)
            await _write(context, frame, org)

        run = short(opened.run)
        note("relay", level=logging.DEBUG, org=org, to=opened.to, run=run)
        await self._relay.carry(opened.run, org, opened.to, sealed(), deliver)

    # ── parts of joint runs ───────────────────────────────────────────────────────────────────────

    async def _contribute(
        self, pieces: AsyncIterator[Piece], context: ServicerContext[Piece, Contributed]
    ) -> Contributed:
        org = self._caller(context).org
        opened = wire.part_from(await _first(pieces, org), org)
        opening = Opening(opened.run, opened.part, opened.size, opened.salt)

        async def arriving() -> AsyncIterator[bytes | Statement]:
            async for piece in pieces:
                yield wire.piece_from(piece, org)

        await self._joint_runs.take(org, opening, arriving())
        return Contributed()

    async def _fetch(
        self, request: FetchRequest, context: ServicerContext[FetchRequest, Piece]
    ) -> None:
        org = self._caller(context).org
        run, part = wire.fetch_from(request, org)
        with self._joint_runs.file_for(org, run, part).open("rb") as file:
            while piece := await asyncio.to_thread(file.read, wire.MAX_PIECE_BYTES):
                await _write(context, wire.content(piece), org)

    # ── both ────────────────────────────────────────────────────────────────────────────────────

    def _caller(self, context: ServicerContext[Any, Any]) -> Identity:
        (pem, *_) = context.auth_context().get("x509_pem_cert", [b""])
        identity = self._credentials.authority.admit(pem_to_der(pem), now=self._clock.now())
        return require_role(identity, Role.NODE)


async def _closed(session: Session) -> None:
    try:
        await session.closed()
    except CertificateRevoked:
        # Long enough for the list and its jobs' ends to be told; what it says is refused already.
        await asyncio.sleep(_LAST_SECONDS)
        raise


async def _first(messages: AsyncIterator[M], org: str) -> M:
    try:
        async with asyncio.timeout(_OPENING_SECONDS):
            return await anext(messages)
    except (TimeoutError, StopAsyncIteration):
        raise BadMessage(
            "the stream was opened without a first message",
            party=org,
            fix="that node is not following the protocol: compare versions",
        ) from None


async def _write(context: ServicerContext[Any, M], message: M, org: str) -> None:
    try:
        async with asyncio.timeout(_WRITING_SECONDS):
            await context.write(message)
    except (TimeoutError, BaseError):  # the latter when the stream broke a moment before
        raise NodeAbsent(
            f"the stream broke, or its node has read nothing for {_WRITING_SECONDS} s",
            party=org,
            fix="none needed if it comes back: it is told again what it missed",
        ) from None


async def _answering(context: ServicerContext[Any, Any], work: Coroutine[Any, Any, M]) -> M:
    """Do `work`; what it raises becomes the status of the stream."""
    try:
        return await work
    except MiheError as fault:
        refusal = fault
    except Exception as found:  # noqa: BLE001  # its text may quote what came in: it stays here
        defect(found)
        refusal = OurError(
            "the coordinator met a defect of its own",
            party=COORDINATOR,
            fix="report it with the journal's line",
        )
    status = next(status for kind, status in _STATUS if isinstance(refusal, kind))
    note("stream_ended", level=logging.DEBUG, org=refusal.party, code=refusal.code)
    await context.abort(status, to_json(refusal))
    raise AssertionError  # abort raises
