"""Signs of life: what keeps a run alive, what ends it, and who is named."""

import asyncio
from collections.abc import Iterator
from threading import Event

import pytest

from contract.errors import ForeignFrame, FrameRepeated, MiheError, PartyStalled
from node import pulse
from node.pulse import COORDINATOR, Activity, Bounds, Watch
from node.wire.frames import Pulse
from tests.unit.node.lines import PATIENCE

ORGS = ("bank_a", "bank_b", "tax")
BOUNDS = Bounds(silence=10, step=30)
THE_COORDINATORS = 1 << 31


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulse, "BEAT_SECONDS", 0.02)
        # No time passes between the ticks of these tests, in which many pulses come.
        patch.setattr(pulse, "_SPARE_PULSES", 1000)
        yield


async def forever() -> None:
    await asyncio.Event().wait()


class Awaiting:
    """bank_a while it awaits somebody, and its watch over bank_b."""

    def __init__(self, *whom: str) -> None:
        self.activity = Activity("bank_a", ORGS, BOUNDS)
        self.watch = self.activity.watch("bank_b")
        self._whom = whom

    async def __aenter__(self) -> Watch:
        self._task = asyncio.ensure_future(self.activity.awaiting(self._whom, forever()))
        await asyncio.sleep(0)
        return self.watch

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def ticks(
    watch: Watch, seconds: int, *, mask: int | None = None, step: int = 1
) -> MiheError | None:
    """So many seconds, with a pulse each if `mask` is what it says; what ended it."""
    try:
        for _ in range(seconds):
            if mask is not None:
                watch.heard(Pulse(watch._number + 1, step, mask))
            watch.tick(1)
    except MiheError as error:
        return error
    return None


# ── what is believed ────────────────────────────────────────────────────────────────────────────


async def test_silence_on_the_line_is_a_stall_whether_or_not_the_peer_is_awaited() -> None:
    for whom in (["bank_b"], ["tax"], []):
        async with Awaiting(*whom) as watch:
            assert ticks(watch, 10) is None
            error = ticks(watch, 1)
            assert isinstance(error, PartyStalled)
            assert error.party == "bank_b"


async def test_a_pulse_breaks_the_silence_and_so_does_all_that_takes_the_run_further() -> None:
    async with Awaiting("tax") as watch:
        for number in range(1, 6):
            assert ticks(watch, 9) is None
            watch.heard(Pulse(number, 1, 0))
            assert ticks(watch, 9) is None
            watch.moved()


async def test_a_step_has_its_time_and_no_more() -> None:
    async with Awaiting("bank_b") as watch:
        assert ticks(watch, 30, mask=0) is None
        error = ticks(watch, 1, mask=0)
        assert isinstance(error, PartyStalled)
        assert error.party == "bank_b"


async def test_each_new_step_and_each_frame_begins_its_time_anew() -> None:
    async with Awaiting("bank_b") as watch:
        assert ticks(watch, 30, mask=0, step=1) is None
        assert ticks(watch, 30, mask=0, step=2) is None
        watch.moved()
        assert ticks(watch, 30, mask=0, step=2) is None


async def test_whoever_is_not_awaited_may_take_its_time() -> None:
    async with Awaiting("tax") as watch:
        assert ticks(watch, 300, mask=0) is None


async def test_to_wait_for_the_one_who_waits_is_no_excuse_but_to_wait_for_a_third_is() -> None:
    bank_a, tax = 1 << 0, 1 << 2
    async with Awaiting("bank_b") as watch:
        assert ticks(watch, 31, mask=bank_a) is not None
    for mask in (tax, bank_a | tax, THE_COORDINATORS):
        async with Awaiting("bank_b") as watch:
            assert ticks(watch, 60, mask=mask) is None
            assert ticks(watch, 1, mask=mask) is not None


async def test_a_pulse_is_not_believed_twice_nor_backwards_nor_without_end() -> None:
    for second, refused in [
        (Pulse(5, 1, 0), FrameRepeated),
        (Pulse(4, 1, 0), FrameRepeated),
        (Pulse(6, 0, 0), ForeignFrame),
        (Pulse(6, 1 << 20, 0), ForeignFrame),
        (Pulse(6_000, 1, 0), ForeignFrame),
    ]:
        watch = Activity("bank_a", ORGS, BOUNDS).watch("bank_b")
        watch.heard(Pulse(5, 1, 0))
        with pytest.raises(refused) as caught:
            watch.heard(second)
        assert caught.value.party == "bank_b"


# ── what is said ────────────────────────────────────────────────────────────────────────────────


class Told:
    """What the peers are told."""

    def __init__(self, activity: Activity) -> None:
        self.pulses: list[Pulse] = []
        self._news = asyncio.Event()
        activity.tell(self._tell)

    async def _tell(self, said: Pulse) -> None:
        self.pulses.append(said)
        self._news.set()

    async def more(self, count: int = 2) -> Pulse:
        """The last of the next few."""
        wanted = len(self.pulses) + count
        async with asyncio.timeout(PATIENCE):
            while len(self.pulses) < wanted:
                self._news.clear()
                await self._news.wait()
        return self.pulses[-1]


async def test_pulses_say_what_goes_on_and_stop_with_it() -> None:
    activity = Activity("bank_a", ORGS, BOUNDS)
    activity.watch("tax")
    told, done = Told(activity), Event()
    awaiting = asyncio.ensure_future(activity.awaiting(("tax", COORDINATOR), forever()))
    assert (await told.more()).awaits == 1 << 2 | THE_COORDINATORS
    working = asyncio.ensure_future(activity.work(done.wait))
    assert (await told.more()).awaits == 0
    done.set()
    await working
    assert (await told.more()).awaits == 1 << 2 | THE_COORDINATORS
    awaiting.cancel()
    await asyncio.gather(awaiting, return_exceptions=True)
    said = len(told.pulses)
    await asyncio.sleep(10 * pulse.BEAT_SECONDS)
    assert len(told.pulses) == said
    numbers = [one.number for one in told.pulses]
    assert numbers == list(range(1, len(numbers) + 1))
    assert told.pulses[-1].step == 2


async def test_an_outcome_and_an_error_come_through() -> None:
    activity = Activity("bank_a", ORGS, BOUNDS)
    assert await activity.work(max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await activity.work(lambda: 1 // 0)


async def test_the_coordinator_is_late_once_everybody_waits_for_it_alone() -> None:
    activity = Activity("bank_a", ORGS, Bounds(silence=10, step=0.1))
    watches = {org: activity.watch(org) for org in ORGS[1:]}
    coming = asyncio.ensure_future(activity.awaiting((*ORGS[1:], COORDINATOR), forever()))
    told = Told(activity)
    watches["tax"].heard(Pulse(1, 1, THE_COORDINATORS))
    watches["bank_b"].heard(Pulse(1, 1, 0))
    await told.more(10)
    assert not coming.done()  # bank_b still works
    watches["bank_b"].heard(Pulse(2, 2, THE_COORDINATORS))
    with pytest.raises(PartyStalled) as caught:
        async with asyncio.timeout(PATIENCE):
            await coming
    assert caught.value.party == COORDINATOR
