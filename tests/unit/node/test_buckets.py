"""A run in buckets between two ends: what goes side by side, what waits, what ends it."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from contract.errors import BadMessage, DatasetOutgrown, MiheError, SnapshotChanged, Withheld
from contract.job import Contract, Crypto
from contract.suites import Suite
from node.buckets import play_buckets
from node.partition import BUCKETS_IN_FLIGHT_BYTES, partition
from node.plan import Plan, compile_plan
from node.rows import Batch
from psi.keys import Keys
from psi.rr22 import parameters
from psi.step import Marked, Nothing, Result
from psi.two_party import Bucketed
from tests.unit.node.channels import Channel, two_channels
from tests.unit.node.contracts import contract_of, party_of
from tests.unit.node.lines import PATIENCE, RUN, Member

X, Y = ([b"%018d" % n for n in numbers] for numbers in (range(200), range(150, 350)))
MEMORY = BUCKETS_IN_FLIGHT_BYTES


class Listed:
    """An own set of a list, in batches of 90."""

    def __init__(self, items: Sequence[bytes]) -> None:
        self.items = items

    @property
    def rows(self) -> int:
        return len(self.items)

    @property
    def keys(self) -> int:
        return len(set(self.items))

    @contextmanager
    def batches(self) -> Iterator[Iterator[Batch]]:
        yield self.some()

    def some(self) -> Iterator[Batch]:
        for first in range(0, len(self.items), 90):
            yield Batch.of(Keys.of(self.items[first : first + 90]), first)


@pytest.fixture(autouse=True)
def three_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "BUCKET_SIZE", 100)


@pytest.fixture
def contract(bank_a: Member, bank_b: Member) -> Contract:
    both = ("bank_a", "bank_b")
    parties = (party_of(bank_a), party_of(bank_b))
    return contract_of(*parties, receivers=both, crypto=Crypto(suite=Suite.PSI_RR22))


async def play(
    plan: Plan,
    channels: tuple[Channel, Channel],
    folder: Path,
    sets: tuple[Sequence[bytes], Sequence[bytes]] = (X, Y),
    *,
    room: int = 10**6,
    own: type[Listed] = Listed,
) -> list[Result | BaseException]:
    """Both sides of a run; as soon as one fails the other one is let go."""
    with ExitStack() as stack:

        def one(
            channel: Channel, org: str, peer: str, keys: Sequence[bytes]
        ) -> asyncio.Task[Result]:
            part = plan.agreed(RUN).part(plan.role_of(org))
            assert isinstance(part, Bucketed)
            held = stack.enter_context(partition(folder / org, MEMORY + room))
            run = play_buckets(channel.session(peer), part, own(keys), held)
            return asyncio.create_task(run)

        tasks = [
            one(channels[0], "bank_a", "bank_b", sets[0]),
            one(channels[1], "bank_b", "bank_a", sets[1]),
        ]
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)


def positions(result: Result | BaseException) -> list[int]:
    assert isinstance(result, Marked), result
    return [int(place) for place in result.rows.nonzero()[0]]


@pytest.mark.parametrize("room", [0, 10**6])
async def test_both_learn_what_all_buckets_have_in_common(
    contract: Contract, tmp_path: Path, room: int
) -> None:
    channels = two_channels()
    mine, theirs = await play(compile_plan(contract), channels, tmp_path, room=room)
    assert positions(mine) == list(range(150, 200))
    assert positions(theirs) == list(range(50))
    for channel in channels:
        assert [("buckets", n, 3) for n in range(4)] == [
            step for step in channel.progress if step[0] == "buckets"
        ]
        assert ("load", 200, 200) in channel.progress


async def test_keys_in_many_rows_and_empty_sets(contract: Contract, tmp_path: Path) -> None:
    plan = compile_plan(contract)
    sets = ([X[199]] * 250, [*Y, *Y[:5]])
    mine, theirs = await play(plan, two_channels(), tmp_path / "1", sets)
    assert positions(mine) == list(range(250))
    assert isinstance(mine, Marked)
    assert mine.items == 1
    assert positions(theirs) == [49]
    mine, theirs = await play(plan, two_channels(), tmp_path / "2", ([], []))
    assert positions(mine) == positions(theirs) == []


async def test_who_is_no_receiver_learns_nothing(contract: Contract, tmp_path: Path) -> None:
    plan = compile_plan(contract.model_copy(update={"receivers": ("bank_b",)}))
    mine, theirs = await play(plan, two_channels(), tmp_path)
    assert mine == Nothing()
    assert positions(theirs) == list(range(50))


async def test_nothing_of_the_own_set_leaves_before_all_of_it_is_there(
    contract: Contract, tmp_path: Path
) -> None:
    channels = two_channels()
    many = [b"%018d" % n for n in range(257)]
    mine, _ = await play(compile_plan(contract), channels, tmp_path, (many, Y))
    assert isinstance(mine, DatasetOutgrown)
    kinds = {event.rpartition("_")[0] for event in channels[0].events}
    assert not kinds & {"send masked", "send item_tags", "send common"}


class Waiting(Channel):
    """Sends the first masked store only when the next bucket's trees have come."""

    async def send(self, stream: str, content: bytes) -> None:
        if stream == "masked_0":
            await self.receive("trees_1")
            assert self.peer is not None
            assert "send base_points_2" not in self.peer.events
        await super().send(stream, content)


