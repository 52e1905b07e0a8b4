"""The star's secret objects in the core: used once, given away by nothing, and no panic."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from native import _core
from psi.keys import Keys

RUN = bytes([3] * 32)
SIZE = 256
KEY = bytes(range(16))


def items(count: int = 3, contributors: int = 1) -> _core.StarItems:
    packed = Keys.of(b"secret-key-%d" % number for number in range(count)).packed()
    return _core.star_take(RUN, contributors, packed)


def store(contributors: int = 1) -> bytes:
    return items(contributors=contributors).store(SIZE, [KEY])


def test_objects_are_spent_by_use() -> None:
    uses: list[Callable[[_core.StarItems], object]] = [
        lambda held: held.store(SIZE, [KEY]),
        lambda held: held.compared([KEY]),
        lambda held: held.gather(),
    ]
    for use in uses:
        held = items()
        use(held)
        with pytest.raises(_core.Spent):
            use(held)
    gathering = items().gather()
    complete = gathering.add(SIZE, store())
    with pytest.raises(_core.Spent):
        gathering.add(SIZE, store())
    assert len(complete.compared()) == 3 * 16
    with pytest.raises(_core.Spent):
        complete.compared()


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, vars, iter, bytes])
@pytest.mark.parametrize("held", [items(), items().gather()], ids=["items", "gathering"])
def test_secret_objects_give_nothing_away(held: Any, leak: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        leak(held)
    assert repr(held) == object.__repr__(held)
    assert {name for name in dir(held) if not name.startswith("__")} <= {
        "add", "compared", "gather", "store",
    }  # fmt: skip
    with pytest.raises(TypeError):
        type(held)()
    with pytest.raises(AttributeError):
        held.secret = 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: _core.star_store_bytes(0, SIZE),
        lambda: _core.star_store_bytes(1, 0),
        lambda: _core.star_store_bytes(1, 2**24 + 1),
        lambda: _core.star_store_bytes(2**40, SIZE),
        lambda: items(contributors=0).store(SIZE, [KEY]),
        lambda: items(SIZE + 1).store(SIZE, [KEY]),
        lambda: items(contributors=2).compared([KEY]),
        lambda: items(contributors=2).gather().add(SIZE, store(2)).compared(),
        lambda: items().gather().add(SIZE, store()).add(SIZE, store()),
        lambda: _core.star_take(RUN, 1, (b"secret-key", b"")),
    ],
)
def test_a_callers_defects_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(_core.Misused) as caught:
        call()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", bytes(15), bytes(16), bytes(1 << 20)])
def test_what_a_peer_must_not_send_is_refused(content: bytes) -> None:
    with pytest.raises(_core.MessageRefused):
        items().gather().add(SIZE, content)
    if len(content) != 16:
        with pytest.raises(_core.MessageRefused):
            items().store(SIZE, [KEY, content])


@pytest.mark.parametrize("keys", ["secret-key-secret", [7], ["secret-key-secret"], 7])
def test_no_type_error_repeats_a_value(keys: Any) -> None:
    with pytest.raises(TypeError) as caught:
        items().store(SIZE, keys)
    assert "secret" not in str(caught.value)


def test_keys_are_fresh_each_time() -> None:
    drawn = [*_core.star_draw(RUN, 3), *_core.star_draw(RUN, 3)]
    assert len(set(drawn)) == 6
    assert all(len(key) == 16 for key in drawn)
