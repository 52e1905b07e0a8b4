"""What the parties of a query hand to the coordinator and fetch from it: whole, signed, their own.

A real coordinator; the parties are driven by hand and say what no honest node would. What is wrong
is answered with a code that names its party, nothing of it is kept, and the run goes on.
"""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest

from contract.canonical import canonical_bytes
from contract.cause import cause_of, from_json
from contract.credentials import Credentials
from contract.errors import Aborted, MiheError, StorageFull
from contract.job import Contract
from contract.signing import Kind, Statement
from contract.statements import Dead, HeKey, Receipt
from contract.suites import Aggregation
from coordinator.collection import Collection, put
from coordinator.joins import Joins
from coordinator.server import Running, serving
from federated.query.agreed import plan_of
from federated.query.sizes import most_share_bytes
from protos import coordinator_pb2 as wire
from protos import coordinator_pb2_grpc
from tests.unit.coordinator import consortium as made
from tests.unit.coordinator.consortium import (
    Consortium,
    HandClock,
    Stream,
    attach,
    channel_to,
    configure,
    on_the_wire,
    say_all,
)

SALT = b"\x07" * 32
CONTENT = bytes(range(256)) * 10


@dataclass(frozen=True)
class Part:
    """What one party hands in, as it opens it, fills it and vouches for it."""

    opening: wire.PartOpen
    content: bytes
    receipt: Statement | None

    def pieces(self) -> list[wire.Piece]:
        pieces = [wire.Piece(open=self.opening)]
        pieces += [
            wire.Piece(content=self.content[at : at + 4096])
            for at in range(0, len(self.content), 4096)
        ]
        if self.receipt is not None:
            pieces.append(wire.Piece(receipt=on_the_wire(self.receipt)))
        return pieces


def receipt_of(by: Credentials, run: bytes, part: str, content: bytes) -> Receipt:
    return Receipt(
        run=run.hex(),
        stream=part,
        sender=by.org,
        receiver="coordinator",
        size=len(content),
        salted_digest=sha256(SALT + content).hexdigest(),
    )


def signed(by: Credentials, run: bytes, body: Receipt, kind: Kind = Kind.RECEIPT) -> Statement:
    return by.signer.sign(kind, run, canonical_bytes(body))


def part_of(by: Credentials, run: bytes, part: str, content: bytes = CONTENT) -> Part:
    """A part as an honest node hands it in."""
    opening = wire.PartOpen(run=run, part=part, size=len(content), salt=SALT)
    return Part(opening, content, signed(by, run, receipt_of(by, run, part, content)))


async def contribute(port: int, by: Credentials, part: Part) -> MiheError | None:
    """Hand a part in; what it is refused for."""
    async with channel_to(port, by) as channel:
        stub = coordinator_pb2_grpc.CoordinatorStub(channel)

        async def pieces() -> AsyncIterator[wire.Piece]:
            for piece in part.pieces():
                yield piece

        while True:
            try:
                await stub.Contribute(pieces(), timeout=made.PATIENCE)
            except grpc.aio.AioRpcError as error:
                # Whoever is refused while it still writes may hear INTERNAL, and not why.
                if error.code() is grpc.StatusCode.INTERNAL and "{" not in str(error.details()):
                    continue
                return from_json(error.details() or "")
            return None


async def fetch(port: int, by: Credentials, run: bytes, part: str) -> bytes | MiheError:
    """Fetch a part; its content, or what that is refused for."""
    async with channel_to(port, by) as channel:
        stub = coordinator_pb2_grpc.CoordinatorStub(channel)
        request = wire.FetchRequest(run=run, part=part)
        content = b""
        try:
            async for piece in stub.Fetch(request, timeout=made.PATIENCE):
                content += piece.content
        except grpc.aio.AioRpcError as error:
            return from_json(error.details() or "")
        return content


def blamed(error: MiheError | bytes | None) -> tuple[str, str | None]:
    assert isinstance(error, MiheError)
    return error.code, error.party


@dataclass(frozen=True)
class Run:
    """A query that runs, and the folder of what was handed in."""

    port: int
    contract: Contract
    id: bytes
    folder: Path

    def files(self) -> set[str]:
        return {file.name for file in self.folder.glob("*")}


@pytest.fixture
def meddler(consortium: Consortium) -> Credentials:
    """A member of the consortium that is no party of the run."""
    return consortium.member("tax")


