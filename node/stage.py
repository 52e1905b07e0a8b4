"""What a run of any kind has to work with: the job, the consent, links to the peers, a voice.

A play (node/intersect.py, node/query.py) gets a stage and returns what it releases. A link that
fails for good ends the play with the link's error, wherever the play is.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from contract.canonical import Frozen
from contract.cause import cause_of
from contract.credentials import Credentials, Pair
from contract.errors import (
    CoordinatorAbsent,
    FingerprintChanged,
    MiheError,
    Withheld,
)
from contract.ledger import Ledger
from contract.lifecycle import State
from contract.policy import Policy
from contract.signing import Kind, Statement
from contract.statements import Gate, StartRecord, Verdict
from node.answered import Answered
from node.attach import Attachment
from node.carry import Exchange
from node.catalogue import Datasets
from node.docket import Docket
from node.gate import Consent
from node.link import Absence, Ends, Link
from node.parts import Parts
from node.proxy import STRAIGHT, WayOut
from node.pulse import COORDINATOR, Activity, Bounds
from node.release import may_release
from node.results import Results
from node.route import Route, route_to
from node.seal import tls_context
from node.store import Store
from node.turns import Turn

_QUEUED_SECONDS = 60.0

T = TypeVar("T")


async def together(*tasks: asyncio.Task[Any]) -> None:
    """Wait for all; the first that fails ends the others, and its error is raised as it is."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the node that a run needs."""

    credentials: Credentials
    store: Store
    docket: Docket
    datasets: Datasets
    attachment: Attachment
    exchange: Exchange
    policy: Callable[[], Policy]
    patience: float
    bounds: Bounds
    results: Results
    answered: Answered
    memory: int
    """Bytes that one run of an intersection may take, roughly."""
    way: WayOut = STRAIGHT


@dataclass(frozen=True, slots=True)
class Line:
    """What a play uses of a link: messages, and signs of life while it waits for the peer."""

    peer: str
    link: Link
    activity: Activity

    async def send(self, stream: str, content: bytes) -> None:
        """Send a message; returns when the peer has it."""
        await self.activity.awaiting((self.peer,), self.link.send(stream, content))

    async def receive(self, stream: str) -> bytes:
        """Await a message."""
        return await self.activity.awaiting((self.peer,), self.link.receive(stream))


