"""The binding: what Python can and cannot do with the core's objects."""

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import _core
from psi.keys import Keys
from tests.vectors import ristretto_reference as reference

RUN = bytes(range(32))
SIZE = 256


def packed(keys: list[bytes]) -> tuple[bytes, bytes]:
    return Keys.of(keys).packed()


def blind(role: Any = "receiver", items: list[bytes] | None = None) -> tuple[_core.Blinding, bytes]:
    return _core.blind(RUN, "ristretto255", role, "intersection", SIZE, SIZE, packed(items or []))


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=255))
def test_hash_to_group_is_the_references(message: bytes, dst: bytes) -> None:
    expected = reference.encode(reference.hash_to_group(message, dst))
    assert _core.hazmat_hash_to_group(dst, message) == expected


@given(st.binary(), st.integers(1, reference.ORDER - 1))
def test_multiplication_is_the_references(message: bytes, scalar: int) -> None:
    point = reference.hash_to_group(message, b"test")
    product = _core.hazmat_multiply(reference.encode(point), scalar.to_bytes(32, "little"))
    assert product == reference.encode(scalar * point)


@given(st.integers(0, reference.P - 1))
def test_decoding_is_the_references(value: int) -> None:
    encoding = value.to_bytes(32, "little")
    if value == 0 or reference.decode(encoding) is None:
        with pytest.raises(_core.PointRefused):
            _core.hazmat_decode(encoding)
    else:
        assert _core.hazmat_decode(encoding) == encoding


@pytest.mark.parametrize("scalar", [0, reference.ORDER, 2**256 - 1])
def test_zero_and_unreduced_scalars_are_refused(scalar: int) -> None:
    point = _core.hazmat_hash_to_group(b"test", b"")
    with pytest.raises(_core.Misused):
        _core.hazmat_multiply(point, scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 255 * 64 + 1, 2**40])
def test_lengths_that_cannot_be_expanded_to_are_refused(length: int) -> None:
    with pytest.raises(_core.Misused):
        _core.hazmat_expand_message(b"test", b"", length)


@pytest.mark.parametrize("dst", [b"", bytes(256)])
def test_domains_of_impossible_length_are_refused(dst: bytes) -> None:
    with pytest.raises(_core.Misused):
        _core.hazmat_hash_to_group(dst, b"")


def test_a_panic_is_an_exception_and_the_core_lives_on() -> None:
    with pytest.raises(_core.Defect, match="the native core panicked"):
        _core.hazmat_panic()
    assert len(blind()[1]) == 32 * SIZE


def test_objects_are_spent_by_use() -> None:
    (receiver, blinded), (sender, points) = blind("receiver"), blind("sender")
    evaluation, tags = sender.evaluate(blinded)
    with pytest.raises(_core.Spent):
        sender.evaluate(blinded)
    _, matched = receiver.positions(points, tags)
    for again in (receiver.positions, receiver.count):
        with pytest.raises(_core.Spent):
            again(points, tags)
    evaluation.positions(matched)
    for use in (evaluation.positions, evaluation.count):
        with pytest.raises(_core.Spent):
            use(matched)
    refused, _ = blind("sender")
    for error in (_core.MessageRefused, _core.Spent):
        with pytest.raises(error):
            refused.evaluate(b"")


def test_a_curve_that_there_is_not_is_the_callers_defect() -> None:
    curve: Any = "curve25519"
    with pytest.raises(_core.Misused):
        _core.blind(RUN, curve, "sender", "intersection", SIZE, SIZE, packed([]))


def test_a_step_of_the_other_role_or_mode_is_the_callers_defect() -> None:
    points = blind()[1]
    for use in (
        lambda: blind("receiver")[0].evaluate(points),
        lambda: blind("sender")[0].positions(points, b""),
        lambda: blind("receiver")[0].count(points, b""),
        lambda: blind("sender")[0].evaluate(points)[0].count(b""),
    ):
        with pytest.raises(_core.Misused):
            use()


