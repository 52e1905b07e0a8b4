"""Who is attached: one session per organisation, and since when the others have been away.

A session says what waits to be sent on its stream. Statements are not queued here: the stream reads
them from the log, from its own cursor on, so a slow node costs no memory and misses nothing.
"""

import asyncio
from collections.abc import Callable, Iterable

from contract.errors import MiheError, PartyRestarted
from contract.identity import Identity
from protos.coordinator_pb2 import FromCoordinator

_WAITING = 64


class Session:
    """One node's control stream."""

    def __init__(self, identity: Identity, store: bytes, cursor: int):
        self.org = identity.org
        self.identity = identity
        self._lists_due = True
        self.store = store
        self.cursor = cursor
        self._waiting: asyncio.Queue[FromCoordinator] = asyncio.Queue(_WAITING)
        self._stirred = asyncio.Event()
        self._closed = asyncio.Event()
        self.reason: MiheError | None = None

    async def post(self, message: FromCoordinator) -> None:
        """Send `message`, once there is room; whoever asks for answers has to read them."""
        await self._waiting.put(message)
        self._stirred.set()

    def post_fleeting(self, message: FromCoordinator) -> None:
        """Send `message` if there is room now."""
        if not self._waiting.full():
            self._waiting.put_nowait(message)
            self._stirred.set()

    def waiting(self) -> list[FromCoordinator]:
        """What waits to be sent, handed over."""
        return [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]

    def show_lists(self) -> None:
        """Let the node see the revocation lists: they are new."""
        self._lists_due = True
        self._stirred.set()

    def lists_due(self) -> bool:
        """Whether the node has to be shown the revocation lists; True once."""
        due, self._lists_due = self._lists_due, False
        return due

    def stir(self) -> None:
        """Let the stream look into the log again."""
        self._stirred.set()

    async def stirred(self) -> None:
        """Wait until there may be something to send."""
        await self._stirred.wait()
        self._stirred.clear()

    def close(self, reason: MiheError) -> None:
        """End the stream."""
        self.reason = self.reason or reason
        self._closed.set()
        self._stirred.set()

    async def closed(self) -> None:
        """Wait until the stream is to end; raises the reason."""
        await self._closed.wait()
        assert self.reason is not None
        raise self.reason


class Roster:
    """The sessions of all attached nodes."""

    def __init__(self, elapsed: Callable[[], float]):
        self._elapsed = elapsed
        self._opened = elapsed()
        self._sessions: dict[str, Session] = {}
        self._left: dict[str, float] = {}

    def enter(self, session: Session) -> None:
        """Attach a session; an older one of the same organisation ends."""
        older = self._sessions.pop(session.org, None)
        if older is not None:
            older.close(
                PartyRestarted(
                    "a newer stream of the same node took this one's place",
                    party=session.org,
                    phase="attach",
                    fix="run one node per organisation; after a reconnect this is as it should be",
                )
            )
        self._sessions[session.org] = session

    def leave(self, session: Session) -> bool:
        """Detach a session; False if a newer one has taken its place."""
        if self._sessions.get(session.org) is not session:
            return False
        del self._sessions[session.org]
        self._left[session.org] = self._elapsed()
        return True

    def holds(self, session: Session) -> bool:
        """Whether this is its organisation's session now."""
        return self._sessions.get(session.org) is session

    def attached(self) -> list[str]:
        """The organisations whose nodes are attached."""
        return sorted(self._sessions)

    def seconds_away(self, org: str) -> float:
        """How long a node has been detached; 0 while it is attached."""
        if org in self._sessions:
            return 0.0
        return self._elapsed() - self._left.get(org, self._opened)

    def stir(self, orgs: Iterable[str]) -> None:
        """Let these organisations' streams look into the log again."""
        for session in self._of(orgs):
            session.stir()

    def post_fleeting(self, orgs: Iterable[str], message: FromCoordinator) -> None:
        """Send `message` to those of `orgs` that are attached and have room for it."""
        for session in self._of(orgs):
            session.post_fleeting(message)

    def fingerprint(self, org: str) -> str | None:
        """The certificate under which a node is attached; None while it is not."""
        session = self._sessions.get(org)
        return session.identity.fingerprint if session else None

    def sessions(self) -> list[Session]:
        """Every session there is."""
        return list(self._sessions.values())

    def close_all(self, reason: MiheError) -> None:
        """End every stream."""
        for session in self.sessions():
            session.close(reason)

    def _of(self, orgs: Iterable[str]) -> list[Session]:
        return [self._sessions[org] for org in orgs if org in self._sessions]