@dataclass(slots=True)
class Stage:
    """One run at this node."""

    services: Services
    job: bytes
    start: StartRecord
    consent: Consent
    report: Callable[[str, int, int], None]
    turn: Turn
    activity: Activity = field(init=False)
    earlier: list[Statement] = field(default_factory=list)
    """Receipts of earlier attempts, of what the result rests on too."""
    _open: list[Link] = field(default_factory=list)
    _links: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    _hearing: list[asyncio.Task[None]] = field(default_factory=list)
    _routes: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.activity = Activity(self.me, self.consent.contract.orgs, self.services.bounds)

    @property
    def run(self) -> bytes:
        """The run id."""
        return self.start.run_id

    @property
    def me(self) -> str:
        """This organisation."""
        return self.consent.org

    @property
    def own(self) -> Pair:
        """The own certificate and key that the contract names, which may not be the newest."""
        pair = self.services.docket.pair_of(self.consent.contract)
        if pair is None:
            raise FingerprintChanged(
                "the key of the certificate that the contract names is not held any more",
                party=self.me,
                phase="running",
                fix="propose the job again: a changed certificate needs a new contract",
            )
        return pair

    @property
    def peers(self) -> tuple[str, ...]:
        """The other parties, in the contract's order."""
        return self.consent.contract.others(self.me)

    @property
    def ledger(self) -> Ledger:
        """The job as it stands now."""
        return self.services.docket.ledger(self.job)

    async def until(self, look: Callable[[Ledger], T | None]) -> T:
        """What `look` finds in the ledger, as soon as it finds something."""
        while True:
            changed = self.services.docket.news(self.job)
            found = look(self.ledger)
            if found is not None:
                return found
            await changed.wait()

    # ── saying ──────────────────────────────────────────────────────────────────────────────────

    def say(self, kind: Kind, body: Frozen, subject: bytes | None = None) -> None:
        """Make a statement about the run, or about an attempt within it."""
        about = self.run if subject is None else subject
        self.services.attachment.say(kind, about, body)

    def gate(self) -> None:
        """The owner's last word: release, or Withheld. Said before anything that reveals."""
        try:
            may_release(self.consent, self.services.policy, datetime.now(UTC).date())
        except Withheld as withheld:
            self.withhold(withheld)
            raise
        self.say(Kind.GATE, Gate(run=self.run.hex(), verdict=Verdict.RELEASE))

    def withhold(self, withheld: Withheld) -> None:
        """Say that the owner releases nothing; the job has ended for everybody."""
        cause = cause_of(withheld)
        self.say(Kind.GATE, Gate(run=self.run.hex(), verdict=Verdict.WITHHOLD, cause=cause))

    def keep_receipt(self, salt: bytes, receipt: Statement) -> None:
        """Make a receipt durable."""
        self.services.store.keep_receipt(self.run, salt, receipt)

    async def stated(self, whom: Collection[str], look: Callable[[Ledger], T | None]) -> T:
        """The same for a statement that is awaited of `whom`."""
        return await self.activity.awaiting(whom, self.until(look))

    async def everybody_releases(self) -> None:
        """Return when every owner's gate has said yes."""
        await self.stated(self.peers, lambda ledger: ledger.state is not State.RUNNING or None)

    def parts(self) -> Parts:
        """What is handed to the coordinator in this run, and fetched from it."""
        attachment = self.services.attachment
        return Parts(
            attachment.channel,
            self.own.signer,
            self.run,
            patience=self.services.patience,
            is_there=lambda: attachment.attached,
            activity=self.activity,
        )

    # ── links ───────────────────────────────────────────────────────────────────────────────────

    def connect(
        self,
        peer: str,
        awaited: Mapping[str, int],
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Line:
        """A link to `peer`, which may open the streams `awaited`, each of at most so many bytes.

        `progress` hears how far each stream is, in both directions; by default people do.
        """
        services = self.services
        route = route_to(
            self.start.party(peer),
            self.start.party(self.me),
            self.run,
            relay=lambda: services.attachment.channel,
            exchange=services.exchange,
            way=services.way,
        )
        self._routes.append(route)
        link = Link(
            self._ends(peer),
            connect=route.connect,
            awaited=awaited,
            watch=self.activity.watch(peer),
            absence=self._absence(route),
            keep=lambda _, salt, receipt: self.keep_receipt(salt, receipt),
            progress=progress or self.report,
            holds_back=not self.turn.come.is_set(),
        )
        self.activity.tell(link.tell)
        self._open.append(link)
        self._links[peer] = asyncio.create_task(link.run())
        self._hearing.append(asyncio.create_task(self._hear_out(peer, link)))
        return Line(peer, link, self.activity)

    async def _hear_out(self, peer: str, link: Link) -> None:
        evidence = await self.until(lambda ledger: ledger.evidenced.get(peer))
        await link.peer_is_through(evidence.receipts)

    async def queue(self) -> None:
        """Return when this run may take up its data; the peers are on the line meanwhile."""
        if self.turn.come.is_set():
            return
        self.report("queued", 0, 1)
        while not self.turn.come.is_set():
            # Each time a step of its own, so that nobody takes who waits here for stalled.
            await self.during(self.activity.working(self._for_a_turn()))
        for link in self._open:
            await link.take_all()
        self.report("queued", 1, 1)

    async def _for_a_turn(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUEUED_SECONDS):
                await self.turn.come.wait()

    async def during(
        self, work: Coroutine[Any, Any, T], *, minding: Collection[str] | None = None
    ) -> T:
        """The outcome of `work`; a link that fails for good ends it with its error.

        `minding`: the peers whose links count; by default all.
        """
        task = asyncio.create_task(work)
        links = [link for peer, link in self._links.items() if minding is None or peer in minding]
        try:
            await asyncio.wait((task, *links), return_when=asyncio.FIRST_COMPLETED)
            for link in links:
                if link.done() and not task.done():
                    await link
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until_over(self) -> None:
        """Keep the links up: a peer may still need what this end has sent. Ends by cancellation.

        Raises what keeps a peer from saying its evidence.
        """
        while late := self._without_evidence(self.ledger):
            one_less = self.until(lambda ledger: self._without_evidence(ledger) != late or None)
            await self.during(self.activity.awaiting(late, one_less), minding=late)
        for link in self._links.values():
            with suppress(MiheError):
                await link

    def _without_evidence(self, ledger: Ledger) -> list[str]:
        peers = (org for org in self.peers if org in ledger.present)
        return [org for org in peers if not ledger.has_said(Kind.EVIDENCE, org)]

    async def close(self) -> None:
        """Let go of every link."""
        tasks = [*self._hearing, *self._links.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for route in self._routes:
            await route.close()

    def _ends(self, peer: str) -> Ends:
        own, credentials = self.own, self.services.credentials
        return Ends(
            run=self.run,
            signer=own.signer,
            authority=credentials.authority,
            peer=self.start.party(peer),
            tls=tls_context(own, credentials.authority_pem, client=self.me < peer),
        )

    def _absence(self, route: Route) -> Absence:
        attachment = self.services.attachment
        patience = route.patience(self.services.patience)

        async def error() -> MiheError:
            if route.is_relayed and not attachment.attached:
                return CoordinatorAbsent(
                    f"the coordinator, which relays, was not on the line for {patience:.0f} s",
                    party=COORDINATOR,
                    phase="link",
                    fix="check that it runs and that this machine reaches it, then run again",
                )
            return await route.why_absent(patience)

        return Absence(
            patience=patience,
            silence=self.services.bounds.silence,
            way_is_open=lambda: not route.is_relayed or attachment.is_fresh,
            error=error,
        )
