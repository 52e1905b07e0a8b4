"""A consortium for tests: real certificates, contracts and statements, and a node's bare stream.

The stream speaks the protocol of protos/coordinator.proto and decides nothing, so a test can say
what no honest node would.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import grpc

from cli import authority
from contract.canonical import canonical_bytes, digest
from contract.cause import from_json
from contract.config import CertificateFiles, CoordinatorConfig
from contract.credentials import Credentials, credentials_from
from contract.dataset import CatalogueColumn, CatalogueEntry, ColumnType
from contract.errors import MiheError
from contract.identity import Role, server_name
from contract.job import PROTOCOL_VERSION, Basis, Contract, Crypto, JobKind, Party, Query
from contract.keys import KeyKind
from contract.ledger import role_of
from contract.signing import Kind, Statement
from contract.statements import (
    Approval,
    Catalogue,
    Decision,
    Evidence,
    Gate,
    PartyStart,
    Prepare,
    StartRecord,
    Verdict,
)
from contract.suites import Suite
from coordinator.clock import Clock
from durable.postgres import Place
from protos import carry_pb2, coordinator_pb2_grpc
from protos import coordinator_pb2 as wire
from protos.statement_pb2 import Statement as WireStatement
from tests.states import server_of

USCC = "91110000600037341L"
PATIENCE = 20.0
"""Seconds after which a wait counts as a failure; no test is meant to come near it."""

AttachCall = grpc.aio.StreamStreamCall[wire.FromNode, wire.FromCoordinator]
CarryCall = grpc.aio.StreamStreamCall[carry_pb2.CarryFrame, carry_pb2.CarryFrame]


class Consortium:
    """A CA, and whoever it certifies."""

    def __init__(self, name: str) -> None:
        self.key, self.certificate = authority.new_authority(name)
        self.coordinator = self._issue(Role.COORDINATOR, authority.COORDINATOR_ORG)
        self.member: Callable[[str], Credentials] = cache(self.issue)

    def issue(self, org: str) -> Credentials:
        """A new key and certificate for a node of `org`; `member` gives the same one again."""
        return self._issue(Role.NODE, org)

    def _issue(self, role: Role, org: str) -> Credentials:
        key, csr = authority.request(role, org, USCC)
        certificate = authority.sign(self.key, self.certificate, csr)
        return credentials_from(certificate, key, self.certificate, org=org, role=role)


class HandClock:
    """A clock that goes forward only when a test says so."""

    def __init__(self) -> None:
        start = datetime.now(UTC)
        self._skipped = timedelta()
        self.clock = Clock(
            now=lambda: start + self._skipped, elapsed=lambda: self._skipped.total_seconds()
        )

    def forward(self, time: timedelta) -> None:
        self._skipped += time


def configure(
    folder: Path,
    credentials: Credentials,
    *,
    listen: str = "127.0.0.1:0",
    grace: int = 30,
    state: Place | None = None,
) -> CoordinatorConfig:
    """A coordinator's configuration, its files written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_bytes(credentials.authority_pem)
    (folder / "own.pem").write_bytes(credentials.certificate_pem)
    (folder / "own.key").touch(mode=0o600)
    (folder / "own.key").write_bytes(credentials.key_pem)
    files = CertificateFiles(certificate="own.pem", key="own.key")
    server = server_of(state) if state else None
    return CoordinatorConfig(listen=listen, identity=files, node_grace_seconds=grace, state=server)


# ── what is stated ──────────────────────────────────────────────────────────────────────────────


def contract_of(
    initiator: Credentials,
    other: Credentials,
    *,
    created: datetime | None = None,
    life: timedelta = timedelta(days=1),
    nonce: str = "ab" * 32,
) -> Contract:
    created = created or datetime.now(UTC)
    return Contract(
        kind=JobKind.PSI,
        initiator=initiator.org,
        parties=tuple(
            Party(
                org=party.org,
                fingerprint=party.signer.identity.fingerprint,
                dataset="loans",
                key_column="uscc",
                key_kind=KeyKind.USCC,
                schema_digest="cd" * 32,
                size=256,
            )
            for party in (initiator, other)
        ),
        receivers=(initiator.org,),
        purpose="CREDIT_MICRO",
        basis=Basis.SYNTHETIC_TEST,
        created=created,
        expires=created + life,
        nonce=nonce,
    )


