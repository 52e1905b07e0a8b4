"""The node's stream to a real coordinator: no break loses or repeats what is said or heard."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
import pytest

from cli.revocation import next_list
from contract.canonical import canonical_bytes, digest
from contract.credentials import Credentials, credentials_from
from contract.errors import CoordinatorAbsent, ForeignCertificate, MiheError, VersionMismatch
from contract.identity import Role, server_name
from contract.job import Contract
from contract.revocation import list_to_der
from contract.signing import Kind, Statement
from contract.statements import Approval, Catalogue, Decision, Greeting
from coordinator.server import Running, serving
from daemon.renewal import server_credentials
from node import attach
from node.attach import Attachment
from node.carry import open_channel
from node.store import Store
from node.wire.statements import statement_to_wire
from protos import coordinator_pb2 as wire
from protos.coordinator_pb2_grpc import CoordinatorServicer, add_CoordinatorServicer_to_server
from protos.statement_pb2 import Statement as WireStatement
from tests.unit.coordinator.consortium import Consortium, configure, contract_of
from tests.unit.node.lines import PATIENCE, Member


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(attach, "_LONGEST_PAUSE", 0.05)


class Heard:
    """A listener that keeps what it hears, durably as far as the cursor goes, and does nothing."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.welcomes: list[bool] = []
        self.statements: list[tuple[int, Statement]] = []
        self.backlogs: list[int] = []
        self.refused: list[tuple[Statement, MiheError]] = []
        self.taken: list[Statement] = []
        self.steps: list[tuple[bytes, str, str, int, int]] = []

    def welcomed(self, *, new_log: bool) -> None:
        self.welcomes.append(new_log)

    def told(self, number: int, statement: Statement) -> None:
        self.statements.append((number, statement))
        self.store.skip(number)

    def caught_up(self) -> None:
        self.backlogs.append(len(self.statements))

    def rejected(self, statement: Statement, error: MiheError) -> None:
        self.refused.append((statement, error))

    def accepted(self, statement: Statement) -> None:
        self.taken.append(statement)

    def progress(self, job: bytes, org: str, phase: str, done: int, total: int) -> None:
        self.steps.append((job, org, phase, done, total))


class Node:
    """A node's store and stream."""

    def __init__(self, member: Member, folder: Path, address: str) -> None:
        self.member = member
        self.folder = folder
        self.address = address

    async def __aenter__(self) -> "Node":
        self.store = Store(self.folder)
        self.attachment = Attachment(
            self.address, self.member.credentials, self.store, silence=PATIENCE
        )
        self.heard = Heard(self.store)
        self.running = asyncio.create_task(self.attachment.run(self.heard))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.attachment.close()
        self.store.close()

    def offer(self, revision: int = 1) -> None:
        catalogue = Catalogue(org=self.member.org, revision=revision, entries=())
        self.attachment.say(Kind.CATALOGUE, digest(canonical_bytes(catalogue)), catalogue)

    def approve(self, contract: Contract) -> None:
        approval = Approval(job=contract.job_id.hex(), decision=Decision.APPROVED)
        self.attachment.say(Kind.APPROVAL, contract.job_id, approval)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what it asks changes in several places
            await asyncio.sleep(0.005)


@pytest.fixture
def place(consortium: Consortium, tmp_path: Path) -> Path:
    """The coordinator's folder."""
    return tmp_path / "coordinator"


@pytest.fixture
def serve(
    consortium: Consortium, place: Path
) -> Callable[..., AbstractAsyncContextManager[Running]]:
    @asynccontextmanager
    async def once(port: int = 0) -> AsyncIterator[Running]:
        config = configure(place, consortium.coordinator, listen=f"127.0.0.1:{port}")
        async with serving(config, place) as running:
            yield running

    return once


