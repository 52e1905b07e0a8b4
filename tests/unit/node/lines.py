"""Organisations with real certificates, and lines in memory between two of them that can be cut.

A line hands on bytes as the relay does: both ends dial, the n-th call of one meets the n-th call of
the other, and an end that dials again ends the line before.
"""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cli import authority
from contract.credentials import Credentials, credentials_from
from contract.identity import Role
from contract.statements import PartyStart, RunRole
from node.pulse import Bounds
from node.seal import CarrierLost, tls_context
from tests.unit.coordinator.consortium import USCC, Consortium

RUN = bytes([7] * 32)
PATIENCE = 20.0
"""Seconds after which a wait counts as a failure; no test is meant to come near it."""
BOUNDS = Bounds(silence=PATIENCE, step=PATIENCE)


@dataclass(frozen=True)
class Member:
    """An organisation: its credentials, and the folder in which their files lie."""

    credentials: Credentials
    folder: Path

    @property
    def org(self) -> str:
        return self.credentials.org

    @property
    def fingerprint(self) -> str:
        return self.credentials.signer.identity.fingerprint

    def tls(self, *, client: bool) -> ssl.SSLContext:
        return tls_context(self.credentials.pair, self.credentials.authority_pem, client=client)

    def share(self, *, role: RunRole = RunRole.SENDER, address: str | None = None) -> PartyStart:
        return PartyStart(
            org=self.org,
            fingerprint=self.fingerprint,
            role=role,
            protocol=1,
            snapshot_root="11" * 32,
            nonce="22" * 32,
            address=address,
        )


def enrol(credentials: Credentials, folder: Path) -> Member:
    """Write an organisation's files as `mihe init` does."""
    folder.mkdir(parents=True)
    (folder / "cert.pem").write_bytes(credentials.certificate_pem)
    (folder / "ca.pem").write_bytes(credentials.authority_pem)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(credentials.key_pem)
    return Member(credentials, folder)


def expired(consortium: Consortium, org: str) -> tuple[bytes, bytes]:
    """Key and certificate of a member whose time ended a moment ago, PEM."""
    key, csr = authority.request(Role.NODE, org, USCC)
    return key, authority.sign(consortium.key, consortium.certificate, csr, days=0)


def fresh(consortium: Consortium, org: str) -> Credentials:
    """Credentials of `org` under a new certificate of the same CA."""
    key, csr = authority.request(Role.NODE, org, USCC)
    certificate = authority.sign(consortium.key, consortium.certificate, csr)
    return credentials_from(certificate, key, consortium.certificate, org=org, role=Role.NODE)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(eq=False)
class Line:
    """Two ends; what one writes the other reads, until it is cut or `lasts` bytes have passed."""

    lasts: int | None = None
    carried: int = 0
    ends: tuple["End", "End"] = field(init=False)

    def __post_init__(self) -> None:
        self.ends = (End(self), End(self))
        self.ends[0].peer, self.ends[1].peer = self.ends[1], self.ends[0]

    def cut(self) -> None:
        for end in self.ends:
            end.cut()

    def pass_on(self, raw: bytes) -> tuple[bytes, bool]:
        """What of `raw` still gets through, and whether the line ends with it."""
        left = len(raw) if self.lasts is None else max(self.lasts - self.carried, 0)
        self.carried += len(raw)
        return raw[:left], left < len(raw)


class End:
    """A carrier (node/seal.py) in memory."""

    peer: "End"

    def __init__(self, line: Line) -> None:
        self.line = line
        self.written = bytearray()
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._cut = False

    async def write(self, sealed: bytes) -> None:
        await asyncio.sleep(0)
        if self._cut:
            raise CarrierLost
        self.written += sealed
        passed, ended = self.line.pass_on(sealed)
        self.peer.give(passed)
        if ended:
            self.line.cut()
            raise CarrierLost

    async def read(self) -> bytes:
        raw = await self._inbox.get()
        if raw is None:
            self._inbox.put_nowait(None)
            raise CarrierLost
        return raw

    def close(self) -> None:
        self.line.cut()

    def give(self, raw: bytes) -> None:
        self._inbox.put_nowait(raw)

    def give_up(self) -> None:
        """Nothing more comes in; what was written before still does."""
        self._inbox.put_nowait(None)

    def cut(self) -> None:
        self._cut = True
        self.give_up()


class Exchange:
    """Where both ends of a link dial; `lasting[n]` says after how many bytes line n ends."""

    def __init__(self, lasting: Iterable[int | None] = ()) -> None:
        self._lasting = iter(lasting)
        self._dialled = [0, 0]
        self._there: list[tuple[asyncio.Event, asyncio.Event]] = []
        self.lines: list[Line] = []

    async def dial(self, side: int) -> End:
        number = self._dialled[side]
        self._dialled[side] += 1
        if number:
            self.lines[number - 1].cut()
        if number == len(self.lines):
            self.lines.append(Line(next(self._lasting, None)))
            self._there.append((asyncio.Event(), asyncio.Event()))
        self._there[number][side].set()
        await self._there[number][1 - side].wait()
        return self.lines[number].ends[side]