def query_of(
    receiver: Credentials,
    other: Credentials,
    *,
    size: int = 256,
    numbers: int = 0,
    suite: Suite = Suite.BLIND_JOIN,
) -> Contract:
    """A query between two with lists of a size, and its result to the first.

    It counts, and adds up so many columns of each.
    """
    base = contract_of(receiver, other)
    column = CatalogueColumn(
        name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=size, rows_per_key=1
    )
    added = [
        CatalogueColumn(
            name=f"n{number}",
            type=ColumnType.INTEGER,
            level=2,
            minimum=Decimal(-100),
            maximum=Decimal(100),
        )
        for number in range(numbers)
    ]
    entries = tuple(
        CatalogueEntry(
            org=party.org, name="loans", columns=(column, *added), refreshed=base.created.date()
        )
        for party in base.parties
    )
    parties = tuple(
        party.model_copy(update={"schema_digest": entry.schema_digest, "size": size})
        for party, entry in zip(base.parties, entries, strict=True)
    )
    tables = " JOIN ".join(f"{party.org}.loans AS {party.org}" for party in parties)
    sums = [
        f", SUM({party.org}.{one.name}) AS {party.org}_{one.name}"
        for party in parties
        for one in added
    ]
    outputs = f"COUNT(*) AS n{''.join(sums)}"
    statement = f"SELECT {outputs} FROM {tables} USING (uscc)"  # noqa: S608  # our own names
    return base.model_copy(
        update={
            "kind": JobKind.QUERY,
            "parties": parties,
            "crypto": Crypto(suite=suite),
            "query": Query(statement=statement, min_group=10, min_join=10, entries=entries),
        }
    )


def proposal(by: Credentials, contract: Contract) -> Statement:
    return by.signer.sign(Kind.CONTRACT, contract.job_id, canonical_bytes(contract))


def catalogue(by: Credentials, revision: int = 1, *, of: str | None = None) -> Statement:
    column = CatalogueColumn(name="uscc", type=ColumnType.KEY, key=KeyKind.USCC, level=2, size=256)
    entry = CatalogueEntry(
        org=of or by.org, name="loans", columns=(column,), refreshed=datetime.now(UTC).date()
    )
    body = canonical_bytes(Catalogue(org=by.org, revision=revision, entries=(entry,)))
    return by.signer.sign(Kind.CATALOGUE, digest(body), body)


def approval(by: Credentials, contract: Contract) -> Statement:
    body = Approval(job=contract.job_id.hex(), decision=Decision.APPROVED)
    return by.signer.sign(Kind.APPROVAL, contract.job_id, canonical_bytes(body))


def share(by: Credentials, contract: Contract) -> PartyStart:
    return PartyStart(
        org=by.org,
        fingerprint=by.signer.identity.fingerprint,
        role=role_of(contract, by.org),
        protocol=1,
        snapshot_root="11" * 32,
        nonce="22" * 32,
    )


def prepare(by: Credentials, contract: Contract) -> Statement:
    job = contract.job_id
    body = Prepare(
        job=job.hex(), run=1, attempt=1, plan_digest="33" * 32, party=share(by, contract)
    )
    return by.signer.sign(Kind.PREPARE, job, canonical_bytes(body))


def record_of(contract: Contract, parties: tuple[Credentials, ...]) -> StartRecord:
    return StartRecord(
        job=contract.job_id.hex(),
        run=1,
        attempt=1,
        plan_digest="33" * 32,
        parties=tuple(share(party, contract) for party in parties),
    )


def start(by: Credentials, record: StartRecord) -> Statement:
    return by.signer.sign(Kind.START, record.run_id, canonical_bytes(record))


def gate(by: Credentials, run: bytes) -> Statement:
    body = Gate(run=run.hex(), verdict=Verdict.RELEASE)
    return by.signer.sign(Kind.GATE, run, canonical_bytes(body))


def evidence(by: Credentials, contract: Contract, run: bytes) -> Statement:
    body = Evidence(
        job=contract.job_id.hex(), run=run.hex(), heard="09" * 32, receipts=("44" * 32,)
    )
    return by.signer.sign(Kind.EVIDENCE, run, canonical_bytes(body))


def to_running(contract: Contract, *parties: Credentials) -> tuple[bytes, list[Statement]]:
    """The run id, and what the parties, in the contract's order, say until the run is on."""
    record = record_of(contract, parties)
    said = [proposal(parties[0], contract)]
    said += [approval(party, contract) for party in parties]
    said += [prepare(party, contract) for party in parties]
    said += [start(party, record) for party in parties]
    return record.run_id, said


# ── a node's streams ────────────────────────────────────────────────────────────────────────────


def channel_to(port: int, credentials: Credentials, *, name: str | None = None) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(
        f"127.0.0.1:{port}",
        grpc.ssl_channel_credentials(
            root_certificates=credentials.authority_pem,
            private_key=credentials.key_pem,
            certificate_chain=credentials.certificate_pem,
        ),
        options=[
            (
                "grpc.ssl_target_name_override",
                name or server_name(Role.COORDINATOR, authority.COORDINATOR_ORG),
            ),
            ("grpc.max_send_message_length", 8 << 20),
        ],
    )


def on_the_wire(statement: Statement, **changed: Any) -> WireStatement:
    fields: dict[str, Any] = {
        "kind": statement.kind.value,
        "org": statement.org,
        "subject": statement.subject,
        "body": statement.body,
        "signature": statement.signature,
        "certificate": statement.certificate,
    }
    return WireStatement(**{**fields, **changed})