@pytest.fixture
async def run(
    coordinator: Running,
    folder: Path,
    bank_a: Credentials,
    bank_b: Credentials,
    attached: Callable[..., Awaitable[Stream]],
) -> Run:
    contract = made.query_of(bank_a, bank_b)
    streams = [await attached(bank_a), await attached(bank_b)]
    run, said = made.to_running(contract, bank_a, bank_b)
    for one in (bank_a, bank_b):
        await streams[one is bank_b].must_say(made.catalogue(one))
    await say_all(said, *streams)
    return Run(coordinator.port, contract, run, folder / "data" / "runs" / run.hex())


# ── handing in ──────────────────────────────────────────────────────────────────────────────────


async def test_a_part_is_kept_with_its_receipt_and_may_come_again(
    run: Run, bank_b: Credentials
) -> None:
    part = part_of(bank_b, run.id, "share")
    assert await contribute(run.port, bank_b, part) is None
    assert run.files() == {"bank_b.share", "bank_b.share.receipt"}
    assert (run.folder / "bank_b.share").read_bytes() == CONTENT
    assert await contribute(run.port, bank_b, part) is None
    assert run.files() == {"bank_b.share", "bank_b.share.receipt"}


FAULTS: dict[str, tuple[Callable[[Part, Credentials, bytes], Part], str]] = {
    "no receipt": (lambda part, *_: replace(part, receipt=None), "BAD_RECEIPT"),
    "less than it says": (lambda part, *_: replace(part, content=CONTENT[:-1]), "BAD_RECEIPT"),
    "other content": (
        lambda part, *_: replace(part, content=CONTENT[:-1] + b"\0"),
        "BAD_RECEIPT",
    ),
    "more than it says": (lambda part, *_: replace(part, content=CONTENT * 2), "FRAME_TOO_LARGE"),
    "more than any plan has": (
        lambda part, _, run: replace(
            part, opening=wire.PartOpen(run=run, part="share", size=1 << 40, salt=SALT)
        ),
        "FRAME_TOO_LARGE",
    ),
    "another salt": (
        lambda part, _, run: replace(
            part, opening=wire.PartOpen(run=run, part="share", size=len(CONTENT), salt=bytes(32))
        ),
        "BAD_RECEIPT",
    ),
    "no salt": (
        lambda part, _, run: replace(
            part, opening=wire.PartOpen(run=run, part="share", size=len(CONTENT))
        ),
        "BAD_MESSAGE",
    ),
    "a part of another name": (
        lambda part, _, run: replace(
            part, opening=wire.PartOpen(run=run, part="../share", size=len(CONTENT), salt=SALT)
        ),
        "BAD_MESSAGE",
    ),
    "the receipt of another part": (
        lambda part, by, run: replace(
            part, receipt=signed(by, run, receipt_of(by, run, "he_key", CONTENT))
        ),
        "BAD_RECEIPT",
    ),
    "the receipt of another run": (
        lambda part, by, _: replace(
            part, receipt=signed(by, bytes(32), receipt_of(by, bytes(32), "share", CONTENT))
        ),
        "BAD_RECEIPT",
    ),
    "a receipt that is another statement": (
        lambda part, by, run: replace(
            part,
            receipt=signed(by, run, receipt_of(by, run, "share", CONTENT), Kind.EVIDENCE),
        ),
        "BAD_RECEIPT",
    ),
    "a receipt that was altered": (
        lambda part, *_: replace(
            part, receipt=made.changed(part.receipt, body=b"{}") if part.receipt else None
        ),
        "BAD_SIGNATURE",
    ),
    "no run": (
        lambda part, *_: replace(
            part, opening=wire.PartOpen(run=b"", part="share", size=len(CONTENT), salt=SALT)
        ),
        "BAD_MESSAGE",
    ),
    "a run that does not exist": (
        lambda part, *_: replace(
            part,
            opening=wire.PartOpen(run=bytes(32), part="share", size=len(CONTENT), salt=SALT),
        ),
        "UNKNOWN_JOB",
    ),
}