@pytest.mark.parametrize(
    "arguments", [("union", 1, 1), ("intersection", 0, 1), ("cardinality", 1, 2**20 + 1)]
)
def test_bytes_of_no_protocol_are_refused(arguments: Any) -> None:
    with pytest.raises(_core.Misused):
        _core.ecdh_message_bytes(*arguments)


def test_one_of_two_threads_gets_the_secret() -> None:
    blinding, _ = blind("sender")
    points = blind("receiver")[1]
    spent = []

    def use() -> None:
        try:
            blinding.evaluate(points)
        except _core.Spent:
            spent.append(True)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spent) == 3


def test_other_threads_run_while_the_core_works() -> None:
    done = threading.Event()
    seen = 0

    def work() -> None:
        _core.blind(RUN, "ristretto255", "receiver", "intersection", 2**14, SIZE, packed([]))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.001):
        seen += 1
    thread.join()
    assert seen > 1


def test_a_small_list_does_not_wait_for_the_end_of_a_large_one() -> None:
    large = threading.Thread(
        target=_core.blind,
        args=(RUN, "ristretto255", "receiver", "intersection", 2**16, SIZE, packed([])),
    )
    large.start()
    for _ in range(2):
        blind()
    assert large.is_alive()
    large.join()


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy, vars, iter, bytes])
@pytest.mark.parametrize("kind", [_core.Blinding, _core.Evaluation])
def test_secret_objects_give_nothing_away(kind: type, leak: Callable[[Any], Any]) -> None:
    blinding, points = blind("sender")
    held: Any = blinding if kind is _core.Blinding else blinding.evaluate(points)[0]
    with pytest.raises(TypeError):
        leak(held)
    assert repr(held) == object.__repr__(held)
    assert [name for name in dir(held) if not name.startswith("__")] in (
        ["count", "evaluate", "positions"],
        ["count", "positions"],
    )
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(AttributeError):
        held.secret = 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("judge", "intersection", SIZE, SIZE, []),
        ("receiver", "union", SIZE, SIZE, []),
        ("receiver", "intersection", 0, SIZE, []),
        ("receiver", "intersection", SIZE, 2**20 + 1, []),
        ("receiver", "intersection", 1, SIZE, [b"a", b"b"]),
        ("receiver", "intersection", SIZE, SIZE, [b"a", b"b", b"a"]),
    ],
    ids=["role", "mode", "no-size", "too-large", "too-many", "repeated"],
)
def test_a_callers_defects_are_refused(arguments: Any) -> None:
    role, mode, own, peer, items = arguments
    with pytest.raises(_core.Misused) as caught:
        _core.blind(RUN, "ristretto255", role, mode, own, peer, packed(items))
    assert "'" not in str(caught.value)


@pytest.mark.parametrize(
    ("items", "ends"),
    [
        (b"", b"\1\0\0\0"),
        (b"secret-key", b""),
        (b"secret-key", b"\12\0\0"),
        (b"secret-key", b"\12\0\0\0\0"),
        (b"secret-key", b"\13\0\0\0"),
        (b"secret-key", b"\11\0\0\0"),
        (b"secret-key", b"\12\0\0\0\11\0\0\0\12\0\0\0"),
        (b"secret-key", b"\377\377\377\377"),
    ],
)
def test_ends_that_do_not_divide_the_keys_are_refused(items: bytes, ends: bytes) -> None:
    for start in (
        lambda: _core.blind(
            RUN, "ristretto255", "receiver", "intersection", SIZE, SIZE, (items, ends)
        ),
        lambda: _core.start_join(RUN, (SIZE, SIZE), 0, 8, (items, ends)),
    ):
        with pytest.raises(_core.Misused) as caught:
            start()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("items", [["secret-key"], "secret-key", [7], 7])
def test_no_type_error_repeats_a_value(items: Any) -> None:
    with pytest.raises(TypeError) as caught:
        _core.blind(RUN, "ristretto255", "receiver", "intersection", SIZE, SIZE, items)
    assert "secret-key" not in str(caught.value)