@dataclass(frozen=True, slots=True)
class Told:
    """A statement that the coordinator told."""

    number: int
    kind: str
    org: str
    body: bytes


class Stream:
    """A node's control stream, driven by hand."""

    def __init__(self, org: str, channel: grpc.aio.Channel, call: AttachCall, store: bytes) -> None:
        self.org = org
        self.channel = channel
        self.call = call
        self.store = store
        self.welcome = wire.Welcome()
        self.said = 0
        self.heard = 0
        self._told: list[Told] = []
        self._other: list[wire.FromCoordinator] = []

    async def say(self, statement: Statement) -> MiheError | None:
        """Say a statement under the next number; the cause if it is rejected."""
        return await self.repeat(self.said + 1, on_the_wire(statement))

    async def repeat(self, number: int, statement: WireStatement) -> MiheError | None:
        """Say a statement under a number; the cause if it is rejected."""
        await self.push(number, statement)
        taken = (await self.other("taken")).taken
        assert taken.number == number
        return from_json(taken.rejected) if taken.rejected else None

    async def push(self, number: int, statement: WireStatement) -> None:
        """Say a statement under a number without waiting for the answer."""
        said = wire.Said(number=number, statement=statement)
        await self.call.write(wire.FromNode(said=said))
        self.said = max(self.said, number)

    async def must_say(self, *statements: Statement) -> None:
        """Say statements, none of which may be rejected."""
        for statement in statements:
            rejected = await self.say(statement)
            assert rejected is None, rejected

    async def told(self, count: int) -> list[Told]:
        """The next `count` statements that are told."""
        while len(self._told) < count:
            await self._read()
        told, self._told = self._told[:count], self._told[count:]
        return told

    async def told_until_caught_up(self) -> list[Told]:
        """Everything that is told up to the word that this was all."""
        await self.other("caught_up")
        told, self._told = self._told, []
        return told

    async def other(self, what: str) -> wire.FromCoordinator:
        """The next message of one kind; others are kept for later."""
        while True:
            for message in self._other:
                if message.WhichOneof("what") == what:
                    self._other.remove(message)
                    return message
            await self._read()

    def unread(self, what: str) -> int:
        """How many messages of one kind have come and were not asked for."""
        return sum(message.WhichOneof("what") == what for message in self._other)

    async def status(self) -> tuple[grpc.StatusCode, MiheError]:
        """How the coordinator ended the stream."""
        return await ending(self.call)

    async def leave(self) -> None:
        """Break the stream."""
        self.call.cancel()
        await self.channel.close()

    async def _read(self) -> None:
        async with asyncio.timeout(PATIENCE):
            message = await self.call.read()
        assert isinstance(message, wire.FromCoordinator), (
            await self.call.code(),
            await self.call.details(),
        )
        if message.WhichOneof("what") != "told":
            self._other.append(message)
            return
        told = message.told
        assert told.number > self.heard
        self.heard = told.number
        stated = told.statement
        self._told.append(Told(told.number, stated.kind, stated.org, stated.body))


async def ending(call: AttachCall | CarryCall) -> tuple[grpc.StatusCode, MiheError]:
    """The status with which the coordinator ends a stream, once it does, and the cause in it."""
    async with asyncio.timeout(PATIENCE):
        with suppress(grpc.aio.AioRpcError):
            while await call.read() is not grpc.aio.EOF:
                pass
        return await call.code(), from_json(await call.details() or "")


def open_stream(
    port: int,
    credentials: Credentials,
    *,
    store: bytes | None = None,
    log: bytes = b"",
    heard: int = 0,
    protocol: int = PROTOCOL_VERSION,
    earlier: Sequence[str] = (),
) -> tuple[Stream, wire.FromNode]:
    """A stream that has been opened, and the Hello that is to be its first message."""
    store = store or digest(credentials.org.encode())[:16]
    channel = channel_to(port, credentials)
    call = coordinator_pb2_grpc.CoordinatorStub(channel).Attach()
    hello = wire.Hello(
        protocol=protocol, store=store, log=log, heard=heard, nonce=bytes(32), earlier=earlier
    )
    stream = Stream(credentials.org, channel, call, store)
    return stream, wire.FromNode(hello=hello)


async def say_all(said: list[Statement], *streams: Stream) -> None:
    """Let each statement be said by its own organisation's stream; none may be rejected."""
    by_org = {stream.org: stream for stream in streams}
    for statement in said:
        await by_org[statement.org].must_say(statement)


async def attach(port: int, credentials: Credentials, **greeting: Any) -> Stream:
    """A stream that has been welcomed."""
    stream, hello = open_stream(port, credentials, **greeting)
    await stream.call.write(hello)
    stream.welcome = (await stream.other("welcome")).welcome
    stream.said = stream.welcome.taken
    return stream


def changed(statement: Statement, **fields: Any) -> Statement:
    """A statement with fields altered after it was signed."""
    return replace(statement, **fields)