Serve = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
async def nodes(
    serve: Serve, bank_a: Member, bank_b: Member, tmp_path: Path
) -> AsyncIterator[tuple[Running, Node, Node]]:
    """Two nodes that are attached and known."""
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(serve())
        address = f"127.0.0.1:{running.port}"
        a, b = [
            await stack.enter_async_context(Node(member, tmp_path / member.org, address))
            for member in (bank_a, bank_b)
        ]
        await until(lambda: a.heard.backlogs and b.heard.backlogs)
        a.offer()
        b.offer()
        await until(lambda: a.heard.taken and b.heard.taken)
        yield running, a, b


def proposal(a: Node, b: Node) -> Contract:
    now = datetime.now(UTC)
    return contract_of(a.member.credentials, b.member.credentials, created=now)


async def test_what_one_says_all_parties_are_told(nodes: tuple[Running, Node, Node]) -> None:
    _, a, b = nodes
    contract = proposal(a, b)
    a.attachment.say(Kind.CONTRACT, contract.job_id, contract)
    await until(lambda: len(a.heard.statements) == len(b.heard.statements) == 1)
    assert a.heard.statements == b.heard.statements
    ((_, statement),) = a.heard.statements
    assert statement.body == canonical_bytes(contract)
    await until(lambda: not a.store.unsaid(0))
    assert [one.kind for one in a.heard.taken] == [Kind.CATALOGUE, Kind.CONTRACT]
    assert a.heard.welcomes == [True]


async def test_what_is_rejected_is_told_to_who_said_it(nodes: tuple[Running, Node, Node]) -> None:
    _, a, b = nodes
    a.approve(proposal(a, b))
    await until(lambda: a.heard.refused)
    ((statement, error),) = a.heard.refused
    assert statement.kind is Kind.APPROVAL
    assert error.code == "UNKNOWN_JOB"
    assert a.store.unsaid(0) == []
    assert a.attachment.attached


async def test_what_was_said_and_heard_while_apart_comes_once(
    nodes: tuple[Running, Node, Node],
) -> None:
    _, a, b = nodes
    contract = proposal(a, b)
    a.attachment.say(Kind.CONTRACT, contract.job_id, contract)
    await until(lambda: b.heard.statements)
    await b.__aexit__()
    a.approve(contract)
    await until(lambda: len(a.heard.statements) == 2)
    await b.__aenter__()
    await until(lambda: b.heard.backlogs)
    b.approve(contract)
    await until(lambda: len(a.heard.statements) == 3)
    await until(lambda: len(b.heard.statements) == 2)
    assert not any(b.heard.welcomes)
    assert b.heard.backlogs[0] == 1  # what it had missed, before it was told to have caught up
    assert b.heard.statements == a.heard.statements[1:]


