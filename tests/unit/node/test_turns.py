"""Whose turn it is: log order at every node, so that no two wait for each other."""

import asyncio
from random import Random

import pytest

from node.turns import Turn, Turns


def test_so_many_have_their_turn_and_the_next_when_one_is_over() -> None:
    line = Turns(2)
    first, second, third, fourth = (line.enter(place) for place in (3, 5, 8, 9))
    assert [turn.come.is_set() for turn in (first, second, third, fourth)] == [1, 1, 0, 0]
    second.over()
    second.over()
    assert third.come.is_set()
    assert not fourth.come.is_set()
    first.over()
    assert fourth.come.is_set()


def test_who_began_earlier_goes_first_however_late_it_is_heard() -> None:
    line = Turns(1)
    running = line.enter(1)
    late, early = line.enter(9), line.enter(4)
    running.over()
    assert early.come.is_set()
    assert not late.come.is_set()


def test_a_turn_that_has_come_is_not_taken_back() -> None:
    line = Turns(1)
    running = line.enter(9)
    waiting = line.enter(4)
    assert running.come.is_set()
    running.over()
    assert waiting.come.is_set()


@pytest.mark.parametrize("seed", range(20))
async def test_nodes_never_wait_for_each_other(seed: int) -> None:
    """Runs of random parties at nodes of random limits, which hear of them at random times."""
    chance = Random(seed)
    nodes = {name: Turns(chance.randint(1, 2)) for name in "abcd"}
    runs = [chance.sample("abcd", chance.randint(2, 4)) for _ in range(30)]
    meeting = [asyncio.Barrier(len(parties)) for parties in runs]
    held = dict.fromkeys(nodes, 0)

    async def take_part(name: str, turn: Turn, place: int) -> None:
        await turn.come.wait()
        held[name] += 1
        await meeting[place].wait()  # it needs every other party
        held[name] -= 1
        turn.over()

    async def hear(name: str) -> None:
        async with asyncio.TaskGroup() as group:
            for place, parties in enumerate(runs):
                if name in parties:
                    group.create_task(take_part(name, nodes[name].enter(place), place))
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    assert held[name] <= 2

    async with asyncio.timeout(30):
        await asyncio.gather(*(hear(name) for name in nodes))
