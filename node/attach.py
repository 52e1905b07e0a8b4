"""The node's one stream to the coordinator: says what it has to say, hears what is said.

The node dials and dials again. What it says is in its durable outbox until the coordinator has it;
what it hears is durable before it is acted on. So either end may die at any moment, and after the
next greeting both go on where they were.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from secrets import token_bytes
from typing import NoReturn, Protocol

import grpc
import grpc.aio

from contract import cause
from contract.canonical import Frozen, canonical_bytes
from contract.credentials import Credentials
from contract.errors import BadSignature, CoordinatorAbsent, MiheError, PeerError
from contract.identity import Identity, Role, require_role, server_name
from contract.job import PROTOCOL_VERSION
from contract.signing import Kind, Signer, Statement, verify
from contract.statements import Greeting
from node.carry import open_channel
from node.probe import refusal_in, why_unreachable
from node.proxy import STRAIGHT, WayOut
from node.pulse import BEAT_SECONDS
from node.store import Store
from node.wire.coordinator import from_coordinator
from node.wire.statements import statement_from_wire, statement_to_wire
from protos import coordinator_pb2 as wire
from protos import coordinator_pb2_grpc

_log = logging.getLogger("mihe.attach")
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_ANSWER_SECONDS = 10.0
_FRESH_SECONDS = 3 * BEAT_SECONDS
_TELL_SECONDS = 0.05
_MOST_TOLD = 64


class Listener(Protocol):
    """Who acts on what is heard (node/conduct.py)."""

    def welcomed(self, *, new_log: bool) -> None:
        """The coordinator greeted; with `new_log` it knows nothing of what was before."""

    def told(self, number: int, statement: Statement) -> None:
        """A statement of the log, in order, each once."""

    def caught_up(self) -> None:
        """Everything that was said while this node was away has been told."""

    def rejected(self, statement: Statement, error: MiheError) -> None:
        """The coordinator did not accept a statement of this node."""

    def accepted(self, statement: Statement) -> None:
        """The coordinator has a statement of this node."""

    def progress(self, job: bytes, org: str, phase: str, done: int, total: int) -> None:
        """How far a peer is."""


class Attachment:
    """The stream, and what waits for it."""

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        store: Store,
        *,
        silence: float,
        way: WayOut = STRAIGHT,
    ) -> None:
        """`silence`: seconds for which the coordinator may say nothing before it counts as gone."""
        self.address = address
        self._silence = silence
        self._unheard = 0.0
        self._credentials = credentials
        self._store = store
        self._way = way
        self.channel = self._open()
        self._former: list[grpc.aio.Channel] = []
        self.attached = False
        self.trouble: MiheError | None = None
        self.refusal: MiheError | None = None
        """Why the coordinator could not take what was last said to it."""
        self.coordinator: Identity | None = None
        self.signer_about: Callable[[bytes], Signer] = lambda _: credentials.signer
        self.on_revocations: Callable[[bytes], None] = lambda _: None
        self._leaving = asyncio.Event()
        self._due = asyncio.Event()
        self._progress: dict[tuple[bytes, str], wire.Progress] = {}
        self._questions: dict[int, asyncio.Future[wire.CatalogueAnswer]] = {}
        self._asked: deque[int] = deque()
        self._knocks = self._knocked = 0

    # ── for the rest of the node ────────────────────────────────────────────────────────────────

    def say(self, kind: Kind, subject: bytes, body: Frozen) -> None:
        """Sign a statement and keep it until the coordinator has it. Durable on return."""
        signer = self.signer_about(subject)
        self._store.say(signer.sign(kind, subject, canonical_bytes(body)))
        self._due.set()

    def report(self, job: bytes, phase: str, done: int, total: int) -> None:
        """Let the peers know how far this node is, in a moment; lost without harm. On the loop."""
        org = self._credentials.org
        if not self._progress:
            asyncio.get_running_loop().call_later(_TELL_SECONDS, self._due.set)
        # A run takes many steps in a moment: of each phase only the last is told.
        self._progress.pop((job, phase), None)
        self._progress[job, phase] = wire.Progress(
            job=job, org=org, phase=phase, done=done, total=total
        )
        if len(self._progress) > _MOST_TOLD:
            del self._progress[next(iter(self._progress))]

    async def catalogue(self) -> tuple[list[Statement], set[str]]:
        """Every organisation's catalogue statement, signatures unchecked, and who is attached."""
        self.require_attached()
        question = max(self._questions, default=0) + 1
        answer = asyncio.get_running_loop().create_future()
        self._questions[question] = answer
        self._asked.append(question)
        self._due.set()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await answer
        except TimeoutError:
            raise self._absent() from None
        finally:
            del self._questions[question]
        return [statement_from_wire(item) for item in found.catalogues], set(found.attached)

    def require_attached(self) -> None:
        """Raise CoordinatorAbsent unless the coordinator is on the line."""
        if not self.attached:
            raise self.trouble or self._absent()

    def _absent(self) -> CoordinatorAbsent:
        return CoordinatorAbsent(
            f"the coordinator at {self.address} is not on the line",
            phase="attach",
            fix="check that it runs and that this machine reaches it, then try again",
        )

    @property
    def is_fresh(self) -> bool:
        """Whether the coordinator gave a sign of life a moment ago."""
        return self.attached and self._unheard < _FRESH_SECONDS

    async def close(self) -> None:
        """Hang up."""
        await self.channel.close()
        await self.close_former()

    # ── when certificates change ────────────────────────────────────────────────────────────────

    def renewed(self) -> None:
        """Dial anew, with the credentials as they are now; what goes on elsewhere is not cut."""
        self._former.append(self.channel)
        self.channel = self._open()
        self._leaving.set()

    def hang_up(self, reason: MiheError) -> None:
        """Leave the coordinator: its certificate, or the own one, does not count any more."""
        self.trouble = reason
        if self.attached:
            self._leaving.set()

    async def close_former(self) -> None:
        """Close the channels under earlier credentials, once no run uses them any more."""
        former, self._former = self._former, []
        for channel in former:
            await channel.close()

    def _open(self) -> grpc.aio.Channel:
        name = server_name(Role.COORDINATOR, "coordinator")
        return open_channel(self.address, self._credentials, name, self._way)

    # ── staying attached ────────────────────────────────────────────────────────────────────────

    async def run(self, listener: Listener) -> None:
        """Attach, and attach again, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            refusal: MiheError | None = None
            try:
                await self._attach(listener)
                pause = _FIRST_PAUSE if self.attached else pause
            except grpc.aio.AioRpcError as error:
                self.refusal = refusal = refusal_in(error)
                _log.info("detached code=%s", refusal.code if refusal else error.code().name)
                pause = _FIRST_PAUSE if self.attached else pause
            except PeerError as error:  # a certificate that does not count, the own one included
                _log.error("detached %s", error)
                refusal = error
            except MiheError as error:  # what it meets now it may well meet again at once
                _log.error("detached %s", error)
            if not self.attached:
                trouble = refusal or await asyncio.to_thread(
                    why_unreachable, self.address, self._credentials, self._way
                )
                if str(trouble) != str(self.trouble):
                    _log.error("not attached %s", trouble)
                self.trouble = trouble
            self.attached = False
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()
            self._leaving.clear()
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _attach(self, listener: Listener) -> None:
        own = self._credentials.signer.identity
        # Nobody would let this node in, and what it says would not count.
        if objection := self._credentials.authority.objection(own):
            raise objection
        call = coordinator_pb2_grpc.CoordinatorStub(self.channel).Attach()
        try:
            nonce = token_bytes(32)
            hello = wire.Hello(
                protocol=PROTOCOL_VERSION,
                store=self._store.id,
                log=self._store.log,
                heard=self._store.cursor,
                nonce=nonce,
                earlier=self._credentials.earlier,
            )
            # Without a bound here a coordinator that hangs would keep this node for ever.
            async with asyncio.timeout(self._silence):
                await call.write(wire.FromNode(hello=hello))
                first = await call.read()
            if isinstance(first, wire.FromCoordinator) and first.HasField("revocations"):
                # Whoever is refused because it is revoked is shown the list.
                self.on_revocations(from_coordinator(first).revocations.crl)
                async with asyncio.timeout(self._silence):
                    first = await call.read()
            if not isinstance(first, wire.FromCoordinator) or not first.HasField("welcome"):
                return
            self._welcome(from_coordinator(first).welcome, nonce, listener)
            await self._converse(call, listener)
        except TimeoutError:
            _log.info("detached code=SILENT")
        finally:
            call.cancel()

    def _welcome(self, welcome: wire.Welcome, nonce: bytes, listener: Listener) -> None:
        self.coordinator = self._proven(welcome, nonce)
        new_log = welcome.log != self._store.log
        for number, _ in self._store.unsaid(0):
            if number <= welcome.taken:
                self._take(number, "", listener)
        if new_log:
            self._store.begin_log(welcome.log, welcome.taken)
        self.attached, self.trouble = True, None
        _log.info("attached log=%s", welcome.log.hex()[:8])
        listener.welcomed(new_log=new_log)

    def _proven(self, welcome: wire.Welcome, nonce: bytes) -> Identity:
        """Who greets. gRPC shows nobody the certificate that it has accepted, so it is proven here.

        The TLS library has compared name and CA; it knows of no revocation.
        """
        proof = statement_from_wire(welcome.proof, party="coordinator")
        identity = require_role(verify(proof, self._credentials.authority), Role.COORDINATOR)
        expected = canonical_bytes(Greeting(node=self._credentials.org))
        if (proof.kind, proof.subject, proof.body) != (Kind.WELCOME, nonce, expected):
            raise BadSignature(
                "the coordinator's proof of who it is was made for another greeting",
                party="coordinator",
                phase="attach",
                fix="somebody on the way may be posing as the coordinator: check the address",
            )
        return identity

    async def _converse(
        self,
        call: "grpc.aio.StreamStreamCall[wire.FromNode, wire.FromCoordinator]",
        listener: Listener,
    ) -> None:
        """Read, write and knock until the stream ends, the coordinator is silent, or left."""
        writing = asyncio.create_task(self._write(call))
        leaving = asyncio.create_task(self._leaving.wait())
        ending = [
            asyncio.create_task(self._read(call, listener)),
            asyncio.create_task(self._knock()),
        ]
        try:
            await asyncio.wait((*ending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving, *ending):
                task.cancel()
            await asyncio.gather(writing, leaving, *ending, return_exceptions=True)
        for task in ending:
            if not task.cancelled():
                task.result()

    async def _read(
        self,
        call: "grpc.aio.StreamStreamCall[wire.FromNode, wire.FromCoordinator]",
        listener: Listener,
    ) -> None:
        while True:
            message = await call.read()
            if not isinstance(message, wire.FromCoordinator):
                return
            self._unheard = 0.0
            match from_coordinator(message).WhichOneof("what"):
                case "told":
                    statement = statement_from_wire(message.told.statement, party="coordinator")
                    listener.told(message.told.number, statement)
                case "taken":
                    self._take(message.taken.number, message.taken.rejected, listener)
                case "progress":
                    p = message.progress
                    listener.progress(p.job, p.org, p.phase, p.done, p.total)
                case "catalogue":
                    answer = self._questions.get(message.catalogue.question)
                    if answer is not None and not answer.done():
                        answer.set_result(message.catalogue)
                case "caught_up":
                    listener.caught_up()
                case "revocations":
                    self.on_revocations(message.revocations.crl)

    def _take(self, number: int, rejected: str, listener: Listener) -> None:
        self.refusal = None
        error = cause.from_json(rejected) if rejected else None
        statement = self._store.taken(number, rejected or None)
        if statement is None:
            return
        if error is not None:
            listener.rejected(statement, error)
        else:
            listener.accepted(statement)

    async def _write(
        self, call: "grpc.aio.StreamStreamCall[wire.FromNode, wire.FromCoordinator]"
    ) -> None:
        said = 0
        try:
            while True:
                self._due.clear()
                async for message in self._outgoing(said):
                    await call.write(message)
                    said = max(said, message.said.number)
                await self._due.wait()
        except grpc.aio.AioRpcError:
            return
        except asyncio.InvalidStateError:
            return

    async def _knock(self) -> NoReturn:
        """Ask for a sign of life every so often; TimeoutError if there is none for too long.

        Counted in ticks: if this process was stopped, the coordinator is not to blame for it.
        """
        self._unheard = 0.0
        while self._unheard < self._silence:
            self._knocks += 1
            self._due.set()
            await asyncio.sleep(BEAT_SECONDS)
            self._unheard += BEAT_SECONDS
        raise TimeoutError

    async def _outgoing(self, said: int) -> AsyncIterator[wire.FromNode]:
        for number, statement in self._store.unsaid(said):
            yield wire.FromNode(
                said=wire.Said(number=number, statement=statement_to_wire(statement))
            )
        if self._knocks > self._knocked:
            self._knocked = self._knocks
            yield wire.FromNode(knock=self._knocked)
        while self._asked:
            question = wire.CatalogueQuestion(question=self._asked.popleft())
            yield wire.FromNode(catalogue=question)
        told, self._progress = self._progress, {}
        for progress in told.values():
            yield wire.FromNode(progress=progress)
