"""Both roles of an intersection in one process, driven state by state as sessions drive them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from psi import step
from psi.keys import Keys
from psi.rr22.items import Scattered, Scattering
from psi.rr22.secret import gather
from psi.step import Finished, Fresh, Intersection, Message, Nothing, Ready, Result, Rows
from psi.two_party import FROM_RECEIVER, Agreed, Bucketed, Role, Whole

ROLES: tuple[Role, Role] = ("receiver", "sender")
Alter = Callable[[int | None, Message], Message]


def unaltered(_: int | None, message: Message) -> Message:
    return message


@dataclass
class TwoRoles:
    """`alter(bucket, message)` is what arrives of a message; `batch` keys are scattered at once."""

    agreed: Agreed
    sets: tuple[Sequence[bytes], Sequence[bytes]]
    alter: Alter = unaltered
    batch: int = 100
    sent: list[tuple[int | None, Message]] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def results(self) -> list[Result]:
        """What receiver and sender end with; positions in the order of their list."""
        parts = [self.agreed.part(role) for role in ROLES]
        if isinstance(parts[0], Bucketed):
            return self._by_buckets([part for part in parts if isinstance(part, Bucketed)])
        whole = [part for part in parts if isinstance(part, Whole)]
        begun = [part.fresh(keys) for part, keys in zip(whole, self.sets, strict=True)]
        return [_ended(state) for state in self._play(None, begun, self.sets)]

    def _by_buckets(self, parts: list[Bucketed]) -> list[Result]:
        keyed = self._play(None, [part.sharing() for part in parts], ())
        sets = [list(self._scattered(*each)) for each in zip(keyed, self.sets, strict=True)]
        found: list[list[int] | None] = [None, None]
        for bucket in range(parts[0].buckets):
            items = [gather([one.part(bucket) for one in scattered]) for scattered in sets]
            ends = self._play(bucket, [part.bucket(bucket) for part in parts], items)
            for place, end in enumerate(map(_ended, ends)):
                if isinstance(end, Rows):
                    found[place] = (found[place] or []) + end.numbers.tolist()
        return [Nothing() if one is None else Intersection(sorted(one)) for one in found]

    def _scattered(self, scattering: Any, keys: Sequence[bytes]) -> Iterator[Scattered]:
        assert isinstance(scattering, Scattering)
        for first in range(0, len(keys), self.batch):
            part = Keys.of(keys[first : first + self.batch])
            yield scattering.scatter(part, np.arange(first, first + len(part), dtype=np.uint32))

    def _play(self, bucket: int | None, fresh: Sequence[Fresh], items: Sequence[Any]) -> list[Any]:
        states: list[Any] = []
        waiting: list[list[Message]] = [[], []]  # for receiver and sender
        for turn, one in enumerate(fresh):
            states.append(self._moved(bucket, turn, one.begin(), waiting))
        for _ in count():
            for turn, state in enumerate(states):
                if isinstance(state, Ready) and items:
                    states[turn] = self._moved(bucket, turn, state.take(items[turn]), waiting)
                elif waiting[turn]:
                    taken = step.advance(state, self.alter(bucket, waiting[turn].pop(0)))
                    states[turn] = self._moved(bucket, turn, taken, waiting)
            open_ = [one for one in states if not isinstance(one, Finished)]
            if not any(waiting) and not (items and any(isinstance(one, Ready) for one in open_)):
                return states
        raise AssertionError

    def _moved(
        self, bucket: int | None, turn: int, taken: step.Step, waiting: list[list[Message]]
    ) -> Any:
        state, message = taken
        self.states.append(state)
        if message is not None:
            assert (type(message) in FROM_RECEIVER) == (turn == 0)
            self.sent.append((bucket, message))
            waiting[1 - turn].append(message)
        return state


def _ended(state: Any) -> Result:
    assert isinstance(state, Finished)
    return state.result


def positions(result: Result) -> list[int]:
    """Those of an intersection."""
    assert isinstance(result, Intersection)
    return [int(place) for place in result.positions]
