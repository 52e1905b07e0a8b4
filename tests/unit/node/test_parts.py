"""Parts of a query between a node and a real coordinator: whole, bounded, through an absence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import grpc
import pytest

from contract.canonical import parse
from contract.credentials import Credentials
from contract.errors import CoordinatorAbsent, ForeignFrame, FrameTooLarge, StorageFull, UnknownJob
from contract.job import Contract
from contract.signing import verify
from contract.statements import Receipt
from coordinator.clock import Clock
from coordinator.server import Running, serving
from node.parts import Parts
from node.pulse import Activity
from tests.unit.coordinator import consortium as made
from tests.unit.coordinator.consortium import Consortium, attach, channel_to, configure, say_all
from tests.unit.node.lines import BOUNDS

PATIENCE = 30.0
CONTENT = bytes(range(256)) * 9000


@dataclass(frozen=True)
class Scene:
    """A query that runs between two, at a coordinator that may be taken away and put back."""

    folder: Path
    port: int
    run: bytes
    receiver: Credentials
    other: Credentials
    up: Callable[[], Awaitable["asyncio.Task[None]"]]
    is_there: bool = True

    def parts(
        self, channel: grpc.aio.Channel, of: Credentials, *, patience: float = PATIENCE
    ) -> Parts:
        return Parts(
            channel,
            of.signer,
            self.run,
            patience=patience,
            is_there=lambda: self.is_there,
            activity=Activity(of.org, (of.org,), BOUNDS),
        )

    def file(self, name: str) -> Path:
        return self.folder / "data" / "runs" / self.run.hex() / name


@pytest.fixture(scope="module")
def consortium() -> Consortium:
    return Consortium("Parts")


@pytest.fixture
async def scene(consortium: Consortium, tmp_path: Path) -> AsyncIterator[Scene]:
    receiver, other = consortium.member("bank_a"), consortium.member("bank_b")
    folder = tmp_path / "coordinator"
    config = configure(folder, consortium.coordinator)
    contract = made.query_of(receiver, other, size=1 << 19)  # CONTENT fits into its shares
    async with serving(config, folder, Clock()) as running:
        run = await _to_running(running, contract_parties=(receiver, other), contract=contract)
        port = running.port
    config = configure(folder, consortium.coordinator, listen=f"127.0.0.1:{port}")

    async def serve(ready: asyncio.Event) -> None:
        async with serving(config, folder, Clock()):
            ready.set()
            await asyncio.Event().wait()

    tasks: list[asyncio.Task[None]] = []

    async def up() -> asyncio.Task[None]:
        ready = asyncio.Event()
        tasks.append(asyncio.create_task(serve(ready)))
        await ready.wait()
        return tasks[-1]

    yield Scene(folder, port, run, receiver, other, up)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _to_running(
    running: Running, *, contract_parties: tuple[Credentials, Credentials], contract: Contract
) -> bytes:
    streams = [await attach(running.port, one) for one in contract_parties]
    for one, stream in zip(contract_parties, streams, strict=True):
        await stream.must_say(made.catalogue(one))
    run, said = made.to_running(contract, *contract_parties)
    await say_all(said, *streams)
    for stream in streams:
        await stream.leave()
    return run


async def test_what_is_handed_in_arrives_with_the_receipt_that_is_returned(scene: Scene) -> None:
    await scene.up()
    async with channel_to(scene.port, scene.other) as channel:
        salt, receipt = await scene.parts(channel, scene.other).contribute("share", CONTENT)
    assert await asyncio.to_thread(scene.file("bank_b.share").read_bytes) == CONTENT
    assert verify(receipt, scene.other.authority).org == "bank_b"
    assert parse(Receipt, receipt.body) == Receipt(
        run=scene.run.hex(),
        stream="share",
        sender="bank_b",
        receiver="coordinator",
        size=len(CONTENT),
        salted_digest=sha256(salt + CONTENT).hexdigest(),
    )


async def test_a_part_waits_for_a_coordinator_that_is_away_for_a_while(scene: Scene) -> None:
    async with channel_to(scene.port, scene.receiver) as channel:
        parts = scene.parts(channel, scene.receiver)
        handing_in = asyncio.create_task(parts.contribute("he_key", b"key"))
        await asyncio.wait([handing_in], timeout=1)
        assert not handing_in.done()
        first = await scene.up()
        await handing_in
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        fetching = asyncio.create_task(parts.fetch("he_key", limit=3))
        await asyncio.wait([fetching], timeout=1)
        assert not fetching.done()
        await scene.up()
        assert await fetching == b"key"


async def test_a_coordinator_that_stays_away_is_named_in_the_end(scene: Scene) -> None:
    async with channel_to(scene.port, scene.other) as channel:
        parts = scene.parts(channel, scene.other, patience=0.0)
        with pytest.raises(CoordinatorAbsent):
            await parts.contribute("share", CONTENT)
        with pytest.raises(CoordinatorAbsent):
            await parts.fetch("he_key", limit=3)


async def test_a_full_disk_passes_or_is_named_in_the_end(scene: Scene) -> None:
    await scene.up()
    blocked = scene.file("")
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_bytes(b"where a folder should be")
    async with channel_to(scene.port, scene.other) as channel:
        with pytest.raises(StorageFull) as caught:
            # More than once: who is refused while it still writes may not hear why.
            await scene.parts(channel, scene.other, patience=1.0).contribute("share", CONTENT)
        assert caught.value.party == "coordinator"
        handing_in = asyncio.create_task(
            scene.parts(channel, scene.other).contribute("share", CONTENT)
        )
        await asyncio.wait([handing_in], timeout=1)
        blocked.unlink()
        await handing_in
    assert await asyncio.to_thread(scene.file("bank_b.share").read_bytes) == CONTENT


async def test_more_than_the_plan_has_is_not_taken(scene: Scene) -> None:
    await scene.up()
    async with channel_to(scene.port, scene.receiver) as channel:
        parts = scene.parts(channel, scene.receiver)
        await parts.contribute("he_key", b"a key")
        assert await parts.fetch("he_key", limit=5) == b"a key"
        with pytest.raises(FrameTooLarge) as caught:
            await parts.fetch("he_key", limit=4)
        assert caught.value.party == "coordinator"


async def test_what_the_coordinator_refuses_is_raised_as_it_is_and_at_once(scene: Scene) -> None:
    await scene.up()
    async with channel_to(scene.port, scene.other) as channel:
        parts = scene.parts(channel, scene.other)
        with pytest.raises(ForeignFrame) as caught:
            await parts.contribute("he_key", b"key")
        assert caught.value.party == "bank_b"
        with pytest.raises(ForeignFrame):
            await parts.fetch("sums", limit=1)
        with pytest.raises(UnknownJob):
            await parts.fetch("he_key", limit=1)