async def test_a_coordinator_that_comes_back_goes_on_where_it_was(
    serve: Serve, bank_a: Member, bank_b: Member, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        async with serve() as running:
            port = running.port
            a, b = [
                await stack.enter_async_context(
                    Node(member, tmp_path / member.org, f"127.0.0.1:{port}")
                )
                for member in (bank_a, bank_b)
            ]
            await until(lambda: a.heard.backlogs and b.heard.backlogs)
            a.offer()
            b.offer()
            await until(lambda: a.heard.taken and b.heard.taken)
            contract = proposal(a, b)
            a.attachment.say(Kind.CONTRACT, contract.job_id, contract)
            await until(lambda: a.heard.statements and b.heard.statements)
        await until(lambda: not a.attachment.attached and not b.attachment.attached)
        with pytest.raises(MiheError):
            a.attachment.require_attached()
        a.approve(contract)
        async with serve(port):
            await until(lambda: len(a.heard.statements) == len(b.heard.statements) == 2)
            assert a.heard.statements == b.heard.statements
            assert a.heard.welcomes[0]
            assert not any(a.heard.welcomes[1:])
            await until(lambda: not a.store.unsaid(0))


async def test_a_coordinator_that_lost_its_log_is_noticed(
    serve: Serve, place: Path, bank_a: Member, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        async with serve() as running:
            port = running.port
            a = await stack.enter_async_context(Node(bank_a, tmp_path / "a", f"127.0.0.1:{port}"))
            await until(lambda: a.heard.backlogs)
            a.offer()
            await until(lambda: a.heard.taken)
        shutil.rmtree(place / "data")
        async with serve(port):
            await until(lambda: len(a.heard.welcomes) > 1)
            assert a.heard.welcomes[:2] == [True, True]
            assert a.store.cursor == 0
            a.offer(2)
            await until(lambda: len(a.heard.taken) == 2)


async def test_catalogues_and_presence_are_answered(nodes: tuple[Running, Node, Node]) -> None:
    _, a, b = nodes
    statements, attached = await a.attachment.catalogue()
    assert [one.org for one in statements] == ["bank_a", "bank_b"]
    assert attached == {"bank_a", "bank_b"}
    await b.__aexit__()
    async with asyncio.timeout(PATIENCE):
        while "bank_b" in attached:
            _, attached = await a.attachment.catalogue()
    several = await asyncio.gather(*(a.attachment.catalogue() for _ in range(5)))
    assert len(several) == 5
    await b.__aenter__()


async def test_progress_reaches_the_other_party(nodes: tuple[Running, Node, Node]) -> None:
    _, a, b = nodes
    contract = proposal(a, b)
    a.attachment.say(Kind.CONTRACT, contract.job_id, contract)
    await until(lambda: b.heard.statements)
    a.attachment.report(contract.job_id, "blind", 3, 9)
    await until(lambda: b.heard.steps)
    assert b.heard.steps == [(contract.job_id, "bank_a", "blind", 3, 9)]


async def test_why_nobody_answers_is_known(
    bank_a: Member, stranger: Member, tmp_path: Path, serve: Serve
) -> None:
    async with Node(bank_a, tmp_path / "alone", "127.0.0.1:1") as node:
        await until(lambda: node.attachment.trouble)
        with pytest.raises(CoordinatorAbsent) as absent:
            await node.attachment.catalogue()
        assert "nothing listens there" in absent.value.what
    async with serve() as running:
        address = f"127.0.0.1:{running.port}"
        async with Node(stranger, tmp_path / "stranger", address) as node:
            await until(lambda: node.attachment.trouble)
            with pytest.raises(ForeignCertificate):
                node.attachment.require_attached()
            assert node.heard.welcomes == []


async def test_why_it_is_refused_is_known(
    bank_a: Member, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.attach.PROTOCOL_VERSION", 99)
    async with (
        serve() as running,
        Node(bank_a, tmp_path / "newer", f"127.0.0.1:{running.port}") as node,
    ):
        await until(lambda: node.attachment.trouble)
        with pytest.raises(VersionMismatch, match="version 99") as refused:
            node.attachment.require_attached()
        assert (refused.value.party, refused.value.phase) == ("bank_a", "attach")
        assert node.heard.welcomes == []


# ── a coordinator that says what it wants ───────────────────────────────────────────────────────


WELCOME = wire.FromCoordinator(welcome=wire.Welcome(protocol=1, log=bytes(16)))
STATEMENT = WireStatement(
    kind="gate", org="bank_b", subject=bytes(32), body=b"{}", signature=b"s", certificate=b"c"
)
ODD: dict[str, list[wire.FromCoordinator]] = {
    "nothing": [],
    "no welcome": [wire.FromCoordinator(caught_up=True)],
    "an empty message": [wire.FromCoordinator()],
    "a log without a name": [wire.FromCoordinator(welcome=wire.Welcome(protocol=1))],
    "an endless log": [wire.FromCoordinator(welcome=wire.Welcome(log=bytes(1 << 16)))],
    "too much taken": [
        wire.FromCoordinator(welcome=wire.Welcome(log=bytes(16), taken=2**64 - 1)),
    ],
    "no statement": [WELCOME, wire.FromCoordinator(told=wire.Told(number=1))],
    "no number": [WELCOME, wire.FromCoordinator(told=wire.Told(statement=STATEMENT))],
    "a number that no log has": [
        WELCOME,
        wire.FromCoordinator(told=wire.Told(number=2**64 - 1, statement=STATEMENT)),
    ],
    "taken, beyond counting": [
        WELCOME,
        wire.FromCoordinator(taken=wire.Taken(number=2**64 - 1)),
    ],
    "a cause that is none": [
        WELCOME,
        wire.FromCoordinator(taken=wire.Taken(number=1, rejected="no")),
    ],
    "progress of nothing": [WELCOME, wire.FromCoordinator(progress=wire.Progress())],
    "progress of nobody": [
        WELCOME,
        wire.FromCoordinator(
            progress=wire.Progress(job=bytes(32), org="bank b", phase="blind", total=1)
        ),
    ],
    "progress without end": [
        WELCOME,
        wire.FromCoordinator(
            progress=wire.Progress(job=bytes(32), org="bank_b", phase="b" * 9999, total=2**64 - 1)
        ),
    ],
}


def proven(
    message: wire.FromCoordinator, nonce: bytes, by: Credentials, to: str
) -> wire.FromCoordinator:
    """The message, a welcome with the proof that belongs to it."""
    if not message.HasField("welcome"):
        return message
    whole = wire.FromCoordinator.FromString(message.SerializeToString())
    proof = by.signer.sign(Kind.WELCOME, nonce, canonical_bytes(Greeting(node=to)))
    whole.welcome.proof.CopyFrom(statement_to_wire(proof))
    return whole


class Scripted(CoordinatorServicer):
    """Says what it was told to say on the first streams, and is silent after a welcome then."""

    def __init__(self, script: list[wire.FromCoordinator], by: Credentials, to: str) -> None:
        self.script = script
        self.by = by
        self.to = to
        self.streams = 0

    async def Attach(self, request_iterator, context):  # type: ignore[no-untyped-def, override]  # noqa: N802
        hello = (await context.read()).hello
        self.streams += 1
        for message in self.script if self.streams == 1 else [WELCOME]:
            await context.write(proven(message, hello.nonce, self.by, self.to))
        if self.streams > 1:
            await asyncio.sleep(PATIENCE)


@pytest.mark.parametrize("what", ODD)
async def test_nothing_that_a_coordinator_says_stops_the_node(
    consortium: Consortium, bank_a: Member, tmp_path: Path, what: str
) -> None:
    servicer = Scripted(ODD[what], consortium.coordinator, "bank_a")  # type: ignore[abstract]  # nothing else is called
    server = grpc.aio.server()
    add_CoordinatorServicer_to_server(servicer, server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(consortium.coordinator))
    await server.start()
    try:
        async with Node(bank_a, tmp_path / "a", f"127.0.0.1:{port}") as node:
            await until(lambda: servicer.streams > 1 and node.attachment.attached)
            assert not node.running.done()
            assert node.heard.statements == []
            assert node.heard.refused == []
            assert node.heard.steps == []
            assert node.store.cursor == 0
    finally:
        await server.stop(None)


async def test_a_coordinator_that_hangs_is_left_and_found_again(
    nodes: tuple[Running, Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    running, a, b = nodes
    monkeypatch.setattr(attach, "BEAT_SECONDS", 0.05)
    a.attachment._silence = 0.5
    goes_on = asyncio.Event()

    async def stuck(*_: object) -> None:
        await goes_on.wait()

    monkeypatch.setattr(running.lifecycle, "turn", stuck)
    await a.attachment.close()  # what hangs is met by the next stream
    a.attachment.channel = open_channel(
        a.address, a.member.credentials, server_name(Role.COORDINATOR, "coordinator")
    )
    await until(lambda: len(a.heard.welcomes) >= 3)  # it was left, and left again
    goes_on.set()
    await until(lambda: a.attachment.is_fresh)
    before = len(a.heard.welcomes)
    contract = proposal(a, b)
    a.attachment.say(Kind.CONTRACT, contract.job_id, contract)
    await until(lambda: a.heard.statements)
    assert len(a.heard.welcomes) == before


# ── a coordinator that has to prove who it is ───────────────────────────────────────────────────


class Posing(Scripted):
    """Greets with a proof that a test has made of what the node has drawn."""

    def __init__(self, prove: Callable[[bytes], Statement]) -> None:
        self.prove = prove
        self.streams = 0

    async def Attach(self, request_iterator, context):  # type: ignore[no-untyped-def, override]  # noqa: N802
        hello = (await context.read()).hello
        self.streams += 1
        message = wire.FromCoordinator.FromString(WELCOME.SerializeToString())
        message.welcome.proof.CopyFrom(statement_to_wire(self.prove(hello.nonce)))
        await context.write(message)
        await asyncio.sleep(PATIENCE)


def greeting(by: Credentials, nonce: bytes, to: str = "bank_a") -> Statement:
    return by.signer.sign(Kind.WELCOME, nonce, canonical_bytes(Greeting(node=to)))


@pytest.mark.parametrize(
    ("prove", "code"),
    [
        (lambda ours, nonce: greeting(ours.coordinator, bytes(32)), "BAD_SIGNATURE"),
        (lambda ours, nonce: greeting(ours.coordinator, nonce, "bank_b"), "BAD_SIGNATURE"),
        (lambda ours, nonce: greeting(ours.member("bank_b"), nonce), "WRONG_ROLE"),
        (
            lambda ours, nonce: greeting(Consortium("Other").coordinator, nonce),
            "FOREIGN_CERTIFICATE",
        ),
        (
            lambda ours, nonce: ours.coordinator.signer.sign(
                Kind.DEAD, nonce, canonical_bytes(Greeting(node="bank_a"))
            ),
            "BAD_SIGNATURE",
        ),
    ],
    ids=["replayed", "for another node", "a member's", "of another CA", "of another kind"],
)
async def test_a_coordinator_without_a_proof_of_its_own_is_left(
    consortium: Consortium,
    bank_a: Member,
    tmp_path: Path,
    prove: Callable[[Consortium, bytes], Statement],
    code: str,
) -> None:
    """It may hold a certificate that TLS believes; that is what a stolen key gives it."""
    servicer = Posing(lambda nonce: prove(consortium, nonce))  # type: ignore[abstract]
    async with posing_at(servicer, consortium) as address, Node(bank_a, tmp_path, address) as node:
        await until(lambda: node.attachment.trouble is not None)
        assert not node.attachment.attached
        assert node.attachment.trouble is not None
        assert node.attachment.trouble.code == code


async def test_a_coordinator_whose_certificate_was_revoked_is_left(
    consortium: Consortium, bank_a: Member, tmp_path: Path
) -> None:
    own = credentials_from(
        bank_a.credentials.certificate_pem,
        bank_a.credentials.key_pem,
        consortium.certificate,
        org="bank_a",
        role=Role.NODE,
    )
    revoked = consortium.coordinator.certificate_pem
    crl = next_list(consortium.key, consortium.certificate, None, revoked)
    own.authority.take(list_to_der(crl))
    servicer = Posing(lambda nonce: greeting(consortium.coordinator, nonce))  # type: ignore[abstract]
    member = Member(own, bank_a.folder)
    async with posing_at(servicer, consortium) as address, Node(member, tmp_path, address) as node:
        await until(lambda: node.attachment.trouble is not None)
        assert not node.attachment.attached
        assert node.attachment.trouble is not None
        assert node.attachment.trouble.code == "CERTIFICATE_REVOKED"
        assert node.attachment.trouble.party == "coordinator"


@asynccontextmanager
async def posing_at(servicer: CoordinatorServicer, consortium: Consortium) -> AsyncIterator[str]:
    server = grpc.aio.server()
    add_CoordinatorServicer_to_server(servicer, server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(consortium.coordinator))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