async def test_the_next_bucket_is_prepared_while_one_is_matched_and_no_further(
    contract: Contract, tmp_path: Path
) -> None:
    one, other = Waiting(), Waiting()
    one.peer, other.peer = other, one
    mine, _ = await play(compile_plan(contract), (one, other), tmp_path)
    assert positions(mine) == list(range(150, 200))


async def test_each_owner_is_asked_once_and_before_anything_that_reveals(
    contract: Contract, tmp_path: Path
) -> None:
    channels = two_channels()
    await play(compile_plan(contract), channels, tmp_path)
    for channel in channels:
        assert channel.events.count("gate") == 1
        revealing = [
            place
            for place, event in enumerate(channel.events)
            if event.startswith(("send item_tags", "send common"))
        ]
        assert len(revealing) == 3
        assert channel.events.index("gate") < min(revealing)


@pytest.mark.parametrize("owner", [0, 1])
async def test_an_owner_that_withholds_sends_nothing_that_reveals(
    contract: Contract, tmp_path: Path, owner: int
) -> None:
    def withhold() -> None:
        raise Withheld("no longer", fix="none")

    channels = two_channels()
    channels[owner].gate = withhold  # type: ignore[method-assign]  # this owner's answer
    outcomes = await play(compile_plan(contract), channels, tmp_path)
    assert isinstance(outcomes[owner], Withheld)
    assert not any(
        event.startswith(("send item_tags", "send common")) for event in channels[owner].events
    )


@pytest.mark.parametrize(
    ("stream", "blamed"), [("masked_2", "bank_a"), ("item_tags_1", "bank_b"), ("reply_1", "bank_a")]
)
async def test_a_message_that_is_none_is_blamed_on_the_peer_and_its_stream(
    contract: Contract, tmp_path: Path, stream: str, blamed: str
) -> None:
    channels = two_channels()
    for channel in channels:
        channel.alter = lambda name, raw: raw[:-1] if name == stream else raw
    outcomes = await play(compile_plan(contract), channels, tmp_path)
    (found,) = (one for one in outcomes if isinstance(one, MiheError))
    assert type(found) is BadMessage
    assert found.party == blamed
    assert found.phase in (stream, "link")


async def test_a_set_that_cannot_be_read_ends_the_run(contract: Contract, tmp_path: Path) -> None:
    class Broken(Listed):
        def some(self) -> Iterator[Batch]:
            yield from list(super().some())[:1]
            raise SnapshotChanged("gone", fix="none")

    outcomes = await play(compile_plan(contract), two_channels(), tmp_path, (X, Y), own=Broken)
    assert any(isinstance(one, SnapshotChanged) for one in outcomes)
    assert not any(isinstance(one, Marked) for one in outcomes)