@pytest.mark.parametrize(("alter", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_part_that_is_not_what_it_says_is_refused_and_not_kept(
    run: Run, bank_b: Credentials, alter: Callable[[Part, Credentials, bytes], Part], code: str
) -> None:
    honest = part_of(bank_b, run.id, "share")
    refused = await contribute(run.port, bank_b, alter(honest, bank_b, run.id))
    assert blamed(refused) == (code, "bank_b")
    assert not run.files()
    assert await contribute(run.port, bank_b, honest) is None


async def test_a_part_signed_by_another_is_refused(
    run: Run, bank_a: Credentials, bank_b: Credentials
) -> None:
    theirs = part_of(bank_a, run.id, "share")
    assert blamed(await contribute(run.port, bank_b, theirs))[1] == "bank_b"
    assert not run.files()


async def test_who_is_no_party_hands_nothing_in_and_gets_nothing(
    run: Run, bank_a: Credentials, meddler: Credentials
) -> None:
    assert await contribute(run.port, bank_a, part_of(bank_a, run.id, "he_key", b"key")) is None
    for part in ("share", "he_key"):
        handed_in = await contribute(run.port, meddler, part_of(meddler, run.id, part))
        assert blamed(handed_in) == ("FOREIGN_FRAME", "tax")
    for part in ("he_key", "sums", "match"):
        assert blamed(await fetch(run.port, meddler, run.id, part)) == ("FOREIGN_FRAME", "tax")
    assert run.files() == {"bank_a.he_key", "bank_a.he_key.receipt"}


# ── the key, the sums ───────────────────────────────────────────────────────────────────────────


async def test_only_the_receiver_hands_in_a_key_of_the_size_of_one(
    run: Run, bank_a: Credentials, bank_b: Credentials
) -> None:
    key = part_of(bank_b, run.id, "he_key", b"key")
    assert blamed(await contribute(run.port, bank_b, key)) == ("FOREIGN_FRAME", "bank_b")
    huge = part_of(bank_a, run.id, "he_key", bytes(1 << 20))
    assert blamed(await contribute(run.port, bank_a, huge)) == ("FRAME_TOO_LARGE", "bank_a")
    assert not run.files()


async def test_a_share_is_no_larger_than_the_plan_lets_it_be(run: Run, bank_a: Credentials) -> None:
    most = most_share_bytes(plan_of(run.contract), 0, Aggregation.ENCRYPTED)
    huge = part_of(bank_a, run.id, "share", bytes(most + 1))
    assert blamed(await contribute(run.port, bank_a, huge)) == ("FRAME_TOO_LARGE", "bank_a")
    assert not run.files()
    assert await contribute(run.port, bank_a, part_of(bank_a, run.id, "share", bytes(most))) is None


async def test_every_party_fetches_the_key_once_it_is_there(
    run: Run, bank_a: Credentials, bank_b: Credentials
) -> None:
    assert blamed(await fetch(run.port, bank_b, run.id, "he_key")) == ("UNKNOWN_JOB", "bank_b")
    assert await contribute(run.port, bank_a, part_of(bank_a, run.id, "he_key", b"key")) is None
    for one in (bank_a, bank_b):
        assert await fetch(run.port, one, run.id, "he_key") == b"key"


async def test_sums_are_the_receivers_and_shares_nobodys(
    run: Run, bank_a: Credentials, bank_b: Credentials
) -> None:
    assert await contribute(run.port, bank_b, part_of(bank_b, run.id, "share")) is None
    assert blamed(await fetch(run.port, bank_b, run.id, "sums")) == ("FOREIGN_FRAME", "bank_b")
    assert blamed(await fetch(run.port, bank_a, run.id, "sums")) == ("UNKNOWN_JOB", "bank_a")
    for part in ("share", "bank_b.share", "../share"):
        assert blamed(await fetch(run.port, bank_a, run.id, part)) == ("BAD_MESSAGE", "bank_a")


async def test_a_key_that_is_not_the_signed_one_is_nobodys_and_ends_the_run_when_all_is_there(
    run: Run,
    bank_a: Credentials,
    bank_b: Credentials,
    attached: Callable[..., Awaitable[Stream]],
) -> None:
    stream = await attached(bank_a)
    body = HeKey(run=run.id.hex(), key=sha256(b"another").hexdigest())
    await stream.must_say(bank_a.signer.sign(Kind.HE_KEY, run.id, canonical_bytes(body)))
    for by, part, content in (
        (bank_a, "he_key", b"key"),
        (bank_a, "share", CONTENT),
        (bank_b, "share", CONTENT),
    ):
        assert await contribute(run.port, by, part_of(by, run.id, part, content)) is None
        if part == "he_key":
            refused = blamed(await fetch(run.port, bank_b, run.id, "he_key"))
            assert refused == ("FOREIGN_ENCRYPTION_KEY", "bank_a")
    dead = await _told(stream, "dead")
    assert (dead.cause.code, dead.cause.party) == ("FOREIGN_ENCRYPTION_KEY", "bank_a")
    assert not run.folder.exists()


async def _told(stream: Stream, kind: str) -> Dead:
    while True:
        (told,) = await stream.told(1)
        if told.kind == kind:
            return Dead.model_validate_json(told.body)


# ── what is left ────────────────────────────────────────────────────────────────────────────────


async def test_when_the_job_ends_everything_is_removed_and_nothing_taken_any_more(
    run: Run,
    bank_a: Credentials,
    bank_b: Credentials,
    attached: Callable[..., Awaitable[Stream]],
) -> None:
    assert await contribute(run.port, bank_b, part_of(bank_b, run.id, "share")) is None
    job = run.contract.job_id
    dead = Dead(job=job.hex(), cause=cause_of(Aborted("stopped", party="bank_a", fix="none")))
    stream = await attached(bank_a)
    await stream.must_say(bank_a.signer.sign(Kind.DEAD, job, canonical_bytes(dead)))
    assert not run.folder.exists()
    late = await contribute(run.port, bank_b, part_of(bank_b, run.id, "share"))
    assert blamed(late) == ("UNKNOWN_JOB", "bank_b")
    assert blamed(await fetch(run.port, bank_b, run.id, "he_key")) == ("UNKNOWN_JOB", "bank_b")
    assert not run.folder.exists()


async def test_a_part_that_comes_as_the_job_ends_does_not_stay(
    run: Run,
    bank_a: Credentials,
    bank_b: Credentials,
    attached: Callable[..., Awaitable[Stream]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The coordinator reads the plan in a thread, and hears of the end meanwhile."""
    measuring, ended, most_bytes = threading.Event(), threading.Event(), Joins.most_bytes

    def slow(*arguments: Any) -> int:
        measuring.set()
        assert ended.wait(made.PATIENCE)
        return most_bytes(*arguments)

    monkeypatch.setattr(Joins, most_bytes.__name__, slow)
    handing_in = contribute(run.port, bank_b, part_of(bank_b, run.id, "share"))
    late = asyncio.create_task(handing_in)
    assert await asyncio.to_thread(measuring.wait, made.PATIENCE)
    job = run.contract.job_id
    dead = Dead(job=job.hex(), cause=cause_of(Aborted("stopped", party="bank_a", fix="none")))
    stream = await attached(bank_a)
    await stream.must_say(bank_a.signer.sign(Kind.DEAD, job, canonical_bytes(dead)))
    ended.set()
    assert blamed(await late) == ("UNKNOWN_JOB", "bank_b")
    assert not run.folder.exists()


def test_what_is_written_while_a_run_is_forgotten_does_not_stay(
    consortium: Consortium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that computes, which is told to end and has not yet."""
    runs = Collection(tmp_path / "runs", consortium.coordinator.authority)
    run, remove = bytes(32), shutil.rmtree
    sums = runs.file(run, "coordinator", "sums")
    sums.parent.mkdir()

    def slow(*arguments: Any, **named: Any) -> None:
        with pytest.raises(StorageFull):
            put(sums, CONTENT)
        remove(*arguments, **named)

    monkeypatch.setattr(shutil, "rmtree", slow)
    runs.drop(run)
    assert not list((tmp_path / "runs").iterdir())


async def test_a_restart_keeps_what_runs_and_removes_what_is_over(
    consortium: Consortium,
    tmp_path: Path,
    time: HandClock,
    bank_a: Credentials,
    bank_b: Credentials,
) -> None:
    folder = tmp_path / "restarted"
    config = configure(folder, consortium.coordinator)
    contract = made.query_of(bank_a, bank_b)
    runs = folder / "data" / "runs"
    async with serving(config, folder, time.clock) as running:
        streams = [await attach(running.port, one) for one in (bank_a, bank_b)]
        for one, stream in zip((bank_a, bank_b), streams, strict=True):
            await stream.must_say(made.catalogue(one))
        run, said = made.to_running(contract, bank_a, bank_b)
        await say_all(said, *streams)
        share = part_of(bank_b, run, "share")
        assert await contribute(running.port, bank_b, share) is None
        for stream in streams:
            await stream.leave()
    left = runs / ("ab" * 32)
    left.mkdir()
    (left / "bank_a.share").write_bytes(CONTENT)
    async with serving(config, folder, time.clock) as running:
        assert not left.exists()
        assert (runs / run.hex() / "bank_b.share").read_bytes() == CONTENT
        assert await contribute(running.port, bank_b, share) is None
