"""One run pumped between two ends: what leaves, in which order, and what the gate holds back."""

import asyncio
from collections.abc import Callable

import pytest

from contract.errors import BadMessage, BadPoint, MiheError, Withheld
from contract.job import Contract, JobKind
from node.plan import Plan, compile_plan
from node.session import play_whole
from psi.step import Cardinality, Intersection, Nothing, Result
from psi.two_party import Whole
from tests.unit.node.channels import Channel, two_channels
from tests.unit.node.contracts import contract_of, party_of
from tests.unit.node.lines import PATIENCE, RUN, Member

X, Y = ([b"uscc:%018d" % n for n in numbers] for numbers in (range(20), range(15, 60)))


@pytest.fixture
def contract(bank_a: Member, bank_b: Member) -> Contract:
    return contract_of(party_of(bank_a), party_of(bank_b))


async def play(
    plan: Plan, channels: tuple[Channel, Channel]
) -> tuple[Result | BaseException, Result | BaseException]:
    """Both sides of a run; as soon as one fails the other one is let go."""

    async def one(channel: Channel, org: str, peer: str, keys: list[bytes]) -> Result:
        part = plan.agreed(RUN).part(plan.role_of(org))
        assert isinstance(part, Whole)
        return await play_whole(channel.session(peer), part, keys)

    tasks = [
        asyncio.create_task(one(channels[0], "bank_a", "bank_b", X)),
        asyncio.create_task(one(channels[1], "bank_b", "bank_a", Y)),
    ]
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    return first, second


async def test_each_receiver_learns_what_the_contract_says_and_nobody_else(
    contract: Contract,
) -> None:
    common = {Y.index(item) for item in set(X) & set(Y)}
    cases: list[tuple[JobKind, tuple[str, ...], Result, Result]] = [
        (JobKind.PSI, ("bank_a",), Intersection([*range(15, 20)]), Nothing()),
        (JobKind.PSI, ("bank_b",), Nothing(), Intersection(sorted(common))),
        (JobKind.PSI_CARDINALITY, ("bank_b", "bank_a"), Cardinality(5), Cardinality(5)),
    ]
    for kind, receivers, mine, theirs in cases:
        plan = compile_plan(contract.model_copy(update={"kind": kind, "receivers": receivers}))
        assert await play(plan, two_channels()) == (mine, theirs)


async def test_each_owner_is_asked_once_and_before_anything_that_reveals(
    contract: Contract,
) -> None:
    both = contract.model_copy(update={"receivers": ("bank_a", "bank_b")})
    channels = two_channels()
    await play(compile_plan(both), channels)
    mine, theirs = (channel.events for channel in channels)
    assert mine == ["send blinded", "gate", "send matched"]
    assert theirs == ["gate", "send evaluated"]
    channels = two_channels()
    await play(compile_plan(contract), channels)
    assert channels[0].events == ["send blinded", "gate"]


@pytest.mark.parametrize("owner", [0, 1])
async def test_an_owner_that_withholds_sends_nothing_that_reveals(
    contract: Contract, owner: int
) -> None:
    def withhold() -> None:
        raise Withheld("no longer", fix="none")

    both = contract.model_copy(update={"receivers": ("bank_a", "bank_b")})
    channels = two_channels()
    channels[owner].gate = withhold  # type: ignore[method-assign]  # this owner's answer
    outcomes = await play(compile_plan(both), channels)
    assert isinstance(outcomes[owner], Withheld)
    assert not isinstance(outcomes[1 - owner], Intersection) or owner == 0
    sent = {event for channel in channels for event in channel.events if "send" in event}
    assert sent == ({"send blinded", "send evaluated"} if owner == 0 else {"send blinded"})


@pytest.mark.parametrize(
    ("stream", "altered", "error"),
    [
        ("blinded", lambda raw: raw[:-32], BadMessage),
        ("blinded", lambda raw: b"", BadMessage),
        ("blinded", lambda raw: b"\xff" + raw, BadMessage),
        ("blinded", lambda raw: raw[:-64] + raw[-32:] + raw[-32:], BadPoint),
        ("blinded", lambda raw: raw[:-32] + bytes(32), BadPoint),
        ("blinded", lambda raw: raw[:-32] + b"\xff" * 32, BadPoint),
        ("evaluated", lambda raw: raw[:-32] + bytes(32), BadPoint),
        ("evaluated", lambda raw: raw[:-1], BadMessage),
        ("matched", lambda raw: raw + b"x", BadMessage),
    ],
)
async def test_a_message_that_is_none_is_blamed_on_the_peer_and_its_stream(
    contract: Contract,
    stream: str,
    altered: Callable[[bytes], bytes],
    error: type[MiheError],
) -> None:
    both = contract.model_copy(update={"receivers": ("bank_a", "bank_b")})
    channels = two_channels()
    for channel in channels:
        channel.alter = lambda name, raw: altered(raw) if name == stream else raw
    outcomes = await play(compile_plan(both), channels)
    (found,) = (one for one in outcomes if isinstance(one, MiheError))
    assert type(found) is error
    assert found.party == ("bank_a" if stream != "evaluated" else "bank_b")
    assert found.phase in (stream, "link")
    assert "uscc" not in str(found)
