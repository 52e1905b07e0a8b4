"""The binding of the blind join: what Python can and cannot do with the core's objects."""

import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from native import _core
from psi.keys import Keys

RUN = bytes(range(32))
SIZES = (64, 32, 48)


def start(me: int, keys: list[bytes] | None = None) -> tuple[_core.Serving, _core.Journey, bytes]:
    return _core.start_join(RUN, SIZES, me, 8, Keys.of(keys or []).packed())


def through(owners: list[_core.Serving], me: int, points: bytes) -> list[bytes]:
    """What comes back of owner `me`'s list from each of the others in turn."""
    returned = [points]
    for place, owner in enumerate(owners):
        if place != me:
            returned.append(owner.serve(me, returned[-1]))
    return returned[1:]


def test_three_owners_have_one_token_for_one_key() -> None:
    keys = [b"key:%d" % number for number in range(30)]
    sets = [keys, keys[:20], keys[10:]]
    started = [start(me, own) for me, own in enumerate(sets)]
    servings = [serving for serving, _, _ in started]
    found: list[dict[bytes, bytes]] = []
    for me, (_, journey, points) in enumerate(started):
        first, last = through(servings, me, points)
        tokens, order = journey.forward(first).finish(last)
        assert len(tokens) == 8 * SIZES[me]
        pieces = [tokens[at : at + 8] for at in range(0, len(tokens), 8)]
        pairs = zip(np.frombuffer(order, "<i4"), pieces, strict=True)
        found.append({sets[me][key]: token for key, token in pairs if key >= 0})
    assert [sorted(one) for one in found] == [sorted(own) for own in sets]
    assert all(found[0][key] == found[1][key] for key in sets[1])
    assert all(found[0][key] == found[2][key] for key in sets[2])
    assert len({token for one in found for token in one.values()}) == 30


def test_objects_are_spent_by_use() -> None:
    (_, journey, points), others = start(0), [start(1)[0], start(2)[0]]
    first = others[0].serve(0, points)
    going = journey.forward(first)
    for use in (journey.forward, journey.finish):
        with pytest.raises(_core.Spent):
            use(first)
    going.finish(others[1].serve(0, first))
    with pytest.raises(_core.Spent):
        going.finish(first)
    with pytest.raises(_core.Spent):
        others[0].serve(0, points)


def test_no_journey_ends_early_or_goes_on_for_ever() -> None:
    points = start(0)[2]
    with pytest.raises(_core.Misused):
        start(0)[1].finish(points)
    with pytest.raises(_core.Misused):
        start(0)[1].forward(points).forward(points)


def test_one_of_two_threads_gets_the_products() -> None:
    serving, points = start(0)[0], start(1)[2]

    def ask(_: int) -> bool:
        try:
            serving.serve(1, points)
        except _core.Spent:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(ask, range(4))) == 1


def test_other_threads_run_while_the_core_works() -> None:
    done = threading.Event()
    seen = 0

    def work() -> None:
        _core.start_join(RUN, (2**14, 256), 0, 8, (b"", b""))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.001):
        seen += 1
    thread.join()
    assert seen > 1


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, vars, iter, bytes])
@pytest.mark.parametrize("held", [0, 1], ids=["Serving", "Journey"])
def test_secret_objects_give_nothing_away(held: int, leak: Callable[[Any], Any]) -> None:
    secret: Any = start(0)[held]
    with pytest.raises(TypeError):
        leak(secret)
    assert repr(secret) == object.__repr__(secret)
    assert [name for name in dir(secret) if not name.startswith("__")] in (
        ["serve"],
        ["finish", "forward"],
    )
    with pytest.raises(TypeError):
        type(secret)()
    with pytest.raises(AttributeError):
        secret.scalar = 1


@pytest.mark.parametrize(
    "arguments",
    [
        ((), 0, 8, []),
        ((64,), 0, 8, []),
        ((64, 0), 0, 8, []),
        ((64, 2**20 + 1), 0, 8, []),
        ((64, 64), 2, 8, []),
        ((64, 64), 0, 0, []),
        ((64, 64), 0, 33, []),
        ((1, 64), 0, 8, [b"a", b"b"]),
        ((64, 64), 0, 8, [b"a", b"b", b"a"]),
    ],
    ids=["none", "one", "empty", "large", "who", "no-token", "token", "too-many", "repeated"],
)
def test_a_callers_defects_are_refused(arguments: Any) -> None:
    sizes, me, length, keys = arguments
    with pytest.raises(_core.Misused) as caught:
        _core.start_join(RUN, sizes, me, length, Keys.of(keys).packed())
    assert "'" not in str(caught.value)


@pytest.mark.parametrize("who", [3, 2**40])
def test_nobody_else_is_served(who: int) -> None:
    serving, points = start(0)[0], start(1)[2]
    with pytest.raises(_core.Misused):
        serving.serve(who, points)
    with pytest.raises(_core.Spent):
        serving.serve(0, start(0)[2])
    assert len(serving.serve(1, points)) == 32 * SIZES[1]


@pytest.mark.parametrize("keys", [["secret-key"], "secret-key", [7], 7])
def test_no_type_error_repeats_a_value(keys: Any) -> None:
    with pytest.raises(TypeError) as caught:
        _core.start_join(RUN, SIZES, 0, 8, keys)
    assert "secret-key" not in str(caught.value)
